import CZeroth
import Zeroth

/// A branch of LoRA beside a frozen matrix W, m x n (Hu et al. 2021): y = x W^T + scale (x A^T) B^T, where A is r x n
/// and B is m x r.
struct LoRABranch: Sendable, Hashable {
  /// The indices of A and B in the layout.
  let a, b: Int
  /// alpha / r, or alpha / sqrt(r) where it is rank-stabilised.
  let scale: Float
}

extension LoRABranch {
  /// W + scale B A at theta, row by row: the matrix of one layer that replaces W and its branch.
  func merged(with block: ParameterBlock, at theta: borrowing ParameterStore) -> [Float] {
    var w = theta.values(of: block)
    let right = theta.values(of: theta.layout.blocks[a])
    let left = theta.values(of: theta.layout.blocks[b])
    let rank = theta.layout.blocks[a].rows
    w.withUnsafeMutableBufferPointer { w in
      left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { right in
          guard let w = w.baseAddress, let u = left.baseAddress, let vt = right.baseAddress else { return }
          zeroth_low_rank_add(block.rows, block.columns, rank, scale, u, vt, w, block.columns)
        }
      }
    }
    return w
  }
}
