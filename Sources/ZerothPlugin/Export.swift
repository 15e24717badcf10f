@_exported import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// Exports estimators and rules from a shared library. A plugin in Swift needs only this one line:
///
///     @c(zeroth_plugin_query) public func query() -> UnsafePointer<zeroth_plugin> { export(OnePoint.self) }
///     @c(zeroth_plugin_query) public func query() -> UnsafePointer<zeroth_plugin> { export(rules: SignMomentumFactory()) }
///
/// The plugin has the name of its first strategy. The library contains its own copy of the core. It may therefore be
/// built against another version of this package than the tool that loads it, as long as both have the same version of
/// the plugin interface.
///
/// An adapter in Swift cannot be exported; it is compiled into the tool. It changes a `ParameterStore` in place, but a
/// library has no store: it can only read rows of the host's parameters. An adapter in C can be exported, because it
/// changes theta through functions of the host.
public func export(
  _ estimators: any RegisteredEstimator.Type..., rules: any RuleFactory...
) -> UnsafePointer<zeroth_plugin> {
  exported.withLock { $0 = (estimators, rules) }
  let names = estimators.map { $0.description.name } + rules.map { $0.description.name }
  let plugin = UnsafeMutablePointer<zeroth_plugin>.allocate(capacity: 1)
  plugin.initialize(
    to: zeroth_plugin(
      magic: magic, version: UInt32(ZEROTH_PLUGIN_VERSION), size: UInt32(MemoryLayout<zeroth_plugin>.size),
      name: names.first.map { persistent($0) },
      register_types: { registrar, failure in
        guard let registrar else { return 1 }
        return attempt(failure) {
          let (estimators, rules) = exported.withLock { $0 }
          for estimator in estimators {
            guard registrar.pointee.register_estimator(registrar, try makeTable(estimator)) == 0 else {
              throw HostStop.stopped
            }
          }
          for rule in rules {
            guard registrar.pointee.register_rule(registrar, try makeTable(rule)) == 0 else { throw HostStop.stopped }
          }
        }
      }))
  return UnsafePointer(plugin)
}

/// The value of ZEROTH_PLUGIN_MAGIC. Swift does not import the macro, because its value is a cast.
private let magic: UInt64 = 0x4950_6874_6f72_655a

/// The strategies that this library exports. Each library has a variable of its own.
private let exported = Mutex<(estimators: [any RegisteredEstimator.Type], rules: [any RuleFactory])>(([], []))

/// The functions and the description of an estimator in C. They live as long as the process.
private func makeTable<E: RegisteredEstimator>(
  _ estimator: E.Type
) throws(InputError) -> UnsafePointer<zeroth_plugin_estimator> {
  let description = E.description
  let subject = "estimator '\(description.name)'"
  let type = ExportedType(subject, description.options) { options in ExportedEstimator(try E(options: options)) }
  let direction: any Direction.Type = E.Direction.self
  var table = zeroth_plugin_estimator()
  table.size = UInt64(MemoryLayout<zeroth_plugin_estimator>.size)
  table.strategy = persistent(try zeroth_plugin_strategy(description, description.options, subject, type))
  table.capabilities = direction is any LowRankDirection.Type ? UInt64(ZEROTH_PLUGIN_LOW_RANK) : 0
  table.setFunctions()
  return persistent(table)
}

/// The functions and the description of a rule in C. The options that every rule has are not declared: the host reads
/// them and passes them with the others.
private func makeTable(_ factory: any RuleFactory) throws(InputError) -> UnsafePointer<zeroth_plugin_rule> {
  let description = factory.description
  let subject = "rule '\(description.name)'"
  let shared = Set(OptionSpec.stepRule.map(\.name))
  let type = ExportedType(subject, description.options) { options in try ExportedRuleBase.make(factory, options) }
  var table = zeroth_plugin_rule()
  table.size = UInt64(MemoryLayout<zeroth_plugin_rule>.size)
  table.strategy = persistent(
    try zeroth_plugin_strategy(
      description, description.options.filter { !shared.contains($0.name) }, subject, type))
  table.capabilities = factory.takes(HostDirection.self) ? 0 : UInt64(ZEROTH_PLUGIN_LOW_RANK)
  table.setFunctions()
  return persistent(table)
}

/// A copy of `value` that lives as long as the process.
private func persistent<T: BitwiseCopyable>(_ value: T) -> UnsafePointer<T> {
  let copy = UnsafeMutablePointer<T>.allocate(capacity: 1)
  copy.initialize(to: value)
  return UnsafePointer(copy)
}

extension zeroth_plugin_strategy {
  /// The part that all kinds of strategies have, with the options `specs`.
  fileprivate init(
    _ description: StrategyDescription, _ specs: [OptionSpec], _ subject: String, _ type: ExportedType
  ) throws(InputError) {
    self.init()
    let options = UnsafeMutablePointer<UnsafePointer<zeroth_plugin_option>?>.allocate(capacity: specs.count)
    for (i, spec) in specs.enumerated() {
      (options + i).initialize(to: persistent(try zeroth_plugin_option(spec, of: subject)))
    }
    size = UInt64(MemoryLayout<zeroth_plugin_strategy>.size)
    name = persistent(description.name)
    summary = persistent(description.summary)
    formula = persistent(description.formula)
    source = persistent(description.source)
    forwards_text = persistent(description.forwards)
    state_text = persistent(description.state)
    self.options = UnsafePointer(options)
    option_count = Int64(specs.count)
    directions = persistent(zeroth_plugin_direction_functions.exported)
    context = Unmanaged.passRetained(type).toOpaque()
    setFunctions()
  }
}

extension zeroth_plugin_option {
  /// The option in C. A default or a condition that follows from other options is a closure, which C cannot hold.
  /// Throws an `InputError` for such an option.
  fileprivate init(_ spec: OptionSpec, of subject: String) throws(InputError) {
    self.init()
    size = UInt64(MemoryLayout<zeroth_plugin_option>.size)
    name = persistent(spec.name)
    documentation = persistent(spec.documentation)
    unit = persistent(spec.unit)
    func refused(_ found: String) -> InputError {
      InputError(
        "\(subject): option '\(spec.name)'", found: found,
        expected: "none, as it cannot be loaded at run time: leave the option out, or compile the strategy in")
    }
    guard spec.condition == nil else { throw refused("a condition") }
    switch spec.defaultValue {
    case .value(let value): default_value = persistent("\(value)")
    case .required: break
    case .absent(let words):
      may_be_absent = 1
      absent_means = persistent(words)
    case .derived: throw refused("a derived default")
    }
    switch spec.kind {
    case .int: kind = Int32(ZEROTH_PLUGIN_INTEGER)
    case .double: kind = Int32(ZEROTH_PLUGIN_NUMBER)
    case .schedule: kind = Int32(ZEROTH_PLUGIN_SCHEDULE)
    case .countSchedule: kind = Int32(ZEROTH_PLUGIN_COUNT_SCHEDULE)
    case .bool: kind = Int32(ZEROTH_PLUGIN_FLAG)
    case .string: kind = Int32(ZEROTH_PLUGIN_TEXT)
    case .blocks: kind = Int32(ZEROTH_PLUGIN_BLOCKS)
    case .choice(let choices):
      kind = Int32(ZEROTH_PLUGIN_CHOICE)
      words = persistent(choices.joined(separator: ","))
    case .intOr(let word):
      kind = Int32(ZEROTH_PLUGIN_INTEGER_OR_WORD)
      words = persistent(word)
    case .doubleOr(let word):
      kind = Int32(ZEROTH_PLUGIN_NUMBER_OR_WORD)
      words = persistent(word)
    }
    guard !spec.range.description.isEmpty else { return }
    range = persistent(spec.range.description)
    context = UnsafeRawPointer(Unmanaged.passRetained(ExportedRange(spec.range)).toOpaque())
    accepts = { context, value in
      guard let context else { return 0 }
      return Unmanaged<ExportedRange>.fromOpaque(context).takeUnretainedValue().range.contains(value) ? 1 : 0
    }
  }
}

private final class ExportedRange {
  let range: NumericRange
  init(_ range: NumericRange) { self.range = range }
}

extension UnsafeMutablePointer<zeroth_plugin_failure> {
  /// Writes the text of `error` into the struct that the host reads.
  func report(_ error: any Error) {
    func write<T>(_ text: String, to field: inout T) {
      withUnsafeMutableBytes(of: &field) { bytes in
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        bytes.copyBytes(from: text.utf8.prefix(bytes.count - 1))
      }
    }
    if let error = error as? InputError {
      write(error.subject, to: &pointee.subject)
      write(error.found, to: &pointee.message)
      write(error.expected, to: &pointee.expected)
    } else {
      write("\(error)", to: &pointee.message)
    }
  }
}
