// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that the project does not depend on a benchmark library.
let package = Package(
  name: "kernel-benchmarks",
  dependencies: [
    .package(name: "zeroth", path: "../.."),
    // Without its default trait, which wants jemalloc installed.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
  ],
  targets: [
    .executableTarget(
      name: "Kernels",
      dependencies: [
        .product(name: "Zeroth", package: "zeroth"), .product(name: "ZerothTasks", package: "zeroth"),
        .product(name: "ZerothSupport", package: "zeroth"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/Kernels",
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
  ],
  swiftLanguageModes: [.v6]
)
