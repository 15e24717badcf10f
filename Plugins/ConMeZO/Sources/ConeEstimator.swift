import Foundation
import Zeroth

/// ConMeZO (AISTATS 2026): measures along directions on a cone around its own momentum m:
///
///     z = sqrt(d) (cos(a) m / ||m|| + sin(a) u),   c = (L(theta + eps z) - L(theta - eps z)) / (2 eps),   g = c z
///     m <- beta m + (1 - beta) c z,   m_0 = 0,   z = sqrt(d) u as long as m = 0
///
/// u is uniform on the unit sphere of the d trainable parameters. With a = pi/2 this is RGE on the sphere. m is updated
/// at the start of the next step, after the update of theta was applied.
///
/// The estimate is biased towards m: its mean is (d cos(a)^2 m m^T / ||m||^2 + sin(a)^2 I) grad L. A step against this
/// mean descends.
///
/// Cost: 2 forward passes; d stored floats, of the trainable blocks.
public struct ConeEstimator: GradientEstimator {
  /// Directions on a cone around the momentum.
  public typealias Direction = ConeDirection

  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// The angle a in [0, pi/2] between z and m, in radians.
  public let angle: Double
  /// beta in [0, 1): the part of m that a step keeps.
  public let beta: Double
  private var momentum: StoredVector?
  private var pending: Measured?

  /// What the last step measured: the direction across u + along m, where u is made from `key`, and the slope
  /// `coefficient`.
  private struct Measured {
    var key: StreamKey
    var across, along, coefficient: Double
  }

  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of `angle`.
  public static let angleRange = NumericRange("0 to 1.5708 (pi/2)") { (0...1.5708).contains($0) }
  /// The range of `beta`.
  public static let betaRange = NumericRange.belowOne

  /// ConMeZO with the angle and the beta of its authors.
  public init(epsilon: Schedule = 1e-3, angle: Double = 1.35, beta: Double = 0.95) {
    self.epsilon = epsilon
    self.angle = angle
    self.beta = beta
  }

  /// Throws `InputError` when an option is out of range.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try epsilon.validate("epsilon", Self.epsilonRange)
    try Self.angleRange.require("angle", angle)
    try Self.betaRange.require("beta", beta)
  }

  /// 2: one forward pass on each side of theta.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }

  /// Biased: the mean is drawn towards m.
  public static let traits: EstimatorTraits = .biased

  /// d floats after the second step, 0 before it.
  public var stateCount: Int { momentum?.count ?? 0 }

  /// The momentum m on `block`, row by row, with which the last estimate was measured; empty before the second step.
  public func momentum(of block: ParameterBlock) -> [Float] { momentum?.values(of: block) ?? [] }

  /// Saves or restores the angle, beta, m and what the last step measured.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("angle", angle)
    try state.require("beta", beta)
    try state.code("epsilon", &epsilon)
    try state.code("momentum", &momentum, of: state.layout.trainable)
    guard try state.codePresence("pending", pending != nil) else {
      pending = nil
      return
    }
    var measured =
      pending ?? Measured(key: StreamKey(seed: 0, generator: state.generator), across: 1, along: 0, coefficient: 0)
    try state.code("pending.key", &measured.key)
    try state.code("pending.across", &measured.across)
    try state.code("pending.along", &measured.along)
    try state.code("pending.coefficient", &measured.coefficient)
    pending = measured
  }

  /// Updates m by what the last step measured, and measures on the cone around m.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<ConeDirection> {
    if let measured = pending.take() { move(by: measured, context.layout) }
    let key = context.key.child(.query)
    let (across, along) = cone(context.layout)
    let z = ConeDirection(
      sphere: DenseDirection(key, distribution: .sphere, layout: context.layout), across: Float(across),
      momentum: along == 0 ? nil : momentum, along: Float(along))
    let eps = Float(epsilon(at: context.step))
    let losses = try objective.losses(along: z, at: [eps, -eps], from: theta, on: context.batch)
    let c = (losses[0] - losses[1]) / (2 * Double(eps))
    if Float(c).isFinite { pending = Measured(key: key, across: across, along: along, coefficient: c) }
    return GradientEstimate(
      terms: [(c, z)], losses: losses, projectedGradient: c, epsilon: Double(eps), coefficients: [c])
  }

  /// The factors of u and of m in z, for the present m.
  private func cone(_ layout: ParameterLayout) -> (across: Double, along: Double) {
    guard let momentum else { return (1, 0) }
    let length = momentum.product(with: StoredDirection(momentum, scale: 1)).squareRoot()
    guard length > 0 else { return (1, 0) }
    return (sin(angle), Double(layout.trainableCount).squareRoot() * cos(angle) / length)
  }

  /// m <- beta m + (1 - beta) c z, in place.
  private mutating func move(by measured: Measured, _ layout: ParameterLayout) {
    var m = momentum.take() ?? StoredVector(layout.trainable)
    let weight = (1 - beta) * measured.coefficient
    let keep = Float(beta + weight * measured.along)
    let gain = Float(weight * measured.across)
    let sphere = DenseDirection(measured.key, distribution: .sphere, layout: layout)
    m.forEachPanel { block, rows, m in
      withNoise(sphere, block, rows) { u in for i in 0..<m.count { m[i] = keep * m[i] + gain * u[i] } }
    }
    momentum = m
  }
}

/// The direction across u + along m, with u on the sphere of radius sqrt(d).
public struct ConeDirection: Direction {
  let sphere: DenseDirection
  let across: Float
  let momentum: StoredVector?
  let along: Float

  /// values += scale (across u + along m).
  public func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    values.withUnsafeMutableBufferPointer { values in
      withNoise(sphere, block, rows) { u in
        guard let momentum else {
          for i in 0..<values.count { values[i] += scale * (across * u[i]) }
          return
        }
        _ = momentum.withRows(rows, of: block) { m in
          for i in 0..<values.count { values[i] += scale * (across * u[i] + along * m[i]) }
        }
      }
    }
  }

  /// values = across u[rows, columns] + along m[rows, columns].
  public func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    sphere.write(to: &values, of: block, rows: rows, columns: columns)
    values.withUnsafeMutableBufferPointer { values in
      guard let momentum else {
        for i in 0..<values.count { values[i] *= across }
        return
      }
      _ = momentum.withRows(rows, of: block) { m in
        for r in 0..<rows.count {
          let (start, place) = (r * columns.count, r * block.columns + columns.lowerBound)
          for j in 0..<columns.count { values[start + j] = across * values[start + j] + along * m[place + j] }
        }
      }
    }
  }

  /// values = across u[rows] + along m[rows].
  public func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    write(to: &values, of: block, rows: rows, columns: 0..<block.columns)
  }
}

/// Calls `body` with the rows `rows` of u, which are made in temporary memory.
private func withNoise(
  _ noise: DenseDirection, _ block: ParameterBlock, _ rows: Range<Int>, _ body: (UnsafeBufferPointer<Float>) -> Void
) {
  withScratch(rows.count * block.columns) { u in
    u.initialize(repeating: 0)
    var span = u.mutableSpan
    noise.write(to: &span, of: block, rows: rows)
    body(UnsafeBufferPointer(u))
  }
}
