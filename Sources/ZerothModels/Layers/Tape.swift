import Zeroth

/// A recorded forward pass, through which derivatives are computed backwards (reverse mode).
///
/// Layers write their results in place, and the memory of one layer is used again by the next. So the program that is
/// differentiated is a sequence of writes to memory. Each place of the workspace has an adjoint: the derivative of the
/// result by the number that is in this place at this moment. The operations are processed from the last to the first.
/// An operation that adds to a place passes the adjoint of the place on. An operation that overwrites a place passes
/// the adjoint on and sets it to 0, because earlier values of the place have no effect afterwards. So the adjoints take
/// as much memory as the activations of inference.
///
/// Each operation of `Weights` documents how adjoints pass through it. A model that is written with these operations
/// therefore needs no derivative code of its own.
///
/// What an operation needs of its inputs is saved on the tape. With `recomputes`, whole segments of a model are not
/// recorded. Only their input is saved, and they are computed and recorded again when the adjoints reach them (gradient
/// checkpointing, Chen et al. 2016). Nothing is recorded before the first trained block.
final class Tape {
  /// Whether segments are recomputed instead of being recorded.
  let recomputes: Bool
  private let workspace: Workspace
  private let saved: Workspace
  /// The memory in which the gradients are summed, by the index of the block.
  private let gradients: [UnsafeMutablePointer<Float>?]
  private var steps: [() -> Void] = []
  private var seed: ([Double]) -> Void = { _ in }
  private var isPaused = false
  /// Whether any result so far depends on a trained block.
  private(set) var isLive = false

  /// A tape of what is computed in `workspace`; values are saved in `saved`. Gradients are added to the memory in
  /// `gradients`, by the index of the block; nil for a block that is not trained.
  init(
    _ workspace: Workspace, saved: Workspace, gradients: [UnsafeMutablePointer<Float>?], recomputes: Bool
  ) {
    self.workspace = workspace
    self.saved = saved
    self.gradients = gradients
    self.recomputes = recomputes
    workspace.clearAdjoints()
  }

  /// The memory in which the gradient of `block` is summed; nil for a frozen block.
  func gradient(of block: ParameterBlock) -> UnsafeMutablePointer<Float>? { gradients[block.index] }

  /// The adjoint of a matrix of the workspace.
  func adjoint(of x: Matrix) -> Matrix { workspace.adjoint(of: x) }

  /// Records that later results depend on `block`. Returns whether any earlier result depends on a trained block. Where
  /// none does, the adjoint of the operation's input is not needed.
  func use(_ block: ParameterBlock?) -> Bool {
    defer { if let block, gradients[block.index] != nil { isLive = true } }
    return isLive
  }

  /// Whether operations are recorded now.
  var isRecording: Bool { isLive && !isPaused }

  /// Records how adjoints pass through the operation that was just computed.
  func record(_ step: @escaping () -> Void) { if isRecording { steps.append(step) } }

  /// A copy of `x` that is kept until the adjoints have passed; x itself where nothing is recorded.
  func save(_ x: Matrix) -> Matrix {
    guard isRecording else { return x }
    let copy = saved.matrix(x.rows, x.columns)
    copy.take(x)
    return copy
  }

  /// A matrix on the tape, for an operation that writes what it saves directly.
  func matrix(_ rows: Int, _ columns: Int) -> Matrix { saved.matrix(rows, columns) }

  /// Sets the function `seed`, which passes the adjoints of the values that leave the model to the activations from
  /// which they were read.
  func output(_ seed: @escaping (_ adjoints: [Double]) -> Void) { self.seed = seed }

  /// Runs `body`, which is either recorded now or recomputed later. Of all activations, `body` may read `x` alone, and
  /// write to `x` or to matrices that were made before.
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

  /// Passes the adjoints `values` of the values that left the model backwards through all recorded operations.
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
