import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// The type of an exported strategy: what `create` needs to make one.
final class ExportedType {
  private let subject: String
  private let specs: [OptionSpec]
  private let make: (OptionValues) throws -> ExportedStrategy

  init(_ subject: String, _ specs: [OptionSpec], _ make: @escaping (OptionValues) throws -> ExportedStrategy) {
    self.subject = subject
    self.specs = specs
    self.make = make
  }

  /// A new strategy with the options that the host gives.
  func make(_ options: UnsafePointer<zeroth_plugin_options>) throws -> ExportedStrategy {
    var given: [String: OptionValue] = [:]
    for spec in specs {
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
    return try make(OptionValues(subject, specs: specs, given: given))
  }
}

/// A strategy behind the C interface. The generic parts are in subclasses.
class ExportedStrategy {
  fileprivate var known: (serial: UInt64, layout: ParameterLayout)?

  /// The layout that the host describes. It is kept, because the host passes the same layout at every step.
  func layout(_ described: UnsafePointer<zeroth_plugin_layout>) throws(InputError) -> ParameterLayout {
    if let known, known.serial == described.pointee.serial { return known.layout }
    let layout = try ParameterLayout(described.pointee)
    known = (described.pointee.serial, layout)
    return layout
  }

  func copy() -> ExportedStrategy { self }
  func validate(_ layout: ParameterLayout) throws(InputError) {}
  var stateCount: Int { 0 }
  func codeState(_ state: StateCoder) throws(InputError) {}

  /// The strategy behind `state`. Throws an `InputError` if it is of another type.
  static func of<S: ExportedStrategy>(_ state: UnsafeRawPointer?, as _: S.Type = S.self) throws(InputError) -> S {
    guard let state, let strategy = Unmanaged<ExportedStrategy>.fromOpaque(state).takeUnretainedValue() as? S else {
      throw InputError("state", found: "another pointer", expected: "what `create` made")
    }
    return strategy
  }
}

extension zeroth_plugin_strategy {
  /// Sets the functions that all kinds have. Each finds the object behind `state` and calls its method.
  mutating func setFunctions() {
    create = { type, services, options, state, failure in
      guard let context = type?.pointee.context, let options, let state else { return 1 }
      return attempt(failure) {
        let type = Unmanaged<ExportedType>.fromOpaque(context).takeUnretainedValue()
        let threads = services.map { Int($0.pointee.threads()) } ?? Parallel.threads
        let made = try Parallel.withThreads(threads) { try type.make(options) }
        state.pointee = Unmanaged.passRetained(made).toOpaque()
      }
    }
    destroy = { state in
      if let state { Unmanaged<ExportedStrategy>.fromOpaque(state).release() }
    }
    copy = { state, copy, failure in
      attempt(failure) { copy?.pointee = Unmanaged.passRetained(try ExportedStrategy.of(state).copy()).toOpaque() }
    }
    validate = { state, layout, failure in
      attempt(failure) {
        guard let layout else { return }
        let strategy = try ExportedStrategy.of(state)
        try strategy.validate(try strategy.layout(layout))
      }
    }
    state_count = { state in (try? ExportedStrategy.of(state).stateCount).map { Int64($0) } ?? 0 }
    save_state = { state, services, layout, writer, failure in
      attempt(failure) {
        guard let services, let layout, let writer else { return }
        let strategy = try ExportedStrategy.of(state)
        let generator = try RandomGenerator(writer.pointee.generator, services)
        try strategy.codeState(
          StateCoder(writing: HostWriter(writer), layout: try strategy.layout(layout), generator: generator))
      }
    }
    restore_state = { state, services, layout, reader, failure in
      attempt(failure) {
        guard let services, let layout, let reader else { return }
        let strategy = try ExportedStrategy.of(state)
        let generator = try RandomGenerator(reader.pointee.generator, services)
        try strategy.codeState(
          StateCoder(reading: HostReader(reader), layout: try strategy.layout(layout), generator: generator))
      }
    }
  }
}

/// Runs `body` and returns 0, or reports its error to the host and returns 1.
func attempt(_ failure: UnsafeMutablePointer<zeroth_plugin_failure>?, _ body: () throws -> Void) -> Int32 {
  do {
    try body()
    return 0
  } catch {
    failure?.report(error)
    return 1
  }
}

extension StepContext {
  /// The step of the run that the host describes.
  init(
    _ step: zeroth_plugin_step, _ layout: ParameterLayout, _ services: UnsafePointer<zeroth_plugin_services>
  ) throws(InputError) {
    let generator = try RandomGenerator(step.run_key.generator, services)
    self.init(
      step: Int(step.step), runKey: StreamKey(bits: step.run_key.bits, generator: generator), layout: layout)
  }
}

extension RandomGenerator {
  /// The generator that the host means by `place`. It is found by its name, because its number may differ between the
  /// two copies of the core.
  fileprivate init(
    _ place: UInt64, _ services: UnsafePointer<zeroth_plugin_services>
  ) throws(InputError) {
    try self.init(named: services.pointee.generator_name(place).map { String(cString: $0) } ?? "")
  }
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
