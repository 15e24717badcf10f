import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

extension OptionSpec {
  /// The option that a library declares.
  init(_ option: zeroth_plugin_option, _ outer: PluginMemory) throws(InputError) {
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
    case ZEROTH_PLUGIN_SCHEDULE: self = .schedule
    case ZEROTH_PLUGIN_COUNT_SCHEDULE: self = .countSchedule
    default:
      throw memory.error("kind", found: "\(option.kind)", expected: "one of ZEROTH_PLUGIN_INTEGER to COUNT_SCHEDULE")
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
