import Zeroth
import ZerothSupport

extension Registry {
  /// The kinds of parts. A composition has one part of each.
  package static let partKinds: [StrategyDescription.Kind] = [.estimator, .rule, .adapter]

  /// The optimiser that `composition` names, for a run of `runSteps` steps.
  ///
  /// Throws `InputError` for an unknown name, an option that does not fit, or parts that cannot be combined.
  public func makeOptimizer(_ composition: Composition, runSteps: Int) throws -> any OptimizerProtocol {
    try resolve(composition, runSteps: runSteps).makeOptimizer()
  }

  /// `composition` with registered names in place of aliases, and with every option that has a meaning written out.
  public func effective(_ composition: Composition, runSteps: Int) throws(InputError) -> Composition {
    try resolve(composition, runSteps: runSteps).spelledOut
  }

  /// Finds the parts, checks their options and checks that they can be combined. Where the trained parameters are not
  /// the model's own, `tuning` names them, such as `lora`. `settings` may say where options were given.
  package func resolve(
    _ composition: Composition, runSteps: Int, tuning: String? = nil,
    settings: [StrategyDescription.Kind: [String: Setting]] = [:]
  ) throws(InputError) -> ResolvedComposition {
    let generator = try RandomGenerator(named: composition.generator)
    try require("run.seed", composition.seed, "at least 0") { $0 >= 0 }
    var run: [String: OptionValue] = ["steps": .int(runSteps)]
    run["tuning"] = tuning.map { .string($0) }
    func origin(_ kind: StrategyDescription.Kind) -> String {
      settings[kind]?["name"]?.origin ?? "\(kind.rawValue).name"
    }
    func options(_ kind: StrategyDescription.Kind, _ description: StrategyDescription) throws(InputError)
      -> OptionValues
    {
      var given: [String: Setting] = [:]
      for (name, value) in composition[kind].options {
        given[name] = Setting(.typed(value), origin: "\(kind.rawValue).\(name)")
      }
      for (name, setting) in settings[kind] ?? [:] where name != "name" { given[name] = setting }
      return try OptionValues(
        "\(kind.rawValue) '\(description.name)'", specs: description.options, given: given, run: run,
        elsewhere: { owners(of: $0, kind, beside: description) })
    }
    let estimator = try estimators.find(composition.estimator.name, origin: origin(.estimator))
    let rule = try rules.find(composition.rule.name, origin: origin(.rule))
    let adapter = try adapters.find(composition.adapter.name, origin: origin(.adapter))
    guard rule.factory.takes(estimator.direction) else {
      let fitting = estimators.entries.filter { rule.factory.takes($0.direction) }.map(\.description.name)
      throw InputError(
        "rule '\(rule.description.name)' with estimator '\(estimator.description.name)'",
        found: "an estimator that \(estimator.directionWords)",
        expected: fitting.isEmpty
          ? "\(rule.factory.needs), which no registered estimator has"
          : "\(rule.factory.needs), as "
            + (fitting.count == 1
              ? "estimator \(fitting[0]) has" : "estimators \(fitting.joined(separator: ", ")) have"))
    }
    return ResolvedComposition(
      composition: composition, generator: generator,
      estimator: estimator, estimatorOptions: try options(.estimator, estimator.description), rule: rule,
      ruleOptions: try options(.rule, rule.description), adapter: adapter,
      adapterOptions: try options(.adapter, adapter.description))
  }

  /// The other parts that have the option `name`, in words; nil where none has it.
  private func owners(
    of name: String, _ kind: StrategyDescription.Kind, beside chosen: StrategyDescription
  ) -> String? {
    if Suggestion.nearest(to: name, among: chosen.options.map(\.name)) != nil { return nil }
    let owners = descriptions(of: kind).filter { $0.options.contains { $0.name == name } }.map(\.name)
    guard !owners.isEmpty else { return nil }
    let own = chosen.options.map(\.name).joined(separator: ", ")
    return "\(kind.rawValue) \(owners.joined(separator: " or ")) for it"
      + (own.isEmpty ? "" : ", or one of \(own)")
  }
}
