import CZeroth
import Testing
import Zeroth
import ZerothTestKit

@Suite struct RandomStreamTests {
  @Test func theListOfGenerators() throws {
    #expect(RandomGenerator.names.first == "philox4x32")
    #expect(RandomGenerator.names.count > 50)
    #expect(Set(RandomGenerator.names).isSuperset(of: ["mt19937", "ranlxd2", "taus2", "uni32", "minstd"]))
    #expect(try RandomGenerator(named: "philox4x32") == .philox)
    #expect(throws: InputError.self) { try RandomGenerator(named: "mersenne") }
  }

  /// Different keys give different numbers: GSL has generators that know eight seeds.
  @Test(arguments: RandomGenerator.names) func keysDiffer(_ name: String) throws {
    let generator = try RandomGenerator(named: name)
    var seen: Set<[Double]> = []
    for seed in UInt64(0)..<2000 {
      var stream = RandomStream(StreamKey(seed: seed, generator: generator))
      seen.insert((0..<6).map { _ in stream.uniform() })
    }
    #expect(seen.count == 2000)
  }

  /// Every generator gives uniforms, bits, bounded numbers and normals; the same for a key, others for another.
  @Test(arguments: RandomGenerator.names) func everyGenerator(_ name: String) throws {
    let generator = try RandomGenerator(named: name)
    #expect(generator.description == name)
    func draw(_ seed: UInt64) -> (uniforms: [Double], normals: [Double], below: [Int], highBits: Int) {
      var stream = RandomStream(StreamKey(seed: seed, generator: generator))
      var result: (uniforms: [Double], normals: [Double], below: [Int], highBits: Int) = ([], [], [], 0)
      for _ in 0..<4000 {
        result.uniforms.append(stream.uniform())
        result.normals.append(stream.gaussian())
        result.below.append(stream.below(7))
        result.highBits += Int(stream.bits() >> 31)
      }
      return result
    }
    let a = draw(1)
    let again = draw(1)
    #expect(a.uniforms == again.uniforms && a.normals == again.normals && a.below == again.below)
    #expect(a.uniforms != draw(2).uniforms)
    #expect(a.uniforms.allSatisfy { (0..<1).contains($0) })
    #expect(a.below.allSatisfy { (0..<7).contains($0) })
    #expect(abs(a.uniforms.reduce(0, +) / 4000 - 0.5) < 0.03)
    #expect(abs(a.normals.reduce(0, +) / 4000) < 0.1)
    #expect(abs(a.normals.reduce(0) { $0 + $1 * $1 } / 4000 - 1) < 0.15)
    #expect(abs(Double(a.highBits) / 4000 - 0.5) < 0.05)
    for value in 0..<7 { #expect(abs(a.below.count { $0 == value } - 571) < 150) }
  }

  /// GSL's own generators cannot start in the middle: their noise is cut into chunks of 4096 that must fit together.
  @Test(arguments: ["mt19937", "taus2"]) func chunksFitTogether(_ name: String) throws {
    let layout = ParameterLayout.made([.init("long", rows: 9001)])
    let key = StreamKey(seed: 3, generator: try RandomGenerator(named: name))
    for distribution in [NoiseDistribution.gaussian, .rademacher] {
      let direction = DenseDirection(key, distribution: distribution, layout: layout)
      let whole = direction.values(of: layout.blocks[0])
      for rows in [4095..<4097, 1..<8193, 8191..<9001] {
        var part = [Float](repeating: 0, count: rows.count)
        var span = part.mutableSpan
        direction.add(to: &span, of: layout.blocks[0], rows: rows, scale: 1)
        #expect(part == Array(whole[rows]))
      }
      #expect(Set(whole).count > (distribution == .gaussian ? 8900 : 1))
    }
  }

  /// GSL's own generators draw once for each sign and use the highest bit. The lowest bit of vax, modulo 2^32, alternates:
  /// taken as signs, the low bits would repeat within a few words.
  @Test(arguments: ["vax", "mt19937", "minstd"]) func signsOfGSLsGenerators(_ name: String) throws {
    let layout = ParameterLayout.made([.init("long", rows: 40_000)])
    let key = StreamKey(seed: 3, generator: try RandomGenerator(named: name))
    let z = DenseDirection(key, distribution: .rademacher, layout: layout).values(of: layout.blocks[0])
    #expect(z.allSatisfy { abs($0) == 1 })
    for distance in Array(1...70) + [128, 256, 4096] {
      let sum = zip(z, z.dropFirst(distance)).reduce(Float(0)) { $0 + $1.0 * $1.1 }
      #expect(abs(sum) < 5 * Float(z.count - distance).squareRoot(), "distance \(distance)")
    }
  }

  /// W + scale z without z in memory is bit for bit z, then a product and a sum.
  @Test(arguments: NoiseDistribution.allCases) func displacements(_ distribution: NoiseDistribution) throws {
    let layout = ParameterLayout.made([.init("w", rows: 70, columns: 130)])
    let block = layout.blocks[0]
    let w = (0..<block.count).map { Float($0) * 0.013 - 40 }
    for generator in [RandomGenerator.philox, try RandomGenerator(named: "mt19937")] {
      let z = DenseDirection(StreamKey(seed: 8, generator: generator), distribution: distribution, layout: layout)
      #expect(z.displacesCheaply == (distribution == .rademacher && generator == .philox))
      for (rows, columns) in [(0..<70, 0..<130), (3..<20, 7..<120), (69..<70, 129..<130), (5..<9, 64..<96)] {
        var noise = [Float](repeating: 0, count: rows.count * columns.count)
        var span = noise.mutableSpan
        z.write(to: &span, of: block, rows: rows, columns: columns)
        for scale: Float in [1e-3, -1e-3, 0.37] {
          var found = [Float](repeating: .nan, count: noise.count)
          w.withUnsafeBufferPointer { w in
            found.withUnsafeMutableBufferPointer { found in
              guard let base = w.baseAddress, let out = found.baseAddress else { return }
              z.displace(
                base + rows.lowerBound * 130 + columns.lowerBound, stride: 130, of: block, rows: rows,
                columns: columns, scale: scale, into: out)
            }
          }
          for (i, value) in found.enumerated() {
            let place = (rows.lowerBound + i / columns.count) * 130 + columns.lowerBound + i % columns.count
            let expected = w[place] + scale * noise[i]
            #expect(distribution == .sphere ? abs(value - expected) < 1e-5 : value.bitPattern == expected.bitPattern)
          }
        }
      }
    }
  }

  @Test func shufflesAreOrders() {
    var stream = RandomStream(StreamKey(seed: 4))
    var first = [Int](repeating: 0, count: 5)
    for _ in 0..<5000 {
      let order = stream.shuffled(Array(0..<5))
      #expect(order.sorted() == Array(0..<5))
      first[order[0]] += 1
    }
    for count in first { #expect(abs(count - 1000) < 150) }
    #expect(stream.shuffled([Int]()).isEmpty)
  }

  @Test func keysSplit() {
    let root = StreamKey(seed: 42)
    let purposes: [StreamKey.Purpose] = [
      .step, .left, .right, .query, .block, .batch, .split, .ratio, .initial, .plugin,
    ]
    var seen: Set<UInt64> = [root.bits]
    for purpose in purposes {
      for index in 0..<1000 {
        #expect(seen.insert(root.child(purpose, index).bits).inserted)
        #expect(root.child(purpose, index) == StreamKey(seed: 42).child(purpose, index))
      }
    }
    #expect(root.child(.step, 1).child(.query, 2) != root.child(.query, 2).child(.step, 1))
    #expect(root.child(.step, 1).child(.step, 2) != root.child(.step, 2).child(.step, 1))
    #expect(StreamKey(seed: 0) != StreamKey(seed: 1))
    #expect(root.child(.step, -1) != root.child(.step, 1))
  }
}

@Suite struct LibraryTests {
  /// GSL brings a BLAS that is many times slower and takes over in silence when it is linked first.
  @Test func theBLASIsOpenBLAS() {
    let library = String(cString: zeroth_blas_library())
    #expect(library.lowercased().contains("openblas"), "\(library)")
  }

  /// Against sums written out by the definition, on shapes that take OpenBLAS's different paths.
  @Test(arguments: [(1, 1, 1), (2, 3, 4), (1, 40, 17), (33, 65, 70)]) func products(_ m: Int, _ n: Int, _ k: Int) {
    let a = made(zeroth_gaussian, key: 1, count: m * k)
    let b = made(zeroth_gaussian, key: 2, count: k * n)
    var found = [[Float]](repeating: [Float](repeating: 0, count: m * n), count: 2)
    var exact = [[Double]](repeating: [Double](repeating: 0, count: m * n), count: 2)
    zeroth_sgemm(false, m, n, k, 1, a, k, b, n, 0, &found[0], n)
    zeroth_sgemm(true, m, n, k, 1, a, k, b, k, 0, &found[1], n)
    for i in 0..<m {
      for j in 0..<n {
        for p in 0..<k {
          exact[0][i * n + j] += Double(a[i * k + p]) * Double(b[p * n + j])
          exact[1][i * n + j] += Double(a[i * k + p]) * Double(b[j * k + p])
        }
      }
    }
    for (f, e) in zip(found.joined(), exact.joined()) { #expect(abs(Double(f) - e) < 2e-5) }
  }

  @Test func parallelLoopsVisitEveryIndexOnce() throws {
    for threads in [1, 2, 3] {
      try withThreads(threads) {
        let counts = (0..<100).map { _ in Counter() }
        Parallel.forEach(100) { index, worker in
          _ = counts[index].next()
          #expect((0..<threads).contains(worker))
          // A loop inside a loop runs in the thread that asks for it.
          Parallel.forEach(2) { _ in _ = counts[index].next() }
        }
        for counter in counts { #expect(counter.next() == 4) }
      }
    }
  }
}
