// swift-tools-version: 6.3
import PackageDescription

// Programs on the public API alone. They are built and run by `make examples`.
let package = Package(
  name: "examples",
  dependencies: [.package(name: "zeroth", path: "..")],
  targets: [
    .executableTarget(name: "CheckpointedLoop", dependencies: [.product(name: "Zeroth", package: "zeroth")])
  ],
  swiftLanguageModes: [.v6]
)
