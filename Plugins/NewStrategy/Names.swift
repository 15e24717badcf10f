/// What a strategy is called in its places.
struct Names {
  let kind: Kind
  /// The type, such as `SphereEstimator`.
  let type: String
  /// The words of the type in kebab-case, such as `sphere-estimator`: the name in files and on command lines.
  let kebab: String
  /// What is asked of it.
  let traits: Set<Trait>

  /// The type as a constant, such as `sphereEstimator`.
  var constant: String {
    let words = kebab.split(separator: "-")
    return words.prefix(1).joined() + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// What it is registered as: names of tasks are letters and digits alone.
  var registered: String { kind == .task ? kebab.filter { $0 != "-" } : kebab }

  /// Names that the files written use for something else.
  private static let taken: Set<String> = [
    "Any", "Self", "Type", "Protocol", "Int", "Float", "Double", "String", "Direction", "DenseDirection", "Objective",
    "Optimizer", "Registry", "GradientEstimator", "StepRule", "LayerAdapter", "TextTask", "WeightedSum", "Schedule",
    "WeightDecay", "BlockSelection", "BlockScales", "LowRankProbe", "CoreDirection", "CoreVector", "CoefficientShaping",
    // With "Factory" behind them.
    "Rule", "LowRankRule", "CoreRule",
  ]

  /// Throws when `type` is no name of a type.
  init(_ type: String, _ kind: Kind, _ traits: Set<Trait>) throws {
    guard type.wholeMatch(of: /[A-Z][A-Za-z0-9]+/) != nil else {
      throw ScaffoldError("name", found: "'\(type)'", expected: "UpperCamelCase, such as SphereEstimator")
    }
    guard !Self.taken.contains(type) else {
      throw ScaffoldError("name", found: "'\(type)', which is another type's", expected: "a new name")
    }
    self.kind = kind
    self.traits = traits
    self.type = type
    // A word begins at a capital after a small letter or a digit, and at the last capital of several: SPSAEstimator.
    kebab =
      type.replacing(/([a-z0-9])([A-Z])/) { "\($0.1)-\($0.2)" }
      .replacing(/([A-Z])([A-Z][a-z])/) { "\($0.1)-\($0.2)" }.lowercased()
  }
}
