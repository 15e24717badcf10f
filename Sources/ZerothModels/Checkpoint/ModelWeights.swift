import Zeroth
import ZerothSupport

/// The weights of a model where they lie: tensors by the names that the model's family has for them.
protocol ModelWeights: Sendable {
  /// The folder or file, to name it in errors.
  var path: String { get }
  /// The names of all tensors.
  var names: [String] { get }
  /// Throws `InputError` when a file of the weights was written since it was opened.
  func requireUnchanged() throws(InputError)
  /// Whether there is a tensor `name`.
  func contains(_ name: String) -> Bool
  /// What the file calls the tensor `name`.
  func storedName(of name: String) -> String
  /// The dimensions of the tensor `name` as the family's checkpoints have it, the slowest first.
  func shape(of name: String) throws -> [Int]
  /// What the type of its elements is called.
  func typeName(of name: String) throws -> String
  /// The type that holds its values without rounding in a checkpoint that is written.
  func savedType(of name: String) throws -> ElementType
  /// Whether two tensors have one shape and the same values.
  func isSame(_ name: String, as other: String) throws -> Bool
  /// Reads `block`, which is `part` of a tensor. Throws `InputError` for one that is not there or of a type that is not read.
  func read(_ block: ParameterBlock, _ part: TensorPart, into target: UnsafeMutableBufferPointer<Float>) throws
  /// The matrices among `blocks` that stay as they are stored. Throws `InputError` for one that is to be trained and cannot.
  func stored(_ blocks: [ParameterBlock], _ map: TensorMap) throws -> StoredBlocks
}

/// Mapped files, and memory beside them, that blocks lie in.
final class OwnedMemory: @unchecked Sendable {  // filled by one owner, then only kept alive
  var files: [MappedFile] = []
  private var pieces: [UnsafeMutablePointer<UInt16>] = []

  /// Memory for `count` elements in half precision.
  func allocate(_ count: Int) -> UnsafeMutablePointer<UInt16> {
    let piece = UnsafeMutablePointer<UInt16>.allocate(capacity: count)
    pieces.append(piece)
    return piece
  }

  deinit { for piece in pieces { piece.deallocate() } }
}
