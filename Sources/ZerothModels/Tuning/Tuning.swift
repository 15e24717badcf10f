import Zeroth
import ZerothSupport

/// What is tuned of a model whose other weights are frozen: the blocks A and B of LoRA behind the model's own, and those of the
/// model that an adapter replaces.
///
/// A and B are blocks with roles of their own, those of their W followed by `-a` and `-b`. So whatever works on blocks works on
/// them.
public struct Tuning: Sendable {
  /// The blocks behind the model's own.
  let entries: [ParameterLayout.Entry]
  /// What stands beside layers, by the index of their W.
  let branches: [Int: LoRABranch]
  /// The blocks that are trained, by index: A, B, and those of the model that are replaced.
  let trained: Set<Int>
  /// The tensor of the adapter's file for each of them.
  let sources: [Source]
  /// The largest rank of a branch.
  let largestRank: Int
  /// Whether a matrix of the model itself is trained.
  let trainsMatrices: Bool

  /// Where the values of a block stand in an adapter's file.
  struct Source: Sendable {
    let block: Int
    let tensor: String
    /// The rows of the tensor that are the block's.
    let rows: RowSlice
    let isTransposed: Bool
  }
}

/// A module of a model as PEFT sees it: a tensor that is called `NAME.weight`, with the blocks that it holds.
struct TunedModule: Sendable {
  /// The name, with the prefix that transformers has even where a checkpoint leaves it out.
  let name: String
  let blocks: [ParameterBlock]
  /// Rows m and columns n of W, not transposed.
  let rows, columns: Int
  let isTransposed: Bool

  private static let linearRoles: Set<BlockRole> = [.query, .key, .value, .output, .dense]
  /// Whether it is a linear layer within the model: not an embedding, and not the output layer.
  var isLinear: Bool { blocks.allSatisfy { Self.linearRoles.contains($0.role) && $0.columns > 1 } }
}
