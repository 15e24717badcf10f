import Zeroth
import ZerothSupport

/// How a byte-level tokenizer cuts a text into words. `tokenizer.ggml.pre` gives this a name.
///
/// The names are those of llama.cpp. The parts are taken from the `tokenizer.json` of models with these names.
struct GGUFWords {
  /// The part `pre_tokenizer`.
  let json: JSON
  /// Whether a letter and its accents are first composed to one character.
  var composes = false
  /// Whether a word that is a token is used directly, without merging.
  var ignoresMerges = false
  /// Whether texts begin with the start token where the metadata do not say so.
  var addsStart = false

  init(_ file: GGUFFile) throws(InputError) {
    let name = try file.text("tokenizer.ggml.pre") ?? "default"
    switch name {
    case "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "roberta-bpe":
      json = Self.byteLevel(splitsWords: true)
    case "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone":
      json = [
        "type": "Sequence",
        "pretokenizers": [["type": "Digits", "individual_digits": true], Self.byteLevel(splitsWords: true)],
      ]
    case "llama3", "llama-v3", "llama-bpe", "falcon3":
      json = Self.patterns([Self.llama3])
      ignoresMerges = true
      addsStart = true
    case "dbrx", "smaug-bpe":
      json = Self.patterns([Self.llama3])
    case "qwen2", "deepseek-r1-qwen", "megrez":
      json = Self.patterns([Self.qwen2])
      composes = true
    case "stablelm2", "hunyuan":
      json = Self.patterns([Self.qwen2])
    case "tekken":
      json = Self.patterns([Self.tekken])
      ignoresMerges = true
      addsStart = true
    case "gpt-4o", "llama4":
      json = Self.patterns([Self.gpt4o])
      ignoresMerges = true
    case "default":
      json = Self.patterns([#"[\p{P}\$\+<=>\^~\|]+"#, Self.gpt2, #"\p{N}+"#, "[0-9][0-9][0-9]"])
    default:
      throw file.error(
        "tokenizer.ggml.pre",
        expected:
          "one of codeshell, command-r, dbrx, deepseek-r1-qwen, default, exaone, falcon3, gpt-2, gpt-4o, hunyuan, jais, "
          + "llama-bpe, llama-v3, llama3, llama4, megrez, mpt, olmo, phi-2, qwen2, refact, roberta-bpe, smaug-bpe, smollm, "
          + "stablelm2, starcoder, tekken, trillion")
    }
  }

  /// The part `ByteLevel`, which is used for decoding too.
  static func byteLevel(splitsWords: Bool) -> JSON {
    ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": .bool(splitsWords)]
  }

  /// Cuts a text at each match of the first pattern, then each piece at each match of the second, and so on.
  private static func patterns(_ patterns: [String]) -> JSON {
    let splits = patterns.map { pattern -> JSON in
      ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false]
    }
    return ["type": "Sequence", "pretokenizers": .array(splits + [byteLevel(splitsWords: false)])]
  }

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"#
  private static let llama3 =
    contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let qwen2 =
    contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let capitals = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
  private static let small = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
  private static let tekken =
    #"[^\r\n\p{L}\p{N}]?"# + "\(capitals)*\(small)+|" + #"[^\r\n\p{L}\p{N}]?"# + "\(capitals)+\(small)*|"
    + #"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let gpt4o =
    #"[^\r\n\p{L}\p{N}]?"# + "\(capitals)*\(small)+\(contractions)?|" + #"[^\r\n\p{L}\p{N}]?"#
    + "\(capitals)+\(small)*\(contractions)?|" + #"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
}
