import CZeroth

/// How the elements of a block are stored: one by one, or quantised in groups whose elements share scales. The raw
/// value is the usual name of the format in files (safetensors and GGUF) and in other programs.
public enum ElementFormat: String, Sendable, Hashable, CaseIterable {
  case float32 = "F32"
  case bfloat16 = "BF16"
  case float16 = "F16"
  case q40 = "Q4_0"
  case q41 = "Q4_1"
  case q50 = "Q5_0"
  case q51 = "Q5_1"
  case q80 = "Q8_0"
  case q2K = "Q2_K"
  case q3K = "Q3_K"
  case q4K = "Q4_K"
  case q5K = "Q5_K"
  case q6K = "Q6_K"
  case iq4NL = "IQ4_NL"
  case iq4XS = "IQ4_XS"

  /// The constant of the C code for this format.
  package var kernel: zeroth_format {
    switch self {
    case .float32: zeroth_float32
    case .bfloat16: zeroth_bfloat16
    case .float16: zeroth_float16
    case .q40: zeroth_q4_0
    case .q41: zeroth_q4_1
    case .q50: zeroth_q5_0
    case .q51: zeroth_q5_1
    case .q80: zeroth_q8_0
    case .q2K: zeroth_q2_k
    case .q3K: zeroth_q3_k
    case .q4K: zeroth_q4_k
    case .q5K: zeroth_q5_k
    case .q6K: zeroth_q6_k
    case .iq4NL: zeroth_iq4_nl
    case .iq4XS: zeroth_iq4_xs
    }
  }

  /// The number of elements that are stored together: 1 where they are stored one by one.
  public var groupSize: Int { zeroth_block_elements(kernel) }
  /// The number of bytes of one group.
  public var groupBytes: Int { zeroth_block_bytes(kernel) }
  /// Whether the elements are integer codes that share scales.
  public var isQuantized: Bool { groupSize > 1 }

  /// The number of bytes of `count` elements. `count` is a multiple of `groupSize`.
  public func bytes(of count: Int) -> Int { count / groupSize * groupBytes }
}
