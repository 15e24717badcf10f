import CZeroth
import Zeroth

/// Sums over each of some blocks, in double. The order of the additions depends on shapes alone, and not on threads.
struct BlockSums {
  private let blocks: [ParameterBlock]
  private let panels: [Panel]
  /// The range of each block's panels.
  private let places: [Range<Int>]

  init(_ blocks: [ParameterBlock]) {
    self.blocks = blocks
    var panels: [Panel] = []
    places = blocks.map { block in
      let first = panels.count
      panels += Panel.cut([block])
      return first..<panels.count
    }
    self.panels = panels
  }

  /// For each block the inner product <D, v>, and ||D||^2.
  func products(of direction: some Direction, with vector: StoredVector) -> [(dot: Double, square: Double)] {
    let sums = ofPanels { panel in
      guard direction.touches(panel.block) else { return (0, 0) }
      return withScratch(panel.rows.count * panel.block.columns) { scratch in
        scratch.initialize(repeating: 0)
        var span = scratch.mutableSpan
        direction.write(to: &span, of: panel.block, rows: panel.rows)
        return Self.sums(UnsafeBufferPointer(scratch), vector, panel)
      }
    }
    return sums.map { ($0.0, $0.1) }
  }

  /// For each block the inner product <u, v>, and ||u||^2.
  func products(of first: StoredVector, with second: StoredVector) -> [(dot: Double, square: Double)] {
    ofPanels { panel in first.withRows(panel.rows, of: panel.block) { Self.sums($0, second, panel) } ?? (0, 0) }
      .map { ($0.0, $0.1) }
  }

  /// For each block ||v||^2.
  func squares(of vector: StoredVector) -> [Double] { products(of: vector, with: vector).map(\.square) }

  /// The inner product of `values` and v on the rows of a panel, and ||values||^2.
  private static func sums(
    _ values: UnsafeBufferPointer<Float>, _ vector: StoredVector, _ panel: Panel
  ) -> (Double, Double) {
    let dot = vector.withRows(panel.rows, of: panel.block) { stored in
      guard let x = stored.baseAddress, let y = values.baseAddress else { return 0.0 }
      return zeroth_dot(values.count, x, y)
    }
    return (dot ?? 0, values.baseAddress.map { zeroth_dot(values.count, $0, $0) } ?? 0)
  }

  private func ofPanels(_ sum: @Sendable (Panel) -> (Double, Double)) -> [(Double, Double)] {
    var partial = [(Double, Double)](repeating: (0, 0), count: panels.count)
    partial.withUnsafeMutableBufferPointer { partial in
      nonisolated(unsafe) let partial = partial
      Parallel.forEach(panels.count) { partial[$0] = sum(panels[$0]) }
    }
    return places.map { place in partial[place].reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) } }
  }
}

extension StoredVector {
  /// Adds weight v, which has the same blocks, to this vector.
  mutating func add(_ vector: StoredVector, weight: Float) {
    forEachPanel { block, rows, values in
      _ = vector.withRows(rows, of: block) { other in
        guard let target = values.baseAddress, let start = other.baseAddress else { return }
        zeroth_axpy(values.count, weight, start, target)
      }
    }
  }

  /// Adds weight D to this vector.
  mutating func add(_ direction: some Direction, weight: Float) {
    forEachPanel { block, rows, values in
      guard direction.touches(block) else { return }
      var span = values.mutableSpan
      direction.add(to: &span, of: block, rows: rows, scale: weight)
    }
  }

  /// The vector theta - `start`, on the blocks that `start` stores.
  init(from start: StoredVector, to theta: borrowing ParameterStore, _ blocks: [ParameterBlock]) {
    self.init(blocks)
    copy(from: theta)
    add(start, weight: -1)
  }
}

/// Groups of blocks for which numbers are given together.
struct BlockGroups {
  /// The indices of all blocks.
  let all: [Int]
  /// The indices of the blocks of each role, in the order of the layout.
  let roles: [(name: String, places: [Int])]
  /// The indices of the blocks of each layer.
  let layers: [(name: String, places: [Int])]

  init(_ blocks: [ParameterBlock]) {
    all = Array(blocks.indices)
    var roles: [(name: String, places: [Int])] = []
    for (place, block) in blocks.enumerated() {
      if let known = roles.firstIndex(where: { $0.name == block.role.rawValue }) {
        roles[known].places.append(place)
      } else {
        roles.append((block.role.rawValue, [place]))
      }
    }
    self.roles = roles
    let layers = Dictionary(grouping: blocks.indices.filter { blocks[$0].layer != nil }) { blocks[$0].layer ?? 0 }
    self.layers = layers.sorted { $0.key < $1.key }.map { ("\($0.key)", $0.value) }
  }
}

extension Array where Element == Double {
  /// The sum of the elements at `places`.
  func sum(_ places: [Int]) -> Double { places.reduce(0) { $0 + self[$1] } }
  /// The mean, sum(x) / n; NaN for no elements.
  var mean: Double { reduce(0, +) / Double(count) }
  /// The root mean square, sqrt(sum(x^2) / n).
  var rootMeanSquare: Double { (reduce(0) { $0 + $1 * $1 } / Double(count)).squareRoot() }
  /// The standard deviation, sqrt(sum((x - mean)^2) / (n - 1)); nil for fewer than two elements.
  var standardDeviation: Double? {
    guard count > 1 else { return nil }
    let mean = mean
    return (reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)).squareRoot()
  }
}
