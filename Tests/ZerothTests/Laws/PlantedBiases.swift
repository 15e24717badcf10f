import Foundation
import Testing
import Zeroth
import ZerothTestKit

/// Two-sided differences whose mean is the gradient, or is not, at some step and in some way.
private struct BiasedEstimator: GradientEstimator {
  typealias Direction = FlatDirection

  enum Kind: Hashable {
    /// g = c z.
    case plain
    /// Along z/2: E[g] = grad L / 4.
    case short
    /// g = sign(c) z: E[g] = sqrt(2/pi) grad L / ||grad L||.
    case signOfTheDifference
    /// Along S z, S doubling every other coordinate: E[g] = S^2 grad L.
    case unequal, unequalLater
    /// g = -c z, on the vectors alone or everywhere.
    case climbs, climbsLater, climbsOnVectors
    /// ConMeZO (arXiv 2511.02757) with its angle of 1.35 and beta = 0.95: z = sqrt(d) (cos(1.35) m/||m|| + sin(1.35) u),
    /// u on the unit sphere; m <- beta m + (1 - beta) c z.
    case aboutMomentum
    /// (c z + 3 c' z')/4 with the c' z' of the step before.
    case addsTheLast
    /// The estimate of step 0 at every step.
    case stale
    /// c z + g_0 - c_0 z, with c_0 along z and the estimate g_0, both of step 0's theta; or c_0 z forgotten.
    case controlVariate, halfAControlVariate
    /// LGE of rank 1 whose V is drawn at step 0 and held.
    case holdsV
  }

  let kind: Kind
  private var held: [Float] = []
  private var anchor: FlatDirection?

  init(_ kind: Kind) { self.kind = kind }

  func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    step > 0 && (kind == .controlVariate || kind == .halfAControlVariate) ? 4 : 2
  }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<FlatDirection> {
    let isLater = context.step > 0
    let z = direction(context)
    var estimate = try finiteDifferences(
      of: objective, at: theta, along: [z], on: context.batch, epsilon: 1e-3)
    let c = estimate.terms[0].coefficient
    switch kind {
    case .signOfTheDifference: estimate.terms[0].coefficient = c < 0 ? -1 : 1
    case .climbs: estimate.terms[0].coefficient = -c
    case .climbsLater where isLater: estimate.terms[0].coefficient = -c
    case .climbsOnVectors: estimate.terms[0].direction = z.scaled { block, _ in block.isMatrix ? 1 : -1 }
    case .aboutMomentum:
      held = z.values.enumerated().map { i, z in 0.95 * (held.isEmpty ? 0 : held[i]) + 0.05 * Float(c) * z }
    case .addsTheLast:
      if let anchor { estimate.terms = [(c / 4, z), (0.75, anchor)] }
      anchor = z.scaled { _, _ in Float(c) }
    case .stale where isLater:
      if let anchor { estimate.terms = [(1, anchor)] }
    case .stale: anchor = z.scaled { _, _ in Float(c) }
    case .controlVariate, .halfAControlVariate:
      guard isLater, let anchor else {
        anchor = z.scaled { _, _ in Float(c) }
        held = theta.flattened()
        break
      }
      let there = try finiteDifferences(
        of: objective, at: theta.moved(to: held), along: [z], on: context.batch, epsilon: 1e-3)
      let taken = kind == .controlVariate ? there.terms[0].coefficient : 0
      estimate.losses += there.losses
      estimate.terms = [(c - taken, z), (1, anchor)]
    default: break
    }
    return estimate
  }

  mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("held", &held)
    var values = anchor?.values ?? []
    try state.code("anchor", &values)
    anchor = values.isEmpty ? nil : FlatDirection(values, state.layout)
  }

  /// What is measured along.
  private mutating func direction(_ context: StepContext) -> FlatDirection {
    let layout = context.layout
    let z = FlatDirection(DenseDirection(context.key, layout: layout), layout)
    switch kind {
    case .short: return z.scaled { _, _ in 0.5 }
    case .unequal: return z.scaled { _, i in i % 2 == 0 ? 1 : 2 }
    case .unequalLater where context.step > 1: return z.scaled { _, i in i % 2 == 0 ? 1 : 2 }
    case .aboutMomentum where !held.isEmpty:
      let u = FlatDirection(DenseDirection(context.key, distribution: .sphere, layout: layout), layout)
      let along = Float(cos(1.35) * Double(layout.parameterCount).squareRoot() / norm(held.map(Double.init)))
      return FlatDirection(zip(u.values, held).map { Float(sin(1.35)) * $0 + along * $1 }, layout)
    case .holdsV:
      if held.isEmpty { held = FlatDirection(DenseDirection(context.runKey, layout: layout), layout).values }
      let v = FlatDirection(held, layout)
      // U is the first column of the noise, V the first row of what is held.
      return FlatDirection(
        zip(layout.blocks, layout.flatRanges).flatMap { block, range in
          range.map { i in
            guard block.isMatrix else { return z.values[i] }
            let (row, column) = ((i - range.lowerBound) / block.columns, (i - range.lowerBound) % block.columns)
            return z.values[range.lowerBound + row * block.columns] * v.values[range.lowerBound + column]
          }
        }, layout)
    default: return z
    }
  }
}

/// A direction of stored floats.
private struct FlatDirection: Direction {
  let values: [Float]
  private let layout: ParameterLayout

  init(_ values: [Float], _ layout: ParameterLayout) {
    self.values = values
    self.layout = layout
  }

  init(_ direction: some Direction, _ layout: ParameterLayout) { self.init(direction.flattened(in: layout), layout) }

  func scaled(_ factor: (ParameterBlock, Int) -> Float) -> FlatDirection {
    FlatDirection(
      zip(layout.blocks, layout.flatRanges).flatMap { block, range in range.map { factor(block, $0) * values[$0] } },
      layout)
  }

  func add(to target: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    let start = layout.flatRanges[block.index].lowerBound + rows.lowerBound * block.columns
    for i in 0..<target.count { target[i] += scale * values[start + i] }
  }
}

extension ParameterStore {
  /// A copy with other values.
  fileprivate borrowing func moved(to values: [Float]) -> ParameterStore {
    var theta = clone()
    for (block, range) in zip(layout.blocks, layout.flatRanges) { theta.fill(block, with: Array(values[range])) }
    return theta
  }
}

@Suite struct PlantedBiasTests {
  /// Sound for what they declare. Who declares more of a bias than there is, is sound too.
  @Test func declared() throws {
    let sound: [(BiasedEstimator.Kind, EstimatorTraits)] = [
      (.plain, []), (.plain, .proportional), (.plain, .scalesCoordinates), (.plain, .biased),
      (.short, .proportional), (.short, .scalesCoordinates), (.short, .biased), (.signOfTheDifference, .proportional),
      (.unequal, .scalesCoordinates), (.unequal, .biased), (.unequalLater, .scalesCoordinates),
      (.aboutMomentum, .biased), (.addsTheLast, [.biased, .recallsDirections]),
      (.controlVariate, .recallsDirections), (.holdsV, .recallsDirections), (.holdsV, .biased),
    ]
    for (kind, traits) in sound {
      #expect(throws: Never.self, "\(kind), \(traits)") {
        try checkEstimatorLaws(of: BiasedEstimator(kind), traits: traits)
      }
    }
  }

  @Test func planted() {
    let laws: [(BiasedEstimator.Kind, EstimatorTraits, LawViolation.Law, step: Int)] = [
      (.short, [], .estimatorIsUnbiased, 0), (.signOfTheDifference, [], .estimatorIsUnbiased, 0),
      (.unequal, [], .estimatorIsUnbiased, 0), (.unequalLater, [], .estimatorIsUnbiased, 3),
      (.aboutMomentum, [], .estimatorIsUnbiased, 3), (.holdsV, [], .estimatorIsUnbiased, 1),
      (.addsTheLast, .recallsDirections, .estimatorIsUnbiased, 1),
      (.stale, .recallsDirections, .estimatorIsUnbiased, 1),
      (.halfAControlVariate, .recallsDirections, .estimatorIsUnbiased, 1),
      (.unequal, .proportional, .estimatorIsProportional, 0),
      (.unequalLater, .proportional, .estimatorIsProportional, 3),
      (.climbs, .proportional, .estimatorIsProportional, 0),
      (.climbsLater, .proportional, .estimatorIsProportional, 1),
      (.stale, [.proportional, .recallsDirections], .estimatorIsProportional, 3),
      (.climbs, .scalesCoordinates, .estimatorScalesCoordinates, 0),
      (.climbsLater, .scalesCoordinates, .estimatorScalesCoordinates, 1),
      (.climbsOnVectors, .scalesCoordinates, .estimatorScalesCoordinates, 0),
      (.climbs, .biased, .estimatorDescends, 0), (.climbsLater, .biased, .estimatorDescends, 1),
    ]
    for (kind, traits, law, step) in laws {
      let found = #expect(throws: LawViolation.self, "\(kind), \(traits)") {
        try checkEstimatorLaws(of: BiasedEstimator(kind), traits: traits)
      }
      let words = found?.description ?? "passes"
      #expect(found?.law == law && words.contains("at step \(step),"), "\(kind), \(traits): \(words)")
    }
  }

  /// Too few seeds are no proof: the law asks for more.
  @Test func tooFewSeeds() {
    for (traits, law): (EstimatorTraits, LawViolation.Law) in [
      ([], .estimatorIsUnbiased), (.proportional, .estimatorIsProportional), (.biased, .estimatorDescends),
    ] {
      let found = #expect(throws: LawViolation.self) {
        try checkEstimatorLaws(of: BiasedEstimator(.plain), traits: traits, seeds: 20)
      }
      #expect(found?.law == law && found?.expected.contains("more seeds") == true)
    }
  }
}
