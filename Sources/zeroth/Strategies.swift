import HiZOO
import SignRule
import SparseMeZO
import ZOAdaM
import ZOSVRG
import Zeroth
import ZerothRuns

/// What the tool knows by name: the strategies of the core and the plugins that ship with it.
enum Strategies {
  /// The registry that every command reads. Throws `InputError` when a plugin takes a name that is taken.
  static func registry() throws -> Registry {
    var registry = Registry.standard
    try HiZOO.install(into: &registry)
    try SparseMeZO.install(into: &registry)
    try ZOSVRG.install(into: &registry)
    try ZOAdaM.install(into: &registry)
    try SignRule.install(into: &registry)
    return registry
  }
}
