import CZerothPlugin
import Synchronization
import Zeroth
import ZerothStrategies
import ZerothSupport

/// What the host gives every plugin: keys and noise, the same as Zeroth's own strategies use.
enum PluginServices {
  /// Lives as long as the process.
  nonisolated(unsafe) static let table: UnsafePointer<zeroth_plugin_services> = {
    let table = UnsafeMutablePointer<zeroth_plugin_services>.allocate(capacity: 1)
    table.initialize(to: services)
    return UnsafePointer(table)
  }()

  // Those that only compute stay under the plugin's guard: a bad address that it passes ends its call.
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

  /// Noise that was asked for wrongly is no number, which the host then finds.
  private static func spoil(_ values: UnsafeMutablePointer<Float>?, _ count: Int64) {
    if count > 0 { values?.pointee = .nan }
  }

  nonisolated(unsafe) private static let generatorNames: [UnsafePointer<CChar>] = RandomGenerator.names.map {
    persistent($0)
  }
}

extension zeroth_plugin_key {
  /// `key` for a plugin.
  init(_ key: StreamKey) { self.init(bits: key.bits, generator: UInt64(key.generator.index)) }
}

extension StreamKey {
  /// The key that a plugin gives back; nil where its generator is none.
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

/// A layout as plugins see it.
final class PluginLayout: @unchecked Sendable {
  let layout: ParameterLayout
  let pointer: UnsafePointer<zeroth_plugin_layout>
  /// The trainable blocks, cut once for all loops.
  let panels: [Panel]
  private let blocks: UnsafeMutablePointer<zeroth_plugin_block>
  private let places: UnsafeMutablePointer<UnsafePointer<zeroth_plugin_block>?>

  /// The layouts that there are, by serial number.
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

  /// `block` as plugins see it; nil for a block of another layout.
  func block(_ block: ParameterBlock) -> UnsafePointer<zeroth_plugin_block>? {
    guard layout.blocks.indices.contains(block.index) else { return nil }
    let known = blocks[block.index]
    return known.rows == block.rows && known.columns == block.columns ? UnsafePointer(blocks + block.index) : nil
  }

  /// The block that was given to a plugin at `address`, which is not read: it may be none of ours.
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
