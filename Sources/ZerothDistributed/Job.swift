import Foundation
import Zeroth
import ZerothSupport

/// The processes that work on one run, from the point of view of this process: how they exchange data, and what that
/// costs.
///
/// All ranks make the same calls in the same order. So each call is a point at which all ranks are at the same place:
/// an error or a signal of one rank reaches every rank there, and all ranks end in the same way.
public final class Job {
  private let communicator: any Communicator
  /// The name of the machine on which this rank runs.
  public let host: String
  /// Returns the number of a signal that asks this process to end; nil for none.
  private let request: () -> Int32?
  /// The signal by which a rank was asked to end, as far as all ranks learned of it in the last exchange; nil for none.
  public private(set) var agreedRequest: Int32?
  /// Whether all ranks know that the job has reached its end, so that no rank waits for another any more.
  public internal(set) var isAgreedEnd = false
  /// The seconds that this rank has waited for the others in measurements.
  public private(set) var waited = 0.0
  /// The number of bytes that this rank has sent in measurements, and the number of these measurements.
  public private(set) var bytes = 0, measurings = 0

  /// The job of `communicator`, by default of this process alone. `request` returns a signal that asks the process to
  /// end.
  public init(
    _ communicator: any Communicator = SingleRank(), host: String? = nil, request: @escaping () -> Int32? = { nil }
  ) {
    self.communicator = communicator
    self.host = host ?? ProcessInfo.processInfo.hostName
    self.request = request
  }

  /// The rank of this process, from 0.
  public var rank: Int { communicator.rank }
  /// The number of processes.
  public var size: Int { communicator.size }
  /// Whether this rank writes the files of the job.
  public var leads: Bool { rank == 0 }
  /// Whether there are other ranks.
  public var isShared: Bool { size > 1 }
  /// The signal by which the job is asked to end. With several ranks, all of them know of it.
  public var interruption: Int32? { isShared ? agreedRequest : request() }

  /// The numbers of all ranks, in the order of the ranks: `counts[r]` of rank r. `own` are those of this rank, and they
  /// belong to step `step`. It is one exchange of 8 bytes for each number, and 8 for each rank.
  ///
  /// An error in `own` is thrown by every rank, with a text that names the rank. A rank at another step is such an
  /// error too.
  public func exchange(_ own: Result<[Double], any Error>, counts: [Int], step: Int) throws -> [Double] {
    guard isShared else { return try own.get() }
    var failure: (any Error)?
    var message = [UInt64](repeating: 0, count: 1 + counts[rank])
    switch own {
    case .success(let numbers): for (i, number) in numbers.enumerated() { message[1 + i] = number.bitPattern }
    case .failure(let error): failure = error
    }
    message[0] = Header(step: step, request: request(), hasFailed: failure != nil).word
    let start = ContinuousClock.now
    let all = gather(message, counts: counts.map { $0 + 1 })
    waited += (ContinuousClock.now - start) / .seconds(1)
    bytes += 8 * message.count
    measurings += 1
    var numbers: [Double] = []
    var headers: [Header] = []
    var place = 0
    for count in counts {
      headers.append(Header(word: all[place]))
      for word in all[(place + 1)..<(place + 1 + count)] { numbers.append(Double(bitPattern: word)) }
      place += 1 + count
    }
    agreedRequest = headers.lazy.compactMap(\.request).first ?? agreedRequest
    if headers.contains(where: \.hasFailed) { try throwFirst(failure) }
    if let other = headers.firstIndex(where: { $0.step != headers[0].step }) {
      isAgreedEnd = true
      throw InputError(
        "rank \(other)", found: "step \(headers[other].step)", expected: "\(headers[0].step), where rank 0 is")
    }
    return numbers
  }

  /// The result of `body`. An error of `body` on one rank is thrown by every rank, with a text that names the rank.
  public func together<R: ~Copyable>(_ body: () throws -> R) throws -> R {
    guard isShared else { return try body() }
    do {
      let result = try body()
      try throwFirst(nil)
      return result
    } catch {
      if !isAgreedEnd { try throwFirst(error) }
      throw error
    }
  }

  /// The bytes that `body` gives on rank 0, on every rank. The other ranks do not call `body`.
  public func fromLeader(_ body: () throws -> [UInt8]) throws -> [UInt8] {
    guard isShared else { return try body() }
    return gather(try together { leads ? try body() : [] })[0]
  }

  /// Whether `isTrue` is true on every rank.
  public func all(_ isTrue: Bool) -> Bool { gather([isTrue ? 1 : 0], counts: ones).allSatisfy { $0 == 1 } }

  /// The bytes of each rank.
  public func gather(_ own: [UInt8]) -> [[UInt8]] {
    guard isShared else { return [own] }
    let counts = gather([UInt64(own.count)], counts: ones).map { Int($0) }
    var all = [UInt8](repeating: 0, count: counts.reduce(0, +))
    all.withUnsafeMutableBytes { all in own.withUnsafeBytes { communicator.allGather($0, counts: counts, into: all) } }
    var rest = all[...]
    return counts.map { count in
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
  }

  /// The words of all ranks: `counts[r]` of rank r. `own` are those of this rank.
  func gather(_ own: [UInt64], counts: [Int]) -> [UInt64] {
    var all = [UInt64](repeating: 0, count: counts.reduce(0, +))
    all.withUnsafeMutableBytes { all in
      own.withUnsafeBytes { communicator.allGather($0, counts: counts.map { 8 * $0 }, into: all) }
    }
    return all
  }

  var ones: [Int] { [Int](repeating: 1, count: size) }

  /// Ends the job, after every rank has reached this call.
  public func finish() {
    isAgreedEnd = true
    communicator.finish()
  }

  /// Throws the error of the first rank that has one. `own` is the error of this rank.
  private func throwFirst(_ own: (any Error)?) throws {
    let texts = gather(own.map { Array(JSON($0).description.utf8) } ?? [])
    guard let failed = texts.firstIndex(where: { !$0.isEmpty }) else { return }
    isAgreedEnd = true
    if failed == 0, leads, let own { throw own }
    throw try InputError(
      JSON(parsing: Data(texts[failed]), subject: "rank \(failed)"), on: failed == 0 ? nil : "rank \(failed)")
  }
}

/// The 8 bytes in front of the numbers of a rank.
private struct Header {
  var step: Int
  var request: Int32?
  var hasFailed: Bool

  init(step: Int, request: Int32?, hasFailed: Bool) {
    self.step = step
    self.request = request
    self.hasFailed = hasFailed
  }

  init(word: UInt64) {
    step = Int(word >> 16)
    request = word >> 8 & 0xFF == 0 ? nil : Int32(word >> 8 & 0xFF)
    hasFailed = word & 1 == 1
  }

  var word: UInt64 { UInt64(step) << 16 | UInt64(request ?? 0) << 8 | (hasFailed ? 1 : 0) }
}

extension JSON {
  /// An error in the form in which ranks exchange it.
  fileprivate init(_ error: any Error) {
    if let error = error as? InputError {
      self = [.string(error.subject), .string(error.found), .string(error.expected)]
    } else {
      self = ["", .string("\(error)"), ""]
    }
  }
}

extension InputError {
  /// The error of another rank, with `rank` in front of its text.
  fileprivate init(_ json: JSON, on rank: String?) {
    let parts = (json.elements ?? []).map { $0.string ?? "" }
    let prefix = rank.map { "\($0): " } ?? ""
    guard parts.count == 3, !parts[0].isEmpty else {
      self.init(prefix + "the run", found: "an error: \(parts.dropFirst().first ?? "of no words")", expected: "none")
      return
    }
    self.init(prefix + parts[0], found: parts[1], expected: parts[2])
  }
}
