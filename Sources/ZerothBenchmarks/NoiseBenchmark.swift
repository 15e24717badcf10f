import CZeroth
import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The time of noise in nanoseconds per parameter. It is written to scratch memory, as in a measurement, and it is
/// added to parameters, as in an update. For comparison there are a plain axpy (y += a x) over the same memory, and
/// GSL's ziggurat.
public struct NoiseBenchmark {
  /// One way to make noise, with its time.
  public struct Line: Sendable {
    /// The name of the way. `fill` writes to 64 Ki floats of scratch per thread. `add` adds in place, through all
    /// parameters; `axpy` does the same. `add in cache` and `axpy in cache` work on 16 Ki floats of scratch per thread.
    /// The name of GSL's ziggurat says its generator.
    public let operation: String
    /// `gaussian` or `rademacher`; empty for axpy.
    public let distribution: String
    /// The instruction set that is used; nil where it cannot be chosen.
    public let instructionSet: String?
    /// The number of threads.
    public let threads: Int
    /// The nanoseconds per parameter.
    public let nanoseconds: Spread
  }

  /// The measured ways.
  public let lines: [Line]
  /// The time to add Rademacher noise with the best instruction set, over the time of an axpy. One thread does each on
  /// 16 Ki floats, which stay in its cache.
  public let rademacherAddOverAxpy: Spread
  private let count: Int
  private static let piece = 1 << 16
  private static let inCache = 1 << 14
  private static let addInCache = "add in cache"
  private static let axpyInCache = "axpy in cache"

  /// Measures noise for `count` parameters. All ways take turns, `repeats` times.
  public init(count: Int, repeats: Int) throws {
    try require("--parameters", count, "65536 to 4294967296") { (Self.piece...1 << 32).contains($0) }
    try require("--repeats", repeats, "1 to 100000") { (1...100_000).contains($0) }
    let pieces = count / Self.piece
    self.count = pieces * Self.piece
    let parameters = FloatBuffer(self.count)
    let threads = Parallel.threads
    let scratch = FloatBuffer(threads * Self.piece)
    let draws = 1 << 20

    /// Calls `body` for every piece, on the calling thread alone or on all threads.
    func each(_ threads: Int, _ body: @Sendable (_ piece: Int, _ worker: Int) -> Void) {
      if threads > 1 { Parallel.forEach(pieces, body) } else { for i in 0..<pieces { body(i, 0) } }
    }
    var cases: [(operation: String, distribution: String, isa: String?, threads: Int, body: () throws -> Void)] = []
    for threads in Set([1, threads]).sorted() {
      for (name, distribution) in [("gaussian", zeroth_gaussian), ("rademacher", zeroth_rademacher)] {
        for isa in 0..<zeroth_isa_count() {
          let set = String(cString: zeroth_isa_name(isa))
          cases.append(
            (
              "fill", name, set, threads,
              {
                each(threads) { i, worker in
                  zeroth_noise_on(
                    isa, distribution, 42, UInt64(i * Self.piece), Self.piece, 1, nil,
                    scratch.base + worker * Self.piece)
                }
              }
            ))
          cases.append(
            (
              "add", name, set, threads,
              {
                each(threads) { i, _ in
                  let target = parameters.base + i * Self.piece
                  zeroth_noise_on(
                    isa, distribution, 42, UInt64(i * Self.piece), Self.piece, 1e-6, target, target)
                }
              }
            ))
          guard distribution == zeroth_rademacher else { continue }
          cases.append(
            (
              Self.addInCache, name, set, threads,
              {
                each(threads) { i, worker in
                  let target = scratch.base + worker * Self.piece
                  zeroth_noise_on(
                    isa, distribution, 42, UInt64(i * Self.piece), Self.inCache, 1e-6, target, target)
                }
              }
            ))
        }
      }
      let addend = FloatBuffer(self.count)
      cases.append(
        (
          "axpy", "", nil, threads,
          {
            each(threads) { i, _ in
              zeroth_axpy(Self.piece, 1e-6, addend.base + i * Self.piece, parameters.base + i * Self.piece)
            }
          }
        ))
      cases.append(
        (
          Self.axpyInCache, "", nil, threads,
          {
            each(threads) { i, worker in
              zeroth_axpy(Self.inCache, 1e-6, addend.base, scratch.base + worker * Self.piece)
            }
          }
        ))
    }
    for (generator, name) in [(Int32(0), "philox4x32"), (Self.generator("mt19937"), "mt19937")] {
      guard let stream = zeroth_stream_make(generator, 1) else { continue }
      let owner = Stream(stream)
      cases.append(
        (
          "GSL's ziggurat on \(name)", "gaussian", nil, 1,
          { for i in 0..<draws { scratch.base[i % Self.piece] = Float(zeroth_stream_gaussian(owner.stream)) } }
        ))
    }
    rademacherAddOverAxpy = Self.addOverAxpy(repeats)
    let total = Double(self.count)
    let spreads = try interleaved(repeats, cases.map(\.body), least: 0)
    lines = zip(cases, spreads).map { entry, spread in
      let elements =
        entry.operation.hasPrefix("GSL")
        ? Double(draws) : entry.operation.hasSuffix("in cache") ? Double(pieces * Self.inCache) : total
      return Line(
        operation: entry.operation, distribution: entry.distribution, instructionSet: entry.isa,
        threads: entry.threads, nanoseconds: spread.scaled(by: 1e9 / elements))
    }
  }

  private final class Stream {
    let stream: OpaquePointer
    init(_ stream: OpaquePointer) { self.stream = stream }
    deinit { zeroth_stream_free(stream) }
  }

  private static func generator(_ name: String) -> Int32 {
    (0..<zeroth_generator_count()).first { String(cString: zeroth_generator_name($0)) == name } ?? 0
  }

  /// The ratio of the two times. They are taken directly after each other, so that a change in the machine's speed
  /// affects both alike.
  private static func addOverAxpy(_ repeats: Int) -> Spread {
    let values = FloatBuffer(inCache)
    let addend = FloatBuffer(inCache)
    var first: UInt64 = 0
    return Spread(
      (0..<repeats).map { _ in
        let add = seconds(repeatedFor: 0.005) {
          zeroth_noise(0, zeroth_rademacher, 42, first, inCache, 1e-6, values.base, values.base)
          first += UInt64(piece)  // the thread keeps its last words, so each call takes new ones
        }
        return add / seconds(repeatedFor: 0.005) { zeroth_axpy(inCache, 1e-6, addend.base, values.base) }
      })
  }

  /// The result as JSON.
  public var json: JSON {
    let rows: [JSON] = lines.map { line in
      .object(
        [
          .init("operation", .string(line.operation)), .init("distribution", .string(line.distribution)),
          .init("instruction_set", line.instructionSet.map { .string($0) } ?? .null),
          .init("threads", .int(line.threads)),
        ] + line.nanoseconds.members("ns_per_parameter"))
    }
    return .object(
      [.init("parameters", .int(count))] + rademacherAddOverAxpy.members("rademacher_add_over_axpy")
        + [.init("lines", .array(rows))])
  }

  /// The result as a table.
  public var text: String {
    var table = Table([
      .left("operation"), .left("noise"), .left("instructions"), .right("threads"), .right("ns per parameter"),
    ])
    for line in lines {
      table.rows.append([
        line.operation, line.distribution, line.instructionSet ?? "-", "\(line.threads)", line.nanoseconds.text(3),
      ])
    }
    return "\(Human.count(count)) parameters; medians (quartiles)\n\n" + table.text
      + "\nAdding Rademacher noise in cache takes \(rademacherAddOverAxpy.text(2)) times an axpy in cache.\n"
  }
}
