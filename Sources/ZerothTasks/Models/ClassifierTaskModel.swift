import Zeroth
import ZerothModels

/// An encoder whose checkpoint has a sequence classifier. It is given the texts of an example without a prompt.
struct ClassifierTaskModel: EncoderTaskModel {
  let task: TextTask
  let tokenizer: any Tokenizer
  let notes: [String]
  private let model: EncoderModel
  private let encoder: ClassifierEncoder
  /// The row of the classifier for each class of the task.
  private let order: [Int]

  init(_ model: EncoderModel, _ tokenizer: any Tokenizer, _ task: TextTask) throws {
    let labels = model.classifierLabels ?? []
    let name = model.directory ?? "the model"
    guard labels.count == task.classes.count else {
      throw InputError(
        "\(name) on task \(task.name)", found: "a classifier of \(labels.count) classes",
        expected: "one of \(task.classes.count)")
    }
    self.model = model
    self.tokenizer = tokenizer
    self.task = task
    encoder = try ClassifierEncoder(task: task, contextLength: model.context, pairForm: model.pairForm) {
      tokenizer.encode($0, addSpecialTokens: $1)
    }
    let matching = Self.rows(of: task.classes, among: labels)
    order = matching ?? Array(labels.indices)
    let taken = zip(task.classes, order).map { "\(labels[$1].excerpt) for '\($0.word)'" }.joined(separator: ", ")
    notes = [
      "\(name): the classes of its classifier are taken \(taken): "
        + (matching == nil ? "by their order, as their names are not the task's" : "by their names")
    ]
  }

  var pretrained: any PretrainedModel { model }
  var kind: String { "an encoder with its own classifier" }
  var maximalLength: Int { encoder.maximalLength }

  func scored(_ examples: [Example]) -> any ScoredExamples {
    ScoredSentences(model, examples.map(encoder.encode), order: order)
  }

  /// Does nothing: the checkpoint has all blocks.
  func start(_ theta: inout ParameterStore, labelHead: LabelHeadStart?) throws(InputError) {
    try refuse(labelHead, because: kind)
  }

  /// For each of `classes` the index of its name among `labels`, comparing only letters and digits, in any case. Nil
  /// unless each class has its own label.
  private static func rows(of classes: [ClassLabel], among labels: [String]) -> [Int]? {
    func plain(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }
    let known = labels.map(plain)
    let rows = classes.map { label in
      let names = ([label.word] + label.names).map(plain)
      return known.indices.filter { names.contains(known[$0]) }
    }
    guard rows.allSatisfy({ $0.count == 1 }), Set(rows.joined()).count == classes.count else { return nil }
    return rows.map { $0[0] }
  }
}
