import Zeroth
import ZerothSupport

/// The places of the options of a composition in files and on command lines.
///
/// A part knows its options by their own names, such as `rank`. A user knows an option by its table and its name. So
/// the path is put in front of the error of a part: `estimator.rank: found 0, expected 1 to 65535`.
struct OptionPaths: Sendable {
  private let options: [OptimizerPart: Set<String>]

  /// The options of the parts `parts`.
  init(of parts: ResolvedComposition) {
    func names(_ description: StrategyDescription) -> Set<String> { Set(description.options.map(\.name)) }
    options = [
      .estimator: names(parts.estimator.description), .rule: names(parts.rule.description),
      .adapter: names(parts.adapter.description),
    ]
  }

  /// `error` with the table in front of the option that it names.
  ///
  /// The option is the first word of the error's subject. A library that was loaded at run time puts its own name in
  /// front, so there it is the first word of the last phrase of the subject. The table is that of the part that throws
  /// the error, if this part has such an option. Otherwise it is that of a part that has one: an adapter, for example,
  /// may refuse the weight decay of the rule. A subject that names no option is not changed.
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
