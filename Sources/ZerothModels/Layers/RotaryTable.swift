import Foundation

/// Cosines and sines of a rotary embedding, position by position (head / 2 of each), made as far as they are needed.
final class RotaryTable {
  private let frequencies: [Double]
  private var cosines: [Float] = []
  private var sines: [Float] = []

  /// theta^(-2j / head) for j < head / 2, stretched as `scaling` says.
  init(head: Int, theta: Double, scaling: RopeScaling) {
    frequencies = (0..<(head / 2)).map { j in
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

  /// Makes the rows of the positions below `count`.
  func extend(to count: Int) {
    for position in (cosines.count / max(1, frequencies.count))..<max(count, cosines.count / max(1, frequencies.count))
    {
      for frequency in frequencies {
        cosines.append(Float(cos(Double(position) * frequency)))
        sines.append(Float(sin(Double(position) * frequency)))
      }
    }
  }

  func withAngles(_ body: (_ cosines: SendableAddress, _ sines: SendableAddress) -> Void) {
    cosines.withUnsafeBufferPointer { c in
      sines.withUnsafeBufferPointer { s in
        guard let c = c.baseAddress, let s = s.baseAddress else { return }
        body(SendableAddress(c), SendableAddress(s))
      }
    }
  }
}
