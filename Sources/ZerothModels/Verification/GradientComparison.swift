import Foundation
import Zeroth
import ZerothSupport

extension Golden {
  /// A reference for the gradient of ``loss`` by one tensor: its Euclidean norm, and its values at some flat indices.
  struct TensorGradient: Decodable, Sendable {
    let norm: Double
    let at: [Int]
    let values: [Double]
  }

  /// Reads the `gradients` from a separate file, such as `gradients.json` beside a `golden.json`.
  ///
  /// Throws `InputError` when the file has none.
  public mutating func readGradients(path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw InputError(path, found: "no file that can be read", expected: "reference gradients")
    }
    do {
      gradients = try JSONDecoder().decode([String: TensorGradient].self, from: data)
    } catch let error as DecodingError {
      throw Self.described(error, path)
    }
  }

  /// Whether there are reference gradients.
  public var hasGradients: Bool { gradients != nil }
}

extension CausalModel {
  /// Compares the gradient of the mean next-token loss at `theta`, whose blocks are all trainable, with the reference:
  /// norms, and values at some indices of each tensor. Differences are relative to the norm of the tensor and may be
  /// 1e-4.
  ///
  /// The gradient of some tensors is zero but for rounding, such as that of a bias of keys. Such a tensor is compared
  /// relative to 1e-4 of the largest norm. Throws `InputError` for a reference of another kind or with other tensors.
  public func compareGradients(with golden: Golden, at theta: borrowing ParameterStore) throws -> GoldenComparison {
    try golden.require([.causal], of: "a causal language model")
    guard let gradients = golden.gradients, golden.loss != nil else {
      throw InputError("reference outputs", found: "no gradients of a loss", expected: "'gradients' and 'loss'")
    }
    var gradient = StoredVector(theta.layout.trainable)
    let (_, _, sequences) = golden.batch
    var batch = TokenBatch()
    var rows: [Int] = []
    var targets: [Int] = []
    for sequence in sequences {
      rows += batch.append(sequence).rows.dropLast()
      targets += sequence.dropFirst()
    }
    try addGradient(of: .logProbabilities(rows: rows, targets: targets), batch, at: theta, to: &gradient) { logs in
      logs.map { _ in -1 / Double(logs.count) }
    }
    // The gradient is stored as parameters, so that it can be cut into tensors in the same way.
    var values = ParameterStore(theta.layout)
    for block in theta.layout.blocks { values.fill(block, with: gradient.values(of: block)) }
    var norms: [Double] = []
    var places: [Double] = []
    let floor = 1e-4 * (gradients.values.map(\.norm).max() ?? 0)
    for (name, found) in try folder.tensors(of: values) {
      // The output layer may have another name in transformers than in the checkpoint.
      let isHead = outputBlock.map { folder.isPart($0, ofTensor: name) } ?? false
      guard let expected = gradients[name] ?? (isHead ? gradients["lm_head.weight"] : nil) else {
        throw InputError("reference gradients", found: "none of '\(name)'", expected: "one of every tensor")
      }
      let scale = max(expected.norm, floor)
      norms.append((found.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot() - expected.norm) / scale)
      guard expected.at.allSatisfy(found.indices.contains), expected.at.count == expected.values.count else {
        throw InputError(
          "reference gradients: \(name)", found: "places \(expected.at)".excerpt,
          expected: "places below \(found.count), each with a value")
      }
      for (place, value) in zip(expected.at, expected.values) { places.append((Double(found[place]) - value) / scale) }
    }
    return GoldenComparison(checks: [
      .init("norms of gradients", norms, norms.map { _ in 0 }, 1e-4),
      .init("elements of gradients, by norms", places, places.map { _ in 0 }, 1e-4),
    ])
  }
}
