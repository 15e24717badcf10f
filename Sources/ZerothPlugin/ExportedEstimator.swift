import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// What `create` needs of an exported estimator.
final class ExportedType {
  private let description: StrategyDescription
  private let make: (OptionValues) throws -> ExportedEstimatorBase

  init(_ description: StrategyDescription, _ make: @escaping (OptionValues) throws -> ExportedEstimatorBase) {
    self.description = description
    self.make = make
  }

  /// The estimator with the options that the host gives.
  func make(_ options: UnsafePointer<zeroth_plugin_options>) throws -> ExportedEstimatorBase {
    var given: [String: OptionValue] = [:]
    for spec in description.options {
      let name = persistent(spec.name)
      defer { name.deallocate() }
      let table = options.pointee
      switch Int(table.kind(options, name)) {
      case ZEROTH_PLUGIN_INTEGER: given[spec.name] = .int(Int(table.integer(options, name)))
      case ZEROTH_PLUGIN_NUMBER: given[spec.name] = .double(table.number(options, name))
      case ZEROTH_PLUGIN_FLAG: given[spec.name] = .bool(table.flag(options, name) != 0)
      case ZEROTH_PLUGIN_TEXT: given[spec.name] = table.text(options, name).map { .string(String(cString: $0)) }
      default: break
      }
    }
    return try make(OptionValues("estimator '\(description.name)'", specs: description.options, given: given))
  }
}

/// An estimator behind the interface; what is generic is below.
class ExportedEstimatorBase {
  fileprivate var known: (serial: UInt64, layout: ParameterLayout)?

  /// The layout that the host describes.
  func layout(_ described: UnsafePointer<zeroth_plugin_layout>) throws(InputError) -> ParameterLayout {
    if let known, known.serial == described.pointee.serial { return known.layout }
    let layout = try ParameterLayout(described.pointee)
    known = (described.pointee.serial, layout)
    return layout
  }

  func copy() -> ExportedEstimatorBase { self }
  func validate(_ layout: ParameterLayout) throws(InputError) {}
  func forwards(at step: Int, in layout: ParameterLayout) -> Int { 0 }
  var traits: Int64 { 0 }
  var stateCount: Int { 0 }
  func estimate(
    _ context: StepContext, _ host: UnsafePointer<zeroth_plugin_objective>,
    _ result: UnsafeMutablePointer<zeroth_plugin_result>
  ) throws {}
}

final class ExportedEstimator<E: RegisteredEstimator>: ExportedEstimatorBase {
  private var estimator: E

  init(_ estimator: E) { self.estimator = estimator }

  override func copy() -> ExportedEstimatorBase { ExportedEstimator(estimator) }

  override func validate(_ layout: ParameterLayout) throws(InputError) { try estimator.validate(layout) }

  override func forwards(at step: Int, in layout: ParameterLayout) -> Int {
    estimator.forwards(at: step, in: layout)
  }

  override var traits: Int64 {
    (E.traits.contains(.drawsBatches) ? Int64(ZEROTH_PLUGIN_DRAWS_BATCHES) : 0)
      + (E.traits.contains(.recallsDirections) ? Int64(ZEROTH_PLUGIN_RECALLS_DIRECTIONS) : 0)
  }

  override var stateCount: Int { estimator.stateCount }

  override func estimate(
    _ context: StepContext, _ host: UnsafePointer<zeroth_plugin_objective>,
    _ result: UnsafeMutablePointer<zeroth_plugin_result>
  ) throws {
    let theta = hostParameters(context.layout, host)
    let objective = HostObjective(host, theta: theta.identity(), context)
    let estimate = try estimator.estimate(at: theta, context: context, objective: objective)
    try objective.finish()
    for term in estimate.terms {
      var direction = zeroth_plugin_direction(term.direction, in: context.layout)
      defer { direction.releasePayload() }
      guard result.pointee.add_term(result, term.coefficient, &direction) == 0 else { throw HostStop.stopped }
    }
    result.pointee.projected_gradient = estimate.projectedGradient
  }
}

extension zeroth_plugin_estimator {
  /// The functions on estimators: each finds the object behind `state` and calls its method.
  mutating func setEstimatorFunctions() {
    create = { type, services, options, state, failure in
      guard let context = type?.pointee.context, let options, let state else { return 1 }
      return attempt(failure) {
        let make = Unmanaged<ExportedType>.fromOpaque(context).takeUnretainedValue().make
        let threads = services.map { Int($0.pointee.threads()) } ?? Parallel.threads
        let made = try Parallel.withThreads(threads) { try make(options) }
        state.pointee = Unmanaged.passRetained(made).toOpaque()
      }
    }
    destroy = { state in
      if let state { Unmanaged<ExportedEstimatorBase>.fromOpaque(state).release() }
    }
    copy = { state, copy, failure in
      attempt(failure) { copy?.pointee = Unmanaged.passRetained(try estimator(state).copy()).toOpaque() }
    }
    validate = { state, layout, failure in
      attempt(failure) {
        guard let layout else { return }
        let estimator = try estimator(state)
        try estimator.validate(try estimator.layout(layout))
      }
    }
    evaluations = { state, layout, step in
      guard let layout, let estimator = try? estimator(state), let known = try? estimator.layout(layout) else {
        return 0
      }
      return Int64(estimator.forwards(at: Int(step), in: known))
    }
    traits = { state in (try? estimator(state).traits) ?? 0 }
    state_count = { state in (try? estimator(state).stateCount).map { Int64($0) } ?? 0 }
    estimate = { state, services, step, objective, result, failure in
      attempt(failure) {
        guard let services, let step, let objective, let result else { return }
        let estimator = try estimator(state)
        let layout = try estimator.layout(step.pointee.layout)
        let key = try StreamKey(step.pointee.run_key, services)
        let context = StepContext(step: Int(step.pointee.step), runKey: key, layout: layout)
        try Parallel.withThreads(Int(services.pointee.threads())) {
          try estimator.estimate(context, objective, result)
        }
      }
    }
  }
}

/// Runs `body`; an error goes to the host.
private func attempt(_ failure: UnsafeMutablePointer<zeroth_plugin_failure>?, _ body: () throws -> Void) -> Int32 {
  do {
    try body()
    return 0
  } catch {
    failure?.report(error)
    return 1
  }
}

private func estimator(_ state: UnsafeRawPointer?) throws(InputError) -> ExportedEstimatorBase {
  guard let state else { throw InputError("state", found: "NULL", expected: "what `create` made") }
  return Unmanaged<ExportedEstimatorBase>.fromOpaque(state).takeUnretainedValue()
}

extension ParameterLayout {
  /// The layout that the host describes.
  fileprivate init(_ described: zeroth_plugin_layout) throws(InputError) {
    var entries: [Entry] = []
    var trainable: Set<Int> = []
    for i in 0..<Int(described.block_count) {
      guard let block = described.blocks[i]?.pointee else { continue }
      entries.append(
        Entry(
          String(cString: block.name), rows: Int(block.rows), columns: Int(block.columns),
          role: BlockRole(rawValue: String(cString: block.role)), layer: block.layer < 0 ? nil : Int(block.layer)))
      if block.is_trainable != 0 { trainable.insert(i) }
    }
    self = try ParameterLayout(entries).training { trainable.contains($0.index) }
  }
}

extension StreamKey {
  /// The host's key. Generators go by name: their places may differ from core to core.
  fileprivate init(
    _ key: zeroth_plugin_key, _ services: UnsafePointer<zeroth_plugin_services>
  ) throws(InputError) {
    let name = services.pointee.generator_name(key.generator).map { String(cString: $0) } ?? ""
    self.init(bits: key.bits, generator: try RandomGenerator(named: name))
  }
}
