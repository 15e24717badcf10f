import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// The options of an estimator as `create` reads them.
final class PluginOptions {
  private let values: OptionValues
  private var strings: [UnsafePointer<CChar>] = []
  /// The first question that the declared options do not answer.
  private(set) var error: InputError?

  init(_ values: OptionValues) { self.values = values }

  deinit { for string in strings { string.deallocate() } }

  /// Calls `body` with the struct that plugins ask.
  func withTable<R>(_ body: (UnsafePointer<zeroth_plugin_options>) -> R) -> R {
    let table = zeroth_plugin_options(
      size: UInt64(MemoryLayout<zeroth_plugin_options>.size),
      kind: { table, name in
        PluginOptions.answer(table, name, 0) { options, name in
          switch options.values[name] {
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
          let string = persistent(try options.values.string(name))
          options.strings.append(string)
          return string
        }
      },
      host: Unmanaged.passUnretained(self).toOpaque())
    return withExtendedLifetime(self) { withUnsafePointer(to: table, body) }
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
      return try read(options, try PluginMemory(subject: options.values.subject).name("option asked for", name))
    } catch {
      if options.error == nil { options.error = error }
      return none
    }
  }
}
