import Zeroth
import ZerothSupport

extension Registry {
  /// The source of the learning rates of the presets that use derivatives.
  private static let firstOrder =
    "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-first-order.toml"

  mutating func registerBuiltIns() throws(InputError) {
    try registerEstimators()
    try registerRules()
    try registerAdapters()
    try registerPresets()
    try registerTunedPresets()
  }

  /// Adds the presets for LoRA and prefixes. Their ranks, alphas, epsilons and numbers of virtual tokens are those of
  /// Malladi et al. 2023 (Table 16 and Appendix E.5), which LOZO and DiZO use too.
  private mutating func registerTunedPresets() throws(InputError) {
    let tuned = "learning rate for imdb-opt (4.3 M) on SST-2, batch 16, by Benchmarks/sweeps/tune-lora.toml"
    let lora: [String: OptionValue] = ["method": "lora", "rank": 8, "alpha": 16.0, "blocks": "query,value"]
    try register(
      optimizer: OptimizerPreset(
        "mezo-lora", summary: "RGE with SGD on LoRA", source: "Malladi et al. 2023", tuning: tuned,
        Composition(
          estimator: .init("rge", ["epsilon": 1e-2]), rule: .init("sgd", ["learning-rate": 2e-3])), of: lora))
    try register(
      optimizer: OptimizerPreset(
        "lozo-lora", summary: "LGE with SGD on LoRA", source: "LOZO", tuning: tuned,
        Composition(
          estimator: .init("lge", ["epsilon": 1e-2]), rule: .init("sgd", ["learning-rate": 2e-3])), of: lora))
    try register(
      optimizer: OptimizerPreset(
        "dizo-lora", summary: "RGE with SGD and the projection of DiZO on LoRA", source: "DiZO (arXiv 2502.03304)",
        tuning: tuned,
        Composition(
          estimator: .init("rge", ["epsilon": 1e-2]), rule: .init("sgd", ["learning-rate": 2e-3]),
          adapter: .init("dizo", ["interval": 50])), of: lora))
    try register(
      optimizer: OptimizerPreset(
        "mezo-prefix", summary: "RGE with SGD on prefixes", source: "Malladi et al. 2023", tuning: tuned,
        Composition(
          estimator: .init("rge", ["epsilon": 1e-1]), rule: .init("sgd", ["learning-rate": 3e-1])),
        of: ["method": "prefix", "tokens": 5]))
    try register(
      optimizer: OptimizerPreset(
        "lora-adam", summary: "The exact gradient with Adam on LoRA", source: "Hu et al. 2022", tuning: Self.firstOrder,
        Composition(estimator: .init("gradient"), rule: .init("adam", ["learning-rate": 1e-3])), of: lora))
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
        "dizo-first-order", summary: "RGE with SGD and the projection of DiZO, its ratios by gradients",
        source: "DiZO (arXiv 2502.03304)", tuning: "learning rate and interval of dizo",
        Composition(
          estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 5e-5]),
          adapter: .init("dizo", ["search": "first-order", "interval": 50]))))
    try register(
      optimizer: OptimizerPreset(
        "ft-sgd", summary: "The exact gradient with SGD: first-order fine-tuning", source: "back-propagation",
        tuning: Self.firstOrder,
        Composition(estimator: .init("gradient"), rule: .init("sgd", ["learning-rate": 3e-3]))))
    try register(
      optimizer: OptimizerPreset(
        "ft-adam", summary: "The exact gradient with Adam: first-order fine-tuning", source: "Kingma and Ba 2015",
        tuning: Self.firstOrder,
        Composition(estimator: .init("gradient"), rule: .init("adam", ["learning-rate": 2e-4]))))
    try register(
      optimizer: OptimizerPreset(
        "forward-gradient", summary: "The forward gradient with SGD", source: "Baydin et al. 2022",
        tuning: Self.firstOrder,
        Composition(estimator: .init("forward-gradient"), rule: .init("sgd", ["learning-rate": 5e-5]))))
    try register(
      optimizer: OptimizerPreset(
        "cge", summary: "CGE with SGD: 2d forward passes a step, for small problems",
        source: "Kiefer and Wolfowitz 1952",
        tuning: "learning rate to be given", Composition(estimator: .init("cge"), rule: .init("sgd"))))
  }
}
