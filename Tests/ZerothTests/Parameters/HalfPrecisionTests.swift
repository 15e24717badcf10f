import CZeroth
import Foundation
import Testing
import Zeroth
import ZerothTestKit

@Suite struct HalfPrecisionTests {
  static let formats: [ElementFormat] = [.bfloat16, .float16]

  func widened(_ bits: [UInt16], _ format: ElementFormat) -> [Float] {
    var values = [Float](repeating: 0, count: bits.count)
    zeroth_widen(format.kernel, 0, bits.count, bits, &values)
    return values
  }

  func narrowed(_ values: [Float], _ format: ElementFormat, key: UInt64) -> [UInt16] {
    var bits = [UInt16](repeating: 0, count: values.count)
    zeroth_narrow(format.kernel, values.count, values, key, 3, &bits)
    return bits
  }

  @Test(arguments: formats) func everyHalfWidensAndComesBack(format: ElementFormat) {
    let all = (0...UInt16.max).map { $0 }
    let values = widened(all, format)
    for (bits, value) in zip(all, values) {
      let expected =
        format == .bfloat16 ? Float(bitPattern: UInt32(bits) << 16) : Float(Float16(bitPattern: bits))
      #expect(value == expected || value.isNaN && expected.isNaN)
    }
    let back = narrowed(values, format, key: 1)
    #expect(zip(all, zip(values, back)).allSatisfy { $1.0.isNaN || $0 == $1.1 }, "halves are not moved")
    #expect(zip(values, widened(back, format)).allSatisfy { $0.isNaN == $1.isNaN })
  }

  @Test(arguments: formats) func roundingIsToANeighbourAndUnbiased(format: ElementFormat) {
    // Large, small, negative, and below float16's normal numbers.
    let centers: [Float] = [1.0003, -3.14159, 0.02, 1e-3, 6.1e-5, -2.5e-6, 1000.7]
    let draws = 1 << 16
    for center in centers {
      let results = widened(narrowed([Float](repeating: center, count: draws), format, key: 7), format)
      let below = results.min() ?? .nan
      let above = results.max() ?? .nan
      #expect(below <= center && center <= above && Set(results).count <= 2)
      let mean = results.reduce(0.0) { $0 + Double($1) } / Double(draws)
      // A Bernoulli draw between two neighbours deviates by at most half their distance.
      let deviation = Double(above - below) / 2 / Double(draws).squareRoot()
      #expect(abs(mean - Double(center)) <= 5 * deviation, "\(center): mean \(mean)")
    }
  }

  @Test(arguments: formats) func nonFiniteStaysNonFinite(format: ElementFormat) {
    let results = widened(narrowed([.infinity, -.infinity, .nan, 3e38], format, key: 1), format)
    #expect(results[0] == .infinity && results[1] == -.infinity && results[2].isNaN)
    #expect(format == .bfloat16 ? results[3].isFinite : results[3] == .infinity)
  }

  /// A store whose matrices are bfloat16 in memory of their own.
  func halfStore(_ layout: ParameterLayout, from theta: borrowing ParameterStore) -> ParameterStore {
    final class Memory: Sendable {
      nonisolated(unsafe) let start: UnsafeMutablePointer<UInt16>
      init(_ count: Int) { start = .allocate(capacity: count) }
      deinit { start.deallocate() }
    }
    let memory = Memory(layout.storageCount)
    var places: [Int: StoredBlocks.Place] = [:]
    for block in layout.blocks where block.isMatrix {
      places[block.index] = .init(writable: memory.start + block.offset, .bfloat16)
      for (i, value) in theta.values(of: block).enumerated() {
        memory.start[block.offset + i] = UInt16(value.bitPattern >> 16)
      }
    }
    var store = ParameterStore(layout, stored: StoredBlocks(places, owner: memory))
    for block in layout.blocks where !block.isMatrix { store.fill(block, with: theta.values(of: block)) }
    return store
  }

  /// A vector between matrices that lie elsewhere takes the pages that it fills, and no huge one.
  @Test func vectorsBetweenStoredMatricesTakeLittleMemory() throws {
    let entries = (0..<16).flatMap {
      [ParameterLayout.Entry("w\($0)", rows: 1024, columns: 1024), .init("b\($0)", rows: 8)]
    }
    var theta = halfStore(try ParameterLayout(entries), from: ParameterStore(try ParameterLayout(entries)))
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    var addresses: [UInt] = []
    for block in theta.layout.blocks where !block.isMatrix {
      theta.withMutableBlock(block) { span in
        span.withUnsafeMutableBufferPointer { addresses.append(UInt(bitPattern: $0.baseAddress)) }
      }
    }
    let first = try #require(addresses.min()) / UInt(page) * UInt(page)
    let bytes = Int(try #require(addresses.max()) - first) + 1
    var resident = [UInt8](repeating: 0, count: (bytes + page - 1) / page)
    let isRead = mincore(UnsafeMutableRawPointer(bitPattern: first), bytes, &resident) == 0
    #expect(isRead && resident.reduce(0) { $0 + Int($1 & 1) } <= 16)
  }

  @Test func windowsAreFoldedWithoutBias() {
    let layout = ParameterLayout.attention(layers: 2, width: 24)
    var start = ParameterStore(layout)
    start.add(DenseDirection(StreamKey(seed: 1), layout: layout), scale: 1)
    let half = halfStore(layout, from: start)
    let base = half.flattened()
    #expect(zip(base, start.flattened()).allSatisfy { abs($0 - $1) <= 0.01 * abs($1) })
    // The same small update, folded with many rounding keys: its mean comes through though it is below half a unit.
    let key = StreamKey(seed: 9)
    let update = LowRankProbe(rank: 1, leftKey: key.child(.left), rightKey: key.child(.right))
    let next = LowRankProbe(rank: 1, leftKey: key.child(.left, 1), rightKey: key.child(.right, 1))
    let scale: Float = 1e-4
    var sum = [Double](repeating: 0, count: layout.parameterCount)
    let runs = 200
    for run in 0..<runs {
      var theta = halfStore(layout, from: half)
      theta.roundingKey = StreamKey(seed: UInt64(run))
      theta.add(update, scale: scale)
      let pending = theta.flattened()
      theta.add(next, scale: 0)  // another V: the first is folded
      if run == 0 { #expect(pending != theta.flattened(), "folding rounds") }
      for (i, value) in theta.flattened().enumerated() { sum[i] += Double(value) - Double(base[i]) }
    }
    let wanted = update.flattened(in: layout).map { Double($0) * Double(scale) }
    let projected = zip(sum, wanted).reduce(0.0) { $0 + $1.0 / Double(runs) * $1.1 }
    let size = wanted.reduce(0.0) { $0 + $1 * $1 }
    // Units of bfloat16 are 2^-8 of a value of about 1: the noise of the mean, projected on the update.
    let noise = 0.004 / 2 / Double(runs).squareRoot() * size.squareRoot()
    #expect(abs(projected - size) < 5 * noise, "\(projected) of \(size), noise \(noise)")
  }

  @Test func theSameKeyRoundsTheSame() {
    let layout = ParameterLayout.small
    var start = ParameterStore(layout)
    start.add(DenseDirection(StreamKey(seed: 1), layout: layout), scale: 1)
    let results = (0..<2).map { _ in
      var theta = halfStore(layout, from: start)
      theta.add(DenseDirection(StreamKey(seed: 2), layout: layout), scale: 1e-3)
      theta.add(DenseDirection(StreamKey(seed: 3), layout: layout), scale: 1e-3)
      return theta.flattened()
    }
    #expect(results[0] == results[1])
  }
}
