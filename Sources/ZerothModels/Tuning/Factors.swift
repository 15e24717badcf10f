import Zeroth

/// The factors of a module that may hold several blocks, side by side. In the rows of each block, B has the columns of
/// the block's factors. In A = V^T the factors of the blocks stand one below the other.
struct FactorPart: Sendable {
  let block: ParameterBlock
  /// The first of its columns, and the number of columns.
  let column, rank: Int
}

enum Factors {
  /// The parts of `module`. A block that has not moved gets a column of zeros.
  static func parts(of module: FactorFiles.Module, _ stored: StoredParameters) -> [FactorPart] {
    var column = 0
    return module.tensor.blocks.map { block in
      let rank = max(1, (stored.pending(of: block)?.rank ?? 0) + (stored.kept(of: block)?.rank ?? 0))
      defer { column += rank }
      return FactorPart(block: block, column: column, rank: rank)
    }
  }

  /// The factor B, rows x rank.
  static func left(
    _ parts: [FactorPart], rows: Int, rank: Int, _ stored: StoredParameters, _ folder: ModelFolder
  ) -> [Float] {
    var left = [Float](repeating: 0, count: rows * rank)
    for part in parts {
      guard let own = stored.factors(of: part.block)?.left else { continue }
      let slice = folder.slice(of: part.block)
      for row in 0..<part.block.rows {
        let place = slice.place(of: row) * rank + part.column
        for q in 0..<part.rank { left[place + q] = own[row * part.rank + q] }
      }
    }
    return left
  }

  /// The factor V^T, rank x columns.
  static func right(_ parts: [FactorPart], columns: Int, rank: Int, _ stored: StoredParameters) -> [Float] {
    var right: [Float] = []
    right.reserveCapacity(rank * columns)
    for part in parts {
      right += stored.factors(of: part.block)?.right ?? [Float](repeating: 0, count: part.rank * columns)
    }
    return right
  }

  /// The elements of `block`, row by row.
  static func values(of block: ParameterBlock, _ stored: StoredParameters) -> [Float] {
    [Float](unsafeUninitializedCapacity: block.count) { buffer, count in
      if let start = buffer.baseAddress { stored.read(block, rows: 0..<block.rows, into: start) }
      count = block.count
    }
  }

  /// The values of a whole tensor, row by row.
  static func values(
    of tensor: TunedTensor, _ plan: Tuning, _ stored: StoredParameters, _ layout: ParameterLayout
  ) -> [Float] {
    var whole = [Float](repeating: 0, count: tensor.count)
    for piece in tensor.pieces {
      let block = layout.blocks[piece.block]
      let values = values(of: block, stored)
      for row in 0..<block.rows {
        for column in 0..<block.columns {
          whole[piece.place(row, column, in: tensor.shape)] = values[row * block.columns + column]
        }
      }
    }
    return whole
  }
}
