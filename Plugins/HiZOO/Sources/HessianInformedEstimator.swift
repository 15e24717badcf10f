import Zeroth

/// HiZOO (Zhao et al. 2024): measures along directions stretched by a running estimate of the curvature, Sigma = 1/H:
///
///     D = Sigma^{1/2} z,   c = (L(theta + eps D) - L(theta - eps D)) / (2 eps),   g = c D
///     H <- (1 - alpha) H + alpha |L(theta + eps D) + L(theta - eps D) - 2 L(theta)| / (2 eps^2) H z^2,   H_0 = 1
///
/// The step goes along the D that was measured: H moves at the start of the next step, when the update has been applied.
///
/// Cost: 3 forward passes; d stored floats, of the trainable blocks.
public struct HessianInformedEstimator: GradientEstimator {
  /// Dense directions, scaled by the curvature that was found.
  public typealias Direction = CurvatureDirection

  /// eps > 0 over the steps, in units of the parameters.
  public var epsilon: Schedule
  /// alpha in [0, 1), the part of H that a step renews; 0 keeps H = 1, and the estimates of RGE.
  public let curvatureRate: Double
  /// How z is drawn: Gaussian or on the sphere. Signs would move all of H by the same factor, since their z^2 is 1.
  public let distribution: NoiseDistribution
  /// What is made of c, which is of one pair of points. H goes by the losses, whatever that is.
  public let shaping: CoefficientShaping
  private var curvature: StoredVector?
  private var pending: (key: StreamKey, coefficient: Double)?

  /// What `epsilon` takes.
  public static let epsilonRange = NumericRange.positiveFloat
  /// What `curvatureRate` takes.
  public static let curvatureRateRange = NumericRange.belowOne
  /// What `distribution` takes.
  public static let distributions: [NoiseDistribution] = [.gaussian, .sphere]

  /// HiZOO with curvature rate alpha.
  public init(
    epsilon: Schedule = 1e-3, curvatureRate: Double = 1e-6, distribution: NoiseDistribution = .gaussian,
    shaping: CoefficientShaping = .none
  ) {
    self.shaping = shaping
    self.epsilon = epsilon
    self.curvatureRate = curvatureRate
    self.distribution = distribution
  }

  /// Throws when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try epsilon.validate("epsilon", Self.epsilonRange)
    try Self.curvatureRateRange.require("curvature-rate", curvatureRate)
    try shaping.validate(queries: 1, sides: .two)
    try require("distribution", distribution.rawValue, "gaussian or sphere: z^2 of signs says nothing of the curvature")
    {
      _ in Self.distributions.contains(distribution)
    }
  }

  /// Three.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 3 }

  /// Its mean is Sigma grad L, a gradient scaled by the curvature.
  public static let traits: EstimatorTraits = .scalesCoordinates

  /// d floats, once the first step is done.
  public var stateCount: Int { curvature?.count ?? 0 }

  /// H on `block`, row by row, as the last estimate was measured with it; empty before the first step.
  public func curvature(of block: ParameterBlock) -> [Float] { curvature?.values(of: block) ?? [] }

  /// H, and what the last step found of it.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
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

  /// Moves H by what the last step found, and measures along Sigma^{1/2} z.
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
    return GradientEstimate(
      terms: [(shaping([c], sides: .two)[0], direction)], losses: losses, projectedGradient: c, epsilon: Double(eps))
  }

  /// H, with the last step's measurement in it.
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

  /// H stays in here, so that Sigma^{1/2} is a number whatever the losses do.
  static let bounds: ClosedRange<Float> = 1e-12...1e12
}

/// Sigma^{1/2} z = z / sqrt(H), elementwise.
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

/// `body` on the rows `rows` of z, made in scratch.
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
