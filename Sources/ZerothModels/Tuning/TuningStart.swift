import Zeroth

extension Tuning {
  /// Sets the start of the blocks of a fresh LoRA: A is drawn from `key` with the distribution `start`, and B is zero.
  func startLoRA(_ theta: inout ParameterStore, _ start: LoRAConfiguration.Start, _ key: StreamKey) {
    for index in Set(branches.values.map(\.a)).sorted() {
      let block = theta.layout.blocks[index]
      var stream = RandomStream(key.child(.block, index))
      let bound = 1 / Double(block.columns).squareRoot()
      theta.withMutableBlock(block) { span in
        for i in 0..<span.count {
          span[i] = Float(
            start == .kaiming ? (2 * stream.uniform() - 1) * bound : stream.gaussian() / Double(block.rows))
        }
      }
    }
  }
}
