import ZerothSupport

extension Optimizer {
  /// Throws `InputError` unless every update has low-rank factors and nothing else moves a matrix. Only then may theta
  /// be a base that is never written, with the factors beside it (`ParameterStore.init(_:base:limit:)`).
  public func requireFactors() throws(InputError) {
    func refuse(_ found: String, _ expected: String) -> InputError {
      InputError("a base that is never written", found: found, expected: expected)
    }
    guard Rule.Direction.haveFactors else {
      throw refuse(
        "the estimator \(Self.name(Estimator.self)), whose directions have no factors",
        "an estimator of low-rank directions, such as lge, with sgd or lozo-m: a dense update would write every weight")
    }
    guard Rule.Update.haveFactors else {
      throw refuse(
        "the rule \(Self.name(Rule.self)), whose updates have no factors",
        "a rule that keeps the factors of its estimate, such as sgd or lozo-m")
    }
    guard rule.weightDecay.rate == 0 else {
      throw refuse("a weight decay of \(rule.weightDecay.rate)", "0: decay scales the weights themselves")
    }
    guard Adapter.movesByFactors else {
      throw refuse(
        "the adapter \(Self.name(Adapter.self)), which may write weights",
        "none, dizo, previous-iterate or learning-rate-scaling")
    }
  }

  /// Throws `InputError` where `update` does not have factors with one V and one rank, although its type promises them.
  /// This happens with a plugin that draws several V in a step.
  func requireOneV(_ update: Rule.Update) throws(InputError) {
    var first: (key: StreamKey, rank: Int)?
    let hasOne = update.structure.forEachLowRankPart { _, factors in
      let known = first ?? (factors.rightKey, factors.rank)
      first = known
      return known == (factors.rightKey, factors.rank)
    }
    guard !hasOne else { return }
    throw InputError(
      "step \(nextStep) on a base that is never written", found: "an update without factors, or with several V",
      expected: "directions with one V and one rank")
  }

  /// The name of the type of a part, without its module and its generic arguments.
  private static func name<Part>(_: Part.Type) -> String { String("\(Part.self)".prefix { $0 != "<" }) }
}
