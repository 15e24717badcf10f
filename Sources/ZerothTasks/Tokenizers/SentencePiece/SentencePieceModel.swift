import ZerothSupport

/// The content of a `tokenizer.model` of SentencePiece, as far as encoding and decoding need it.
///
/// Field numbers are those of `sentencepiece_model.proto`.
struct SentencePieceModel {
  struct Piece {
    var text = ""
    var score: Float = 0
    var kind = Kind.normal

    /// Whether merges can produce it.
    var isMergeable: Bool { kind == .normal || kind == .userDefined }
  }

  /// `SentencePiece.Type`.
  enum Kind: UInt64 {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  var pieces: [Piece] = []
  var fallsBackToBytes = false
  var bosPiece = "<s>"
  var eosPiece = "</s>"
  var unknownSurface = " \u{2047} "
  var addsDummyPrefix = true
  var removesExtraSpaces = true
  var escapesSpaces = true

  /// Reads the file at `path`.
  ///
  /// - Throws: ``InputError`` for a file that is not complete, and for kinds of models that are not supported: other
  ///   than BPE, with a character map, with white space as a suffix, or with unused pieces.
  init(_ path: String) throws(InputError) {
    let bytes = [UInt8](try TokenizerFiles.bytes(path))
    var reader = ProtobufReader(bytes[...], subject: path)
    var readsTrainer = false
    while let (number, value) = try reader.next() {
      switch (number, value) {
      case (1, .bytes(let message)):
        pieces.append(try Self.piece(message, subject: "\(path): pieces[\(pieces.count)]"))
      case (2, .bytes(let message)):
        try readTrainer(message, subject: "\(path): trainer_spec")
        readsTrainer = true
      case (3, .bytes(let message)): try readNormalizer(message, subject: "\(path): normalizer_spec")
      case (1...3, _):
        throw InputError("\(path): field \(number)", found: "a number", expected: "a message")
      default: break
      }
    }
    guard !pieces.isEmpty else { throw InputError("\(path): pieces", found: "none", expected: "at least one") }
    // Without this message, a model has the default type, which is unigram.
    guard readsTrainer else { throw InputError("\(path): trainer_spec", found: "none", expected: "model_type BPE") }
  }

  private static func piece(_ message: ArraySlice<UInt8>, subject: String) throws(InputError) -> Piece {
    var piece = Piece()
    var reader = ProtobufReader(message, subject: subject)
    while let (number, value) = try reader.next() {
      switch (number, value) {
      case (1, let value): piece.text = try text(value, "\(subject).piece")
      case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
      case (2, _): throw InputError("\(subject).score", found: "another wire type", expected: "a 32-bit float")
      case (3, .varint(let kind)):
        guard let kind = Kind(rawValue: kind), kind != .unused else {
          throw InputError(
            "\(subject).type", found: "\(kind)", expected: "1 normal, 2 unknown, 3 control, 4 user-defined or 6 byte")
        }
        piece.kind = kind
      default: break
      }
    }
    guard !piece.text.isEmpty else { throw InputError("\(subject).piece", found: "no text", expected: "a piece") }
    guard piece.score.isFinite else {
      throw InputError("\(subject).score", found: "\(piece.score)", expected: "a finite number")
    }
    return piece
  }

  private mutating func readTrainer(_ message: ArraySlice<UInt8>, subject: String) throws(InputError) {
    var modelType: UInt64 = 1
    var reader = ProtobufReader(message, subject: subject)
    while let (number, value) = try reader.next() {
      switch number {
      case 3: modelType = try Self.number(value, "\(subject).model_type")
      case 24:
        guard try Self.number(value, "\(subject).treat_whitespace_as_suffix") == 0 else {
          throw InputError("\(subject).treat_whitespace_as_suffix", found: "true", expected: "false")
        }
      case 35: fallsBackToBytes = try Self.number(value, "\(subject).byte_fallback") != 0
      case 44: unknownSurface = try Self.text(value, "\(subject).unk_surface")
      case 46: bosPiece = try Self.text(value, "\(subject).bos_piece")
      case 47: eosPiece = try Self.text(value, "\(subject).eos_piece")
      default: break
      }
    }
    guard modelType == 2 else {
      let names: [UInt64: String] = [1: "1, unigram", 3: "3, word", 4: "4, char"]
      throw InputError(
        "\(subject).model_type", found: names[modelType] ?? "\(modelType)", expected: "2, BPE, the only type supported")
    }
  }

  private mutating func readNormalizer(_ message: ArraySlice<UInt8>, subject: String) throws(InputError) {
    var reader = ProtobufReader(message, subject: subject)
    while let (number, value) = try reader.next() {
      switch number {
      case 2:
        guard case .bytes(let map) = value, map.isEmpty else {
          throw InputError(
            "\(subject).precompiled_charsmap", found: "a character map", expected: "none (normalisation 'identity')")
        }
      case 3: addsDummyPrefix = try Self.number(value, "\(subject).add_dummy_prefix") != 0
      case 4: removesExtraSpaces = try Self.number(value, "\(subject).remove_extra_whitespaces") != 0
      case 5: escapesSpaces = try Self.number(value, "\(subject).escape_whitespaces") != 0
      default: break
      }
    }
  }

  private static func number(_ value: ProtobufReader.Value, _ subject: String) throws(InputError) -> UInt64 {
    guard case .varint(let number) = value else {
      throw InputError(subject, found: "another wire type", expected: "a varint")
    }
    return number
  }

  private static func text(_ value: ProtobufReader.Value, _ subject: String) throws(InputError) -> String {
    guard case .bytes(let bytes) = value, let text = String(validating: bytes, as: UTF8.self) else {
      throw InputError(subject, found: "a number or bytes that are not UTF-8", expected: "UTF-8 text")
    }
    return text
  }
}
