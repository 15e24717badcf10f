import ZerothStrategies

extension RunSettings {
  /// The texts that `list` and `explain` print about the methods of tuning.
  public static let tuningDescriptions: [StrategyDescription] = [
    StrategyDescription(
      "full", summary: "The model's own blocks are trained, those that model.train selects", formula: "y = x W^T + b",
      source: "-", options: []),
    StrategyDescription(
      "lora", summary: "A and B are trained beside matrices that stay as they are",
      formula: "y = x W^T + s (x A^T) B^T,  s = alpha / r or, with rslora, alpha / sqrt(r);  B = 0 at first",
      source: "LoRA (Hu et al. 2021), rsLoRA (Kalajdzievski 2023); files as PEFT writes them",
      options: options(of: .lora), forwards: "none of its own: a thin product beside each layer",
      state: "r (m + n) for each m x n matrix; no copy of the model is written"),
    StrategyDescription(
      "bitfit", summary: "Biases and norms alone are trained, and saved with the whole model", formula: "y = x W^T + b",
      source: "BitFit (Ben Zaken et al. 2022)", options: []),
    StrategyDescription(
      "prefix", summary: "Keys and values of P virtual tokens in front of every sequence are trained, in each layer",
      formula:
        "softmax(q [K_P; K]^T) [V_P; V];  real tokens have positions from P on;  K_P, V_P start as those of P real tokens",
      source: "Li and Liang 2021, with the start of Malladi et al. 2023; files as PEFT writes them",
      options: options(of: .prefix), forwards: "none of its own",
      state: "2 P n for each layer with keys of width n; no copy of the model is written"),
  ]

  private enum OptionOwner { case lora, prefix }

  private static func options(of owner: OptionOwner) -> [OptionSpec] {
    tuning.filter { spec in
      switch spec.name {
      case "peft": true
      case "method": false
      case "tokens": owner == .prefix
      default: owner == .lora
      }
    }
  }
}
