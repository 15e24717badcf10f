/// A map from numbers to numbers: a hash table with open addressing, for look-ups in the innermost loops.
struct NumberMap: Sendable {
  private var slots: [Slot] = Array(repeating: Slot(), count: 16)
  private var shift: UInt64 = 60
  private(set) var count = 0

  private struct Slot {
    var key = UInt64.max
    var value: UInt64 = 0
  }

  init(capacity: Int = 0) {
    var size = 16
    while size < 2 * capacity {
      size *= 2
      shift -= 1
    }
    slots = Array(repeating: Slot(), count: size)
  }

  /// Sets the value of `key`, which may not be `UInt64.max`.
  mutating func set(_ key: UInt64, _ value: UInt64) {
    if 2 * (count + 1) > slots.count { grow() }
    let index = Self.slot(of: key, in: slots, shift)
    if slots[index].key == .max { count += 1 }
    slots[index] = Slot(key: key, value: value)
  }

  @inline(__always)
  subscript(key: UInt64) -> UInt64? {
    let slot = slots.withUnsafeBufferPointer { slots in
      let mask = slots.count - 1
      var index = Self.start(key, shift)
      while slots[index].key != key, slots[index].key != .max { index = (index + 1) & mask }
      return slots[index]
    }
    return slot.key == .max ? nil : slot.value
  }

  private mutating func grow() {
    var larger = Array(repeating: Slot(), count: 2 * slots.count)
    shift -= 1
    for slot in slots where slot.key != .max { larger[Self.slot(of: slot.key, in: larger, shift)] = slot }
    slots = larger
  }

  /// The slot that contains `key`, or the free slot for it.
  private static func slot(of key: UInt64, in slots: [Slot], _ shift: UInt64) -> Int {
    var index = start(key, shift)
    while slots[index].key != key, slots[index].key != .max { index = (index + 1) & (slots.count - 1) }
    return index
  }

  /// The high bits of a product, on which all bits of the key have an effect.
  @inline(__always)
  private static func start(_ key: UInt64, _ shift: UInt64) -> Int {
    let mixed = (key ^ key >> 29) &* 0x9E37_79B9_7F4A_7C15
    return Int(truncatingIfNeeded: ((mixed ^ mixed >> 32) &* 0xD6E8_FEB8_6659_FD93) >> shift)
  }
}
