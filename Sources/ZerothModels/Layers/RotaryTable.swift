import Foundation
import Synchronization

/// Cosines and sines of a rotary embedding for position after position, half as many of each as elements are rotated.
///
/// A context can be so long that its whole table would take seconds and tens of megabytes. So the table grows when a
/// position is asked for that it lacks. Rows that were handed out never change: several threads may ask at the same
/// time. Nothing is computed before, when sizes have yet to be compared with those of the weights.
final class RotaryTable: Sendable {
  /// The rows of the positions below `count`, for sequences of one kind of length.
  private struct Angles {
    /// What the frequencies were computed for (`RotaryEmbedding.key(longest:)`).
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

  /// Elements of a head that are rotated.
  var width: Int { 2 * embedding.pairs }

  /// Calls `body` with the rows of the positions below `count`, a cos(p f) and a sin(p f) of position p and frequency f,
  /// where f and a are those of a batch whose longest sequence has `longest` tokens. They are valid for the call.
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

  /// At least the rows of the positions below `count`: at each growth twice as many as before, so that growth is rare.
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
