import Contributed
import Testing
import ZerothStrategies
import ZerothTasks

/// What is contributed goes into a registry beside the strategies and tasks of the core.
@Suite struct InstallTests {
  @Test func everythingHasANameOfItsOwn() throws {
    var registry = Registry.standard
    try install(into: &registry)
    var tasks = TaskRegistry.standard
    try install(into: &tasks)
  }
}
