import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// The options of a strategy, in the form that a plugin reads. They live as long as the strategy that was made with
/// them, and may be read on any thread.
final class PluginOptions: @unchecked Sendable {
  /// The struct through which a plugin reads the options.
  let table: UnsafePointer<zeroth_plugin_options>
  private let values: OptionValues
  /// The options that have a value and are in effect, given the values of the others.
  private let effective: [String: OptionValue]
  /// The options whose value may be a schedule, with the range of their values.
  private let schedules: [String: (schedule: Schedule, spec: OptionSpec)]
  /// The texts that were asked for, and the first question about an option that is not declared.
  private let answers = Mutex<(texts: [String: UInt], error: InputError?)>(([:], nil))

  init(_ values: OptionValues, _ specs: [OptionSpec]) {
    self.values = values
    effective = Dictionary(uniqueKeysWithValues: values.effective.map { ($0.name, $0.value) })
    schedules = specs.reduce(into: [:]) { schedules, spec in
      guard spec.kind == .schedule || spec.kind == .countSchedule, values[spec.name] != nil,
        let schedule = try? values.schedule(spec.name)
      else { return }
      schedules[spec.name] = (schedule, spec)
    }
    let table = UnsafeMutablePointer<zeroth_plugin_options>.allocate(capacity: 1)
    table.initialize(to: zeroth_plugin_options())
    self.table = UnsafePointer(table)
    table.pointee = Self.functions
    table.pointee.host = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    for address in answers.withLock({ $0.texts.values }) { UnsafePointer<CChar>(bitPattern: address)?.deallocate() }
    table.deallocate()
  }

  /// The first question about an option that is not declared; nil if there was none.
  var error: InputError? { answers.withLock { $0.error } }

  /// Throws if a schedule leaves its range at some step, or if the schedule of a count is not an integer.
  func validate() throws(InputError) {
    for (name, option) in schedules.sorted(by: { $0.key < $1.key }) {
      try option.schedule.validate(name, option.spec.range, isCount: option.spec.kind == .countSchedule)
    }
  }

  /// The text of an option at an address that stays valid.
  private func text(_ name: String, _ value: String) -> UnsafePointer<CChar>? {
    let address = answers.withLock { answers in
      if let known = answers.texts[name] { return known }
      let made = UInt(bitPattern: persistent(value))
      answers.texts[name] = made
      return made
    }
    return UnsafePointer(bitPattern: address)
  }

  private static var functions: zeroth_plugin_options {
    zeroth_plugin_options(
      size: UInt64(MemoryLayout<zeroth_plugin_options>.size),
      kind: { table, name in
        PluginOptions.answer(table, name, 0) { options, name in
          switch options.effective[name] {
          case .int?: Int32(ZEROTH_PLUGIN_INTEGER)
          case .double?: Int32(ZEROTH_PLUGIN_NUMBER)
          case .bool?: Int32(ZEROTH_PLUGIN_FLAG)
          case .string?: Int32(ZEROTH_PLUGIN_TEXT)
          case nil: 0
          }
        }
      },
      integer: { table, name in
        PluginOptions.answer(table, name, 0) { options, name throws(InputError) in Int64(try options.values.int(name)) }
      },
      number: { table, name in
        PluginOptions.answer(table, name, .nan) { options, name throws(InputError) in try options.values.double(name) }
      },
      flag: { table, name in
        PluginOptions.answer(table, name, 0) { options, name throws(InputError) in
          try options.values.bool(name) ? 1 : 0
        }
      },
      text: { table, name in
        PluginOptions.answer(table, name, nil) { options, name throws(InputError) in
          options.text(name, try options.values.string(name))
        }
      },
      schedule_value: { table, name, step in
        PluginOptions.answer(table, name, .nan) { options, name throws(InputError) in
          guard let (schedule, spec) = options.schedules[name], let step = Int(exactly: step), step >= 0 else {
            throw InputError(
              "\(options.values.subject): option '\(name)' at step \(step)",
              found: options.schedules[name] == nil ? "no schedule" : "a step below 0",
              expected: "a schedule, declared among its options, at a step from 0 on")
          }
          return spec.kind == .countSchedule ? Double(schedule.count(at: step)) : schedule(at: step)
        }
      },
      host: nil)
  }

  private static func answer<R>(
    _ table: UnsafePointer<zeroth_plugin_options>?, _ name: UnsafePointer<CChar>?, _ none: R,
    _ read: (PluginOptions, String) throws(InputError) -> R
  ) -> R {
    let guarded = zeroth_guard_suspend()
    defer { zeroth_guard_resume(guarded) }
    guard let host = table?.pointee.host else { return none }
    let options = Unmanaged<PluginOptions>.fromOpaque(host).takeUnretainedValue()
    do throws(InputError) {
      let memory = PluginMemory(subject: options.values.subject)
      return try read(options, try memory.text("option asked for", name, limit: 64))
    } catch {
      options.answers.withLock { if $0.error == nil { $0.error = error } }
      return none
    }
  }
}
