import ZerothSupport

/// What a rank did in a job, for its record.
public struct RankSummary: Sendable, Hashable {
  /// Its number.
  public var rank: Int
  /// The machine that it ran on.
  public var host: String
  /// The threads that it computed on.
  public var threads: Int
  /// Seconds that it waited for other ranks: the slowest waits least.
  public var waited: Double
  /// Bytes that it sent in measurings, and how many of those there were.
  public var bytes, measurings: Int

  /// The summary as `run.json` keeps it.
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
  /// What each rank did; none where there is one alone. `threads` are this one's.
  public func summaries(threads: Int) throws -> [RankSummary] {
    guard isShared else { return [] }
    return try gather(Array(RankSummary(of: self, threads: threads).json.description.utf8)).compactMap {
      RankSummary(try JSON(parsing: .init($0), subject: "a rank's summary"))
    }
  }
}
