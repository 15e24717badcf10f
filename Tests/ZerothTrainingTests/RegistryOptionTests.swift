import TestSupport
import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothStrategies
@testable import ZerothTraining

/// What options of strategies mean beside each other, beside what is tuned, and for a state that was saved.
@Suite struct RegistryOptionTests {
  let registry = Registry.standard

  /// A state goes on only with the options on which its meaning depends.
  @Test func statesOfOtherOptionsAreRefused() throws {
    let registry = try Registry.withPlugins()
    let scratch = try Scratch()
    let cases: [(estimator: String, option: String, saved: OptionValue, other: OptionValue)] = [
      ("cge", "coordinates", 3, 4), ("hizoo", "curvature-rate", 1e-3, 1e-2), ("zo-svrg", "anchor-batches", 2, 3),
      ("lge", "rank", 1, 2), ("sparse-mezo", "density", 0.5, 0.25),
    ]
    for (name, option, saved, other) in cases {
      func optimizer(_ value: OptionValue) throws -> any OptimizerProtocol {
        try registry.makeOptimizer(
          Composition(estimator: .init(name, [option: value]), rule: .init("sgd", ["learning-rate": 0.01])), runSteps: 4
        )
      }
      var theta = try smallTheta()
      var first = try optimizer(saved)
      try first.step(&theta, BatchQuadratic())
      let path = scratch.path + "/\(name)"
      try first.save(theta, to: path) { _ in }
      var second = try optimizer(other)
      let error = inputError { try second.restore(&theta, from: path) { _ in } }
      #expect(error?.description.contains(option) == true, "\(name): \(error?.description ?? "none")")
      try first.restore(&theta, from: path) { _ in }
    }
  }

  /// eta' of the presets is for ratios from losses: 2 as Adam's rate would jump to the clip at the first move.
  @Test func ratiosByGradientsHaveTheirOwnRate() throws {
    for (preset, search, rate) in [
      ("paper", "zeroth-order", 0.1), ("released", "zeroth-order", 2), ("paper", "first-order", 0.1),
      ("released", "first-order", 0.1),
    ] {
      let composition = Composition(
        estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.1]),
        adapter: .init("dizo", ["preset": .string(preset), "search": .string(search)]))
      let effective = try registry.effective(composition, runSteps: 4)
      #expect(effective.adapter.options["learning-rate"] == .double(rate), "\(preset), \(search)")
    }
  }

  /// B of rank 1 has one column, as biases have, and decays all the same.
  @Test func decayOfLoRAGoesByRole() throws {
    let layout = ParameterLayout.made([
      .init("a", rows: 1, columns: 5, role: "query-a"), .init("b", rows: 5, role: "query-b"),
      .init("n", rows: 5, role: "norm"),
    ])
    func decays(_ tuning: String?) throws -> [Bool] {
      let parts = try registry.resolve(
        Composition(estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.1, "weight-decay": 0.5])),
        runSteps: 1, tuning: tuning)
      let rule = try parts.rule.factory.make(for: DenseDirection.self, parts.ruleOptions)
      return layout.blocks.map { rule.weightDecay.rate(on: $0) > 0 }
    }
    #expect(try decays("lora") == [true, true, false])
    #expect(try decays(nil) == [true, false, false])
  }
}
