import Zeroth
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// How close a plain forward pass comes to the speed of the BLAS. The pass makes so many operations per second. They
/// are divided by those per second of its matrix products alone, made by plain calls of sgemm.
///
/// The counted operations are those of the products, including the output over the vocabulary, and those of causal
/// attention: 4 h for each pair of a query and a key that it sees, where h is the width of the layer. Norms, biases,
/// activations and the softmax are not counted.
public struct ForwardBenchmark {
  /// The number of operations of a forward pass.
  public let operations: Double
  /// The number of operations of its products.
  public let productOperations: Double
  /// The seconds of a forward pass.
  public let forward: Spread
  /// The seconds of its products by sgemm, in the faster of two ways to divide them between threads.
  public let products: Spread
  private let setting: BenchmarkSetting

  /// Measures forward passes and products in turn, `repeats` times.
  public init(_ setting: BenchmarkSetting, repeats: Int) throws {
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    guard setting.loss == .languageModel else {
      throw InputError(
        "--loss", found: "'\(setting.loss.rawValue)'", expected: "language-model, which reads out every token")
    }
    self.setting = setting
    let task = try BenchmarkTask(setting)
    let layers = LinearLayers.Layer.products(
      of: task.model, rows: setting.batch * setting.tokens, readOut: setting.batch * (setting.tokens - 1))
    let plain = PlainProducts(layers)
    productOperations = plain.operations
    let pairs = Double(setting.batch) * Double(setting.tokens * (setting.tokens + 1) / 2)
    operations = plain.operations + 4 * Double(setting.shape.hidden) * pairs * Double(setting.shape.layers)
    let times = try interleaved(
      repeats,
      [{ _ = try task.loss() }] + PlainProducts.Cut.allCases.map { cut in { plain.run(at: task.theta, cut: cut) } })
    forward = times[0]
    products = times[1].median < times[2].median ? times[1] : times[2]
  }

  /// The operations per second of the forward pass over those of its products alone.
  public var overPeak: Double { operations / forward.median / (productOperations / products.median) }

  /// The result as JSON.
  public var json: JSON {
    .object(
      [
        .init("setting", setting.json), .init("threads", .int(Parallel.threads)),
        .init("forward_over_sgemm_peak", .double(overPeak)),
        .init("forward_gflops", .double(operations / forward.median / 1e9)),
        .init("sgemm_gflops", .double(productOperations / products.median / 1e9)),
        .init("openblas", .string(Backend.blasConfiguration)),
      ] + forward.members("forward_seconds") + products.members("sgemm_seconds")
        + [.init("operations", .double(operations))])
  }

  /// The result as a table.
  public var text: String {
    var table = Table([.left(""), .right("seconds"), .right("GFLOP/s")])
    table.rows.append(["forward pass", forward.text(4), Human.fixed(operations / forward.median / 1e9, 1)])
    table.rows.append(
      ["its products by sgemm", products.text(4), Human.fixed(productOperations / products.median / 1e9, 1)])
    return
      "\(setting.text)\n\n\(table.text)\nforward over sgemm peak at the same shapes: \(Human.fixed(overPeak, 3))\n"
      + "\(Backend.blasConfiguration)\n"
  }
}
