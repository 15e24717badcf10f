import TestSupport
import Testing
import Zeroth
import ZerothTasks

/// The splits of the papers' protocol on the real data: 1000/500/1000 by seed, and k = 16 per class in five of them.
@Suite struct RealSplitTests {
  static let seeds: [UInt64] = [13, 21, 42, 87, 100]

  func expectDisjoint(_ splits: Splits) {
    let sets = [splits.train, splits.dev, splits.test].map { Set($0.map(\.splitKey)) }
    #expect(sets[0].isDisjoint(with: sets[1]))
    #expect(sets[0].isDisjoint(with: sets[2]))
    #expect(sets[1].isDisjoint(with: sets[2]))
  }

  /// Train, dev and test of the task's own sizes; fewer where the folder holds fewer.
  static let sizes: [(String, [Int])] = [
    ("sst2", [1000, 500, 1000]), ("sst5", [1000, 500, 1000]), ("trec", [1000, 500, 500]), ("rte", [1000, 500, 277]),
    ("snli", [1000, 500, 1000]), ("mnli", [1000, 500, 1000]), ("cb", [150, 100, 56]), ("boolq", [1000, 500, 1000]),
    ("wsc", [369, 184, 104]), ("wic", [1000, 500, 638]), ("multirc", [1000, 500, 1000]), ("copa", [300, 100, 100]),
    ("squad", [476, 238, 476]), ("drop", [1000, 500, 1000]),
  ]

  @Test(.needs("data/sst2"), arguments: sizes)
  func theSizesOfTheProtocol(name: String, sizes: [Int]) throws {
    let task = try TaskRegistry.standard.task(named: name)
    let data = try task.load(SharedMaterial.path("data/\(name)"))
    let splits = try data.split(seed: 13)
    expectDisjoint(splits)
    // Repeated texts and passages that stay together may take away a few.
    for (found, size) in zip([splits.train, splits.dev, splits.test], sizes) {
      #expect((size * 9 / 10...size).contains(found.count), "\(found.count) of \(size)")
    }
    #expect(try data.split(seed: 13).train == splits.train)
    #expect(try data.split(seed: 21).train != splits.train)
  }

  static let folders = [
    ("sst2", "SST-2", ""), ("sst5", "sst-5", ""), ("trec", "trec", ""), ("rte", "RTE", ""), ("snli", "SNLI", "snli"),
    ("mnli", "MNLI", "mnli"),
  ]

  @Test(.needs("data/k-shot"), arguments: folders, seeds)
  func sixteenOfEachClass(folder: (task: String, name: String, test: String), seed: UInt64) throws {
    let task = try TaskRegistry.standard.task(named: folder.task)
    let data = try task.load(
      SharedMaterial.path("data/k-shot/\(folder.name)/16-\(seed)"),
      testData: folder.test.isEmpty ? nil : SharedMaterial.path("data/\(folder.test)"))
    let splits = try data.split(.perClass(16), seed: seed)
    expectDisjoint(splits)
    for split in [splits.train, splits.dev] {
      #expect(task.classes.indices.map { label in split.count { $0.label == label } }.allSatisfy { $0 == 16 })
    }
    #expect(splits.train.allSatisfy { $0.source.file.contains("train") })
    #expect(splits.dev.allSatisfy { $0.source.file.contains("dev") && $0.source.file.contains("k-shot") })
    #expect((250...1000).contains(splits.test.count))
  }

  /// All of the test examples: what train and dev leave of a single file.
  @Test(.needs("data/boolq"))
  func allTestExamples() throws {
    let data = try TextTask.boolq.load(SharedMaterial.path("data/boolq"))
    let splits = try data.split(test: .max, seed: 13)
    #expect(splits.train.count == 1000 && splits.dev.count == 500)
    #expect(splits.test.count > 1500)
    expectDisjoint(splits)
  }
}
