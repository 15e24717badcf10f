import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// The functions that the host offers every plugin: keys and noise, the same that Zeroth's own strategies use.
enum PluginServices {
  /// The table of the functions. It lives as long as the process.
  nonisolated(unsafe) static let table: UnsafePointer<zeroth_plugin_services> = {
    let table = UnsafeMutablePointer<zeroth_plugin_services>.allocate(capacity: 1)
    table.initialize(to: services)
    return UnsafePointer(table)
  }()

  // A function that only computes stays under the plugin's guard. If the plugin passes it a bad address, the crash ends
  // only the plugin's call.
  private static var services: zeroth_plugin_services {
    zeroth_plugin_services(
      size: UInt64(MemoryLayout<zeroth_plugin_services>.size),
      child: { key, purpose, index in
        guard let parent = StreamKey(key), let raw = UInt64(exactly: purpose),
          let purpose = StreamKey.Purpose(rawValue: raw), let index = Int(exactly: index)
        else { return zeroth_plugin_key(bits: 0, generator: .max) }
        return zeroth_plugin_key(parent.child(purpose, index))
      },
      noise_add: { key, distribution, first, count, scale, values in
        guard let values, let noise = Noise(key, distribution), first >= 0, count > 0 else {
          return PluginServices.spoil(values, count)
        }
        var span = UnsafeMutableBufferPointer(start: values, count: Int(count)).mutableSpan
        noise.add(to: &span, from: Int(first), scale: scale)
      },
      noise_fill: { key, distribution, first, count, scale, values in
        guard let values, let noise = Noise(key, distribution), first >= 0, count > 0 else {
          return PluginServices.spoil(values, count)
        }
        noise.fill(UnsafeMutableBufferPointer(start: values, count: Int(count)), from: Int(first), scale: scale)
      },
      sphere_radius: { key, layout in
        let guarded = zeroth_guard_suspend()
        defer { zeroth_guard_resume(guarded) }
        guard let key = StreamKey(key), let layout = PluginLayout.layout(at: layout) else { return .nan }
        return DenseDirection(key, distribution: .sphere, layout: layout).radius
      },
      selects: { selection, layout, block in
        let guarded = zeroth_guard_suspend()
        defer { zeroth_guard_resume(guarded) }
        guard let text = try? PluginMemory(subject: "selection").text("selection", selection),
          let selected = try? BlockSelection(parsing: text), let layout = PluginLayout.layout(at: layout),
          let index = Int(exactly: block), layout.blocks.indices.contains(index)
        else { return -1 }
        return selected.contains(layout.blocks[index]) ? 1 : 0
      },
      generator_name: { generator in
        generator < UInt64(PluginServices.generatorNames.count) ? PluginServices.generatorNames[Int(generator)] : nil
      },
      threads: { Int32(clamping: Parallel.threads) })
  }

  /// Answers a wrong request for noise with a NaN, which the host then finds.
  private static func spoil(_ values: UnsafeMutablePointer<Float>?, _ count: Int64) {
    if count > 0 { values?.pointee = .nan }
  }

  nonisolated(unsafe) private static let generatorNames: [UnsafePointer<CChar>] = RandomGenerator.names.map {
    persistent($0)
  }
}

extension zeroth_plugin_key {
  /// `key` in the form that a plugin reads.
  init(_ key: StreamKey) { self.init(bits: key.bits, generator: UInt64(key.generator.index)) }
}

extension StreamKey {
  /// The key that a plugin gives back; nil if there is no such generator.
  init?(_ key: zeroth_plugin_key) {
    guard let generator = RandomGenerator(at: key.generator) else { return nil }
    self.init(bits: key.bits, generator: generator)
  }
}

extension Noise {
  fileprivate init?(_ key: zeroth_plugin_key, _ distribution: Int32) {
    guard let key = StreamKey(key) else { return nil }
    switch Int(distribution) {
    case ZEROTH_PLUGIN_GAUSSIAN: self.init(key: key, distribution: .gaussian)
    case ZEROTH_PLUGIN_RADEMACHER: self.init(key: key, distribution: .rademacher)
    default: return nil
    }
  }
}

/// A layout in the form that plugins read.
final class PluginLayout: @unchecked Sendable {
  let layout: ParameterLayout
  let pointer: UnsafePointer<zeroth_plugin_layout>
  /// The trainable blocks, cut into panels once for all loops.
  let panels: [Panel]
  private let blocks: UnsafeMutablePointer<zeroth_plugin_block>
  private let places: UnsafeMutablePointer<UnsafePointer<zeroth_plugin_block>?>

  /// All layouts in use, by serial number.
  private static let all = Mutex<(next: UInt64, layouts: [UInt64: ParameterLayout])>((1, [:]))

  init(_ layout: ParameterLayout) {
    self.layout = layout
    panels = Panel.cut(layout.trainable)
    let count = layout.blocks.count
    blocks = .allocate(capacity: count)
    places = .allocate(capacity: count)
    for (i, block) in layout.blocks.enumerated() {
      (blocks + i).initialize(
        to: zeroth_plugin_block(
          size: UInt64(MemoryLayout<zeroth_plugin_block>.size), index: Int64(i), rows: Int64(block.rows),
          columns: Int64(block.columns), layer: block.layer.map { Int64($0) } ?? -1,
          is_trainable: block.isTrainable ? 1 : 0, is_matrix: block.isMatrix ? 1 : 0, name: persistent(block.name),
          role: persistent(block.role.rawValue)))
      (places + i).initialize(to: UnsafePointer(blocks + i))
    }
    let serial = Self.all.withLock { all in
      defer { all.next += 1 }
      all.layouts[all.next] = layout
      return all.next
    }
    let table = UnsafeMutablePointer<zeroth_plugin_layout>.allocate(capacity: 1)
    table.initialize(
      to: zeroth_plugin_layout(
        size: UInt64(MemoryLayout<zeroth_plugin_layout>.size), serial: serial, block_count: Int64(count),
        blocks: UnsafePointer(places), trainable_count: Int64(layout.trainableCount)))
    pointer = UnsafePointer(table)
  }

  deinit {
    let serial = pointer.pointee.serial
    Self.all.withLock { all in _ = all.layouts.removeValue(forKey: serial) }
    for i in layout.blocks.indices {
      blocks[i].name.deallocate()
      blocks[i].role.deallocate()
    }
    blocks.deallocate()
    places.deallocate()
    pointer.deallocate()
  }

  /// `block` in the form that plugins read; nil for a block of another layout.
  func block(_ block: ParameterBlock) -> UnsafePointer<zeroth_plugin_block>? {
    guard layout.blocks.indices.contains(block.index) else { return nil }
    let known = blocks[block.index]
    return known.rows == block.rows && known.columns == block.columns ? UnsafePointer(blocks + block.index) : nil
  }

  /// The block whose struct lies at `address`; nil if it is none of this layout. The address is not read, because it
  /// may be invalid.
  func block(at address: UnsafePointer<zeroth_plugin_block>?) -> ParameterBlock? {
    let distance = UInt(bitPattern: address) &- UInt(bitPattern: blocks)
    let (index, rest) = distance.quotientAndRemainder(dividingBy: UInt(MemoryLayout<zeroth_plugin_block>.stride))
    return rest == 0 && index < UInt(layout.blocks.count) ? layout.blocks[Int(index)] : nil
  }

  /// The layout that was given to a plugin at `address`.
  static func layout(at address: UnsafePointer<zeroth_plugin_layout>?) -> ParameterLayout? {
    let memory = PluginMemory(subject: "layout")
    guard let known = try? memory.value("layout", at: address, of: zeroth_plugin_layout.self) else { return nil }
    return all.withLock { $0.layouts[known.serial] }
  }
}
