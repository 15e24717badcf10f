import Zeroth
import ZerothSupport

/// Records how the blocks of a model move over the steps of a run.
///
/// Costs 2 d floats: theta_0, and theta before the last step.
public struct Movement {
  private let blocks: [ParameterBlock]
  private let sums: BlockSums
  /// theta_0.
  package let start: StoredVector
  private var before: StoredVector
  /// The sum over the steps of ||u_l||^2, where u is the change of theta in a step.
  private var walked: [Double]
  /// ||u_l||^2 of the last step.
  private var last: [Double]
  /// The sum over the steps of the following ratio: ||u_l||^2 / d_l, divided by the same quotient for all blocks
  /// together. Below it, the number of steps that changed theta.
  private var shares: [Double]
  private var moves = 0

  /// The movement that starts at `theta`.
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

  /// Records a step that led to `theta`.
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

  /// The movement of the blocks so far. `theta` is the present point.
  ///
  /// Progress is what the change of a block contributes to the decrease of the loss: -<g_l, Delta_l>, where g is the
  /// mean of the gradients at theta_0 and at theta. They are computed on the mini-batches of `steps`, which no earlier
  /// step has seen in this order.
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

/// The movement of the blocks of a model after some steps of a run.
public struct MovementPoint: Sendable {
  /// One block.
  public struct Block: Sendable, Hashable {
    /// The name and the role of the block.
    public let name, role: String
    /// The layer of the block; nil outside the layers.
    public let layer: Int?
    /// The number of parameters of the block.
    public let parameters: Int
    /// ||Delta_l||, where Delta = theta - theta_0.
    public let distance: Double
    /// The sum over the steps of ||u_l||^2. It is the mean squared distance of a random walk with such steps.
    public let walk: Double
    /// ||u_l|| of the last step.
    public let update: Double
    /// ||u_l||^2 divided by the block's share of ||u||^2 according to its number of parameters, averaged over the
    /// steps. For isotropic directions it is 1.
    public let updateOverLaw: Double?
    /// The decrease of the loss by the change of this block, to the second order.
    public let progress: Double
    /// <g_l, Delta_l>, where g is the gradient at theta: the rate at which the loss grows with Delta_l.
    public let slope: Double
    /// ||g_l||, where g is the mean of the gradients at theta_0 and at theta.
    public let gradient: Double
  }

  /// The number of steps done before.
  public let step: Int
  /// The loss at theta_0 and the loss at theta, on the same mini-batches.
  public let lossBefore, loss: Double
  /// The trainable blocks, in their order.
  public let blocks: [Block]

  /// The largest decrease of the loss, to the first order, by a projection of the blocks for which `contains` holds,
  /// with ratios in [1 - tau, 1 + tau]. It is tau times the sum of the absolute values of the slopes. `alike` is the
  /// same with one common ratio for all blocks.
  public func bound(clip tau: Double, _ contains: (Block) -> Bool = { _ in true }) -> (each: Double, alike: Double) {
    let slopes = blocks.filter(contains).map(\.slope)
    return (tau * slopes.reduce(0) { $0 + abs($1) }, tau * abs(slopes.reduce(0, +)))
  }
}
