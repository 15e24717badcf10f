import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// A preset whose periodic work can be switched on for every step or for none. Periodic work is work that some steps do
/// and others do not: DiZO's projection, a fresh right factor of LOZO. So it is timed by itself and counted at its
/// share.
struct BenchmarkMethod {
  let name: String
  /// The fraction of steps that do periodic work; 0 for a preset without any.
  let share: Double
  private let composition: Composition
  private let tuning: String?

  /// An adapter is taken to project every 100 steps. A right factor is renewed as often as the preset says. The
  /// estimator gets `options`. `tuning` says what is trained; nil for the model's own blocks.
  init(
    _ name: String, _ registry: Registry, tuning: TuningMethod? = nil, estimator options: [String: OptionValue] = [:]
  ) throws {
    self.name = name
    self.tuning = tuning?.name
    var composition = try registry.composition(named: name)
    composition.estimator.options.merge(options) { $1 }
    composition.rule.options["learning-rate"] = 1e-7
    self.composition = composition
    if composition.adapter.name != "none" {
      share = 0.01
    } else if case .int(let interval)? = try registry.effective(composition, runSteps: 1000).estimator.options[
      "interval"]
    {
      share = 1 / Double(interval)
    } else {
      share = 0
    }
  }

  /// The optimiser of the preset as it is.
  func optimizer(_ registry: Registry) throws -> any OptimizerProtocol { try make(composition, registry) }

  private func make(_ composition: Composition, _ registry: Registry) throws -> any OptimizerProtocol {
    try registry.resolve(composition, runSteps: 1000, tuning: tuning).makeOptimizer()
  }

  /// The optimiser of the preset, with its periodic work every `period` steps.
  func optimizer(period: Int, _ registry: Registry) throws -> any OptimizerProtocol {
    var composition = composition
    if composition.adapter.name != "none" { composition.adapter.options["interval"] = .int(period) }
    let estimator = try registry.effective(composition, runSteps: 1000).estimator
    if estimator.options["interval"] != nil { composition.estimator.options["interval"] = .int(period) }
    return try make(composition, registry)
  }
}

extension Registry {
  /// The composition of a preset, or of parts that are joined by `+` and have their defaults: `lge+lozo-m`,
  /// `rge+sgd+dizo`.
  public func composition(named name: String, origin: String = "optimizer") throws(InputError) -> Composition {
    let parts = name.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
    guard parts.count > 1 else { return try preset(name, origin: origin).composition }
    guard parts.count <= 3 else {
      throw InputError(origin, found: "'\(name)'", expected: "a preset, or ESTIMATOR+RULE or ESTIMATOR+RULE+ADAPTER")
    }
    let names = parts + (parts.count == 2 ? ["none"] : [])
    for (kind, name) in zip(Self.partKinds, names) { _ = try description(of: name, kind, origin: origin) }
    return Composition(estimator: .init(names[0]), rule: .init(names[1]), adapter: .init(names[2]))
  }
}
