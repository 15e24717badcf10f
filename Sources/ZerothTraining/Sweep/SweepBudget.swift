import ZerothStrategies
import ZerothSupport

/// What all runs of a sweep have in common, so that their scores can be compared.
public enum SweepBudget: Sendable, Hashable, CustomStringConvertible {
  /// Each run makes as many steps as this number of forward passes allows, including those of its adapter.
  case forwards(Int)
  /// Each run makes the number of steps in its configuration.
  case steps

  /// The budget in `text`: `forwards=1000` or `steps`. Throws `InputError` for anything else.
  public init(_ text: String, origin: String) throws(InputError) {
    let words = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
    if words == ["steps"] {
      self = .steps
    } else if words.count == 2, words[0] == "forwards", let count = Int(words[1]), count > 0 {
      self = .forwards(count)
    } else {
      throw InputError(origin, found: "'\(text)'", expected: "forwards=N with N above 0, or steps")
    }
  }

  /// The budget in the spelling of a sweep's file.
  public var description: String {
    switch self {
    case .forwards(let count): "forwards=\(count)"
    case .steps: "steps"
    }
  }
}

extension RunSettings {
  /// The options of the table [sweep] in a sweep's file.
  public static let sweep: [OptionSpec] = [
    OptionSpec(
      "budget", .string, default: .absent("the forward passes that the first run takes for [run] steps"),
      "what all runs have in common: forwards=N, within which each makes the steps that it can, or steps, where each makes "
        + "those of its configuration"),
    OptionSpec(
      "repeats", .int, default: .value(1), range: .atLeast(1), unit: "runs",
      "runs of each setting and seed: all of them draw the same train and dev, and each after the first has the run's seed "
        + "plus 10000 more"),
    OptionSpec(
      "evaluations", .int, default: .absent("[run] eval-every says it"), range: .atLeast(1), unit: "evaluations",
      "how often dev is evaluated in a run, at equal distances and at its end, however many steps it makes"),
  ]
}
