import Foundation
import Synchronization

/// Cosines and sines of a rotary embedding for position after position, head / 2 of each.
///
/// A context can be so long that its whole table would take seconds and tens of megabytes. So the table grows when a
/// position is asked for that it lacks. Rows that were handed out never change: several threads may ask at the same
/// time. Nothing is computed before, when sizes have yet to be compared with those of the weights.
final class RotaryTable: Sendable {
  /// The rows of the positions below `count`.
  private struct Angles {
    var count = 0
    var frequencies: [Double] = []
    var cosines: [Float] = []
    var sines: [Float] = []
  }

  private let head: Int
  private let theta: Double
  private let scaling: RopeScaling
  private let grown = Mutex(Angles())

  /// The frequencies are theta^(-2j / head) for j < head / 2, stretched as `scaling` says.
  init(head: Int, theta: Double, scaling: RopeScaling) {
    self.head = head
    self.theta = theta
    self.scaling = scaling
  }

  private var frequencies: [Double] {
    (0..<(head / 2)).map { j in
      let frequency = pow(theta, -2 * Double(j) / Double(head))
      switch scaling {
      case .none: return frequency
      case .linear(let factor): return frequency / factor
      case .llama3(let factor, let low, let high, let original):
        let wavelength = 2 * Double.pi / frequency
        if wavelength < Double(original) / high { return frequency }
        if wavelength > Double(original) / low { return frequency / factor }
        let smooth = (Double(original) / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
      }
    }
  }

  /// Calls `body` with the rows of the positions below `count`, cos(p f) and sin(p f) of position p and frequency f.
  /// They are valid for the call.
  func withAngles(
    below count: Int, _ body: (_ cosines: SendablePointer<Float>, _ sines: SendablePointer<Float>) -> Void
  ) {
    let angles = angles(below: count)
    angles.cosines.withUnsafeBufferPointer { cosines in
      angles.sines.withUnsafeBufferPointer { sines in
        guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return }
        body(SendablePointer(cosines), SendablePointer(sines))
      }
    }
  }

  /// At least the rows of the positions below `count`: at each growth twice as many as before, so that growth is rare.
  private func angles(below count: Int) -> Angles {
    grown.withLock { angles in
      guard count > angles.count else { return angles }
      if angles.frequencies.isEmpty { angles.frequencies = frequencies }
      let first = angles.count
      angles.count = max(count, 2 * first)
      angles.cosines.reserveCapacity(angles.count * angles.frequencies.count)
      angles.sines.reserveCapacity(angles.count * angles.frequencies.count)
      for position in first..<angles.count {
        for frequency in angles.frequencies {
          angles.cosines.append(Float(cos(Double(position) * frequency)))
          angles.sines.append(Float(sin(Double(position) * frequency)))
        }
      }
      return angles
    }
  }
}
