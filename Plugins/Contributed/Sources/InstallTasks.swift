import Zeroth
import ZerothTasks

/// Adds the tasks of this module. Throws `InputError` when a name is taken.
public func install(into tasks: inout TaskRegistry) throws(InputError) {
}
