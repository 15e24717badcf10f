import ZerothSupport

extension DecoderDescription {
  /// The structure of the decoder in words: each line has a subject and a text.
  public var summary: [(about: String, words: String)] {
    [
      ("size", "\(layers.count) layers of width \(width), \(vocabulary) tokens, sequences of up to \(context)"),
      (
        "heads",
        "\(heads) of width \(headWidth)" + (keyHeads == heads ? "" : ", \(keyHeads) of keys and values")
          + (hasHeadNorms ? ", normed" : "")
      ),
      ("positions", positionWords), ("sees", windowWords), ("norms", normWords),
      ("feed-forward", feedForwardWords), ("biases", biasWords),
      ("output", isTied ? "the token embedding" : "a layer of its own"),
    ] + oddities.map { ("besides", $0) }
  }

  private var positionWords: String {
    if case .learned = positions { return "learned" }
    var seen: Set<RotaryEmbedding> = []
    let kinds = layers.compactMap(\.rotary).filter { seen.insert($0).inserted }
    return kinds.isEmpty ? "none" : kinds.map { $0.words(of: headWidth) }.joined(separator: "; ")
  }

  private var windowWords: String {
    let windowed = layers.indices.filter { layers[$0].window != nil }
    guard let first = windowed.first, let window = layers[first].window else { return "all tokens before" }
    let isEverywhere = windowed.count == layers.count
    return "the last \(window) tokens in "
      + (isEverywhere ? "every layer" : "\(windowed.count) of \(layers.count) layers, all before in the others")
  }

  private var normWords: String {
    let kind =
      switch norm {
      case .layer(let eps): "layer norms, eps \(eps)"
      case .rootMeanSquare(let eps, let offset): "RMS norms, eps \(eps)" + (offset == 0 ? "" : ", gains \(offset) + w")
      }
    let places =
      switch norms {
      case .before: "in front of each half of a layer"
      case .after: "behind each sum"
      case .around: "in front of each half of a layer and behind it"
      }
    return "\(kind), \(places)" + (isParallel ? "; both halves read the same" : "")
  }

  private var feedForwardWords: String {
    switch feedForward {
    case .plain(let activation): "width \(inner), \(activation)"
    case .gated(let activation): "width \(inner), gated by \(activation)"
    }
  }

  private var biasWords: String {
    let names: [(Projections, String)] = [(.query, "query"), (.key, "key"), (.value, "value"), (.output, "output")]
    var words = attentionBiases == .all ? ["attention"] : names.filter { attentionBiases.contains($0.0) }.map(\.1)
    if hasFeedForwardBiases { words.append("feed-forward") }
    return words.isEmpty ? "none" : words.joined(separator: ", ")
  }

  /// Properties that few decoders have.
  private var oddities: [String] {
    [
      embeddingWidth == width ? nil : "an embedding of width \(embeddingWidth), projected",
      embeddingScale == 1 ? nil : "the embedding times \(Human.fixed(embeddingScale, 3))",
      attentionCap.map { "scores within \($0)" }, logitCap.map { "logits within \($0)" },
    ].compactMap(\.self)
  }
}

extension RotaryEmbedding {
  /// The rotary embedding in words, for heads of `headWidth` elements.
  fileprivate func words(of headWidth: Int) -> String {
    let part = 2 * pairs < headWidth ? ", \(2 * pairs) of \(headWidth) elements" : ""
    let stretch =
      switch scaling {
      case .none: ""
      case .linear(let factor): ", linear by \(factor)"
      case .llama3(let factor, _, _, let original): ", llama3 by \(factor) from \(original)"
      case .dynamic(let factor, let original): ", dynamic by \(factor) beyond \(original)"
      case .yarn(let factor, let original, _, _, _, _): ", yarn by \(factor) from \(original)"
      case .longRoPE(_, _, let original, _): ", longrope beyond \(original)"
      }
    return "rotary, theta \(theta)\(part)\(stretch)"
  }
}
