import Foundation
import TestSupport
import Testing
import Zeroth
import ZerothResources
import ZerothTasks

@testable import ZerothRecords
@testable import ZerothStrategies
@testable import ZerothSupport
@testable import ZerothTraining

/// Runs whose model is asked as an assistant.
@Suite(.serialized) struct ChatRunTests {
  private static let template = #"{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"#

  /// The embedded model with a chat template, in a folder of its own.
  private func model(_ scratch: Scratch) throws -> String {
    let model = scratch.path + "/model"
    try FileManager.default.copyItem(atPath: Embedded.model(), toPath: model)
    _ = try scratch.write([Self.template], to: "model/chat_template.jinja")
    return model
  }

  private func configuration(_ scratch: Scratch, chat: Bool?, steps: Int = 2) throws -> RunConfiguration {
    var settings = try Settings([
      "model": ["path": .string(scratch.path + "/model")],
      "task": ["name": "sst2", "k": 2, "test": 4],
      "run": ["optimizer": "mezo", "steps": .int(steps), "batch": 2, "out": .string(scratch.path + "/run")],
      "rule": ["learning-rate": 1e-4],
    ])
    if let chat { try settings.set("task", "chat", Setting(.typed(.bool(chat)), origin: "test")) }
    return try RunConfiguration(settings)
  }

  @Test func aRunSaysItsFormatAndBelongsToIt() throws {
    let scratch = try Scratch()
    let model = try model(scratch)
    let configuration = try configuration(scratch, chat: true)
    #expect(configuration.chat && configuration.shortName.contains("chat=true"))
    let setup = try TaskSetup(configuration)
    #expect(setup.model.chat?.family == .chatML)
    #expect(setup.notes.contains("chat: prompts are the user's messages in the format of ChatML"))
    _ = try TrainingRun(configuration).run()

    // The same run is no run of plain prompts, nor of another template.
    func resume(_ chat: Bool) throws {
      _ = try TrainingRun(self.configuration(scratch, chat: chat, steps: 3)).run(resuming: true)
    }
    let trajectory = scratch.path + "/run/trajectory.bin"
    #expect(inputError { try resume(false) }?.subject == "\(trajectory): task.chat")
    let file = URL(fileURLWithPath: model + "/chat_template.jinja")
    try Data(("{{ bos_token }}" + #"{{ '<|im_start|>system\nBe brief.<|im_end|>\n' }}"# + Self.template).utf8).write(
      to: file)
    #expect(inputError { try resume(true) }?.subject == "\(trajectory): input 'task'")
    try Data(Self.template.utf8).write(to: file)
    try resume(true)
    #expect(try recordedLosses(trajectory).count == 3)
  }

  /// What was recorded before there was the option had plain prompts.
  @Test func recordsWithoutTheOptionAreOfPlainPrompts() throws {
    let scratch = try Scratch()
    _ = try model(scratch)
    func header(_ configuration: RunConfiguration) throws -> TrajectoryHeader {
      TrajectoryHeader(identity: configuration.identity, model: "m", layout: "l", steps: 2)
    }
    let plain = try configuration(scratch, chat: nil)
    var older = plain.identity
    var task = try #require(older["task"])
    task = .object(try #require(task.members).filter { $0.key != "chat" })
    older["task"] = task
    #expect(older != plain.identity)
    let record = TrajectoryHeader(identity: older, model: "m", layout: "l", steps: 2)
    try record.requireSameRun(as: header(plain), path: "run")
    let error = inputError { try record.requireSameRun(as: header(configuration(scratch, chat: true)), path: "run") }
    #expect(error?.subject == "run: task.chat")
  }

  @Test func encodersAreNotAskedAsAssistants() throws {
    let scratch = try Scratch()
    let model = try model(scratch)
    #expect(try loadTaskModel(directory: model, task: .sst2).chat == nil)
    let encoder = try EncoderRunTests.folder("masked", scratch)
    let error = inputError { _ = try loadTaskModel(directory: encoder, task: .sst2, chat: true) }
    #expect(error?.subject.hasSuffix("chat") == true)
  }
}
