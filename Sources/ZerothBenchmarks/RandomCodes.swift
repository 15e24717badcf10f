import CZeroth
import Zeroth
import ZerothModels
import ZerothSupport

/// Makes quantised matrices of random codes. Their scales are small, and the gains of norms are 1.
enum RandomCodes {
  /// The quantised format called `name`. Throws `InputError` when there is none.
  static func format(_ name: String) throws(InputError) -> ElementFormat {
    let known = ElementFormat.allCases.filter(\.isQuantized)
    guard let format = known.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
      throw InputError(
        "--storage", found: "'\(name.excerpt)'",
        expected: "one of \(known.map { $0.rawValue.lowercased() }.joined(separator: ", "))")
    }
    return format
  }

  /// Weights of the model in `folder`. Its matrices are quantised, with random codes. Blocks that are trained are not
  /// quantised: they are zeros, or start as LoRA does.
  ///
  /// Throws an `InputError` for a matrix whose columns are not a multiple of 32.
  static func parameters(
    of folder: ModelFolder, _ format: ElementFormat, training isTrained: (ParameterBlock) -> Bool, isBase: Bool = false
  ) throws(InputError) -> ParameterStore {
    let layout = folder.layout.training(where: isTrained)
    let memory = OwnedMemory()
    var places: [Int: StoredBlocks.Place] = [:]
    for block in layout.blocks where block.isMatrix && (isBase || !block.isTrainable) {
      guard block.columns.isMultiple(of: 32) else {
        throw InputError("--shape", found: "\(block.columns) columns", expected: "multiples of 32, to be quantised")
      }
      let format = format.fitting(block.columns)
      let codes = memory.allocate(format.bytes(of: block.count))
      guard let start = codes.baseAddress else { continue }
      fill(Codes(base: start, count: codes.count), format)
      places[block.index] = .init(start, format)
    }
    let stored = StoredBlocks(places, owner: memory)
    var theta = isBase ? ParameterStore(layout, base: stored) : ParameterStore(layout, stored: stored)
    for block in layout.blocks where !block.isMatrix {
      theta.withMutableBlock(block) { span in for i in 0..<span.count { span[i] = block.role == .norm ? 1 : 0 } }
    }
    folder.startFresh(&theta)
    return theta
  }

  /// Weights of a model that trains all blocks but never writes its matrices. The matrices have random codes of
  /// `format`, or random numbers in fp32 if it is nil.
  static func base(of model: CausalModel, _ format: ElementFormat?) throws(InputError) -> ParameterStore {
    let layout = model.folder.layout
    guard let format else {
      let plain = model.randomParameters(StreamKey(seed: 1))
      let memory = OwnedMemory()
      var places: [Int: StoredBlocks.Place] = [:]
      for block in layout.blocks where block.isMatrix {
        guard let start = memory.allocate(4 * block.count).baseAddress else { continue }
        plain.withBlock(block) { span in
          span.withUnsafeBytes {
            start.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(start), byteCount: $0.count)
          }
        }
        places[block.index] = .init(UnsafeRawPointer(start), .float32)
      }
      var theta = ParameterStore(layout, base: StoredBlocks(places, owner: memory))
      for block in layout.blocks where !block.isMatrix { theta.fill(block, with: plain.values(of: block)) }
      return theta
    }
    return try parameters(of: model.folder, format, training: { _ in true }, isBase: true)
  }

  private struct Codes: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let count: Int
  }

  private static func fill(_ codes: Codes, _ format: ElementFormat) {
    let size = format.groupBytes
    let groups = codes.count / size
    let piece = 4096
    Parallel.forEach((groups + piece - 1) / piece, with: (codes: codes, format: format)) { s, i, _ in
      let part = (i * piece)..<min((i + 1) * piece, groups)
      var state = UInt64(i) &* 0x9E37_79B9_7F4A_7C15 | 1
      let start = s.codes.base + part.lowerBound * size
      for j in 0..<(part.count * size) {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        start.storeBytes(of: UInt8(truncatingIfNeeded: state >> 32), toByteOffset: j, as: UInt8.self)
      }
      let scale = Float16(0.003).bitPattern
      for group in 0..<part.count {
        for place in s.format.scalePlaces {
          start.storeBytes(of: scale.littleEndian, toByteOffset: group * size + place, as: UInt16.self)
        }
      }
    }
  }
}

extension ElementFormat {
  /// The byte offsets, within a group, of the scales in half precision.
  fileprivate var scalePlaces: [Int] {
    switch self {
    case .float32, .bfloat16, .float16: []
    case .q40, .q50, .q80, .iq4NL, .iq4XS: [0]
    case .q41, .q51, .q4K, .q5K: [0, 2]
    case .q2K: [80, 82]
    case .q3K: [108]
    case .q6K: [208]
    }
  }

  /// The format for rows of `columns` elements: this one, or a replacement if its groups do not divide the row.
  fileprivate func fitting(_ columns: Int) -> ElementFormat {
    guard !columns.isMultiple(of: groupSize) else { return self }
    return switch self {
    case .q4K: .q50
    case .q5K: .q51
    case .q6K: .q80
    default: .iq4NL
    }
  }
}
