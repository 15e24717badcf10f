import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// A rule behind the C interface. Its generic part is in the subclass below.
class ExportedRuleBase: ExportedStrategy {
  func update(
    _ context: StepContext, _ step: zeroth_plugin_step, _ estimate: zeroth_plugin_estimate,
    _ update: UnsafeMutablePointer<zeroth_plugin_update>
  ) throws {}
}

extension ExportedRuleBase {
  /// The rule that `factory` makes for the host's directions. If the rule does not take all directions, it is made for
  /// those with factors.
  static func make(_ factory: any RuleFactory, _ options: OptionValues) throws -> ExportedRuleBase {
    func opened<R: StepRule, D: HostDirectionKind>(_ rule: R, _: D.Type) -> ExportedRuleBase? where R.Direction == D {
      ExportedRule(rule)
    }
    func made<D: HostDirectionKind>(for direction: D.Type) throws -> ExportedRuleBase? {
      let rule: any StepRule<D> = try factory.make(for: direction, options)
      guard rule.fewestQueries == 1 else {
        throw InputError(
          options.subject,
          found: "a rule that compares the coefficients of a step, of at least \(rule.fewestQueries) queries",
          expected: "a rule that needs the estimate alone: coefficients do not cross to a library")
      }
      return opened(rule, direction)
    }
    guard
      let rule = try factory.takes(HostDirection.self)
        ? made(for: HostDirection.self) : made(for: LowRankHostDirection.self)
    else { throw InputError(options.subject, found: "no rule", expected: "one for directions of the host") }
    return rule
  }
}

final class ExportedRule<R: StepRule>: ExportedRuleBase where R.Direction: HostDirectionKind {
  private var rule: R

  init(_ rule: R) { self.rule = rule }

  override func copy() -> ExportedStrategy { ExportedRule(rule) }

  override func validate(_ layout: ParameterLayout) throws(InputError) { try rule.validate(layout) }

  override var stateCount: Int { rule.stateCount }

  override func codeState(_ state: StateCoder) throws(InputError) { try rule.codeState(state) }

  override func update(
    _ context: StepContext, _ step: zeroth_plugin_step, _ estimate: zeroth_plugin_estimate,
    _ update: UnsafeMutablePointer<zeroth_plugin_update>
  ) throws {
    let eta = rule.learningRate(at: context.step)
    guard eta == step.learning_rate else {
      throw InputError(
        "learning-rate", found: "\(step.learning_rate) at step \(context.step), changed between steps",
        expected: "\(eta), that of its options: a rule of a Swift library follows no change")
    }
    let terms = HostTerms(estimate.terms, step.layout, context.runKey.generator)
    let losses = UnsafeBufferPointer(start: estimate.losses, count: Int(estimate.loss_count))
    let made = rule.update(
      from: GradientEstimate(
        terms: Few(count: terms.count) { (terms.coefficient($0), R.Direction(terms, $0)) }, losses: Few(losses),
        projectedGradient: estimate.projected_gradient, epsilon: estimate.epsilon.isNaN ? nil : estimate.epsilon),
      context: context)
    var weights = [Float](repeating: 0, count: terms.count)
    if terms.weights(of: made, into: &weights) {
      guard update.pointee.set_weights(update, weights) == 0 else { throw HostStop.stopped }
      return
    }
    var direction = zeroth_plugin_direction(made, in: context.layout, generator: step.run_key.generator)
    defer { direction.releasePayload() }
    guard update.pointee.set_direction(update, &direction) == 0 else { throw HostStop.stopped }
  }
}

extension zeroth_plugin_rule {
  /// Sets the function that only rules have.
  mutating func setFunctions() {
    update = { state, services, step, estimate, update, failure in
      attempt(failure) {
        guard let services, let step, let estimate, let update else { return }
        let rule = try ExportedStrategy.of(state, as: ExportedRuleBase.self)
        let context = try StepContext(step.pointee, try rule.layout(step.pointee.layout), services)
        try Parallel.withThreads(Int(services.pointee.threads())) {
          try rule.update(context, step.pointee, estimate.pointee, update)
        }
      }
    }
  }
}
