import CZeroth
import Zeroth

extension CausalModel {
  /// Continues each of `prompts` at each of `points`, all sequences together. `choice` gives the next token, up to
  /// `count` times and up to the model's context. `stop` is given the tokens so far and says whether the sequence ends.
  /// The result has one array for each point, with what was generated after each prompt; nil where the logits are not
  /// finite.
  ///
  /// The sequences are rows of one batch, each with its keys and values and each displaced to its point. A sequence
  /// that has ended leaves the batch. Only so many go together that their keys, values and logits fit in
  /// `activationMemory`. Where the choice is random, the numbers for the sequence behind a prompt come from the
  /// prompt's key in `keys`, and are the same at every point.
  ///
  /// The noise of a dense direction would have to be made again for each token. Where d floats fit into three quarters
  /// of the memory, a copy of theta is therefore moved to each of the points along dense directions. theta itself is
  /// not written.
  ///
  /// Throws `InputError` for a prompt that is empty or longer than the context, or has a token outside the vocabulary.
  public func generate(
    _ prompts: [[Int]], count: Int, at points: Points, from theta: borrowing ParameterStore,
    choosing choice: TokenChoice = .greedy, keys: [StreamKey] = [], stop: (_ generated: [Int]) -> Bool = { _ in false }
  ) throws(InputError) -> [[[Int]?]] {
    guard prompts.allSatisfy({ !$0.isEmpty }) else {
      throw InputError("prompt", found: "no tokens", expected: "at least one to continue")
    }
    try TokenBatch(prompts).validate(vocabulary: vocabulary, context: context)
    let numbers = choice.temperature > 0 ? keys.map { SamplingNumbers($0, count: count) } : []
    precondition(choice.temperature == 0 || keys.count == prompts.count, "a key for each prompt")
    var generated = [[[Int]?]](repeating: [[Int]?](repeating: [], count: prompts.count), count: points.count)
    let copied = pointsOnCopy(points, theta)
    let others = points.indices.filter { !copied.contains($0) }
    func decode(_ chosen: [Int], _ points: Points, _ theta: borrowing ParameterStore, memory: Int) {
      for part in parts(points, prompts, count, memory: memory).parts {
        var decoding = PointDecoding(
          self, Array(prompts[part.prompts]), count: count, points.part(Array(part.points)), choice,
          numbers.isEmpty ? [] : Array(numbers[part.prompts]))
        decoding.run(theta, stop)
        for (v, point) in part.points.enumerated() {
          generated[chosen[point]].replaceSubrange(part.prompts, with: decoding.generated(variant: v))
        }
      }
    }
    if !others.isEmpty { decode(others, points.part(others), theta, memory: activationMemory) }
    guard !copied.isEmpty else { return generated }
    var moved = theta.clone()
    let left = activationMemory - theta.layout.storageCount * MemoryLayout<Float>.stride
    for (i, point) in copied.enumerated() {
      if i > 0 { moved.copy(from: theta) }
      if let direction = points.direction(of: point) { moved.add(direction, scale: points[point].offset) }
      decode([point], .theta, moved, memory: left)
    }
    return generated
  }

  /// The points along dense directions to which a copy of theta is moved. There are some where most of the parameters
  /// are trained, theta is stored in fp32, and a copy fits into the memory.
  private func pointsOnCopy(_ points: Points, _ theta: borrowing ParameterStore) -> [Int] {
    let stored = theta.stored()
    let bytes = theta.layout.storageCount * MemoryLayout<Float>.stride
    guard bytes <= activationMemory / 4 * 3, theta.layout.trainableCount >= theta.layout.parameterCount / 4,
      theta.layout.blocks.allSatisfy({ stored.floats(of: $0) != nil && stored.kept(of: $0) == nil })
    else { return [] }
    return points.indices.filter { i in points.direction(of: i).map { $0.factors == nil } ?? false }
  }

  /// The parts in which `prompts` are continued at `points` within `memory` bytes.
  ///
  /// A quarter of the memory is left for the pass over the prompts.
  private func parts(_ points: Points, _ prompts: [[Int]], _ count: Int, memory: Int) -> DecodingParts {
    let d = description
    let floats = 2 * d.layers.count * d.keyHeads * d.headWidth
    let bytes = prompts.map { prompt in
      let tokens = frontTokens + min(prompt.count + count, context)
      return (tokens * floats + activationsPerRow + vocabulary) * MemoryLayout<Float>.stride
    }
    // Where the rotary frequencies of a sequence change with its length, the sequence is computed anew at the change.
    // It is then decoded alone.
    let areAlone = prompts.contains { prompt in
      decoder.frequencyKey(longest: frontTokens + min(prompt.count + count, context)) != 0
    }
    return DecodingParts(points, bytes: bytes, limit: memory / 4 * 3, areAlone: areAlone, tuning: folder.tuning?.plan)
  }
}

/// The random numbers that choose the tokens of a sequence, one after another.
struct SamplingNumbers: Sendable {
  private let numbers: [Double]

  /// `count` numbers, uniform on [0, 1), from `key`.
  init(_ key: StreamKey, count: Int) {
    var stream = RandomStream(key)
    numbers = (0..<max(0, count)).map { _ in stream.uniform() }
  }

  /// The number for token number `place` of an answer.
  subscript(place: Int) -> Double { numbers[place] }
}

/// Sequences that are continued together: one for each of some points and each of some prompts.
struct PointDecoding {
  private let model: CausalModel
  private let prompts: [[Int]]
  private let count: Int
  private let points: Points
  private let choice: TokenChoice
  private let numbers: [SamplingNumbers]
  /// The generated tokens of each sequence, point after point; nil where the logits are not finite.
  private var generated: [[Int]?]
  /// For each point, the sequences that have not ended, as indices into `generated`.
  private var going: [[Int]]
  private var cache: KeyValueCache
  private var key = 0

  init(
    _ model: CausalModel, _ prompts: [[Int]], count: Int, _ points: Points, _ choice: TokenChoice,
    _ numbers: [SamplingNumbers]
  ) {
    self.model = model
    self.prompts = prompts
    self.count = count
    self.points = points
    self.choice = choice
    self.numbers = numbers
    generated = [[Int]?](repeating: [], count: points.count * prompts.count)
    let open = prompts.indices.filter { count > 0 && prompts[$0].count < model.context }
    going = points.indices.map { v in open.map { v * prompts.count + $0 } }
    cache = Self.cache(model, prompts, count, points)
  }

  /// The tokens generated at point number `v` of these points.
  func generated(variant v: Int) -> [[Int]?] { Array(generated[(v * prompts.count)..<((v + 1) * prompts.count)]) }

  private static func cache(_ model: CausalModel, _ prompts: [[Int]], _ count: Int, _ points: Points) -> KeyValueCache {
    let capacities = points.indices.flatMap { _ in prompts.map { min($0.count + count, model.context) } }
    return KeyValueCache(capacities: capacities, front: model.frontTokens, hasSpare: true)
  }

  /// Generates until all sequences have ended.
  mutating func run(_ theta: borrowing ParameterStore, _ stop: ([Int]) -> Bool) {
    guard going.contains(where: { !$0.isEmpty }) else { return }
    begin(theta)
    leave(stop)
    while going.contains(where: { !$0.isEmpty }) {
      if frequencyKey != key { begin(theta) } else { goOn(theta) }
      leave(stop)
    }
  }

  /// Computes the prompts, which all points share, and chooses the first tokens. Where a single sequence is computed
  /// anew, chooses its next token.
  private mutating func begin(_ theta: borrowing ParameterStore) {
    if frequencyKey != key { cache = Self.cache(model, prompts, count, points) }
    key = frequencyKey
    let open = going[0]
    let limit = max(1, model.activationRows / 4 / points.count)
    var first = 0
    while first < open.count {
      var texts: [[Int]] = []
      var rows = 0
      for id in open[first...] {
        // Only a sequence that is decoded alone has tokens beyond its prompt here.
        let text = prompts[id] + (generated[id] ?? [])
        guard texts.isEmpty || rows + text.count <= limit else { break }
        texts.append(text)
        rows += text.count
      }
      let ids = points.indices.flatMap { v in open[first..<(first + texts.count)].map { v * prompts.count + $0 } }
      let batch = TokenBatch(texts, beginning: ids, of: cache)
      pass(batch, rows: batch.segments.map { $0.start + $0.count - 1 }, points, ids, theta)
      first += texts.count
    }
  }

  /// Computes the last token of each sequence that has not ended, and chooses the next one. Each point has as many rows
  /// as the point with the most sequences; surplus rows belong to no sequence.
  private mutating func goOn(_ theta: borrowing ParameterStore) {
    let alive = going.indices.filter { !going[$0].isEmpty }
    let rows = alive.reduce(0) { max($0, going[$1].count) }
    var ids: [Int?] = []
    for v in alive { ids += going[v].map { $0 } + [Int?](repeating: nil, count: rows - going[v].count) }
    let batch = TokenBatch(
      next: ids.map { $0.flatMap { generated[$0]?.last } ?? 0 }, at: ids.map { $0 ?? cache.spare ?? 0 }, of: cache)
    pass(batch, rows: Array(0..<rows), points.part(alive), ids, theta)
  }

  /// Makes a pass over `batch` at `points`, and chooses the next tokens. The rows that are read out belong to the
  /// sequences `ids`, point after point.
  private mutating func pass(
    _ batch: TokenBatch, rows: [Int], _ points: Points, _ ids: [Int?], _ theta: borrowing ParameterStore
  ) {
    let decoder = model.decoder
    let weights = Weights(
      theta, at: points, points.indices, tuning: model.folder.tuning?.plan, workspace: model.workspace)
    let head = weights.layout.blocks[decoder.head]
    let chosen = model.workspace.scope {
      let output = decoder.output(batch, rows: rows, weights)
      let logits = model.workspace.matrix(output.rows, model.vocabulary)
      weights.linear(weights.pack(output), head, into: .rows(logits))
      if let cap = decoder.logitCap { weights.softCap(logits, at: cap) }
      return choose(logits, ids)
    }
    cache.advance(by: batch, variants: points.count)
    for (id, token) in zip(ids, chosen) {
      guard let id else { continue }
      if token >= 0 { generated[id]?.append(token) } else { generated[id] = nil }
    }
  }

  /// The chosen token of each row of `logits`, whose rows belong to the sequences `ids`; -1 where the logits are not
  /// finite.
  private func choose(_ logits: Matrix, _ ids: [Int?]) -> [Int] {
    let points = ids.map { id in
      guard let id, !numbers.isEmpty else { return 0.0 }
      return numbers[id % prompts.count][generated[id]?.count ?? 0]
    }
    return [Int](unsafeUninitializedCapacity: ids.count) { buffer, count in
      if let target = buffer.baseAddress {
        let state = (logits: logits, choice: choice, points: points, target: Target(pointer: target))
        Parallel.forEach(ids.count, with: state) { s, i, _ in
          let row = UnsafeBufferPointer(start: s.logits.row(i), count: s.logits.columns)
          s.target.pointer[i] = s.choice.token(row, s.points[i]) ?? -1
        }
      }
      count = ids.count
    }
  }

  private struct Target: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<Int>
  }

  /// Removes the sequences that have ended.
  private mutating func leave(_ stop: ([Int]) -> Bool) {
    going = going.map { ids in
      ids.filter { id in
        guard let new = generated[id] else { return false }
        return new.count < count && prompts[id % prompts.count].count + new.count < model.context && !stop(new)
      }
    }
  }

  /// A number that differs between lengths for which the rotary frequencies differ; 0 unless there is only one
  /// sequence.
  private var frequencyKey: Int {
    let longest = going.joined().reduce(0) { max($0, prompts[$1 % prompts.count].count + (generated[$1]?.count ?? 0)) }
    return model.decoder.frequencyKey(longest: model.frontTokens + longest)
  }
}
