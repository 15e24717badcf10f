import CZeroth
import Zeroth
import ZerothSupport

/// The weights of a model in their file. Each tensor has the name that it has in the model's family.
protocol ModelWeights: Sendable {
  /// The path of the folder or file, for messages of errors.
  var path: String { get }
  /// The name of the model's configuration in messages of errors.
  var configurationName: String { get }
  /// How the weights are stored when they are loaded for evaluation only.
  var frozenStorage: WeightStorage { get }
  /// The files that hold the weights. A file may occur more than once.
  var mappedFiles: [MappedFile] { get }
  /// The names of all tensors.
  var names: [String] { get }
  /// Whether there is a tensor `name`.
  func contains(_ name: String) -> Bool
  /// The name of the tensor `name` in the file.
  func storedName(of name: String) -> String
  /// The dimensions of the tensor `name` in a checkpoint of the family, the slowest first.
  func shape(of name: String) throws -> [Int]
  /// The name of its element type.
  func typeName(of name: String) throws -> String
  /// The element type for a written checkpoint that holds its values without rounding.
  func savedType(of name: String) throws -> ElementType
  /// Whether two tensors have the same shape and the same values.
  func isSame(_ name: String, as other: String) throws -> Bool
  /// Reads `block`, which is the part `part` of a tensor. Throws `InputError` for a tensor that does not exist or whose
  /// type cannot be read.
  func read(_ block: ParameterBlock, _ part: TensorPart, into target: UnsafeMutableBufferPointer<Float>) throws
  /// The matrices among `blocks` that stay in their stored format. Throws `InputError` for a matrix that is to be
  /// trained but cannot be in this format.
  func stored(_ blocks: [ParameterBlock], _ map: TensorMap) throws -> StoredBlocks
  /// The matrices among `blocks` in their stored format, for reading only, whether they are trained or not. A matrix
  /// whose values follow each other in a mapped file stays there.
  func base(_ blocks: [ParameterBlock], _ map: TensorMap) throws -> StoredBlocks
  /// Writes the files that belong to the model, such as its tokenizer, to a folder. The configuration and the weights
  /// are not among them.
  func writeModelFiles(to folder: String) throws
}

extension ModelWeights {
  /// Throws `InputError` when a file of the weights was written since it was opened.
  func requireUnchanged() throws(InputError) {
    var seen: Set<String> = []
    for file in mappedFiles where seen.insert(file.path).inserted { try file.requireUnchanged() }
  }
}

/// Mapped files and allocated memory that hold blocks.
package final class OwnedMemory: @unchecked Sendable {  // filled by one owner, then only kept alive
  var files: [MappedFile] = []
  private var pieces: [UnsafeMutableRawBufferPointer] = []

  package init() {}

  /// Allocates `count` bytes, which the caller fills.
  package func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
    guard let start = zeroth_allocate(count) else { zeroth_end_without_memory("\(count) bytes of weights") }
    let piece = UnsafeMutableRawBufferPointer(start: start, count: count)
    pieces.append(piece)
    return piece
  }

  deinit { for piece in pieces { zeroth_deallocate(piece.baseAddress, piece.count) } }
}
