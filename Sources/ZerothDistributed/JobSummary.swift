import ZerothSupport

/// What a rank did in a job, for the record of a run.
public struct RankSummary: Sendable, Hashable {
  /// The number of the rank.
  public var rank: Int
  /// The machine on which it ran.
  public var host: String
  /// The number of its threads.
  public var threads: Int
  /// The seconds that it waited for other ranks. The slowest rank waits least.
  public var waited: Double
  /// The number of bytes that it sent in measurements, and the number of these measurements.
  public var bytes, measurings: Int

  /// The summary in the form of `run.json`.
  public var json: JSON {
    [
      "rank": .int(rank), "host": .string(host), "threads": .int(threads), "seconds_waited": .double(waited),
      "bytes_sent": .int(bytes), "measurings": .int(measurings),
    ]
  }

  fileprivate init?(_ json: JSON) {
    guard let rank = json["rank"]?.integer, let host = json["host"]?.string, let threads = json["threads"]?.integer,
      let waited = json["seconds_waited"]?.double, let bytes = json["bytes_sent"]?.integer,
      let measurings = json["measurings"]?.integer
    else { return nil }
    (self.rank, self.host, self.threads) = (rank, host, threads)
    (self.waited, self.bytes, self.measurings) = (waited, bytes, measurings)
  }

  fileprivate init(of job: Job, threads: Int) {
    rank = job.rank
    host = job.host
    self.threads = threads
    waited = job.waited
    bytes = job.bytes
    measurings = job.measurings
  }

  /// A table of `ranks`.
  public static func table(_ ranks: [RankSummary]) -> String {
    var table = Table([.right("rank"), .left("host"), .right("threads"), .right("waited"), .right("sent a measuring")])
    table.rows = ranks.map {
      [
        "\($0.rank)", $0.host, "\($0.threads)", Human.seconds($0.waited),
        "\($0.measurings > 0 ? $0.bytes / $0.measurings : 0) bytes",
      ]
    }
    return table.text
  }
}

extension Job {
  /// The summaries of all ranks; empty where there is only one. `threads` is the number of threads of this rank.
  public func summaries(threads: Int) throws -> [RankSummary] {
    guard isShared else { return [] }
    return try gather(Array(RankSummary(of: self, threads: threads).json.description.utf8)).compactMap {
      RankSummary(try JSON(parsing: .init($0), subject: "a rank's summary"))
    }
  }
}
