import ArgumentParser
import Foundation
import Zeroth
import ZerothBenchmarks
import ZerothModels
import ZerothRecords
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTraining

struct Tokenize: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Turn texts on standard input into token ids, or ids into texts.",
    discussion: """
      With --json, standard input is a JSON array of texts (with --decode, of arrays of ids) and so is the output;
      without, every line is one.
      """)

  @Option(
    help: "Folder of the tokenizer's files, or a GGUF file; imdb-opt is the one that is built in. Required.",
    completion: .file())
  var tokenizer: String
  @Flag(help: "Turn ids into texts.")
  var decode = false
  @Flag(help: "Add the special tokens that the model expects around a text; with --decode, spell those that are there.")
  var specialTokens = false
  @OptionGroup var output: OutputOptions

  func run() throws {
    let tokenizer = try loadTokenizer(directory: try Embedded.modelDirectory(tokenizer))
    let input = try Self.standardInput()
    if decode {
      let ids = try ids(input)
      for (index, id) in ids.enumerated().flatMap({ row in row.element.map { (row.offset, $0) } })
      where !(0..<tokenizer.vocabularySize).contains(id) {
        throw InputError(
          "standard input \(output.json ? "element \(index)" : "line \(index + 1)")", found: "the id \(id)",
          expected: "0 to \(tokenizer.vocabularySize - 1), the tokens of this vocabulary")
      }
      let texts = ids.map { tokenizer.decode($0, skipSpecialTokens: !specialTokens) }
      output.print(.array(texts.map { .string($0) }), text: texts.joined(separator: "\n"))
    } else {
      let ids = try texts(input).map { tokenizer.encode($0, addSpecialTokens: specialTokens) }
      output.print(
        .array(ids.map { .array($0.map { .int($0) }) }),
        text: ids.map { $0.map(String.init).joined(separator: " ") }.joined(separator: "\n"))
    }
  }

  private static func standardInput() throws(InputError) -> Data {
    do {
      return try FileHandle.standardInput.readToEnd() ?? Data()
    } catch {
      throw InputError("standard input", found: "nothing that can be read", expected: "text")
    }
  }

  private func texts(_ input: Data) throws(InputError) -> [String] {
    guard output.json else { return try lines(input) }
    return try elements(input).enumerated().map { i, element throws(InputError) in
      guard let text = element.string else { throw unexpected(element, "element \(i)", "a text") }
      return text
    }
  }

  private func ids(_ input: Data) throws(InputError) -> [[Int]] {
    guard output.json else {
      return try lines(input).enumerated().map { i, line throws(InputError) in
        try line.split(separator: " ").map { word throws(InputError) in
          guard let id = Int(word) else {
            throw InputError("standard input line \(i + 1)", found: "'\(word.prefix(40))'", expected: "ids of tokens")
          }
          return id
        }
      }
    }
    return try elements(input).enumerated().map { i, element throws(InputError) in
      guard let ids = element.elements else { throw unexpected(element, "element \(i)", "an array of ids") }
      return try ids.enumerated().map { j, id throws(InputError) in
        guard let id = id.integer else { throw unexpected(id, "element \(i)[\(j)]", "the id of a token") }
        return id
      }
    }
  }

  private func elements(_ input: Data) throws(InputError) -> [JSON] {
    let json = try JSON(parsing: input, subject: "standard input")
    guard let elements = json.elements else {
      throw unexpected(json, "", "a JSON array of \(decode ? "arrays of ids" : "texts")")
    }
    return elements
  }

  private func lines(_ input: Data) throws(InputError) -> [String] {
    guard let text = String(data: input, encoding: .utf8) else {
      throw InputError("standard input", found: "bytes that are not UTF-8", expected: "UTF-8 text")
    }
    var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" { lines.removeLast() }
    return lines
  }

  private func unexpected(_ value: JSON, _ place: String, _ expected: String) -> InputError {
    InputError(
      place.isEmpty ? "standard input" : "standard input: \(place)", found: String(value.description.prefix(40)),
      expected: expected)
  }
}
