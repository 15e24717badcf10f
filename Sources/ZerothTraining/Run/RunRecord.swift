import Zeroth
import ZerothRecords
import ZerothSupport
import ZerothTasks

extension RunRecord {
  /// The record of a run of `configuration` at its beginning. `layout` has the blocks of the model.
  init(of configuration: RunConfiguration, layout: ParameterLayout) {
    self.init(
      name: configuration.shortName, configuration: configuration.json, changed: configuration.changed,
      plugins: .array(configuration.plugins.map(\.json)), probe: configuration.probe,
      generator: configuration.composition.generator,
      layout: layout,
      isAdapted: { [blocks = configuration.adapterBlocks] in blocks?.contains($0) ?? false })
  }
}

extension MetricsRow.Rewards {
  /// `spread` in the form of metrics.jsonl.
  init(_ spread: RewardSpread) {
    self.init(
      mean: spread.mean, overPoints: spread.overPoints, overExamples: spread.overExamples, changed: spread.changed)
  }
}

extension Scores {
  /// The scores in the form of metrics.jsonl.
  var recorded: [MetricsRow.Score] { values.map { .init($0.metric.rawValue, $0.value) } }

  /// The scores in a row of metrics.jsonl, without those of unknown metrics.
  init(recorded: [MetricsRow.Score]) {
    self.init(recorded.compactMap { score in Metric(rawValue: score.metric).map { Value($0, score.value) } })
  }
}
