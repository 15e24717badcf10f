import Zeroth
import ZerothSupport

/// A named composition: what `--optimizer NAME` stands for.
public struct OptimizerPreset: RegistryEntry {
  /// What `list` and `explain` say of it.
  public let description: StrategyDescription
  /// Its parts, with the options in which they differ from their own defaults.
  public let composition: Composition

  /// The preset `name`. `tuning` says for which model and task its numbers were chosen.
  public init(
    _ name: String, aliases: [String] = [], summary: String, source: String, tuning: String, _ composition: Composition
  ) {
    self.composition = composition
    description = StrategyDescription(
      name, aliases: aliases, summary: summary, formula: composition.displayName, source: "\(source); \(tuning)",
      forwards: "those of its parts", state: "that of its parts")
  }
}
