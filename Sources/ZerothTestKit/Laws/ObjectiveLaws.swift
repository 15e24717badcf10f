import Zeroth

/// Throws `LawViolation` unless `objective` keeps the laws of `Objective` at theta on the mini-batch `batch`.
///
/// Many points are measured in one call: `offset` and its negative along each of `directions`, or along eight Gaussian
/// directions, and theta itself. `offset` has to change the loss by more than rounding does, so that a loss measured at
/// the wrong point is noticed. Losses have to agree to `tolerance`, relative to the largest of them.
public func checkObjectiveLaws<O: Objective & ~Copyable>(
  of objective: borrowing O, at theta: borrowing ParameterStore, on batch: Batch = Batch(step: 0),
  along directions: [any Direction]? = nil, offset: Float = 0.02, tolerance: Double = 1e-5
) throws {
  let key = StreamKey(seed: 17)
  let layout = theta.layout
  let directions = directions ?? (0..<8).map { DenseDirection(key.child(.query, $0), layout: layout) }
  var points = Points()
  for (i, direction) in directions.enumerated() {
    points.append(direction, at: i == 1 ? [0, offset] : [offset, -offset])
  }
  let watch = ThetaWatch(theta)
  let together = try objective.losses(at: points, from: theta, on: batch)
  try demand(
    .objectivePointsAreTheirOwn, together.count == points.count, found: "\(together.count) losses",
    expected: "one for each of \(points.count) points")
  let scale = max(1, together.map(abs).max() ?? 1)
  let byExample = try objective.losses(at: points, from: theta, on: batch, grain: .example)
  let count = try objective.exampleLosses(at: theta, on: batch).count
  try demand(
    .objectiveExamplesMakeTheLoss, count > 0 && byExample.count == count * points.count,
    found: "\(byExample.count) losses at \(points.count) points", expected: "\(count) for each, as at theta")
  for i in points.indices {
    let place = Points(along: points.direction(of: i), at: [points[i].offset])
    let alone = try objective.losses(at: place, from: theta, on: batch)[0]
    try demand(
      .objectivePointsAreTheirOwn, abs(together[i] - alone) <= tolerance * scale,
      found: "\(together[i]) at point \(i) of \(points.count)", expected: "\(alone), which it has alone")
    let mean = byExample[(i * count)..<((i + 1) * count)].reduce(0, +) / Double(count)
    try demand(
      .objectiveExamplesMakeTheLoss, abs(mean - together[i]) <= tolerance * scale,
      found: "a mean of \(mean) over \(count) examples at point \(i)", expected: "\(together[i]), the loss")
    for (j, loss) in try objective.losses(at: place, from: theta, on: batch, grain: .example).enumerated() {
      try demand(
        .objectivePointsAreTheirOwn, abs(byExample[i * count + j] - loss) <= tolerance * scale * Double(count),
        found: "\(byExample[i * count + j]) for example \(j) at point \(i)", expected: "\(loss), which it has alone")
    }
  }
  let spread = (together.max() ?? 0) - (together.min() ?? 0)
  try demand(
    .objectivePointsAreTheirOwn, spread > 100 * tolerance * scale,
    found: "losses \(spread) apart at offsets of \(offset)", expected: "more than rounding: a larger offset")
  try checkExampleDirections(objective, theta, batch, offset, count: count, tolerance * scale * Double(count))
  watch.look()
  try demand(
    .objectiveLeavesTheta, watch.changedBlock == nil, found: "other bits in \(watch.changedBlock ?? "")",
    expected: "theta as it was")
  for threads in [1, 2] {
    let again = try withThreads(threads, isLoopless: true) { try objective.losses(at: points, from: theta, on: batch) }
    try demand(
      .objectiveRepeats, again.map(\.bitPattern) == together.map(\.bitPattern), found: "\(again) on \(threads) threads",
      expected: "\(together)")
  }
}

/// A Gaussian direction for each example.
private struct OneEach: ExampleDirections {
  let layout: ParameterLayout

  func direction(of example: Int) -> DenseDirection {
    DenseDirection(StreamKey(seed: 18).child(.query, example), layout: layout)
  }
}

/// Checks that the loss of an example along its own direction equals the loss that it has when all examples are
/// measured along this direction.
private func checkExampleDirections<O: Objective & ~Copyable>(
  _ objective: borrowing O, _ theta: borrowing ParameterStore, _ batch: Batch, _ offset: Float, count: Int,
  _ tolerance: Double
) throws {
  let directions = OneEach(layout: theta.layout)
  let offsets: Few<Float> = [offset, -offset, 0]
  let found = try objective.losses(ofExamplesAlong: directions, at: offsets, from: theta, on: batch)
  try demand(
    .objectiveExamplesHaveTheirDirections, found.count == offsets.count * count,
    found: "\(found.count) losses at \(offsets.count) offsets", expected: "\(count) for each")
  for example in 0..<count {
    let points = Points(along: directions.direction(of: example), at: offsets)
    let all = try objective.losses(at: points, from: theta, on: batch, grain: .example)
    for i in 0..<offsets.count {
      let place = i * count + example
      try demand(
        .objectiveExamplesHaveTheirDirections, abs(found[place] - all[place]) <= tolerance,
        found: "\(found[place]) for example \(example) at an offset of \(offsets[i])", expected: "\(all[place])")
    }
  }
}
