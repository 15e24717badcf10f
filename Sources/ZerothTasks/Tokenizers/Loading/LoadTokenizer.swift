import Foundation
import ZerothModels
import ZerothSupport

/// The tokenizer in `directory`, which is a folder in Hugging Face's layout, or a GGUF file.
///
/// In a folder, the first of these that exists is read:
/// 1. `tokenizer.json`: any composition of the parts in docs/tokenizers.md.
/// 2. `tokenizer.model`: SentencePiece BPE (Llama 2). `tokenizer_config.json` may turn off `<s>` in front
///    (`add_bos_token`) and turn on `</s>` behind (`add_eos_token`).
/// 3. `vocab.json` with `merges.txt`: byte-level BPE. By default `</s>` stands in front, as in OPT. If
///    `tokenizer_config.json` or `config.json` says RoBERTa, `<s>` and `</s>` stand around the text. If `add_bos_token`
///    is false, there are no special tokens.
/// 4. `vocab.txt`: uncased BERT; cased if `do_lower_case` in `tokenizer_config.json` is false.
///
/// The added tokens in `added_tokens.json` and `tokenizer_config.json` (`added_tokens_decoder`) are added in each case.
///
/// - Throws: an `InputError` that names the file and field that cannot be used, or the folder without any of these
///   files.
public func loadTokenizer(directory: String) throws(InputError) -> any Tokenizer {
  let folder = try TokenizerFolder(path: directory)
  if let embedded = folder.embedded { return try TokenizerJSON.load(embedded, others: []) }
  guard let kind = folder.kind else {
    throw InputError(
      directory, found: "no tokenizer files",
      expected:
        "tokenizer.json, tokenizer.model, vocab.json with merges.txt, or vocab.txt, from where the model is from")
  }
  let others = try AddedTokenFiles.read(folder)
  switch kind {
  case .json: return try TokenizerJSON.load(JSONPart(file: folder.file("tokenizer.json")), others: others)
  case .sentencePiece: return try folder.sentencePiece(others)
  case .vocabularyAndMerges: return try folder.vocabularyAndMerges(others)
  case .vocabularyText: return try folder.vocabularyText(others)
  }
}

/// The names of the files in `directory` that `loadTokenizer` reads, besides `config.json`.
public func tokenizerFiles(in directory: String) -> [String] {
  guard let kind = TokenizerFolder.kind(in: directory) else { return [] }
  var files = kind.files
  if TokenizerFolder.has("added_tokens.json", in: directory) { files.append("added_tokens.json") }
  if TokenizerFolder.has("tokenizer_config.json", in: directory) {
    // Beside a tokenizer.json it is read only for its added tokens.
    let config = try? TokenizerFolder(path: directory).config
    if kind != .json || config?.value("added_tokens_decoder") != nil { files.append("tokenizer_config.json") }
  }
  return files
}

/// A folder with the files of a tokenizer, or a GGUF file, which is converted to them.
struct TokenizerFolder {
  /// The files that contain the tokenizer. Where there are several kinds, the first one is used.
  enum Kind: CaseIterable {
    case json, sentencePiece, vocabularyAndMerges, vocabularyText

    var files: [String] {
      switch self {
      case .json: ["tokenizer.json"]
      case .sentencePiece: ["tokenizer.model"]
      case .vocabularyAndMerges: ["vocab.json", "merges.txt"]
      case .vocabularyText: ["vocab.txt"]
      }
    }
  }

  let path: String
  /// `tokenizer_config.json`, where there is one.
  let config: JSONPart?
  /// The `tokenizer.json` that follows from a GGUF file; nil for a folder.
  let embedded: JSONPart?

  init(path: String) throws(InputError) {
    self.path = path
    if GGUFTokenizer.isIn(path) {
      let files = try GGUFTokenizer.files(of: path)
      embedded = try JSONPart(files[0].json, subject: path, isFile: true)
      config = try JSONPart(files[1].json, subject: path, isFile: true)
      return
    }
    embedded = nil
    config =
      Self.has("tokenizer_config.json", in: path)
      ? try JSONPart(file: path.appendingFile("tokenizer_config.json")) : nil
  }

  var kind: Kind? { Self.kind(in: path) }

  static func kind(in path: String) -> Kind? {
    Kind.allCases.first { $0.files.allSatisfy { has($0, in: path) } }
  }

  func file(_ name: String) -> String { path.appendingFile(name) }

  func has(_ name: String) -> Bool { Self.has(name, in: path) }

  static func has(_ name: String, in path: String) -> Bool {
    FileManager.default.fileExists(atPath: path.appendingFile(name))
  }
}
