import Zeroth
import ZerothSupport

/// How a model is tuned: the parameters that are added to its own, and which parameters are trained.
public enum TuningMethod: Sendable, Hashable {
  /// The model's own blocks are trained.
  case full
  /// A and B are trained beside frozen matrices.
  case lora(LoRAConfiguration)
  /// Only biases and norms are trained (Ben Zaken et al. 2022).
  case bitfit
  /// Keys and values of virtual tokens are trained. These stand in front of every sequence, in each layer (Li and Liang
  /// 2021).
  case prefix(tokens: Int)

  /// The name of the method.
  public var name: String {
    switch self {
    case .full: "full"
    case .lora: "lora"
    case .bitfit: "bitfit"
    case .prefix: "prefix"
    }
  }

  /// The range of the number of virtual tokens.
  public static let prefixTokens = 1...4096
}

/// A tuning, and the source of the values of its new parameters.
public enum TuningSource: Sendable {
  /// The start of a fresh run, drawn from the key.
  case fresh(TuningMethod, StreamKey)
  /// The values in the files of an adapter.
  case adapter(PEFTAdapter)

  /// The name for messages of errors: the folder of the adapter, or the table of options.
  var subject: String {
    switch self {
    case .fresh: "[tuning]"
    case .adapter(let adapter): adapter.directory
    }
  }
}

/// The plan of a tuning for one model: the blocks that are added behind the model's own, and the blocks that are
/// trained.
///
/// A, B, and the keys and values of prefixes are blocks with their own roles. Those of A and B are the role of their W
/// followed by `-a` and `-b`. So everything that works on blocks works on them too.
struct Tuning: Sendable {
  /// The blocks that are added behind the model's own.
  var entries: [ParameterLayout.Entry] = []
  /// The branches beside layers, by the index of their W.
  var branches: [Int: LoRABranch] = [:]
  /// The virtual tokens in front of every sequence; nil for none.
  var prefix: Prefix?
  /// The blocks that are trained, by index.
  var trained: Set<Int> = []
  /// The tensors of the adapter's file. There are none where the whole tuned model is saved.
  var tensors: [TunedTensor] = []
  /// The LoRA part of the adapter's configuration in PEFT's terms, where modules are named instead of blocks.
  var written: LoRAConfiguration?

  /// The largest rank of a branch.
  var largestRank = 0
  /// Whether a matrix of the model itself is trained.
  var trainsMatrices = false
  /// The index of the first of `entries`.
  let firstEntry: Int

  /// An empty plan for a model with `count` blocks.
  init(behind count: Int) { firstEntry = count }

  /// Adds a block that is trained. Returns its index.
  mutating func add(
    _ name: String, rows: Int, columns: Int, role: BlockRole, layer: Int?
  ) -> Int {
    let index = firstEntry + entries.count
    entries.append(.init(name, rows: rows, columns: columns, role: role, layer: layer))
    trained.insert(index)
    return index
  }
}

/// The virtual tokens in front of every sequence.
struct Prefix: Sendable {
  /// P, the number of virtual tokens.
  let tokens: Int
  /// The indices of the keys and values of each layer in the layout. Each is P x width of the key heads.
  let layers: [(keys: Int, values: Int)]
}

/// A tensor in the file of an adapter.
struct TunedTensor: Sendable {
  /// The name as it stands in the file.
  let name: String
  let shape: [Int]
  let pieces: [Piece]
  /// Whether an adapter may lack it. A label head that is missing then gets its usual start.
  var isOptional = false

  /// A block in the tensor. Elements that belong to no block are zero.
  struct Piece: Sendable {
    let block: Int
    /// The rows of the tensor that belong to the block, or the columns where the tensor is transposed.
    var rows = RowSlice.all
    /// The first column of the tensor that belongs to the block.
    var column = 0
    var isTransposed = false

    /// The index of element (row, column) of the block among the elements of a tensor of `shape`.
    func place(_ row: Int, _ column: Int, in shape: [Int]) -> Int {
      let (r, c) = (rows.place(of: row), self.column + column)
      if shape.count == 1 { return r }
      return isTransposed ? c * shape[1] + r : r * shape[1] + c
    }
  }

  var count: Int { shape.reduce(1, *) }
}

/// A module of a model in PEFT's sense: a tensor called `NAME.weight`, and the blocks that it holds.
struct TunedModule: Sendable {
  /// The name, with the prefix of transformers even where a checkpoint leaves it out.
  let name: String
  let blocks: [ParameterBlock]
  /// The rows m and columns n of W, before any transposition.
  let rows, columns: Int
  let isTransposed: Bool

  private static let linearRoles: Set<BlockRole> = [.query, .key, .value, .output, .dense]
  /// Whether it is a linear layer within the model, and not an embedding or the output layer.
  var isLinear: Bool { blocks.allSatisfy { Self.linearRoles.contains($0.role) && $0.columns > 1 } }
}
