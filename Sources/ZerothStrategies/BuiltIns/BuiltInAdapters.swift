import Zeroth
import ZerothSupport

extension OptionSpec {
  /// The option for the blocks that an adapter works on.
  public static func adapterBlocks(default value: Default) -> OptionSpec {
    OptionSpec("blocks", .blocks, default: value, "the blocks that have a ratio of their own")
  }

  /// The option for kappa of an adapter, with DiZO's default.
  public static let adapterInterval = adapterInterval(
    default: DivergenceProjection(.paper, blocks: .all).interval, range: DivergenceProjection.intervalRange)

  /// The option for kappa of an adapter whose initialiser has the default `value`.
  public static func adapterInterval(default value: Int, range: NumericRange) -> OptionSpec {
    OptionSpec(
      "interval", .int, default: .value(.int(value)), range: range, unit: "steps",
      "kappa, after how many steps ratios move")
  }

  /// The options of a `RatioSearch` with these defaults. Where the defaults follow from other options, `text` describes
  /// them. Options that only a search from losses has are given the condition `when`.
  public static func ratioSearch(
    _ defaults: @escaping @Sendable (OptionValues) -> RatioSearch, text: String? = nil, when: Condition? = nil
  ) -> [OptionSpec] {
    func from(_ read: @escaping @Sendable (RatioSearch) -> OptionValue) -> Default {
      let value = text.map { Default.derived($0) { options in read(defaults(options)) } }
      return value ?? .derived("\(read(defaults(OptionValues.none)))") { options in read(defaults(options)) }
    }
    return [
      OptionSpec(
        "moves", .int, default: from { .int($0.moves) }, range: RatioSearch.movesRange,
        "J, moves in a search, two forward passes each"),
      OptionSpec(
        "learning-rate", .double, default: from { .double($0.learningRate) }, range: RatioSearch.learningRateRange,
        "eta' of the ratios"),
      OptionSpec(
        "epsilon", formerNames: ["smoothing"], .double, default: from { .double($0.epsilon) },
        range: RatioSearch.epsilonRange, when: when, "eps' of the ratios"),
      OptionSpec(
        "clip", .doubleOr("none"), default: from { $0.clip.map { .double($0) } ?? "none" },
        range: RatioSearch.clipRange,
        "tau: ratios stay in [1 - tau, 1 + tau]"),
      OptionSpec(
        "units", .choice(RatioSearch.Units.allCases.map(\.rawValue)), default: from { .string($0.units.rawValue) },
        when: when,
        "whether eps' and eta' are in units of gamma = rho ||Delta|| (norm) or of rho (ratio)"),
      OptionSpec(
        "scale-moves-by-norm", .bool, default: from { .bool($0.scalesMoveByNorm) }, when: when,
        "multiplies a move of gamma by ||Delta||, as DiZO's released code does"),
      OptionSpec(
        "bounds-probe", .bool, default: from { .bool($0.boundsProbe) }, when: when,
        "bounds the probe by the clip range, as DiZO's released code does; needs clip"),
      OptionSpec(
        "fresh-batches", .bool, default: from { .bool($0.freshBatches) }, when: when,
        "draws a mini-batch for each move instead of keeping the step's"),
    ]
  }
}

extension OptionSpec.Condition {
  /// Holds where the ratios are found from losses.
  fileprivate static let zerothOrderSearch = Self("search = zeroth-order") { $0["search"] != "first-order" }
}

extension DivergenceProjection.Preset {
  /// The blocks of attention that the preset projects in a transformer, in the spelling of `BlockSelection(parsing:)`.
  public var blocks: String { self == .paper ? "query,value" : "key,value" }
}

extension OptionValues {
  /// The search that the options of `OptionSpec.ratioSearch` describe.
  public func ratioSearch() throws(InputError) -> RatioSearch {
    return RatioSearch(
      moves: try int("moves"), learningRate: try double("learning-rate"), epsilon: try double("epsilon"),
      clip: try clip(), units: try choice("units"), scalesMoveByNorm: try bool("scale-moves-by-norm"),
      boundsProbe: try bool("bounds-probe"), freshBatches: try bool("fresh-batches"))
  }

  /// The option tau; nil for `none`.
  fileprivate func clip() throws(InputError) -> Double? { self["clip"] == "none" ? nil : try double("clip") }

  /// The blocks that replace the roles `blocks` where the trained parameters are not the model's own: A and B of these
  /// roles for LoRA, the keys and values of prefixes, the biases.
  fileprivate func tuned(blocks: String) -> String {
    switch run["tuning"] {
    case "lora": blocks.split(separator: ",").flatMap { ["\($0)-a", "\($0)-b"] }.joined(separator: ",")
    case "prefix": "prefix-key,prefix-value"
    case "bitfit": "bias"
    default: blocks
    }
  }

  fileprivate var projectionPreset: DivergenceProjection.Preset {
    (try? choice("preset")) ?? .paper
  }

  /// The search of the preset. The presets' eta' is that of a search by losses; Adam on gradients has its own.
  fileprivate var projectionSearch: RatioSearch {
    var search = projectionPreset.search
    if self["search"] == "first-order" { search.learningRate = FirstOrderProjection(blocks: .all).learningRate }
    return search
  }
}

extension Registry {
  mutating func registerAdapters() throws(InputError) {
    try register(
      adapter: StrategyDescription(
        "none", summary: "Updates are applied as the rule made them", formula: "theta += update", source: "-")
    ) { _ in NoAdapter() }
    let projection = DivergenceProjection(.paper, blocks: .all)
    try register(
      adapter: StrategyDescription(
        "dizo", aliases: ["divergence-projection"], summary: "Projects blocks to a learned distance from theta_0",
        formula: "theta_l = theta_0,l + rho_l (theta_l - theta_0,l) every kappa steps, rho_l found by losses alone",
        source: "DiZO (arXiv 2502.03304) Eqs. 5-7",
        options: [
          OptionSpec(
            "preset", .choice(DivergenceProjection.Preset.allCases.map(\.rawValue)),
            default: .value(.string(DivergenceProjection.Preset.paper.rawValue)),
            "the paper's equations or the released code's choices; the options below override it"),
          OptionSpec(
            "search", .choice(["zeroth-order", "first-order"]), default: .value("zeroth-order"),
            "how ratios are found: from losses, or by Adam on the gradient (Sec. 3.2 of the paper), of which moves, "
              + "learning-rate and clip are the options"),
          .adapterBlocks(
            default: .derived("the preset's") { .string($0.tuned(blocks: $0.projectionPreset.blocks)) }),
          .adapterInterval(default: projection.interval, range: DivergenceProjection.intervalRange),
        ] + OptionSpec.ratioSearch({ $0.projectionSearch }, text: "the preset's", when: .zerothOrderSearch) + [
          OptionSpec(
            "reinitialize", .bool, default: .value(.bool(projection.reinitializes)),
            "starts each search at the distance itself, not at the last one found")
        ],
        forwards: "2J every kappa steps", state: "1 per parameter of the selected blocks")
    ) { options -> any LayerAdapter in
      let (blocks, interval) = (try options.blocks("blocks"), try options.int("interval"))
      let reinitializes = try options.bool("reinitialize")
      if options["search"] == "first-order" {
        return FirstOrderProjection(
          blocks: blocks, every: interval, moves: try options.int("moves"),
          learningRate: try options.double("learning-rate"), clip: try options.clip(), reinitializes: reinitializes)
      }
      return DivergenceProjection(
        blocks: blocks, every: interval, search: try options.ratioSearch(), reinitializes: reinitializes)
    }
    let blocks = OptionSpec.adapterBlocks(
      default: .derived("query,value") { .string($0.tuned(blocks: "query,value")) })
    let scaling = LearningRateScaling(blocks: .all)
    let previous = PreviousIterateProjection(blocks: .all)
    try register(
      adapter: StrategyDescription(
        "learning-rate-scaling", aliases: ["lr-scaling"], summary: "Learns a multiplier of eta for each block",
        formula: "theta_l += s_l U_l for the update U, s moved by losses alone before every kappa-th step",
        source: "the search of DiZO, on the step length",
        options: [blocks, .adapterInterval(default: scaling.interval, range: LearningRateScaling.intervalRange)]
          + OptionSpec.ratioSearch { _ in scaling.search } + [
            OptionSpec(
              "reinitialize", .bool, default: .value(.bool(scaling.reinitializes)),
              "starts each search at 1, not at the multipliers before")
          ],
        forwards: "2J every kappa steps", state: "1 per selected block")
    ) { options in
      LearningRateScaling(
        blocks: try options.blocks("blocks"), every: try options.int("interval"), search: try options.ratioSearch(),
        reinitializes: try options.bool("reinitialize"))
    }
    try register(
      adapter: StrategyDescription(
        "previous-iterate", aliases: ["previous-iterate-projection"],
        summary: "Projects blocks to a learned distance from the iterate before the step",
        formula: "theta_l = theta_l,t-1 + rho_l (theta_l,t - theta_l,t-1) every kappa steps",
        source: "DiZO with another base",
        options: [blocks, .adapterInterval(default: previous.interval, range: PreviousIterateProjection.intervalRange)]
          + OptionSpec.ratioSearch { _ in previous.search },
        forwards: "2J every kappa steps")
    ) { options in
      PreviousIterateProjection(
        blocks: try options.blocks("blocks"), every: try options.int("interval"), search: try options.ratioSearch())
    }
  }
}
