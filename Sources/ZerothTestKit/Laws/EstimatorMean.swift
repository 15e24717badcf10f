import Foundation
import Zeroth

/// Checks that the mean of the estimates at steps 0, 1, 3 and 7 is what `traits` says: the gradient, a positive
/// multiple of it, the gradient with scaled coordinates, or a vector against which a step descends.
///
/// At step 0 the mean is over `seeds` keys, at each later step over a quarter as many. The estimator first makes the
/// earlier steps of one run, and the mean is given what it then holds. An estimator that recalls directions has the
/// noise of earlier steps in its estimates, so its mean is over as many whole runs. theta is the same in all of them:
/// it follows `TurningPath`, on which the gradient is known and two-sided differences are exact.
func checkMean<E: GradientEstimator>(
  _ original: E, _ traits: EstimatorTraits, _ layout: ParameterLayout, seeds: Int
) throws {
  let path = TurningPath(layout)
  let recalls = traits.contains(.recallsDirections)
  var held = original
  var runs = [E](repeating: original, count: max(4, seeds))
  for step in 0...7 {
    let theta = path.theta(at: step)
    if step == 1 { runs.removeLast(runs.count - max(4, seeds / 4)) }
    func estimate(_ estimator: inout E, _ seed: Int) throws -> [Double] {
      let context = StepContext(step: step, runKey: StreamKey(seed: UInt64(seed)), layout: layout)
      return try estimator.estimate(at: theta, context: context, objective: path.quadratic).flattened(in: layout)
    }
    let isChecked = [0, 1, 3, 7].contains(step)
    if recalls || isChecked {
      var mean = MeanEstimate(traits, at: step, gradient: path.gradient(at: theta), layout, seeds: runs.count)
      for seed in runs.indices {
        if !recalls { runs[seed] = held }
        mean.add(try estimate(&runs[seed], seed))
      }
      if isChecked { try mean.check() }
    }
    _ = try estimate(&held, max(4, seeds))
  }
}

/// A path of theta on a quadratic. At each step theta moves away from the optimum by half of its first distance, and
/// turns around it by 10 degrees, in the planes of neighbouring coordinates of a block. So the gradient at an earlier
/// theta is far from the current gradient, and the noise of an estimate is small in comparison; but the gradient turns
/// slowly enough for a momentum to build up along it.
private struct TurningPath {
  let quadratic: Quadratic
  private let layout: ParameterLayout

  init(_ layout: ParameterLayout) {
    quadratic = Quadratic(layout)
    self.layout = layout
  }

  func theta(at step: Int) -> ParameterStore {
    let growth = 1 + 0.5 * Double(step)
    let angle = Double(step) * .pi / 18
    let (along, across) = (growth * cos(angle), growth * sin(angle))
    var theta = quadratic.start()
    for (block, range) in zip(layout.blocks, layout.flatRanges) where block.isTrainable {
      let optimum = quadratic.optimum[range]
      let distance = zip(theta.values(of: block), optimum).map { Double($0) - $1 }
      let turned = distance.indices.map { i in
        let partner = i ^ 1
        guard distance.indices.contains(partner) else { return growth * distance[i] }
        return along * distance[i] + (i < partner ? -across : across) * distance[partner]
      }
      theta.fill(block, with: zip(turned, optimum).map { Float($0 + $1) })
    }
    return theta
  }

  /// The exact gradient; 0 on frozen blocks.
  func gradient(at theta: borrowing ParameterStore) -> [Double] {
    var gradient = quadratic.gradient(at: theta, on: Batch(step: 0))
    for (block, range) in zip(layout.blocks, layout.flatRanges) where !block.isTrainable {
      for i in range { gradient[i] = 0 }
    }
    return gradient
  }
}

/// The mean of the estimates of one step, and the gradient at that step.
///
/// The mean that is found and the one that is claimed may differ by 6 standard errors, and by 2e-3 of the gradient for
/// the rounding of theta and losses. A difference of 6 standard errors has a probability of 2e-9. With 62 coordinates
/// and 4 parts at 4 steps, a correct estimator fails for less than one choice of the seeds in 10^6, and the seeds are
/// fixed.
private struct MeanEstimate {
  private let traits: EstimatorTraits
  private let step: Int
  private let seeds: Int
  private let gradient: [Double]
  private let length: Double
  private var moments: Moments
  /// The groups of blocks on which the part along the gradient is tested: all blocks, then the matrices and the
  /// vectors.
  private let groups: [(name: String, ranges: [Range<Int>])]
  private var along: Moments
  /// `off` is the unit vector along the deviation of the mean over the first half of the seeds. `alongOff` has the
  /// parts of the second half along it, in units of the gradient. A bias that is spread over many coordinates adds up
  /// in these parts.
  private var off: [Double]?
  private var alongOff = Moments(1)

  init(_ traits: EstimatorTraits, at step: Int, gradient: [Double], _ layout: ParameterLayout, seeds: Int) {
    self.traits = traits
    self.step = step
    self.seeds = seeds
    self.gradient = gradient
    length = norm(gradient)
    moments = Moments(gradient.count)
    let trainable = zip(layout.blocks, layout.flatRanges).filter(\.0.isTrainable)
    groups = [
      ("all blocks", trainable.map(\.1)), ("matrices", trainable.filter(\.0.isMatrix).map(\.1)),
      ("vectors", trainable.filter { !$0.0.isMatrix }.map(\.1)),
    ].filter { !$0.1.isEmpty }
    along = Moments(groups.count)
  }

  mutating func add(_ estimate: [Double]) {
    moments.add(estimate)
    along.add(
      groups.map { group in
        var (product, square) = (0.0, 0.0)
        for range in group.ranges {
          for i in range {
            product += estimate[i] * gradient[i]
            square += gradient[i] * gradient[i]
          }
        }
        return product / square
      })
    if let off {
      alongOff.add([dot(estimate, off) / length])
    } else if moments.count == seeds / 2 {
      let multiple = traits.contains(.proportional) ? along.mean[0] : 1
      let rest = zip(moments.mean, gradient).map { $0 - multiple * $1 }
      let size = norm(rest)
      off = rest.map { size > 0 ? $0 / size : 0 }
    }
  }

  func check() throws(LawViolation) {
    if traits.contains(.biased) {
      try demandDescent(.estimatorDescends)
    } else if traits.contains(.scalesCoordinates) {
      try demandDescent(.estimatorScalesCoordinates)
      try demandNoneAgainst()
    } else if traits.contains(.proportional) {
      try demandDescent(.estimatorIsProportional)
      try demandMultiple(of: along.mean[0], knownTo: along.standardError[0], .estimatorIsProportional)
    } else {
      try demandMultiple(of: 1, knownTo: 0, .estimatorIsUnbiased)
    }
  }

  /// Checks that the part along the gradient is above 0.
  private func demandDescent(_ law: LawViolation.Law) throws(LawViolation) {
    let (part, error) = (along.mean[0], along.standardError[0])
    try demand(
      law, part > 6 * error, found: "\(part) +- \(error) times the gradient \(place)",
      expected: "more than 0 by 6 standard errors; more seeds where they are too few to tell")
  }

  /// Checks that the mean has no part against the gradient: not at any coordinate, and not on all matrices or all
  /// vectors together.
  private func demandNoneAgainst() throws(LawViolation) {
    for (group, (part, error)) in zip(groups, zip(along.mean, along.standardError)) {
      try demand(
        .estimatorScalesCoordinates, part >= -6 * error,
        found: "\(part) +- \(error) times the gradient on \(group.name) \(place)", expected: "no less than 0")
    }
    for (i, error) in moments.standardError.enumerated() {
      let part = gradient[i] < 0 ? -moments.mean[i] : moments.mean[i]
      try demand(
        .estimatorScalesCoordinates, part >= -6 * error - rounding * along.mean[0],
        found: "a mean of \(moments.mean[i]) +- \(error) at coordinate \(i) \(place)",
        expected: "0 or the sign of the gradient, which is \(gradient[i])")
    }
  }

  /// Checks that the mean is `multiple` times the gradient. The parts along the gradient have to be known to 8 % at
  /// step 0, so that an error of half a part cannot be hidden, and to 16 % at later steps, so that a missing part
  /// cannot be hidden.
  private func demandMultiple(
    of multiple: Double, knownTo uncertainty: Double, _ law: LawViolation.Law
  ) throws(LawViolation) {
    let known = (step == 0 ? 0.08 : 0.16) * multiple
    for (group, (part, error)) in zip(groups, zip(along.mean, along.standardError)) {
      let found = "\(part) +- \(error) times the gradient on \(group.name) \(place)"
      try demand(law, error < known, found: found, expected: "an error below \(known): more seeds")
      try demand(
        law, abs(part - multiple) <= 6 * (error + uncertainty) + 2e-3 * multiple, found: found, expected: "\(multiple)")
    }
    let expected = traits.contains(.proportional) ? 0 : dot(gradient, off ?? []) / length
    let (part, error) = (alongOff.mean[0] - expected, alongOff.standardError[0])
    try demand(
      law, abs(part) <= 6 * error + 2e-3 * multiple,
      found: "\(part) +- \(error) of the gradient's length in a direction where there should be none, \(place)",
      expected: "\(multiple) times the gradient and no more")
    for (i, error) in moments.standardError.enumerated() {
      let margin = 6 * (error + uncertainty * abs(gradient[i])) + rounding * multiple
      try demand(
        law, abs(moments.mean[i] - multiple * gradient[i]) <= margin,
        found: "a mean of \(moments.mean[i]) +- \(error) at coordinate \(i) \(place)",
        expected: "\(multiple * gradient[i])")
    }
  }

  /// 2e-3 of the root mean square of the gradient's coordinates.
  private var rounding: Double { 2e-3 * length / Double(gradient.count).squareRoot() }
  private var place: String { "at step \(step), of \(seeds) seeds" }
}
