import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothPluginHost
import ZerothStrategies
import ZerothSupport
import ZerothTestKit

/// Libraries whose rule, adapter or state does wrong end in one error that names them, and never in a wrong number.
@Suite(.serialized) struct HostilePartsTests {
  private static let rule = Composition.Part("hostile-rule", ["learning-rate": 0.01])
  private static let adapter = Composition.Part("hostile-adapter")

  private func steps(
    rule: Composition.Part = Self.rule, adapter: Composition.Part = .init("none"), in registry: Registry
  ) throws -> [UInt32] { try run(.init("rge", ["queries": 2]), rule, adapter, in: registry) }

  /// The better of two lengths of the step, as the library has it.
  private struct StepLength: LayerAdapter {
    func forwards(at step: Int) -> Int { 2 }

    mutating func scales<U: Direction, O: Objective & ~Copyable>(
      for update: U, at theta: borrowing ParameterStore, context: StepContext, objective: borrowing O
    ) throws(O.Failure) -> (scales: BlockScales, outcome: AdapterOutcome) {
      let losses = try objective.losses(along: update, at: [1.1, 0.9], from: theta, on: context.batch)
      var scales = BlockScales.ones
      for block in context.layout.trainable { scales[block] = losses[0] < losses[1] ? 1.1 : 0.9 }
      return (scales, .none)
    }
  }

  /// The same library without a defect is as good as what is built in, with weights and with a direction of its own.
  @Test func theSameLibraryWithoutADefectRuns() throws {
    let sgd = Composition.Part("sgd", ["learning-rate": 0.01])
    for names in [[], ["OWN_DIRECTION"]] {
      for checking in [false, true] {
        try Libraries.withHostile(names, source: "hostile-parts.c") { path in
          var registry = try Registry.loading(path, checking: checking)
          try registry.register(adapter: StrategyDescription("length", summary: "-", formula: "-", source: "-")) { _ in
            StepLength()
          }
          #expect(try steps(in: registry) == steps(rule: sgd, in: registry))
          #expect(
            try steps(adapter: Self.adapter, in: registry) == steps(rule: sgd, adapter: .init("length"), in: registry))
        }
      }
    }
  }

  @Test(arguments: [
    ("RULE_SIZE", "rule: found a size of 16 bytes"), ("NO_UPDATE", "functions: found no update"),
    ("RULE_CAPABILITY", "rule 'hostile-rule': capabilities: found 64"),
    ("RULE_NAME_TAKEN", "rule 'sgd': found the name registered twice"),
    ("RULE_OPTION_TAKEN", "rule 'hostile-rule': option 'learning-rate': found the name twice"),
    ("NO_RESTORE", "functions: found one of save_state and restore_state"),
    ("NO_COPY", "functions: found no copy, expected it, beside restore_state"),
    ("RULE_GARBAGE", "rule: found an address that cannot be read"), ("ADAPTER_NULL", "register_types: found a failure"),
    ("ADAPTER_SIZE", "adapter: found a size of 16 bytes"),
    ("ADAPTER_CAPABILITY", "adapter 'hostile-adapter': capabilities: found 1"),
    ("NO_HOOKS", "functions: found neither scales nor did_apply"),
  ])
  func refusedWhenItIsLoaded(defect: String, says: String) throws {
    try Libraries.withHostile([defect], source: "hostile-parts.c") { path in
      var registry = Registry.standard
      let error = inputError { try registry.load(plugin: path) }
      #expect(error?.description.contains(says) == true, "\(defect): \(error?.description ?? "")")
      #expect(error?.description.contains(path) == true && registry.plugins.isEmpty)
    }
  }

  @Test(arguments: [
    ("UPDATE_FAILS", "update of rule 'hostile-rule': found no way forward"),
    ("UPDATE_ABORTS", "update of rule 'hostile-rule': found a crash with SIGABRT"),
    ("UPDATE_READS_NULL", "update of rule 'hostile-rule': found a crash with SIGSEGV"),
    ("UPDATE_NONE", "update: found none, expected set_weights or set_direction, once"),
    ("UPDATE_TWICE", "update: found two of them"), ("WEIGHT_NAN", "set_weights: found nan"),
    ("WEIGHTS_NULL", "set_weights: found an address that cannot be read"),
    ("NEVER_THE_SAME", "found another update when a copy of it was called"),
    ("COPY_FAILS", "copy of rule 'hostile-rule': found no twins"),
    ("COPY_ABORTS", "copy of rule 'hostile-rule': found a crash with SIGABRT"),
    ("STATE_COUNT_NEGATIVE", "state_count of rule 'hostile-rule': found -5"),
    ("PANEL_ABORTS", "update of rule 'hostile-rule': found a crash with SIGABRT"),
    ("PANEL_NULL", "for_each_panel: found no body"),
    ("TERM_ELSEWHERE", "add of terms: found term 5, expected 0 to 1"),
    ("TERM_BLOCK", "add of terms: found another block"),
    ("TERM_ROWS", "rows of block"), ("TERM_SCALE", "add of terms: found a scale of nan"),
    ("TERM_NULL", "add of terms: found an address that cannot be written"),
    ("TERM_FACTORS", "write_left of terms: found"), ("TERM_RELEASED", "release of terms: found one more"),
    ("OWN_DIRECTION,DIRECTION_SIZE", "direction: found a size of 8 bytes"),
    ("OWN_DIRECTION,NO_DIRECTIONS", "expected none, as it has no functions on directions"),
    ("OWN_DIRECTION,ADD_ABORTS", "add of rule 'hostile-rule' on block"),
    ("OWN_DIRECTION,ADD_NAN", "a value that is not finite"),
    ("OWN_DIRECTION,ADD_WRITES_BEHIND", "a value written outside the rows"),
    ("IGNORES_STOP,PANEL_ABORTS", "update of rule 'hostile-rule': found a crash with SIGABRT"),
  ])
  func aRuleEndsTheRun(defects: String, says: String) throws {
    try Libraries.withHostile(defects.split(separator: ",").map(String.init), source: "hostile-parts.c") { path in
      for checking in [false, true] {
        let registry = try Registry.loading(path, checking: checking)
        let error = inputError {
          var optimizer = try optimizer(rule: Self.rule, in: registry)
          var theta = Quadratic().start()
          for _ in 0..<4 { try optimizer.step(&theta, Quadratic()) }
          // What else a run asks of it, and its copies.
          let copy = optimizer
          _ = optimizer.stateCount
          try optimizer.step(&theta, Quadratic())
          withExtendedLifetime(copy) {}
        }
        #expect(error?.description.contains(says) == true, "\(defects): \(error?.description ?? "")")
        #expect(error?.description.contains(path) == true)
      }
    }
  }

  /// What fails in `update` fails before theta moves.
  @Test func aFailedUpdateLeavesThetaAlone() throws {
    try Libraries.withHostile(["UPDATE_FAILS"], source: "hostile-parts.c") { path in
      var optimizer = try optimizer(rule: Self.rule, in: .loading(path))
      var theta = Quadratic().start()
      let before = theta.flattened()
      #expect(inputError { try optimizer.step(&theta, Quadratic()) } != nil)
      #expect(theta.flattened() == before)
    }
  }

  @Test(arguments: [
    ("CLIP_NEGATIVE", "clip of adapter 'hostile-adapter': found -1.0"),
    ("CLIP_NAN", "clip of adapter 'hostile-adapter': found nan"),
    ("ADAPTER_FORWARDS", "forwards of adapter 'hostile-adapter': found -2"),
    ("MEASURES_MORE", "forwards: found 2 more after 0, expected 1"),
    ("MEASURES_FEWER", "forwards: found 2, expected 3"),
    ("BEGIN_FAILS", "begin of adapter 'hostile-adapter': found not"),
    ("BEGIN_ABORTS", "begin of adapter 'hostile-adapter': found a crash with SIGABRT"),
    ("BEGIN_READS_OUTSIDE", "read: found 1 rows of block 99 from row 0"),
    ("SCALES_ABORTS", "scales of adapter 'hostile-adapter': found a crash with SIGABRT"),
    ("SCALES_FAILS", "scales of adapter 'hostile-adapter': found no measure"),
    ("OWN_WITHOUT_FUNCTIONS", "expected none, as it has no functions on directions"),
    ("SCALE_NAN", "found nan, expected 0.8 to 1.2"), ("SCALE_OUTSIDE", "found 3.0, expected 0.8 to 1.2"),
    ("SCALE_ELSEWHERE", "scale: found 1 rows of block 99"), ("PROJECT_EARLY", "project: found a call in scales"),
    ("MOVES_NEGATIVE", "non_finite_moves: found -1"),
    ("DID_APPLY_ABORTS", "did_apply of adapter 'hostile-adapter': found a crash with SIGABRT"),
    ("SCALE_LATE", "scale: found a call in did_apply"), ("WRITE_NULL", "write: found an address that cannot be read"),
    ("PROJECT_NULL", "project: found an address that cannot be read"),
    ("WRITE_NAN", "write: found a value that is not finite"),
    ("WRITE_OUTSIDE", "from row 1, expected rows that are there"),
    ("PROJECT_OUTSIDE", "found 1.5, expected 0.8 to 1.2"),
    ("MEASURES_LATE", "losses: found a request after theta was moved"),
  ])
  func anAdapterEndsTheRun(defect: String, says: String) throws {
    try Libraries.withHostile([defect], source: "hostile-parts.c") { path in
      for checking in [false, true] {
        let registry = try Registry.loading(path, checking: checking)
        let error = inputError { _ = try steps(adapter: Self.adapter, in: registry) }
        #expect(error?.description.contains(says) == true, "\(defect): \(error?.description ?? "")")
        #expect(error?.description.contains(path) == true)
      }
    }
  }

  @Test func anAdapterMayRefuseWeightDecay() throws {
    try Libraries.withHostile([], source: "hostile-parts.c") { path in
      let rule = Composition.Part("sgd", ["learning-rate": 0.01, "weight-decay": 0.1])
      let error = inputError { _ = try steps(rule: rule, adapter: Self.adapter, in: .loading(path)) }
      #expect(
        error?.description == "rule.weight-decay: found 0.1, expected 0 with adapter 'hostile-adapter'")
    }
  }

  /// Losses that are not finite are no one's fault, and what an objective throws comes through as it is.
  @Test func whatTheObjectiveDoesIsNotTheAdaptersFault() throws {
    try Libraries.withHostile([], source: "hostile-parts.c") { path in
      let quadratic = Quadratic()
      func optimizer() throws -> any OptimizerProtocol {
        try Registry.loading(path).makeOptimizer(
          Composition(estimator: .init("rge"), rule: Self.rule, adapter: Self.adapter), runSteps: 8)
      }
      for forward in [2, 3] {
        var optimizer = try optimizer()
        var theta = quadratic.start()
        #expect(throws: InjectedFailure.self) {
          try optimizer.step(&theta, FailingObjective(quadratic, at: forward))
        }
      }
      var optimizer = try optimizer()
      var theta = quadratic.start()
      let report = try optimizer.step(&theta, NonFiniteObjective(quadratic) { $0 >= 2 })
      #expect(report.outcome == .applied && report.nonFiniteMoves == 1)
    }
  }

  @Test(arguments: [
    ("SAVE_ABORTS", "save_state of rule 'hostile-rule': found a crash with SIGABRT"),
    ("SAVE_FAILS", "save_state of rule 'hostile-rule': found forgotten"),
    ("SAVE_NULL", "found an address of 'average' that is not there"), ("SAVE_TYPE", "found type 9 of 'average'"),
    ("SAVE_COUNT", "found -1 values of 'average'"), ("SAVE_NAME", "name of a value: found NULL"),
    ("SAVE_IGNORES", "name of a value: found NULL"),
    ("NO_SAVE", "save_state of rule 'hostile-rule': found NULL, of a strategy whose state changes"),
  ])
  func aStateIsNotWritten(defect: String, says: String) throws {
    try Libraries.withHostile([defect], source: "hostile-parts.c") { path in
      try withFolder { folder in
        var optimizer = try optimizer(rule: Self.rule, in: .loading(path))
        var theta = Quadratic().start()
        try optimizer.step(&theta, Quadratic())
        let error = inputError { try optimizer.save(theta, to: "\(folder)/run.state", also: { _ in }) }
        #expect(error?.description.contains(says) == true, "\(defect): \(error?.description ?? "")")
        #expect(!FileManager.default.fileExists(atPath: "\(folder)/run.state"))
      }
    }
  }

  /// What a state lacks or holds besides, the checkpoint names; what the library does wrong names the library. Theta and the
  /// optimiser stay as they were.
  @Test(arguments: [
    ("RESTORE_ABORTS", "restore_state of rule 'hostile-rule': found a crash with SIGABRT"),
    ("RESTORE_FAILS", "restore_state of rule 'hostile-rule': found not mine"),
    ("RESTORE_NULL", "found an address of 'average' that is not there"),
    ("RESTORE_TYPE", "rule.state.average: found the value of 'rule.state.average', expected its floats"),
    ("RESTORE_OTHER", "rule.state.momentum: found the value of 'rule.state.average'"),
    ("RESTORE_COUNT", "rule.state.average: found 1 numbers, expected 2"),
    ("RESTORE_IGNORES", "rule.state.momentum: found the value of 'rule.state.average'"),
    ("RESTORE_LESS", "restore_state of rule 'hostile-rule': found 1 values read"),
    ("RESTORE_MORE", "rule.state.more: found the value of 'rule.state.end'"),
    ("RESTORE_LIES", "found a state that saves another 'average' than it was given"),
  ])
  func aStateIsNotRestored(defect: String, says: String) throws {
    try Libraries.withHostile([defect], source: "hostile-parts.c") { path in
      try withFolder { folder in
        let registry = try Registry.loading(path)
        var optimizer = try optimizer(rule: Self.rule, in: registry)
        var theta = Quadratic().start()
        for _ in 0..<3 { try optimizer.step(&theta, Quadratic()) }
        try optimizer.save(theta, to: "\(folder)/run.state", also: { _ in })
        try optimizer.step(&theta, Quadratic())
        let before = theta.flattened()
        let error = inputError { try optimizer.restore(&theta, from: "\(folder)/run.state", also: { _ in }) }
        #expect(error?.description.contains(says) == true, "\(defect): \(error?.description ?? "")")
        #expect(theta.flattened() == before && optimizer.nextStep == 4)
        try optimizer.step(&theta, Quadratic())
      }
    }
  }

  private func optimizer(rule: Composition.Part, in registry: Registry) throws -> any OptimizerProtocol {
    try registry.makeOptimizer(
      Composition(estimator: .init("rge", ["queries": 2]), rule: rule, seed: 3), runSteps: 8)
  }
}
