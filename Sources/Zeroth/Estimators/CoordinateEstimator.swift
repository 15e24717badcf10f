/// CGE, the coordinate-wise gradient estimate:
///
///     g = sum_{i in S} c_i e_i,   c_i = (L(theta + eps e_i) - L(theta - eps e_i)) / (2 eps)
///
/// S is the set of all trainable coordinates, or |S| coordinates that are drawn anew at each step. In the second case
/// the estimate is multiplied by d/|S| and so stays unbiased. Each c_i equals the derivative along coordinate i to
/// O(eps^2). With all coordinates there is no other error.
///
/// Cost: 2|S| forward passes; |S| floats during a step.
public struct CoordinateEstimator: GradientEstimator {
  /// One coordinate while it is measured; all coordinates of S in the estimate.
  public typealias Direction = CoordinateDirection

  /// Which coordinates are measured.
  public enum Coordinates: Sendable, Hashable {
    /// Every trainable coordinate.
    case all
    /// This number of coordinates, drawn at each step without replacement.
    case random(Int)
    /// These coordinates. The estimate is the gradient on them and zero elsewhere, so its tests use the trait
    /// `EstimatorTraits.scalesCoordinates`.
    case chosen([CoordinateDirection.Coordinate])
  }

  /// Which coordinates are measured.
  public let coordinates: Coordinates
  /// eps > 0 over the steps: how far from theta a loss is measured, in units of the parameters.
  public var epsilon: Schedule
  /// How the coefficients of a step are shaped.
  public let shaping: CoefficientShaping

  /// The range of `epsilon`.
  public static let epsilonRange = NumericRange.positiveFloat
  /// The range of the number of coordinates. It also has to be at most the number of trainable coordinates.
  public static let coordinatesRange = NumericRange.atLeast(1)

  /// CGE over `coordinates`.
  public init(
    _ coordinates: Coordinates = .all, epsilon: Schedule = 1e-3, shaping: CoefficientShaping = .none
  ) {
    self.coordinates = coordinates
    self.epsilon = epsilon
    self.shaping = shaping
  }

  /// Throws `InputError` when epsilon is not positive, and when a chosen coordinate does not exist, occurs twice or is
  /// frozen.
  public func validate(_ layout: ParameterLayout) throws(InputError) {
    try epsilon.validate("epsilon", Self.epsilonRange)
    try shaping.validate(queries: 1, sides: .two)
    switch coordinates {
    case .all: break
    case .random(let count):
      try require("coordinates", count, "1 to \(layout.trainableCount), the trainable coordinates") {
        (1...layout.trainableCount).contains($0)
      }
    case .chosen(let chosen):
      try Self.coordinatesRange.require("coordinates", chosen.count)
      guard Set(chosen).count == chosen.count else {
        throw InputError("coordinates", found: "a coordinate twice", expected: "each once")
      }
      for c in chosen {
        guard layout.blocks.indices.contains(c.block), layout.blocks[c.block].isTrainable,
          (0..<layout.blocks[c.block].count).contains(c.element)
        else {
          throw InputError(
            "coordinates", found: "element \(c.element) of block \(c.block)",
            expected: "an element of a trainable block")
        }
      }
    }
  }

  /// 2|S| forward passes.
  public func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    switch coordinates {
    case .all: 2 * layout.trainableCount
    case .random(let count): 2 * count
    case .chosen(let chosen): 2 * chosen.count
    }
  }

  /// Saves or restores the options. There is no other state.
  public mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.require("coordinates", "\(coordinates)")
    try state.require("shaping", "\(shaping)")
    try state.code("epsilon", &epsilon)
  }

  /// Measures along each coordinate of S and returns one sparse direction with all of them.
  public mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<CoordinateDirection> {
    let set = draw(context)
    let eps = Float(epsilon(at: context.step))
    var points = Points()
    for coordinate in set { points.append(CoordinateDirection([coordinate], values: [1]), at: [eps, -eps]) }
    let losses = try objective.losses(at: points, from: theta, on: context.batch)
    let measured = Few(count: set.count) { i in (losses[2 * i] - losses[2 * i + 1]) / (2 * Double(eps)) }
    let values = shaping(measured, sides: .two).map { Float($0) }
    let squares = measured.reduce(0) { $0 + $1 * $1 }
    let weight: Double
    if case .random(let count) = coordinates {
      weight = Double(context.layout.trainableCount) / Double(count)
    } else {
      weight = 1
    }
    return GradientEstimate(
      terms: [(weight, CoordinateDirection(set, values: Array(values)))], losses: losses,
      projectedGradient: squares.squareRoot(), epsilon: epsilon(at: context.step))
  }

  private func draw(_ context: StepContext) -> [CoordinateDirection.Coordinate] {
    if case .chosen(let chosen) = coordinates { return chosen }
    let blocks = context.layout.trainable
    func coordinate(_ number: Int) -> CoordinateDirection.Coordinate {
      var element = number
      for block in blocks {
        if element < block.count { return .init(block: block.index, element: element) }
        element -= block.count
      }
      preconditionFailure("coordinate \(number) outside the trainable blocks")
    }
    guard case .random(let count) = coordinates else {
      return blocks.flatMap { block in (0..<block.count).map { .init(block: block.index, element: $0) } }
    }
    // Floyd's algorithm for sampling without replacement: it takes `count` draws for any d.
    var stream = RandomStream(context.key.child(.query))
    var drawn: Set<Int> = []
    var order: [Int] = []
    let total = context.layout.trainableCount
    for last in (total - count)..<total {
      let candidate = stream.below(last + 1)
      let pick = drawn.contains(candidate) ? last : candidate
      drawn.insert(pick)
      order.append(pick)
    }
    return order.map(coordinate)
  }
}
