import CZeroth
import Zeroth

/// The weights of a forward pass: theta + offset_v D_v for each of several variants v. The weights themselves are never
/// written. In a matrix of activations the variants stand one below the other: rows v R ..< (v + 1) R belong to variant
/// v.
///
/// The models use only its operations (embed, linear, norm). They do not need to know whether the weights are plain,
/// displaced along low-rank directions, or displaced along dense directions.
struct Weights: @unchecked Sendable {
  let layout: ParameterLayout
  /// All points of the request, and the range of those that are the variants.
  private let points: Points
  private let chosen: Range<Int>
  /// The directions of the variants. The variants of each direction are neighbours.
  let displacements: Few<Displacement>
  /// Whether all displacements are of low rank.
  let areLowRank: Bool
  let workspace: Workspace
  /// The tape on which the pass of a single variant is recorded; nil where no derivative is needed.
  let tape: Tape?
  /// Whether variant 1 is not another point, but the derivative of variant 0 along the displacement (forward mode, a
  /// pass on dual numbers). See `Points.tangent(along:)`.
  let isTangent: Bool
  /// The LoRA branches beside layers, by the index of their W.
  let branches: [Int: LoRABranch]
  /// The virtual tokens in front of every sequence; nil for none.
  let prefix: Prefix?
  /// theta, with its pending low-rank updates.
  let stored: StoredParameters

  /// A direction, and the variants that are displaced along it.
  struct Displacement: Sendable {
    let direction: any Direction
    /// The low-rank factors of the direction; nil where it has none.
    let factors: (any LowRankDirection)?
    let variants: Range<Int>
  }

  /// The weights at the points of `points` with the numbers `chosen`.
  init(
    _ theta: borrowing ParameterStore, at points: Points, _ chosen: Range<Int>, tuning: Tuning? = nil,
    workspace: Workspace, tape: Tape? = nil
  ) {
    precondition(tape == nil || (chosen.count == 1 && points.direction(of: chosen) == nil), "theta alone is recorded")
    layout = theta.layout
    self.tape = tape
    isTangent = points.areTangent
    branches = tuning?.branches ?? [:]
    prefix = tuning?.prefix
    self.points = points
    self.chosen = chosen
    self.workspace = workspace
    stored = theta.stored()
    var displacements: Few<Displacement> = []
    var first = 0
    while first < chosen.count {
      let end = points.endOfDirection(at: chosen.lowerBound + first, in: chosen) - chosen.lowerBound
      if let direction = points.direction(of: (chosen.lowerBound + first)..<(chosen.lowerBound + end)) {
        displacements.append(
          .init(direction: direction, factors: direction.factors, variants: (isTangent ? 1 : first)..<end))
      }
      first = end
    }
    self.displacements = displacements
    areLowRank = !displacements.isEmpty && displacements.allSatisfy { $0.factors != nil }
  }

  /// For a tangent: the displacement of variant 1 alone, as weights of a single variant.
  func displacedAlone() -> Weights { Weights(displacementOf: self) }

  private init(displacementOf tangent: Weights) {
    layout = tangent.layout
    points = Points(along: tangent.displacements.first?.direction, at: [1])
    chosen = 0..<1
    displacements = tangent.displacements.map { Displacement(direction: $0.direction, factors: nil, variants: 0..<1) }
    areLowRank = false
    workspace = tangent.workspace
    tape = nil
    isTangent = false
    branches = [:]
    prefix = nil
    stored = tangent.stored
  }

  var variants: Int { chosen.count }

  /// Whether the operations also compute their derivatives, as tangents or on a tape.
  var areDifferentiated: Bool { isTangent || tape != nil }

  /// The adjoint of `x` on the tape.
  func adjoint(of x: Matrix) -> Matrix { workspace.adjoint(of: x) }

  /// The rows of variant `v` in `x`, which has those of all variants.
  func variant(_ v: Int, of x: Matrix) -> Matrix {
    Matrix(base: x.row(v * (x.rows / variants)), rows: x.rows / variants, columns: x.columns)
  }

  /// The number of virtual tokens in front of every sequence. The positions of real tokens are counted from there.
  var frontTokens: Int { prefix?.tokens ?? 0 }

  /// The offset of variant `v` along its direction.
  func offset(_ v: Int) -> Float { points[chosen.lowerBound + v].offset }

  /// The displacements that move `block`.
  func moving(_ block: ParameterBlock) -> Few<Displacement> {
    var moving: Few<Displacement> = []
    if !block.isTrainable { return moving }
    for displacement in displacements where displacement.direction.touches(block) { moving.append(displacement) }
    return moving
  }

  /// The vector `block`, or its elements `rows`, in each variant: variants x count. In the tangent variant it is the
  /// direction.
  func vector(_ block: ParameterBlock, rows: Range<Int>? = nil) -> Matrix {
    let rows = rows ?? 0..<block.rows
    let count = rows.count * block.columns
    let result = workspace.matrix(variants, count)
    let source = result.row(variants - 1)
    stored.read(block, rows: rows, into: source)
    for v in 0..<(variants - 1) { result.row(v).update(from: source, count: count) }
    if isTangent { result.row(1).update(repeating: 0, count: count) }
    let moving = moving(block)
    guard !moving.isEmpty else { return result }
    let z = workspace.matrix(1, count)
    for displacement in moving {
      displacement.direction.write(block, rows: rows, into: z.base)
      for v in displacement.variants where offset(v) != 0 { zeroth_axpy(count, offset(v), z.base, result.row(v)) }
    }
    return result
  }

  /// The factor V^T of a low-rank direction on `block`: r x columns.
  func rightFactor(_ direction: any LowRankDirection, _ block: ParameterBlock) -> Matrix {
    let right = workspace.matrix(direction.rank, block.columns)
    direction.writeRight(
      of: block, into: UnsafeMutableBufferPointer(start: right.base, count: right.rows * right.columns))
    return right
  }

  /// Ranges of the rows of `x`, each within one variant, for a loop on all threads.
  func rowRanges(of x: Matrix) -> EqualRanges {
    EqualRanges(runs: variants, of: x.rows / variants, by: (1 << 14) / max(1, x.columns))
  }

  /// The outputs 0 ..< width of a layer that reads `x`, as one range or as about `count` ranges of whole units.
  ///
  /// Where x has many rows, the activations between two layers take much memory. A caller that computes both layers
  /// range by range needs memory only for one range. Where x has few rows, there is one range.
  func outputRanges(of width: Int, unit: Int, count: Int, for x: Matrix) -> EqualRanges {
    guard x.rows >= 256 * variants, count > 1 else { return EqualRanges(0..<width, by: width) }
    let units = (width + unit - 1) / unit
    return EqualRanges(0..<width, by: (units + count - 1) / count * unit)
  }
}

extension Direction {
  /// target = D[rows] of `block`.
  func write(_ block: ParameterBlock, rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
    let count = rows.count * block.columns
    var span = UnsafeMutableBufferPointer(start: target, count: count).mutableSpan
    write(to: &span, of: block, rows: rows)
  }

  /// target = D[rows, columns] of `block`.
  func write(
    _ block: ParameterBlock, rows: Range<Int>, columns: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) {
    var span = UnsafeMutableBufferPointer(start: target, count: rows.count * columns.count).mutableSpan
    write(to: &span, of: block, rows: rows, columns: columns)
  }
}
