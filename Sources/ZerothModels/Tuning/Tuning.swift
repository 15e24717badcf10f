import Zeroth
import ZerothSupport

/// How a model is tuned: which parameters there are beside its own, and which of all are trained.
public enum TuningMethod: Sendable, Hashable {
  /// The model's own blocks.
  case full
  /// A and B beside matrices that are frozen.
  case lora(LoRAConfiguration)
  /// Biases and norms alone (Ben Zaken et al. 2022).
  case bitfit
  /// Keys and values of virtual tokens in front of every sequence, in each layer (Li and Liang 2021).
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

  /// The numbers of virtual tokens that there are.
  public static let prefixTokens = 1...4096
}

/// What a model is tuned as, and where the values of its new parameters come from.
public enum TuningSource: Sendable {
  /// Those that a fresh run starts from, drawn from the key.
  case fresh(TuningMethod, StreamKey)
  /// Those of an adapter's files.
  case adapter(PEFTAdapter)

  /// What errors name: the folder of the adapter, or the table of options.
  var subject: String {
    switch self {
    case .fresh: "[tuning]"
    case .adapter(let adapter): adapter.directory
    }
  }
}

/// The plan of a tuning on one model: the blocks behind the model's own, and which blocks are trained.
///
/// A and B are blocks with roles of their own, those of their W followed by `-a` and `-b`, and so are the keys and values of
/// prefixes. So whatever works on blocks works on them.
struct Tuning: Sendable {
  /// The blocks behind the model's own.
  var entries: [ParameterLayout.Entry] = []
  /// What stands beside layers, by the index of their W.
  var branches: [Int: LoRABranch] = [:]
  /// Virtual tokens in front of every sequence.
  var prefix: Prefix?
  /// The blocks that are trained, by index.
  var trained: Set<Int> = []
  /// The tensors of the adapter's file; none where a tuned model is saved whole.
  var tensors: [TunedTensor] = []
  /// What the adapter's configuration says of LoRA, as PEFT reads it: modules in the place of blocks.
  var written: LoRAConfiguration?

  /// The largest rank of a branch.
  var largestRank = 0
  /// Whether a matrix of the model itself is trained.
  var trainsMatrices = false
  /// The index of the first of `entries`.
  let firstEntry: Int

  /// Nothing yet, on a model with `count` blocks.
  init(behind count: Int) { firstEntry = count }

  /// Adds a block, which is trained; returns its index.
  mutating func add(
    _ name: String, rows: Int, columns: Int, role: BlockRole, layer: Int?
  ) -> Int {
    let index = firstEntry + entries.count
    entries.append(.init(name, rows: rows, columns: columns, role: role, layer: layer))
    trained.insert(index)
    return index
  }
}

/// Virtual tokens in front of every sequence.
struct Prefix: Sendable {
  /// P.
  let tokens: Int
  /// For each layer the places of its keys and values in the layout, each P x width of the key heads.
  let layers: [(keys: Int, values: Int)]
}

/// A tensor of an adapter's file.
struct TunedTensor: Sendable {
  /// The name as it stands in the file.
  let name: String
  let shape: [Int]
  let pieces: [Piece]
  /// Whether an adapter may lack it: a label head is then started as without one.
  var isOptional = false

  /// A block in the tensor. What no block fills is zero.
  struct Piece: Sendable {
    let block: Int
    /// The rows of the tensor that are the block's, or the columns where the tensor is the transpose.
    var rows = RowSlice.all
    /// The first column of the tensor that is the block's.
    var column = 0
    var isTransposed = false

    /// Where element (row, column) of the block stands, counted in elements of a tensor of `shape`.
    func place(_ row: Int, _ column: Int, in shape: [Int]) -> Int {
      let (r, c) = (rows.place(of: row), self.column + column)
      if shape.count == 1 { return r }
      return isTransposed ? c * shape[1] + r : r * shape[1] + c
    }
  }

  var count: Int { shape.reduce(1, *) }
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
