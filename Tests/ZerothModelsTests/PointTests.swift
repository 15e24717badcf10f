import Testing
import Zeroth
import ZerothTestKit

@testable import ZerothModels

/// Many points in one request against each of them alone.
@Suite struct PointTests {
  /// What the points of a request are along.
  enum Kind: String, CaseIterable {
    /// Low rank, all with one V, as the queries of LGE.
    case sharedRight
    /// Low rank, each with factors of its own.
    case ownFactors
    case gaussian, rademacher
    /// Each moves one element alone.
    case coordinates
    /// Dense ones and low-rank ones, which no group joins.
    case mixed
  }

  static func directions(_ kind: Kind, _ layout: ParameterLayout) -> [any Direction] {
    let key = StreamKey(seed: 7)
    func lowRank(_ i: Int, _ right: Int) -> LowRankProbe {
      LowRankProbe(rank: 2 + right % 2, leftKey: key.child(.left, i), rightKey: key.child(.right, right))
    }
    return (0..<8).map { i in
      switch kind {
      case .sharedRight: lowRank(i, 0)
      case .ownFactors: lowRank(i, i)
      case .gaussian: DenseDirection(key.child(.query, i), layout: layout)
      case .rademacher: DenseDirection(key.child(.query, i), distribution: .rademacher, layout: layout)
      case .coordinates: CoordinateDirection([.init(block: i % layout.blocks.count, element: i)], values: [25])
      case .mixed: i % 3 == 0 ? DenseDirection(key.child(.query, i), layout: layout) : lowRank(i, 0)
      }
    }
  }

  /// Both signs of each direction, and theta itself somewhere between.
  static func points(_ kind: Kind, _ layout: ParameterLayout) -> Points {
    var points = Points()
    for (i, direction) in directions(kind, layout).enumerated() {
      points.append(direction, at: i == 3 ? [0, 0.02] : [0.02, -0.02])
    }
    return points
  }

  static let cases = MadeModels.configurations.keys.sorted().flatMap { name in Kind.allCases.map { (name, $0) } }

  /// The updates that wait apart from W are those of a window whose V is the first directions'.
  private func theta(_ model: CausalModel) -> ParameterStore {
    var theta = model.randomParameters(StreamKey(seed: 1))
    let key = StreamKey(seed: 7)
    theta.add(LowRankProbe(rank: 2, leftKey: key.child(.left, 9), rightKey: key.child(.right, 0)), scale: 0.01)
    return theta
  }

  @Test(arguments: cases) func eachPointHasTheValuesThatItHasAlone(model name: String, kind: Kind) throws {
    let model = try MadeModels.make(name)
    let theta = theta(model)
    let points = Self.points(kind, model.layout)
    let logProbabilities = Readout.logProbabilities(rows: [3, 9, 20], targets: [5, 6, 7])
    for (batch, readouts) in [
      (MadeModels.batch(vocabulary: model.vocabulary), [logProbabilities, .logits(rows: [4, 11], ids: [2, 8])]),
      (MadeModels.longBatch(vocabulary: model.vocabulary), [logProbabilities]),
    ] {
      for readout in readouts {
        let together = try model.evaluate(batch, readout, from: theta, at: points)
        var largest = 0.0
        for i in points.indices {
          let alone = try model.evaluate(
            batch, readout, at: theta, along: points.direction(of: i), offsets: [points[i].offset])[0]
          largest = max(largest, zip(together[i], alone).map { abs($0 - $1) }.max() ?? .infinity)
          #expect(together[i].count == alone.count)
        }
        #expect(largest < 2e-5)
        // Most of the coordinates, such as the embeddings of other tokens, are seen by few read-outs or none.
        #expect(Set(together).count >= (kind == .coordinates ? 8 : points.count), "points have values of their own")
      }
    }
  }

  @Test(arguments: cases) func sameBitsForAnyNumberOfThreads(model name: String, kind: Kind) throws {
    let model = try MadeModels.make(name)
    let theta = theta(model)
    let points = Self.points(kind, model.layout)
    let readout = Readout.logProbabilities(rows: [3, 9, 20], targets: [5, 6, 7])
    for batch in [MadeModels.batch(vocabulary: model.vocabulary), MadeModels.longBatch(vocabulary: model.vocabulary)] {
      let results = try [1, 3].map { threads in
        try withThreads(threads) { try model.evaluate(batch, readout, from: theta, at: points) }
      }
      #expect(results[0] == results[1])
    }
  }

  /// One direction's points are grouped as ever, so that the losses of one query keep their bits.
  @Test func groups() {
    let layout = ParameterLayout.small
    func groups(_ kind: Kind, rows: Int, directions: Int) -> [Range<Int>] {
      var points = Points()
      for direction in Self.directions(kind, layout).prefix(directions) { points.append(direction, at: [1, -1]) }
      return Array(PointGroups(points, rows: rows))
    }
    #expect(groups(.sharedRight, rows: 8, directions: 1) == [0..<2])
    #expect(groups(.sharedRight, rows: 255, directions: 1) == [0..<2])
    #expect(groups(.sharedRight, rows: 256, directions: 1) == [0..<1, 1..<2])
    #expect(groups(.gaussian, rows: 4096, directions: 1) == [0..<2])
    #expect(groups(.sharedRight, rows: 8, directions: 8) == [0..<16])
    #expect(groups(.gaussian, rows: 100, directions: 8) == [0..<4, 4..<8, 8..<12, 12..<16])
    #expect(groups(.gaussian, rows: 300, directions: 2) == [0..<2, 2..<4])
    #expect(groups(.mixed, rows: 8, directions: 4) == [0..<2, 2..<6, 6..<8])
    #expect(Array(PointGroups(.theta, rows: 4)) == [0..<1])
    let wide = LowRankProbe(rank: 100, leftKey: StreamKey(seed: 1), rightKey: StreamKey(seed: 2))
    var points = Points(along: wide, at: [1, -1])
    points.append(wide, at: [1, -1])
    #expect(Array(PointGroups(points, rows: 8)) == [0..<2, 2..<4], "factors of more than 128 columns in all")
  }
}
