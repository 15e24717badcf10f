import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels

/// What people have in the place of weights that are read: each is called what it is, with what to do.
@Suite struct ForeignWeightsTests {
  static let files: [(content: String, mentions: [String])] = [
    (
      "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4567890\n",
      ["Git LFS pointer", "4567890 bytes", "git lfs pull"]
    ),
    ("GGUF\u{3}\0\0\0\0\0\0\0\0", ["a GGUF file"]), ("<!DOCTYPE html><html>", ["a web page", "again"]),
    ("PK\u{3}\u{4}aaaaaaaaaaaa", ["Python pickle"]),
  ]

  @Test(arguments: files.indices) func filesInThePlaceOfWeights(_ index: Int) throws {
    let (content, mentions) = Self.files[index]
    let folder = try TemporaryFolder()
    try folder.write(MadeModels.configurations["opt"] ?? "", to: "config.json")
    let path = try folder.write(content, to: "model.safetensors")
    expect(inputError { _ = try loadModel(directory: folder.path) }, [path] + mentions)
  }

  @Test func aConfigurationThatIsAPointer() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Self.files[0].content, to: "config.json")
    expect(inputError { _ = try loadModel(directory: folder.path) }, [path, "Git LFS pointer"])
  }

  static let configurations = [
    (#""quantization_config": {"quant_method": "gptq", "bits": 4}"#, ["quantization_config", "gptq", "4 bits"]),
    (#""quantization_config": {"load_in_4bit": true}"#, ["quantization_config", "unknown method"]),
    (#""quantization": {"group_size": 64, "bits": 4}"#, ["quantization", "MLX", "4 bits"]),
  ]

  @Test(arguments: configurations.indices) func quantizedWeights(_ index: Int) throws {
    let (field, mentions) = Self.configurations[index]
    let folder = try TemporaryFolder()
    try folder.write("{\"model_type\": \"llama\", \(field)}", to: "config.json")
    expect(
      inputError { _ = try loadModel(directory: folder.path) }, ["config.json", "before it was quantised"] + mentions)
  }

  @Test(arguments: [("qweight", "GPTQ"), ("scales", "MLX"), ("absmax", "bitsandbytes")])
  func quantizedWeightsWithoutAConfiguration(part: String, method: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(#"{"model_type": "llama", "quantization_config": null}"#, to: "config.json")
    let name = "model.layers.0.mlp.up_proj.\(part)"
    try SafetensorsWriter.write([.init(name: name, shape: [1])], to: folder.path("model.safetensors")) { _, write in
      try [Float(1)].withUnsafeBufferPointer(write)
    }
    expect(inputError { _ = try loadModel(directory: folder.path) }, [name, method])
  }

  static let folders = [
    (
      ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
      ["model.safetensors.index.json", "index"]
    ),
    (["model.safetensors.incomplete"], ["not finished", "again"]), (["q.gguf"], ["q.gguf", "GGUF"]),
    (["adapter_model.safetensors", "adapter_config.json"], ["an adapter", "base"]),
    (["consolidated.safetensors"], ["consolidated.safetensors", "called so"]),
  ]

  @Test(arguments: folders.indices) func foldersWithOtherFiles(_ index: Int) throws {
    let (files, mentions) = Self.folders[index]
    let folder = try TemporaryFolder()
    try folder.write(MadeModels.configurations["opt"] ?? "", to: "config.json")
    for file in files { try folder.write("x", to: file) }
    expect(inputError { _ = try loadModel(directory: folder.path) }, [folder.path] + mentions)
  }

  @Test func aCutFileIsSaidToBeCut() throws {
    let folder = try TemporaryFolder()
    let model = try MadeModels.make("opt")
    try model.save(model.randomParameters(StreamKey(seed: 5)), to: folder.path)
    let path = folder.path("model.safetensors")
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    for count in [data.count - 1, data.count / 2, 100, 8, 7, 0] {
      try data.prefix(count).write(to: URL(fileURLWithPath: path))
      expect(inputError { _ = try loadModel(directory: folder.path) }, [path, "cut short", "download it again"])
    }
  }

  @Test func namesOnAHubAreNoFolders() throws {
    expect(inputError { _ = try loadModel(directory: "someone/model-7b") }, ["someone/model-7b", "hub", "hf download"])
    let error = inputError { _ = try loadModel(directory: "/no/such/folder") }
    expect(error, ["/no/such/folder", "no folder"])
    #expect(error?.description.contains("hub") == false)
    expect(
      inputError { _ = try loadModel(directory: "some/where.gguf") }, ["some/where.gguf", "no file", "a GGUF file"])
  }

  @Test func filesAreNoFolders() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("{}", to: "config.json")
    expect(
      inputError { _ = try loadModel(directory: path) }, [path, "a file", "a GGUF file, or the folder of a model"])
    let empty = try folder.write("", to: "empty.gguf")
    expect(inputError { _ = try loadModel(directory: empty) }, [empty, "an empty file", "a GGUF file"])
    let other = try folder.write("GGUF\u{3}", to: "model.gguf")
    expect(inputError { _ = try loadModel(directory: other) }, [other, "version", "the end of the file"])
  }

  private func expect(_ error: InputError?, _ mentions: [String]) {
    for mention in mentions {
      #expect(error?.description.contains(mention) == true, "\(error?.description ?? "-") does not mention \(mention)")
    }
  }
}
