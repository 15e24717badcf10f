// swift-tools-version: 6.3
import PackageDescription

/// The strategies that ship outside the core, on its public API alone: Plugins/NAME/{Sources,Tests}.
///
/// `swift package new-strategy` writes into Contributed, the first of them.
let strategies = ["Contributed", "HiZOO", "SignRule", "SparseMeZO", "ZOAdaM", "ZOSVRG"]
let strategyTargets: [Target] = strategies.flatMap { name in
  [
    .target(name: name, dependencies: ["Zeroth", "ZerothRuns"], path: "Plugins/\(name)/Sources"),
    .testTarget(
      name: "\(name)Tests", dependencies: [.target(name: name), "Zeroth", "ZerothRuns", "ZerothTestKit"],
      path: "Plugins/\(name)/Tests"),
  ]
}
let strategyDependencies: [Target.Dependency] = strategies.map { .target(name: $0) }

let package = Package(
  name: "zeroth",
  products: [
    .library(name: "Zeroth", targets: ["Zeroth"]),
    .library(name: "ZerothModels", targets: ["ZerothModels"]),
    .library(name: "ZerothTasks", targets: ["ZerothTasks"]),
    .library(name: "ZerothRuns", targets: ["ZerothRuns"]),
    .library(name: "ZerothTestKit", targets: ["ZerothTestKit"]),
    .library(name: "ZerothPlugin", targets: ["ZerothPlugin"]),
    .library(name: "ExamplePluginC", type: .dynamic, targets: ["ExamplePluginC"]),
    .library(name: "ExamplePluginSwift", type: .dynamic, targets: ["ExamplePluginSwift"]),
    .executable(name: "zeroth", targets: ["zeroth"]),
    .plugin(name: "NewStrategy", targets: ["NewStrategy"]),
  ] + strategies.map { .library(name: $0, targets: [$0]) },
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ],
  targets: [
    // OpenBLAS comes before GSL: GSL's own cblas would otherwise take over `cblas_sgemm`, many times slower.
    .target(
      name: "CZeroth",
      linkerSettings: [.linkedLibrary("openblas"), .linkedLibrary("gsl"), .linkedLibrary("m")]),
    .target(name: "Zeroth", dependencies: ["CZeroth"]),
    .target(name: "ZerothModels", dependencies: ["CZeroth", "Zeroth"]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "ZerothTasks", dependencies: ["CZlib", "Zeroth", "ZerothModels"]),
    .target(
      name: "ZerothRuns",
      dependencies: [
        "CZerothPlugin", "Zeroth", "ZerothModels", "ZerothTasks", .product(name: "TOMLKit", package: "TOMLKit"),
      ],
      exclude: ["Resources/README.md"],
      resources: [.copy("Resources/imdb-opt"), .copy("Resources/sst2")]),
    .target(name: "ZerothTestKit", dependencies: ["CZeroth", "Zeroth"]),
    .executableTarget(
      name: "zeroth",
      dependencies: ["ZerothRuns", .product(name: "ArgumentParser", package: "swift-argument-parser")]
        + strategyDependencies),

    // Strategies that are loaded at run time: the interface, the way in for authors in Swift, and an example of each.
    .target(name: "CZerothPlugin"),
    .target(name: "ZerothPlugin", dependencies: ["CZerothPlugin", "Zeroth", "ZerothRuns"]),
    .target(
      name: "ExamplePluginC", dependencies: ["CZerothPlugin"], path: "Plugins/ExamplePluginC", publicHeadersPath: "."),
    .target(
      name: "ExamplePluginSwift", dependencies: ["ZerothPlugin", "Zeroth", "ZerothRuns"],
      path: "Plugins/ExamplePluginSwift"),
    .testTarget(
      name: "PluginTests",
      dependencies: ["CZerothPlugin", "Zeroth", "ExamplePluginSwift", "ZerothRuns", "ZerothTestKit", "TestSupport"],
      exclude: ["hostile.c"]),

    // Writes the files of a new strategy.
    .plugin(
      name: "NewStrategy",
      capability: .command(
        intent: .custom(
          verb: "new-strategy", description: "Writes the files of a new estimator, rule, adapter or task."),
        permissions: [.writeToPackageDirectory(reason: "It writes the files of the strategy.")])),
    .testTarget(name: "ScaffoldTests", dependencies: ["TestSupport"]),

    .target(name: "TestSupport", dependencies: ["Zeroth"], path: "Tests/Support"),
    .testTarget(name: "ZerothTests", dependencies: ["CZeroth", "Zeroth", "ZerothTestKit", "TestSupport"]),
    .testTarget(name: "ZerothModelsTests", dependencies: ["ZerothModels", "ZerothTestKit", "TestSupport"]),
    .testTarget(name: "ZerothTasksTests", dependencies: ["ZerothTasks", "TestSupport"]),
    .testTarget(
      name: "ZerothRunsTests",
      dependencies: ["zeroth", "ZerothRuns", "ZerothTestKit", "TestSupport"] + strategyDependencies),
    .testTarget(name: "CompositionTests", dependencies: ["Zeroth", "ZerothTestKit", "TestSupport"]),
    .testTarget(
      name: "CompileFailTests", dependencies: ["Zeroth", "TestSupport"], exclude: ["Sources-that-must-fail"]),
  ] + strategyTargets,
  swiftLanguageModes: [.v6]
)
