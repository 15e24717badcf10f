import Foundation
import Zeroth
import ZerothSupport

/// Weights in forms that cannot be read. They are recognised by their content, so that the error can name the form and
/// say what to do.
enum ForeignWeights {
  /// The advice for weights in another form.
  private static let download = "the model's safetensors files, which are read"

  /// Throws `InputError` where the content of `file` is a web page, a pointer of a version control, or the format of
  /// another program.
  static func refuse(_ file: MappedFile) throws(InputError) {
    if file.starts(with: "version https://git-lfs") {
      let text = String(decoding: file.bytes.prefix(512), as: UTF8.self)
      let size = text.split(whereSeparator: \.isWhitespace).drop { $0 != "size" }.dropFirst().first.flatMap { Int($0) }
      throw InputError(
        file.path,
        found: "a Git LFS pointer, which stands for a file" + (size.map { " of \($0) bytes" } ?? ""),
        expected: "the file itself: 'git lfs pull' in its folder fetches it")
    }
    for (start, kind, remedy) in [
      ("GGUF", "a GGUF file", download), ("<!", "a web page", "the file itself: download it again"),
      ("<html", "a web page", "the file itself: download it again"),
      ("PK\u{3}\u{4}", "a Python pickle, as PyTorch saves it", download), ("\u{89}HDF", "an HDF5 file", download),
    ] where file.starts(with: start) {
      throw InputError(file.path, found: kind, expected: remedy)
    }
  }

  /// Throws `InputError` where the configuration `file` says that its weights are quantised.
  static func refuseQuantized(_ file: ConfigurationFile) throws(InputError) {
    func refuse(_ key: String, by method: String, _ settings: JSON) throws(InputError) {
      let bits = settings["bits"]?.integer.map { ", in \($0) bits" } ?? ""
      throw InputError(
        "\(file.path): \(key)", found: "weights quantised by \(method.excerpt)\(bits)",
        expected: "the model before it was quantised, in F32, F16 or BF16")
    }
    if let settings = file.json["quantization_config"], settings != .null {
      try refuse("quantization_config", by: settings["quant_method"]?.string ?? "an unknown method", settings)
    }
    if let settings = file.json["quantization"], settings.members != nil {
      try refuse("quantization", by: "MLX", settings)
    }
  }

  /// Throws `InputError` where tensors of `checkpoint` have names of quantised tensors, although no configuration says
  /// so.
  static func refuseQuantized(_ checkpoint: Checkpoint) throws(InputError) {
    let kinds = [
      ".qweight": "GPTQ or AWQ", ".g_idx": "GPTQ", ".qzeros": "GPTQ or AWQ", ".SCB": "bitsandbytes",
      ".absmax": "bitsandbytes", ".scales": "MLX or another program", ".weight_scale_inv": "another program, in 8 bits",
    ]
    for name in checkpoint.names {
      guard let dot = name.lastIndex(of: "."), let method = kinds[String(name[dot...])] else { continue }
      throw InputError(
        "\(checkpoint.directory): tensor '\(name.excerpt)'", found: "weights quantised by \(method)",
        expected: "the model before it was quantised, in F32, F16 or BF16")
    }
  }

  /// What a folder with `contents` has instead of weights that can be read, and what to do.
  static func inPlaceOfWeights(_ contents: [String]) -> (found: String, expected: String) {
    let files = contents.sorted()
    func first(_ isWanted: (String) -> Bool) -> String? { files.first(where: isWanted) }
    let expected = "\(Checkpoint.fileName), or \(Checkpoint.indexName) and its shards; only safetensors files are read"
    if let file = first({ $0.hasSuffix(".incomplete") || $0.hasSuffix(".part") || $0.hasSuffix(".crdownload") }) {
      return ("\(file.excerpt), a download that was not finished", expected + ": download it again")
    }
    if let file = first({ $0.hasPrefix("model-") && $0.hasSuffix(".safetensors") }) {
      return (
        "\(file.excerpt) without \(Checkpoint.indexName)",
        "the index too, which lists the shards: download \(Checkpoint.indexName) into the folder"
      )
    }
    if first({ $0 == "adapter_model.safetensors" || $0 == "adapter_config.json" }) != nil {
      return ("an adapter (PEFT) without its base", "a model: the adapter's base, or both merged into one")
    }
    if let file = first({ $0.hasSuffix(".safetensors") }) {
      return ("\(file.excerpt), whose name is another", "\(expected) (a single file has to be called so)")
    }
    if let file = first({ $0.hasPrefix("pytorch_model") }) {
      return ("\(file.excerpt) alone, which is a Python pickle", expected)
    }
    if let file = first({ $0.hasSuffix(".gguf") }) {
      return ("\(file.excerpt), a GGUF file", "\(expected); or the path of that file in place of the folder's")
    }
    return ("no weights", expected)
  }

  /// Throws `InputError` where `path` is not a folder. For a file the error says which kind of file it is. For a name
  /// like `owner/model` it assumes that a name on a hub was meant.
  static func requireFolder(_ path: String) throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
      if isFolder.boolValue { return }
      let file = try MappedFile(path: path)
      try refuse(file)
      throw InputError(
        path, found: file.bytes.isEmpty ? "an empty file" : "a file",
        expected: "a GGUF file, or the folder of a model, with config.json and its weights")
    }
    if path.hasSuffix(".gguf") { throw InputError(path, found: "no file of that name", expected: "a GGUF file") }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let isName = parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    throw InputError(
      path, found: "no folder of that name",
      expected: isName
        ? "the folder of a model; if this is its name on a hub, download it into a folder first, such as by "
          + "'hf download \(path.excerpt) --local-dir FOLDER'"
        : "the folder of a model")
  }
}

extension MappedFile {
  /// Whether the file begins with the characters of `text`, one byte each.
  func starts(with text: String) -> Bool {
    let start = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    return bytes.count >= start.count && bytes.prefix(start.count).elementsEqual(start)
  }
}
