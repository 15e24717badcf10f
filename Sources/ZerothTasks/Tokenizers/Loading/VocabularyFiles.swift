import ZerothSupport

/// A merge on a line: two tokens with one space between them.
enum MergeLine {
  /// The two tokens; nil for a line of another form.
  static func pair(_ line: String) -> (left: String, right: String)? {
    let tokens = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard tokens.count == 2, tokens.allSatisfy({ !$0.isEmpty }) else { return nil }
    return (String(Substring(tokens[0])), String(Substring(tokens[1])))
  }
}

/// The tokenizers of older checkpoints. Their files have a vocabulary only; the parts follow from the kind of the
/// model.
extension TokenizerFolder {
  /// `vocab.json` with `merges.txt`: byte-level BPE of GPT-2, OPT and RoBERTa.
  func vocabularyAndMerges(_ others: [AddedToken]) throws(InputError) -> ComposedTokenizer {
    let file = file("vocab.json")
    let modelVocabulary = try Vocabulary(table: try JSONPart(file: file))
    var vocabulary = modelVocabulary
    let isRoberta = try isRoberta
    var template = SequenceTemplate()
    if isRoberta {
      template.prefix = [try vocabulary.required("<s>", subject: file)]
      template.suffix = [try vocabulary.required("</s>", subject: file)]
    } else if try config?.bool("add_bos_token") ?? true, let id = vocabulary.id(of: "</s>") {
      template.prefix = [id]
    }
    let usual = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"].compactMap { token in
      var added = vocabulary.id(of: token).map { AddedToken(id: $0, content: token, source: file) }
      added?.stripsLeft = isRoberta && token == "<mask>"
      return added
    }
    let added = try vocabulary.adding(others, others: usual)
    let model = try BytePairEncoding(
      vocabulary: modelVocabulary, merges: try merges(), options: .init(),
      subject: "\(self.file("merges.txt")): merges")
    return ComposedTokenizer(
      vocabulary: vocabulary, model: model, addedTokens: added,
      parts: .init(
        preTokenizers: ByteLevel.parts(
          addsPrefixSpace: try config?.bool("add_prefix_space") ?? false, splitsWords: true),
        template: template, decoders: [ByteLevelDecoder()]))
  }

  private var isRoberta: Bool {
    get throws(InputError) {
      if let name = try config?.string("tokenizer_class") { return name.hasPrefix("Roberta") }
      guard has("config.json") else { return false }
      return try JSONPart(file: file("config.json")).string("model_type") == "roberta"
    }
  }

  /// The merges of `merges.txt`, one a line, under an optional line with the version.
  private func merges() throws(InputError) -> [(left: String, right: String)] {
    let file = file("merges.txt")
    var merges: [(left: String, right: String)] = []
    for (index, line) in try TokenizerFiles.lines(file).enumerated() where !line.hasPrefix("#version") {
      guard let merge = MergeLine.pair(line) else {
        throw InputError(
          "\(file): line \(index + 1)", found: "'\(line.excerpt)'", expected: "two tokens with a space between")
      }
      merges.append(merge)
    }
    return merges
  }

  /// `vocab.txt`: BERT's word pieces.
  func vocabularyText(_ others: [AddedToken]) throws(InputError) -> ComposedTokenizer {
    let file = file("vocab.txt")
    let modelVocabulary = try Vocabulary(
      TokenizerFiles.lines(file).enumerated().map { (token: $0.element, id: $0.offset) }, subject: file)
    var vocabulary = modelVocabulary
    let usual = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].compactMap { token in
      vocabulary.id(of: token).map { AddedToken(id: $0, content: token, source: file) }
    }
    let template = SequenceTemplate(
      prefix: [try vocabulary.required("[CLS]", subject: file)],
      suffix: [try vocabulary.required("[SEP]", subject: file)])
    let added = try vocabulary.adding(others, others: usual)
    let normalizer = BertNormalizer(
      spacesChinese: try config?.bool("tokenize_chinese_chars") ?? true,
      stripsAccents: try config?.bool("strip_accents"), lowercases: try config?.bool("do_lower_case") ?? true)
    return ComposedTokenizer(
      vocabulary: vocabulary, model: try WordPiece(vocabulary: modelVocabulary, options: .init(), subject: file),
      addedTokens: added,
      parts: .init(
        normalizers: [normalizer],
        preTokenizers: [PatternSplit.whiteSpace, PatternSplit(PatternSplit.punctuation, .isolated)], template: template,
        decoders: [WordPieceDecoder(prefix: Array("##".utf8), cleansUp: true)]))
  }
}
