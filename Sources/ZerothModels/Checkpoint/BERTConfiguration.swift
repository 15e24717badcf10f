import Zeroth

/// The configuration of a BERT or RoBERTa encoder; fields and defaults are those of `BertConfig` and `RobertaConfig` in
/// transformers.
public struct BERTConfiguration: Hashable, Sendable {
  /// Rows of the token embedding.
  public let vocabSize: Int
  /// Width of the residual stream.
  public let hiddenSize: Int
  /// Number of encoder layers.
  public let numHiddenLayers: Int
  /// Attention heads per layer; divides `hiddenSize`.
  public let numAttentionHeads: Int
  /// Inner width of the feed-forward layers.
  public let intermediateSize: Int
  /// The non-linearity of the feed-forward layers, and of BERT's masked-LM head (RoBERTa's has always gelu).
  public let hiddenAct: Activation
  /// Rows of the position embedding. In RoBERTa the first `padTokenID` + 1 rows are no position of a token.
  public let maxPositionEmbeddings: Int
  /// Rows of the token type embedding.
  public let typeVocabSize: Int
  /// The number that a layer norm adds to the variance.
  public let layerNormEps: Double
  /// Whether the decoder of the masked-LM head is the token embedding.
  public let tieWordEmbeddings: Bool
  /// Whether `architectures` names a model with a masked-LM head.
  public let hasMaskedHead: Bool
  /// Whether `architectures` names a sequence classifier.
  public let hasClassifier: Bool
  /// The names of the classes of a sequence classifier, in the order of their logits (`id2label`, or `LABEL_0` and so
  /// on).
  public let labels: [String]
  /// The token that fills up short sequences; nil where there is none. RoBERTa counts positions from its id on.
  public let padTokenID: Int?

  init(bert fields: ConfigurationFields) throws {
    try self.init(
      fields, vocabSize: 30522, pad: 0, masked: ["BertForMaskedLM", "BertForPreTraining"],
      classifier: "BertForSequenceClassification")
  }

  init(roberta fields: ConfigurationFields) throws {
    try self.init(
      fields, vocabSize: 50265, pad: 1, masked: ["RobertaForMaskedLM"],
      classifier: "RobertaForSequenceClassification")
    guard let padTokenID else {
      throw fields.error("pad_token_id", expected: "a token id, from which RoBERTa counts its positions")
    }
    guard maxPositionEmbeddings > padTokenID + 1 else {
      throw fields.error("max_position_embeddings", expected: "more than pad_token_id + 1, \(padTokenID + 1)")
    }
  }

  private init(_ fields: ConfigurationFields, vocabSize: Int, pad: Int, masked: [String], classifier: String) throws {
    self.vocabSize = try fields.size("vocab_size", default: vocabSize)
    hiddenSize = try fields.size("hidden_size", default: 768)
    numHiddenLayers = try fields.layers(default: 12)
    numAttentionHeads = try fields.size("num_attention_heads", default: 12)
    try fields.require("hidden_size", hiddenSize, isMultipleOf: "num_attention_heads", numAttentionHeads)
    intermediateSize = try fields.size("intermediate_size", default: 3072)
    hiddenAct = try fields.activation("hidden_act", default: .gelu)
    maxPositionEmbeddings = try fields.size("max_position_embeddings", default: 512)
    typeVocabSize = try fields.size("type_vocab_size", default: 2)
    layerNormEps = try fields.positiveNumber("layer_norm_eps", default: 1e-12)
    tieWordEmbeddings = try fields.flag("tie_word_embeddings", default: true)
    let architectures = try fields.names("architectures")
    hasMaskedHead = architectures.contains(where: masked.contains)
    hasClassifier = architectures.contains(classifier)
    labels = try fields.classLabels()
    padTokenID = try fields.tokenID("pad_token_id", default: pad)
    if let type = fields.json["position_embedding_type"], type != .string("absolute") {
      throw fields.error("position_embedding_type", expected: "\"absolute\"")
    }
    for key in ["is_decoder", "add_cross_attention"] where try fields.flag(key, default: false) {
      throw fields.error(key, expected: "false, as in an encoder")
    }
  }
}

extension ConfigurationFields {
  /// The names in `id2label` by their numbers. Without them `LABEL_0` and so on: `num_labels` names, two by default.
  fileprivate func classLabels() throws -> [String] {
    guard let members = try object("id2label")?.json.members else {
      return (0..<(try size("num_labels", default: 2, most: 1 << 16))).map { "LABEL_\($0)" }
    }
    var labels = [String?](repeating: nil, count: members.count)
    for member in members {
      guard let number = Int(member.key), labels.indices.contains(number), let name = member.value.string else {
        throw error("id2label", expected: "a name for each number from 0 to \(members.count - 1)")
      }
      labels[number] = name
    }
    return labels.compactMap(\.self)
  }
}
