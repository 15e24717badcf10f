import Foundation
import ZerothSupport

/// The losses of a run as a line of small bars, `▇▅▃▂▂▁`. Each bar stands for the mean of an equal number of steps. Its
/// height shows where this mean lies between the smallest and the largest one.
public struct LossCurve: Sendable {
  private static let bars = Array("▁▂▃▄▅▆▇█")
  /// The number of bars of a whole run.
  static let width = 24
  private let total: Int
  private var sums: [(sum: Double, count: Int)]

  /// A curve of a run of `total` steps.
  public init(total: Int) {
    self.total = max(1, total)
    sums = Array(repeating: (0, 0), count: Self.width)
  }

  /// Adds the loss of the step after which `done` steps are done. A loss that is not finite is ignored.
  public mutating func add(_ loss: Double, after done: Int) {
    guard loss.isFinite, done > 0 else { return }
    let place = min(Self.width - 1, (done - 1) * Self.width / total)
    sums[place].sum += loss
    sums[place].count += 1
  }

  /// The bars so far, with a space where no step was seen. Empty before there are two bars.
  public var text: String {
    let means = sums.map { $0.count > 0 ? $0.sum / Double($0.count) : nil }
    let known = means.compactMap(\.self)
    guard known.count > 1, let low = known.min(), let high = known.max(),
      let last = means.lastIndex(where: { $0 != nil })
    else { return "" }
    return String(
      means[...last].map { mean in
        guard let mean else { return " " }
        let height = high > low ? (mean - low) / (high - low) : 0
        return Self.bars[min(Self.bars.count - 1, Int(height * Double(Self.bars.count)))]
      })
  }
}
