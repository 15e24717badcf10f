import ArgumentParser
import Zeroth
import ZerothDistributed
import ZerothStrategies
import ZerothSupport
import ZerothTraining

struct Train: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      abstract: "Fine-tune a model on a task.",
      usage: """
        \(ZerothTool.name) train --model DIR --task sst2 --data DIR --optimizer NAME --steps N [--out RUN] [options]
        \(ZerothTool.name) train --config FILE [--set TABLE.KEY=VALUE ...] [options]
        \(ZerothTool.name) train --resume --out RUN
        mpirun -n N \(ZerothTool.name) train ...
        """,
      discussion: """
        A value on the command line overrides the file's, and a later one an earlier one. Options of strategies that have \
        no short name are set by --set; `\(ZerothTool.name) explain NAME` lists them. The model imdb-opt and the data of the task sst2 are built in.
        """)
  }

  @OptionGroup var arguments: SettingArguments
  @Flag(help: "Go on with the run in --out. Its own options hold; those that are given too take their place.")
  var resume = false
  @Flag(help: "Say what the run would do and take (memory, time, disk) after a few steps, and write nothing.")
  var dryRun = false
  @Flag(help: "Show no curve of the loss beside the progress.")
  var plain = false
  @OptionGroup var programs: ProgramOptions
  @OptionGroup var plugins: PluginOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    if ZerothTool.arguments == ["train"] { throw CleanExit.helpRequest(self) }
    ChildProcess.followParent()
    try ZerothTool.inJob(train)
  }

  private func train(in job: Job) throws {
    let registry = try job.together { try plugins.registry() }
    let configuration = try RunConfiguration.shared(
      in: job, registry, tasks: programs.tasks, families: ZerothTool.toolbox.families
    ) {
      let given = try givenSettings()
      if resume { return try Settings.resumed(with: given, registry) }
      return try given.probed(registry, tasks: programs.tasks, families: ZerothTool.toolbox.families) {
        StandardStreams.tell($0.printable() + "\n")
      }
    }
    if dryRun {
      let run = try TrainingRun(configuration, job: job)
      if let program = run.setup.program, job.leads { StandardStreams.tell(program.printable() + "\n") }
      let plan = try run.plan(resuming: resume)
      if job.leads { output.print(.object(plan.json), text: plan.text) }
      return
    }
    let progress = ProgressLine(
      configuration.optimizerName, total: configuration.steps, output: .standardError.drawingCurve(!plain))
    Interruption.listen()
    let run = try TrainingRun(configuration, progress: progress, job: job)
    let wayOn =
      configuration.out.map { "; to go on: \(ZerothTool.name) train --resume --out \($0.quotedForShell)" } ?? ""
    let result: RunResult
    do {
      result = try run.run(resuming: resume)
    } catch {
      if job.leads, run.isOnRecord { progress.print("the run ends after \(run.steps) steps\(wayOn)") }
      throw error
    }
    if !job.leads {
      // Rank 0 reports the result.
    } else if case .interrupted = result.outcome {
      progress.print("\(ZerothTool.name): \(result.end)\(wayOn)")
    } else {
      output.print(
        .object(result.json + [.init("end", .string(result.end))]), text: result.table(configuration.optimizerName))
      if result.outcome.remark != nil { progress.print("\(ZerothTool.name): \(result.end)") }
    }
    if result.outcome.exitStatus != 0 { throw ExitCode(result.outcome.exitStatus) }
  }

  private func givenSettings() throws(InputError) -> Settings { try arguments.settings(ZerothTool.arguments) }
}
