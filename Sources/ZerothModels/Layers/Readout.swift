import CZeroth
import Foundation
import Zeroth

/// What a language model computes for a batch. Logits are computed only where they are needed.
public enum Readout: Sendable {
  /// The logits at each of `rows` (rows of the batch) of each of `ids`, or of the whole vocabulary: rows x ids.
  case logits(rows: [Int], ids: [Int]?)
  /// log p(targets[i] | the tokens up to rows[i]), over the whole vocabulary.
  case logProbabilities(rows: [Int], targets: [Int])

  /// The rows at which the model's output is needed.
  var rows: [Int] {
    switch self {
    case .logits(let rows, _): rows
    case .logProbabilities(let rows, _): rows
    }
  }

  /// Throws `InputError` for a row outside the batch or a token outside the vocabulary.
  func validate(rows count: Int, vocabulary: Int) throws(InputError) {
    if let row = rows.first(where: { !(0..<count).contains($0) }) {
      throw InputError("readout", found: "row \(row)", expected: "a row of the batch's \(count)")
    }
    let ids =
      switch self {
      case .logits(_, let ids): ids ?? []
      case .logProbabilities(_, let targets): targets
      }
    if let id = ids.first(where: { !(0..<vocabulary).contains($0) }) {
      throw InputError("readout", found: "token \(id)", expected: "an id below the vocabulary's \(vocabulary)")
    }
  }
}

extension Array {
  /// The array, cut into `count` arrays of one length.
  func cut(into count: Int) -> [Self] {
    let length = self.count / Swift.max(1, count)
    return (0..<count).map { Self(self[($0 * length)..<(($0 + 1) * length)]) }
  }
}

extension Weights {
  /// Appends the logits `scale` h W^T + bias of each variant at the tokens `ids`: variants x rows x ids. With `cap` the
  /// logits are cap tanh(h W^T / cap).
  func appendLogits(
    _ h: Matrix, _ head: ParameterBlock, ids: [Int]?, bias: ParameterBlock? = nil, scale: Float = 1, cap: Float? = nil,
    to values: inout [Double]
  ) {
    let rows = h.rows / variants
    let width = ids?.count ?? head.rows
    workspace.scope {
      let out = workspace.matrix(h.rows, width)
      if let ids {
        let w = workspace.matrix(variants * ids.count, head.columns)
        embed(ids, head, into: w)
        if areDifferentiated {
          multiplyTransposed(h, w, into: out)
        } else {
          let packed = pack(like: h, weightCount: variants) { h }
          for v in 0..<variants {
            let factors = packed.factors(
              (v * rows)..<((v + 1) * rows), columns: 0..<head.columns, w.row(v * ids.count), stride: head.columns)
            zeroth_multiply_packed(
              rows, width, factors, zeroth_factors(), zeroth_bias(), zeroth_identity,
              .rows(out.row(v * rows), stride: width))
          }
        }
      } else {
        linear(pack(h), head, into: .rows(out))
      }
      if let cap { softCap(out, at: cap) }
      if let bias { add(bias, at: ids, to: out) }
      if scale != 1 { self.scale(out, by: scale) }
      append(out, to: &values)
    }
  }

  /// Adds the elements `ids` of the vector `bias`, or all of them, to the rows of x.     t_x = t_x + t_b,  d_b += sum
  /// of d
  private func add(_ bias: ParameterBlock, at ids: [Int]?, to x: Matrix) {
    workspace.scope {
      let biases = vector(bias)
      for r in 0..<x.rows {
        let (row, values) = (x.row(r), biases.row(r / (x.rows / variants)))
        for j in 0..<x.columns { row[j] += values[ids?[j] ?? j] }
      }
    }
    if let tape {
      _ = tape.use(bias)
      guard let gradient = tape.gradient(of: bias) else { return }
      tape.record { [self] in
        let d = adjoint(of: x)
        for r in 0..<d.rows { for j in 0..<d.columns { gradient[ids?[j] ?? j] += d.row(r)[j] } }
      }
    }
  }

  /// Appends log softmax(h W^T)[target] for each row of each variant; with `cap`, the softmax of cap tanh(h W^T / cap).
  ///
  /// The matrix of all logits is never stored: the logits of a block and a panel (`Product`) stay in temporary memory
  /// until they are summed.
  func appendLogProbabilities(
    _ h: Matrix, _ head: ParameterBlock, targets: [Int], cap: Float? = nil, to values: inout [Double]
  ) {
    if areDifferentiated {
      return appendDifferentiatedLogProbabilities(h, head, targets: targets, cap: cap, to: &values)
    }
    workspace.scope {
      let product = Product(pack(h), head, completesResults: true, self)
      let blocks = product.blocks
      // Threads must not add to the same sum, so each range of neighbouring panels has its own sums, one for each row.
      // Ranges with more panels combine their lanes less often. Ranges with fewer panels give work to more threads.
      func panelRanges(_ stage: Product.Stage) -> EqualRanges {
        EqualRanges(stage.panels, by: product.isMadeAhead ? 4 : 16)
      }
      let count = panelRanges(product.stage(0)).count
      let sums = LogSums(workspace.matrix(count, LogSums.floats * h.rows), rows: h.rows)
      for range in 0..<count { for r in 0..<h.rows { sums[range, r] = LogSum() } }
      let found = workspace.matrix(1, h.rows)
      let scratch = workspace.scratch(
        product.scratchCount + (blocks.first?.count ?? 0) * (LogSum.lanes + product.panelHeight))
      for i in 0..<product.stageCount {
        let stage = product.stage(i)
        product.make(stage)
        let readout = ReadoutStage(
          product: product, blocks: blocks, stage: stage, panelRanges: panelRanges(stage), targets: targets, cap: cap,
          sums: sums, found: found, scratch: scratch)
        Parallel.forEach(readout.panelRanges.count * blocks.count, workers: scratch.workers, readout)
      }
      for r in 0..<h.rows {
        let total = (0..<count).reduce(into: LogSum()) { $0.add(sums[$1, r]) }
        values.append(Double(found.base[r]) - total.value)
      }
    }
  }
}

/// The work of the threads that sum the logits of a stage: each sums those of one block with some neighbouring panels
/// at a time.
private struct ReadoutStage: ~Copyable, ParallelWork {
  let product: Product
  let blocks: EqualRanges
  let stage: Product.Stage
  let panelRanges: EqualRanges
  let targets: [Int]
  let cap: Float?
  let sums: LogSums
  let found: Matrix
  let scratch: Scratch

  func run(_ item: Int, _ worker: Int) {
    let (range, block) = (item / blocks.count, blocks[item % blocks.count])
    let scratch = scratch[worker]
    let lanes = scratch + product.scratchCount
    let out = lanes + block.count * LogSum.lanes
    for r in 0..<block.count { LogSum.start(lanes + r * LogSum.lanes) }
    for i in panelRanges[range] {
      let panel = product.panel(i)
      product.multiply(i, of: stage, block: block, into: .block(out), scratch: scratch)
      if let cap { zeroth_soft_cap(block.count * panel.count, 1, cap, out) }
      zeroth_log_sum_add(block.count, panel.count, out, panel.count, lanes)
      var row = block.lowerBound % targets.count
      for r in 0..<block.count {
        if panel.contains(targets[row]) {
          found.base[block.lowerBound + r] = out[r * panel.count + targets[row] - panel.lowerBound]
        }
        row = row + 1 == targets.count ? 0 : row + 1
      }
    }
    for r in block { sums[range, r].add(LogSum(lanes + (r - block.lowerBound) * LogSum.lanes)) }
  }
}

/// log sum exp(x), stored as the largest x and the sum of exp(x - largest). NaN where one of the x is NaN.
private struct LogSum {
  private var largest = -Double.infinity
  private var sum = 0.0

  /// The sum over no numbers.
  init() {}

  /// The number of floats that collect the logits of a row, panel after panel, before they are combined into a
  /// `LogSum`.
  static let lanes = 32

  /// Prepares lanes that have collected nothing yet.
  static func start(_ lanes: UnsafeMutablePointer<Float>) {
    lanes.update(repeating: -.greatestFiniteMagnitude, count: 16)
    (lanes + 16).update(repeating: 0, count: 16)
  }

  /// The sum of what was collected in `lanes`.
  init(_ lanes: UnsafePointer<Float>) {
    var top: Float = 0
    zeroth_log_sum_parts(lanes, &top, &sum)
    largest = Double(top)
  }

  mutating func add(_ other: LogSum) {
    let top = max(largest, other.largest)
    sum = scaled(to: top) + other.scaled(to: top)
    largest = top
  }

  /// The sum of exp(x - top). It is 0 for no numbers, and where all of them are -infinity.
  private func scaled(to top: Double) -> Double { largest == top ? sum : sum * exp(largest - top) }

  var value: Double { largest + log(sum) }
}

/// A `LogSum` for each range of panels and each row, in floats of a workspace.
private struct LogSums: @unchecked Sendable {
  static let floats = MemoryLayout<LogSum>.stride / MemoryLayout<Float>.stride
  private let base: UnsafeMutablePointer<LogSum>
  private let rows: Int

  init(_ memory: Matrix, rows: Int) {
    base = UnsafeMutableRawPointer(memory.base).bindMemory(to: LogSum.self, capacity: memory.rows * rows)
    self.rows = rows
  }

  subscript(range: Int, row: Int) -> LogSum {
    get { base[range * rows + row] }
    nonmutating set { base[range * rows + row] = newValue }
  }
}
