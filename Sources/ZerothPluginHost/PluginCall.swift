import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// A checked call of a plugin function that fills values or adds to them.
///
/// The function works on a copy that lies between known numbers, the canaries. A changed canary shows that it wrote
/// outside the copy. The function is called twice or more; a different result shows that it depends on chance, or on
/// values that it should not read.
struct PluginCall {
  /// The problem of the call; nil if there is none.
  let problem: (found: String, expected: String)?

  /// The number of canaries before a copy, and behind it.
  private static let margin = 1024
  /// The canaries of the first and of the second call. The first is a number that hardly anyone writes by chance. The
  /// second is 0, which shows every value that was added.
  private static let canaries: (Float, Float) = (0.727_813, 0)

  /// Calls `call`. If its result is right, copies the result into `values`.
  init(values: UnsafeMutableBufferPointer<Float>, adds: Bool, call: (UnsafeMutablePointer<Float>) -> Int32) {
    let count = values.count
    /// The values after a call on a copy that begins with `start`.
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

  /// Whether `sum` differs from `before` plus `added` by more than rounding.
  private static func depends(_ before: [Float], _ sum: [Float], on added: [Float]) -> Bool {
    let largest = added.reduce(0) { max($0, abs($1)) }
    return before.indices.contains { i in
      abs(sum[i] - (before[i] + added[i])) > 1e-4 * (abs(before[i]) + abs(added[i]) + largest)
    }
  }
}
