// swift-tools-version: 6.3
// A package of its own: it is built with sanitizers and coverage, and nothing else of the project depends on it.
import PackageDescription

let package = Package(
  name: "zeroth-fuzz",
  dependencies: [.package(name: "zeroth", path: "../..")],
  targets: [
    .executableTarget(
      name: "fuzz",
      dependencies: ["Zeroth", "ZerothSupport", "ZerothModels", "ZerothTasks", "ZerothRecords", "ZerothTraining"].map {
        .product(name: $0, package: "zeroth")
      },
      path: "Sources",
      // The fuzzer brings `main`.
      swiftSettings: [.unsafeFlags(["-parse-as-library"])])
  ],
  swiftLanguageModes: [.v6]
)
