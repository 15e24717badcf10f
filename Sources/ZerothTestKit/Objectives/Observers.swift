import Zeroth

/// Counts the forward passes of another objective, and records the mini-batch of each.
public final class CountingObjective<Base: Objective & ~Copyable>: Objective {
  private let base: Base
  /// The number of forward passes so far.
  public private(set) var forwards = 0
  /// The mini-batch of each forward pass.
  public private(set) var batches: [Batch] = []

  /// Counts the calls to `base`.
  public init(_ base: consuming Base) { self.base = base }

  /// Counts one forward pass.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Double {
    forwards += 1
    batches.append(batch)
    return try base.loss(at: theta, on: batch)
  }

  /// Counts one forward pass.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Few<Double> {
    forwards += 1
    batches.append(batch)
    return try base.exampleLosses(at: theta, on: batch)
  }

  /// Counts one forward pass for each point.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(Base.Failure) -> Few<Double> {
    forwards += points.count
    batches += points.indices.map { _ in batch }
    return try base.losses(at: points, from: theta, on: batch, grain: grain)
  }

  /// Counts one forward pass for each offset.
  public func losses<D: ExampleDirections>(
    ofExamplesAlong directions: D, at offsets: Few<Float>, from theta: borrowing ParameterStore, on batch: Batch
  ) throws(Base.Failure) -> Few<Double> {
    forwards += offsets.count
    batches += offsets.map { _ in batch }
    return try base.losses(ofExamplesAlong: directions, at: offsets, from: theta, on: batch)
  }

  /// Whether the wrapped objective has a gradient.
  public var hasDerivatives: Bool { base.hasDerivatives }

  /// Counts three forward passes.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Base.Failure) -> Double? {
    forwards += 3
    batches += [batch, batch, batch]
    return try base.differentiate(at: theta, on: batch, into: &gradient)
  }

  /// Counts two forward passes.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Base.Failure) -> DirectionalDerivative? {
    forwards += 2
    batches += [batch, batch]
    return try base.differentiate(along: direction, at: theta, on: batch)
  }
}

/// The error that `FailingObjective` throws.
public struct InjectedFailure: Error, Hashable, Sendable {
  /// The number of the forward pass that failed, counted from 0.
  public let forward: Int
}

/// Throws `InjectedFailure` at one forward pass, counted from 0. At all others it gives the losses of another
/// objective.
public final class FailingObjective<Base: Objective & ~Copyable>: Objective where Base.Failure == Never {
  private let base: Base
  private let failing: Int
  private var forward = 0

  /// Wraps `base`, and fails at forward pass number `failing`.
  public init(_ base: consuming Base, at failing: Int) {
    self.base = base
    self.failing = failing
  }

  /// The loss of the other objective, or the failure.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(InjectedFailure) -> Double {
    defer { forward += 1 }
    guard forward != failing else { throw InjectedFailure(forward: forward) }
    return base.loss(at: theta, on: batch)
  }

  /// The losses of the other objective, or the failure.
  public func exampleLosses(
    at theta: borrowing ParameterStore, on batch: Batch
  ) throws(InjectedFailure) -> Few<Double> {
    defer { forward += 1 }
    guard forward != failing else { throw InjectedFailure(forward: forward) }
    return base.exampleLosses(at: theta, on: batch)
  }

  /// Whether the other objective has a gradient.
  public var hasDerivatives: Bool { base.hasDerivatives }

  /// Counts three forward passes, one of which may fail.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(InjectedFailure) -> Double? {
    try pass(3)
    return base.differentiate(at: theta, on: batch, into: &gradient)
  }

  /// Counts two forward passes, one of which may fail.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(InjectedFailure) -> DirectionalDerivative? {
    try pass(2)
    return base.differentiate(along: direction, at: theta, on: batch)
  }

  private func pass(_ count: Int) throws(InjectedFailure) {
    defer { forward += count }
    guard !(forward..<(forward + count)).contains(failing) else { throw InjectedFailure(forward: failing) }
  }
}

/// Records every point at which a loss is asked for. Like objectives without a model, it moves a copy of theta to each
/// point.
public final class ObservedObjective<Base: Objective & ~Copyable>: Objective {
  private let base: Base
  /// The points, each as a flattened vector.
  public private(set) var points: [[Float]] = []
  /// The losses at the points.
  public private(set) var losses: [Double] = []
  /// The mini-batch of each forward pass.
  public private(set) var batches: [Batch] = []
  /// Called before each forward pass.
  public var willEvaluate: () -> Void = {}

  /// Records the calls to `base`.
  public init(_ base: consuming Base) { self.base = base }

  /// Records the point, the mini-batch and the loss.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Double {
    note(theta, batch)
    let loss = try base.loss(at: theta, on: batch)
    losses.append(loss)
    return loss
  }

  /// Records the point, the mini-batch and the losses.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Few<Double> {
    note(theta, batch)
    let found = try base.exampleLosses(at: theta, on: batch)
    losses += found
    return found
  }

  /// Whether the wrapped objective has a gradient.
  public var hasDerivatives: Bool { base.hasDerivatives }
  /// The number of gradients that were asked for. A step that computes a gradient measures along no direction.
  public private(set) var gradients = 0

  /// Records theta three times, the mini-batch and the loss.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Base.Failure) -> Double? {
    let loss = try base.differentiate(at: theta, on: batch, into: &gradient)
    guard let loss else { return nil }
    for _ in 0..<3 { note(theta, batch) }
    gradients += 1
    losses.append(loss)
    return loss
  }

  /// Records theta and theta + direction, the mini-batch and the loss.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Base.Failure) -> DirectionalDerivative? {
    guard let slope = try base.differentiate(along: direction, at: theta, on: batch) else { return nil }
    note(theta, batch)
    var moved = theta.clone()
    moved.add(direction, scale: 1)
    note(moved, batch)
    losses.append(slope.loss)
    return slope
  }

  private func note(_ theta: borrowing ParameterStore, _ batch: Batch) {
    willEvaluate()
    points.append(theta.flattened())
    batches.append(batch)
  }
}

/// Gives NaN at chosen forward passes, counted from 0. At all others it gives the losses of another objective.
public final class NonFiniteObjective<Base: Objective & ~Copyable>: Objective {
  private let base: Base
  private let isNonFinite: (Int) -> Bool
  private var forward = 0

  /// Wraps `base`, with NaN at the forward passes for which `isNonFinite` holds.
  public init(_ base: consuming Base, where isNonFinite: @escaping (Int) -> Bool) {
    self.base = base
    self.isNonFinite = isNonFinite
  }

  /// The loss of the other objective, or NaN.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Double {
    defer { forward += 1 }
    return isNonFinite(forward) ? .nan : try base.loss(at: theta, on: batch)
  }

  /// The losses of the other objective, or NaN for each of its examples.
  public func exampleLosses(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Few<Double> {
    defer { forward += 1 }
    let losses = try base.exampleLosses(at: theta, on: batch)
    return isNonFinite(forward) ? losses.map { _ in .nan } : losses
  }

  /// Whether the wrapped objective has a gradient.
  public var hasDerivatives: Bool { base.hasDerivatives }

  /// The loss of the other objective; NaN where one of the three forward passes is a chosen one.
  public func differentiate(
    at theta: borrowing ParameterStore, on batch: Batch, into gradient: inout StoredVector
  ) throws(Base.Failure) -> Double? {
    defer { forward += 3 }
    let loss = try base.differentiate(at: theta, on: batch, into: &gradient)
    return (forward..<(forward + 3)).contains(where: isNonFinite) ? loss.map { _ in .nan } : loss
  }

  /// The derivative of the other objective; NaN where one of the two forward passes is a chosen one.
  public func differentiate<D: Direction>(
    along direction: D, at theta: borrowing ParameterStore, on batch: Batch
  ) throws(Base.Failure) -> DirectionalDerivative? {
    defer { forward += 2 }
    let slope = try base.differentiate(along: direction, at: theta, on: batch)
    return (forward..<(forward + 2)).contains(where: isNonFinite)
      ? slope.map { _ in DirectionalDerivative(loss: .nan, derivative: .nan) } : slope
  }
}

/// The method of MeZO: one set of weights is moved in place from point to point, by +eps, -2 eps and +eps, and keeps
/// the rounding errors of these sums. It is a slow reference. Faster methods are compared with it, within the rounding
/// of floats.
public final class InPlaceObjective<Base: Objective & ~Copyable>: Objective {
  private let base: Base
  /// The largest difference of a weight from its original value after it was moved back.
  public private(set) var drift: Float = 0

  /// Wraps `base`, and evaluates it in place.
  public init(_ base: consuming Base) { self.base = base }

  /// The loss of the other objective.
  public func loss(at theta: borrowing ParameterStore, on batch: Batch) throws(Base.Failure) -> Double {
    try base.loss(at: theta, on: batch)
  }

  /// Moves one copy of theta from each point to the next, and back at the end.
  public func losses(
    at points: Points, from theta: borrowing ParameterStore, on batch: Batch, grain: LossGrain
  ) throws(Base.Failure) -> Few<Double> {
    var moved = theta.clone()
    var place: Float = 0
    var direction = 0
    var losses = Few<Double>()
    func move(_ theta: inout ParameterStore, to offset: Float) {
      let along = points.directions[direction]
      if offset != place { theta.add(along, scale: offset - place) }
      place = offset
    }
    for i in points.indices {
      if points[i].direction != direction {
        move(&moved, to: 0)
        direction = points[i].direction
      }
      move(&moved, to: points[i].offset)
      switch grain {
      case .batch: losses.append(try base.loss(at: moved, on: batch))
      case .example: losses += try base.exampleLosses(at: moved, on: batch)
      }
    }
    move(&moved, to: 0)
    for (a, b) in zip(moved.flattened(), theta.flattened()) { drift = max(drift, abs(a - b)) }
    return losses
  }
}
