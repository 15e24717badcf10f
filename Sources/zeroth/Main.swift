import ConMeZO
import Contributed
import CoreMoments
import EGGROLL
import FZOO
import GRZO
import HiZOO
import MedianRGE
import RAdaZO
import SignRule
import SparseMeZO
import SubZero
import TeZO
import ZOAdaM
import ZOMuon
import ZOSVRG
import ZerothCommands
import ZerothDistributed
import ZerothStrategies
import ZerothTasks

#if MPI
  import ZerothMPI
#endif

/// The command-line tool: all commands, with the strategies and tasks of this package.
@main
struct Main {
  static func main() {
    #if MPI
      let connect: (@Sendable () throws -> any Communicator)? = { try MPICommunicator() }
    #else
      let connect: (@Sendable () throws -> any Communicator)? = nil
    #endif
    ZerothTool.main(
      {
        try Contributed.install(into: &$0.registry)
        try ConMeZO.install(into: &$0.registry)
        try CoreMoments.install(into: &$0.registry)
        try EGGROLL.install(into: &$0.registry)
        try FZOO.install(into: &$0.registry)
        try GRZO.install(into: &$0.registry)
        try HiZOO.install(into: &$0.registry)
        try MedianRGE.install(into: &$0.registry)
        try RAdaZO.install(into: &$0.registry)
        try SparseMeZO.install(into: &$0.registry)
        try SubZero.install(into: &$0.registry)
        try TeZO.install(into: &$0.registry)
        try ZOSVRG.install(into: &$0.registry)
        try ZOAdaM.install(into: &$0.registry)
        try ZOMuon.install(into: &$0.registry)
        try SignRule.install(into: &$0.registry)
        try Contributed.install(into: &$0.tasks)
      }, connect: connect)
  }
}
