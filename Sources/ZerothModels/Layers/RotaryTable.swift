import Foundation
import Synchronization

/// The cosines and sines of a rotary embedding for each position. There are half as many of each as elements that turn.
///
/// For a long context the whole table would take seconds and tens of megabytes. So the table starts empty, and grows
/// when a position beyond its end is asked for. Rows that were handed out never change, because several threads may ask
/// at the same time. Nothing is computed when the table is made, because at that time the sizes were not yet compared
/// with those of the weights.
final class RotaryTable: Sendable {
  /// The rows of the positions below `count`, for one set of frequencies.
  private struct Angles {
    /// The key of the frequencies (`RotaryEmbedding.key(longest:)`).
    var key: Int
    var count = 0
    var frequencies: [Double] = []
    var cosines: [Float] = []
    var sines: [Float] = []
  }

  private let embedding: RotaryEmbedding
  private let grown = Mutex(Angles(key: 0))

  /// A table of what `embedding` describes.
  init(_ embedding: RotaryEmbedding) { self.embedding = embedding }

  /// The number of elements of a head that turn.
  var width: Int { 2 * embedding.pairs }

  /// Calls `body` with the rows of the positions below `count`: a cos(p f) and a sin(p f) for position p and frequency
  /// f. f and the factor a are those of a batch whose longest sequence has `longest` tokens. The rows are valid during
  /// the call.
  func withAngles(
    below count: Int, longest: Int, _ body: (_ cosines: SendablePointer<Float>, _ sines: SendablePointer<Float>) -> Void
  ) {
    let angles = angles(below: count, longest: longest)
    angles.cosines.withUnsafeBufferPointer { cosines in
      angles.sines.withUnsafeBufferPointer { sines in
        guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return }
        body(SendablePointer(cosines), SendablePointer(sines))
      }
    }
  }

  /// The rows of at least the positions below `count`. Each growth doubles the table, so that growth is rare.
  private func angles(below count: Int, longest: Int) -> Angles {
    let key = embedding.key(longest: longest)
    return grown.withLock { angles in
      if angles.key != key { angles = Angles(key: key) }
      guard count > angles.count else { return angles }
      if angles.frequencies.isEmpty { angles.frequencies = embedding.frequencies(longest: longest) }
      let scale = embedding.attentionFactor
      let first = angles.count
      angles.count = max(count, 2 * first)
      angles.cosines.reserveCapacity(angles.count * angles.frequencies.count)
      angles.sines.reserveCapacity(angles.count * angles.frequencies.count)
      for position in first..<angles.count {
        for frequency in angles.frequencies {
          angles.cosines.append(Float(scale * cos(Double(position) * frequency)))
          angles.sines.append(Float(scale * sin(Double(position) * frequency)))
        }
      }
      return angles
    }
  }
}
