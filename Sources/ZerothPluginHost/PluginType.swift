import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// An estimator of a library: its functions, and what `explain` says of it.
final class PluginType: @unchecked Sendable {
  /// The library's own struct, which `create` is given.
  let original: UnsafePointer<zeroth_plugin_estimator>
  /// Our copy of it, which stays as it was checked.
  let functions: UnsafePointer<zeroth_plugin_estimator>
  let description: StrategyDescription
  let checksAlways: Bool
  private let path: String

  var isLowRank: Bool { functions.pointee.capabilities & UInt64(ZEROTH_PLUGIN_LOW_RANK) != 0 }
  var hasFactors: Bool { functions.pointee.write_left != nil && functions.pointee.write_right != nil }

  /// Reads and checks the struct at `original`.
  init(
    _ library: PluginIdentity, _ original: UnsafePointer<zeroth_plugin_estimator>, checksAlways: Bool
  ) throws(InputError) {
    var memory = PluginMemory(subject: library.path)
    let type = try memory.structure("estimator", at: original, of: zeroth_plugin_estimator.self)
    let name = try memory.name("estimator name", type.name)
    memory = PluginMemory(subject: "\(library.path): estimator '\(name)'")
    guard type.create != nil, type.evaluations != nil, type.estimate != nil, type.add != nil else {
      throw memory.error("functions", found: "NULL", expected: "create, evaluations, estimate and add")
    }
    guard (type.write_left == nil) == (type.write_right == nil) else {
      throw memory.error("functions", found: "one of write_left and write_right", expected: "both or neither")
    }
    guard (type.retain == nil) == (type.release == nil) else {
      throw memory.error("functions", found: "one of retain and release", expected: "both or neither")
    }
    guard type.capabilities & ~UInt64(ZEROTH_PLUGIN_LOW_RANK) == 0 else {
      throw memory.error("capabilities", found: "\(type.capabilities)", expected: "0 or ZEROTH_PLUGIN_LOW_RANK")
    }
    guard type.capabilities == 0 || type.write_left != nil else {
      throw memory.error("functions", found: "no write_left", expected: "it, of an estimator of low rank")
    }
    var description = StrategyDescription(
      name, summary: try memory.text("summary", type.summary), formula: try memory.text("formula", type.formula),
      source: try memory.text("source", type.source), options: try Self.options(type, memory),
      forwards: try memory.text("evaluations_text", type.evaluations_text),
      state: try memory.optionalText("state_text", type.state_text) ?? "none")
    description.plugin = library
    self.description = description
    self.original = original
    self.checksAlways = checksAlways
    path = library.path
    // A type lives as long as the process, as the library does.
    let copy = UnsafeMutablePointer<zeroth_plugin_estimator>.allocate(capacity: 1)
    copy.initialize(to: type)
    functions = UnsafePointer(copy)
  }

  /// `function` of this estimator, for errors.
  func subject(_ function: String) -> String { "\(path): \(function) of estimator '\(description.name)'" }

  private static func options(
    _ type: zeroth_plugin_estimator, _ memory: PluginMemory
  ) throws(InputError) -> [OptionSpec] {
    guard (0...256).contains(type.option_count) else {
      throw memory.error("option_count", found: "\(type.option_count)", expected: "0 to 256")
    }
    var specs: [OptionSpec] = []
    for i in 0..<Int(type.option_count) {
      let address = try memory.value(
        "options[\(i)]", at: type.options.map { $0 + i }, of: UnsafeRawPointer?.self)
      let option = try memory.structure("options[\(i)]", at: address, of: zeroth_plugin_option.self)
      specs.append(try OptionSpec(option, memory))
    }
    return specs
  }
}

extension OptionSpec {
  /// The option that a library declares.
  fileprivate init(_ option: zeroth_plugin_option, _ outer: PluginMemory) throws(InputError) {
    let name = try outer.name("option name", option.name)
    let memory = PluginMemory(subject: "\(outer.subject): option '\(name)'")
    let kind = try Kind(option, memory)
    let range = try NumericRange(option, memory)
    let documentation = try memory.text("documentation", option.documentation)
    let unit = try memory.optionalText("unit", option.unit) ?? ""
    func spec(_ value: Default) -> OptionSpec {
      OptionSpec(name, kind, default: value, range: range, unit: unit, documentation)
    }
    if let text = try memory.optionalText("default_value", option.default_value) {
      guard let value = spec(.required).parsed(text) else {
        throw memory.error("default_value", found: "'\(text)'", expected: spec(.required).expected)
      }
      self = spec(.value(value))
    } else if option.may_be_absent != 0 {
      self = spec(.absent(try memory.text("absent_means", option.absent_means)))
    } else {
      self = spec(.required)
    }
  }
}

extension OptionSpec.Kind {
  fileprivate init(_ option: zeroth_plugin_option, _ memory: PluginMemory) throws(InputError) {
    switch Int(option.kind) {
    case ZEROTH_PLUGIN_INTEGER: self = .int
    case ZEROTH_PLUGIN_NUMBER: self = .double
    case ZEROTH_PLUGIN_FLAG: self = .bool
    case ZEROTH_PLUGIN_TEXT: self = .string
    case ZEROTH_PLUGIN_CHOICE:
      self = .choice(try memory.text("words", option.words).split(separator: ",").map(String.init))
    case ZEROTH_PLUGIN_BLOCKS: self = .blocks
    case ZEROTH_PLUGIN_INTEGER_OR_WORD: self = .intOr(try memory.text("words", option.words))
    case ZEROTH_PLUGIN_NUMBER_OR_WORD: self = .doubleOr(try memory.text("words", option.words))
    default:
      throw memory.error("kind", found: "\(option.kind)", expected: "one of ZEROTH_PLUGIN_INTEGER to NUMBER_OR_WORD")
    }
  }
}

extension NumericRange {
  fileprivate init(_ option: zeroth_plugin_option, _ memory: PluginMemory) throws(InputError) {
    let phrase = try memory.optionalText("range", option.range) ?? ""
    if let accepts = option.accepts {
      guard !phrase.isEmpty else { throw memory.error("range", found: "nothing", expected: "what `accepts` accepts") }
      let context = UInt(bitPattern: option.context)
      self.init(phrase) { value in
        var result: Int32 = 0
        let signal = zeroth_guarded_accepts(accepts, UnsafeRawPointer(bitPattern: context), value, &result)
        return signal == 0 && result != 0
      }
      return
    }
    let (low, high) = (option.minimum, option.maximum)
    guard low <= high else {
      throw memory.error("range", found: "\(low) to \(high)", expected: "a minimum up to the maximum")
    }
    if low == 0, high == 0 {
      self = .any
      return
    }
    let usual =
      switch (low.isFinite, high.isFinite) {
      case (true, true): "\(Self.text(low)) to \(Self.text(high))"
      case (true, false): "at least \(Self.text(low))"
      case (false, true): "at most \(Self.text(high))"
      case (false, false): ""
      }
    self.init(phrase.isEmpty ? usual : phrase) { (low...high).contains($0) }
  }

  private static func text(_ number: Double) -> String { Int(exactly: number).map { "\($0)" } ?? "\(number)" }
}
