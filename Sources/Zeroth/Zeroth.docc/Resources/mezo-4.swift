import Zeroth

let layout = try ParameterLayout([
  .init("weight", rows: 8, columns: 8, role: "query", layer: 0), .init("bias", rows: 8, role: "bias", layer: 0),
])
let objective = FunctionObjective { theta in
  theta.layout.blocks.reduce(0.0) { $0 + theta.values(of: $1).reduce(0) { $0 + Double(($1 - 1) * ($1 - 1)) } }
}
var theta = ParameterStore(layout)
var optimizer = Optimizer(estimator: RandomizedEstimator(epsilon: 1e-3), rule: SGD(learningRate: 5e-3), seed: 42)
for step in 0..<2000 {
  let report = try optimizer.step(&theta, objective)
  if step % 500 == 0 { print(report.meanLoss) }
}
