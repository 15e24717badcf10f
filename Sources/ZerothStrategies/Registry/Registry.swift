import Zeroth
import ZerothSupport

/// The list of all strategies that a run can name. The command line, configuration files and `explain` all read it.
///
/// No strategy adds itself. A plugin provides a function that is given the registry:
///
///     public func install(into registry: inout Registry) throws {
///       try registry.register(estimator: StrategyDescription("one-point", ..., options: [.epsilon])) { options in
///         OnePoint(epsilon: try options.double("epsilon"))
///       }
///     }
public struct Registry: Sendable {
  private(set) var estimators = Shelf<EstimatorEntry>(.estimator)
  private(set) var rules = Shelf<RuleEntry>(.rule)
  private(set) var adapters = Shelf<AdapterEntry>(.adapter)
  private(set) var presets = Shelf<OptimizerPreset>(.optimizer)
  /// The libraries that were loaded at run time.
  public package(set) var plugins: [PluginIdentity] = []

  /// An empty registry.
  public init() {}

  /// A registry with every strategy of the core.
  public static let standard: Registry = {
    var registry = Registry()
    do {
      try registry.registerBuiltIns()
    } catch {
      preconditionFailure("built-in strategies: \(error)")
    }
    return registry
  }()

  /// Adds an estimator. The kind of its directions, and so the rules that it can be combined with, follow from its
  /// type.
  public mutating func register<E: GradientEstimator>(
    estimator description: StrategyDescription, make: @escaping @Sendable (OptionValues) throws -> E
  ) throws(InputError) {
    var entry = EstimatorEntry(description: description, direction: E.Direction.self, make: make)
    entry.description.capabilities = [entry.directionWords]
    if E.Needs.self == Derivatives.self { entry.description.capabilities.append("needs an objective with a gradient") }
    try estimators.add(entry)
  }

  /// Adds a rule.
  public mutating func register(rule factory: some RuleFactory) throws(InputError) {
    var description = factory.description
    description.capabilities = [factory.needs.isEmpty ? "takes all directions" : "needs \(factory.needs)"]
    try rules.add(RuleEntry(description: description, factory: factory))
  }

  /// Adds an adapter.
  public mutating func register<A: LayerAdapter>(
    adapter description: StrategyDescription, make: @escaping @Sendable (OptionValues) throws -> A
  ) throws(InputError) {
    try register(adapter: description) { options -> any LayerAdapter in try make(options) }
  }

  /// Adds an adapter whose type is chosen by its options.
  mutating func register(
    adapter description: StrategyDescription, make: @escaping @Sendable (OptionValues) throws -> any LayerAdapter
  ) throws(InputError) {
    var description = description
    description.capabilities = ["goes with all estimators and rules"]
    try adapters.add(AdapterEntry(description: description, make: make))
  }

  /// Adds a composition with a name. Its parts have to be registered before it.
  public mutating func register(optimizer preset: OptimizerPreset) throws(InputError) {
    for kind in Self.partKinds {
      _ = try description(
        of: preset.composition[kind].name, kind, origin: "optimizer '\(preset.description.name)': \(kind.rawValue)")
    }
    try presets.add(preset)
  }

  /// The descriptions of all entries of the kind `kind`, in the order of registration.
  public func descriptions(of kind: StrategyDescription.Kind) -> [StrategyDescription] {
    switch kind {
    case .estimator: estimators.entries.map(\.description)
    case .rule: rules.entries.map(\.description)
    case .adapter: adapters.entries.map(\.description)
    case .optimizer: presets.entries.map(\.description)
    }
  }

  /// All entries called `name`, of any kind. Where there is none it throws an `InputError` with the nearest name.
  public func explain(_ name: String) throws(InputError) -> [(StrategyDescription.Kind, StrategyDescription)] {
    var found: [(StrategyDescription.Kind, StrategyDescription)] = []
    var names: [String] = []
    for kind in StrategyDescription.Kind.allCases {
      for description in descriptions(of: kind) {
        names.append(description.name)
        if description.name == name || description.aliases.contains(name) { found.append((kind, description)) }
      }
    }
    guard !found.isEmpty else {
      throw InputError("name", found: "'\(name)'", expected: Suggestion.expected(for: name, among: names))
    }
    return found
  }

  /// The preset called `name`.
  public func preset(_ name: String, origin: String = "optimizer") throws(InputError) -> OptimizerPreset {
    try presets.find(name, origin: origin)
  }

  /// The description of the part `name` of a kind. Throws `InputError` where there is none.
  package func description(of name: String, _ kind: StrategyDescription.Kind, origin: String) throws(InputError)
    -> StrategyDescription
  {
    switch kind {
    case .estimator: try estimators.find(name, origin: origin).description
    case .rule: try rules.find(name, origin: origin).description
    case .adapter: try adapters.find(name, origin: origin).description
    case .optimizer: try presets.find(name, origin: origin).description
    }
  }
}

/// An entry with a description.
package protocol RegistryEntry: Sendable {
  var description: StrategyDescription { get }
}

package struct EstimatorEntry: RegistryEntry {
  package fileprivate(set) var description: StrategyDescription
  package let direction: any Direction.Type
  package let make: @Sendable (OptionValues) throws -> any GradientEstimator

  /// The kind of directions that the estimator produces, in words.
  package var directionWords: String {
    let hasCore = direction is any CoreDirection.Type
    guard direction is any LowRankDirection.Type else {
      return hasCore ? "produces directions with a core" : "produces directions without a common V"
    }
    return "produces low-rank directions" + (hasCore ? " with a core" : "")
  }
}

package struct RuleEntry: RegistryEntry {
  package let description: StrategyDescription
  package let factory: any RuleFactory
}

package struct AdapterEntry: RegistryEntry {
  package let description: StrategyDescription
  package let make: @Sendable (OptionValues) throws -> any LayerAdapter
}

/// The entries of one kind, found by name or alias.
struct Shelf<Entry: RegistryEntry>: Sendable {
  let kind: StrategyDescription.Kind
  private(set) var entries: [Entry] = []
  private var places: [String: Int] = [:]

  init(_ kind: StrategyDescription.Kind) { self.kind = kind }

  mutating func add(_ entry: Entry) throws(InputError) {
    let names = [entry.description.name] + entry.description.aliases
    for name in names {
      guard name.wholeMatch(of: /[a-z0-9]+(-[a-z0-9]+)*/) != nil else {
        throw InputError("\(kind.rawValue) name", found: "'\(name)'", expected: "kebab-case: letters, digits and '-'")
      }
      guard places[name] == nil, names.count(where: { $0 == name }) == 1 else {
        throw InputError("\(kind.rawValue) '\(name)'", found: "the name registered twice", expected: "each name once")
      }
    }
    let options = entry.description.options.flatMap { [$0.name] + $0.formerNames }
    if let twice = options.first(where: { name in name == "name" || options.count(where: { $0 == name }) > 1 }) {
      throw InputError(
        "\(kind.rawValue) '\(names[0])': option '\(twice)'", found: "the name twice, or reserved",
        expected: "each option once, none called 'name'")
    }
    for name in names { places[name] = entries.count }
    entries.append(entry)
  }

  func find(_ name: String, origin: String) throws(InputError) -> Entry {
    guard let place = places[name] else {
      throw InputError(
        origin, found: "no \(kind.rawValue) called '\(name)'",
        expected: Suggestion.expected(for: name, among: entries.map(\.description.name)))
    }
    return entries[place]
  }
}
