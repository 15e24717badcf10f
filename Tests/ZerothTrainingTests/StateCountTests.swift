import Testing
import Zeroth
import ZerothStrategies
import ZerothTestKit
import ZerothTraining

/// What each method keeps beyond the parameters, to the float, as `zeroth bench memory` and the record of a run show it.
@Suite struct StateCountTests {
  /// A matrix of 8 x 6, one of 5 x 7, vectors of 8 and of 4.
  private static let layout = ParameterLayout.made([
    .init("a", rows: 8, columns: 6, role: "query"), .init("a.bias", rows: 8, role: "bias"),
    .init("b", rows: 5, columns: 7, role: "value"), .init("norm", rows: 4, role: "norm"),
  ])
  private static let d = 8 * 6 + 8 + 5 * 7 + 4
  private static let vectors = 8 + 4
  private static let r = 3

  /// By the formulas of the guides, with r = 3.
  private static let expected: [(estimator: String, rule: String, floats: Int)] = [
    ("rge", "sgd", 0), ("rge", "momentum", d), ("rge", "adam", 2 * d), ("rge", "r-adazo", 2 * d),
    ("rge", "normalized", 0), ("conmezo", "sgd", d), ("hizoo", "sgd", d),
    ("lge", "sgd", 0), ("lge", "lozo-m", r * (8 + 5) + vectors), ("lge", "core-momentum", r * (8 + 5) + vectors),
    ("lge", "core-adam", 2 * (r * (8 + 5) + vectors)), ("lge", "muon", 0),
    ("subzero", "sgd", r * (8 + 6 + 5 + 7)), ("subzero", "core-momentum", r * (8 + 6 + 5 + 7) + 2 * r * r + vectors),
    ("subzero", "core-adam", r * (8 + 6 + 5 + 7) + 2 * (2 * r * r + vectors)),
    ("tezo", "sgd", 0), ("tezo", "core-momentum", 2 * r + vectors), ("tezo", "core-adam", 2 * (2 * r + vectors)),
    ("column-subspace", "muon", r * (8 + 5)), ("column-subspace", "core-momentum", r * (8 + 5 + 6 + 7) + vectors),
    ("population", "sgd", 0),
  ]

  @Test(arguments: expected) func stateIsExact(_ estimator: String, _ rule: String, _ floats: Int) throws {
    let registry = try Registry.withPlugins()
    var composition = Composition(
      estimator: .init(estimator), rule: .init(rule, ["learning-rate": 1e-4]))
    let options = try registry.effective(composition, runSteps: 4).estimator.options
    if options["rank"] != nil { composition.estimator.options["rank"] = .int(Self.r) }
    if rule == "normalized" { composition.estimator.options["queries"] = 2 }
    var optimizer = try registry.makeOptimizer(composition, runSteps: 4)
    let quadratic = Quadratic(Self.layout)
    var theta = quadratic.start()
    for _ in 0..<3 { try optimizer.step(&theta, quadratic) }
    #expect(optimizer.stateCount == floats)
  }
}
