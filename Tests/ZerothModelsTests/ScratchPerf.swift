import Testing
import Zeroth
import ZerothModels
import Foundation

func timeIt(_ n: Int, _ f: () throws -> Void) rethrows -> Double {
  try f(); var best = Double.infinity
  var all: [Double] = []
  for _ in 0..<n { let t = ContinuousClock.now; try f(); let d = ContinuousClock.now - t; let s = Double(d.components.attoseconds) * 1e-18 + Double(d.components.seconds); best = min(best, s); all.append(s) }
  return all.sorted()[n/2]
}
@Suite(.serialized) struct ScratchPerf {
  @Test(arguments: [
    ("imdb", "{\"model_type\": \"opt\", \"vocab_size\": 4096, \"hidden_size\": 256, \"ffn_dim\": 1024, \"num_hidden_layers\": 4, \"num_attention_heads\": 8, \"max_position_embeddings\": 256, \"word_embed_proj_dim\": 256}", 16, 32, false),
    ("125m", "{\"model_type\": \"opt\"}", 16, 64, true),
    ("125m", "{\"model_type\": \"opt\"}", 1, 32, true),
  ]) func perf(_ name: String, _ c: String, _ b: Int, _ t: Int, _ lm: Bool) throws {
    Parallel.threads = 2
    let model = try CausalModel(configuration: ConfigurationFile(parsing: c, name: name))
    var theta = model.randomParameters(StreamKey(seed: 1))
    var batch = TokenBatch()
    var rows: [Int] = [], targets: [Int] = [], last: [Int] = []
    for i in 0..<b { let s = (0..<t).map { ($0 * 7919 + i * 104729) % model.vocabulary }; let r = batch.append(s).rows; rows += r.dropLast(); targets += s.dropFirst(); last.append(r.upperBound - 1) }
    let readout: Readout = lm ? .logProbabilities(rows: rows, targets: targets) : .logits(rows: last, ids: [5, 9])
    let key = StreamKey(seed: 3)
    let dense = DenseDirection(key, layout: model.layout)
    let low = LowRankProbe(rank: 2, leftKey: key.child(.left), rightKey: key.child(.right))
    let n = 3
    let f = try timeIt(n) { _ = try model.evaluate(batch, readout, at: theta) }
    let d = try timeIt(n) { _ = try model.evaluate(batch, readout, at: theta, along: dense, offsets: [1e-3, -1e-3]) }
    let l = try timeIt(n) { _ = try model.evaluate(batch, readout, at: theta, along: low, offsets: [1e-3, -1e-3]) }
    let ud = timeIt(n) { theta.add(dense, scale: 1e-9) }
    let ul = timeIt(n) { theta.add(low, scale: 1e-9) }
    let params = Double(model.layout.parameterCount)
    let flops = 2 * (lm ? params : params - 4096*256) * Double(b * t)
    print("PERF", name, b, t, "forward", f, "GF/s", flops / f / 1e9, "dense2/2f", d / f / 2, "low2/2f", l / f / 2, "upd dense ns/param", ud / params * 1e9, "upd low", ul / params * 1e9, "mezo", (d + ud) / f / 2, "lozo", (l + ul) / f / 2)
  }
}
