import CZeroth

extension Activation {
  var kernel: zeroth_activation {
    switch self {
    case .relu: zeroth_relu
    case .gelu: zeroth_gelu
    case .geluTanh: zeroth_gelu_tanh
    case .silu: zeroth_silu
    }
  }
}
