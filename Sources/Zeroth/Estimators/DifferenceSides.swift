/// On which sides of theta a finite difference measures losses. The raw values are the names in configurations.
public enum DifferenceSides: String, CaseIterable, Sendable {
  /// At theta + eps z and theta - eps z: the central difference, with an error of O(eps^2).
  case two = "two-sided"
  /// At theta and theta + eps z: the forward difference, with an error of O(eps). The loss at theta is measured once
  /// for all queries.
  case one = "one-sided"

  /// The number of forward passes for q directions: 2q, or q + 1 where one-sided.
  public func forwards(queries: Int) -> Int { self == .two ? 2 * queries : queries + 1 }
}
