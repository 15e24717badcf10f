import Zeroth

/// Throws `LawViolation` unless `objective` keeps the laws of `DifferentiableObjective` at theta on the mini-batch `batch`.
///
/// The gradient is compared with central differences at `offset` along each of `directions`, or along four Gaussian
/// directions. They have to agree to `limit`, relative to the length of the gradient times that of the direction's part
/// along it; rounding of the loss is allowed for. Derivatives are compared with the inner products of the gradient, to
/// `tolerance`, relative to the same length.
public func checkDerivativeLaws<O: DifferentiableObjective & ~Copyable>(
  of objective: borrowing O, at theta: borrowing ParameterStore, on batch: Batch = Batch(step: 0),
  along directions: [any Direction]? = nil, offset: Float = 1e-3, limit: Double = 1e-2, tolerance: Double = 1e-5
) throws {
  let key = StreamKey(seed: 19)
  let layout = theta.layout
  let directions = directions ?? (0..<4).map { DenseDirection(key.child(.query, $0), layout: layout) }
  let watch = ThetaWatch(theta)
  // Values that the vector held before must have no effect.
  var gradient = StoredVector(layout.trainable, filledWith: 7)
  let loss = try objective.gradient(at: theta, on: batch, into: &gradient)
  let plain = try objective.loss(at: theta, on: batch)
  func demandLoss(_ found: Double, _ what: String) throws(LawViolation) {
    try demand(
      .objectiveDifferentiatesItsLoss, abs(found - plain) <= tolerance * max(1, abs(plain)),
      found: "\(found) with \(what)", expected: "\(plain)")
  }
  try demandLoss(loss, "the gradient")
  let length = gradient.product(with: StoredDirection(gradient, scale: 1)).squareRoot()
  for (i, direction) in directions.enumerated() {
    let product = gradient.product(with: direction)
    let scale = length + abs(product)
    let losses = try objective.losses(along: Erased(direction), at: [offset, -offset], from: theta, on: batch)
    let difference = (losses[0] - losses[1]) / Double(2 * offset)
    try demand(
      .objectiveGradientIsTheLimit, abs(difference - product) <= limit * scale,
      found: "a slope of \(product) along direction \(i)", expected: "\(difference), by central differences")
    let slope = try objective.derivative(along: Erased(direction), at: theta, on: batch)
    try demand(
      .objectiveDerivativeIsTheProduct, abs(slope.derivative - product) <= tolerance * scale,
      found: "\(slope.derivative) along direction \(i)", expected: "\(product)")
    try demandLoss(slope.loss, "a derivative")
  }
  watch.look()
  try demand(
    .objectiveLeavesTheta, watch.changedBlock == nil, found: "other bits in \(watch.changedBlock ?? "")",
    expected: "theta as it was")
  for threads in [1, 2] {
    var again = StoredVector(layout.trainable)
    _ = try withThreads(threads, isLoopless: true) { try objective.gradient(at: theta, on: batch, into: &again) }
    for block in layout.trainable {
      try demandSameBits(
        .objectiveRepeats, again.values(of: block), gradient.values(of: block), "\(block.name) on \(threads) threads")
    }
  }
}

/// A direction of unknown type, wrapped in a known type.
private struct Erased: Direction {
  private let base: any Direction

  init(_ base: any Direction) { self.base = base }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    base.add(to: &values, of: block, rows: rows, scale: scale)
  }
  func touches(_ block: ParameterBlock) -> Bool { base.touches(block) }
  var structure: DirectionStructure { base.structure }
}
