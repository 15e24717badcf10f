import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothTestKit

/// LGE of rank 1 that holds the key of its V for three steps, and codes it well or not.
private struct Windowed: GradientEstimator {
  typealias Direction = LowRankProbe

  enum Bug: CaseIterable {
    case none
    /// V is drawn anew at the step after a restore.
    case forgetsTheWindow
    /// What is restored is the window that the optimiser had before.
    case keepsAStaleWindow
  }
  let bug: Bug
  private var right: StreamKey?

  init(_ bug: Bug) { self.bug = bug }

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 2 }
  var stateCount: Int { right == nil ? 0 : 2 }

  mutating func codeState(_ state: StateCoder) throws(InputError) {
    var key = right ?? StreamKey(seed: 0)
    let own = key
    try state.code("right", &key)
    switch bug {
    case .none: right = key
    case .forgetsTheWindow: if state.isRestoring { right = nil }
    case .keepsAStaleWindow: right = own
    }
  }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws(O.Failure) -> GradientEstimate<LowRankProbe> {
    let key = context.step % 3 == 0 ? nil : right
    let right = key ?? context.key.child(.right)
    self.right = right
    let probe = LowRankProbe(rank: 1, leftKey: context.key.child(.left), rightKey: right)
    return try finiteDifferences(of: objective, at: theta, along: [probe], on: context.batch, epsilon: 1e-3)
  }
}

/// EMA momentum in a stored vector, coded well or not.
private struct HeldMomentum: StepRule {
  typealias Direction = LowRankProbe

  enum Bug: CaseIterable {
    case none
    /// Nothing is coded.
    case codesNothing
    /// Something is coded, and not the moment.
    case forgetsItsMoment
    /// The moment loses its last bits.
    case roundsItsMoment
    /// The moment comes back with another block's values in front.
    case readsInAnotherOrder
  }
  let bug: Bug
  let learningRate: Schedule = 0.01
  private var moment: [Float] = []
  private var updates = 0

  init(_ bug: Bug) { self.bug = bug }

  var stateCount: Int { moment.count }

  mutating func codeState(_ state: StateCoder) throws(InputError) {
    guard bug != .codesNothing else { return }
    try state.code("updates", &updates)
    guard bug != .forgetsItsMoment else { return }
    try state.code("moment", &moment)
    guard state.isRestoring else { return }
    if bug == .roundsItsMoment { moment = moment.map { Float(bitPattern: $0.bitPattern & ~0xFFF) } }
    if bug == .readsInAnotherOrder { moment.reverse() }
  }

  mutating func update(from estimate: GradientEstimate<LowRankProbe>, context: StepContext) -> StoredDirection {
    let g = estimate.flattened(in: context.layout)
    if moment.isEmpty { moment = g.map { _ in 0 } }
    for i in g.indices { moment[i] = 0.9 * moment[i] + 0.1 * Float(g[i]) }
    updates += 1
    var vector = StoredVector(context.layout.blocks)
    let (values, ranges) = (moment, context.layout.flatRanges)
    vector.forEachPanel { block, rows, target in
      let first = ranges[block.index].lowerBound + rows.lowerBound * block.columns
      for i in 0..<target.count { target[i] = values[first + i] }
    }
    return StoredDirection(vector, scale: -0.01)
  }
}

@Suite struct PlantedStateTests {
  @Test func soundStatesPass() throws {
    try checkStateLaws(of: Optimizer(estimator: Windowed(.none), rule: HeldMomentum(.none), seed: 3))
  }

  @Test func planted() {
    for bug in Windowed.Bug.allCases where bug != .none {
      expectViolation(.stateGoesOn) {
        try checkStateLaws(of: Optimizer(estimator: Windowed(bug), rule: HeldMomentum(.none), seed: 3))
      }
    }
    for bug in HeldMomentum.Bug.allCases where bug != .none {
      expectViolation(.stateGoesOn) {
        try checkStateLaws(of: Optimizer(estimator: Windowed(.none), rule: HeldMomentum(bug), seed: 3))
      }
    }
  }
}

/// What a checkpoint is refused for, and that theta and the optimiser are then as before.
@Suite struct CheckpointTests {
  private let quadratic = Quadratic()

  private func lozo(rank: Int = 2, interval: Int = 3, seed: UInt64 = 5)
    -> Optimizer<LowRankEstimator, LowRankMomentum<LowRankProbe>, NoAdapter>
  {
    Optimizer(
      estimator: LowRankEstimator(rank: rank, interval: interval), rule: LowRankMomentum(learningRate: 0.01), seed: seed
    )
  }

  /// A checkpoint of LOZO-M after four steps.
  private func checkpoint(_ scratch: borrowing Scratch) throws -> String {
    var optimizer = lozo()
    var theta = quadratic.start()
    for _ in 0..<4 { try optimizer.step(&theta, quadratic) }
    let path = scratch.path + "/a.state"
    try optimizer.save(theta, to: path)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == optimizer.stateSize(with: theta))
    return path
  }

  private func refusal<E: GradientEstimator, R: StepRule, A: LayerAdapter>(
    _ optimizer: Optimizer<E, R, A>, _ path: String
  ) -> InputError? {
    var optimizer = optimizer
    var theta = quadratic.start()
    let before = theta.flattened()
    let error = refusal(&optimizer, &theta, path)
    #expect(theta.flattened() == before && optimizer.nextStep == 0)
    return error
  }

  private func refusal<E: GradientEstimator, R: StepRule, A: LayerAdapter>(
    _ optimizer: inout Optimizer<E, R, A>, _ theta: inout ParameterStore, _ path: String
  ) -> InputError? {
    do {
      try optimizer.restore(&theta, from: path)
    } catch {
      return error
    }
    Issue.record("a checkpoint that is to be refused is taken")
    return nil
  }

  @Test func ofAnotherComposition() throws {
    let scratch = try Scratch()
    let path = try checkpoint(scratch)
    let mezo = Optimizer(estimator: RandomizedEstimator(), rule: SGD(learningRate: 0.01), seed: 5)
    #expect(refusal(mezo, path)?.subject == "\(path): estimator")
    let lozoAlone = Optimizer(estimator: LowRankEstimator(interval: 3), rule: SGD(learningRate: 0.01), seed: 5)
    #expect(refusal(lozoAlone, path)?.subject == "\(path): rule")
    #expect(refusal(lozo(rank: 1), path)?.subject == "\(path): estimator.rank")
    #expect(refusal(lozo(interval: 4), path)?.subject == "\(path): estimator.interval")
    #expect(refusal(lozo(seed: 6), path)?.subject == "\(path): seed")
  }

  @Test func ofAnotherLayout() throws {
    let scratch = try Scratch()
    let path = try checkpoint(scratch)
    var optimizer = lozo()
    var theta = ParameterStore(try ParameterLayout.small.training(only: .roles("query")))
    let error = refusal(&optimizer, &theta, path)
    #expect(error?.subject == "\(path): layout")
  }

  @Test func damaged() throws {
    let scratch = try Scratch()
    let path = try checkpoint(scratch)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    for place in stride(from: 0, to: whole.count, by: 37) {
      var data = whole
      data[place] ^= 4
      try data.write(to: URL(fileURLWithPath: path))
      _ = refusal(lozo(), path)
    }
    for end in stride(from: 0, to: whole.count, by: 101) {
      try whole.prefix(end).write(to: URL(fileURLWithPath: path))
      _ = refusal(lozo(), path)
    }
    try (whole + [0]).write(to: URL(fileURLWithPath: path))
    _ = refusal(lozo(), path)
    #expect(refusal(lozo(), scratch.path + "/none")?.found == "no file that can be read")
  }

  /// What was changed between steps goes on too, and so does what a loop of one's own adds.
  @Test func changedBetweenSteps() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/a.state"
    func run(savesAt cut: Int?) throws -> [Float] {
      var optimizer = lozo()
      var theta = quadratic.start()
      var epochs = 0
      for step in 0..<9 {
        if step == 4 {
          optimizer.rule.learningRate = 0.002
          optimizer.estimator.epsilon = 1e-2
          optimizer.estimator.queries = 3
          epochs = 7
        }
        if step == cut {
          try optimizer.save(theta, to: path) { (state) throws(InputError) in try state.code("epochs", &epochs) }
          optimizer = lozo()
          theta = quadratic.start()
          epochs = 0
          try optimizer.restore(&theta, from: path) { (state) throws(InputError) in try state.code("epochs", &epochs) }
          #expect(epochs == 7)
        }
        let report = try optimizer.step(&theta, quadratic)
        #expect(report.forwards == (step < 4 ? 2 : 6) && report.epsilon == (step < 4 ? 1e-3 : 1e-2))
      }
      return theta.flattened()
    }
    #expect(try run(savesAt: 6) == run(savesAt: nil))
  }
}
