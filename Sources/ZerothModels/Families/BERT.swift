import Zeroth

extension ModelFamily {
  /// BERT. The fields and their defaults are those of `BertConfig` in transformers.
  static let bert = ModelFamily(
    encoder: "bert", .encoder { fields, source in try BERT(BERTConfiguration(bert: fields), source) })
}

/// BERT (Devlin et al. 2019): the encoder with positions counted from 0, alone or with its masked-LM head.
///
/// The next-sentence head, and without a classifier the pooler, are read only by the other task of the pre-training.
/// Nothing here reads them, so training them would only add noise. They are not blocks, and saved models lack them.
struct BERT: EncoderArchitecture {
  let encoder: TransformerEncoder
  let maskedHead: MaskedHead?
  let classifier: ClassifierHead?
  let blocks: [ModelBlock]
  let untiedHead: String?
  let vocabulary, context: Int
  var tiedHead: String? { isTied && maskedHead != nil ? "cls.predictions.decoder" : nil }
  private let prefix: String
  private let isTied: Bool

  /// The blocks of `configuration` with the names that `source` uses. In a bare encoder names have no `bert.` in front,
  /// and in the first releases the parts of a norm are called gamma and beta.
  init(_ configuration: BERTConfiguration, _ source: ModelFolder.Source) throws {
    let isBare = source.contains("embeddings.word_embeddings.weight")
    let hasHead = configuration.hasMaskedHead || source.contains("cls.predictions.transform.dense.weight")
    let isClassifier = source.isClassifier(configuration, output: "classifier")
    prefix = isBare || source.weights == nil && !hasHead && !isClassifier ? "" : "bert."
    var table = BlockTable(prefix: prefix)
    if source.contains(prefix + "embeddings.LayerNorm.gamma") { table.normNames = ("gamma", "beta") }
    encoder = TransformerEncoder(configuration, in: &table)
    vocabulary = configuration.vocabSize
    context = configuration.maxPositionEmbeddings
    let decoder = "cls.predictions.decoder"
    untiedHead = try source.untiedHead(decoder + ".weight", of: configuration, prefix: prefix)
    isTied = configuration.tieWordEmbeddings && untiedHead == nil
    maskedHead =
      hasHead
      ? table.maskedHead(
        configuration, dense: "cls.predictions.transform.dense", norm: "cls.predictions.transform.LayerNorm",
        decoder: decoder, bias: "cls.predictions.bias", activation: configuration.hiddenAct,
        tiedTo: isTied ? encoder.tokens : nil, source) : nil
    table.prefix = ""
    classifier =
      isClassifier
      ? ClassifierHead(configuration, dense: prefix + "pooler.dense", output: "classifier", in: &table) : nil
    blocks = table.blocks
  }

  func positions(of batch: TokenBatch) -> [Int] { batch.positions }

  func isRedundant(_ tensor: String) -> Bool {
    tensor == prefix + "embeddings.position_ids" || classifier == nil && tensor.hasPrefix(prefix + "pooler.")
      || tensor.hasPrefix("cls.seq_relationship.") || isTied && tensor == "cls.predictions.decoder.weight"
      || ["cls.predictions.bias", "cls.predictions.decoder.bias"].contains(tensor) && maskedHead != nil
  }
}

extension BlockTable {
  /// Adds the blocks of a masked-LM head, whose names have no prefix.
  ///
  /// The bias has two possible names. Where the decoder has its own weight, transformers reads the bias of the decoder.
  mutating func maskedHead(
    _ configuration: BERTConfiguration, dense: String, norm: String, decoder: String, bias: String,
    activation: Activation, tiedTo tokens: Int?, _ source: ModelFolder.Source
  ) -> MaskedHead {
    let h = configuration.hiddenSize
    prefix = ""
    let ownBias =
      tokens == nil && source.contains(decoder + ".bias")
      || !source.contains(bias) && source.contains(decoder + ".bias")
    return MaskedHead(
      dense: linear(dense, from: h, to: h, bias: true, .dense),
      norm: self.norm(norm, h, .layer(eps: configuration.layerNormEps)), activation: activation,
      decoder: tokens ?? matrix(decoder + ".weight", configuration.vocabSize, h, .head),
      bias: vector(ownBias ? decoder + ".bias" : bias, configuration.vocabSize, .bias))
  }
}

extension ModelFolder.Source {
  /// Whether the checkpoint has a classifier with the output layer `output`. Without weights: whether `configuration`
  /// names a classifier.
  func isClassifier(_ configuration: BERTConfiguration, output: String) -> Bool {
    weights == nil ? configuration.hasClassifier : contains(output + ".weight")
  }

  /// `head`, where the checkpoint has it and it differs from the token embedding, although `configuration` says that it
  /// is tied; else nil.
  func untiedHead(_ head: String, of configuration: BERTConfiguration, prefix: String) throws -> String? {
    guard configuration.tieWordEmbeddings else { return nil }
    return try hold(head, otherThan: prefix + "embeddings.word_embeddings.weight") ? head : nil
  }
}
