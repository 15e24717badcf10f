import CZeroth
import Zeroth

/// x W^T for all variants of W, or of some of its rows and columns:
///
///     plain     y = x W^T
///     low rank  y = x W^T + offset (x V) U^T         U V^T is never formed: thin products are added (`ThinFactors`)
///     dense     y = x (W + offset z)^T               z is made a panel at a time, once for all variants
///
/// Updates with low rank may wait apart from W (`ParameterStore`). They add one more thin product.
///
/// Both factors are cut, so that what is read again is still in a cache. The cuts have four names, here and in the
/// kernels:
///
///               x                              W                               y = x W^T
///          <-- columns -->                <-- columns -->
///        +--------+--------+            +--------+--------+                   panel panel
///        |  tile  |        |            | panel  |        |               +-----+-----+-----
///        +--------+--------+ block      +--------+--------+ stage   block |     |     |
///        |  tile  |        |            | panel  |        |               +-----+-----+-----
///        +--------+--------+            +--------+--------+               |     |     |
///        |  tile  |        |            | panel  |        |
///        +--------+--------+            +--------+--------+
///        |  ...                         |  ...
///
/// - *Tile*: rows of x whose elements lie interleaved in memory, column by column, so that the kernel reads whole
///   vectors. It has as many rows as the registers have room for: 12, 24 or 64, by the instruction set.
/// - *Block*: the tiles that a thread multiplies by one panel: about 256 rows, so that they stay in the second cache
///   while panel after panel is multiplied by them. Where x has few rows, all of it is one block.
/// - *Panel*: 48 rows of W, at so many columns that they stay in a cache while the tiles of a block meet them.
/// - *Stage*: the neighbouring panels that all threads finish before any thread begins with others.
///
/// What a thread does at a time is the product of a block with a panel. A panel that is displaced, or widened from
/// half precision, has to be made before. Where x is one block, the panel is multiplied once, by the thread that
/// makes it. Where x has several blocks, each panel is multiplied by all of them, often on several threads. Then all
/// threads make the panels of a stage of eight together, and multiply them afterwards.
///
/// The cuts depend on shapes alone, so that the number of threads never changes a result.
struct Product: @unchecked Sendable {
  /// Neighbouring panels, by number, at some columns of W.
  struct Stage {
    let panels, columns: Range<Int>
  }

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
  /// Columns of W in a panel; the last may have fewer.
  private let panelWidth: Int
  /// Columns of W in a stage: those of one panel, or of several that are multiplied one after the other.
  private let stageWidth: Int
  private let panelsInStage: Int
  /// Rows of x in a block; the last may have fewer.
  private let blockHeight: Int
  /// Memory for the panels of a stage, for each displaced W, where all threads make them together; otherwise nil.
  private let madePanels: Matrix?
  /// Rows of W that are displaced at a time: so few that z stays in the first cache.
  private let noiseHeight = 4

  /// x (R x columns.count, with the rows of all variants) times W[rows, columns]^T.
  ///
  /// With many rows of x, each stage usually has the columns of one panel, and a result is complete when the last
  /// stage has added its columns. With `completesResults` a stage has all columns, so that its results are complete
  /// when it ends.
  init(
    _ x: PackedRows, _ weight: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
    completesResults: Bool = false, _ weights: Weights
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
    let hasManyRows = x.rowsPerWeight > height
    isStoredAsFloats = weights.stored.floats(of: weight) != nil
    let isMadeAhead = hasManyRows && (dense != nil || !isStoredAsFloats)
    blockHeight = hasManyRows ? height : x.rows
    let width = max(768, 98304 / blockHeight)  // so that a block's columns take no more than 384 KiB, or 768 of them
    let count = completesResults && isMadeAhead ? 1 : (self.columns.count + width - 1) / width
    panelWidth = ((self.columns.count + count - 1) / count + 63) / 64 * 64
    stageWidth = hasManyRows && !completesResults ? panelWidth : self.columns.count
    panelsInStage = isMadeAhead ? 8 : (self.rows.count + panelHeight - 1) / panelHeight
    copies = dense == nil ? 1 : x.weightCount
    madePanels = isMadeAhead ? weights.workspace.matrix(panelsInStage * copies * panelHeight, panelWidth) : nil
  }

  /// The blocks of x. All rows of a block meet the same W, unless the block is all of x.
  var blocks: EqualRanges {
    blockHeight == x.rows
      ? EqualRanges(0..<x.rows, by: x.rows) : EqualRanges(runs: x.weightCount, of: x.rowsPerWeight, by: blockHeight)
  }

  /// The number of stages, which are computed one after the other.
  var stageCount: Int { stageColumns.count * stagePanels.count }

  /// Stage `i`: first come all panels at the first columns, then all panels at the next columns.
  func stage(_ i: Int) -> Stage {
    let (columns, panels) = i.quotientAndRemainder(dividingBy: stagePanels.count)
    return Stage(panels: stagePanels[panels], columns: stageColumns[columns])
  }

  private var stageColumns: EqualRanges { EqualRanges(columns, by: stageWidth) }
  private var stagePanels: EqualRanges { EqualRanges(0..<panelCount, by: panelsInStage) }
  private var panelCount: Int { (rows.count + panelHeight - 1) / panelHeight }

  /// The rows of panel `i`, counted as rows of the result: from the first of the rows of W that are multiplied.
  func panel(_ i: Int) -> Range<Int> { (i * panelHeight)..<min((i + 1) * panelHeight, rows.count) }

  /// Whether the panels of a stage are made before they are multiplied.
  var isMadeAhead: Bool { madePanels != nil }

  /// Floats of scratch that `multiply` and `make` take.
  var scratchCount: Int {
    let panels = isMadeAhead ? 0 : dense == nil ? (isStoredAsFloats ? 0 : 1) : copies
    return (panels * panelHeight + (dense == nil ? 0 : 2 * noiseHeight)) * panelWidth
  }

  /// Makes the panels of a stage, on all threads, where they are made ahead.
  func make(_ stage: Stage) {
    guard isMadeAhead else { return }
    let scratch = weights.workspace.scratch(scratchCount)
    // A third of a panel at a time: a stage has too few panels for many threads.
    Parallel.forEach(
      3 * stage.panels.count, workers: scratch.workers, Making(product: self, stage: stage, scratch: scratch))
  }

  private struct Making: ~Copyable, ParallelWork {
    let product: Product
    let stage: Stage
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) { product.make(third: i % 3, of: i / 3, in: stage, scratch: scratch[worker]) }
  }

  /// Makes a third of the panel that is number `i` in `stage`.
  private func make(third: Int, of i: Int, in stage: Stage, scratch: UnsafeMutablePointer<Float>) {
    guard let madePanels else { return }
    let panel = panel(stage.panels.lowerBound + i)
    let height = panelHeight / 3
    let first = panel.lowerBound + third * height
    let rows = (first..<(first + height)).clamped(to: panel)
    guard !rows.isEmpty else { return }
    let distance = panelHeight * panelWidth
    let target = madePanels.base + i * copies * distance + third * height * stage.columns.count
    write(rows, stage.columns, to: target, distance: distance, scratch: scratch)
  }

  /// results[block, panel] = [results +] x[block, columns] W[panel, columns]^T, for panel `i` and the columns of
  /// `stage`.
  ///
  /// The first columns bring the bias and the thin products with them. With the last columns the result is complete and
  /// goes through `activation`.
  func multiply(
    _ i: Int, of stage: Stage, block: Range<Int>, bias: zeroth_bias = zeroth_bias(),
    activation: zeroth_activation = zeroth_identity, into results: ProductResults, accumulate: Bool = false,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let panel = panel(i)
    let count = x.rowsPerWeight
    let distance = panelHeight * panelWidth  // from one displacement of the panel to the next
    for first in Swift.stride(from: stage.columns.lowerBound, to: stage.columns.upperBound, by: panelWidth) {
      let panelColumns = first..<min(first + panelWidth, stage.columns.upperBound)
      let w: UnsafePointer<Float>
      let wStride: Int
      var beyond = 0
      if let madePanels {
        let place = i - stage.panels.lowerBound
        (w, wStride) = (UnsafePointer(madePanels.base + place * copies * distance), panelColumns.count)
      } else if dense == nil {
        (w, wStride) = stored(panel, panelColumns, scratch)
        if isStoredAsFloats { beyond = rows.count - panel.upperBound }
      } else {
        write(panel, panelColumns, to: scratch, distance: distance, scratch: scratch + copies * distance)
        (w, wStride) = (UnsafePointer(scratch), panelColumns.count)
      }
      let isFirst = first == columns.lowerBound
      let bias = isFirst ? bias : zeroth_bias()
      for copy in (block.lowerBound / count)...((block.upperBound - 1) / count) {
        let rows = block.clamped(to: (copy * count)..<((copy + 1) * count))
        let factors = x.factors(
          rows, columns: (first - columns.lowerBound)..<(first - columns.lowerBound + panelColumns.count),
          w + (copies > 1 ? copy * distance : 0), stride: wStride, beyond: beyond)
        let thin = isFirst ? thin?.factors(rows, from: panel.lowerBound) : nil
        zeroth_multiply_packed(
          rows.count, panel.count, factors, thin ?? zeroth_factors(), bias.advanced(to: rows.lowerBound),
          panelColumns.upperBound == columns.upperBound ? activation : zeroth_identity,
          results[rows, of: block, panel].adding(accumulate || !isFirst))
      }
    }
  }

  /// W[panel, columns] + offset z for each displacement, or as it is, `distance` floats apart.
  private func write(
    _ panel: Range<Int>, _ columns: Range<Int>, to target: UnsafeMutablePointer<Float>, distance: Int,
    scratch: UnsafeMutablePointer<Float>
  ) {
    guard let dense else {
      _ = stored(panel, columns, target)
      return
    }
    let k = columns.count
    for first in Swift.stride(from: panel.lowerBound, to: panel.upperBound, by: noiseHeight) {
      let few = first..<min(first + noiseHeight, panel.upperBound)
      let z = scratch
      let rowsOfW = (rows.lowerBound + few.lowerBound)..<(rows.lowerBound + few.upperBound)
      dense.write(weight, rows: rowsOfW, columns: columns, into: z)
      let (w, stride) = stored(few, columns, scratch + noiseHeight * k)
      for copy in 0..<copies {
        let out = target + copy * distance + (first - panel.lowerBound) * k
        for r in 0..<few.count {
          zeroth_displace(k, w + r * stride, weights.offsets[copy], z + r * k, out + r * k)
        }
      }
    }
  }

  /// W[panel, columns] as floats, where they are stored or widened into `scratch`, and the distance of its rows.
  private func stored(
    _ panel: Range<Int>, _ columns: Range<Int>, _ scratch: UnsafeMutablePointer<Float>
  ) -> (UnsafePointer<Float>, Int) {
    let n = weight.columns
    let first = (rows.lowerBound + panel.lowerBound) * n + columns.lowerBound
    if let w = weights.stored.floats(of: weight) { return (w + first, n) }
    let format = weights.stored.format(of: weight)
    let start = weights.stored.address(of: weight) + first * format.size
    for r in 0..<panel.count {
      zeroth_widen(format.kernel, columns.count, start + r * n * format.size, scratch + r * columns.count)
    }
    return (UnsafePointer(scratch), columns.count)
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
