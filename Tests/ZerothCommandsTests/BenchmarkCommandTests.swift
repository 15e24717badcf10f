import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothModels
import ZerothResources
import ZerothSupport

extension ToolTests {
  static let badBenchmarks: [(arguments: [String], says: String)] = [
    (["fast"], "fast"), (["--shape", "gpt"], "--shape"), (["step", "--batch", "0"], "--batch"),
    (["forward", "--tokens", "4096"], "--tokens"), (["step", "--loss", "hinge"], "--loss"),
    (["memory", "--optimizers", "mezzo"], "--optimizers"), (["memory", "--warm-up", "0"], "--warm-up"),
    (["scaling", "--largest", "opt-1m"], "--largest"), (["noise", "--parameters", "1"], "--parameters"),
    (["gemm", "--repeats", "0"], "--repeats"), (["gemm", "--batch", "2"], "--batch"),
    (["step", "--threads", "0"], "--threads"), (["step", "--storage", "q4_0"], "--frozen"),
    (["step", "--window", "3"], "--window"), (["step", "--frozen", "--tuning", "lora"], "--frozen"),
    (["step", "--frozen", "--window", "0"], "--window"),
    (["table", "--shape", "gpt"], "--shape"), (["table", "--optimizers", "mezzo"], "--optimizers"),
    (["table", "--markdown", "--json"], "--markdown"), (["table", "--repeats", "0"], "--repeats"),
    (["decode", "--tokens", "1"], "--tokens"), (["distributed", "--shards", "0"], "--shards"),
    (["distributed", "--simulate", "--latency", "1,x"], "--latency"),
    (["distributed", "--simulate", "--batch", "2"], "--batch"),
    (["decode", "--prompt-tokens", "0"], "--prompt-tokens"),
  ]

  @Test(arguments: badBenchmarks) func badBenchmarkOptionsAreNamed(arguments: [String], says: String) throws {
    let output = try zeroth(["bench"] + arguments)
    #expect(output.status == 2)
    #expect(output.out.isEmpty)
    #expect(output.err.contains(says))
  }

  /// A token reads the matrices of imdb-opt but the table of positions: the embedding is the output layer too.
  @Test func decodingIsMeasuredOverReading() throws {
    let output = try zeroth(["bench", "decode", "--tokens", "8", "--repeats", "1", "--json"])
    #expect(output.status == 0, "\(output.err)")
    let json = try JSON(parsing: Data(output.out.utf8), subject: "output")
    let theta = try loadModel(directory: Embedded.model()).loadFrozenParameters()
    let read = theta.layout.blocks.filter { $0.role != "position" }.reduce(0) { $0 + $1.count }
    #expect(json["bytes"]?.integer == read * 4)
    #expect((json["tokens_per_second"]?.double ?? 0) > 0 && (json["over_limit"]?.double ?? 0) > 0)
  }

  /// What more workers would take: the measured step, and log2 N rounds of the latency and 24 bytes of each beside it.
  @Test func moreWorkersAreSimulated() throws {
    let output = try zeroth([
      "bench", "distributed", "--simulate", "--shape", "opt-1m", "--batch", "4", "--tokens", "8", "--repeats", "1",
      "--optimizers", "mezo", "--latency", "10", "--bandwidth", "1", "--json",
    ])
    #expect(output.status == 0, "\(output.err)")
    let json = try JSON(parsing: Data(output.out.utf8), subject: "output")
    let lines = try #require(json["lines"]?.elements)
    let ofSmallest = lines.filter { $0["parameters"]?.double == 125e6 }
    #expect(ofSmallest.compactMap { $0["workers"]?.integer } == [1, 2, 8, 64, 512, 4096, 10_000])
    let seconds = ofSmallest.compactMap { $0["seconds"]?.double }
    // log2 of 8 is 3; 10 000 needs 14 rounds.
    for (place, rounds, workers) in [(0, 0.0, 0.0), (2, 3, 8), (6, 14, 10_000)] {
      let network = 0.01 * rounds + 24 * workers / 1e6
      #expect(abs(seconds[place] - seconds[0] - network) < 1e-9 * seconds[0])
    }
    #expect(ofSmallest.last?["bytes_received"]?.integer == 24 * 9999)
  }

  /// Without a launcher one rank measures all shards, and sends nothing.
  @Test func stepsInShardsAreMeasured() throws {
    let output = try zeroth([
      "bench", "distributed", "--shape", "opt-1m", "--batch", "4", "--tokens", "8", "--repeats", "1", "--shards", "3",
      "--json",
    ])
    #expect(output.status == 0, "\(output.err)")
    let json = try JSON(parsing: Data(output.out.utf8), subject: "output")
    let methods = try #require(json["methods"]?.elements)
    #expect(methods.compactMap { $0["name"]?.string } == ["lozo", "mezo"] && json["shards"]?.integer == 3)
    for method in methods {
      #expect((method["tokens_per_second"]?.double ?? 0) > 0)
      #expect(method["ranks"]?.elements?.count == 1 && method["ranks"]?.elements?[0]["bytes"]?.double == 0)
    }
  }

  /// Each method twice, beside what the papers say of it; LOZO's have its memory alone.
  @Test func costsStandBesideThoseOfThePapers() throws {
    let output = try zeroth([
      "bench", "table", "--shape", "opt-1m", "--batch", "2", "--tokens", "8", "--repeats", "1", "--optimizers",
      "ft-adam,dizo-first-order,mezo,lozo", "--json",
    ])
    #expect(output.status == 0, "\(output.err)")
    let json = try JSON(parsing: Data(output.out.utf8), subject: "output")
    #expect(json["paper"]?["task"]?.string == "SST-2")
    let figures = try #require(json["figures"]?.elements)
    #expect(figures.compactMap { $0["lora"]?.bool } == [false, false, false, false, true, true, true, true])
    #expect(figures.compactMap { $0["forwards_per_step"]?.double } == [3, 2.03, 2, 2, 3, 2.03, 2, 2])
    for figure in figures {
      let (peak, average) = (figure["peak_bytes"]?.double ?? 0, figure["average_bytes"]?.double ?? 0)
      #expect(average > 1e6 && average <= peak && figure["step_over_forward"]?.double.map { $0 > 0 } == true)
    }
    #expect(figures[2]["memory_over_mezo"]?.double == 1 && figures[2]["speed_over_mezo"]?.double == 1)
    #expect(figures[0]["paper_memory_over_mezo"]?.double == 45.4 / 6.8)
    #expect(figures[5]["paper_speed_over_mezo"]?.double == 4.16 / 3.28)
    #expect(figures[3]["paper_memory_over_mezo"]?.double == 27.0 / 27.4 && figures[3]["paper_speed_over_mezo"] == .null)
  }

  @Test func memoryIsMeasuredInProcessesOfItsOwn() throws {
    let figures = try memory(of: "opt-tiny", "lozo", ["--batch", "2", "--tokens", "8"])
    #expect(figures.compactMap { $0["name"]?.string } == ["inference", "lozo"])
  }

  @Test(arguments: [["--batch", "2", "--tokens", "8"], ["--batch", "9", "--tokens", "32"]])
  func aStepAfterTheFirstTenAllocatesNothing(batch: [String]) throws {
    // The last stores arrays of its own in every step that is measured: it shows that the counter counts.
    let optimizers = "mezo,lozo,lozo-m,dizo,rge+sgd+previous-iterate"
    let figures = try memory(of: "opt-1m", optimizers, batch)
    #expect(figures.count == 6)
    let counts = figures.map { $0["allocations_per_step"]?.double }
    if counts == Array(repeating: nil, count: 6) { try Test.cancel("the C library does not count allocations") }
    #expect(counts.dropLast() == [0, 0, 0, 0, 0])
    #expect(try #require(counts[5]) > 0)
  }

  @Test(arguments: [[], ["--storage", "q4_0"]]) func stepsOnABaseThatIsNeverWritten(storage: [String]) throws {
    let output = try zeroth(
      [
        "bench", "step", "--shape", "opt-1m", "--batch", "2", "--tokens", "8", "--optimizers", "lozo,lozo-m",
        "--frozen", "--window", "3",
      ]
        + ["--repeats", "1", "--no-memory", "--json"] + storage)
    #expect(output.status == 0, "\(output.err)")
    let json = try JSON(parsing: Data(output.out.utf8), subject: "output")
    #expect(json["setting"]?["window"]?.integer == 3)
    let over = json["comparisons"]?.elements?.compactMap { $0["name"]?.string } ?? []
    #expect(over.contains("lozo over the same with matrices that are written") == storage.isEmpty)
  }

  private func memory(of shape: String, _ optimizers: String, _ batch: [String]) throws -> [JSON] {
    let output = try zeroth(
      ["bench", "memory", "--shape", shape, "--optimizers", optimizers, "--warm-up", "10", "--json"] + batch)
    #expect(output.status == 0, "\(output.err)")
    return try #require(try JSON(parsing: Data(output.out.utf8), subject: "output")["figures"]?.elements)
  }
}
