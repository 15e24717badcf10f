import Foundation
import Synchronization
import Zeroth

/// The cross-entropy of classes predicted by W x + b. The labels come from a fixed random classifier, the teacher. A
/// mini-batch is drawn for each step.
public final class LogisticRegression: AnalyticObjective {
  /// The blocks of its parameters.
  public let layout: ParameterLayout
  private let features: Int
  private let classes: Int
  private let inputs: [[Double]]
  private let labels: [Int]
  private let batchSize: Int
  /// The last mini-batch that was asked for, and the indices of its examples.
  private let drawn = Mutex<(batch: Batch, rows: [Int])?>(nil)

  /// Data of `examples` inputs with `features` numbers each, in `classes` classes. A mini-batch has `batchSize` of
  /// them.
  public init(features: Int = 8, classes: Int = 3, examples: Int = 64, batchSize: Int = 16) {
    self.features = features
    self.classes = classes
    self.batchSize = batchSize
    layout = .made([
      .init("query.weight", rows: classes, columns: features, role: "query", layer: 0),
      .init("query.bias", rows: classes, role: "bias", layer: 0),
    ])
    inputs = (0..<examples).map { normals(features, seed: 3, index: $0).map(Double.init) }
    let teacher = (0..<classes).map { normals(features, seed: 4, index: $0).map(Double.init) }
    labels = inputs.map { x in teacher.indices.max { dot(teacher[$0], x) < dot(teacher[$1], x) } ?? 0 }
  }

  /// The indices of the examples of `batch`.
  private func rows(of batch: Batch) -> [Int] {
    drawn.withLock { drawn in
      if let drawn, drawn.batch == batch { return drawn.rows }
      var stream = RandomStream(StreamKey(seed: 5).child(.batch, batch.step).child(.batch, batch.draw))
      let rows = Array(stream.shuffled(Array(inputs.indices)).prefix(batchSize))
      drawn = (batch, rows)
      return rows
    }
  }

  /// The mean cross-entropy over `batch`, in double.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    let losses = exampleLosses(at: theta, on: batch)
    return losses.reduce(0, +) / Double(losses.count)
  }

  /// The cross-entropy of each example of `batch`, in double.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) -> Few<Double> {
    let x = theta.flattened()
    return Few(rows(of: batch).map { -log(probabilities(x, inputs[$0])[labels[$0]]) })
  }

  /// The means of (p - y) x^T and p - y over `batch`.
  public func gradient(at theta: borrowing ParameterStore, on batch: Batch) -> [Double] {
    let rows = rows(of: batch)
    let x = theta.flattened()
    var gradient = [Double](repeating: 0, count: x.count)
    for row in rows {
      let p = probabilities(x, inputs[row])
      for k in 0..<classes {
        let error = (p[k] - (k == labels[row] ? 1 : 0)) / Double(rows.count)
        for j in 0..<features { gradient[k * features + j] += error * inputs[row][j] }
        gradient[classes * features + k] += error
      }
    }
    return gradient
  }

  private func probabilities(_ theta: [Float], _ input: [Double]) -> [Double] {
    var logits = (0..<classes).map { Double(theta[classes * features + $0]) }
    for k in 0..<classes {
      for j in 0..<features { logits[k] += Double(theta[k * features + j]) * input[j] }
    }
    let top = logits.max() ?? 0
    var total = 0.0
    for k in 0..<classes {
      logits[k] = exp(logits[k] - top)
      total += logits[k]
    }
    for k in 0..<classes { logits[k] /= total }
    return logits
  }
}
