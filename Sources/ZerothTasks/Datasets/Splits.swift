import Zeroth

/// The sizes of the training set and of the dev set.
public enum SplitSize: Sendable, Hashable {
  /// `k` examples of each class for train, and as many for dev. It is an error where a class has fewer.
  case perClass(Int)
  /// At most these numbers in all. Where one file has fewer rows than all sets ask for, its rows are shared as 2 to 1
  /// to 2 between train, dev and test. A set never gets more than it asks for, and the rest goes to the others, so
  /// small sets keep their size.
  case total(train: Int, dev: Int)
}

/// The three sets of a run. No text is in two of them, and no shared passage (``Example/splitKey``).
public struct Splits: Sendable {
  /// The training set, in the order in which it was drawn.
  public let train: [Example]
  /// The dev set, by which settings and checkpoints are chosen.
  public let dev: [Example]
  /// The test set, which is measured at the end and never used for a choice.
  public let test: [Example]
  /// The source of each set, and what was left out, in words.
  public let notes: [String]
}

extension Splits {
  /// A test set only: all examples of one file, none of them drawn at random.
  public init(all rows: FileExamples, of path: String) {
    train = []
    dev = []
    test = rows.examples
    notes = rows.notes + ["all examples of \(path): \(rows.examples.count)"]
  }
}

/// The examples of a task in its files.
public struct TaskData: Sendable {
  /// The task that read the examples.
  public let task: TextTask
  /// The files.
  public let folder: DataFolder
  /// The examples of the train file, or of the only file.
  public let train: [Example]
  /// The examples of the dev file; nil where there is no test file besides it.
  public let dev: [Example]?
  /// The examples of the test file.
  public let test: [Example]?
  /// Sentences that tell a user about the files.
  public var notes: [String] = []

  /// Draws the three sets by `seed`.
  ///
  /// Train comes from the train file. Dev comes from the dev file; from the train file where there is no dev file or it
  /// has too few examples for `k` per class. Test comes from the test file, or from the only file where there is no
  /// other. The sets are drawn in this order. An example whose text is in an earlier set is left out of a later one.
  ///
  /// - Parameters:
  ///   - size: examples for train and dev; the task's own sizes by default.
  ///   - testSize: the most test examples, `.max` for all there are; the task's own size by default.
  ///   - seed: draws the sets.
  /// - Throws: `InputError` when a class has fewer than `k`, a set would be empty, or train would hold a single class.
  public func split(_ size: SplitSize? = nil, test testSize: Int? = nil, seed: UInt64) throws(InputError) -> Splits {
    let size = size ?? task.splitSize
    let testSize = testSize ?? task.testSize
    guard testSize > 0 else { throw InputError("test size", found: "\(testSize)", expected: "at least 1") }
    let key = StreamKey(seed: seed)
    let devFile = try devFile(for: size)
    var notes = self.notes
    var taken: Set<String> = []

    func draw(_ name: String, _ examples: [Example], _ file: String, _ index: Int, _ size: SetSize) throws(InputError)
      -> [Example]
    {
      var stream = RandomStream(key.child(.split, index))
      let free = examples.filter { !taken.contains($0.splitKey) }
      if file != folder.train, free.count < examples.count {
        notes.append("\(examples.count - free.count) of \(file) left out: their text or group is in an earlier set")
      }
      let drawn = try size.draw(from: Self.shuffled(free, &stream), task: task, file: file)
      guard !drawn.isEmpty else {
        throw InputError(
          "\(file): \(name)",
          found: examples.isEmpty
            ? "no examples" : "no examples left: the text or group of all \(examples.count) is in an earlier set",
          expected: "some of its own")
      }
      notes.append("\(name): \(drawn.count) of \(examples.count) from \(file)")
      taken.formUnion(drawn.map(\.splitKey))
      return drawn
    }

    let (trainSize, devSize, testCount) = try sizes(size, testSize: testSize, devIsFile: devFile != nil)
    let train = try draw("train", self.train, folder.train, 0, trainSize)
    if !task.classes.isEmpty, let label = train.first?.label, train.allSatisfy({ $0.label == label }) {
      throw InputError(
        folder.train, found: "the single class '\(task.classes[label].names.first ?? "")' to train on",
        expected: "at least two of the \(task.classes.count) classes of \(task.name)")
    }
    let devPath = devFile.flatMap { _ in folder.dev } ?? folder.train
    let dev = try draw("dev", devFile ?? self.train, devPath, 1, devSize)
    let test = try draw("test", self.test ?? self.train, folder.test ?? folder.train, 2, .atMost(testCount))
    return Splits(train: train, dev: dev, test: test, notes: notes)
  }

  private func devFile(for size: SplitSize) throws(InputError) -> [Example]? {
    guard let dev, case .perClass(let k) = size else { return dev }
    let isEnough = task.classes.indices.allSatisfy { label in dev.count { $0.label == label } >= k }
    return isEnough ? dev : nil
  }

  private func sizes(
    _ size: SplitSize, testSize: Int, devIsFile: Bool
  ) throws(InputError) -> (train: SetSize, dev: SetSize, test: Int) {
    switch size {
    case .perClass(let k):
      guard k > 0 else { throw InputError("k", found: "\(k)", expected: "at least 1 per class") }
      guard !task.classes.isEmpty else {
        throw InputError("k", found: "k per class for \(task.name), which has no classes", expected: "a size in all")
      }
      return (.perClass(k), .perClass(k), testSize)
    case .total(let trainSize, let devSize):
      guard trainSize > 0 else { throw InputError("train size", found: "\(trainSize)", expected: "at least 1") }
      guard devSize > 0 else { throw InputError("dev size", found: "\(devSize)", expected: "at least 1") }
      // Where a file is shared, `.max` for the test set counts as the task's own size of the test set.
      let testShare = testSize == .max ? task.testSize : testSize
      let shares = Self.shares(
        of: train.count, asked: [trainSize, devIsFile ? 0 : devSize, test == nil ? testShare : 0])
      return (
        .atMost(shares[0]), .atMost(devIsFile ? devSize : shares[1]),
        test == nil && testSize != .max ? shares[2] : testSize
      )
    }
  }

  /// The numbers of rows that train, dev and test get out of `count`, where they ask for `asked`. The shares are 2 to 1
  /// to 2, but none gets more than it asks for, and one that asks gets at least one row.
  private static func shares(of count: Int, asked: [Int]) -> [Int] {
    let weights = [2.0, 1.0, 2.0]
    var shares = asked
    var open = asked.indices.filter { asked[$0] > 0 }
    var left = Double(count)
    while !open.isEmpty {
      let unit = max(0, left) / open.reduce(0) { $0 + weights[$1] }
      let served = open.filter { Double(asked[$0]) <= unit * weights[$0] }
      if served.isEmpty {
        for i in open { shares[i] = max(1, Int(unit * weights[i])) }
        break
      }
      left -= served.reduce(0) { $0 + Double(asked[$1]) }
      open.removeAll(where: served.contains)
    }
    return shares
  }

  /// The examples in a random order in which those with the same key follow each other.
  private static func shuffled(_ examples: [Example], _ stream: inout RandomStream) -> [Example] {
    var places: [String: Int] = [:]
    var groups: [[Example]] = []
    for example in examples {
      if let place = places[example.splitKey] {
        groups[place].append(example)
      } else {
        places[example.splitKey] = groups.count
        groups.append([example])
      }
    }
    return stream.shuffled(groups).flatMap(\.self)
  }
}

/// The size of one set.
private enum SetSize {
  case perClass(Int)
  case atMost(Int)

  func draw(from examples: [Example], task: TextTask, file: String) throws(InputError) -> [Example] {
    switch self {
    case .atMost(let count): return Array(examples.prefix(count))
    case .perClass(let k):
      var counts = Array(repeating: 0, count: task.classes.count)
      let drawn = examples.filter { example in
        counts[example.label] += 1
        return counts[example.label] <= k
      }
      for (label, count) in counts.enumerated() where count < k {
        throw InputError(
          "\(file): class '\(task.classes[label].names.first ?? "")'", found: "\(count) examples left to draw from",
          expected: "at least \(k), the k asked for")
      }
      return drawn
    }
  }
}
