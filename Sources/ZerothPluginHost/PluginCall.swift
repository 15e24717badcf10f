import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// A call of a plugin that fills values, or adds to them, in checked mode: it works on copies that stand between canaries, so
/// that what it writes beside them is found, and is called again, so that what it does by chance or by what it reads is.
struct PluginCall {
  /// What is wrong with the call; nil if nothing is.
  let problem: (found: String, expected: String)?

  /// Floats before and behind a copy.
  private static let margin = 1024
  /// What stands there: a number that is hardly written by chance and then, in the second call, one that adding changes.
  private static let canaries: (Float, Float) = (0.727_813, 0)

  /// Calls `call`, and puts what it made into `values` if it is right.
  init(values: UnsafeMutableBufferPointer<Float>, adds: Bool, call: (UnsafeMutablePointer<Float>) -> Int32) {
    let count = values.count
    /// The values after a call on a copy of `start`.
    func made(_ canary: Float, _ start: (Int) -> Float) -> (
      values: [Float], problem: (found: String, expected: String)?
    ) {
      let size = count + 2 * Self.margin
      let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: size)
      defer { memory.deallocate() }
      memory.initialize(repeating: canary)
      for i in 0..<count { memory[Self.margin + i] = start(i) }
      guard let target = memory.baseAddress.map({ $0 + Self.margin }) else { return ([], nil) }
      let signal = call(target)
      let values = Array(UnsafeBufferPointer(start: target, count: count))
      if signal != 0 {
        return (values, ("a crash with \(String(cString: zeroth_signal_name(signal)))", "it to return"))
      }
      for i in 0..<Self.margin
      where memory[i].bitPattern != canary.bitPattern
        || memory[size - 1 - i].bitPattern != canary.bitPattern
      {
        return (values, ("a value written outside the rows it was given", "those rows alone to be written"))
      }
      if zeroth_all_finite(target, UInt64(count)) == 0 { return (values, ("a value that is not finite", "numbers")) }
      return (values, nil)
    }
    func differs(_ a: [Float], _ b: [Float]) -> Bool { zip(a, b).contains { $0.bitPattern != $1.bitPattern } }

    let before = Array(values)
    let first = made(Self.canaries.0) { before[$0] }
    let second = first.problem == nil ? made(Self.canaries.1) { adds ? before[$0] : 1 } : first
    let alone = adds && second.problem == nil ? made(Self.canaries.0) { _ in 0 } : second
    if let problem = first.problem ?? second.problem ?? alone.problem {
      self.problem = problem
    } else if differs(first.values, second.values) {
      problem =
        adds
        ? ("other values when it was called again", "the same, bit for bit")
        : ("values that depend on what stood there before", "the same, bit for bit")
    } else if adds, Self.depends(before, first.values, on: alone.values) {
      problem = ("values that depend on what they are added to", "the same on zeros, up to rounding")
    } else {
      problem = nil
      for i in 0..<count { values[i] = first.values[i] }
    }
  }

  /// Whether `sum` is not `before` plus `added`, up to rounding.
  private static func depends(_ before: [Float], _ sum: [Float], on added: [Float]) -> Bool {
    let largest = added.reduce(0) { max($0, abs($1)) }
    return before.indices.contains { i in
      abs(sum[i] - (before[i] + added[i])) > 1e-4 * (abs(before[i]) + abs(added[i]) + largest)
    }
  }
}
