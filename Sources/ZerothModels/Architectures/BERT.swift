import Zeroth

/// BERT (Devlin et al. 2019): the encoder with positions from 0 on, alone or with its masked-LM head.
///
/// What only the pre-training's other task reads, the pooler and the next-sentence head, is no block: nothing here
/// reads it, so that training it would be noise. It is not kept in saved models.
struct BERT: EncoderArchitecture {
  let encoder: TransformerEncoder
  let maskedHead: MaskedHead?
  let entries: [ParameterLayout.Entry]
  let vocabulary, context: Int
  private let prefix: String
  private let isTied: Bool

  /// The blocks of `configuration` under the names that `source` uses: the bare encoder's have no `bert.` in front, and
  /// the first releases call the parts of a norm gamma and beta.
  init(_ configuration: BERTConfiguration, _ source: ModelFolder.Source) {
    let isBare = source.contains("embeddings.word_embeddings.weight")
    let hasHead = configuration.hasMaskedHead || source.contains("cls.predictions.transform.dense.weight")
    prefix = isBare || source.checkpoint == nil && !hasHead ? "" : "bert."
    var table = BlockTable(prefix: prefix)
    if source.contains(prefix + "embeddings.LayerNorm.gamma") { table.normNames = ("gamma", "beta") }
    encoder = TransformerEncoder(configuration, in: &table)
    vocabulary = configuration.vocabSize
    context = configuration.maxPositionEmbeddings
    isTied = configuration.tieWordEmbeddings
    maskedHead =
      hasHead
      ? table.maskedHead(
        configuration, dense: "cls.predictions.transform.dense", norm: "cls.predictions.transform.LayerNorm",
        decoder: "cls.predictions.decoder", bias: "cls.predictions.bias", activation: configuration.hiddenAct,
        tiedTo: encoder.tokens, source) : nil
    entries = table.entries
  }

  func positions(of batch: TokenBatch) -> [Int] { batch.positions }

  func isRedundant(_ tensor: String) -> Bool {
    tensor == prefix + "embeddings.position_ids" || tensor.hasPrefix(prefix + "pooler.")
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
    activation: Activation, tiedTo tokens: Int, _ source: ModelFolder.Source
  ) -> MaskedHead {
    let h = configuration.hiddenSize
    let isTied = configuration.tieWordEmbeddings
    prefix = ""
    let ownBias =
      !isTied && source.contains(decoder + ".bias") || !source.contains(bias) && source.contains(decoder + ".bias")
    return MaskedHead(
      dense: linear(dense, from: h, to: h, bias: true, .dense),
      norm: self.norm(norm, h, eps: configuration.layerNormEps), activation: activation,
      decoder: isTied ? tokens : matrix(decoder + ".weight", configuration.vocabSize, h, .head),
      bias: vector(ownBias ? decoder + ".bias" : bias, configuration.vocabSize, .bias))
  }
}
