import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothPluginHost
import ZerothRecords
import ZerothStrategies
import ZerothSupport
import ZerothTestKit
import ZerothTraining

/// Libraries that do wrong end in one error that names them, and never in a wrong number.
@Suite(.serialized) struct HostileLibraryTests {
  /// One that is built the same way, and does right, is as good as the built-in estimator.
  @Test func theSameLibraryWithoutADefectRuns() throws {
    for checking in [false, true] {
      try Libraries.withHostile { path in
        let registry = try Registry.loading(path, checking: checking)
        #expect(try run(.init("hostile"), in: registry) == run(.init("rge"), in: registry))
      }
    }
  }

  @Test(arguments: [
    ("WRONG_MAGIC", "magic: found 0x000000000000002a"),
    ("WRONG_VERSION", "version of the plugin interface: found 1, expected 2: build the plugin against"),
    ("WRONG_SIZE", "a size of 8 bytes"), ("HUGE_SIZE", "a size of 4294967295 bytes"),
    ("NO_SYMBOL", "no function zeroth_plugin_query"), ("HIDDEN_SYMBOL", "no function zeroth_plugin_query"),
    ("QUERY_NULL", "magic: found NULL"), ("QUERY_ABORTS", "zeroth_plugin_query: found a crash with SIGABRT"),
    ("NO_NAME", "name: found NULL"),
    ("NAME_GARBAGE", "name: found an address that cannot be read"), ("NO_REGISTER", "register_types: found NULL"),
    ("REGISTER_FAILS", "register_types: found xxxxxxxx"),
    ("REGISTER_ABORTS", "register_types: found a crash with SIGABRT"),
    ("REGISTER_NOTHING", "nothing registered"), ("REGISTER_GARBAGE", "an address that cannot be read"),
    ("REGISTER_TWICE", "the name registered twice"), ("TYPE_SIZE", "a size of 16 bytes"),
    ("TYPE_NAME", "'Hostile!', expected kebab-case"),
    ("TYPE_NAME_TAKEN", "estimator 'rge': found the name registered twice"),
    ("NO_FORMULA", "formula: found NULL"), ("FORMULA_GARBAGE", "formula: found an address that cannot be read"),
    ("NO_ESTIMATE", "expected forwards, estimate and directions"), ("NO_STRATEGY", "strategy: found NULL"),
    ("STRATEGY_SIZE", "strategy: found a size of 16 bytes"), ("NO_CREATE", "functions: found no create"),
    ("NO_DIRECTIONS", "expected forwards, estimate and directions"),
    ("DIRECTIONS_GARBAGE", "directions: found an address that cannot be read"),
    ("DIRECTIONS_SIZE", "directions: found a size of 8 bytes"), ("NO_ADD", "directions: found no add"),
    ("NO_RELEASE", "directions: found one of retain and release"), ("OPTION_COUNT", "option_count: found -1"),
    ("OPTION_SIZE", "a size of 12 bytes"), ("OPTION_NAME", "'Not Kebab'"), ("OPTION_KIND", "kind: found 99"),
    ("OPTION_DEFAULT", "default_value: found '-1'"), ("OPTION_RANGE", "range: found 3.0 to 2.0"),
    ("CAPABILITY_UNKNOWN", "capabilities: found 1048576"), ("LOW_RANK_WITHOUT_FACTORS", "found no write_left"),
  ])
  func refusedWhenItIsLoaded(defect: String, says: String) throws {
    try Libraries.withHostile(defect) { path in
      var registry = Registry.standard
      let error = inputError { try registry.load(plugin: path) }
      #expect(error?.description.contains(says) == true, "\(defect): \(error?.description ?? "")")
      #expect(error?.description.contains(path) == true)
      #expect(
        registry.plugins.isEmpty
          && registry.descriptions(of: .estimator).count == Registry.standard.descriptions(of: .estimator).count)
    }
  }

  @Test(arguments: [
    ("CREATE_FAILS", "create of estimator 'hostile': found no luck\u{FFFD} today "),
    ("CREATE_ABORTS", "create of estimator 'hostile': found a crash with SIGABRT"),
    ("CREATE_READS_NULL", "create of estimator 'hostile': found a crash with SIGSEGV"),
    ("CREATE_TRAPS", "create of estimator 'hostile': found a crash with SIGILL"),
    ("CREATE_OVERFLOWS", "create of estimator 'hostile': found a crash with SIGSEGV"),
    ("CREATE_ASKS_WRONG", "'colour'"), ("VALIDATE_FAILS", "'hostile': rank: found 9, expected at most 4"),
    ("FORWARDS_NEGATIVE", "forwards of estimator 'hostile': found -2"),
    ("FORWARDS_HUGE", "found 9223372036854775807 at step 0"),
    ("MEASURES_MORE", "forwards: found 2 more after 0, expected 1"),
    ("MEASURES_FEWER", "forwards: found 2, expected 3"), ("ESTIMATE_FAILS", "found lost my way"),
    ("ESTIMATE_ABORTS", "estimate of estimator 'hostile': found a crash with SIGABRT"),
    ("NAN_OFFSET", "offset: found nan"), ("POINT_ELSEWHERE", "points[1]: found direction 7, expected -1 to 0"),
    ("REQUEST_NULL", "request: found NULL"), ("REQUEST_SIZE", "request: found a size of 12 bytes"),
    ("DIRECTIONS_NULL", "directions[0]: found NULL"), ("DIRECTIONS_MANY", "direction_count: found 9223372036854775807"),
    ("POINTS_GARBAGE", "points[0]: found an address that cannot be read"),
    ("FACTORS_GARBAGE", "factors[0]: found an address that cannot be read"),
    ("DIRECTION_OF_THE_HOST", "direction: found other terms"), ("DIRECTION_NULL", "direction: found NULL"),
    ("DIRECTION_SIZE", "direction: found a size of 8 bytes"), ("LOSSES_NULL", "losses: found an address that cannot"),
    ("COUNT_NEGATIVE", "forwards: found -1 more"), ("READS_OUTSIDE", "read: found 1 rows of block 1 from row 1000"),
    ("READS_INTO_NULL", "read: found an address that cannot be written"),
    ("DRAWS_UNDECLARED", "draw: found 1, expected 0 without"), ("DRAW_NEGATIVE", "draw: found -1, expected at least 0"),
    ("GRAIN_UNKNOWN", "grain of estimator 'hostile': found 7"), ("INFINITE_EPSILON", "epsilon: found inf"),
    ("TRAITS_UNKNOWN", "traits of estimator 'hostile': found 4096"),
    ("NAN_COEFFICIENT", "coefficient: found nan"), ("INFINITE_COEFFICIENT", "coefficient: found inf"),
    ("INFINITE_PROJECTED_GRADIENT", "projected_gradient: found inf"), ("NO_TERMS", "terms: found none"),
    ("RANK_WITHOUT_FACTORS", "rank: found 2, expected 0"), ("RANK_TOO_LARGE", "rank: found 1000000000"),
    ("RANK_NONE", "rank of a term: found 0"), ("RANK_CHANGES", "rank of a term: found 1, expected 2"),
    ("TWO_RIGHT_FACTORS", "right_key of a term"), ("NAN_LEFT", "write_left of estimator 'hostile' on block"),
    ("NAN_VALUE", "a value that is not finite"), ("NAN_VALUE_LATER", "a value that is not finite"),
    ("DISTRIBUTION_UNKNOWN", "a value that is not finite"),
    ("WRITES_BEHIND", "a value written outside the rows"), ("WRITES_BEFORE", "a value written outside the rows"),
    ("ADDS_WHAT_IT_READS", "values that depend on what they are added to"),
    ("NEVER_THE_SAME", "other values when it was called again"),
    ("ADD_ABORTS", "add of estimator 'hostile' on block"), ("ADD_READS_NULL", "a crash with SIGSEGV"),
  ])
  func endsTheRun(defect: String, says: String) throws {
    try Libraries.withHostile(defect) { path in
      for checking in [false, true] {
        let registry = try Registry.loading(path, checking: checking)
        let error = inputError { _ = try run(.init("hostile"), in: registry) }
        #expect(error?.description.contains(says) == true, "\(defect): \(error?.description ?? "")")
        #expect(error?.description.contains(path) == true)
      }
    }
  }

  /// One that asks for losses by example has as many of them for each point, and the report of the step has them all.
  @Test func lossesByExampleCrossTheInterface() throws {
    try Libraries.withHostile("EXAMPLES") { path in
      let objective = LogisticRegression()
      func steps(_ estimator: String, _ registry: Registry) throws -> (theta: [Float], losses: Int) {
        var optimizer = try registry.makeOptimizer(
          Composition(estimator: .init(estimator), rule: .init("sgd", ["learning-rate": 0.01])), runSteps: 4)
        var theta = objective.start()
        let reports = try (0..<4).map { _ in try optimizer.step(&theta, objective) }
        return (theta.flattened(), reports.reduce(0) { $0 + $1.losses.count })
      }
      let (loaded, plain) = (try steps("hostile", .loading(path)), try steps("rge", .standard))
      #expect(loaded.losses > plain.losses && loaded.losses % plain.losses == 0)
      for (a, b) in zip(loaded.theta, plain.theta) { #expect(abs(a - b) < 1e-4) }
    }
  }

  /// `write` is for models, which make a direction without adding it to anything.
  @Test func whatWriteReadsIsFound() throws {
    struct Writing: Objective {
      func loss(at theta: borrowing ParameterStore, on batch: Batch) -> Double { 0 }
      func losses(
        at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
      ) -> Few<Double> {
        for block in theta.layout.trainable {
          var values = [Float](repeating: 0, count: block.count)
          var span = values.mutableSpan
          points.directions[0].write(to: &span, of: block, rows: 0..<block.rows)
        }
        return Few(points.indices.map { _ in 0 })
      }
    }
    try Libraries.withHostile("WRITE_READS") { path in
      var optimizer = try Registry.loading(path).makeOptimizer(
        Composition(estimator: .init("hostile"), rule: .init("sgd", ["learning-rate": 0.1])), runSteps: 4)
      var theta = Quadratic().start()
      let error = inputError { try optimizer.step(&theta, Writing()) }
      #expect(error?.description.contains("values that depend on what stood there before") == true)
    }
  }

  /// What is wrong in the first step alone is found without being asked for; later, in checked mode.
  @Test func writesOutsideAreFoundLaterInCheckedMode() throws {
    try Libraries.withHostile("WRITES_BEHIND_LATER") { path in
      let registry = try Registry.loading(path, checking: true)
      let error = inputError { _ = try run(.init("hostile"), in: registry) }
      #expect(error?.description.contains("a value written outside the rows") == true)
    }
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/c++")))
  func anExceptionOfAnotherLanguageEndsTheRun() throws {
    try Libraries.withHostile("CREATE_THROWS", cPlusPlus: "extern \"C\" void throw_it() { throw 1; }") { path in
      let registry = try Registry.loading(path)
      let error = inputError { _ = try run(.init("hostile"), in: registry) }
      #expect(error?.description.contains("create of estimator 'hostile': found a crash with SIGABRT") == true)
    }
  }

  /// The objective's error comes through as it is, whatever the library makes of it.
  @Test(arguments: [["IGNORES_STOP"], ["IGNORES_STOP", "NAN_COEFFICIENT"], []])
  func theObjectivesErrorIsPassedOn(defects: [String]) throws {
    func check(_ path: String) throws {
      let registry = try Registry.loading(path)
      var optimizer = try registry.makeOptimizer(
        Composition(estimator: .init("hostile"), rule: .init("sgd", ["learning-rate": 0.1])), runSteps: 4)
      let quadratic = Quadratic()
      var theta = quadratic.start()
      let objective = FailingObjective(quadratic, at: 1)
      #expect(throws: InjectedFailure.self) { try optimizer.step(&theta, objective) }
    }
    switch defects.count {
    case 0: try Libraries.withHostile(body: check)
    case 1: try Libraries.withHostile(defects[0], body: check)
    default: try Libraries.withHostile(defects[0], defects[1], body: check)
    }
  }

  /// A step that ends in a fault leaves no row of the trajectory.
  @Test func nothingIsRecordedOfAFaultyStep() throws {
    try Libraries.withHostile("NAN_VALUE_LATER") { path in
      try withFolder { folder in
        let registry = try Registry.loading(path)
        var optimizer = try registry.makeOptimizer(
          Composition(estimator: .init("hostile"), rule: .init("sgd", ["learning-rate": 0.01])), runSteps: 8)
        let quadratic = Quadratic()
        var theta = quadratic.start()
        let header = TrajectoryHeader(identity: [:], steps: 8, base: theta)
        let objective = RecordingObjective(quadratic)
        let log = try TrajectoryLog(
          "\(folder)/t.bin", header: header, optimizer: optimizer, layout: theta.layout)
        _ = inputError { try optimizer.run(&theta, on: objective, log: log, until: 8) }
        let trajectory = try Trajectory(file: "\(folder)/t.bin")
        let sound = try Registry.standard.makeOptimizer(
          Composition(estimator: .init("rge"), rule: .init("sgd", ["learning-rate": 0.01])), runSteps: 8)
        let steps = try trajectory.steps(of: header, by: sound, in: quadratic.layout)
        #expect(steps.count == 3 && steps.droppedBytes == 0)
      }
    }
  }

  /// Losses that are not finite are skipped, as with any estimator.
  @Test func aLossThatIsNoNumberIsNotTheLibrarysFault() throws {
    try Libraries.withHostile { path in
      var optimizer = try Registry.loading(path).makeOptimizer(
        Composition(estimator: .init("hostile"), rule: .init("sgd", ["learning-rate": 0.1])), runSteps: 4)
      var theta = Quadratic().start()
      #expect(try optimizer.step(&theta, FunctionObjective { _ in .nan }).outcome == .skipped)
      #expect(try optimizer.step(&theta, Quadratic()).outcome == .applied)
    }
  }

  @Test(arguments: ["", "not a library\n", "\u{7F}ELF zeroth_plugin_query"])
  func aFileThatIsNoLibraryIsRefused(content: String) throws {
    try withFolder { folder in
      let path = "\(folder)/libnone.so"
      try Data(content.utf8).write(to: URL(fileURLWithPath: path))
      var registry = Registry.standard
      let error = inputError { try registry.load(plugin: path) }
      #expect(error?.subject == path)
      #expect(inputError { try registry.load(plugin: folder) }?.found == "no file that can be read")
      #expect(inputError { try registry.load(plugin: "\(folder)/none.so") }?.found == "no file that can be read")
    }
  }
}
