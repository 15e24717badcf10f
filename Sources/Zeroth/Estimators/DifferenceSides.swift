/// On which sides of theta a finite difference takes its losses. The raw values are the words of configurations.
public enum DifferenceSides: String, CaseIterable, Sendable {
  /// theta + eps z and theta - eps z: the central difference, with an error of O(eps^2).
  case two = "two-sided"
  /// theta and theta + eps z: the forward difference, with an error of O(eps). theta is measured once for all queries.
  case one = "one-sided"

  /// Forward passes of q directions: 2q, or q + 1 one-sided.
  public func forwards(queries: Int) -> Int { self == .two ? 2 * queries : queries + 1 }
}
