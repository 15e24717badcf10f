import Zeroth

/// Mean and variance of vectors, one pass (Welford).
private struct Moments {
  private(set) var count = 0
  private(set) var mean: [Double]
  private var squares: [Double]

  init(_ size: Int) {
    mean = [Double](repeating: 0, count: size)
    squares = mean
  }

  mutating func add(_ values: [Double]) {
    count += 1
    for (i, value) in values.enumerated() {
      let off = value - mean[i]
      mean[i] += off / Double(count)
      squares[i] += off * (value - mean[i])
    }
  }

  var variance: [Double] { squares.map { $0 / Double(count - 1) } }
  var standardError: [Double] { variance.map { ($0 / Double(count)).squareRoot() } }
}

/// The mean over runs of different seeds is the gradient of a quadratic, on which two-sided differences are exact.
///
/// Each coordinate, and the part along the gradient of the matrices and of the vectors, lies within 6 standard errors:
/// a right estimator fails less than once in 10^6 choices of the seeds, and these are fixed. The part along the gradient must
/// be known to 10 %, so that a factor of 1/2 or 2 cannot hide.
func checkUnbiased<E: GradientEstimator>(_ original: E, _ layout: ParameterLayout, seeds: Int) throws {
  let quadratic = Quadratic(layout)
  let theta = quadratic.start()
  let gradient = zip(quadratic.gradient(at: theta, on: Batch(step: 0)), trainableMask(layout)).map { $0 * $1 }
  // Every block's part of the gradient, added up over matrices and over vectors.
  let groups = [true, false].compactMap { isMatrix -> [Range<Int>]? in
    let ranges = zip(layout.blocks, layout.flatRanges).filter { $0.0.isMatrix == isMatrix && $0.0.isTrainable }.map(\.1)
    return ranges.isEmpty ? nil : ranges
  }
  var moments = Moments(gradient.count)
  var along = Moments(groups.count)
  for seed in 0..<seeds {
    var estimator = original
    let context = StepContext(step: 0, runKey: StreamKey(seed: UInt64(seed)), layout: layout)
    let estimate = try estimator.estimate(at: theta, context: context, objective: quadratic).flattened(in: layout)
    moments.add(estimate)
    along.add(
      groups.map { ranges in
        ranges.reduce(0) { $0 + dot(Array(estimate[$1]), Array(gradient[$1])) }
          / ranges.reduce(0) { $0 + dot(Array(gradient[$1]), Array(gradient[$1])) }
      })
  }
  for (mean, error) in zip(along.mean, along.standardError) {
    try demand(
      .estimatorIsUnbiased, error < 0.1, found: "the part along the gradient known to \(error) after \(seeds) seeds",
      expected: "0.1: more seeds")
    try demand(
      .estimatorIsUnbiased, abs(mean - 1) <= 6 * error + 2e-3,
      found: "\(mean) +- \(error) times the gradient, on matrices or on vectors", expected: "1")
  }
  let size = norm(gradient) / Double(gradient.count).squareRoot()
  for (i, error) in moments.standardError.enumerated() {
    try demand(
      .estimatorIsUnbiased, abs(moments.mean[i] - gradient[i]) <= 6 * error + 2e-3 * size,
      found: "a mean of \(moments.mean[i]) +- \(error) at coordinate \(i)", expected: "\(gradient[i])")
  }
}

/// Throws `LawViolation` unless the variance of the estimator that `make` makes for q queries is q times smaller with 4
/// queries than with one, to 25 %.
///
/// It is taken over the steps of one run, so that what is shared by the queries (V of LGE, given an interval of at least
/// `steps`) is the same in all of them.
public func checkVarianceLaw<E: GradientEstimator>(
  in layout: ParameterLayout = .small, steps: Int = 4000, _ make: (_ queries: Int) -> E
) throws {
  let quadratic = Quadratic(layout)
  let theta = quadratic.start()
  func variance(queries: Int) throws -> Double {
    var estimator = make(queries)
    var moments = Moments(layout.parameterCount)
    for step in 0..<steps {
      let context = StepContext(step: step, runKey: StreamKey(seed: 14), layout: layout)
      moments.add(
        try estimator.estimate(at: theta, context: context, objective: quadratic).flattened(in: layout))
    }
    return moments.variance.reduce(0, +)
  }
  let ratio = try variance(queries: 1) / variance(queries: 4)
  try demand(
    .estimatorAverages, (3...5).contains(ratio), found: "a variance \(ratio) times smaller with 4 queries",
    expected: "4")
}

/// 1 on trainable coordinates, 0 on frozen ones.
private func trainableMask(_ layout: ParameterLayout) -> [Double] {
  layout.blocks.flatMap { [Double](repeating: $0.isTrainable ? 1 : 0, count: $0.count) }
}
