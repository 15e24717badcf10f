import Foundation

/// Folders of runs whose numbers are formulas: MeZO and DiZO, two learning rates, two seeds, ten steps.
///
/// The loss of step s, counted from 1, is 1 / s + 0.1 seed for both points of MeZO; DiZO's is half of it. The dev accuracy after s
/// steps is 0.5 + 0.02 s + 0.01 seed, 0.05 less at the other learning rate. Layer l of DiZO has moved by (l + 1) seed.
enum MadeRuns {
  static let rates = ["1e-4", "1e-3"]

  static func write(in folder: String) throws {
    for optimizer in ["mezo", "dizo"] {
      for rate in rates {
        for seed in [1, 2] { try write("\(folder)/\(optimizer)-\(rate)-\(seed)", optimizer, rate, seed) }
      }
    }
  }

  private static func write(_ folder: String, _ optimizer: String, _ rate: String, _ seed: Int) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let penalty = rate == rates[0] ? 0 : 0.05
    func dev(_ step: Int) -> Double { 0.5 + 0.02 * Double(step) + 0.01 * Double(seed) - penalty }
    let layers = [0, 1, 2]
    let blocks = layers.flatMap { layer in
      ["query", "norm"].map { "{\"name\": \"\(layer).\($0)\", \"role\": \"\($0)\", \"layer\": \(layer)}" }
    }
    let record = """
      {"name": "<script>alert(1)</script>", "end": "all 10 steps done",
       "results": {"zero_shot_accuracy": 0.5, "best_accuracy": \(dev(9)), "best_dev_accuracy": \(dev(10)),
         "metric": "accuracy", "best_step": 10, "steps": 10, "forwards": 20, "seconds": 2, "tokens_per_forward": 100,
         "skipped_steps": \(optimizer == "dizo" && seed == 2 ? 1 : 0), "non_finite_moves": 0},
       "configuration": {"model": {"path": "a & b <c>"}, "task": {"name": "sst2", "seed": \(seed)},
         "run": {"optimizer": "\(optimizer)", "steps": 10, "seed": \(seed)},
         "rule": {"learning-rate": \(rate)}},
       "changed": ["run.optimizer", "run.seed", "rule.learning-rate"],
       "blocks": [{"name": "embedding", "role": "embedding", "layer": null}, \(blocks.joined(separator: ", "))]}
      """
    try Data(record.utf8).write(to: URL(fileURLWithPath: folder + "/run.json"))
    var rows = [evaluation(0, dev(0))]
    for step in 1...10 {
      let loss = (1 / Double(step) + 0.1 * Double(seed)) * (optimizer == "dizo" ? 0.5 : 1)
      rows.append(
        "{\"kind\":\"step\",\"step\":\(step - 1),\"losses\":[\(loss + 0.01),\(loss - 0.01)],\"projected_gradient\":1,"
          + "\"learning_rate\":\(rate),\"forwards\":\(2 * step),\"seconds\":\(0.2 * Double(step)),\"skipped\":false}")
      guard step % 5 == 0 else { continue }
      if optimizer == "dizo" {
        let moved = layers.flatMap { layer in
          [("query", ",\"ratio\":\(1 + 0.1 * Double(layer))"), ("norm", "")].map { name, ratio in
            // Both blocks of a layer together: 3, 4 and 5 are a right triangle.
            let part = name == "query" ? 0.6 : 0.8
            return "\"\(layer).\(name)\":{\"norm\":1,\"distance\":\(part * Double((layer + 1) * seed))\(ratio)}"
          }
        }
        rows.append("{\"kind\":\"layers\",\"step\":\(step),\"blocks\":{\(moved.joined(separator: ","))}}")
      }
      rows.append(evaluation(step, dev(step)))
    }
    try Data((rows.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: folder + "/metrics.jsonl"))
  }

  private static func evaluation(_ step: Int, _ dev: Double) -> String {
    "{\"kind\":\"evaluation\",\"step\":\(step),\"split\":\"dev\",\"metric\":\"accuracy\",\"accuracy\":\(dev)}"
  }
}
