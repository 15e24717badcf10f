/// LoRA beside a frozen matrix W, m x n (Hu et al. 2021): y = x W^T + scale (x A^T) B^T, with A of r x n and B of m x r.
struct LoRABranch: Sendable, Hashable {
  /// The places of A and B in the layout.
  let a, b: Int
  /// alpha / r or, rank-stabilised, alpha / sqrt(r).
  let scale: Float
}
