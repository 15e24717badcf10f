@_exported import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// What a library of estimators exports: the one line of a plugin in Swift.
///
///     @c(zeroth_plugin_query) public func query() -> UnsafePointer<zeroth_plugin> { export(OnePoint.self) }
///
/// The first estimator's name is the plugin's too. The library holds a core of its own, so it may be built against another
/// version of this package than the tool that loads it, as long as the interface has the same version.
public func export(_ estimators: any RegisteredEstimator.Type...) -> UnsafePointer<zeroth_plugin> {
  exported.withLock { $0 = estimators }
  let plugin = UnsafeMutablePointer<zeroth_plugin>.allocate(capacity: 1)
  plugin.initialize(
    to: zeroth_plugin(
      magic: magic, version: UInt32(ZEROTH_PLUGIN_VERSION), size: UInt32(MemoryLayout<zeroth_plugin>.size),
      name: estimators.first.map { persistent($0.description.name) },
      register_types: { registrar, failure in
        do {
          for estimator in exported.withLock({ $0 }) {
            let type = UnsafePointer(try makeTable(estimator))
            if let registrar, registrar.pointee.register_estimator(registrar, type) != 0 { return 1 }
          }
          return 0
        } catch {
          failure?.report(error)
          return 1
        }
      }))
  return UnsafePointer(plugin)
}

/// Swift does not import the macro, whose value is a cast.
private let magic: UInt64 = 0x4950_6874_6f72_655a

/// What this library exports; each library has its own.
private let exported = Mutex<[any RegisteredEstimator.Type]>([])

/// The estimator's functions, and its description in C. They live as long as the process.
private func makeTable<E: RegisteredEstimator>(
  _ estimator: E.Type
) throws(InputError) -> UnsafeMutablePointer<zeroth_plugin_estimator> {
  let description = E.description
  let options = UnsafeMutablePointer<UnsafePointer<zeroth_plugin_option>?>.allocate(
    capacity: description.options.count)
  for (i, spec) in description.options.enumerated() {
    let option = UnsafeMutablePointer<zeroth_plugin_option>.allocate(capacity: 1)
    option.initialize(to: try zeroth_plugin_option(spec, of: description.name))
    (options + i).initialize(to: UnsafePointer(option))
  }
  let type = ExportedType(description) { options in ExportedEstimator(try E(options: options)) }
  let table = UnsafeMutablePointer<zeroth_plugin_estimator>.allocate(capacity: 1)
  table.initialize(to: zeroth_plugin_estimator())
  table.pointee.size = UInt64(MemoryLayout<zeroth_plugin_estimator>.size)
  table.pointee.name = persistent(description.name)
  table.pointee.summary = persistent(description.summary)
  table.pointee.formula = persistent(description.formula)
  table.pointee.source = persistent(description.source)
  table.pointee.evaluations_text = persistent(description.forwards)
  table.pointee.state_text = persistent(description.state)
  table.pointee.options = UnsafePointer(options)
  table.pointee.option_count = Int64(description.options.count)
  let direction: any Direction.Type = E.Direction.self
  table.pointee.capabilities = direction is any LowRankDirection.Type ? UInt64(ZEROTH_PLUGIN_LOW_RANK) : 0
  table.pointee.context = Unmanaged.passRetained(type).toOpaque()
  table.pointee.setEstimatorFunctions()
  table.pointee.setDirectionFunctions()
  return table
}

extension zeroth_plugin_option {
  /// The option in C. Defaults and conditions that follow from other options stay behind: they are closures.
  fileprivate init(_ spec: OptionSpec, of estimator: String) throws(InputError) {
    self.init()
    size = UInt64(MemoryLayout<zeroth_plugin_option>.size)
    name = persistent(spec.name)
    documentation = persistent(spec.documentation)
    unit = persistent(spec.unit)
    func refused(_ found: String) -> InputError {
      InputError(
        "estimator '\(estimator)': option '\(spec.name)'", found: found,
        expected: "none, which cannot be loaded at run time")
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
    case .int, .countSchedule: kind = Int32(ZEROTH_PLUGIN_INTEGER)
    case .double, .schedule: kind = Int32(ZEROTH_PLUGIN_NUMBER)
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
  /// Writes `error` down for the host.
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
