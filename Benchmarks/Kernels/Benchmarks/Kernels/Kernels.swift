import Benchmark
import CZeroth
import Foundation
import Zeroth
import ZerothSupport
import ZerothTasks

/// Zeroed floats, aligned for vectors, for the length of the process.
private func floats(_ count: Int, filled: Bool = true) -> UnsafeMutablePointer<Float> {
  guard let memory = zeroth_allocate(count * 4) else { fatalError("no memory for \(count) floats") }
  let values = memory.assumingMemoryBound(to: Float.self)
  if filled { zeroth_noise(0, zeroth_gaussian, 1, 0, count, 0.02, nil, values) }
  return values
}

/// Adds a benchmark, which runs on one thread.
private func kernel(_ name: String, _ body: @escaping () -> Void) {
  Benchmark(name) { benchmark in
    for _ in benchmark.scaledIterations { body() }
  }
}

let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock, .throughput, .mallocCountTotal], maxDuration: .seconds(1), maxIterations: 10_000)
  Parallel.threads = 1

  // Vectors of 2^18 floats: 1 MiB, what a thread has at a time.
  let n = 1 << 18
  let (x, y, z) = (floats(n), floats(n), floats(n))
  kernel("noise, gaussian, fill 256 Ki") { zeroth_noise(0, zeroth_gaussian, 7, 0, n, 1, nil, z) }
  kernel("noise, gaussian, add 256 Ki") { zeroth_noise(0, zeroth_gaussian, 7, 0, n, 1e-6, x, x) }
  kernel("noise, rademacher, add 256 Ki") { zeroth_noise(0, zeroth_rademacher, 7, 0, n, 1e-6, x, x) }
  kernel("axpy 256 Ki") { zeroth_axpy(n, 1e-6, y, x) }
  kernel("displace 256 Ki") { zeroth_displace(n, x, 1e-3, y, z) }

  // A layer of OPT-125M.
  let (h, f, r) = (768, 3072, 2)
  let w = floats(f * h)
  let (u, vt) = (floats(f * r), floats(h * r))
  kernel("low_rank_add 3072 x 768, rank 2") { zeroth_low_rank_add(f, h, r, 1e-6, u, vt, w, h) }
  let rows = 512
  let a = floats(rows * f)
  let out = floats(rows * f)
  kernel("layer_norm 512 x 768") { zeroth_layer_norm(rows, h, 1e-5, x, y, a, out) }
  kernel("relu 512 x 3072") { zeroth_activate(zeroth_relu, rows, f, out, f) }
  for tokens in [64, 512] {
    let scores = floats(128 * tokens)
    kernel("attention, a head of 64, \(tokens) tokens") {
      let shape = zeroth_attention_shape(
        causal: true, window: 0, rows: tokens, prefix: 0, head: 64, ldq: h, ldkv: h, rows_at_once: 128, scale: 0.125,
        cap: 0)
      let heads = zeroth_heads(q: a, k: a + 64, v: a + 128, prefix_k: nil, prefix_v: nil)
      zeroth_attention(shape, heads, scores)
    }
  }
  let (logits, states) = (floats(512 * 48), floats(512 * 32))
  kernel("log_sum_add 512 x 48") { zeroth_log_sum_add(512, 48, logits, 48, states) }
  let packed = floats(rows * f)
  kernel("pack 512 x 768") { zeroth_pack(rows, h, a, h, packed) }
  for (m, n, k) in [(1, h, h), (16, h, h), (64, h, h), (512, h, h), (512, f, h), (512, h, f)] {
    kernel("product \(m) x \(k) by \(n) x \(k) transposed") {
      zeroth_multiply_packed(
        m, n, zeroth_factors(packed: packed, columns: k, first: 0, k: k, w: w, ldw: k, beyond: 0),
        zeroth_factors(),
        zeroth_bias(rows: y, stride: 0, shared: 1, before: 0), zeroth_identity,
        zeroth_result(rows: out, stride: n, packed: nil, columns: 0, first: 0, is_added: false))
    }
    kernel("sgemm \(m) x \(k) by \(n) x \(k) transposed") { zeroth_sgemm(true, m, n, k, 1, a, k, w, k, 0, out, n) }
  }

  let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../..")
    .standardized
  let resources = package.appendingPathComponent("Sources/ZerothResources/Resources")
  guard let text = try? String(contentsOf: resources.appendingPathComponent("sst2/train.txt"), encoding: .utf8) else {
    return
  }
  let piece = String(text.prefix(1 << 20))
  func tokenizer(_ name: String, _ directory: String) {
    guard let tokenizer = try? loadTokenizer(directory: directory) else { fatalError("no tokenizer in \(directory)") }
    kernel("tokenizer \(name), \(piece.utf8.count) bytes") { blackHole(tokenizer.encode(piece)) }
  }
  tokenizer("byte-level, 4096 tokens", resources.path + "/imdb-opt")
  // The small tokenizers of the tests, one for each kind of checkpoint.
  let fixtures = package.appendingPathComponent("Tests/Fixtures/tokenizers/parts.json")
  guard let data = try? Data(contentsOf: fixtures), let kinds = try? JSON(parsing: data, subject: fixtures.path) else {
    fatalError("no \(fixtures.path)")
  }
  for name in ["llama3", "qwen2", "gpt4o", "smollm", "gemma", "llama2", "mistral", "unigram", "unigram-map", "bert"] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-kernels-\(name)-\(getpid())")
    defer { try? FileManager.default.removeItem(at: folder) }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let json = kinds[name]?["tokenizer"] ?? .null
      try Data(json.description.utf8).write(to: folder.appendingPathComponent("tokenizer.json"))
    } catch {
      fatalError("\(error)")
    }
    tokenizer(name, folder.path)
  }
}
