import Zeroth
import ZerothSupport

/// How the blocks of a model move over the steps of a run.
///
/// Costs 2 d floats: theta_0, and theta before the step.
public struct Movement {
  private let blocks: [ParameterBlock]
  private let sums: BlockSums
  /// theta_0.
  package let start: StoredVector
  private var before: StoredVector
  /// sum over the steps of ||u_l||^2, u the change of a step.
  private var walked: [Double]
  /// ||u_l||^2 of the last step.
  private var last: [Double]
  /// sum over the steps of ||u_l||^2 / d_l over the same of all blocks, and the steps that moved.
  private var shares: [Double]
  private var moves = 0

  /// The movement from `theta` on.
  public init(from theta: borrowing ParameterStore) {
    blocks = theta.layout.trainable
    sums = BlockSums(blocks)
    var start = StoredVector(blocks)
    start.copy(from: theta)
    self.start = start
    before = start
    walked = blocks.map { _ in 0 }
    last = walked
    shares = walked
  }

  /// Takes note of a step that has led to `theta`.
  public mutating func didStep(_ theta: borrowing ParameterStore) {
    let update = StoredVector(from: before, to: theta, blocks)
    last = sums.squares(of: update)
    let total = last.reduce(0, +)
    for l in blocks.indices {
      walked[l] += last[l]
      if total > 0 { shares[l] += last[l] / total }
    }
    if total > 0 { moves += 1 }
    before.copy(from: theta)
  }

  /// What the blocks have come to, `theta` being where they are now.
  ///
  /// Progress is what a block's change contributes to the loss: -<g_l, Delta_l> with the mean g of the gradients at theta_0 and at theta,
  /// on the mini-batches of `steps`, which no step before has seen in this order.
  package func point(
    after step: Int, _ theta: borrowing ParameterStore, start: (gradient: StoredVector, losses: [Double]),
    now: (gradient: StoredVector, losses: [Double])
  ) -> MovementPoint {
    let delta = StoredVector(from: self.start, to: theta, blocks)
    let distances = sums.squares(of: delta)
    let here = sums.products(of: delta, with: now.gradient)
    let there = sums.products(of: delta, with: start.gradient)
    var along = now.gradient
    along.add(start.gradient, weight: 1)
    let gradients = sums.squares(of: along)
    let d = Double(theta.layout.trainableCount)
    return MovementPoint(
      step: step, lossBefore: start.losses.mean, loss: now.losses.mean,
      blocks: blocks.enumerated().map { l, block in
        MovementPoint.Block(
          name: block.name, role: block.role.rawValue, layer: block.layer, parameters: block.count,
          distance: distances[l].squareRoot(), walk: walked[l], update: last[l].squareRoot(),
          updateOverLaw: moves == 0 ? nil : shares[l] / Double(moves) * d / Double(block.count),
          progress: -(here[l].dot + there[l].dot) / 2, slope: here[l].dot, gradient: gradients[l].squareRoot() / 2)
      })
  }
}

/// Where the blocks of a model stand after some steps of a run.
public struct MovementPoint: Sendable {
  /// One block.
  public struct Block: Sendable, Hashable {
    /// Its name and role.
    public let name, role: String
    /// Its layer; nil outside the layers.
    public let layer: Int?
    /// How many parameters it has.
    public let parameters: Int
    /// ||Delta_l||, Delta = theta - theta_0.
    public let distance: Double
    /// sum over the steps of ||u_l||^2: the square of the distance that a random walk of such steps has in the mean.
    public let walk: Double
    /// ||u_l|| of the last step.
    public let update: Double
    /// ||u_l||^2 over its share of the parameters in ||u||^2, in the mean over the steps: 1 by the law that isotropic directions obey.
    public let updateOverLaw: Double?
    /// What its change has taken off the loss, to the second order.
    public let progress: Double
    /// <g_l, Delta_l>, g the gradient at theta: by how much the loss grows as Delta_l does.
    public let slope: Double
    /// ||g_l|| of the mean of the gradients at theta_0 and at theta.
    public let gradient: Double
  }

  /// Steps done before.
  public let step: Int
  /// The loss at theta_0 and at theta, on the same mini-batches.
  public let lossBefore, loss: Double
  /// The trainable blocks, in their order.
  public let blocks: [Block]

  /// What a projection with ratios in [1 - tau, 1 + tau] of the blocks that `contains` holds for can take off the loss, to the first
  /// order: tau times the sum of the sizes of the slopes. `alike` is the same with one ratio for all blocks.
  public func bound(clip tau: Double, _ contains: (Block) -> Bool = { _ in true }) -> (each: Double, alike: Double) {
    let slopes = blocks.filter(contains).map(\.slope)
    return (tau * slopes.reduce(0) { $0 + abs($1) }, tau * abs(slopes.reduce(0, +)))
  }
}
