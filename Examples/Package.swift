// swift-tools-version: 6.3
import PackageDescription

// Programs on the public API alone. They are built and run by `make examples`.
func products(_ names: String...) -> [Target.Dependency] { names.map { .product(name: $0, package: "zeroth") } }

let package = Package(
  name: "examples",
  dependencies: [.package(name: "zeroth", path: "..")],
  targets: [
    .executableTarget(name: "BlackBox", dependencies: products("Zeroth")),
    .executableTarget(name: "CheckpointedLoop", dependencies: products("Zeroth")),
    .executableTarget(
      name: "OwnReward", dependencies: products("Zeroth", "ZerothSupport", "ZerothTasks", "ZerothTraining")),
    .executableTarget(
      name: "OwnTool", dependencies: products("Zeroth", "ZerothCommands", "ZerothStrategies", "ZerothSupport")),
  ],
  swiftLanguageModes: [.v6]
)
