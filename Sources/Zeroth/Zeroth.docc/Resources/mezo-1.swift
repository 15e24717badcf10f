import Zeroth

let layout = try ParameterLayout([
  .init("weight", rows: 8, columns: 8, role: "query", layer: 0), .init("bias", rows: 8, role: "bias", layer: 0),
])
