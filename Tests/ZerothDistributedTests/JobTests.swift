import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothDistributed
import ZerothSupport
import ZerothTestKit

/// What ranks tell each other.
@Suite struct JobTests {
  private func all<R>(_ ranks: Int, _ body: @escaping @Sendable (Job) throws -> R) throws -> [R] {
    try ThreadRanks.run(ranks) { try body(Job($0, host: "host\($0.rank)")) }.map { try $0.get() }
  }

  @Test func everyRankLearnsAll() throws {
    let texts = ["", "one", String(repeating: "long ", count: 5000)]
    for found in try all(
      3, { job in job.gather(Array(texts[job.rank].utf8)).map { String(decoding: $0, as: UTF8.self) } })
    {
      #expect(found == texts)
    }
    for found in try all(3, { job in try job.fromLeader { Array("rank \(job.rank)".utf8) } }) {
      #expect(found == Array("rank 0".utf8))
    }
    #expect(try all(3) { $0.all($0.rank != 1) } == [false, false, false])
    #expect(try all(3) { $0.all($0.rank < 3) } == [true, true, true])
    let numbers = try all(3) { job in
      try job.exchange(.success((0..<job.rank).map { Double(job.rank) + Double($0) / 8 }), counts: [0, 1, 2], step: 7)
    }
    #expect(numbers == [[1, 2, 2.125], [1, 2, 2.125], [1, 2, 2.125]])
  }

  @Test func aSignalOfOneRankReachesAll() throws {
    let found = try ThreadRanks.run(3) { communicator in
      let job = Job(communicator, request: { communicator.rank == 2 ? SIGTERM : nil })
      #expect(job.interruption == nil, "no rank may act on what the others do not know")
      _ = try job.exchange(.success([]), counts: [0, 0, 0], step: 0)
      return job.interruption
    }.map { try $0.get() }
    #expect(found == [SIGTERM, SIGTERM, SIGTERM])
    #expect(Job(request: { SIGINT }).interruption == SIGINT)
  }

  @Test func anErrorOfOneRankEndsAll() throws {
    for failing in 0..<3 {
      let errors = ThreadRanks.run(3) { communicator in
        let job = Job(communicator)
        return inputError {
          try job.together {
            if job.rank == failing { throw InputError("models/x", found: "no folder", expected: "a model") }
          }
        }
      }
      for result in errors {
        let error = try result.get()
        #expect(error?.subject == (failing == 0 ? "models/x" : "rank \(failing): models/x"))
        #expect(error?.found == "no folder" && error?.expected == "a model")
      }
    }
    struct Odd: Error {}
    for result in ThreadRanks.run(
      2,
      { communicator in
        let job = Job(communicator)
        return inputError { try job.together { if job.rank == 1 { throw Odd() } } }
      })
    {
      #expect(try result.get()?.found.contains("Odd()") == true)
    }
  }

  @Test func ranksAtDifferentStepsAreFound() throws {
    let errors = try all(3) { job in
      inputError { _ = try job.exchange(.success([]), counts: [0, 0, 0], step: job.rank == 1 ? 8 : 7) }
    }
    #expect(
      errors.allSatisfy { $0?.subject == "rank 1" && $0?.found == "step 8" && $0?.expected.contains("7") == true })
  }

  /// One bit of one block of one rank: every rank stops, and names it.
  @Test func weightsThatDifferAreFound() throws {
    for (bad, block) in [(1, 2), (2, 0), (0, 1)] {
      let errors = try all(3) { job in
        let layout = ParameterLayout.small
        var theta = ParameterStore(layout)
        for block in layout.blocks { theta.fill(block, with: (0..<block.count).map { Float($0) }) }
        try job.requireEqual(theta, after: 4)
        if job.rank == bad {
          let chosen = layout.blocks[block]
          theta.fill(chosen, with: (0..<chosen.count).map { $0 == 0 ? Float.leastNonzeroMagnitude : Float($0) })
        }
        return inputError { try job.requireEqual(theta, after: 5) }
      }
      for error in errors {
        #expect(error?.subject == "theta after 5 steps: block \(ParameterLayout.small.blocks[block].name)")
        #expect(error?.found.contains(bad == 0 ? "rank 1 (host1), rank 2 (host2)" : "rank \(bad) (host\(bad))") == true)
      }
    }
  }

  @Test func whatALauncherSays() {
    let openMPI = ["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"]
    let launch = Launch(openMPI)
    #expect(launch?.size == 4 && launch?.rank == 3 && launch?.localSize == 2)
    #expect(Launch(["PMI_SIZE": "2", "PMI_RANK": "1"])?.rank == 1)
    #expect(Launch([:]) == nil && Launch(["OMPI_COMM_WORLD_SIZE": "x"]) == nil)
  }
}
