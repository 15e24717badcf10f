import Zeroth

/// Tests of the noise of many keys of a run: each key alone, and pairs of neighbouring keys.
package enum NoiseSurvey {
  /// Fills a buffer with the noise of a key, from element `first` on.
  package typealias Source = (StreamKey, _ first: Int, UnsafeMutableBufferPointer<Float>) -> Void

  /// The framework's normal noise.
  package static func noise(_ key: StreamKey, _ first: Int, _ values: UnsafeMutableBufferPointer<Float>) {
    Noise(key: key, distribution: .gaussian).fill(values, from: first)
  }

  /// The distances within a stream at which correlations are tested. They are all distances inside a group of 64, which
  /// is the period of the pairs of Box and Muller, and some longer ones: two groups, a batch, the lengths of rows.
  package static let lags = Array(1...66) + [128, 256, 768, 1023, 1024, 1025, 2048, 4096]
  /// The number of neighbouring keys of each kind. All pairs of them are tested.
  package static let neighbours = 8

  /// Groups of keys whose noise has to be independent, made as in the framework.
  package static func families(seed: UInt64) -> [(name: String, keys: [StreamKey])] {
    let run = StreamKey(seed: seed)
    func direction(_ run: StreamKey, step: Int = 0, query: Int = 0, block: Int = 0) -> StreamKey {
      run.child(.step, step).child(.query, query).child(.block, block)
    }
    func made(_ name: String, _ key: (Int) -> StreamKey) -> (name: String, keys: [StreamKey]) {
      (name, (0..<neighbours).map(key))
    }
    return [
      made("seeds") { direction(StreamKey(seed: seed &+ UInt64($0))) },
      made("steps") { direction(run, step: $0) },
      made("queries") { direction(run, query: $0) },
      made("blocks") { direction(run, block: $0) },
      made("left and right factors") {
        (($0 % 2 == 0) ? run.child(.step, $0).child(.left) : run.child(.right, $0)).child(.block)
      },
    ]
  }

  /// All tests on `count` numbers of each key. `count` is at least 10^5, so that sums are close to normal.
  package static func checks(count: Int, seed: UInt64, source: Source = noise) -> [NoiseCheck] {
    alone(count, StreamKey(seed: seed).child(.step).child(.query).child(.block), source)
      + families(seed: seed).flatMap { between(count, $0.name, $0.keys, source) }
  }

  /// The probability that perfect noise gives a test as bad as the worst of `checks`, by the bound of Bonferroni.
  package static func pValue(_ checks: [NoiseCheck]) -> Double {
    min(1, (checks.map(\.pValue).min() ?? 1) * Double(checks.count))
  }

  private static let piece = 1 << 15

  private static func alone(_ count: Int, _ key: StreamKey, _ source: Source) -> [NoiseCheck] {
    var normal = NormalStatistics()
    var pairs = [PairStatistics](repeating: PairStatistics(), count: lags.count)
    let reach = lags.max() ?? 0
    withScratch(piece + reach) { values in
      guard let start = values.baseAddress else { return }
      for first in stride(from: 0, to: count, by: piece) {
        let n = min(piece, count - first)
        source(key, first, UnsafeMutableBufferPointer(start: start, count: n + reach))
        normal.add(UnsafeBufferPointer(start: start, count: n))
        for (i, lag) in lags.enumerated() { pairs[i].add(start, start + lag, count: n) }
      }
    }
    return normal.checks + zip(lags, pairs).flatMap { lag, pair in pair.checks("places at a distance of \(lag)") }
  }

  private static func between(_ count: Int, _ name: String, _ keys: [StreamKey], _ source: Source) -> [NoiseCheck] {
    let stretch = piece / 32  // so that the numbers of all keys fit into the nearest cache
    var pairs = [PairStatistics](repeating: PairStatistics(), count: keys.count * keys.count)
    withScratch(stretch * keys.count) { values in
      guard let start = values.baseAddress else { return }
      for first in stride(from: 0, to: count, by: stretch) {
        let n = min(stretch, count - first)
        for (i, key) in keys.enumerated() {
          source(key, first, UnsafeMutableBufferPointer(start: start + i * stretch, count: n))
        }
        for i in keys.indices {
          for j in 0..<i { pairs[i * keys.count + j].add(start + i * stretch, start + j * stretch, count: n) }
        }
      }
    }
    return keys.indices.flatMap { i in
      (0..<i).flatMap { j in pairs[i * keys.count + j].checks("\(name) \(j) and \(i)") }
    }
  }
}
