import CZeroth
import Foundation

/// Numbers of one quantity, one for each seed.
public struct Sample: Sendable, Hashable {
  /// The numbers.
  public let values: [Double]

  /// A sample of `values`.
  public init(_ values: [Double]) { self.values = values }

  /// The mean, sum(x) / n; NaN for no numbers.
  public var mean: Double { values.reduce(0, +) / Double(values.count) }

  /// The standard deviation, sqrt(sum((x - mean)^2) / (n - 1)); nil for fewer than two numbers.
  public var standardDeviation: Double? {
    guard values.count > 1 else { return nil }
    let mean = mean
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }

  /// Half of the 95 percent interval of the mean: t(0.975; n - 1) s / sqrt(n), for normally distributed numbers. Nil
  /// for fewer than two numbers.
  ///
  /// For the differences of two methods with the same seeds, it is the interval of a paired t test (Student 1908).
  public var halfInterval: Double? {
    standardDeviation.map {
      Self.quantile(0.975, degrees: values.count - 1) * $0 / Double(values.count).squareRoot()
    }
  }

  /// The quantile of Student's t distribution with `degrees` degrees of freedom: the x below which it lies with
  /// `probability`.
  static func quantile(_ probability: Double, degrees: Int) -> Double {
    zeroth_t_quantile(probability, Double(degrees))
  }
}
