import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels

@Suite("Checkpoint: folders") struct CheckpointFolderTests {
  /// A folder with the shards `one` (a, b) and `two` (c), each tensor one element, and `index` as weight_map.
  private func shardedFolder(weightMap: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try writeShard("one.safetensors", [("a", 1), ("b", 2)], in: folder)
    try writeShard("two.safetensors", [("c", 3)], in: folder)
    try folder.write(#"{"metadata":{"total_size":12},"weight_map":\#(weightMap)}"#, to: Checkpoint.indexName)
    return folder
  }

  private func writeShard(_ file: String, _ tensors: [(name: String, value: Float)], in folder: TemporaryFolder) throws
  {
    let list = tensors.map { SafetensorsWriter.Tensor(name: $0.name, shape: [1]) }
    try SafetensorsWriter.write(list, to: folder.path(file)) { tensor, write in
      let values = tensors.filter { $0.name == tensor.name }.map(\.value)
      try values.withUnsafeBufferPointer { try write($0) }
    }
  }

  @Test func shardsAreOneCheckpoint() throws {
    let folder = try shardedFolder(
      weightMap: #"{"c":"two.safetensors","a":"one.safetensors","b":"one.safetensors"}"#)
    let checkpoint = try Checkpoint(directory: folder.path)
    #expect(checkpoint.names == ["c", "a", "b"])
    #expect(try checkpoint.names.map { try checkpoint.floats($0) } == [[3], [1], [2]])
    #expect(checkpoint.contains("a") && !checkpoint.contains("d"))
    Defect("", "", "'d'", "no such tensor").expect(inputError { _ = try checkpoint.info("d") }, at: folder.path)
  }

  static let defects = [
    Defect("no weight map", "null", "weight_map", "null"),
    Defect("empty weight map", "{}", "weight_map", "an object of 0"),
    Defect("weight map a list", "[]", "weight_map", "an array"),
    Defect("shard a number", #"{"a":1}"#, "'a'", "found 1"),
    Defect("shard in a parent", #"{"a":"../one.safetensors"}"#, "'a'", "../one.safetensors", "without directories"),
    Defect("shard at an absolute path", #"{"a":"/one.safetensors"}"#, "'a'", "without directories"),
    Defect("shard in a subfolder", #"{"a":"x/one.safetensors"}"#, "'a'", "without directories"),
    Defect("shard with a null byte", #"{"a":"one.safetensors\u0000x"}"#, "'a'"),
    Defect("shard without a name", #"{"a":""}"#, "'a'"),
    Defect("shard ..", #"{"a":".."}"#, "'a'"),
    Defect("missing shard", #"{"a":"one.safetensors","c":"three.safetensors"}"#, "'c'", "three.safetensors"),
    Defect("tensor not in its shard", #"{"a":"two.safetensors"}"#, "'a'", "two.safetensors without it"),
    Defect("tensor twice", #"{"a":"one.safetensors","a":"two.safetensors"}"#, "'a'", "twice"),
    Defect("not JSON", "{", "end of the text"),
  ]

  @Test(arguments: defects) func defectiveIndex(_ defect: Defect) throws {
    let folder = try shardedFolder(weightMap: defect.content)
    defect.expect(inputError { _ = try Checkpoint(directory: folder.path) }, at: folder.path(Checkpoint.indexName))
  }

  @Test func tensorInTwoShardsIsAnError() throws {
    let folder = try shardedFolder(weightMap: #"{"a":"one.safetensors","c":"two.safetensors"}"#)
    try writeShard("two.safetensors", [("c", 3), ("b", 4)], in: folder)
    let error = inputError { _ = try Checkpoint(directory: folder.path) }
    Defect("", "", "'b'", "one.safetensors", "two.safetensors").expect(error, at: folder.path)
  }

  @Test func damagedShardIsNamed() throws {
    let folder = try shardedFolder(weightMap: #"{"a":"one.safetensors","c":"two.safetensors"}"#)
    let path = try folder.write([1, 2, 3], to: "two.safetensors")
    Defect("", "", "3 bytes").expect(inputError { _ = try Checkpoint(directory: folder.path) }, at: path)
  }

  @Test func foldersWithoutSafetensorsAreErrors() throws {
    let folder = try TemporaryFolder()
    Defect("", "", "no weights").expect(inputError { _ = try Checkpoint(directory: folder.path) }, at: folder.path)
    try folder.write("pickle", to: "pytorch_model.bin")
    let error = inputError { _ = try Checkpoint(directory: folder.path) }
    Defect("", "", "pytorch_model.bin", "only safetensors").expect(error, at: folder.path)
    let missing = folder.path("none")
    Defect("", "", "no directory").expect(inputError { _ = try Checkpoint(directory: missing) }, at: missing)
  }

  @Test func singleFileComesBeforeTheIndex() throws {
    let folder = try shardedFolder(weightMap: "{}")
    try writeShard(Checkpoint.fileName, [("z", 9)], in: folder)
    #expect(try Checkpoint(directory: folder.path + "/").floats("z") == [9])
  }

  @Test func filesOfTheModelAreCopied() throws {
    let (source, destination) = (try TemporaryFolder(), try TemporaryFolder())
    let own = [
      "tokenizer.json", "merges.txt", "generation_config.json", "chat_template.jinja", "added_tokens.json",
      "sentencepiece.bpe.model", "LICENSE.txt", "tokenizer.model.v3",
    ]
    let others = ["config.json", "notes.txt", "pytorch_model.bin", "golden.json", "trainer_state.json", "README.md"]
    for name in own + others { try source.write("the \(name)", to: name) }
    for folder in ["additional_chat_templates", "1_Pooling", "onnx"] {
      try FileManager.default.createDirectory(atPath: source.path(folder), withIntermediateDirectories: true)
    }
    let inner = ["additional_chat_templates/rag.jinja", "1_Pooling/config.json"]
    for name in inner + ["onnx/tokenizer.json"] { try source.write("the \(name)", to: name) }
    try source.write("", to: "vocab.txt")
    try destination.write("old", to: "merges.txt")
    let copied = try copyModelFiles(from: source.path, to: destination.path)
    #expect(copied == (own + inner + ["vocab.txt"]).sorted())
    for name in own + inner { #expect(try destination.text(name) == "the \(name)") }
    #expect(try destination.contents == (own + ["vocab.txt", "additional_chat_templates", "1_Pooling"]).sorted())
    #expect(try destination.text("merges.txt") == "the merges.txt")
    #expect(try destination.text("vocab.txt") == "")
    let missing = destination.path("none")
    let error = inputError { try copyModelFiles(from: source.path, to: missing) }
    Defect("", "", "1_Pooling", "cannot be made").expect(error, at: missing)
  }
}
