import Zeroth

/// Throws `LawViolation` unless `direction` keeps the laws of `Direction`, on every trainable block of `layout`.
public func checkDirectionLaws<D: Direction>(
  of direction: D, in layout: ParameterLayout = .small
) throws(LawViolation) {
  for block in layout.trainable {
    let whole = added(direction, to: [Float](repeating: 0, count: block.count), block)
    try demandSameBits(.directionRepeats, added(direction, to: whole.map { _ in 0 }, block), whole, "of \(block.name)")
    try checkParts(direction, block)
    try checkTarget(direction, block, whole)
    try checkScale(direction, block, whole)
    try checkWrite(direction, block, whole)
    try demand(
      .directionIsZeroWhereItDoesNotTouch, direction.touches(block) || whole.allSatisfy { $0 == 0 },
      found: "other values in \(block.name)", expected: "zeros")
    if let factors = direction.factors, block.isMatrix { try checkFactors(factors, block, whole) }
    if case .sum(let terms) = direction.structure { try checkTerms(terms, block, whole) }
  }
  try checkOrder(direction, layout)
  try checkFrozen(direction, layout)
}

/// The values target + scale D[rows], where `target` holds these rows.
private func added<D: Direction>(
  _ direction: D, to target: [Float], _ block: ParameterBlock, rows: Range<Int>? = nil, scale: Float = 1
) -> [Float] {
  var values = target
  var span = values.mutableSpan
  direction.add(to: &span, of: block, rows: rows ?? 0..<block.rows, scale: scale)
  return values
}

/// Adds in single rows and in pieces of odd sizes, to a target that is not zero. The sums have to be equal, bit for
/// bit.
private func checkParts<D: Direction>(_ direction: D, _ block: ParameterBlock) throws(LawViolation) {
  let target = normals(block.count, seed: 8)
  let whole = added(direction, to: target, block)
  for height in Set([1, 3, block.rows / 2 + 1]) {
    var parts: [Float] = []
    for start in stride(from: 0, to: block.rows, by: height) {
      let rows = start..<min(start + height, block.rows)
      let piece = Array(target[(start * block.columns)..<(rows.upperBound * block.columns)])
      parts += added(direction, to: piece, block, rows: rows)
    }
    try demandSameBits(.directionIsAddedInParts, parts, whole, "of \(block.name) in pieces of \(height) rows")
  }
}

private func checkTarget<D: Direction>(
  _ direction: D, _ block: ParameterBlock, _ whole: [Float]
) throws(LawViolation) {
  let target = normals(block.count, seed: 9)
  let largest = whole.reduce(0) { max($0, abs($1)) }
  for (i, sum) in added(direction, to: target, block).enumerated() {
    let expected = target[i] + whole[i]
    try demand(
      .directionIgnoresItsTarget, abs(sum - expected) <= 1e-6 * (abs(target[i]) + largest),
      found: "\(target[i]) became \(sum) at element \(i) of \(block.name)", expected: "\(expected)")
  }
}

private func checkScale<D: Direction>(_ direction: D, _ block: ParameterBlock, _ whole: [Float]) throws(LawViolation) {
  let zeros = whole.map { _ in Float(0) }
  for scale: Float in [2, -1, 0] {
    let scaled = added(direction, to: zeros, block, scale: scale)
    for (i, value) in scaled.enumerated() {
      try demand(
        .directionScales, value == scale * whole[i], found: "\(value) at element \(i) of \(block.name), scale \(scale)",
        expected: "\(scale * whole[i])")
    }
  }
}

/// Checks that writing equals adding to zeros, for any earlier values of the target: the whole block, single rows, and
/// some of the columns.
private func checkWrite<D: Direction>(_ direction: D, _ block: ParameterBlock, _ whole: [Float]) throws(LawViolation) {
  func written(_ rows: Range<Int>) -> [Float] {
    var values = normals(rows.count * block.columns, seed: 11)
    var span = values.mutableSpan
    direction.write(to: &span, of: block, rows: rows)
    return values
  }
  try demandSameBits(.directionWritesWhatItAdds, written(0..<block.rows), whole, "of \(block.name)")
  try demandSameBits(
    .directionWritesWhatItAdds, (0..<block.rows).flatMap { written($0..<($0 + 1)) }, whole, "of \(block.name) in rows")
  let last = block.rows / 2..<block.rows
  for columns in [0..<block.columns, block.columns / 3..<block.columns, 0..<(block.columns + 1) / 2] {
    var values = normals(last.count * columns.count, seed: 12)
    var span = values.mutableSpan
    direction.write(to: &span, of: block, rows: last, columns: columns)
    let expected = last.flatMap { row in columns.map { whole[row * block.columns + $0] } }
    try demandSameBits(.directionWritesWhatItAdds, values, expected, "of \(block.name), columns \(columns)")
  }
}

private func checkFactors(
  _ factors: any LowRankDirection, _ block: ParameterBlock, _ whole: [Float]
) throws(LawViolation) {
  let r = factors.rank
  let u = factors.left(of: block)
  let vt = factors.right(of: block)
  var row = [Float](repeating: 0, count: r)
  for i in 0..<block.rows {
    row.withUnsafeMutableBufferPointer { factors.writeLeft(of: block, rows: i..<(i + 1), into: $0) }
    try demandSameBits(
      .directionIsAddedInParts, row, Array(u[(i * r)..<((i + 1) * r)]), "of row \(i) of U of \(block.name)")
    for j in 0..<block.columns {
      let terms = (0..<r).map { Double(u[i * r + $0]) * Double(vt[$0 * block.columns + j]) }
      let expected = Double(factors.matrixScale) * terms.reduce(0, +)
      let size = abs(Double(factors.matrixScale)) * terms.reduce(0) { $0 + abs($1) }
      let value = whole[i * block.columns + j]
      try demand(
        .directionEqualsItsFactors, abs(Double(value) - expected) <= 1e-5 * size,
        found: "\(value) at (\(i), \(j)) of \(block.name)", expected: "\(expected)")
    }
  }
}

/// Checks that the weighted terms add up to the direction. The tolerance is 1e-5 of the largest element, because the
/// sums may be rounded differently.
private func checkTerms(
  _ terms: Few<(weight: Float, direction: any Direction)>, _ block: ParameterBlock, _ whole: [Float]
) throws(LawViolation) {
  var sums = whole.map { _ in 0.0 }
  var largest = 0.0
  for term in terms {
    for (i, value) in term.direction.values(of: block).enumerated() {
      sums[i] += Double(term.weight) * Double(value)
      largest = max(largest, abs(Double(term.weight) * Double(value)))
    }
  }
  for i in whole.indices {
    try demand(
      .directionEqualsItsTerms, abs(Double(whole[i]) - sums[i]) <= 1e-5 * largest,
      found: "\(whole[i]) at element \(i) of \(block.name)", expected: "\(sums[i])")
  }
}

/// Checks that any order of the blocks and any number of threads give the same bits.
private func checkOrder<D: Direction>(_ direction: D, _ layout: ParameterLayout) throws(LawViolation) {
  func values(_ order: [ParameterBlock]) -> [Int: [Float]] {
    Dictionary(uniqueKeysWithValues: order.map { ($0.index, direction.values(of: $0)) })
  }
  func store(_ threads: Int) throws(LawViolation) -> [Float] {
    try holdingThreads(threads, isLoopless: layout.trainable.count < 2) {
      var theta = ParameterStore(layout)
      theta.add(direction, scale: 0.25)
      return theta.flattened()
    }
  }
  let forward = values(layout.trainable)
  let backward = values(layout.trainable.reversed())
  for block in layout.trainable {
    try demandSameBits(
      .directionRepeats, backward[block.index] ?? [], forward[block.index] ?? [], "of \(block.name), blocks reversed")
  }
  try demandSameBits(.directionRepeats, store(2), store(1), "of a store, two threads")
}

/// Checks that frozen blocks keep their bits where only some of the blocks are trainable.
private func checkFrozen<D: Direction>(_ direction: D, _ layout: ParameterLayout) throws(LawViolation) {
  for block in layout.trainable {
    guard let frozen = try? layout.training(only: .named(block.name)) else { continue }
    var theta = ParameterStore(frozen)
    for other in frozen.blocks { theta.fill(other, with: normals(other.count, seed: 10, index: other.index)) }
    let before = theta.clone()
    theta.add(direction, scale: 1)
    for other in frozen.blocks where !other.isTrainable {
      try demandSameBits(
        .directionLeavesFrozenBlocks, theta.values(of: other), before.values(of: other), "of \(other.name)")
    }
  }
}
