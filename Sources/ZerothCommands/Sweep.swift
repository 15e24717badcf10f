import ArgumentParser
import Foundation
import ZerothDistributed
import ZerothReport
import ZerothSupport
import ZerothTraining

struct Sweep: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      abstract: "Make many runs and compare them: methods, seeds, learning rates, or any option.",
      discussion: """
        FILE is the configuration of a run in TOML, in which any option may have a list of values: a run is made for each \
        combination. Tables [case.NAME] are alternatives, such as methods; {seed} in a text stands for the run's seed. All \
        runs get the same number of forward passes, unless the budget is 'steps'. See docs/comparing.md.

        Each run is a folder below --out, made by a process of its own. The same command again goes on with what is there: \
        runs that are done are not made again, and those that were cut short go on.

        Under mpirun each rank makes a part of the runs; all of them see FILE and --out.
        """)
  }

  @Argument(
    help: ArgumentHelp("The sweep, in TOML. Required.", valueName: "file"), completion: .file(extensions: ["toml"]))
  var file: String
  @Option(help: "Folder of the sweep, new or with a part of it. Required.", completion: .directory)
  var out: String
  @Option(
    help: "Runs that are made at a time; they share the machine's cores, unless the file names threads. Default: 1.")
  var jobs: Int?
  @Option(
    help: ArgumentHelp(
      "What all runs have in common, forwards=N or steps, in place of the file's budget and steps. Default: the file's.",
      valueName: "budget"))
  var budget: String?
  @Flag(help: "Print the runs with their steps and forward passes, and make none.")
  var dryRun = false
  @Flag(help: "Show no curve of the loss beside the progress.")
  var plain = false
  @OptionGroup var programs: ProgramOptions
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var output: OutputOptions

  func run() throws { try ZerothTool.inJob(run) }

  private func run(in job: Job) throws {
    let jobs = jobs ?? 1
    try require("--jobs", jobs, "1 to \(RunSettings.maximalThreads)") { (1...RunSettings.maximalThreads).contains($0) }
    let (sweep, plan) = try job.together {
      let sweep = try SweepFile(file)
      let plan = try SweepPlan(
        sweep, budget: budget.map { text throws(InputError) in try SweepBudget(text, origin: "--budget") },
        plugins.registry(), tasks: programs.tasks, families: ZerothTool.toolbox.families)
      return (sweep, plan)
    }
    if dryRun { return job.leads ? output.print(plan.json(failures: [:]), text: plan.table.text) : () }
    let folder =
      try job.together { try job.leads ? SweepFolder(out, plan, text: sweep.text) : nil }
      ?? SweepFolder(joining: out, plan)
    // Each rank takes every `size`-th run. Runs whose names differ only in their last part, such as the seed, take
    // about equally long, so the ranks share the work evenly.
    let own = plan.runs.indices.filter { $0 % job.size == job.rank }.map { plan.runs[$0] }
    let progress = ProgressLine(
      job.isShared ? "rank 0 of \(job.size)" : "sweep", total: own.reduce(0) { $0 + $1.steps },
      output: job.leads ? .standardError.drawingCurve(!plain) : .silent)
    let others = job.leads ? folder.others : []
    if !others.isEmpty {
      progress.print(
        "\(others.count) folders in \(out) are no runs of \(file) and stay: \(others.joined(separator: " "))")
    }
    for program in Set(plan.runs.compactMap(\.program)).sorted() { progress.print(program) }
    Interruption.listen()
    let runner = SweepRunner(
      own, in: folder, jobs: jobs, arguments: plugins.arguments + programs.arguments, progress: progress)
    let ownSignal = try runner.run()
    try folder.gatherFailures(in: job)
    let signal = job.gather([UInt8(ownSignal ?? 0)]).flatMap(\.self).first { $0 > 0 }.map { Int32($0) }
    guard job.leads else {
      // Rank 0 reports the result.
      let isOpen = try RecordedRuns.read([out]).contains { !$0.isFinished }
      if signal != nil || isOpen { throw ExitCode(signal.map { 128 + $0 } ?? 1) }
      return
    }
    let runs = try RecordedRuns.read([out])
    if let signal {
      let done = runs.count(where: \.isFinished)
      progress.print(
        "\(ZerothTool.name): interrupted by \(signal == SIGINT ? "SIGINT" : "signal \(signal)"), \(done) of "
          + "\(runs.count) runs are done; to go on: \(ZerothTool.commandLine)")
      throw ExitCode(128 + signal)
    }
    let result = try Methods(runs).table
    output.print(result.json, text: result.table.text)
    let open = runs.count { !$0.isFinished }
    if open > 0 {
      progress.print(
        "\(ZerothTool.name): \(open) of \(runs.count) runs failed or did not end; the same command tries them again")
      throw ExitCode(1)
    }
  }
}
