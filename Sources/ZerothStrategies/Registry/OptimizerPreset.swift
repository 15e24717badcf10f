import Zeroth
import ZerothSupport

/// A named composition: what `--optimizer NAME` stands for.
public struct OptimizerPreset: RegistryEntry {
  /// What `list` and `explain` say of it.
  public let description: StrategyDescription
  /// Its parts, with the options in which they differ from their own defaults.
  public let composition: Composition
  /// How the model is tuned: options of the table [tuning]; empty where its own blocks are trained.
  public let tuningOptions: [String: OptionValue]

  /// The preset `name`. `tuning` says for which model and task its numbers were chosen, `of` how the model is tuned where other
  /// parameters than its own are trained.
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
