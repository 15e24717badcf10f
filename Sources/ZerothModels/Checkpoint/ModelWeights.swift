import CZeroth
import Zeroth
import ZerothSupport

/// The weights of a model where they lie: tensors by the names that the model's family has for them.
protocol ModelWeights: Sendable {
  /// The folder or file, to name it in errors.
  var path: String { get }
  /// What errors call the model's configuration.
  var configurationName: String { get }
  /// How they are held for evaluations alone.
  var frozenStorage: WeightStorage { get }
  /// The files that they lie in; one may occur more than once.
  var mappedFiles: [MappedFile] { get }
  /// The names of all tensors.
  var names: [String] { get }
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
  /// The matrices among `blocks` as they are stored, to be read alone, whether they are trained or not: in the mapped files where
  /// their values follow each other there.
  func base(_ blocks: [ParameterBlock], _ map: TensorMap) throws -> StoredBlocks
  /// Writes the files that belong to the model beside its configuration and weights, such as its tokenizer, to a folder.
  func writeModelFiles(to folder: String) throws
}

extension ModelWeights {
  /// Throws `InputError` when a file of the weights was written since it was opened.
  func requireUnchanged() throws(InputError) {
    var seen: Set<String> = []
    for file in mappedFiles where seen.insert(file.path).inserted { try file.requireUnchanged() }
  }
}

/// Mapped files, and memory beside them, that blocks lie in.
package final class OwnedMemory: @unchecked Sendable {  // filled by one owner, then only kept alive
  var files: [MappedFile] = []
  private var pieces: [UnsafeMutableRawBufferPointer] = []

  package init() {}

  /// `count` bytes, which are the caller's to fill.
  package func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
    guard let start = zeroth_allocate(count) else { zeroth_end_without_memory("\(count) bytes of weights") }
    let piece = UnsafeMutableRawBufferPointer(start: start, count: count)
    pieces.append(piece)
    return piece
  }

  deinit { for piece in pieces { zeroth_deallocate(piece.baseAddress, piece.count) } }
}
