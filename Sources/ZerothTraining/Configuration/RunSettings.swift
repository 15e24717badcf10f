import Foundation
import Zeroth
import ZerothDistributed
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks

/// The options of a run besides those of its strategies: the tables [model], [tuning], [task] and [run].
public enum RunSettings {
  /// The most threads, which is the size of the pool of threads.
  public static let maximalThreads = 64

  /// The option for the number of threads, which every command has.
  public static let threads = OptionSpec(
    "threads", .int, default: .derived("all cores") { _ in .int(availableThreads) },
    range: .between(1, maximalThreads), "threads that compute; results do not depend on them")

  /// The number of this machine's cores, up to the size of the pool. Where several processes of a job run on this
  /// machine, it is this process's share of them.
  public static var availableThreads: Int {
    let part = ProcessInfo.processInfo.processorCount / (Launch()?.localSize ?? 1)
    return min(ProcessInfo.processInfo.activeProcessorCount, max(1, part), maximalThreads)
  }

  /// The options of the table [model].
  public static let model: [OptionSpec] = [
    OptionSpec(
      "path", .string, default: .required,
      "folder of the base model, or a GGUF file; imdb-opt is the one that is built in"),
    OptionSpec(
      "train", .blocks, default: .value("all"),
      "the blocks that are trained; the others stay frozen; roles are "
        + BlockRole.ofModels.map(\.rawValue).joined(separator: ", ")),
    OptionSpec(
      "storage", .choice(WeightStorage.allCases.map(\.rawValue)), default: .value("float32"),
      "fp32, or matrices as the model's files store them: in half precision, rounded at random when they are written; "
        + "quantised, where they are not trained; or frozen: mapped and never written, what low-rank updates add up to being "
        + "kept beside them"),
    OptionSpec(
      "delta-rank", .intOr("none"), default: .absent("an eighth of the smaller side of each matrix"),
      range: .atLeast(1),
      when: .isFrozen,
      "the rank that the updates of a matrix may have together: beyond it they are compressed; none keeps all of them"),
    OptionSpec(
      "save-as", .choice(SavedPrecision.allCases.map(\.rawValue)), default: .value("as-read"),
      "what the tuned model is written as: each tensor as the checkpoint had it, or all in one precision; rounded to the "
        + "nearest"),
    OptionSpec(
      "activation-memory", .int, default: .value(.int(defaultActivationMemory >> 20)), range: .between(1, 1 << 20),
      unit: "MiB",
      "what the activations of a pass stay within: longer mini-batches are cut into micro-batches, which changes losses by "
        + "rounding alone"),
    OptionSpec(
      "label-head", .choice(LabelHeadStart.allCases.map(\.rawValue)),
      default: .absent("sentences, where a label head is made"),
      "what the new label head of an encoder starts from: the task's embedded label sentences, or zeros"),
  ]

  /// The options of the table [task].
  public static let task: [OptionSpec] = [
    OptionSpec(
      "name", .string, default: .required, "the task: a name such as sst2, or a file NAME.toml that describes one"),
    OptionSpec(
      "objective", .string,
      default: .task("what the papers train the task by", "objective"),
      "what is minimised: cross-entropy over candidates, language-modeling of the right answer, or minus the accuracy, "
        + "the F1 of generated answers or their reward, which have no gradient"),
    OptionSpec(
      "chat", .bool, default: .value(false),
      "whether an instruct model is asked as an assistant: the prompt is a user's message, in the format of the "
        + "checkpoint's chat template, and its answer begins with the candidate"),
    OptionSpec("data", .string, default: .absent("the task's own data"), "folder or file of the examples"),
    OptionSpec(
      "test-data", .string, default: .absent("the test file beside the others"), "folder or file of the test examples"),
    OptionSpec(
      "k", .int, default: .absent("train and dev count instead"), range: .atLeast(1),
      "examples of each class, in train and in dev alike"),
    OptionSpec(
      "train", .int, default: .task("the task's own, mostly 1000", "train", else: 1000), range: .atLeast(1), when: .noK,
      "examples in the training set"),
    OptionSpec(
      "dev", .int, default: .task("the task's own, mostly 500", "dev", else: 500), range: .atLeast(1), when: .noK,
      "examples in the dev set"),
    OptionSpec(
      "test", .intOr("all"), default: .task("the task's own, mostly 1000", "test", else: 1000), range: .atLeast(1),
      "examples in the test set, at most"),
    OptionSpec(
      "seed", .int, default: .derived("the run's seed") { $0.run["seed"] }, range: .nonNegative,
      "the seed that draws train and dev"),
  ]

  /// The options of the table [run].
  public static let run: [OptionSpec] = [
    OptionSpec(
      "optimizer", .string, default: .absent("the parts are spelled out"),
      "a named composition; tables [estimator], [rule] and [adapter] change its parts"),
    OptionSpec("steps", .int, default: .required, range: .atLeast(1), "steps of the optimiser"),
    OptionSpec("batch", .int, default: .value(16), range: .atLeast(1), unit: "examples", "the mini-batch"),
    OptionSpec("seed", .int, default: .value(0), range: .nonNegative, "the seed of all random numbers"),
    OptionSpec(
      "eval-every", .int,
      default: .derived("a tenth of the steps") { options in
        if case .int(let steps)? = options["steps"] { .int(max(1, steps / 10)) } else { nil }
      }, range: .atLeast(1), unit: "steps", "how often dev is evaluated"),
    OptionSpec(
      "snapshot-every", .int,
      default: .derived("a tenth of the steps, at least 500") { options in
        if case .int(let steps)? = options["steps"] { .int(max(500, steps / 10)) } else { nil }
      }, range: .nonNegative, unit: "steps",
      "how often the state is kept, the last two times, for a run that goes on; 0 never: it is then replayed from its start"
    ),
    threads,
    OptionSpec(
      "shards", .int,
      default: .derived("1; under mpirun 8, or as many as there are ranks where those are more") { _ in
        .int(Launch.defaultShards)
      }, range: .between(1, 65536),
      "parts that each mini-batch and its directions are measured in, by as many ranks as there are; results depend on it by "
        + "rounding alone, and on the number of ranks not at all"),
    OptionSpec(
      "compare-every", .int, default: .derived("as often as dev is evaluated") { $0["eval-every"] }, range: .atLeast(1),
      unit: "steps", "how often the ranks of a job compare hashes of their weights; they do at the end in any case"),
    OptionSpec("out", .string, default: .absent("nothing is written"), "folder of the run's record"),
    OptionSpec(
      "generator", .choice(RandomGenerator.names), default: .value(.string("\(RandomGenerator.philox)")),
      "the random generator: philox4x32 or one of GSL's"),
    OptionSpec(
      "on-divergence", .choice(DivergencePolicy.allCases.map(\.rawValue)),
      default: .value(.string(DivergencePolicy.stop.rawValue)),
      "when losses explode or answers are not finite: stop, end with the best model, or continue"),
    OptionSpec(
      "patience", .int, default: .absent("all steps are made"), range: .atLeast(1), unit: "evaluations",
      "so many evaluations without a better dev score end the run"),
    OptionSpec(
      "keep-last", .bool, default: .value(false), "keeps the last model too, in the folder's last, beside the best"),
    OptionSpec(
      "checkpointing", .bool, default: .value(false),
      "optimizers that use gradients: computes the layers' activations anew instead of keeping them, which takes less memory and "
        + "about a forward pass more; the numbers stay the same"),
    OptionSpec(
      "layers", .bool, default: .value(false),
      "writes at each evaluation how far each block has moved, its last update and the adapter's ratio; takes twice the "
        + "memory of fp32 parameters"
    ),
    OptionSpec(
      "diagnose-every", .int, default: .absent("never"), range: .atLeast(1), unit: "steps",
      "how often estimates are compared with exact gradients; takes some 60 forward passes each time and twice the memory of the "
        + "trained parameters in fp32"),
    OptionSpec(
      "tensorboard", .bool, default: .value(false),
      "writes losses, scores and distances as an event file too, in the folder's tensorboard"),
    OptionSpec(
      "samples", .int, default: .value(0), range: .between(0, 64), unit: "examples",
      "answers to so many rows of dev, the same each time, that are shown and kept at every evaluation"),
    OptionSpec(
      "non-finite-limit", .int, default: .value(.int(NonFinitePolicy().limit)), range: NonFinitePolicy.limitRange,
      unit: "steps",
      "so many steps in a row without finite losses end the run"),
  ]

  /// The tables whose options do not depend on strategies, in order. [sweep] can only be in the file of a sweep.
  public static let tables = ["model", "tuning", "task", "run", "sweep"]

  /// The options of `table`; nil for the tables of strategies, whose options are in the registry.
  public static func options(of table: String) -> [OptionSpec]? {
    switch table {
    case "model": model
    case "tuning": tuning
    case "task": task
    case "run": run
    case "sweep": sweep
    default: nil
    }
  }
}

extension OptionSpec.Default {
  /// The default that the task gives for `name`; `other` where it gives none.
  static func task(_ text: String, _ name: String, else other: OptionValue? = nil) -> Self {
    .derived(text) { $0.run[name] ?? other }
  }
}

extension OptionSpec.Condition {
  /// Holds where matrices are never written.
  static let isFrozen = Self("storage = frozen") { $0["storage"] == "frozen" }
  /// Holds where the examples of train and dev are not counted by class.
  static let noK = Self("no k, which counts examples of each class") { $0["k"] == nil }
}
