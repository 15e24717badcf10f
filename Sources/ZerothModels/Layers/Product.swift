import CZeroth
import Zeroth

/// x W^T for all variants of W, or of some of its rows and columns, computed panel by panel (some rows of W) and block
/// by block (some rows of x):
///
///     plain     y = x W^T
///     low rank  y = x W^T + offset (x V) U^T         thin products, added up with the plain one; U V^T is never formed
///     dense     y = x (W + offset z)^T               z is made for a panel at a time, once for all variants
///
/// What a window of low-rank updates has left apart from W (`ParameterStore`) is one more thin product.
///
/// A panel of W that is displaced, or widened from half precision, has to be made before it is multiplied. With few rows
/// of x a thread makes it for itself. With many, all threads make a stage of panels for all of them to multiply.
/// The cuts depend on shapes alone, so that the number of threads never changes a result.
struct Product: @unchecked Sendable {
  private let weights: Weights
  private let x: PackedRows
  private let weight: ParameterBlock
  private let rows: Range<Int>
  private let columns: Range<Int>
  /// What is added to W before it is multiplied, and how many displaced W there are.
  private let dense: (any Direction)?
  private let copies: Int
  private let thin: ThinFactors?
  /// Whether W is read where it is stored, unless it is displaced; otherwise it is widened first.
  private let isStoredAsFloats: Bool
  /// Rows of W in a panel; the last may have fewer.
  let panelHeight = 48
  /// Columns of W that are multiplied at a time: a panel's stay near, with the rows of x that they meet.
  private let chunk: Int
  private let passWidth: Int
  /// Rows of x of a block: as many as stay near while panels go by.
  private let blockHeight: Int
  /// The panels of a stage, for each displacement; nil where a thread makes a panel for itself, or none is made.
  private let staged: Matrix?
  private let panelsInStage = 8
  /// Rows of W that are displaced at a time: so few that z stays in the first cache.
  private let noiseHeight = 4

  /// x (R x columns.count, with the rows of all variants) times W[rows, columns]^T; `inOnePass` for who needs a panel's
  /// results at once.
  init(
    _ x: PackedRows, _ weight: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
    inOnePass: Bool = false, _ weights: Weights
  ) {
    self.weights = weights
    self.x = x
    self.weight = weight
    self.rows = rows ?? 0..<weight.rows
    self.columns = columns ?? 0..<weight.columns
    let pending = weight.isMatrix ? weights.stored.pending(of: weight) : nil
    let direction = weights.displacement(of: weight)
    let lowRank = weight.isMatrix && direction != nil ? weights.lowRank : nil
    dense = lowRank == nil ? direction : nil
    thin = ThinFactors(x, pending, lowRank, weight, rows: self.rows, columns: self.columns, weights)
    let height = PackedRows.wholeTiles(256)
    let hasManyRows = x.rows / x.groups > height
    isStoredAsFloats = weights.stored.floats(of: weight) != nil
    let isStaged = hasManyRows && (dense != nil || !isStoredAsFloats)
    blockHeight = hasManyRows ? height : x.rows
    let width = max(768, 98304 / blockHeight)  // so that a block's columns take no more than 384 KiB, or 768 of them
    let chunks = inOnePass && isStaged ? 1 : (self.columns.count + width - 1) / width
    chunk = ((self.columns.count + chunks - 1) / chunks + 63) / 64 * 64
    passWidth = hasManyRows && !inOnePass ? chunk : self.columns.count
    copies = dense == nil ? 1 : x.groups
    staged = isStaged ? weights.workspace.matrix(panelsInStage * copies * panelHeight, chunk) : nil
  }

  private var panelCount: Int { (rows.count + panelHeight - 1) / panelHeight }

  /// Panel `i` as rows of the result: counted from the first row of the slice.
  func panel(_ i: Int) -> Range<Int> { (i * panelHeight)..<min((i + 1) * panelHeight, rows.count) }

  /// Blocks of rows of x: in one group each, or all rows.
  var blocks: Pieces {
    blockHeight == x.rows
      ? Pieces(0..<x.rows, by: x.rows) : Pieces(groups: x.groups, of: x.rows / x.groups, by: blockHeight)
  }

  /// Ranges of columns, to be added one after the other: of many rows of x only some columns stay near.
  var passes: Pieces { Pieces(columns, by: passWidth) }

  /// Panels that are multiplied at the same time.
  var stages: Pieces { Pieces(0..<panelCount, by: isStaged ? panelsInStage : panelCount) }

  /// Whether the panels of a stage are made ahead.
  var isStaged: Bool { staged != nil }

  /// Floats of scratch that `add` and `make` take.
  var scratchCount: Int {
    let panels = isStaged ? 0 : dense == nil ? (isStoredAsFloats ? 0 : 1) : copies
    return (panels * panelHeight + (dense == nil ? 0 : 2 * noiseHeight)) * chunk
  }

  /// Makes the panels of a stage, on all threads, where they have to be made.
  func make(_ stage: Range<Int>, pass: Range<Int>) {
    guard isStaged else { return }
    let scratch = weights.workspace.scratch(scratchCount)
    let thirds = 3 * stage.count  // of panels: a share for each thread, though panels are few
    let making = Making(product: self, stage: stage, pass: pass, scratch: scratch)
    Parallel.forEach(thirds, workers: scratch.workers, making)
  }

  private struct Making: ~Copyable, ParallelWork {
    let product: Product
    let stage, pass: Range<Int>
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) {
      product.make(third: i % 3, of: i / 3, of: stage, pass: pass, scratch: scratch[worker])
    }
  }

  private func make(
    third: Int, of i: Int, of stage: Range<Int>, pass: Range<Int>, scratch: UnsafeMutablePointer<Float>
  ) {
    guard let staged else { return }
    let panel = panel(stage.lowerBound + i)
    let height = panelHeight / 3
    let first = panel.lowerBound + third * height
    let part = (first..<(first + height)).clamped(to: panel)
    guard !part.isEmpty else { return }
    let target = staged.base + i * copies * panelHeight * chunk + third * height * pass.count
    write(part, pass, to: target, distance: panelHeight * chunk, scratch: scratch)
  }

  /// results[block, panel] = [results +] x[block, pass] W[panel, pass]^T, the panel number `i` of `stage`. The first pass
  /// adds the bias and the thin products; what the last one leaves goes through `activation`.
  func multiply(
    _ i: Int, of stage: Range<Int>, block: Range<Int>, pass: Range<Int>, bias: zeroth_bias = zeroth_bias(),
    activation: zeroth_activation = zeroth_identity, into results: ProductResults, accumulate: Bool = false,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let panel = panel(stage.lowerBound + i)
    let count = x.rows / x.groups
    for first in Swift.stride(from: pass.lowerBound, to: pass.upperBound, by: chunk) {
      let part = first..<min(first + chunk, pass.upperBound)
      let w: UnsafePointer<Float>
      let distance = panelHeight * chunk  // from one displacement of the panel to the next
      let wStride: Int
      var beyond = 0
      if let staged {
        (w, wStride) = (UnsafePointer(staged.base + i * copies * distance), part.count)
      } else if dense == nil {
        (w, wStride) = stored(panel, part, scratch)
        if isStoredAsFloats { beyond = rows.count - panel.upperBound }
      } else {
        write(panel, part, to: scratch, distance: distance, scratch: scratch + copies * distance)
        (w, wStride) = (UnsafePointer(scratch), part.count)
      }
      let isFirst = first == columns.lowerBound
      let bias = isFirst ? bias : zeroth_bias()
      for group in (block.lowerBound / count)...((block.upperBound - 1) / count) {
        let rows = block.clamped(to: (group * count)..<((group + 1) * count))
        let factors = x.factors(
          rows, columns: (first - columns.lowerBound)..<(first - columns.lowerBound + part.count),
          w + (copies > 1 ? group * distance : 0), stride: wStride, beyond: beyond)
        let thin = isFirst ? thin?.factors(rows, from: panel.lowerBound) : nil
        zeroth_multiply_packed(
          rows.count, panel.count, factors, thin ?? zeroth_factors(), bias.advanced(to: rows.lowerBound),
          part.upperBound == columns.upperBound ? activation : zeroth_identity,
          results[rows, of: block, panel].adding(accumulate || !isFirst))
      }
    }
  }

  /// W[panel, part] + offset z for each displacement, or as it is, `distance` floats apart.
  private func write(
    _ panel: Range<Int>, _ part: Range<Int>, to target: UnsafeMutablePointer<Float>, distance: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    guard let dense else {
      _ = stored(panel, part, target)
      return
    }
    let k = part.count
    for first in Swift.stride(from: panel.lowerBound, to: panel.upperBound, by: noiseHeight) {
      let few = first..<min(first + noiseHeight, panel.upperBound)
      let z = scratch
      dense.write(
        weight, rows: (rows.lowerBound + few.lowerBound)..<(rows.lowerBound + few.upperBound), columns: part, into: z)
      let (w, stride) = stored(few, part, scratch + noiseHeight * k)
      for copy in 0..<copies {
        let out = target + copy * distance + (first - panel.lowerBound) * k
        for r in 0..<few.count {
          zeroth_displace(k, w + r * stride, weights.offsets[copy], z + r * k, out + r * k)
        }
      }
    }
  }

  /// W[panel, part] as floats, where they are stored or widened into `scratch`, and the distance of its rows.
  private func stored(
    _ panel: Range<Int>, _ part: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) -> (UnsafePointer<Float>, Int) {
    let n = weight.columns
    let first = (rows.lowerBound + panel.lowerBound) * n + part.lowerBound
    if let w = weights.stored.floats(of: weight) { return (w + first, n) }
    let format = weights.stored.format(of: weight)
    let start = weights.stored.address(of: weight) + first * format.size
    for r in 0..<panel.count {
      zeroth_widen(format.kernel, part.count, start + r * n * format.size, scratch + r * part.count)
    }
    return (UnsafePointer(scratch), part.count)
  }
}

/// Where the results of a product go.
enum ProductResults: @unchecked Sendable {
  /// To a matrix.
  case rows(Matrix)
  /// To rows packed for a product that follows.
  case packed(PackedRows)
  /// To memory for those of one block with one panel, block.count x panel.count.
  case block(UnsafeMutablePointer<Float>)

  /// The place for those of `rows`, which lie in `block`, with a panel.
  subscript(_ rows: Range<Int>, of block: Range<Int>, _ panel: Range<Int>) -> zeroth_result {
    switch self {
    case .rows(let y): .rows(y.row(rows.lowerBound) + panel.lowerBound, stride: y.columns)
    case .packed(let y): y.result(rows, column: panel.lowerBound)
    case .block(let y): .rows(y + (rows.lowerBound - block.lowerBound) * panel.count, stride: panel.count)
    }
  }
}
