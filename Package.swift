// swift-tools-version: 6.3
import PackageDescription

/// The strategies that ship outside the core, on its public API alone: Plugins/NAME/{Sources,Tests}.
let strategies = [
  "ConMeZO", "CoreMoments", "EGGROLL", "FZOO", "GRZO", "HiZOO", "MedianRGE", "RAdaZO", "SignRule", "SparseMeZO",
  "SubZero", "TeZO", "ZOAdaM", "ZOMuon", "ZOSVRG",
]
let strategyTargets: [Target] = strategies.flatMap { name in
  [
    .target(name: name, dependencies: ["Zeroth", "ZerothStrategies"], path: "Plugins/\(name)/Sources"),
    .testTarget(
      name: "\(name)Tests", dependencies: [.target(name: name), "Zeroth", "ZerothStrategies", "ZerothTestKit"],
      path: "Plugins/\(name)/Tests"),
  ]
}
let strategyDependencies: [Target.Dependency] = (["Contributed"] + strategies).map { .target(name: $0) }

let package = Package(
  name: "zeroth",
  products: [
    .library(name: "Zeroth", targets: ["Zeroth"]),
    .library(name: "ZerothSupport", targets: ["ZerothSupport"]),
    .library(name: "ZerothStrategies", targets: ["ZerothStrategies"]),
    .library(name: "ZerothModels", targets: ["ZerothModels"]),
    .library(name: "ZerothTasks", targets: ["ZerothTasks"]),
    .library(name: "ZerothRecords", targets: ["ZerothRecords"]),
    .library(name: "ZerothDiagnostics", targets: ["ZerothDiagnostics"]),
    .library(name: "ZerothDistributed", targets: ["ZerothDistributed"]),
    .library(name: "ZerothTraining", targets: ["ZerothTraining"]),
    .library(name: "ZerothReport", targets: ["ZerothReport"]),
    .library(name: "ZerothCommands", targets: ["ZerothCommands"]),
    .library(name: "ZerothTestKit", targets: ["ZerothTestKit"]),
    .library(name: "ZerothPlugin", targets: ["ZerothPlugin"]),
    .library(name: "ZerothPluginHost", targets: ["ZerothPluginHost"]),
    .library(name: "ExamplePluginC", type: .dynamic, targets: ["ExamplePluginC"]),
    .library(name: "ExamplePluginSwift", type: .dynamic, targets: ["ExamplePluginSwift"]),
    .executable(name: "zeroth", targets: ["zeroth"]),
    .plugin(name: "NewStrategy", targets: ["NewStrategy"]),
  ] + (["Contributed"] + strategies).map { .library(name: $0, targets: [$0]) },
  traits: [.trait(name: "MPI", description: "Many processes that train together, over MPI: docs/distributed.md.")],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
  ],
  targets: [
    .target(name: "ZerothSupport"),
    // OpenBLAS comes before GSL: GSL's own cblas would otherwise take over `cblas_sgemm`, many times slower.
    .target(
      name: "CZeroth",
      linkerSettings: [.linkedLibrary("openblas"), .linkedLibrary("gsl"), .linkedLibrary("m")]),
    .target(name: "Zeroth", dependencies: ["CZeroth", "ZerothSupport"]),
    .target(name: "ZerothStrategies", dependencies: ["Zeroth", "ZerothSupport"]),
    .target(name: "ZerothTestKit", dependencies: ["CZeroth", "Zeroth"]),

    // Many workers. MPI is behind a trait: without it the two modules are empty, and nothing is linked.
    .target(name: "ZerothDistributed", dependencies: ["Zeroth", "ZerothSupport"]),
    .target(
      name: "CZerothMPI", cSettings: [.define("ZEROTH_MPI", .when(traits: ["MPI"]))],
      linkerSettings: [.linkedLibrary("mpi", .when(traits: ["MPI"]))]),
    .target(name: "ZerothMPI", dependencies: ["CZerothMPI", "ZerothDistributed", "ZerothSupport"]),

    // Models, tasks and runs.
    .target(name: "ZerothModels", dependencies: ["CZeroth", "Zeroth", "ZerothSupport"]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "ZerothTasks", dependencies: ["CZeroth", "CZlib", "Zeroth", "ZerothModels", "ZerothSupport"]),
    .target(name: "ZerothRecords", dependencies: ["CZeroth", "CZlib", "Zeroth", "ZerothSupport"]),
    .target(name: "ZerothReport", dependencies: ["CZeroth", "ZerothRecords", "ZerothSupport"]),
    .target(
      name: "ZerothDiagnostics",
      dependencies: ["CZeroth", "Zeroth", "ZerothRecords", "ZerothReport", "ZerothSupport"]),
    .target(
      name: "ZerothResources",
      dependencies: ["ZerothSupport"],
      exclude: ["Resources/README.md"],
      resources: [.copy("Resources/imdb-opt"), .copy("Resources/sst2")]),
    .target(
      name: "ZerothTraining",
      dependencies: [
        "Zeroth", "ZerothDiagnostics", "ZerothDistributed", "ZerothModels", "ZerothRecords", "ZerothResources",
        "ZerothStrategies", "ZerothSupport", "ZerothTasks",
        .product(name: "TOMLKit", package: "TOMLKit"),
      ]),
    .target(
      name: "ZerothBenchmarks",
      dependencies: [
        "CZeroth", "Zeroth", "ZerothDistributed", "ZerothModels", "ZerothRecords", "ZerothResources",
        "ZerothStrategies",
        "ZerothSupport", "ZerothTasks", "ZerothTestKit", "ZerothTraining",
      ]),

    // The tool: its commands as a library, and the executable that gives them the strategies of this package.
    .target(
      name: "ZerothCommands",
      dependencies: [
        "CZeroth", "Zeroth", "ZerothBenchmarks", "ZerothDiagnostics", "ZerothDistributed", "ZerothModels",
        "ZerothPluginHost", "ZerothRecords",
        "ZerothReport", "ZerothResources", "ZerothStrategies", "ZerothSupport", "ZerothTasks", "ZerothTraining",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "zeroth", dependencies: ["ZerothCommands", "ZerothDistributed", "ZerothMPI"] + strategyDependencies),

    // Strategies that are loaded at run time: the interface, the loader, the way in for authors in Swift, and an example
    // of each.
    .target(name: "CZerothPlugin"),
    .target(name: "ZerothPluginHost", dependencies: ["CZerothPlugin", "Zeroth", "ZerothStrategies", "ZerothSupport"]),
    .target(name: "ZerothPlugin", dependencies: ["CZerothPlugin", "Zeroth", "ZerothStrategies", "ZerothSupport"]),
    .target(
      name: "ExamplePluginC", dependencies: ["CZerothPlugin"], path: "Plugins/ExamplePluginC", publicHeadersPath: ".",
      linkerSettings: [.linkedLibrary("m")]),
    .target(
      name: "ExamplePluginSwift", dependencies: ["ZerothPlugin", "Zeroth", "ZerothStrategies"],
      path: "Plugins/ExamplePluginSwift"),
    .testTarget(
      name: "PluginTests",
      dependencies: [
        "CZerothPlugin", "Zeroth", "ExamplePluginSwift", "ZerothPlugin", "ZerothPluginHost", "ZerothRecords",
        "ZerothStrategies", "ZerothTestKit", "ZerothTraining", "TestSupport",
      ],
      exclude: ["hostile.c", "hostile-parts.c"]),

    // Writes the files of a new strategy, here into Contributed.
    .plugin(
      name: "NewStrategy",
      capability: .command(
        intent: .custom(
          verb: "new-strategy", description: "Writes the files of a new estimator, rule, adapter or task."),
        permissions: [.writeToPackageDirectory(reason: "It writes the files of the strategy.")])),
    .target(
      name: "Contributed", dependencies: ["Zeroth", "ZerothStrategies", "ZerothTasks"],
      path: "Plugins/Contributed/Sources"),
    .testTarget(
      name: "ContributedTests",
      dependencies: ["Contributed", "Zeroth", "ZerothStrategies", "ZerothTasks", "ZerothTestKit"],
      path: "Plugins/Contributed/Tests"),
    .testTarget(name: "ScaffoldTests", dependencies: ["TestSupport"]),

    // A tool of one's own, with a task that the package's does not have.
    .executableTarget(
      name: "own-tool", dependencies: ["ZerothCommands", "ZerothModels", "ZerothTasks"], path: "Tests/OwnTool"),
    .target(name: "TestSupport", dependencies: ["Zeroth", "ZerothDistributed"], path: "Tests/Support"),
    .testTarget(name: "ZerothTests", dependencies: ["CZeroth", "Zeroth", "ZerothTestKit", "TestSupport"]),
    .testTarget(
      name: "ZerothModelsTests", dependencies: ["ZerothModels", "ZerothSupport", "ZerothTestKit", "TestSupport"]),
    .testTarget(
      name: "ZerothTasksTests", dependencies: ["ZerothTasks", "ZerothSupport", "ZerothTestKit", "TestSupport"]),
    .testTarget(
      name: "ZerothTrainingTests",
      dependencies: [
        "ZerothDiagnostics", "ZerothDistributed", "ZerothRecords", "ZerothResources", "ZerothStrategies",
        "ZerothSupport",
        "ZerothTestKit", "ZerothTraining", "TestSupport",
      ] + strategyDependencies),
    .testTarget(
      name: "ZerothBenchmarksTests",
      dependencies: [
        "zeroth", "ZerothBenchmarks", "ZerothRecords", "ZerothResources", "ZerothStrategies", "ZerothSupport",
        "ZerothTraining", "TestSupport",
      ]),
    .testTarget(
      name: "ZerothCommandsTests",
      dependencies: [
        "own-tool", "zeroth", "ZerothCommands", "ZerothModels", "ZerothResources", "ZerothStrategies", "ZerothSupport",
        "ZerothTasks",
        "ZerothTraining", "TestSupport",
      ]),
    .testTarget(
      name: "ZerothReportTests", dependencies: ["ZerothReport", "ZerothRecords", "ZerothSupport", "TestSupport"]),
    .testTarget(
      name: "ZerothDistributedTests",
      dependencies: ["Zeroth", "ZerothDistributed", "ZerothSupport", "ZerothTestKit", "TestSupport"]),
    .testTarget(
      name: "ZerothDiagnosticsTests",
      dependencies: [
        "Zeroth", "ZerothDiagnostics", "ZerothRecords", "ZerothStrategies", "ZerothSupport", "ZerothTestKit",
        "TestSupport",
      ]),
    .testTarget(name: "ArchitectureTests", dependencies: ["TestSupport"]),
    .testTarget(
      name: "CompositionTests",
      dependencies: ["Zeroth", "ZerothTestKit", "TestSupport"] + strategies.map { .target(name: $0) }),
    .testTarget(
      name: "CompileFailTests",
      dependencies: ["Zeroth", "ZerothTasks", "TestSupport"] + strategies.map { .target(name: $0) },
      exclude: ["Sources-that-must-fail"]),
  ] + strategyTargets,
  swiftLanguageModes: [.v6]
)

// The pages of the API are built by `make docs` alone, which asks for the plugin that makes them.
if Context.environment["ZEROTH_DOCS"] != nil {
  package.dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"))
}

// Tests take long to compile under a sanitizer: its commands name the targets of those that they run.
if let chosen = Context.environment["ZEROTH_TESTS"]?.split(separator: " ") {
  package.targets.removeAll { $0.type == .test && !chosen.contains(Substring($0.name)) }
}
