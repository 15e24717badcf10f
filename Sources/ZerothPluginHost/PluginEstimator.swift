import Zeroth
import ZerothStrategies
import ZerothSupport

/// An estimator of a plugin. D says whether its directions have factors.
struct PluginEstimator<D: PluginDirectionKind>: GradientEstimator {
  typealias Direction = D

  private var instance: PluginInstance

  init(_ instance: PluginInstance) { self.instance = instance }

  func validate(_ layout: ParameterLayout) throws(InputError) { try instance.validate(layout) }

  func forwards(at step: Int, in layout: ParameterLayout) -> Int { instance.forwards(at: step, in: layout) }

  var stateCount: Int { instance.stateCount }

  mutating func estimate<O: Objective & ~Copyable>(
    at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
  ) throws -> GradientEstimate<D> {
    if !isKnownUniquelyReferenced(&instance) { instance = instance.copy() }
    var thrown: O.Failure?
    let found = try instance.estimate(context) { request in
      do throws(O.Failure) {
        switch request {
        case .losses(let direction, let offsets, let batch):
          return try measure(objective, direction, offsets, theta, batch)
        case .loss(let batch):
          return [try objective.loss(at: theta, on: batch)]
        case .read(let block, let rows, let target):
          theta.stored().read(block, rows: rows, into: target)
          return []
        }
      } catch {
        thrown = error
        return nil
      }
    }
    if let thrown { throw thrown }
    guard let found else { preconditionFailure("an estimate that the objective stopped has an error of it") }
    return GradientEstimate(
      terms: Few(found.terms.map { ($0.coefficient, D($0.direction)) }), losses: Few(found.losses),
      projectedGradient: found.projectedGradient, check: instance.fault.check)
  }
}

/// Opens the existential.
private func measure<D: Direction, O: Objective & ~Copyable>(
  _ objective: borrowing O, _ direction: D, _ offsets: Few<Float>, _ theta: borrowing ParameterStore,
  _ batch: Batch
) throws(O.Failure) -> [Double] { Array(try objective.losses(along: direction, at: offsets, from: theta, on: batch)) }
