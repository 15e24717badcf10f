import Zeroth

extension CausalModel {
  /// Continues `prompt` by the most likely token, up to `count` times and the model's context; `stop` ends it after the
  /// tokens so far.
  ///
  /// Nil where the logits are not finite, as those of a model that has diverged: it would go on with something. Throws
  /// `InputError` for a prompt that is empty or longer than the context, or has a token outside the vocabulary.
  public func generateGreedily(
    _ prompt: [Int], count: Int, at theta: borrowing ParameterStore, stop: (_ generated: [Int]) -> Bool = { _ in false }
  ) throws(InputError) -> [Int]? {
    try generateGreedily([prompt], count: count, at: theta, stop: stop)[0]
  }

  /// Continues each of `prompts`, as the call for one of them does, many at a time: the tokens of the prompts that are
  /// computed together, with room for `count` more each, are at most `tokensAtOnce`, or one prompt. No more go together
  /// than `activationMemory` holds, either.
  ///
  /// A prompt is computed once. Each new token is then computed alone, from the cached keys and values of those before.
  /// Where the frequencies of a rotary embedding change with the length, a sequence is computed anew at the change, and alone.
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

  /// Continues `prompt` by tokens that `sampler` chooses, up to `count` of them and the model's context; `stop` is asked after each,
  /// given the tokens so far, and ends it.
  ///
  /// Nil where the logits are not finite. Throws `InputError` as `generateGreedily` does.
  public func generate(
    _ prompt: [Int], count: Int, at theta: borrowing ParameterStore, by sampler: TokenSampler,
    stop: (_ generated: [Int]) -> Bool = { _ in false }
  ) throws(InputError) -> [Int]? {
    try continueTogether([prompt], count: count, at: theta, choose: sampler.next, stop: stop)[0]
  }

  /// Continues `prompts` by what `choose` gives for the logits of each.
  private func continueTogether(
    _ prompts: [[Int]], count: Int, at theta: borrowing ParameterStore, choose: (ArraySlice<Double>) -> Int,
    stop: (_ generated: [Int]) -> Bool
  ) throws(InputError) -> [[Int]?] {
    guard prompts.allSatisfy({ !$0.isEmpty }) else {
      throw InputError("prompt", found: "no tokens", expected: "at least one to continue")
    }
    try TokenBatch(prompts).validate(vocabulary: vocabulary, context: context)
    var generated = [[Int]?](repeating: [], count: prompts.count)
    // The tokens that go into the next pass, those of the prompts that are not done.
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

  /// The place of the largest of `logits`, the first of equals.
  static func largest(_ logits: ArraySlice<Double>) -> Int {
    let best = logits.indices.dropFirst().reduce(logits.startIndex) { logits[$1] > logits[$0] ? $1 : $0 }
    return best - logits.startIndex
  }
}
