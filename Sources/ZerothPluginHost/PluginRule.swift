import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// Makes a plugin's rule for the directions of the chosen estimator.
struct PluginRuleFactory: RuleFactory {
  let type: PluginType<zeroth_plugin_rule>

  var description: StrategyDescription { type.strategy.description }
  var needs: String { type.isLowRank ? "low-rank directions" : "" }

  func takes(_ direction: any Direction.Type) -> Bool { !type.isLowRank || direction is any LowRankDirection.Type }

  func make<D: Direction>(for _: D.Type, _ options: OptionValues) throws -> any StepRule<D> {
    PluginRule<D>(
      type, try PluginInstance(type.strategy, options), learningRate: try options.learningRate(),
      weightDecay: try options.weightDecay())
  }
}

/// A rule that a plugin implements, for directions of type `D`. The host supplies learning rate and weight decay.
struct PluginRule<D: Direction>: StepRule {
  typealias Direction = D
  typealias Update = PluginUpdate<D>

  var learningRate: Schedule
  let weightDecay: WeightDecay
  private let type: PluginType<zeroth_plugin_rule>
  private var instance: PluginInstance
  private var hasUpdated = false

  init(
    _ type: PluginType<zeroth_plugin_rule>, _ instance: PluginInstance, learningRate: Schedule,
    weightDecay: WeightDecay
  ) {
    self.type = type
    self.instance = instance
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }

  func validate(_ layout: ParameterLayout) throws(InputError) {
    try learningRate.validate()
    try weightDecay.validate()
    try instance.validate(layout)
  }

  var stateCount: Int { instance.stateCount }

  func check() throws { try instance.fault.check() }

  mutating func codeState(_ state: StateCoder) throws(InputError) {
    try state.code("learning-rate", &learningRate)
    try PluginInstance.code(&instance, state)
  }

  /// The update. If the plugin fails, it is empty and a fault is recorded.
  mutating func update(from estimate: GradientEstimate<D>, context: StepContext) -> PluginUpdate<D> {
    do throws(InputError) {
      return try checkedUpdate(from: estimate, context)
    } catch {
      instance.fault.record(error)
      return .weights(WeightedSum([]))
    }
  }

  private mutating func checkedUpdate(
    from estimate: GradientEstimate<D>, _ context: StepContext
  ) throws(InputError) -> PluginUpdate<D> {
    if !isKnownUniquelyReferenced(&instance) { instance = instance.copy() }
    let isChecked = type.strategy.checksAlways || !hasUpdated
    // A checked call is repeated on a copy of the instance. The copy must give the same update.
    let again = isChecked ? instance.copy() : instance
    let update = try made(by: instance, estimate, context, isChecked: isChecked)
    hasUpdated = true
    if again !== instance {
      let other = try made(by: again, estimate, context, isChecked: false)
      guard update.hash(in: context.layout) == other.hash(in: context.layout) else {
        throw InputError(
          type.strategy.subject("update"), found: "another update when a copy of it was called",
          expected: "the same, bit for bit")
      }
    }
    return update
  }

  /// The update that `instance` gives.
  private func made(
    by instance: PluginInstance, _ estimate: GradientEstimate<D>, _ context: StepContext, isChecked: Bool
  ) throws(InputError) -> PluginUpdate<D> {
    let terms = PluginTerms(
      estimate.terms.map { (coefficient: $0.coefficient, direction: $0.direction as any Zeroth.Direction) },
      instance.layout(context.layout), type.strategy, instance.fault)
    if type.isLowRank { try terms.requireOneV() }
    let session = UpdateSession(instance, context, terms: estimate.terms.count, isChecked: isChecked)
    var update = session.update
    let losses = Array(estimate.losses)
    _ = try losses.withUnsafeBufferPointer { (losses) throws(InputError) in
      var seen = zeroth_plugin_estimate(
        size: UInt64(MemoryLayout<zeroth_plugin_estimate>.size), terms: terms.pointer, losses: losses.baseAddress,
        loss_count: Int64(losses.count), projected_gradient: estimate.projectedGradient,
        epsilon: estimate.epsilon ?? .nan)
      return try session.run(
        "update", expected: "an update", learningRate: learningRate(at: context.step),
        body: { step, failure, status in
          zeroth_guarded_update(
            type.functions, instance.state, PluginServices.table, step, &seen, &update, failure, status)
        })
    }
    withExtendedLifetime(terms) {}
    switch session.made {
    case .weights(let weights)?:
      return .weights(
        WeightedSum(Few(count: weights.count) { (weights[$0], estimate.terms[$0].direction) }))
    case .direction(let data)?: return .own(data)
    case nil:
      throw session.memory.error("update", found: "none", expected: "set_weights or set_direction, once")
    }
  }
}

/// The update of a plugin's rule: either the directions of the estimate with other weights, or a direction of the
/// plugin itself.
enum PluginUpdate<D: Direction>: Direction {
  case weights(WeightedSum<D>)
  case own(PluginDirectionData)

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    switch self {
    case .weights(let sum): sum.add(to: &values, of: block, rows: rows, scale: scale)
    case .own(let data): PluginDirection(data).add(to: &values, of: block, rows: rows, scale: scale)
    }
  }

  func write(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>) {
    switch self {
    case .weights(let sum): sum.write(to: &values, of: block, rows: rows)
    case .own(let data): PluginDirection(data).write(to: &values, of: block, rows: rows)
    }
  }

  func write(
    to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, columns: Range<Int>
  ) {
    switch self {
    case .weights(let sum): sum.write(to: &values, of: block, rows: rows, columns: columns)
    case .own(let data): PluginDirection(data).write(to: &values, of: block, rows: rows, columns: columns)
    }
  }

  func touches(_ block: ParameterBlock) -> Bool {
    switch self {
    case .weights(let sum): sum.touches(block)
    case .own(let data): data.touches(block)
    }
  }

  var structure: DirectionStructure {
    switch self {
    case .weights(let sum): sum.structure
    case .own(let data): PluginDirection(data).structure
    }
  }

  /// A hash of everything that the update adds to the blocks of `layout`. If it consists of weights, a hash of the
  /// weights.
  fileprivate func hash(in layout: ParameterLayout) -> UInt64 {
    func hash(_ floats: [Float], _ seed: UInt64) -> UInt64 {
      floats.withUnsafeBytes { ContentHash.xxh64($0, seed: seed) }
    }
    if case .weights(let sum) = self { return hash(sum.terms.map(\.weight), 1) }
    return Panel.cut(layout.trainable).filter { touches($0.block) }.reduce(2) { seed, panel in
      var values = [Float](repeating: 0, count: panel.rows.count * panel.block.columns)
      var span = values.mutableSpan
      add(to: &span, of: panel.block, rows: panel.rows, scale: 1)
      return hash(values, seed)
    }
  }
}

/// One call of the plugin's `update`.
private final class UpdateSession: PluginSession {
  /// The update that the plugin has set.
  enum Made {
    case weights([Float])
    case direction(PluginDirectionData)
  }

  private(set) var made: Made?
  private let terms: Int
  private let checks: Bool

  init(_ instance: PluginInstance, _ context: StepContext, terms: Int, isChecked: Bool) {
    self.terms = terms
    checks = isChecked
    super.init(instance, "update", context)
  }

  override var isChecked: Bool { checks }

  var update: zeroth_plugin_update {
    zeroth_plugin_update(
      size: UInt64(MemoryLayout<zeroth_plugin_update>.size),
      set_weights: { update, weights in
        PluginSession.serve(update?.pointee.host, as: UpdateSession.self) { session throws(InputError) in
          let count = session.terms
          guard let weights, zeroth_guarded_reads(weights, UInt64(4 * count)) == 0 else {
            throw session.memory.error(
              "set_weights", found: "an address that cannot be read", expected: "\(count) numbers, one for each term")
          }
          let values = Array(UnsafeBufferPointer(start: weights, count: count))
          if let bad = values.first(where: { !$0.isFinite }) {
            throw session.memory.error("set_weights", found: "\(bad)", expected: "numbers")
          }
          try session.set(.weights(values))
        }
      },
      set_direction: { update, direction in
        PluginSession.serve(update?.pointee.host, as: UpdateSession.self) { session throws(InputError) in
          try session.set(.direction(try session.direction(direction)))
        }
      }, host: host)
  }

  private func set(_ value: Made) throws(InputError) {
    guard made == nil else {
      throw memory.error("update", found: "two of them", expected: "set_weights or set_direction, once")
    }
    made = value
  }
}

extension PluginTerms {
  /// Throws unless all directions have factors with the same V and the same rank, which a rule on factors needs.
  fileprivate func requireOneV() throws(InputError) {
    let all = directions.map(\.factors)
    guard let first = all.first ?? nil, all.allSatisfy({ $0?.rightKey == first.rightKey && $0?.rank == first.rank })
    else {
      throw InputError(
        "an estimate for a rule on factors", found: "directions with different V, or without factors",
        expected: "one V in all of them")
    }
  }
}
