import Foundation
import TestSupport
import Testing
import Zeroth

@testable import ZerothTasks

/// A folder of small files that goes away with the test.
final class DataFixture {
  let path: String

  init(_ files: [String: String]) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-data-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.path
    for (name, text) in files { try write(Data(text.utf8), to: name) }
  }

  func write(_ data: Data, to name: String) throws { try data.write(to: URL(fileURLWithPath: "\(path)/\(name)")) }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct DatasetReaderTests {
  /// Examples of SST-2 from one small file.
  private func sst2(_ text: String, as name: String) throws -> [Example] {
    let fixture = try DataFixture([name: text])
    return try TextTask.sst2.examples(at: "\(fixture.path)/\(name)")
  }

  /// The error that reading gives, as text from the file's name on.
  private func failure(_ text: String, as name: String, of task: TextTask = .sst2) throws -> String {
    let fixture = try DataFixture([name: text])
    let error = #expect(throws: InputError.self) { try task.examples(at: "\(fixture.path)/\(name)") }
    return error?.description.replacingOccurrences(of: "\(fixture.path)/", with: "") ?? "no error"
  }

  /// The first sentence of SST-2's dev file and the start of another (Socher et al. 2013), in every form.
  static let forms: [(name: String, text: String)] = [
    ("a.txt", "0 one long string of cliches .\n\n1 there is a fabric , of ideas\n"),
    ("a.txt", "0 one long string of cliches .\r\n   \r\n1 there is a fabric , of ideas"),
    ("a.txt", "\u{FEFF}0\tone long string of cliches .\n\n1\tthere is a fabric , of ideas\n"),
    ("a.tsv", "sentence\tlabel\none long string of cliches .\t0\nthere is a fabric , of ideas\t1\n"),
    ("a.txt", "sentence\tlabel\r\none long string of cliches .\t0\r\nthere is a fabric , of ideas\t1\r\n"),
    ("a.csv", "label,sentence\n0,one long string of cliches .\n1,\"there is a fabric , of ideas\"\n"),
    ("a.csv", "label,sentence\r0,one long string of cliches .\r1,\"there is a fabric , of ideas\"\r"),
    ("a.tsv", "sentence\tlabel\rone long string of cliches .\t0\rthere is a fabric , of ideas\t1"),
    ("a.csv", "0,one long string of cliches .\n\n1,\"there is a fabric , of ideas\""),
    ("a.jsonl", "\(objects[0])\n\n\(objects[1])"),
    ("a.json", "[\(objects[0]),\n\(objects[1])]"),
    ("a.data", "0 one long string of cliches .\n\n1 there is a fabric , of ideas\n"),
    ("a", "\(objects[0])\n\(objects[1])\n"),
    ("a", "sentence\tlabel\none long string of cliches .\t0\nthere is a fabric , of ideas\t1\n"),
  ]

  private static let objects: [String] = [
    #"{"sentence": "one long string of cliches .", "label": 0}"#,
    #"{"label": "positive", "text": "there is a fabric , of ideas"}"#,
  ]

  @Test(arguments: forms)
  func everyFormGivesTheSameExamples(name: String, text: String) throws {
    let examples = try sst2(text, as: name)
    #expect(examples.map { $0["sentence"] } == ["one long string of cliches .", "there is a fabric , of ideas"])
    #expect(examples.map(\.label) == [0, 1])
  }

  @Test func linesCountBlankOnesAndRowsStartWhereTheyStart() throws {
    let lines = try sst2("\n0 one\n\n1 two\n", as: "a.txt")
    #expect(lines.map(\.source.line) == [2, 4])
    let rows = try sst2("label,sentence\n0,\"one\nmore\"\n1,\"say \"\"two\"\"\"\n", as: "a.csv")
    #expect(rows.map(\.source.line) == [2, 4])
    #expect(rows.map { $0["sentence"] } == ["one\nmore", "say \"two\""])
  }

  @Test func quotesAreTextInTSV() throws {
    let examples = try sst2("sentence\tlabel\n\"quoted\t0\n", as: "a.tsv")
    #expect(examples[0]["sentence"] == "\"quoted")
  }

  @Test func badRowsNameFileLineAndField() throws {
    #expect(try failure("0 one\n7 two\n", as: "a.txt").hasPrefix("a.txt line 2: label: found '7', expected one of '0'"))
    #expect(try failure("0 one\n1\n", as: "a.txt") == "a.txt line 2: text: found an empty text, expected a text")
    #expect(try failure("sentence\tlabel\none\n", as: "a.tsv") == "a.tsv line 2: found 1 columns, expected 2")
    #expect(
      try failure("sentence\tgrade\none\t0\n", as: "a.tsv").hasPrefix(
        "a.tsv line 2: label: found no such field among grade, sentence"))
    #expect(
      try failure("a,b,c\n1,2,3\n", as: "a.csv").hasPrefix(
        "a.csv line 1: found no column of the task in the first line: a, b, c"))
    #expect(
      try failure("label,sentence\n0,\"one\n1,two\n", as: "a.csv")
        == "a.csv line 2: found a quote that is not closed, expected a closing \"")
    #expect(
      try failure("label,sentence\n0,\"one\"x\n", as: "a.csv")
        == "a.csv line 2: found text after a closing quote, expected a comma")
    #expect(
      try failure("label,label,sentence\n0,0,x\n", as: "a.csv").hasPrefix("a.csv line 1: found two columns 'label'"))
    #expect(
      try failure("{\"sentence\": \"x\", \"label\": 0}\n{\"sentence\"\n", as: "a.jsonl").hasPrefix(
        "a.jsonl line 2: found the end of the text at byte 11, expected JSON: ':' after a key"))
    #expect(
      try failure("{\"sentence\": [1], \"label\": 0}\n", as: "a.jsonl")
        == "a.jsonl line 1: sentence: found an array, expected a text")
    #expect(try failure("", as: "a.txt") == "a.txt: found no examples, expected at least one")
    #expect(try failure("sentence\tlabel\n", as: "a.tsv") == "a.tsv: found no examples, expected at least one")
    #expect(try failure("nothing known", as: "a.dat").contains("of no known form, expected lines of 'label text'"))
    #expect(
      try failure("{", as: "a.json") == "a.json: found the end of the text at byte 1, expected JSON: a key in quotes")
    #expect(
      try failure(#"{"text": "x", "target": {"span1_text": "a"}, "label": true}"#, as: "a.jsonl", of: .wsc)
        == "a.jsonl line 1: target.span2_text: found no such field among span1_text, expected a value")
  }

  @Test func bytesThatAreNotUTF8() throws {
    let fixture = try DataFixture([:])
    try fixture.write(Data([0x30, 0x20, 0x61, 0x0A, 0x31, 0x20, 0xE9, 0x0A]), to: "a.txt")
    let error = #expect(throws: InputError.self) { try TextTask.sst2.examples(at: "\(fixture.path)/a.txt") }
    #expect(error?.description.hasSuffix("a.txt line 2: found bytes that are not UTF-8, expected UTF-8 text") == true)
    try fixture.write(Data("DESC:def What is caf".utf8) + [0xE9, 0x0A], to: "b.txt")
    #expect(try TextTask.trec.examples(at: "\(fixture.path)/b.txt")[0]["question"] == "What is café")
  }

  @Test func missingFilesAndAmbiguousFolders() throws {
    #expect(throws: InputError.self) { try DataFolder("/nowhere/at/all") }
    let two = try DataFixture(["train.txt": "0 a", "train.tsv": ""])
    let error = #expect(throws: InputError.self) { try DataFolder(two.path) }
    #expect(error?.found == "train.tsv and train.txt")
    let unknown = try DataFixture(["a.txt": "", "b.txt": ""])
    #expect(throws: InputError.self) { try DataFolder(unknown.path) }
    let empty = try DataFixture(["README": ""])
    #expect(throws: InputError.self) { try DataFolder(empty.path) }
  }

  @Test func foldersByTheirUsualNames() throws {
    let all = try DataFixture(["train.jsonl": "", "validation.jsonl": "", "test.jsonl": "", "notes.md": ""])
    let folder = try DataFolder(all.path)
    #expect(folder.train.hasSuffix("/train.jsonl"))
    #expect(folder.dev?.hasSuffix("/validation.jsonl") == true)
    #expect(folder.test?.hasSuffix("/test.jsonl") == true)
    let two = try DataFixture(["train.csv": "", "val.csv": ""])
    let pair = try DataFolder(two.path)
    #expect(pair.dev == nil)
    #expect(pair.test?.hasSuffix("/val.csv") == true)
    let one = try DataFixture(["xquad.en.json": ""])
    let single = try DataFolder(one.path)
    #expect(single.train.hasSuffix("/xquad.en.json"))
    #expect(single.test == nil)
  }

  /// Made by Python's gzip module at level 9 (fixed and dynamic codes) and its zlib at level 0 (a stored block).
  @Test func gzipOfEveryBlockKind() throws {
    let fixed = "H4sIAAAAAAACA8tIzcnJV8hAJ7kAAIhZCxgAAAA="
    let stored = "H4sIAAAAAAAA/wEYAOf/aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8KAIhZCxgAAAA="
    let dynamic = """
      H4sIAAAAAAACAzWPgRHAMAgCZwV0/xUKmNrrtUH8IEDsrICFhCEsuOQHszlYU1QKpJ01khi7uD660RJ5Xnv8XcpD01aZEwgyWpzN\
      u/5TwOhg39GhhTNmQA+Ais3AXPxQUSO8YiuboVzh4aP+K+rWRAPK2fc1HCyXJ7oJPDW0D2twVscsAQAA
      """
    func bytes(_ base64: String) throws -> [UInt8] { [UInt8](try #require(Data(base64Encoded: base64))) }
    func text(_ bytes: [UInt8]) throws -> String {
      String(decoding: try Gzip.decompress(bytes, path: "a.gz"), as: UTF8.self)
    }
    #expect(try text(bytes(fixed)) == "hello hello hello hello\n")
    #expect(try text(bytes(stored)) == "hello hello hello hello\n")
    #expect(try text(bytes(fixed) + bytes(stored)).count == 48)
    let letters = try text(bytes(dynamic))
    #expect(letters.hasPrefix("aabaedecaaeaccadbaabaaaacacaad"))
    #expect(letters.count == 300)
    for length in 0..<(try bytes(dynamic).count) {
      let cut = Array(try bytes(dynamic).prefix(length))
      let error = #expect(throws: InputError.self) { try Gzip.decompress(cut, path: "a.gz") }
      #expect(error?.found == "an end before the contents are complete")
      #expect(error?.expected == "a whole gzip file")
    }
    #expect(throws: InputError.self) { try Gzip.decompress(try bytes(fixed) + [0], path: "a.gz") }
    var flipped = try bytes(dynamic)
    for place in 10..<flipped.count {
      flipped[place] ^= 0x10
      let error = #expect(throws: InputError.self) { try Gzip.decompress(flipped, path: "a.gz") }
      #expect(error?.expected == "a whole gzip file")
      flipped[place] ^= 0x10
    }
  }

  /// A few megabytes can open to gigabytes: the contents are counted before they are kept.
  @Test func gzipOpensUpToALimit() throws {
    let hello = [UInt8](try #require(Data(base64Encoded: "H4sIAAAAAAACA8tIzcnJV8hAJ7kAAIhZCxgAAAA=")))
    #expect(try Gzip.decompress(hello + hello, path: "a.gz", limit: 48).count == 48)
    let small = #expect(throws: InputError.self) { try Gzip.decompress(hello + hello, path: "a.gz", limit: 47) }
    #expect(small?.found == "contents that open to more than 47 bytes")
    #expect(small?.expected == "at most 47 bytes")

    // A member of 1 MiB of zeros, 1025 times.
    let start: [UInt8] = [
      31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 237, 193, 49, 1, 0, 0, 0, 194, 160, 245, 79, 109, 8, 95, 160,
    ]
    let end: [UInt8] = [62, 3, 28, 234, 56, 167, 0, 0, 16, 0]
    let member = start + [UInt8](repeating: 0, count: 1016) + end
    #expect(try Gzip.decompress(member, path: "a.gz") == [UInt8](repeating: 0, count: 1 << 20))
    let bomb = Array(repeating: member, count: 1025).flatMap { $0 }
    let large = #expect(throws: InputError.self) { try Gzip.decompress(bomb, path: "a.gz") }
    #expect(large == InputError("a.gz", found: "contents that open to more than 1 GiB", expected: "at most 1 GiB"))
  }
}
