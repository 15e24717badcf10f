import ZerothStrategies
import ZerothSupport

/// What the runs of a sweep have in common, so that their scores compare.
public enum SweepBudget: Sendable, Hashable, CustomStringConvertible {
  /// Each run makes as many steps as it can within so many forward passes, those of its adapter counted.
  case forwards(Int)
  /// Each run makes the steps that its configuration says.
  case steps

  /// The budget that `text` names: `forwards=1000` or `steps`. Throws `InputError` for anything else.
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

  /// The budget as it is written in a sweep's file.
  public var description: String {
    switch self {
    case .forwards(let count): "forwards=\(count)"
    case .steps: "steps"
    }
  }
}

extension RunSettings {
  /// The table [sweep] of a sweep's file.
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
