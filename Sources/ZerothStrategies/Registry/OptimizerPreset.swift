import Zeroth
import ZerothSupport

/// A composition with a name: the meaning of `--optimizer NAME`.
public struct OptimizerPreset: RegistryEntry {
  /// The texts that `list` and `explain` print.
  public let description: StrategyDescription
  /// The parts, with the options that differ from the defaults of the parts.
  public let composition: Composition
  /// How the model is tuned, as options of the table [tuning]; empty where the model's own blocks are trained.
  public let tuningOptions: [String: OptionValue]

  /// The preset `name`. The text `tuning` says for which model and task its numbers were chosen. `of` says how the
  /// model is tuned where the trained parameters are not the model's own.
  public init(
    _ name: String, aliases: [String] = [], summary: String, source: String, tuning: String, _ composition: Composition,
    of tuningOptions: [String: OptionValue] = [:]
  ) {
    self.composition = composition
    self.tuningOptions = tuningOptions
    let others = tuningOptions.filter { $0.key != "method" }.sorted { $0.key < $1.key }.map {
      ", \($0.key)=\($0.value)"
    }
    let on = tuningOptions["method"].map { ", on \($0)" + others.joined() } ?? ""
    description = StrategyDescription(
      name, aliases: aliases, summary: summary,
      formula: composition.displayName + on, source: "\(source); \(tuning)",
      forwards: "those of its parts", state: "that of its parts")
  }
}
