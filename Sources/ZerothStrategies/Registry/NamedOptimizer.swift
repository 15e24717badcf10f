import Zeroth
import ZerothSupport

/// An optimiser that was made from names. A part knows its options by their own names, such as `rank`; whoever wrote a
/// file or a command line knows them by table and name. So the errors of a part that does not fit get the path in front:
/// `estimator.rank: found 0, expected 1 to 65535`.
struct NamedOptimizer<Estimator: GradientEstimator, Rule: StepRule, Adapter: LayerAdapter>: OptimizerProtocol
where Rule.Direction == Estimator.Direction {
  private var optimizer: Optimizer<Estimator, Rule, Adapter>
  private let paths: OptionPaths

  init(_ optimizer: Optimizer<Estimator, Rule, Adapter>, _ paths: OptionPaths) {
    self.optimizer = optimizer
    self.paths = paths
  }

  var nextStep: Int { optimizer.nextStep }
  var stateCount: Int { optimizer.stateCount }

  func validate(_ layout: ParameterLayout) throws(InputError) {
    try optimizer.validate(layout) { error, part in paths.named(error, of: part) }
  }

  func requireFactors() throws(InputError) { try optimizer.requireFactors() }

  func notes(in layout: ParameterLayout) -> [String] { optimizer.notes(in: layout).map { "estimator: \($0)" } }
  var grain: LossGrain { optimizer.grain }
  func forwards(at step: Int, in layout: ParameterLayout) -> Int { optimizer.forwards(at: step, in: layout) }
  func adapterForwards(at step: Int) -> Int { optimizer.adapterForwards(at: step) }
  func adapterRatios(in layout: ParameterLayout) -> [(block: ParameterBlock, ratio: Double)] {
    optimizer.adapterRatios(in: layout)
  }

  func save(
    _ theta: borrowing ParameterStore, to path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) { try optimizer.save(theta, to: path, also: also) }

  func stateSize(
    with theta: borrowing ParameterStore, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) -> Int { try optimizer.stateSize(with: theta, also: also) }

  mutating func restore(
    _ theta: inout ParameterStore, from path: String, also: (StateCoder) throws(InputError) -> Void
  ) throws(InputError) { try optimizer.restore(&theta, from: path, also: also) }

  @discardableResult
  mutating func step<O: Objective & ~Copyable>(
    _ theta: inout ParameterStore, _ objective: borrowing O
  ) throws -> StepReport {
    // The optimiser checks its parts at its first step, and knows no paths.
    if optimizer.nextStep == 0 { try validate(theta.layout) }
    return try optimizer.step(&theta, objective)
  }
}

/// Where the options of a composition stand in files and on command lines.
struct OptionPaths: Sendable {
  private let options: [OptimizerPart: Set<String>]

  /// The options of `parts`.
  init(of parts: ResolvedComposition) {
    func names(_ description: StrategyDescription) -> Set<String> { Set(description.options.map(\.name)) }
    options = [
      .estimator: names(parts.estimator.description), .rule: names(parts.rule.description),
      .adapter: names(parts.adapter.description),
    ]
  }

  /// `error` with the table in front of the option that it names.
  ///
  /// The option is the first word of the subject, or, where a library loaded at run time says where it fails, the first
  /// word of the subject's last phrase. It is of the part that throws the error, if that has such an option, or else of
  /// the part that has: an adapter may refuse the weight decay of the rule. A subject that names no option stays.
  func named(_ error: InputError, of part: OptimizerPart?) -> InputError {
    let phrases = error.subject.components(separatedBy: ": ")
    let option = String(phrases[phrases.count - 1].prefix { $0 != " " })
    let table: String
    if let part {
      let others = OptimizerPart.allCases.filter { $0 != part }
      guard let owner = ([part] + others).first(where: { options[$0]?.contains(option) == true }) else { return error }
      table = owner.rawValue
    } else {
      table = "run"
    }
    let named = phrases.dropLast() + ["\(table).\(phrases[phrases.count - 1])"]
    return InputError(named.joined(separator: ": "), found: error.found, expected: error.expected)
  }
}
