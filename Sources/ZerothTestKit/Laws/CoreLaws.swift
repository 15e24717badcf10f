import Zeroth

/// Throws `LawViolation` unless the directions of `estimator` keep the laws of `CoreDirection`, on the trainable blocks of `layout`.
///
///     try checkCoreLaws(of: LowRankEstimator(rank: 2, interval: 3, queries: 2))
///
/// Carrying cores over to another frame is checked only if the frame changes within `steps` steps.
public func checkCoreLaws<E: GradientEstimator>(
  of estimator: E, in layout: ParameterLayout = .small, steps: Int = 8
) throws where E.Direction: CoreDirection {
  let quadratic = Quadratic(layout)
  let theta = quadratic.start()
  var estimator = estimator
  var frames: [E.Direction] = []
  for step in 0..<steps {
    let context = StepContext(step: step, runKey: StreamKey(seed: 21), layout: layout)
    let estimate = try estimator.estimate(at: theta, context: context, objective: quadratic)
    try demand(
      .coreFrameIsShared, Set(estimate.terms.map { $0.direction.frameKey }).count == 1,
      found: "several at step \(step)",
      expected: "one")
    for term in estimate.terms { try checkImage(of: term.direction, layout) }
    frames.append(estimate.coreFrame)
  }
  guard let last = frames.last, let old = frames.first(where: { $0.frameKey != last.frameKey }) else { return }
  try checkCarry(from: old, to: last, layout)
}

/// Checks that the image of the core equals the direction, to rounding, and that the image obeys the laws of a
/// direction.
private func checkImage<D: CoreDirection>(of direction: D, _ layout: ParameterLayout) throws(LawViolation) {
  var cores = CoreVector(for: direction, in: layout)
  cores.decayAndAdd(0, WeightedSum(Few(count: 1) { _ in (weight: 1, direction: direction) }))
  let image = direction.image(of: cores, scale: -0.5)
  for block in layout.trainable {
    let values = direction.values(of: block)
    let largest = values.reduce(0) { max($0, abs($1)) }
    for (i, value) in image.values(of: block).enumerated() {
      try demand(
        .coreImageIsTheDirection, abs(value + 0.5 * values[i]) <= 1e-5 * largest,
        found: "\(value) at element \(i) of \(block.name), at a scale of -0.5", expected: "\(-0.5 * values[i])")
    }
  }
  try checkDirectionLaws(of: image, in: layout)
}

/// Checks the conversion of cores to another frame. The part of the old image that is lost has to be orthogonal to all
/// images of the new frame, because then no image of the new frame is nearer. The tolerance is 1e-4 of the lengths,
/// because cores are floats. Vectors have to stay the same, bit for bit.
private func checkCarry<D: CoreDirection>(from old: D, to new: D, _ layout: ParameterLayout) throws(LawViolation) {
  let before = normalCores(of: old, layout, seed: 22)
  var carried = before
  carried.carry(to: new)
  try demand(
    .coreIsCarriedOver, carried.frameKey == new.frameKey, found: "the key of another frame", expected: "the new frame's"
  )
  let (was, became) = (old.image(of: before, scale: 1), new.image(of: carried, scale: 1))
  for seed in 23..<26 as Range<UInt64> {
    let other = new.image(of: normalCores(of: new, layout, seed: seed), scale: 1)
    for block in layout.trainable {
      let (a, b) = (was.values(of: block).map(Double.init), became.values(of: block).map(Double.init))
      guard block.isMatrix else {
        try demand(
          .coreIsCarriedOver, a == b, found: "other values of the vector \(block.name)", expected: "those before")
        continue
      }
      let probe = other.values(of: block).map(Double.init)
      let left = dot(zip(a, b).map { $0 - $1 }, probe)
      try demand(
        .coreIsCarriedOver, abs(left) <= 1e-4 * norm(a) * norm(probe),
        found: "a part of \(left / (norm(a) * norm(probe))) of what was lost of \(block.name) along another image",
        expected: "0 to 1e-4")
    }
  }
}

private func normalCores<D: CoreDirection>(of direction: D, _ layout: ParameterLayout, seed: UInt64) -> CoreVector {
  var cores = CoreVector(for: direction, in: layout)
  cores.forEachCore { block, core in
    _ = core.update(fromContentsOf: normals(core.count, seed: seed, index: block.index))
  }
  return cores
}
