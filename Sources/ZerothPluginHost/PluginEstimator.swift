import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// An estimator that a plugin implements. `D` is the kind of its directions: with factors or without.
struct PluginEstimator<D: PluginDirectionKind>: GradientEstimator {
  typealias Direction = D

  let grain: LossGrain
  private var instance: PluginInstance
  private let type: PluginType<zeroth_plugin_estimator>
  private let drawsBatches: Bool
  /// The rank of the first estimate. Later estimates must have the same rank.
  private var rank: Int?
  private var hasEstimated = false

  /// Makes the plugin's estimator with `options`.
  init(_ type: PluginType<zeroth_plugin_estimator>, _ options: OptionValues) throws(InputError) {
    self.type = type
    let instance = try PluginInstance(type.strategy, options)
    self.instance = instance
    let traits = instance.number("traits", type.functions.pointee.traits)
    var grain: Int64 = 0
    if type.functions.pointee.grain != nil {
      grain = instance.number("grain") { result in
        var grain: Int32 = 0
        defer { result.pointee = Int64(grain) }
        return zeroth_guarded_grain(type.functions, instance.state, &grain)
      }
    }
    try instance.checkFault()
    guard traits & ~Int64(ZEROTH_PLUGIN_DRAWS_BATCHES | ZEROTH_PLUGIN_RECALLS_DIRECTIONS) == 0 else {
      throw InputError(type.strategy.subject("traits"), found: "\(traits)", expected: "a sum of known traits")
    }
    guard [Int64(ZEROTH_PLUGIN_BATCH), Int64(ZEROTH_PLUGIN_EXAMPLE)].contains(grain) else {
      throw InputError(
        type.strategy.subject("grain"), found: "\(grain)", expected: "ZEROTH_PLUGIN_BATCH or ZEROTH_PLUGIN_EXAMPLE")
    }
    drawsBatches = traits & Int64(ZEROTH_PLUGIN_DRAWS_BATCHES) != 0
    self.grain = grain == Int64(ZEROTH_PLUGIN_EXAMPLE) ? .example : .batch
  }

  func validate(_ layout: ParameterLayout) throws(InputError) { try instance.validate(layout) }

  /// The number of forward passes of a step. If the plugin gives an impossible number, it is 0 and a fault is recorded.
  func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    let seen = instance.layout(layout)
    let count = instance.number("forwards") {
      zeroth_guarded_forwards(type.functions, instance.state, seen.pointer, Int64(step), $0)
    }
    let most = 1 << 40
    guard !instance.fault.hasHappened, (1...Int64(most)).contains(count) else {
      instance.fault.record(
        InputError(type.strategy.subject("forwards"), found: "\(count) at step \(step)", expected: "1 to \(most)"))
      return 0
    }
    return Int(count)
  }

  var stateCount: Int { instance.stateCount }

  mutating func codeState(_ state: StateCoder) throws(InputError) { try PluginInstance.code(&instance, state) }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> GradientEstimate<D> {
    if !isKnownUniquelyReferenced(&instance) { instance = instance.copy() }
    let session = EstimateSession(
      instance, context, declared: forwards(at: context.step, in: context.layout), grain, drawsBatches: drawsBatches,
      isChecked: type.strategy.checksAlways || !hasEstimated)
    var (parameters, asked, result) = (session.parameters, session.objective, session.result)
    var thrown: O.Failure?
    let isMade = try session.run(
      "estimate", expected: "an estimate", reading: theta.stored(),
      { request in
        guard case .losses(let points, let batch, let grain) = request else { return nil }
        do throws(O.Failure) {
          return Array(try objective.losses(at: points, from: theta, on: batch, grain: grain))
        } catch {
          thrown = error
          return nil
        }
      },
      body: { step, failure, status in
        zeroth_guarded_estimate(
          type.functions, instance.state, PluginServices.table, step, &parameters, &asked, &result, failure, status)
      })
    if let thrown { throw thrown }
    precondition(isMade, "an estimate that the objective stopped has an error of it")
    hasEstimated = true
    if let problem = session.problem(result, isLowRank: type.isLowRank, rank: rank) {
      instance.fault.record(problem)
      throw problem
    }
    if type.isLowRank { rank = session.terms.first?.direction.rank }
    let sum = session.terms.reduce(0) { $0 + $1.coefficient }
    return GradientEstimate(
      terms: Few(session.terms.map { ($0.coefficient, D($0.direction)) }), losses: Few(session.losses),
      projectedGradient: result.projected_gradient.isNaN ? sum : result.projected_gradient,
      epsilon: result.epsilon.isNaN ? nil : result.epsilon, check: instance.fault.check)
  }
}

/// One call of the plugin's `estimate`.
private final class EstimateSession: PluginSession {
  private(set) var terms: [(coefficient: Double, direction: PluginDirectionData)] = []
  private let ownGrain: LossGrain
  private let ownDraws: Bool
  private let checks: Bool

  init(
    _ instance: PluginInstance, _ context: StepContext, declared: Int, _ grain: LossGrain, drawsBatches: Bool,
    isChecked: Bool
  ) {
    ownGrain = grain
    ownDraws = drawsBatches
    checks = isChecked
    super.init(instance, "estimate", context, declared: declared)
  }

  override var grain: LossGrain { ownGrain }
  override var drawsBatches: Bool { ownDraws }
  override var isChecked: Bool { checks }

  /// The struct into which the plugin writes the estimate.
  var result: zeroth_plugin_result {
    zeroth_plugin_result(
      size: UInt64(MemoryLayout<zeroth_plugin_result>.size),
      add_term: { result, coefficient, direction in
        PluginSession.serve(result?.pointee.host, as: EstimateSession.self) { session throws(InputError) in
          guard session.terms.count < 1 << 24 else {
            throw session.memory.error("terms", found: "more than \(1 << 24)", expected: "fewer")
          }
          session.terms.append((coefficient, try session.direction(direction)))
        }
      }, projected_gradient: .nan, epsilon: .nan, host: host)
  }

  /// The error in the estimate; nil if it is right.
  func problem(_ result: zeroth_plugin_result, isLowRank: Bool, rank: Int?) -> InputError? {
    guard forwards == declared else {
      return memory.error("forwards", found: "\(forwards)", expected: "\(declared), as `forwards` declares")
    }
    // A loss that is not finite is no fault of the plugin. The run itself handles it.
    guard losses.allSatisfy(\.isFinite) else { return nil }
    guard let first = terms.first?.direction else {
      return memory.error("terms", found: "none", expected: "at least one")
    }
    if let term = terms.first(where: { !$0.coefficient.isFinite }) {
      return memory.error("coefficient", found: "\(term.coefficient)", expected: "a number, as all losses are")
    }
    for (name, value) in [("projected_gradient", result.projected_gradient), ("epsilon", result.epsilon)] {
      guard !value.isInfinite else { return memory.error(name, found: "\(value)", expected: "a number") }
    }
    guard isLowRank else { return nil }
    for term in terms {
      let direction = term.direction
      guard direction.rank > 0, direction.rank == rank ?? first.rank else {
        return memory.error(
          "rank of a term", found: "\(direction.rank)",
          expected: first.rank > 0
            ? "\(rank ?? first.rank), as of the others" : "at least 1 of an estimator of low rank")
      }
      guard direction.rightKey == first.rightKey else {
        return memory.error("right_key of a term", found: "another one", expected: "one V in all terms")
      }
    }
    return nil
  }
}
