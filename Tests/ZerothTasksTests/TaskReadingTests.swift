import TestSupport
import Testing
import Zeroth
import ZerothTasks

/// Each task from its real files: the counts that the shared folder's README gives, and those of each class as a few
/// lines of Python count them.
@Suite struct TaskReadingTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let task: String
    let file: String
    let classes: [Int]
    var testDescription: String { file }

    init(_ task: String, _ file: String, _ classes: Int...) {
      self.task = task
      self.file = file
      self.classes = classes
    }
  }

  static let cases: [Case] = [
    Case("sst2", "sst2/train.txt", 3310, 3610), Case("sst2", "sst2/dev.txt", 428, 444),
    Case("sst2", "sst2/test.txt", 912, 909), Case("sst5", "sst5/train.txt", 1092, 2218, 1624, 2322, 1288),
    Case("sst5", "sst5/dev.txt", 139, 289, 229, 279, 165), Case("sst5", "sst5/test.txt", 279, 633, 389, 510, 399),
    Case("trec", "trec/train.txt", 1162, 1250, 86, 1223, 835, 896),
    Case("trec", "trec/test.txt", 138, 94, 9, 65, 81, 113), Case("rte", "rte/train.jsonl", 1249, 1241),
    Case("rte", "rte/val.jsonl", 146, 131), Case("snli", "snli/dev.csv", 3275, 3325, 3231),
    Case("mnli", "mnli/dev.csv", 6532, 6998, 6117), Case("cb", "cb/train.jsonl", 115, 119, 16),
    Case("cb", "cb/val.jsonl", 23, 28, 5), Case("boolq", "boolq/val.jsonl", 1237, 2033),
    Case("wsc", "wsc/train.jsonl", 295, 259), Case("wsc", "wsc/val.jsonl", 66, 38),
    Case("wic", "wic/train.jsonl", 2714, 2714), Case("wic", "wic/val.jsonl", 319, 319),
    Case("multirc", "multirc/val.jsonl", 2773, 2075), Case("copa", "copa/train.jsonl", 195, 205),
    Case("copa", "copa/val.jsonl", 55, 45), Case("squad", "squad/xquad.en.json", 1190),
    Case("drop", "drop/drop_v0_dev.jsonl.gz", 9536),
  ]

  @Test(.needs("data/sst2"), arguments: cases)
  func countsPerClass(_ expected: Case) throws {
    let task = try TaskRegistry.standard.task(named: expected.task)
    let examples = try task.examples(at: SharedMaterial.path("data/\(expected.file)"))
    #expect(expected.classes.indices.map { label in examples.count { $0.label == label } } == expected.classes)
    #expect(examples.count == expected.classes.reduce(0, +))
    #expect(examples.allSatisfy { $0.fields.values.allSatisfy { !$0.isEmpty } })
    #expect(examples.allSatisfy { task.candidates(of: $0).allSatisfy { !$0.isEmpty } })
  }

  @Test(.needs("data/squad"))
  func passagesAndAnswers() throws {
    let multirc = try TextTask.multirc.examples(at: SharedMaterial.path("data/multirc/val.jsonl"))
    #expect(Set(multirc.map(\.splitKey)).count == 83)
    let squad = try TextTask.squad.examples(at: SharedMaterial.path("data/squad/xquad.en.json"))
    #expect(squad[0]["title"] == "Super_Bowl_50")
    #expect(squad[0].answers == ["308"])
    let drop = try TextTask.drop.examples(at: SharedMaterial.path("data/drop/drop_v0_dev.jsonl.gz"))
    #expect(drop[1].answers == ["Pakistanis and Filipinos", "Pakistani and Filipino"])
    #expect(drop[1]["question"].hasPrefix("What two nationalities had the same number of people living in Bahrain"))
    #expect(drop[1].source.line == 2)
  }

  @Test(.needs("data/k-shot"), arguments: ["13", "21", "42", "87", "100"])
  func annotatorsOfSNLIDoNotHideTheGoldLabel(seed: String) throws {
    let folder = SharedMaterial.path("data/k-shot/SNLI/16-\(seed)")
    for name in ["train", "dev"] {
      let labels = try TextTask.snli.examples(at: "\(folder)/\(name).tsv").map(\.label)
      #expect((0..<3).map { label in labels.count { $0 == label } } == [16, 16, 16])
    }
  }
}
