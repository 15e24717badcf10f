import Zeroth

extension ModelFamily {
  /// RoBERTa. The fields and their defaults are those of `RobertaConfig` in transformers.
  static let roberta = ModelFamily(
    encoder: "roberta", .encoder { fields, source in try RoBERTa(BERTConfiguration(roberta: fields), source) })
}

/// RoBERTa (Liu et al. 2019): BERT's encoder with positions counted from the id of the padding token, alone or with its
/// masked-LM head, whose non-linearity is always gelu.
///
/// As with BERT, the pooler is not a block, and saved models lack it.
struct RoBERTa: EncoderArchitecture {
  let encoder: TransformerEncoder
  let maskedHead: MaskedHead?
  let classifier: ClassifierHead?
  let blocks: [ModelBlock]
  let untiedHead: String?
  let vocabulary, context: Int
  var tiedHead: String? { isTied && maskedHead != nil ? "lm_head.decoder" : nil }
  private let prefix: String
  private let isTied: Bool
  private let padding: Int

  /// The blocks of `configuration` with the names that `source` uses. In a bare encoder names have no `roberta.` in
  /// front.
  init(_ configuration: BERTConfiguration, _ source: ModelFolder.Source) throws {
    let isBare = source.contains("embeddings.word_embeddings.weight")
    let hasHead = configuration.hasMaskedHead || source.contains("lm_head.dense.weight")
    let isClassifier = source.isClassifier(configuration, output: "classifier.out_proj")
    prefix = isBare || source.weights == nil && !hasHead && !isClassifier ? "" : "roberta."
    padding = configuration.padTokenID ?? 1
    var table = BlockTable(prefix: prefix)
    encoder = TransformerEncoder(configuration, in: &table)
    vocabulary = configuration.vocabSize
    context = configuration.maxPositionEmbeddings - padding - 1
    untiedHead = try source.untiedHead("lm_head.decoder.weight", of: configuration, prefix: prefix)
    isTied = configuration.tieWordEmbeddings && untiedHead == nil
    maskedHead =
      hasHead
      ? table.maskedHead(
        configuration, dense: "lm_head.dense", norm: "lm_head.layer_norm", decoder: "lm_head.decoder",
        bias: "lm_head.bias", activation: .gelu, tiedTo: isTied ? encoder.tokens : nil, source) : nil
    table.prefix = ""
    classifier =
      isClassifier
      ? ClassifierHead(configuration, dense: "classifier.dense", output: "classifier.out_proj", in: &table) : nil
    blocks = table.blocks
  }

  /// The positions padding + 1, padding + 2, ... A padding token within a sequence has the position `padding` and is
  /// not counted.
  func positions(of batch: TokenBatch) -> [Int] {
    var last = padding
    return zip(batch.tokens, batch.positions).map { token, position in
      if position == 0 { last = padding }
      if token == padding { return padding }
      last += 1
      return last
    }
  }

  func isRedundant(_ tensor: String) -> Bool {
    [prefix + "embeddings.position_ids", prefix + "embeddings.token_type_ids"].contains(tensor)
      || tensor.hasPrefix(prefix + "pooler.") || isTied && tensor == "lm_head.decoder.weight"
      || ["lm_head.bias", "lm_head.decoder.bias"].contains(tensor) && maskedHead != nil
  }
}
