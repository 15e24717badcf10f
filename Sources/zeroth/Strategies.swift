import Zeroth
import ZerothRuns

/// What the tool knows by name: the strategies of the core and the plugins that ship with it.
enum Strategies {
  /// The registry that every command reads. Throws `InputError` when a plugin takes a name that is taken.
  static func registry() throws -> Registry {
    Registry.standard
  }
}
