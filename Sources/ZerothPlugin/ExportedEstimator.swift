import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// An estimator behind the C interface. Its generic part is in the subclass below.
class ExportedEstimatorBase: ExportedStrategy {
  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 0 }
  var traits: Int64 { 0 }
  var grain: LossGrain { .batch }
  func estimate(
    _ context: StepContext, generator: UInt64, _ theta: UnsafePointer<zeroth_plugin_parameters>,
    _ host: UnsafePointer<zeroth_plugin_objective>, _ result: UnsafeMutablePointer<zeroth_plugin_result>
  ) throws {}
}

final class ExportedEstimator<E: RegisteredEstimator>: ExportedEstimatorBase {
  private var estimator: E

  init(_ estimator: E) { self.estimator = estimator }

  override func copy() -> ExportedStrategy { ExportedEstimator(estimator) }

  override func validate(_ layout: ParameterLayout) throws(InputError) { try estimator.validate(layout) }

  override func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    estimator.forwards(at: step, in: layout)
  }

  override var traits: Int64 {
    (E.traits.contains(.drawsBatches) ? Int64(ZEROTH_PLUGIN_DRAWS_BATCHES) : 0)
      + (E.traits.contains(.recallsDirections) ? Int64(ZEROTH_PLUGIN_RECALLS_DIRECTIONS) : 0)
  }

  override var grain: LossGrain { estimator.grain }

  override var stateCount: Int { estimator.stateCount }

  override func codeState(_ state: StateCoder) throws(InputError) { try estimator.codeState(state) }

  override func estimate(
    _ context: StepContext, generator: UInt64, _ theta: UnsafePointer<zeroth_plugin_parameters>,
    _ host: UnsafePointer<zeroth_plugin_objective>, _ result: UnsafeMutablePointer<zeroth_plugin_result>
  ) throws {
    let theta = hostParameters(context.layout, theta)
    let objective = HostObjective(
      host, theta: theta.identity(), context, generator: generator, grain: estimator.grain)
    let estimate = try estimator.estimate(at: theta, context: context, objective: objective)
    for term in estimate.terms {
      var direction = zeroth_plugin_direction(term.direction, in: context.layout, generator: generator)
      defer { direction.releasePayload() }
      guard result.pointee.add_term(result, term.coefficient, &direction) == 0 else { throw HostStop.stopped }
    }
    result.pointee.projected_gradient = estimate.projectedGradient
    result.pointee.epsilon = estimate.epsilon ?? .nan
  }
}

extension zeroth_plugin_estimator {
  /// Sets the functions that only estimators have.
  mutating func setFunctions() {
    forwards = { state, layout, step in
      guard let layout, let estimator = try? ExportedStrategy.of(state, as: ExportedEstimatorBase.self),
        let known = try? estimator.layout(layout)
      else { return 0 }
      return Int64(estimator.forwards(at: Int(step), in: known))
    }
    traits = { state in (try? ExportedStrategy.of(state, as: ExportedEstimatorBase.self).traits) ?? 0 }
    grain = { state in
      let grain = (try? ExportedStrategy.of(state, as: ExportedEstimatorBase.self).grain) ?? .batch
      return Int32(grain == .example ? ZEROTH_PLUGIN_EXAMPLE : ZEROTH_PLUGIN_BATCH)
    }
    estimate = { state, services, step, theta, objective, result, failure in
      attempt(failure) {
        guard let services, let step, let theta, let objective, let result else { return }
        let estimator = try ExportedStrategy.of(state, as: ExportedEstimatorBase.self)
        let context = try StepContext(step.pointee, try estimator.layout(step.pointee.layout), services)
        try Parallel.withThreads(Int(services.pointee.threads())) {
          try estimator.estimate(context, generator: step.pointee.run_key.generator, theta, objective, result)
        }
      }
    }
  }
}
