import TestSupport
import Testing
import Zeroth
import ZerothModels

@Suite struct GoldenTests {
  static let models = [
    "models/tiny/opt", "models/tiny/opt-350m-style", "models/tiny/llama-gqa", "models/tiny/llama3-tied",
    "models/stories260K", "models/imdb-opt",
  ]

  @Test(.enabled(if: SharedMaterial.has("models")), arguments: models)
  func agreesWithTheReference(model path: String) throws {
    let directory = SharedMaterial.path(path)
    let model = try CausalModel(directory: directory)
    let theta = try model.loadParameters()
    let comparison = try model.compare(with: Golden(path: directory + "/golden.json"), at: theta)
    #expect(!comparison.checks.isEmpty)
    for check in comparison.checks {
      print(path, check.name, check.largest)
      #expect(check.passes, "\(check.name): \(check.largest), allowed \(check.tolerance)")
    }
  }
}
