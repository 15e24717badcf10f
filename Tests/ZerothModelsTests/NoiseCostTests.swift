import Synchronization
import Testing
import Zeroth
import ZerothModels

/// How much noise measuring asks for.
@Suite struct NoiseCostTests {
  /// Counts the elements that are made of each block.
  final class Counter: Sendable {
    private let counts = Mutex<[Int: Int]>([:])
    func count(_ elements: Int, of block: ParameterBlock) {
      counts.withLock { $0[block.index, default: 0] += elements }
    }
    func elements(of block: ParameterBlock) -> Int { counts.withLock { $0[block.index] ?? 0 } }
  }

  struct Counting: Direction {
    let base: DenseDirection
    let counter: Counter

    func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
      counter.count(values.count, of: block)
      base.add(to: &values, of: block, rows: rows, scale: scale)
    }

    func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
      counter.count(values.count, of: block)
      base.write(to: &values, of: block, rows: rows)
    }

    func write(
      to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
    ) {
      counter.count(values.count, of: block)
      base.write(to: &values, of: block, rows: rows, columns: columns)
    }
  }

  /// Both signs share one making of each matrix; of the tables, the rows of the batch alone are made.
  @Test(arguments: ["opt post-norm", "opt", "llama"], [false, true])
  func bothSignsShareTheNoise(model name: String, isLong: Bool) throws {
    let model = try MadeModels.make(name)
    let theta = model.randomParameters(StreamKey(seed: 1))
    let batch =
      isLong
      ? MadeModels.longBatch(vocabulary: model.vocabulary) : MadeModels.batch(vocabulary: model.vocabulary)
    let counter = Counter()
    let direction = Counting(base: DenseDirection(StreamKey(seed: 2), layout: model.layout), counter: counter)
    _ = try model.evaluate(
      batch, .logProbabilities(rows: [3, 9, 20], targets: [5, 6, 7]), at: theta, along: direction,
      offsets: [0.01, -0.01])
    let isTied = !model.layout.blocks.contains { $0.role == .head }
    for block in model.layout.blocks {
      let made = counter.elements(of: block)
      switch block.role {
      case .embedding: #expect(made == batch.tokens.count * block.columns + (isTied ? block.count : 0), "\(block.name)")
      case .position: #expect(made == batch.tokens.count * block.columns, "\(block.name)")
      default: #expect(made == block.count, "\(block.name): \(made) of \(block.count)")
      }
    }
  }
}
