import Foundation
import TestSupport
import Testing
import Zeroth

@testable import ZerothModels

@Suite("Checkpoint: config.json") struct CheckpointConfigurationTests {
  static func decoder(_ json: String) throws -> DecoderDescription {
    try ModelFamilies.standard.describe(ConfigurationFile(parsing: json, name: "config.json"))
  }

  private func llama(_ fields: String) throws -> DecoderDescription {
    try Self.decoder(#"{"model_type":"llama"\#(fields)}"#)
  }

  private func fields(_ json: String) throws -> ConfigurationFields {
    let file = try ConfigurationFile(parsing: json, name: "config.json")
    return ConfigurationFields(subject: file.path, json: file.json)
  }

  private func tokens(_ d: DecoderDescription) -> [[Int?]] { [[d.tokens.start], d.tokens.ends, [d.tokens.padding]] }

  /// The values of `OPTConfig()` in transformers 5.
  @Test func defaultsOfOPT() throws {
    let opt = try Self.decoder(#"{"model_type":"opt"}"#)
    #expect(opt.vocabulary == 50272 && opt.width == 768 && opt.layers.count == 12 && opt.inner == 3072)
    #expect(opt.heads == 12 && opt.headWidth == 64 && opt.context == 2048)
    #expect(opt.embeddingWidth == 768 && opt.feedForward == .plain(.relu))
    #expect(opt.norms == .before && opt.attentionBiases == .all && opt.hasFeedForwardBiases && opt.isTied)
    #expect(opt.normParts == [.gain, .bias] && opt.hasFinalNorm && opt.positions == .learned(shift: 2))
    #expect(tokens(opt) == [[2], [2], [1]])
  }

  @Test func everyFieldOfOPTIsRead() throws {
    let opt = try Self.decoder(
      #"""
      {"model_type":"opt","vocab_size":10,"hidden_size":12,"num_hidden_layers":3,"ffn_dim":5,"num_attention_heads":4,
      "max_position_embeddings":6,"word_embed_proj_dim":7,"do_layer_norm_before":false,"enable_bias":false,
      "layer_norm_elementwise_affine":false,"_remove_final_layer_norm":true,"activation_function":"gelu",
      "tie_word_embeddings":false,"bos_token_id":8,"eos_token_id":[9,4],"pad_token_id":null}
      """#)
    #expect(opt.vocabulary == 10 && opt.width == 12 && opt.layers.count == 3 && opt.inner == 5)
    #expect(opt.heads == 4 && opt.headWidth == 3 && opt.context == 6)
    #expect(opt.embeddingWidth == 7 && opt.feedForward == .plain(.gelu))
    #expect(opt.norms == .after && opt.attentionBiases == [] && !opt.hasFeedForwardBiases && !opt.isTied)
    #expect(opt.normParts == [] && !opt.hasFinalNorm)
    #expect(tokens(opt) == [[8], [9, 4], [nil]])
  }

  /// The values of `LlamaConfig()` in transformers 5.
  @Test func defaultsOfLlama() throws {
    let llama = try llama(#","head_dim":null,"num_key_value_heads":null,"rope_scaling":null"#)
    #expect(llama.vocabulary == 32000 && llama.width == 4096 && llama.inner == 11008)
    #expect(llama.layers.count == 32 && llama.heads == 32 && llama.keyHeads == 32)
    #expect(llama.headWidth == 128 && llama.norm == .rootMeanSquare(eps: 1e-6) && llama.context == 2048)
    #expect(llama.layers[31].rotary == RotaryEmbedding(theta: 10000, width: 128))
    #expect(llama.feedForward == .gated(.silu))
    #expect(!llama.isTied && llama.attentionBiases == [] && !llama.hasFeedForwardBiases)
    #expect(tokens(llama) == [[1], [2], [nil]])
  }

  @Test func everyFieldOfLlamaIsRead() throws {
    let llama = try llama(
      #"""
      ,"vocab_size":10,"hidden_size":24,"intermediate_size":9,"num_hidden_layers":3,"num_attention_heads":6,
      "num_key_value_heads":2,"head_dim":8,"rms_norm_eps":1e-05,"max_position_embeddings":7,"hidden_act":"gelu_new",
      "tie_word_embeddings":true,"attention_bias":true,"mlp_bias":true,"bos_token_id":null,"eos_token_id":null,
      "pad_token_id":-1
      """#)
    #expect(llama.vocabulary == 10 && llama.width == 24 && llama.inner == 9)
    #expect(llama.layers.count == 3 && llama.heads == 6 && llama.keyHeads == 2)
    #expect(llama.headWidth == 8 && llama.norm == .rootMeanSquare(eps: 1e-5) && llama.context == 7)
    #expect(llama.feedForward == .gated(.geluTanh) && llama.isTied)
    #expect(llama.attentionBiases == .all && llama.hasFeedForwardBiases)
    #expect(tokens(llama) == [[nil], [], [nil]])
  }

  /// The values of `BertConfig()` and `RobertaConfig()` in transformers 4 and 5.
  @Test func defaultsOfEncoders() throws {
    let bert = try BERTConfiguration(bert: fields("{}"))
    let roberta = try BERTConfiguration(roberta: fields(#"{"architectures":["RobertaForMaskedLM"]}"#))
    #expect(bert.vocabSize == 30522 && roberta.vocabSize == 50265)
    #expect(bert.padTokenID == 0 && roberta.padTokenID == 1)
    #expect(!bert.hasMaskedHead && roberta.hasMaskedHead)
    for encoder in [bert, roberta] {
      #expect(encoder.hiddenSize == 768 && encoder.numHiddenLayers == 12 && encoder.numAttentionHeads == 12)
      #expect(encoder.intermediateSize == 3072 && encoder.hiddenAct == .gelu && encoder.typeVocabSize == 2)
      #expect(encoder.maxPositionEmbeddings == 512 && encoder.layerNormEps == 1e-12 && encoder.tieWordEmbeddings)
    }
  }

  static let llama3 = RopeScaling.llama3(
    factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositionEmbeddings: 32)

  static let ropes: [(fields: String, theta: Double, scaling: RopeScaling)] = [
    (#","rope_theta":5e5"#, 500_000, .none),
    (#","rope_theta":7,"rope_scaling":{"type":"linear","factor":2.5}"#, 7, .linear(factor: 2.5)),
    (#","rope_scaling":{"rope_type":"default","type":"linear"},"rope_theta":7"#, 7, .none),
    (
      #","rope_theta":7,"rope_scaling":{"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4,"#
        + #""original_max_position_embeddings":32}"#, 7, llama3
    ),
    (#","rope_parameters":{"rope_theta":7.5,"rope_type":"default"}"#, 7.5, .none),
    (#","rope_parameters":{"rope_theta":7.5,"rope_type":"linear","factor":3},"rope_theta":9"#, 7.5, .linear(factor: 3)),
    (#","rope_parameters":{"rope_type":"default"},"rope_theta":9"#, 9, .none),
    (#","rope_parameters":{"rope_type":"default"}"#, 10000, .none),
    (
      #","max_position_embeddings":32,"rope_parameters":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"#
        + #""high_freq_factor":4,"rope_theta":7}"#, 7, llama3
    ),
    (#","rope_scaling":{},"rope_parameters":{"rope_type":"linear","factor":3}"#, 10000, .linear(factor: 3)),
  ]

  @Test(arguments: ropes.indices) func bothFormsOfRope(_ index: Int) throws {
    let rope = CheckpointConfigurationTests.ropes[index]
    let rotary = try #require(llama(rope.fields).layers[0].rotary)
    #expect(rotary.theta == rope.theta)
    #expect(rotary.scaling == rope.scaling)
  }

  static let defects = [
    Defect("empty", "", "end of the text"),
    Defect("not JSON", "model_type: opt", "'m' at byte 0"),
    Defect("not an object", "[]", "an array", "object"),
    Defect(
      "no type", "{}", "model_type", "nothing",
      "bert, gemma2, gemma3_text, gpt2, gpt_neox, llama, mistral, opt, phi3, qwen2, qwen3, roberta"),
    Defect("other type", #"{"model_type":"mamba"}"#, "model_type", "mamba", "opt, phi3, qwen2"),
    Defect("key twice", #"{"model_type":"opt","ffn_dim":1,"ffn_dim":2}"#, "'ffn_dim'", "twice"),
    Defect("zero", #"{"model_type":"opt","vocab_size":0}"#, "vocab_size", "found 0"),
    Defect("negative", #"{"model_type":"opt","num_hidden_layers":-2}"#, "num_hidden_layers", "-2"),
    Defect(
      "a million layers", #"{"model_type":"llama","num_hidden_layers":1000000}"#, "num_hidden_layers", "1000000",
      "from 1 to 10000"),
    Defect("fraction", #"{"model_type":"opt","ffn_dim":3072.0}"#, "ffn_dim", "3072.0"),
    Defect("huge", #"{"model_type":"opt","ffn_dim":99999999999999999999}"#, "ffn_dim", "99999999999999999999"),
    Defect("string for a size", #"{"model_type":"opt","hidden_size":"768"}"#, "hidden_size", "\"768\""),
    Defect("null for a size", #"{"model_type":"llama","hidden_size":null}"#, "hidden_size", "null"),
    Defect("number for a flag", #"{"model_type":"opt","enable_bias":1}"#, "enable_bias", "found 1", "true or false"),
    Defect("flag for a size", #"{"model_type":"opt","word_embed_proj_dim":true}"#, "word_embed_proj_dim", "true"),
    Defect("heads of OPT", #"{"model_type":"opt","hidden_size":10}"#, "hidden_size", "found 10", "num_attention_heads"),
    Defect("heads of Llama", #"{"model_type":"llama","num_attention_heads":3}"#, "hidden_size", "num_attention_heads"),
    Defect("key-value heads", #"{"model_type":"llama","num_key_value_heads":5}"#, "num_attention_heads", "32", "5"),
    Defect("odd head", #"{"model_type":"llama","head_dim":7}"#, "head_dim", "7", "even"),
    Defect("activation", #"{"model_type":"opt","activation_function":"mish"}"#, "activation_function", "mish", "relu"),
    Defect("activation a number", #"{"model_type":"llama","hidden_act":3}"#, "hidden_act", "3", "silu"),
    Defect("token a string", #"{"model_type":"llama","bos_token_id":"<s>"}"#, "bos_token_id", "<s>"),
    Defect("tokens with a string", #"{"model_type":"llama","eos_token_id":[1,"2"]}"#, "eos_token_id"),
    Defect("epsilon zero", #"{"model_type":"llama","rms_norm_eps":0}"#, "rms_norm_eps", "found 0"),
    Defect("epsilon infinite", #"{"model_type":"llama","rms_norm_eps":1e999}"#, "rms_norm_eps", "1e999"),
    Defect("theta", #"{"model_type":"llama","rope_theta":-1}"#, "rope_theta", "-1"),
    Defect("rope a string", #"{"model_type":"llama","rope_scaling":"linear"}"#, "rope_scaling", "an object"),
    Defect(
      "rope type", #"{"model_type":"llama","rope_scaling":{"rope_type":"axial"}}"#, "rope_scaling: rope_type", "axial",
      "linear, llama3, longrope, yarn"),
    Defect(
      "old rope type", #"{"model_type":"llama","rope_scaling":{"type":"mrope"}}"#, "rope_scaling: type", "mrope"),
    Defect("no factor", #"{"model_type":"llama","rope_scaling":{"type":"linear"}}"#, "rope_scaling: factor", "nothing"),
    Defect(
      "inner theta", #"{"model_type":"llama","rope_parameters":{"rope_theta":"1"}}"#, "rope_parameters: rope_theta"),
    Defect(
      "frequencies the wrong way round",
      #"{"model_type":"llama","rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4}}"#,
      "rope_scaling: high_freq_factor", "found 4"),
    Defect("heads of BERT", #"{"model_type":"bert","num_attention_heads":7}"#, "hidden_size", "num_attention_heads"),
    Defect(
      "relative positions", #"{"model_type":"bert","position_embedding_type":"relative_key"}"#,
      "position_embedding_type", "relative_key", "absolute"),
    Defect("decoder", #"{"model_type":"bert","is_decoder":true}"#, "is_decoder", "true"),
    Defect("cross attention", #"{"model_type":"roberta","add_cross_attention":true}"#, "add_cross_attention", "true"),
    Defect("no padding token", #"{"model_type":"roberta","pad_token_id":null}"#, "pad_token_id", "null"),
    Defect(
      "no positions", #"{"model_type":"roberta","max_position_embeddings":2}"#, "max_position_embeddings", "found 2",
      "pad_token_id + 1"),
    Defect("architectures a string", #"{"model_type":"bert","architectures":"BertModel"}"#, "architectures"),
    Defect("epsilon of BERT", #"{"model_type":"bert","layer_norm_eps":-1}"#, "layer_norm_eps", "-1"),
    Defect("partial rope", #"{"model_type":"llama","partial_rotary_factor":0.5}"#, "partial_rotary_factor", "0.5"),
    Defect(
      "layers of another number", #"{"model_type":"qwen2","layer_types":["full_attention"]}"#, "layer_types", "1 types"),
    Defect(
      "layer of another type", #"{"model_type":"qwen3","num_hidden_layers":1,"layer_types":["linear_attention"]}"#,
      "layer_types", "linear_attention", "sliding_attention"),
    Defect(
      "sliding without a window", #"{"model_type":"qwen2","num_hidden_layers":1,"layer_types":["sliding_attention"]}"#,
      "sliding_window"),
    Defect("window of none", #"{"model_type":"mistral","sliding_window":0}"#, "sliding_window", "found 0"),
    Defect("heads of GPT-2", #"{"model_type":"gpt2","n_head":7}"#, "n_embd", "768", "n_head"),
    Defect("cross attention of GPT-2", #"{"model_type":"gpt2","add_cross_attention":true}"#, "add_cross_attention"),
    Defect("both directions", #"{"model_type":"gemma3_text","use_bidirectional_attention":true}"#, "bidirectional"),
    Defect("more than all of a head", #"{"model_type":"gpt_neox","rotary_pct":1.5}"#, "rotary_pct", "1.5"),
    Defect(
      "factors of another number",
      #"{"model_type":"phi3","rope_scaling":{"type":"su","short_factor":[1],"long_factor":[1]}}"#,
      "short_factor", "48 numbers"),
    Defect(
      "stretched below 1", #"{"model_type":"llama","rope_scaling":{"type":"dynamic","factor":0.5}}"#, "factor", "0.5"),
    Defect(
      "elements beyond 2^48",
      #"{"model_type":"phi3","num_attention_heads":2147483647,"head_dim":2147483646}"#, "heads", "2^48"),
  ]

  @Test(arguments: defects) func defectiveConfiguration(_ defect: Defect) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(defect.content, to: "config.json")
    defect.expect(
      inputError { _ = try makeModel(configuration: ConfigurationFile(directory: folder.path)) }, at: path)
  }

  /// Sizes are compared with the weights before anything of their size is made.
  @Test func largestSizesTakeNoMemory() throws {
    let sizes = """
      "vocab_size": 2147483647, "hidden_size": 2147483646, "intermediate_size": 2147483647, "ffn_dim": 2147483647,
      "max_position_embeddings": 2147483647, "num_attention_heads": 1, "num_hidden_layers": 1
      """
    for type in ["opt", "llama"] {
      let file = try ConfigurationFile(parsing: "{\"model_type\": \"\(type)\", \(sizes)}", name: "config.json")
      let error = inputError { _ = try CausalModel(configuration: file) }
      #expect(error?.description.contains("2147483647 x 2147483646") == true)
    }
    let wide = try ConfigurationFile(
      parsing: #"{"model_type": "llama", "num_hidden_layers": 1, "head_dim": 2147483646}"#, name: "config.json")
    #expect(try CausalModel(configuration: wide).layout.blocks[2].rows == 32 * 2_147_483_646)
  }

  @Test func missingFileIsAnError() throws {
    let folder = try TemporaryFolder()
    let error = inputError { _ = try ConfigurationFile(directory: folder.path) }
    Defect("", "", "No such file").expect(error, at: folder.path("config.json"))
  }

  @Test func rewritingChangesTheTypeAlone() throws {
    let text = """
      {
        "architectures": [
          "OPTForCausalLM"
        ],
        "empty": [],
        "eps": 1e-05,
        "large": 12345678901234567890,
        "model_type": "opt",
        "nested": {
          "é\\u0001\\"\\\\/": null,
          "none": {}
        },
        "torch_dtype": "float16",
        "use_cache": true
      }

      """
    let folder = try TemporaryFolder()
    let copy = try TemporaryFolder()
    func rewritten(_ text: String) throws -> String {
      try folder.write(text, to: "config.json")
      try ConfigurationFile(directory: folder.path).write(to: copy.path, dtype: "float32")
      return try copy.text("config.json")
    }
    #expect(try rewritten(text) == text.replacingOccurrences(of: "float16", with: "float32"))
    #expect(try rewritten(#"{"dtype":"bfloat16"}"#) == "{\n  \"dtype\": \"float32\"\n}\n")
    #expect(
      try rewritten(#"{"dtype":"float16","a":1,"torch_dtype":"float16"}"#)
        == "{\n  \"dtype\": \"float32\",\n  \"a\": 1,\n  \"torch_dtype\": \"float32\"\n}\n")
    #expect(try rewritten(#"{"a":-0.50}"#) == "{\n  \"a\": -0.50,\n  \"torch_dtype\": \"float32\"\n}\n")
    #expect(try copy.contents == ["config.json"])
  }

  @Test(.needs("models")) func sharedConfigurations() throws {
    func read(_ name: String) throws -> DecoderDescription {
      try ModelFamilies.standard.describe(ConfigurationFile(directory: SharedMaterial.path("models/" + name)))
    }
    let (imdb, style350M) = (try read("imdb-opt"), try read("tiny/opt-350m-style"))
    let (stories, grouped, llama3) = (try read("stories260K"), try read("tiny/llama-gqa"), try read("tiny/llama3-tied"))
    #expect(imdb.vocabulary == 4096 && imdb.inner == 1024 && imdb.norms == .before && imdb.embeddingWidth == 256)
    #expect(style350M.width == 32 && style350M.embeddingWidth == 16 && style350M.norms == .after)
    #expect(stories.isTied && stories.tokens.padding == nil && stories.layers[0].rotary?.theta == 10000)
    #expect(grouped.keyHeads == 2 && grouped.headWidth == 8 && grouped.layers[0].rotary?.scaling == RopeScaling.none)
    #expect(llama3.layers[0].rotary?.theta == 500_000)
    #expect(llama3.layers[0].rotary?.scaling == CheckpointConfigurationTests.llama3)
  }
}
