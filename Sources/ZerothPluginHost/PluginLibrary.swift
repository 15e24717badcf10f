import CZerothPlugin
import Foundation
import Zeroth
import ZerothStrategies
import ZerothSupport

extension Registry {
  /// Loads the shared library at `path` through the interface of `CZerothPlugin.h` and registers its estimators, rules
  /// and adapters.
  ///
  /// No code of the library runs until the file is known to name the query function. After that only the query function
  /// runs, until magic number, version and size are right. The library is never unloaded.
  ///
  /// With `checking`, every call of its directions is checked: it must stay within its block, and its values must be
  /// finite, repeatable and independent of the values that they are added to. Without `checking`, values are always
  /// checked to be finite; the rest is checked only in the first step of a strategy.
  ///
  /// - Throws: an `InputError` for a file that is not a plugin, has another version of the interface, crashes, or has
  ///   names that are taken. Nothing is registered then.
  @discardableResult
  public mutating func load(plugin path: String, checking: Bool = false) throws(InputError) -> PluginIdentity {
    let library = try PluginLibrary(path)
    if let other = plugins.first(where: { $0.name == library.identity.name }) {
      throw InputError(
        "\(path): name", found: "'\(library.identity.name)', which \(other.path) has", expected: "each plugin once")
    }
    var registry = self
    for type in try library.types() { try registry.add(type, of: library.identity, checksAlways: checking) }
    registry.plugins.append(library.identity)
    self = registry
    return library.identity
  }

  private mutating func add(
    _ type: PluginLibrary.Registered, of library: PluginIdentity, checksAlways: Bool
  ) throws(InputError) {
    func named(_ add: () throws(InputError) -> Void) throws(InputError) {
      do throws(InputError) { try add() } catch {
        throw InputError("\(library.path): \(error.subject)", found: error.found, expected: error.expected)
      }
    }
    switch type {
    case .estimator(let address):
      let type = try PluginType<zeroth_plugin_estimator>(library, at: address, checksAlways: checksAlways)
      try named { () throws(InputError) in
        if type.isLowRank {
          try register(estimator: type.strategy.description) { try PluginEstimator<LowRankPluginDirection>(type, $0) }
        } else {
          try register(estimator: type.strategy.description) { try PluginEstimator<PluginDirection>(type, $0) }
        }
      }
    case .rule(let address):
      let type = try PluginType<zeroth_plugin_rule>(library, at: address, checksAlways: checksAlways)
      try named { () throws(InputError) in try register(rule: PluginRuleFactory(type: type)) }
    case .adapter(let address):
      let type = try PluginType<zeroth_plugin_adapter>(library, at: address, checksAlways: checksAlways)
      try named { () throws(InputError) in
        try register(adapter: type.strategy.description) { try PluginAdapter(type, $0) }
      }
    }
  }
}

/// An open library whose header has been checked.
struct PluginLibrary {
  let identity: PluginIdentity
  private let plugin: zeroth_plugin
  private let memory: PluginMemory

  /// The name of the only function that a plugin exports.
  private static let query = "zeroth_plugin_query"

  /// Opens the library at `path`.
  init(_ path: String) throws(InputError) {
    memory = PluginMemory(subject: path)
    let url = URL(fileURLWithPath: path).standardizedFileURL
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), !isFolder.boolValue,
      (try? url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) ?? true,
      let data = FileManager.default.contents(atPath: url.path)
    else { throw InputError(path, found: "no file that can be read", expected: "a plugin, a shared library") }
    guard data.range(of: Data(Self.query.utf8)) != nil else {
      throw InputError(path, found: "no function \(Self.query)", expected: "a plugin, a shared library that exports it")
    }
    zeroth_guard_install()
    var handle: UnsafeMutableRawPointer?
    try Self.survived(zeroth_guarded_open(url.path, &handle), "\(path): opening it")
    guard let handle else {
      throw InputError(
        path, found: "what cannot be opened: \(String(cString: zeroth_library_error()))",
        expected: "a plugin, a shared library for this machine")
    }
    guard let function = zeroth_library_function(handle, Self.query) else {
      throw InputError(path, found: "no function \(Self.query)", expected: "a plugin, a shared library that exports it")
    }
    var address: UnsafePointer<zeroth_plugin>?
    try Self.survived(zeroth_guarded_query(function, &address), "\(path): \(Self.query)")
    plugin = try Self.header(at: address, memory)
    identity = PluginIdentity(
      name: try memory.name("name", plugin.name), path: path,
      hash: data.withUnsafeBytes { ContentHash.hex(ContentHash.xxh64($0)) })
  }

  /// The checked header. The magic number is read first, then the version, then the size. Anything else is read only
  /// when these are right.
  private static func header(
    at address: UnsafePointer<zeroth_plugin>?, _ memory: PluginMemory
  ) throws(InputError) -> zeroth_plugin {
    let base = UnsafeRawPointer(address)
    let magic = try memory.value("magic", at: base, of: UInt64.self)
    guard magic == zeroth_plugin_magic else {
      throw memory.error(
        "magic", found: "0x" + ContentHash.hex(magic),
        expected: "0x\(ContentHash.hex(zeroth_plugin_magic)), of a plugin")
    }
    let version = try memory.value("version", at: base.map { $0 + 8 }, of: UInt32.self)
    guard version == UInt32(ZEROTH_PLUGIN_VERSION) else {
      throw memory.error(
        "version of the plugin interface", found: "\(version)",
        expected: "\(ZEROTH_PLUGIN_VERSION): build the plugin against the CZerothPlugin.h of this zeroth")
    }
    try memory.checkSize(
      "zeroth_plugin", UInt64(try memory.value("size", at: base.map { $0 + 12 }, of: UInt32.self)), zeroth_plugin.self)
    return try memory.value("zeroth_plugin", at: base, of: zeroth_plugin.self)
  }

  /// A struct that the library has registered. Nothing in it has been read yet.
  enum Registered {
    case estimator(UnsafeRawPointer)
    case rule(UnsafeRawPointer)
    case adapter(UnsafeRawPointer)
  }

  /// The strategies that the library registers.
  func types() throws(InputError) -> [Registered] {
    guard plugin.register_types != nil else {
      throw memory.error("register_types", found: "NULL", expected: "a function")
    }
    let registrations = Registrations()
    var registrar = zeroth_plugin_registrar(
      size: UInt64(MemoryLayout<zeroth_plugin_registrar>.size),
      register_estimator: { registrar, type in Registrations.add(registrar, type.map { .estimator($0) }) },
      register_rule: { registrar, type in Registrations.add(registrar, type.map { .rule($0) }) },
      register_adapter: { registrar, type in Registrations.add(registrar, type.map { .adapter($0) }) },
      host: Unmanaged.passUnretained(registrations).toOpaque())
    var failure = zeroth_plugin_failure.none
    var status: Int32 = 0
    let signal = withExtendedLifetime(registrations) {
      withUnsafePointer(to: plugin) { zeroth_guarded_register($0, &registrar, &failure, &status) }
    }
    let function = "\(memory.subject): register_types"
    try Self.survived(signal, function)
    guard status == 0 else { throw failure.error(function, expected: "strategies") }
    guard !registrations.types.isEmpty else {
      throw InputError(function, found: "nothing registered", expected: "at least one strategy")
    }
    return registrations.types
  }

  private final class Registrations {
    private(set) var types: [Registered] = []

    /// Keeps `type`. Returns 0, or 1 if it is refused.
    static func add(_ registrar: UnsafePointer<zeroth_plugin_registrar>?, _ type: Registered?) -> Int32 {
      let guarded = zeroth_guard_suspend()
      defer { zeroth_guard_resume(guarded) }
      guard let host = registrar?.pointee.host, let type else { return 1 }
      let registrations = Unmanaged<Registrations>.fromOpaque(host).takeUnretainedValue()
      guard registrations.types.count < 256 else { return 1 }
      registrations.types.append(type)
      return 0
    }
  }

  /// Throws an `InputError` if `signal` is not 0, that is, if the function crashed.
  static func survived(_ signal: Int32, _ function: String) throws(InputError) {
    if signal != 0 { throw crash(signal, function) }
  }

  static func crash(_ signal: Int32, _ function: String) -> InputError {
    InputError(
      function, found: "a crash with \(String(cString: zeroth_signal_name(signal)))", expected: "it to return")
  }
}

/// The value of ZEROTH_PLUGIN_MAGIC. Swift does not import the macro, because its value is a cast.
let zeroth_plugin_magic: UInt64 = 0x4950_6874_6f72_655a
