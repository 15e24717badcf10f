import Zeroth

/// A forward pass on record, through which derivatives go backwards (reverse mode).
///
/// Layers write their results in place, and the memory of one serves the next. So what is differentiated is a program that
/// writes to memory. Each place of the workspace has an adjoint: the derivative of the result by the number that stands
/// there at that moment. The operations are gone through from the last to the first. One that adds to a place passes its
/// adjoint on; one that overwrites it passes the adjoint on and leaves 0, as nothing before depends on what comes after. So
/// the adjoints take the memory of inference.
///
/// Beside each operation of `Weights` stands how adjoints go through it. A model that is written against these operations
/// has its derivative by that.
///
/// What an operation needs of its inputs is saved on the tape. With `recomputes`, whole segments of a model are not recorded:
/// what they start from is saved, and they are computed anew, on record, when the adjoints come to them (gradient
/// checkpointing, Chen et al. 2016). Nothing is recorded below the first trained block.
final class Tape {
  /// Whether segments are computed anew instead of being recorded.
  let recomputes: Bool
  private let workspace: Workspace
  private let saved: Workspace
  /// The places where the gradients are summed, by the index of the block.
  private let gradients: [UnsafeMutablePointer<Float>?]
  private var steps: [() -> Void] = []
  private var seed: ([Double]) -> Void = { _ in }
  private var isPaused = false
  /// Whether anything so far depends on a trained block.
  private(set) var isLive = false

  /// A tape of what is computed in `workspace`, saved in `saved`. Gradients are added to the blocks at `gradients`, by the index
  /// of the block; nil for those that are not trained.
  init(
    _ workspace: Workspace, saved: Workspace, gradients: [UnsafeMutablePointer<Float>?], recomputes: Bool
  ) {
    self.workspace = workspace
    self.saved = saved
    self.gradients = gradients
    self.recomputes = recomputes
    workspace.clearAdjoints()
  }

  /// Where the gradient of `block` is summed; nil for a frozen one.
  func gradient(of block: ParameterBlock) -> UnsafeMutablePointer<Float>? { gradients[block.index] }

  /// The adjoint of a matrix of the workspace.
  func adjoint(of x: Matrix) -> Matrix { workspace.adjoint(of: x) }

  /// Notes that what follows depends on `block`. Returns whether anything before depended on a trained block: where not,
  /// nobody needs the adjoint of what an operation reads.
  func use(_ block: ParameterBlock?) -> Bool {
    defer { if let block, gradients[block.index] != nil { isLive = true } }
    return isLive
  }

  /// Whether operations are recorded now.
  var isRecording: Bool { isLive && !isPaused }

  /// Records how adjoints go through the operation that was just computed.
  func record(_ step: @escaping () -> Void) { if isRecording { steps.append(step) } }

  /// A copy of `x` that stays until the adjoints have gone through; x itself where nothing is recorded.
  func save(_ x: Matrix) -> Matrix {
    guard isRecording else { return x }
    let copy = saved.matrix(x.rows, x.columns)
    copy.take(x)
    return copy
  }

  /// A matrix on the tape, for an operation that computes what it saves.
  func matrix(_ rows: Int, _ columns: Int) -> Matrix { saved.matrix(rows, columns) }

  /// Notes what the adjoints of the values mean that leave the model: `seed` hands them to what the values were read from.
  func output(_ seed: @escaping (_ adjoints: [Double]) -> Void) { self.seed = seed }

  /// Runs `body`, which reads of all activations `x` alone and writes to it or to what was made before: on record, or to be
  /// computed anew.
  func segment(from x: Matrix, _ body: @escaping () -> Void) {
    guard recomputes else { return body() }
    let beginning = saved.position
    let start = saved.matrix(x.rows, x.columns)
    start.take(x)
    let mark = workspace.position
    let wasLive = isLive
    isPaused = true
    body()
    isPaused = false
    guard isLive else { return saved.release(from: beginning) }
    steps.append { [self] in
      x.take(start)
      isLive = wasLive
      saved.scope {
        workspace.scope(from: mark, body)
        reverse()
      }
    }
  }

  /// Lets the adjoints `values` of the values that left the model go back through all that is recorded.
  func reverse(from values: [Double]) {
    seed(values)
    reverse()
  }

  private func reverse() {
    let recorded = steps
    steps = []
    for step in recorded.reversed() { step() }
  }
}
