import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels

@Suite("Checkpoint: config.json") struct CheckpointConfigurationTests {
  private func configuration(_ json: String) throws -> ModelConfiguration {
    let folder = try TemporaryFolder()
    try folder.write(json, to: "config.json")
    return try ModelConfiguration(directory: folder.path)
  }

  private func opt(_ json: String) throws -> OPTConfiguration {
    guard case .opt(let configuration) = try configuration(json) else {
      throw InputError(json, found: "", expected: "opt")
    }
    return configuration
  }

  private func llama(_ fields: String) throws -> LlamaConfiguration {
    guard case .llama(let configuration) = try configuration(#"{"model_type":"llama"\#(fields)}"#) else {
      throw InputError(fields, found: "", expected: "llama")
    }
    return configuration
  }

  /// The values of `OPTConfig()` in transformers 5.
  @Test func defaultsOfOPT() throws {
    let opt = try opt(#"{"model_type":"opt"}"#)
    #expect(opt.vocabSize == 50272 && opt.hiddenSize == 768 && opt.numHiddenLayers == 12 && opt.ffnDim == 3072)
    #expect(opt.numAttentionHeads == 12 && opt.headDim == 64 && opt.maxPositionEmbeddings == 2048)
    #expect(opt.wordEmbedProjDim == 768 && opt.activationFunction == .relu)
    #expect(opt.doLayerNormBefore && opt.enableBias && opt.layerNormElementwiseAffine && opt.tieWordEmbeddings)
    #expect(!opt.removeFinalLayerNorm)
    #expect(opt.bosTokenID == 2 && opt.eosTokenIDs == [2] && opt.padTokenID == 1)
  }

  @Test func everyFieldOfOPTIsRead() throws {
    let opt = try opt(
      #"""
      {"model_type":"opt","vocab_size":10,"hidden_size":12,"num_hidden_layers":3,"ffn_dim":5,"num_attention_heads":4,
      "max_position_embeddings":6,"word_embed_proj_dim":7,"do_layer_norm_before":false,"enable_bias":false,
      "layer_norm_elementwise_affine":false,"_remove_final_layer_norm":true,"activation_function":"gelu",
      "tie_word_embeddings":false,"bos_token_id":8,"eos_token_id":[9,4],"pad_token_id":null}
      """#)
    #expect(opt.vocabSize == 10 && opt.hiddenSize == 12 && opt.numHiddenLayers == 3 && opt.ffnDim == 5)
    #expect(opt.numAttentionHeads == 4 && opt.headDim == 3 && opt.maxPositionEmbeddings == 6)
    #expect(opt.wordEmbedProjDim == 7 && opt.activationFunction == .gelu)
    #expect(!opt.doLayerNormBefore && !opt.enableBias && !opt.layerNormElementwiseAffine && !opt.tieWordEmbeddings)
    #expect(opt.removeFinalLayerNorm)
    #expect(opt.bosTokenID == 8 && opt.eosTokenIDs == [9, 4] && opt.padTokenID == nil)
  }

  /// The values of `LlamaConfig()` in transformers 5.
  @Test func defaultsOfLlama() throws {
    let llama = try llama(#","head_dim":null,"num_key_value_heads":null,"rope_scaling":null"#)
    #expect(llama.vocabSize == 32000 && llama.hiddenSize == 4096 && llama.intermediateSize == 11008)
    #expect(llama.numHiddenLayers == 32 && llama.numAttentionHeads == 32 && llama.numKeyValueHeads == 32)
    #expect(llama.headDim == 128 && llama.rmsNormEps == 1e-6 && llama.maxPositionEmbeddings == 2048)
    #expect(llama.ropeTheta == 10000 && llama.ropeScaling == .none && llama.hiddenAct == .silu)
    #expect(!llama.tieWordEmbeddings && !llama.attentionBias && !llama.mlpBias)
    #expect(llama.bosTokenID == 1 && llama.eosTokenIDs == [2] && llama.padTokenID == nil)
  }

  @Test func everyFieldOfLlamaIsRead() throws {
    let llama = try llama(
      #"""
      ,"vocab_size":10,"hidden_size":24,"intermediate_size":9,"num_hidden_layers":3,"num_attention_heads":6,
      "num_key_value_heads":2,"head_dim":8,"rms_norm_eps":1e-05,"max_position_embeddings":7,"hidden_act":"gelu_new",
      "tie_word_embeddings":true,"attention_bias":true,"mlp_bias":true,"bos_token_id":null,"eos_token_id":null,
      "pad_token_id":-1
      """#)
    #expect(llama.vocabSize == 10 && llama.hiddenSize == 24 && llama.intermediateSize == 9)
    #expect(llama.numHiddenLayers == 3 && llama.numAttentionHeads == 6 && llama.numKeyValueHeads == 2)
    #expect(llama.headDim == 8 && llama.rmsNormEps == 1e-5 && llama.maxPositionEmbeddings == 7)
    #expect(llama.hiddenAct == .geluTanh && llama.tieWordEmbeddings && llama.attentionBias && llama.mlpBias)
    #expect(llama.bosTokenID == nil && llama.eosTokenIDs == [] && llama.padTokenID == nil)
  }

  /// The values of `BertConfig()` and `RobertaConfig()` in transformers 4 and 5.
  @Test func defaultsOfEncoders() throws {
    guard case .bert(let bert) = try configuration(#"{"model_type":"bert"}"#),
      case .roberta(let roberta) = try configuration(
        #"{"model_type":"roberta","architectures":["RobertaForMaskedLM"]}"#)
    else {
      Issue.record("an encoder is read as another type")
      return
    }
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
    let llama = try llama(rope.fields)
    #expect(llama.ropeTheta == rope.theta)
    #expect(llama.ropeScaling == rope.scaling)
  }

  static let defects = [
    Defect("empty", "", "end of the text"),
    Defect("not JSON", "model_type: opt", "'m' at byte 0"),
    Defect("not an object", "[]", "an array", "object"),
    Defect("no type", "{}", "model_type", "nothing", "bert, llama, opt, roberta"),
    Defect("other type", #"{"model_type":"gpt2"}"#, "model_type", "gpt2", "bert, llama, opt, roberta"),
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
      "rope type", #"{"model_type":"llama","rope_scaling":{"rope_type":"yarn"}}"#, "rope_scaling: rope_type", "yarn",
      "linear"),
    Defect(
      "old rope type", #"{"model_type":"llama","rope_scaling":{"type":"dynamic"}}"#, "rope_scaling: type", "dynamic"),
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
  ]

  @Test(arguments: defects) func defectiveConfiguration(_ defect: Defect) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(defect.content, to: "config.json")
    defect.expect(inputError { _ = try ModelConfiguration(directory: folder.path) }, at: path)
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
    let error = inputError { _ = try ModelConfiguration(directory: folder.path) }
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
      try ConfigurationFile(directory: folder.path).writeAsFloat32(to: copy.path)
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
    func read(_ name: String) throws -> ModelConfiguration {
      try ModelConfiguration(directory: SharedMaterial.path("models/" + name))
    }
    guard case .opt(let imdb) = try read("imdb-opt"), case .opt(let style350M) = try read("tiny/opt-350m-style"),
      case .llama(let stories) = try read("stories260K"), case .llama(let grouped) = try read("tiny/llama-gqa"),
      case .llama(let llama3) = try read("tiny/llama3-tied")
    else {
      Issue.record("a model is of another type than its config.json says")
      return
    }
    #expect(imdb.vocabSize == 4096 && imdb.ffnDim == 1024 && imdb.doLayerNormBefore && imdb.wordEmbedProjDim == 256)
    #expect(style350M.hiddenSize == 32 && style350M.wordEmbedProjDim == 16 && !style350M.doLayerNormBefore)
    #expect(stories.tieWordEmbeddings && stories.padTokenID == nil && stories.ropeTheta == 10000)
    #expect(grouped.numKeyValueHeads == 2 && grouped.headDim == 8 && grouped.ropeScaling == .none)
    #expect(llama3.ropeTheta == 500_000 && llama3.ropeScaling == CheckpointConfigurationTests.llama3)
    guard case .roberta(let roberta) = try read("tiny/roberta"), case .bert(let bert) = try read("tiny/bert-encoder")
    else {
      Issue.record("an encoder is of another type than its config.json says")
      return
    }
    #expect(roberta.hasMaskedHead && roberta.padTokenID == 1 && roberta.maxPositionEmbeddings == 50)
    #expect(!bert.hasMaskedHead && bert.numAttentionHeads == 3 && bert.layerNormEps == 1e-12)
  }
}
