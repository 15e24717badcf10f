import CZeroth
import Zeroth

/// x W^T for all variants of W, or of some of its rows and columns:
///
///     plain     y = x W^T
///     low rank  y = x W^T + offset (x V) U^T         U V^T is never formed: thin products are added (`ThinFactors`)
///     dense     y = x (W + offset z)^T               z is made a panel at a time, once for all variants along it
///
/// Low-rank updates may be kept apart from W for some steps, or beside it for the whole run (`ParameterStore`). They
/// add one more thin product. So does a branch of LoRA beside a frozen W.
///
/// Both factors are cut into pieces, so that data that is read again is still in a cache. The pieces have four names,
/// here and in the kernels:
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
/// - *Tile*: rows of x whose elements are interleaved in memory, column by column, so that the kernel reads whole
///   vectors. It has as many rows as the registers can hold: 8, 16 or 64, depending on the instruction set.
/// - *Block*: the tiles that a thread multiplies by one panel: about 256 rows. They stay in the second-level cache
///   while they are multiplied by one panel after another. Where x has few rows, all of it is one block.
/// - *Panel*: 48 rows of W, with so many columns that they stay in a cache while the tiles of a block are multiplied by
///   them. Where W is stored in fewer bits than fp32 and x is a single row, a panel has 96 whole rows, and they are
///   widened only in registers.
/// - *Stage*: neighbouring panels that all threads finish before any thread begins with others.
///
/// A thread computes the product of one block with one panel at a time. A panel that is displaced, or widened from half
/// precision, has to be made first. Where x is one block, the panel is used once, by the thread that makes it. Where x
/// has several blocks, each panel is used for all of them, often on several threads. Then all threads first make the
/// panels of a stage of eight together, and multiply them afterwards.
///
/// The pieces depend on shapes alone, so the number of threads never changes a result.
struct Product: @unchecked Sendable {
  /// Neighbouring panels, by their numbers, at some columns of W.
  struct Stage {
    let panels, columns: Range<Int>
  }

  private let weights: Weights
  private let x: PackedRows
  private let weight: ParameterBlock
  private let rows: Range<Int>
  private let columns: Range<Int>
  /// The displacements that are added to W before it is multiplied, and the number of different W that result.
  private let dense: Few<Weights.Displacement>
  private let copies: Int
  private let thin: ThinFactors?
  /// Whether W is read where it is stored, except where it is displaced; otherwise it is first widened.
  private let isStoredAsFloats: Bool
  /// Whether x is multiplied by the displacement alone, without W.
  private let isDisplacementAlone: Bool
  /// The number of rows of W in a panel; the last panel may have fewer.
  let panelHeight: Int
  /// W in its stored format, where x is one row and W is stored in fewer bits than fp32; otherwise nil.
  private let row: StoredRows?
  /// The number of columns of W in a panel; the last panel may have fewer.
  private let panelWidth: Int
  /// The number of columns of W in a stage: those of one panel, or of several that are used one after another.
  private let stageWidth: Int
  private let panelsInStage: Int
  /// The number of rows of x in a block; the last block may have fewer.
  private let blockHeight: Int
  /// Memory for the panels of a stage, for each displaced W, where all threads make them together; otherwise nil.
  private let madePanels: Matrix?
  /// The number of rows of W that are displaced at a time, chosen so that z stays in the first-level cache.
  private let noiseHeight = 4

  /// The product of x (R x columns.count, with the rows of all variants) and W[rows, columns]^T.
  ///
  /// Where x has many rows, a stage usually has the columns of one panel, and a result is complete only when the last
  /// stage has added its columns. With `completesResults` a stage has all columns, so its results are complete at its
  /// end. With `displacementAlone` x is multiplied by the dense displacement of W, and not by W.
  init(
    _ x: PackedRows, _ weight: ParameterBlock, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
    completesResults: Bool = false, displacementAlone: Bool = false, _ weights: Weights
  ) {
    self.weights = weights
    self.x = x
    self.weight = weight
    self.rows = rows ?? 0..<weight.rows
    self.columns = columns ?? 0..<weight.columns
    let moving = weights.moving(weight)
    let areFactors = weights.areLowRank && weight.isMatrix
    isDisplacementAlone = displacementAlone
    dense = areFactors || weights.isTangent && !displacementAlone ? [] : moving
    // Where derivatives are computed, the branch is computed as separate layers instead.
    if let branch = weights.branches[weight.index], !weights.areDifferentiated, !displacementAlone {
      precondition(!weight.isTrainable, "a matrix with a branch beside it is frozen")
      thin = ThinFactors(x, branch, rows: self.rows, columns: self.columns, weights)
    } else {
      let pending = weight.isMatrix && !displacementAlone ? weights.stored.pending(of: weight) : nil
      thin = ThinFactors(
        x, pending, displacementAlone ? nil : weights.stored.kept(of: weight), areFactors ? moving : [], weight,
        rows: self.rows, columns: self.columns, weights)
    }
    row = x.rows == 1 && dense.isEmpty ? weights.stored.rows(of: weight, columns: self.columns) : nil
    panelHeight = row == nil ? 48 : 96
    let height = PackedRows.wholeTiles(256)
    let hasManyRows = x.rowsPerWeight > height
    isStoredAsFloats = weights.stored.floats(of: weight) != nil
    let isMadeAhead = hasManyRows && (!dense.isEmpty || !isStoredAsFloats)
    blockHeight = hasManyRows ? height : x.rows
    let width = max(768, 98304 / blockHeight)  // so that the columns of a block take at most 384 KiB, or are 768
    let count = completesResults && isMadeAhead ? 1 : (self.columns.count + width - 1) / width
    panelWidth = ((self.columns.count + count - 1) / count + 63) / 64 * 64
    stageWidth = hasManyRows && !completesResults ? panelWidth : self.columns.count
    panelsInStage = isMadeAhead ? 8 : (self.rows.count + panelHeight - 1) / panelHeight
    copies = dense.isEmpty ? 1 : x.weightCount
    madePanels = isMadeAhead ? weights.workspace.matrix(panelsInStage * copies * panelHeight, panelWidth) : nil
  }

  /// The blocks of x. All rows of a block use the same W, except where one block is all of x.
  var blocks: EqualRanges {
    blockHeight == x.rows
      ? EqualRanges(0..<x.rows, by: x.rows) : EqualRanges(runs: x.weightCount, of: x.rowsPerWeight, by: blockHeight)
  }

  /// The number of stages. They are computed one after another.
  var stageCount: Int { stageColumns.count * stagePanels.count }

  /// Stage `i`. First come all panels at the first columns, then all panels at the next columns.
  func stage(_ i: Int) -> Stage {
    let (columns, panels) = i.quotientAndRemainder(dividingBy: stagePanels.count)
    return Stage(panels: stagePanels[panels], columns: stageColumns[columns])
  }

  private var stageColumns: EqualRanges { EqualRanges(columns, by: stageWidth) }
  private var stagePanels: EqualRanges { EqualRanges(0..<panelCount, by: panelsInStage) }
  private var panelCount: Int { (rows.count + panelHeight - 1) / panelHeight }

  /// The rows of panel `i`, as rows of the result: 0 is the first of the rows of W that are multiplied.
  func panel(_ i: Int) -> Range<Int> { (i * panelHeight)..<min((i + 1) * panelHeight, rows.count) }

  /// Whether all panels of a stage are made before they are multiplied.
  var isMadeAhead: Bool { madePanels != nil }

  /// The number of floats of temporary memory that `multiply` and `make` need.
  var scratchCount: Int {
    if row != nil { return panelHeight }
    let widened = isStoredAsFloats ? 0 : 1
    let panels = isMadeAhead ? 0 : dense.reduce(widened) { max($0, $1.variants.count) }
    return (panels * panelHeight + (dense.isEmpty ? 0 : 2 * noiseHeight)) * panelWidth
  }

  /// Makes the panels of a stage on all threads, where they are made ahead.
  func make(_ stage: Stage) {
    guard isMadeAhead else { return }
    let scratch = weights.workspace.scratch(scratchCount)
    // A thread makes a third of a panel at a time, because a stage has too few panels for many threads.
    Parallel.forEach(
      3 * stage.panels.count, workers: scratch.workers, Making(product: self, stage: stage, scratch: scratch))
  }

  private struct Making: ~Copyable, ParallelWork {
    let product: Product
    let stage: Stage
    let scratch: Scratch

    func run(_ i: Int, _ worker: Int) { product.make(third: i % 3, of: i / 3, in: stage, scratch: scratch[worker]) }
  }

  /// Makes a third of panel number `i` of `stage`.
  private func make(third: Int, of i: Int, in stage: Stage, scratch: UnsafeMutablePointer<Float>) {
    guard let madePanels else { return }
    let panel = panel(stage.panels.lowerBound + i)
    let height = panelHeight / 3
    let first = panel.lowerBound + third * height
    let rows = (first..<(first + height)).clamped(to: panel)
    guard !rows.isEmpty else { return }
    let distance = panelHeight * panelWidth
    let target = madePanels.base + i * copies * distance + third * height * stage.columns.count
    var next = 0
    for displacement in dense {
      for copy in next..<displacement.variants.lowerBound {
        _ = stored(rows, stage.columns, to: target + copy * distance)
      }
      write(
        rows, stage.columns, displacement, to: target + displacement.variants.lowerBound * distance,
        distance: distance, scratch: scratch)
      next = displacement.variants.upperBound
    }
    for copy in next..<copies { _ = stored(rows, stage.columns, to: target + copy * distance) }
  }

  /// results[block, panel] = [results +] x[block, columns] W[panel, columns]^T, for panel `i` and the columns of
  /// `stage`.
  ///
  /// With the first columns, the bias and the thin products are added. With the last columns the result is complete,
  /// and `activation` is applied to it.
  func multiply(
    _ i: Int, of stage: Stage, block: Range<Int>, bias: zeroth_bias = zeroth_bias(),
    activation: zeroth_activation = zeroth_identity, into results: ProductResults, accumulate: Bool = false,
    scratch: UnsafeMutablePointer<Float>
  ) {
    let panel = panel(i)
    if let row {
      let target = Target(
        panel: panel, columns: columns, block: block, bias: bias, activation: activation, results: results,
        accumulate: accumulate)
      return multiply(row: row, into: target, sums: scratch)
    }
    let count = x.rowsPerWeight
    let distance = panelHeight * panelWidth  // from one displaced copy of the panel to the next
    let met = (block.lowerBound / count)...((block.upperBound - 1) / count)
    for first in Swift.stride(from: stage.columns.lowerBound, to: stage.columns.upperBound, by: panelWidth) {
      let panelColumns = first..<min(first + panelWidth, stage.columns.upperBound)
      let target = Target(
        panel: panel, columns: panelColumns, block: block, bias: bias, activation: activation, results: results,
        accumulate: accumulate)
      if let madePanels {
        let place = i - stage.panels.lowerBound
        let w = UnsafePointer(madePanels.base + place * copies * distance)
        for copy in met {
          multiply(copy, w + (copies > 1 ? copy * distance : 0), stride: panelColumns.count, into: target)
        }
        continue
      }
      // One displacement is handled after another, so that the panel of W and its displaced copies stay in a cache.
      var next = met.lowerBound
      for displacement in dense {
        multiplyStored(next..<displacement.variants.lowerBound, into: target, scratch: scratch)
        let made = displacement.variants.count * distance
        write(panel, panelColumns, displacement, to: scratch, distance: distance, scratch: scratch + made)
        for (place, copy) in displacement.variants.enumerated() {
          multiply(copy, scratch + place * distance, stride: panelColumns.count, into: target)
        }
        next = displacement.variants.upperBound
      }
      multiplyStored(next..<(met.upperBound + 1), into: target, scratch: scratch)
    }
  }

  /// The part of the results for one block and one panel, from the columns `columns` of W.
  private struct Target {
    let panel, columns, block: Range<Int>
    let bias: zeroth_bias
    let activation: zeroth_activation
    let results: ProductResults
    let accumulate: Bool
  }

  /// Multiplies the rows of x that use the copies `copies` of W by W as it is stored.
  private func multiplyStored(_ copies: Range<Int>, into target: Target, scratch: UnsafeMutablePointer<Float>) {
    guard !copies.isEmpty else { return }
    let (w, stride) = stored(target.panel, target.columns, to: isStoredAsFloats ? nil : scratch)
    for copy in copies {
      multiply(
        copy, w, stride: stride, beyond: isStoredAsFloats ? rows.count - target.panel.upperBound : 0, into: target)
    }
  }

  /// Multiplies the only row of x by the panel of W in `target`. The panel is widened in registers, because no other
  /// row reads it.
  private func multiply(row elements: StoredRows, into target: Target, sums: UnsafeMutablePointer<Float>) {
    let (panel, count) = (target.panel, target.panel.count)
    let rowsOfW = (rows.lowerBound + panel.lowerBound)..<(rows.lowerBound + panel.upperBound)
    elements.dots(rowsOfW, with: x.row(0), into: sums)
    if let bias = target.bias.row(0) { zeroth_axpy(count, 1, bias, sums) }
    if thin != nil {
      // The kernel adds the thin products to the values that it is given as biases.
      return finish(
        0..<1, x.factors(0..<1, columns: 0..<0, sums, stride: 0), target,
        bias: zeroth_bias(rows: sums, stride: 0, shared: 1, before: 0))
    }
    let result = target.results[0..<1, of: target.block, panel]
    let y = result.row
    if target.accumulate { zeroth_axpy(count, 1, y, sums) }
    if target.activation != zeroth_identity { zeroth_activate(target.activation, 1, count, sums, count) }
    y.update(from: sums, count: count)
    if panel.upperBound == result.columns { result.endRow() }
  }

  /// Multiplies the rows of x that use copy `copy` of W by the panel of W at `w`.
  private func multiply(
    _ copy: Int, _ w: UnsafePointer<Float>, stride: Int, beyond: Int = 0, into target: Target
  ) {
    let count = x.rowsPerWeight
    let rows = target.block.clamped(to: (copy * count)..<((copy + 1) * count))
    let first = target.columns.lowerBound - columns.lowerBound
    let factors = x.factors(rows, columns: first..<(first + target.columns.count), w, stride: stride, beyond: beyond)
    finish(rows, factors, target, bias: target.bias.advanced(to: rows.lowerBound))
  }

  /// Adds the results of `factors` at the rows `rows` of x; with the first columns also `bias` and the thin products.
  private func finish(_ rows: Range<Int>, _ factors: zeroth_factors, _ target: Target, bias: zeroth_bias) {
    let isFirst = target.columns.lowerBound == columns.lowerBound
    let thin = isFirst ? thin?.factors(rows, from: target.panel.lowerBound) : nil
    zeroth_multiply_packed(
      rows.count, target.panel.count, factors, thin ?? zeroth_factors(), isFirst ? bias : zeroth_bias(),
      target.columns.upperBound == columns.upperBound ? target.activation : zeroth_identity,
      target.results[rows, of: target.block, target.panel].adding(target.accumulate || !isFirst))
  }

  /// Writes W[panel, columns] + offset z for each variant of `displacement`, `distance` floats apart.
  private func write(
    _ panel: Range<Int>, _ columns: Range<Int>, _ displacement: Weights.Displacement,
    to target: UnsafeMutablePointer<Float>, distance: Int, scratch: UnsafeMutablePointer<Float>
  ) {
    let k = columns.count
    let cheap = (displacement.direction as? DenseDirection).flatMap { $0.displacesCheaply ? $0 : nil }
    for first in Swift.stride(from: panel.lowerBound, to: panel.upperBound, by: noiseHeight) {
      let few = first..<min(first + noiseHeight, panel.upperBound)
      let z = scratch
      let rowsOfW = (rows.lowerBound + few.lowerBound)..<(rows.lowerBound + few.upperBound)
      if cheap == nil || isDisplacementAlone {
        displacement.direction.write(weight, rows: rowsOfW, columns: columns, into: z)
      }
      if isDisplacementAlone {
        (target + (few.lowerBound - panel.lowerBound) * k).update(from: z, count: few.count * k)
        continue
      }
      let (w, stride) = stored(few, columns, to: isStoredAsFloats ? nil : scratch + noiseHeight * k)
      for (place, variant) in displacement.variants.enumerated() {
        let out = target + place * distance + (first - panel.lowerBound) * k
        if let cheap {
          cheap.displace(
            w, stride: stride, of: weight, rows: rowsOfW, columns: columns, scale: weights.offset(variant), into: out)
          continue
        }
        for r in 0..<few.count {
          zeroth_displace(k, w + r * stride, weights.offset(variant), z + r * k, out + r * k)
        }
      }
    }
  }

  /// W[panel, columns] as floats, and the distance of its rows: either where it is stored, or widened into `target`.
  private func stored(
    _ panel: Range<Int>, _ columns: Range<Int>, to target: UnsafeMutablePointer<Float>?
  ) -> (UnsafePointer<Float>, Int) {
    let n = weight.columns
    let first = (rows.lowerBound + panel.lowerBound) * n + columns.lowerBound
    if let w = weights.stored.floats(of: weight) {
      guard let target else { return (w + first, n) }
      for r in 0..<panel.count { (target + r * columns.count).update(from: w + first + r * n, count: columns.count) }
      return (UnsafePointer(target), columns.count)
    }
    guard let target else { preconditionFailure("what is not stored in fp32 is widened into memory of its own") }
    weights.stored.widen(
      weight, rows: (rows.lowerBound + panel.lowerBound)..<(rows.lowerBound + panel.upperBound), columns: columns,
      into: target)
    return (UnsafePointer(target), columns.count)
  }
}

/// The place for the results of a product.
enum ProductResults: @unchecked Sendable {
  /// A matrix.
  case rows(Matrix)
  /// Rows that are packed for a following product.
  case packed(PackedRows)
  /// Memory for the results of one block and one panel, block.count x panel.count.
  case block(UnsafeMutablePointer<Float>)

  /// The place for the results of `rows`, which lie in `block`, and a panel.
  subscript(_ rows: Range<Int>, of block: Range<Int>, _ panel: Range<Int>) -> zeroth_result {
    switch self {
    case .rows(let y): .rows(y.row(rows.lowerBound) + panel.lowerBound, stride: y.columns)
    case .packed(let y): y.result(rows, column: panel.lowerBound)
    case .block(let y): .rows(y + (rows.lowerBound - block.lowerBound) * panel.count, stride: panel.count)
    }
  }
}
