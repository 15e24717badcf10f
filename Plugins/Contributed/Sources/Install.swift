import Zeroth
import ZerothStrategies

/// Adds the strategies of this module. Throws `InputError` when a name is taken.
public func install(into registry: inout Registry) throws(InputError) {
}
