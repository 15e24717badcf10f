import Zeroth
import ZerothSupport

extension Registry {
  mutating func registerBuiltIns() throws(InputError) {
    try registerEstimators()
    try registerRules()
    try registerAdapters()
    try registerPresets()
  }

  private mutating func registerPresets() throws(InputError) {
    let tuned = "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-presets.toml"
    try register(
      optimizer: OptimizerPreset(
        "mezo", aliases: ["zo-sgd"], summary: "RGE with SGD", source: "Malladi et al. 2023", tuning: tuned,
        Composition(estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 5e-5]))))
    try register(
      optimizer: OptimizerPreset(
        "mezo-m", summary: "RGE with EMA momentum", source: "Malladi et al. 2023; LOZO",
        tuning: "learning rate of mezo",
        Composition(estimator: .init("rge"), rule: .init("momentum", ["learning-rate": 5e-5]))))
    try register(
      optimizer: OptimizerPreset(
        "lozo", summary: "LGE with SGD", source: "LOZO", tuning: tuned,
        Composition(estimator: .init("lge"), rule: .init("sgd", ["learning-rate": 5e-5]))))
    try register(
      optimizer: OptimizerPreset(
        "lozo-m", summary: "LGE with momentum in the left factor", source: "LOZO", tuning: tuned,
        Composition(estimator: .init("lge"), rule: .init("lozo-m", ["learning-rate": 5e-5]))))
    try register(
      optimizer: OptimizerPreset(
        "dizo", summary: "RGE with SGD and the projection of DiZO", source: "DiZO (arXiv 2502.03304)", tuning: tuned,
        Composition(
          estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 5e-5]),
          adapter: .init("dizo", ["interval": 50]))))
    try register(
      optimizer: OptimizerPreset(
        "cge", summary: "CGE with SGD: 2d forward passes a step, for small problems",
        source: "Kiefer and Wolfowitz 1952",
        tuning: "learning rate to be given", Composition(estimator: .init("cge"), rule: .init("sgd"))))
  }
}
