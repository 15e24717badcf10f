import Zeroth

extension ModelFamily {
  /// BERT, whose fields and defaults are those of `BertConfig` in transformers.
  static let bert = ModelFamily(
    encoder: "bert", .encoder { fields, source in try BERT(BERTConfiguration(bert: fields), source) })
}

/// BERT (Devlin et al. 2019): the encoder with positions from 0 on, alone or with its masked-LM head.
///
/// What only the pre-training's other task reads, the next-sentence head and, without a classifier, the pooler, is no block:
/// nothing here reads it, so that training it would be noise. It is not kept in saved models.
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

  /// The blocks of `configuration` under the names that `source` uses: the bare encoder's have no `bert.` in front, and
  /// the first releases call the parts of a norm gamma and beta.
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
  /// The blocks of a masked-LM head, whose names have no prefix.
  ///
  /// Its bias goes by two names, of which transformers reads the decoder's where the decoder has a weight of its own.
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
  /// Whether the checkpoint has a classifier with the output layer `output`, or, without weights, `configuration` names one.
  func isClassifier(_ configuration: BERTConfiguration, output: String) -> Bool {
    weights == nil ? configuration.hasClassifier : contains(output + ".weight")
  }

  /// `head` where the checkpoint has it, different from the token embedding, though `configuration` says that it is tied.
  func untiedHead(_ head: String, of configuration: BERTConfiguration, prefix: String) throws -> String? {
    guard configuration.tieWordEmbeddings else { return nil }
    return try hold(head, otherThan: prefix + "embeddings.word_embeddings.weight") ? head : nil
  }
}
