import Foundation

/// The readers by their names, which are also those of their folders in Corpus.
private let readers: [String: Reader] = [
  "adapter": readAdapter,
  "chat-template": readChatTemplate,
  "configuration": readConfiguration,
  "data": readData,
  "gguf": readGGUF,
  "golden": readGolden,
  "gzip": readGzip,
  "json": readJSON,
  "metrics": readMetrics,
  "model": readModel,
  "run-record": readRunRecord,
  "safetensors": readSafetensors,
  "sentencepiece": readSentencePiece,
  "sweep": readSweep,
  "task-file": readTaskFile,
  "tokenizer": readTokenizer,
  "toml": readTOML,
  "trajectory": readTrajectory,
]

/// The reader that the variable FUZZ_READER names. `names` prints all names; `planted` is the fault that must be found.
private let reader: Reader = {
  let name = ProcessInfo.processInfo.environment["FUZZ_READER"] ?? ""
  if name == "planted" { return readPlanted }
  if let reader = readers[name] { return reader }
  print(readers.keys.sorted().joined(separator: " "))
  exit(name == "names" ? 0 : 2)
}()

/// Called once before all inputs.
@c(LLVMFuzzerInitialize)
public func initialize(_ count: UnsafeMutablePointer<Int32>?, _ arguments: UnsafeMutableRawPointer?) -> Int32 {
  _ = reader
  return 0
}

/// Called by the fuzzer for each input.
@c(LLVMFuzzerTestOneInput)
public func test(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  reader.accepts(UnsafeBufferPointer(start: start, count: count))
  return 0
}
