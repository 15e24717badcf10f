import Testing
import Zeroth

/// The example in README.md, run.
@Suite struct ReadmeTests {
  @Test func theExampleConverges() throws {
    let layout = try ParameterLayout([
      .init("q", rows: 8, columns: 8, role: "query", layer: 0), .init("b", rows: 8, role: "bias", layer: 0),
    ])
    let objective = FunctionObjective { theta in
      var loss = 0.0
      for block in theta.layout.blocks {
        for x in theta.values(of: block) { loss += 0.5 * Double((x - 1) * (x - 1)) }
      }
      return loss
    }
    var theta = ParameterStore(layout)
    #expect(objective.loss(at: theta, on: Batch(step: 0)) == 36)
    var optimizer = Optimizer(
      estimator: LowRankEstimator(rank: 2, interval: 50, epsilon: 1e-3),
      rule: LowRankMomentum(learningRate: 2e-2, beta: 0.9),
      adapter: DivergenceProjection(.paper, blocks: .roles("query", "value"), every: 100),
      seed: 42)
    for _ in 0..<4000 { try optimizer.step(&theta, objective) }
    #expect(objective.loss(at: theta, on: Batch(step: 0)) < 0.1)
  }
}
