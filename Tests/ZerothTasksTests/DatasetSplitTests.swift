import TestSupport
import Testing
import Zeroth

@testable import ZerothTasks

@Suite struct DatasetSplitTests {
  /// `count` lines of SST-2's form, of which every third is positive.
  private func lines(_ count: Int, from first: Int = 0) -> String {
    (first..<first + count).map { "\($0 % 3 == 0 ? 1 : 0) sentence \($0)\n" }.joined()
  }

  private func counts(_ examples: [Example], _ task: TextTask) -> [Int] {
    task.classes.indices.map { label in examples.count { $0.label == label } }
  }

  private func expectDisjoint(_ splits: Splits) {
    let sets = [splits.train, splits.dev, splits.test].map { Set($0.map(\.splitKey)) }
    #expect(sets[0].isDisjoint(with: sets[1]))
    #expect(sets[0].isDisjoint(with: sets[2]))
    #expect(sets[1].isDisjoint(with: sets[2]))
  }

  @Test func oneFileFeedsThreeSetsBySeed() throws {
    let fixture = try DataFixture(["all.txt": lines(300)])
    let data = try TextTask.sst2.load(fixture.path)
    let splits = try data.split(.total(train: 100, dev: 50), test: 80, seed: 13)
    #expect([splits.train.count, splits.dev.count, splits.test.count] == [100, 50, 80])
    expectDisjoint(splits)
    #expect(try data.split(.total(train: 100, dev: 50), test: 80, seed: 13).train == splits.train)
    #expect(try data.split(.total(train: 100, dev: 50), test: 80, seed: 21).train != splits.train)
    #expect(splits.train.map(\.source.line) != splits.train.map(\.source.line).sorted())
  }

  @Test func aSmallFileIsSharedInProportion() throws {
    let fixture = try DataFixture(["all.txt": lines(250)])
    let splits = try TextTask.sst2.load(fixture.path).split(seed: 42)
    #expect([splits.train.count, splits.dev.count, splits.test.count] == [100, 50, 100])
    expectDisjoint(splits)
  }

  /// Sets that ask for less than their share have what they ask for; the rest goes to the others.
  @Test(arguments: [
    (1000, 20, 1000, [50, 20, 50]), (1000, 10, 10, [100, 10, 10]), (100, 20, 20, [80, 20, 20]),
    (1000, 500, 1000, [48, 24, 48]), (60, 30, 30, [60, 30, 30]), (1000, 500, 5, [76, 38, 5]),
  ])
  func smallSetsKeepTheirSizes(train: Int, dev: Int, test: Int, expected: [Int]) throws {
    let fixture = try DataFixture(["all.txt": lines(120)])
    let splits = try TextTask.sst2.load(fixture.path).split(.total(train: train, dev: dev), test: test, seed: 1)
    #expect([splits.train.count, splits.dev.count, splits.test.count] == expected)
  }

  @Test func kPerClassAndItsLimits() throws {
    let fixture = try DataFixture(["train.txt": lines(90), "val.txt": lines(40, from: 200)])
    let data = try TextTask.sst2.load(fixture.path)
    let splits = try data.split(.perClass(15), seed: 13)
    #expect(counts(splits.train, .sst2) == [15, 15])
    #expect(counts(splits.dev, .sst2) == [15, 15])
    #expect(splits.test.count == 40)
    expectDisjoint(splits)
    let error = #expect(throws: InputError.self) { try data.split(.perClass(16), seed: 13) }
    #expect(error?.subject.hasSuffix("train.txt: class '1'") == true)
    #expect(error?.found == "14 examples left to draw from")
    #expect(throws: InputError.self) { try data.split(.perClass(0), seed: 13) }
    #expect(throws: InputError.self) { try data.split(.total(train: 0, dev: 5), seed: 13) }
    #expect(throws: InputError.self) { try data.split(test: 0, seed: 13) }
  }

  @Test func devFileIsUsedBesideATestFileUnlessItIsTooSmall() throws {
    let fixture = try DataFixture([
      "train.txt": lines(90), "dev.txt": lines(12, from: 200), "test.txt": lines(30, from: 300),
    ])
    let data = try TextTask.sst2.load(fixture.path)
    let four = try data.split(.perClass(4), seed: 13)
    #expect(four.dev.allSatisfy { $0.source.file.hasSuffix("dev.txt") })
    let five = try data.split(.perClass(5), seed: 13)
    #expect(five.dev.allSatisfy { $0.source.file.hasSuffix("train.txt") })
    expectDisjoint(five)
    #expect(five.test.count == 30)
  }

  @Test func repeatedTextsStayOutOfLaterSets() throws {
    let fixture = try DataFixture([
      "train.txt": lines(20), "dev.txt": lines(10, from: 18), "test.txt": lines(10, from: 26),
    ])
    let splits = try TextTask.sst2.load(fixture.path).split(.total(train: 100, dev: 100), seed: 13)
    #expect([splits.train.count, splits.dev.count, splits.test.count] == [20, 8, 8])
    expectDisjoint(splits)
    #expect(splits.notes.contains { $0.hasPrefix("2 of") && $0.contains("test.txt left out") })
  }

  @Test func aSetOfWhichNothingIsLeftIsAnError() throws {
    let fixture = try DataFixture(["train.txt": lines(60), "test.txt": lines(9)])
    let error = inputError { _ = try TextTask.sst2.load(fixture.path).split(.total(train: 50, dev: 10), seed: 3) }
    #expect(error?.subject.hasSuffix("test.txt: test") == true)
    #expect(error?.found == "no examples left: the text or group of all 9 is in an earlier set")
  }

  @Test func aSingleClassCannotBeTrainedOn() throws {
    let fixture = try DataFixture(["train.txt": "0 a\n0 b\n0 c\n", "test.txt": "1 d\n0 e\n"])
    let error = #expect(throws: InputError.self) { try TextTask.sst2.load(fixture.path).split(seed: 1) }
    #expect(error?.found == "the single class '0' to train on")
    let tiny = try DataFixture(["all.txt": "0 a\n1 b\n"])
    #expect(throws: InputError.self) { try TextTask.sst2.load(tiny.path).split(seed: 1) }
  }

  @Test func tasksWithoutClassesHaveNoK() throws {
    let row = #"{"premise": "P.", "choice1": "A b.", "choice2": "C d.", "question": "cause", "label": 0}"# + "\n"
    let fixture = try DataFixture(["train.jsonl": row])
    #expect(throws: InputError.self) { try TextTask.copa.load(fixture.path).split(.perClass(2), seed: 1) }
  }

  @Test func aSharedPassageStaysInOneSet() throws {
    let rows = (0..<40).map { passage in
      let answers = (0..<3).map { #"{"text": "answer \#($0)", "label": \#($0 % 2)}"# }.joined(separator: ", ")
      return #"{"passage": {"text": "p \#(passage)", "questions": [{"question": "q", "answers": [\#(answers)]}]}}"#
    }
    let fixture = try DataFixture(["val.jsonl": rows.joined(separator: "\n")])
    let splits = try TextTask.multirc.load(fixture.path).split(.total(train: 40, dev: 20), test: 30, seed: 13)
    #expect([splits.train.count, splits.dev.count, splits.test.count] == [40, 20, 30])
    expectDisjoint(splits)
  }

  @Test(.needs("data/sst2"), arguments: [13, 42] as [UInt64])
  func sst2ByThePapers(seed: UInt64) throws {
    let data = try TextTask.sst2.load(SharedMaterial.path("data/sst2"))
    let byDefault = try data.split(seed: seed)
    #expect([byDefault.train.count, byDefault.dev.count, byDefault.test.count] == [1000, 500, 1000])
    expectDisjoint(byDefault)
    for k in [16, 512] {
      let splits = try data.split(.perClass(k), seed: seed)
      #expect(counts(splits.train, .sst2) == [k, k])
      #expect(counts(splits.dev, .sst2) == [k, k])
      #expect(splits.test.count == 1000)
      #expect(splits.test.allSatisfy { $0.source.file.hasSuffix("test.txt") })
      expectDisjoint(splits)
    }
  }

  @Test(
    .needs("data/k-shot"),
    arguments: ["SST-2", "sst-5", "trec", "RTE"], [13, 21, 42, 87, 100])
  func foldersAlreadySplit(task name: String, seed: Int) throws {
    let task = try TaskRegistry.standard.task(named: name)
    let data = try task.load(SharedMaterial.path("data/k-shot/\(name)/16-\(seed)"))
    let splits = try data.split(.perClass(16), seed: 1)
    #expect(counts(splits.train, task) == task.classes.map { _ in 16 })
    #expect(counts(splits.dev, task) == task.classes.map { _ in 16 })
    #expect(Set(splits.train) == Set(data.train))
    #expect(splits.dev.allSatisfy { $0.source.file.contains("/dev.") })
    #expect(splits.test.count >= min(1000, data.test?.count ?? 0) - 8)
    expectDisjoint(splits)
  }

  @Test(.needs("data/k-shot"), arguments: ["SNLI", "MNLI"])
  func foldersWithoutATestFile(task name: String) throws {
    let task = try TaskRegistry.standard.task(named: name)
    let data = try task.load(SharedMaterial.path("data/k-shot/\(name)/16-13"))
    #expect(counts(data.train, task) == [16, 16, 16])
    #expect(counts(try #require(data.test), task) == [16, 16, 16])
  }

  @Test(.needs("data/trec"))
  func trecHasTooFewAbbreviationsFor512() throws {
    let data = try TextTask.trec.load(SharedMaterial.path("data/trec"))
    let error = #expect(throws: InputError.self) { try data.split(.perClass(512), seed: 13) }
    #expect(error?.subject.hasSuffix("class 'ABBR'") == true)
    #expect(error?.found == "86 examples left to draw from")
  }

  static let sizes: [(task: String, sizes: [Int])] = [
    ("cb", [150, 100, 56]), ("copa", [300, 100, 100]), ("rte", [1000, 500, 277]), ("boolq", [1000, 500, 1000]),
    ("multirc", [1000, 500, 1000]), ("snli", [1000, 500, 1000]),
  ]

  @Test(.needs("data/cb"), arguments: sizes)
  func defaultSizes(task name: String, sizes: [Int]) throws {
    let data = try TaskRegistry.standard.task(named: name).load(SharedMaterial.path("data/\(name)"))
    let splits = try data.split(seed: 13)
    #expect([splits.train.count, splits.dev.count, splits.test.count] == sizes)
    expectDisjoint(splits)
  }
}

@Suite struct DatasetBatchTests {
  @Test func anEpochHoldsEachExampleOnce() throws {
    let sampler = try BatchSampler(count: 24, size: 8, seed: 7)
    for epoch in 0..<3 {
      let seen = (0..<3).flatMap { sampler.indices(step: epoch * 3 + $0) }
      #expect(seen.sorted() == Array(0..<24))
      #expect(seen != Array(0..<24))
    }
    #expect(sampler.indices(step: 0) != sampler.indices(step: 3))
  }

  @Test func aBatchDependsOnSeedStepAndDrawAlone() throws {
    let sampler = try BatchSampler(count: 100, size: 10, seed: 7)
    let late = sampler.indices(step: 1234, draw: 2)
    _ = sampler.indices(step: 5)
    #expect(try BatchSampler(count: 100, size: 10, seed: 7).indices(step: 1234, draw: 2) == late)
    #expect(sampler.indices(step: 1234, draw: 1) != late)
    #expect(sampler.indices(step: 1234) != late)
    #expect(try BatchSampler(count: 100, size: 10, seed: 8).indices(step: 1234, draw: 2) != late)
  }

  @Test func whatFillsNoBatchIsLeftOutOthersEachTime() throws {
    let sampler = try BatchSampler(count: 10, size: 4, seed: 3)
    var left: Set<Int> = []
    for epoch in 0..<40 {
      let seen = Set(sampler.indices(step: 2 * epoch) + sampler.indices(step: 2 * epoch + 1))
      #expect(seen.count == 8)
      left.formUnion(Set(0..<10).subtracting(seen))
    }
    #expect(left == Set(0..<10))
  }

  /// 2 000 draws of 4 out of 8: each index is expected 1 000 times, with a standard deviation of 22.
  @Test func drawsAreUniform() throws {
    let sampler = try BatchSampler(count: 8, size: 4, seed: 11)
    var counts = Array(repeating: 0, count: 8)
    for draw in 1...2000 { for index in sampler.indices(step: 3, draw: draw) { counts[index] += 1 } }
    #expect(counts.allSatisfy { abs($0 - 1000) < 120 })
  }

  @Test func sizes() throws {
    #expect(try BatchSampler(count: 5, size: 64, seed: 1).indices(step: 9).sorted() == Array(0..<5))
    #expect(throws: InputError.self) { try BatchSampler(count: 0, size: 4, seed: 1) }
    #expect(throws: InputError.self) { try BatchSampler(count: 4, size: 0, seed: 1) }
  }
}
