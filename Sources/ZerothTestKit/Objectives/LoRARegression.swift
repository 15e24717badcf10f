import Zeroth

/// L = 1/2 sum_l ||W_l + B_l A_l - T_l||^2 for two frozen matrices W_l with thin factors A_l and B_l beside them, as in
/// LoRA. The target T_l is W_l plus a product of the same rank.
///
/// W is m x n, A is r x n (its role is that of W followed by `-a`), B is m x r (`-b`). B starts as zeros.
public struct LoRARegression: AnalyticObjective {
  /// The blocks of the parameters: W of each layer, then A and B of each layer.
  public let layout: ParameterLayout
  private let rank: Int
  private let columns: Int
  private let rows: [Int]
  /// T - W, row by row.
  private let targets: [[Double]]

  /// Matrices of `rows` x `columns` with factors of rank `rank`.
  public init(rows: [Int] = [6, 4], columns: Int = 5, rank: Int = 2) {
    self.rank = rank
    self.columns = columns
    self.rows = rows
    var entries: [ParameterLayout.Entry] = []
    let roles = rows.indices.map { $0.isMultiple(of: 2) ? "query" : "value" }
    for (l, m) in rows.enumerated() {
      entries.append(.init("\(l).weight", rows: m, columns: columns, role: BlockRole(rawValue: roles[l]), layer: l))
    }
    for (l, m) in rows.enumerated() {
      entries.append(
        .init("\(l).lora_A", rows: rank, columns: columns, role: BlockRole(rawValue: roles[l] + "-a"), layer: l))
      entries.append(.init("\(l).lora_B", rows: m, columns: rank, role: BlockRole(rawValue: roles[l] + "-b"), layer: l))
    }
    layout = .made(entries).training { $0.index >= rows.count }
    targets = rows.enumerated().map { l, m in
      let a = normals(rank * columns, seed: 8, index: l, scale: 0.7).map(Double.init)
      let b = normals(m * rank, seed: 9, index: l, scale: 0.7).map(Double.init)
      return Self.product(b, a, rows: m, columns: columns, rank: rank)
    }
  }

  /// A is normal with standard deviation 0.5, as is W; B is zero.
  public func start() -> ParameterStore {
    var theta = ParameterStore(layout)
    for block in layout.blocks where !block.role.rawValue.hasSuffix("-b") {
      theta.fill(block, with: normals(block.count, seed: 1, index: block.index, scale: 0.5))
    }
    return theta
  }

  /// L(theta), in double.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double {
    var sum = 0.0
    for l in rows.indices { for x in residual(l, theta) { sum += 0.5 * x * x } }
    return sum
  }

  /// R A^T for B and B^T R for A, where R = B A - (T - W); zeros for W.
  public func gradient(at theta: borrowing ParameterStore, on batch: Batch) -> [Double] {
    var gradient = [Double](repeating: 0, count: layout.parameterCount)
    let starts = layout.flatRanges.map(\.lowerBound)
    for (l, m) in rows.enumerated() {
      let r = residual(l, theta)
      let (a, b) = factors(l, theta)
      for i in 0..<m {
        for j in 0..<columns {
          for q in 0..<rank {
            gradient[starts[rows.count + 2 * l] + q * columns + j] += b[i * rank + q] * r[i * columns + j]
            gradient[starts[rows.count + 2 * l + 1] + i * rank + q] += r[i * columns + j] * a[q * columns + j]
          }
        }
      }
    }
    return gradient
  }

  private func factors(_ l: Int, _ theta: borrowing ParameterStore) -> (a: [Double], b: [Double]) {
    let (a, b) = (layout.blocks[rows.count + 2 * l], layout.blocks[rows.count + 2 * l + 1])
    return (theta.values(of: a).map(Double.init), theta.values(of: b).map(Double.init))
  }

  private func residual(_ l: Int, _ theta: borrowing ParameterStore) -> [Double] {
    let (a, b) = factors(l, theta)
    let made = Self.product(b, a, rows: rows[l], columns: columns, rank: rank)
    return zip(made, targets[l]).map { $0 - $1 }
  }

  private static func product(_ b: [Double], _ a: [Double], rows: Int, columns: Int, rank: Int) -> [Double] {
    var product = [Double](repeating: 0, count: rows * columns)
    for i in 0..<rows {
      for j in 0..<columns {
        for q in 0..<rank { product[i * columns + j] += b[i * rank + q] * a[q * columns + j] }
      }
    }
    return product
  }
}
