import CZeroth
import Foundation

/// Numbers of the same thing, one for each seed.
public struct Sample: Sendable, Hashable {
  /// The numbers.
  public let values: [Double]

  /// A sample of `values`.
  public init(_ values: [Double]) { self.values = values }

  /// sum(x) / n; NaN of nothing.
  public var mean: Double { values.reduce(0, +) / Double(values.count) }

  /// sqrt(sum((x - mean)^2) / (n - 1)); nil below two values.
  public var standardDeviation: Double? {
    guard values.count > 1 else { return nil }
    let mean = mean
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }

  /// How far the mean may be off, to each side, with probability 0.95: t(0.975; n - 1) s / sqrt(n), as for a normal
  /// distribution; nil below two values.
  ///
  /// Of the differences of two methods with the same seeds it is the interval of a paired t test (Student 1908).
  public var halfInterval: Double? {
    standardDeviation.map {
      Self.quantile(0.975, degrees: values.count - 1) * $0 / Double(values.count).squareRoot()
    }
  }

  /// The x below which Student's t of `degrees` degrees of freedom stays with `probability`.
  static func quantile(_ probability: Double, degrees: Int) -> Double {
    zeroth_t_quantile(probability, Double(degrees))
  }
}
