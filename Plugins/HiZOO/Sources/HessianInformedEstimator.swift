import Zeroth

/// HiZOO (Zhao et al. 2024): measures along directions that are scaled by a running estimate H of the curvature, with
/// Sigma = 1/H:
///
///     D = Sigma^{1/2} z,   c = (L(theta + eps D) - L(theta - eps D)) / (2 eps),   g = c D
///     H <- (1 - alpha) H + alpha |L(theta + eps D) + L(theta - eps D) - 2 L(theta)| / (2 eps^2) H z^2,   H_0 = 1
///
/// The step goes along the D that was measured. H is therefore updated only at the start of the next step, after the
/// update of theta was applied.
///
/// Cost: 3 forward passes; d stored floats, of the trainable blocks.
public struct HessianInformedEstimator: GradientEstimator {
  /// Dense directions, scaled by the estimate of the curvature.
  public typealias Direction = CurvatureDirection

  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// alpha in [0, 1): the part of H that a step renews. With 0, H stays 1, and the estimates are those of RGE.
  public let curvatureRate: Double
  /// The distribution of z: Gaussian or on the sphere. Signs are excluded: their squares are 1, so all of H would
  /// change by the same factor.
  public let distribution: NoiseDistribution
  /// How c is shaped. The population is one two-sided pair. H depends on the losses and not on the shaped coefficient.
  public let shaping: CoefficientShaping
  private var curvature: StoredVector?
  private var pending: (key: StreamKey, coefficient: Double)?

  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `curvatureRate`.
  public static let curvatureRateRange = NumericRange.belowOne
  /// The distributions that `distribution` accepts.
  public static let distributions: [NoiseDistribution] = [.gaussian, .sphere]

  /// HiZOO with these options.
  public init(
    epsilon: Schedule = 1e-3, curvatureRate: Double = 1e-6, distribution: NoiseDistribution = .gaussian,
    shaping: CoefficientShaping = .none
  ) {
    self.shaping = shaping
    self.epsilon = epsilon
    self.curvatureRate = curvatureRate
    self.distribution = distribution
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try epsilon.validate("epsilon", Self.epsilonRange)
    try Self.curvatureRateRange.require("curvature-rate", curvatureRate)
    try shaping.validate(queries: 1, sides: .two)
    try require("distribution", distribution.rawValue, "gaussian or sphere: z^2 of signs says nothing of the curvature")
    {
      _ in Self.distributions.contains(distribution)
    }
  }

  /// 3: at theta and on both sides of it.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 3 }

  /// Scales coordinates: the mean is Sigma grad L.
  public static let traits: EstimatorTraits = .scalesCoordinates

  /// d floats after the first step, 0 before it.
  public var stateCount: Int { curvature?.count ?? 0 }

  /// The curvature H on `block`, row by row, with which the last estimate was measured; empty before the first step.
  public func curvature(of block: ParameterBlock) -> [Float] { curvature?.values(of: block) ?? [] }

  /// Saves or restores the options, H, and what the last step measured of it.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("curvature-rate", curvatureRate)
    try state.require("distribution", distribution.rawValue)
    try state.require("shaping", "\(shaping)")
    try state.code("epsilon", &epsilon)
    try state.code("curvature", &curvature, of: state.layout.trainable)
    guard try state.codePresence("pending", pending != nil) else {
      pending = nil
      return
    }
    var (key, coefficient) = pending ?? (StreamKey(seed: 0, generator: state.generator), 0)
    try state.code("pending.key", &key)
    try state.code("pending.coefficient", &coefficient)
    pending = (key, coefficient)
  }

  /// Updates H by what the last step measured, and measures along Sigma^{1/2} z.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<CurvatureDirection> {
    let h = movedCurvature(context.layout)
    let key = context.key.child(.query)
    let direction = CurvatureDirection(
      noise: DenseDirection(key, distribution: distribution, layout: context.layout), curvature: h)
    let eps = Float(epsilon(at: context.step))
    let losses = try objective.losses(along: direction, at: [eps, -eps, 0], from: theta, on: context.batch)
    let c = (losses[0] - losses[1]) / (2 * Double(eps))
    let second = abs(losses[0] + losses[1] - 2 * losses[2]) / (2 * Double(eps) * Double(eps))
    if curvatureRate > 0, second.isFinite { pending = (key, second) }
    let coefficients = shaping([c], sides: .two)
    return GradientEstimate(
      terms: [(coefficients[0], direction)], losses: losses, projectedGradient: c, epsilon: Double(eps),
      coefficients: coefficients)
  }

  /// The curvature H, updated by the measurement of the last step.
  private mutating func movedCurvature(_ layout: ParameterLayout) -> StoredVector {
    var h = curvature.take() ?? StoredVector(layout.trainable, filledWith: 1)
    if let (key, coefficient) = pending.take() {
      let z = DenseDirection(key, distribution: distribution, layout: layout)
      let keep = Float(1 - curvatureRate)
      let gain = Float(curvatureRate * coefficient)
      h.forEachPanel { block, rows, h in
        withNoise(z, block, rows) { z in
          for i in 0..<h.count {
            h[i] = min(max(h[i] * (keep + gain * z[i] * z[i]), Self.bounds.lowerBound), Self.bounds.upperBound)
          }
        }
      }
    }
    curvature = h
    return h
  }

  /// H is kept in this range, so that Sigma^{1/2} is finite for any losses.
  static let bounds: ClosedRange<Float> = 1e-12...1e12
}

/// The direction Sigma^{1/2} z = z / sqrt(H), elementwise.
public struct CurvatureDirection: Direction {
  let noise: DenseDirection
  let curvature: StoredVector

  /// values += scale z / sqrt(H).
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    values.withUnsafeMutableBufferPointer { values in
      _ = curvature.withRows(rows, of: block) { h in
        withNoise(noise, block, rows) { z in
          for i in 0..<values.count { values[i] += scale * (z[i] / h[i].squareRoot()) }
        }
      }
    }
  }

  /// values = z[rows] / sqrt(H[rows]).
  public func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    noise.write(to: &values, of: block, rows: rows)
    values.withUnsafeMutableBufferPointer { values in
      _ = curvature.withRows(rows, of: block) { h in
        for i in 0..<values.count { values[i] /= h[i].squareRoot() }
      }
    }
  }

  /// values = z[rows, columns] / sqrt(H[rows, columns]).
  public func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    noise.write(to: &values, of: block, rows: rows, columns: columns)
    values.withUnsafeMutableBufferPointer { values in
      _ = curvature.withRows(rows, of: block) { h in
        for i in 0..<rows.count {
          let (start, place) = (i * columns.count, i * block.columns + columns.lowerBound)
          for j in 0..<columns.count { values[start + j] /= h[place + j].squareRoot() }
        }
      }
    }
  }
}

/// Calls `body` with the rows `rows` of z, which are made in temporary memory.
private func withNoise(
  _ noise: DenseDirection, _ block: ParameterBlock, _ rows: Range<Int>, _ body: (UnsafeBufferPointer<Float>) -> Void
) {
  withScratch(rows.count * block.columns) { z in
    z.initialize(repeating: 0)
    var span = z.mutableSpan
    noise.write(to: &span, of: block, rows: rows)
    body(UnsafeBufferPointer(z))
  }
}
