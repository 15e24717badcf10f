import Zeroth
import ZerothModels
import ZerothStrategies
import ZerothSupport

extension RunConfiguration {
  /// Throws `InputError` for options that cannot be combined with matrices that are never written.
  static func requireFactors(
    _ tuning: TuningChoice, _ precision: SavedPrecision, _ parts: ResolvedComposition
  ) throws(InputError) {
    let subject = "model.storage"
    if let method = try tuning.name() {
      throw InputError(
        subject, found: "'frozen' with the tuning '\(method)'",
        expected:
          "'as-stored', under which the model beside an adapter stays in its file: 'frozen' trains the model's own blocks"
      )
    }
    guard precision == .asRead || precision == .float32 else {
      throw InputError(
        "model.save-as", found: "'\(precision.rawValue)' with model.storage = \"frozen\"",
        expected:
          "'as-read' or 'float32', as factors are written; 'zeroth merge --dtype' writes the model in another precision"
      )
    }
    let optimizer: any OptimizerProtocol
    do { optimizer = try parts.makeOptimizer() } catch let error as InputError { throw error } catch {
      throw InputError(subject, found: "\(error)", expected: "an optimizer")
    }
    do { try optimizer.requireFactors() } catch {
      throw InputError(subject, found: "'frozen' with \(error.found)", expected: error.expected)
    }
  }

  /// The most floats of the factors and vectors of `layout` that are kept beside matrices that are never written.
  func mostFactorFloats(in layout: ParameterLayout) -> Int {
    layout.trainable.reduce(0) { sum, block in
      let rank = deltaRank.limit(on: block) ?? min(block.rows, block.columns)
      return sum + (block.isMatrix ? rank * (block.rows + block.columns) : block.count)
    }
  }
}
