import Zeroth

extension CausalModel {
  /// Continues `prompt` with the most likely token, up to `count` times and up to the model's context. `stop` is given
  /// the tokens so far and ends the continuation.
  ///
  /// Nil where the logits are not finite, as in a model that has diverged, because any token chosen from them would be
  /// meaningless. Throws `InputError` for a prompt that is empty or longer than the context, or has a token outside the
  /// vocabulary.
  public func generateGreedily(
    _ prompt: [Int], count: Int, at theta: borrowing ParameterStore, stop: (_ generated: [Int]) -> Bool = { _ in false }
  ) throws(InputError) -> [Int]? {
    try generateGreedily([prompt], count: count, at: theta, stop: stop)[0]
  }

  /// Continues each of `prompts` in the same way, many at a time. The tokens of the prompts that are computed together,
  /// with room for `count` more each, are at most `tokensAtOnce`; a single longer prompt is computed alone.
  /// `activationMemory` limits them too.
  ///
  /// A prompt is computed once. Each new token is then computed alone, from the cached keys and values of the tokens
  /// before it. Where the frequencies of a rotary embedding change with the length, a sequence is computed anew at the
  /// change, and alone.
  public func generateGreedily(
    _ prompts: [[Int]], count: Int, at theta: borrowing ParameterStore, tokensAtOnce: Int = 4096,
    stop: (_ generated: [Int]) -> Bool = { _ in false }
  ) throws(InputError) -> [[Int]?] {
    var generated: [[Int]?] = []
    while generated.count < prompts.count {
      var group: [[Int]] = []
      var tokens = 0
      for prompt in prompts[generated.count...] {
        let length = prompt.count + max(0, count)
        tokens += length
        let varies = decoder.frequencyKey(longest: frontTokens + min(length, context)) != 0
        guard group.isEmpty || tokens <= min(tokensAtOnce, activationRows) && !varies else { break }
        group.append(prompt)
        if varies { break }
      }
      generated += try continueTogether(group, count: count, at: theta, choose: Self.largest, stop: stop)
    }
    return generated
  }

  /// Continues `prompt` with tokens that `sampler` chooses, up to `count` of them and up to the model's context. After
  /// each token `stop` is given the tokens so far, and may end the continuation.
  ///
  /// Nil where the logits are not finite. Throws `InputError` in the same cases as `generateGreedily`.
  public func generate(
    _ prompt: [Int], count: Int, at theta: borrowing ParameterStore, by sampler: TokenSampler,
    stop: (_ generated: [Int]) -> Bool = { _ in false }
  ) throws(InputError) -> [Int]? {
    try continueTogether([prompt], count: count, at: theta, choose: sampler.next, stop: stop)[0]
  }

  /// Continues `prompts`, each with the tokens that `choose` gives for its logits.
  private func continueTogether(
    _ prompts: [[Int]], count: Int, at theta: borrowing ParameterStore, choose: (ArraySlice<Double>) -> Int,
    stop: (_ generated: [Int]) -> Bool
  ) throws(InputError) -> [[Int]?] {
    guard prompts.allSatisfy({ !$0.isEmpty }) else {
      throw InputError("prompt", found: "no tokens", expected: "at least one to continue")
    }
    try TokenBatch(prompts).validate(vocabulary: vocabulary, context: context)
    var generated = [[Int]?](repeating: [], count: prompts.count)
    // The prompts that are not finished, and the tokens of each that go into the next pass.
    var active = prompts.indices.filter { count > 0 && prompts[$0].count < context }
    var next = active.map { prompts[$0] }
    var cache = KeyValueCache(capacities: next.map { min($0.count + count, context) }, front: frontTokens)
    var key = decoder.frequencyKey(longest: frontTokens + (next.map(\.count).max() ?? 0))
    while !active.isEmpty {
      let newKey = decoder.frequencyKey(
        longest: frontTokens + active.reduce(0) { max($0, prompts[$1].count + (generated[$1]?.count ?? 0)) })
      if newKey != key, active.count == 1 {
        key = newKey
        cache = KeyValueCache(
          capacities: active.map { min(prompts[$0].count + count, context) }, front: frontTokens)
        next = active.map { prompts[$0] + (generated[$0] ?? []) }
      }
      let batch = TokenBatch(next, continuing: cache)
      let ends = batch.segments.map { $0.start + $0.count - 1 }
      let logits = try evaluate(batch, .logits(rows: ends, ids: nil), at: theta)[0]
      cache.advance(by: batch)
      for (i, index) in active.enumerated() {
        let logits = logits[(i * vocabulary)..<((i + 1) * vocabulary)]
        if logits.allSatisfy(\.isFinite) {
          generated[index]?.append(choose(logits))
        } else {
          generated[index] = nil
        }
      }
      let going = active.indices.filter { i in
        guard let new = generated[active[i]] else { return false }
        return new.count < count && prompts[active[i]].count + new.count < context && !stop(new)
      }
      cache.keep(going)
      active = going.map { active[$0] }
      next = active.map { (generated[$0] ?? []).suffix(1) }
    }
    return generated
  }

  /// The index of the largest of `logits`, and among equals the first.
  static func largest(_ logits: ArraySlice<Double>) -> Int {
    let best = logits.indices.dropFirst().reduce(logits.startIndex) { logits[$1] > logits[$0] ? $1 : $0 }
    return best - logits.startIndex
  }
}
