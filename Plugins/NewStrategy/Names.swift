/// The names of a strategy in files, in code and on command lines.
struct Names {
  let kind: Kind
  /// The name of the type, such as `SphereEstimator`.
  let type: String
  /// The name in files and on command lines: the words of the type in kebab-case, such as `sphere-estimator`.
  let kebab: String
  /// The traits that were asked for.
  let traits: Set<Trait>

  /// The name of a constant of the type, such as `sphereEstimator`.
  var constant: String {
    let words = kebab.split(separator: "-")
    return words.prefix(1).joined() + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }

  /// The name in the registry. That of a task has letters and digits only.
  var registered: String { kind == .task ? kebab.filter { $0 != "-" } : kebab }

  /// Names that cannot be used, because the written files use them for something else.
  private static let taken: Set<String> = [
    "Any", "Self", "Type", "Protocol", "Int", "Float", "Double", "String", "Direction", "DenseDirection", "Objective",
    "Optimizer", "Registry", "GradientEstimator", "StepRule", "LayerAdapter", "TextTask", "WeightedSum", "Schedule",
    "WeightDecay", "BlockSelection", "BlockScales", "LowRankProbe", "CoreDirection", "CoreVector", "CoefficientShaping",
    // With "Factory" added, these are names of protocols.
    "Rule", "LowRankRule", "CoreRule",
  ]

  /// Throws `ScaffoldError` when `type` is not a possible name of a type.
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
    // A word begins at a capital after a small letter or a digit, and at the last of several capitals: SPSA and
    // Estimator in SPSAEstimator.
    kebab =
      type.replacing(/([a-z0-9])([A-Z])/) { "\($0.1)-\($0.2)" }
      .replacing(/([A-Z])([A-Z][a-z])/) { "\($0.1)-\($0.2)" }.lowercased()
  }
}
