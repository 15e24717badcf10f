import Zeroth
import ZerothSupport

/// Where the options of a composition stand in files and on command lines.
///
/// A part knows its options by their own names, such as `rank`; whoever wrote a file or a command line knows them by table and
/// name. So the errors of a part that does not fit get the path in front: `estimator.rank: found 0, expected 1 to 65535`.
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
