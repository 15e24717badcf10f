import Foundation
import Testing
import Zeroth

@testable import ZerothModels

/// Products that are cut into blocks, panels and stages, against sums in double precision.
@Suite struct ProductTests {
  enum Kind: CaseIterable { case plain, dense, lowRank }

  /// More rows of x than a block has, more columns than a panel, a last stage and a last panel that are not whole.
  static let rows = 300
  static let outputs = 260
  static let columns = 1600
  static let layout = try? ParameterLayout([
    .init("w", rows: outputs, columns: columns), .init("b", rows: outputs, columns: 1),
  ])

  static let x = (0..<(2 * rows * columns)).map { Float(($0 * 7919) % 1009) / 1009 - 0.5 }

  /// Random weights.
  func weights() throws -> ParameterStore {
    let layout = try #require(Self.layout)
    var theta = ParameterStore(layout)
    theta.add(DenseDirection(StreamKey(seed: 4), layout: layout), scale: 0.05)
    return theta
  }

  /// A direction of this kind.
  func direction(_ kind: Kind) throws -> (any Direction)? {
    let key = StreamKey(seed: 3)
    return switch kind {
    case .plain: nil
    case .dense: DenseDirection(key, layout: try #require(Self.layout))
    case .lowRank: LowRankProbe(rank: 3, leftKey: key.child(.left), rightKey: key.child(.right))
    }
  }

  /// W and b, moved by `offset` along the direction.
  func moved(_ theta: borrowing ParameterStore, _ direction: (any Direction)?, by offset: Float) -> [[Double]] {
    var moved = theta.clone()
    if let direction { moved.add(direction, scale: offset) }
    return moved.layout.blocks.map { block in moved.values(of: block).map { Double($0) } }
  }

  @Test(arguments: Kind.allCases) func linearEqualsItsFormula(kind: Kind) throws {
    let theta = try weights()
    let direction = try direction(kind)
    let x = Self.x
    let blocks = theta.layout.blocks
    let offsets: Few<Float> = [0.02, -0.02]
    let points = Points(along: direction, at: offsets)
    let weights = Weights(theta, at: points, points.indices, workspace: Workspace())
    for (slice, columns) in [(0..<Self.outputs, 0..<Self.columns), (20..<250, 300..<1500)] {
      let input = weights.workspace.matrix(2 * Self.rows, columns.count)
      for r in 0..<input.rows {
        for (i, c) in columns.enumerated() { input.row(r)[i] = x[r * Self.columns + c] }
      }
      let output = weights.workspace.matrix(2 * Self.rows, slice.count)
      weights.linear(
        weights.pack(input), blocks[0], rows: slice, columns: columns, bias: blocks[1], into: .rows(output))
      for (v, offset) in offsets.enumerated() {
        let expected = moved(theta, direction, by: offset)
        var largest = 0.0
        for r in [0, 1, 63, 64, 255, 256, 257, 299] {
          let row = v * Self.rows + r
          for j in slice {
            let sum = columns.reduce(expected[1][j]) {
              $0 + expected[0][j * Self.columns + $1] * Double(x[row * Self.columns + $1])
            }
            largest = max(largest, abs(sum - Double(output.row(row)[j - slice.lowerBound])))
          }
        }
        #expect(largest < 1e-5, "rows \(slice), columns \(columns), offset \(offset)")
      }
    }
  }

  @Test(arguments: Kind.allCases) func logProbabilitiesEqualTheirFormula(kind: Kind) throws {
    let theta = try weights()
    let direction = try direction(kind)
    let x = Self.x
    let offsets: Few<Float> = [0.02, -0.02]
    let points = Points(along: direction, at: offsets)
    let weights = Weights(theta, at: points, points.indices, workspace: Workspace())
    let h = weights.workspace.matrix(2 * Self.rows, Self.columns)
    for i in x.indices { h.base[i] = x[i] }
    let targets = (0..<Self.rows).map { ($0 * 37) % Self.outputs }
    var found: [Double] = []
    weights.appendLogProbabilities(h, theta.layout.blocks[0], targets: targets, to: &found)
    for (v, offset) in offsets.enumerated() {
      let w = moved(theta, direction, by: offset)[0]
      for r in [0, 1, 63, 64, 255, 256, 257, 299] {
        let row = (v * Self.rows + r) * Self.columns
        let logits = (0..<Self.outputs).map { j in
          (0..<Self.columns).reduce(0.0) { $0 + w[j * Self.columns + $1] * Double(x[row + $1]) }
        }
        let top = logits.max() ?? 0
        let sum = logits.reduce(0.0) { $0 + exp($1 - top) }
        #expect(
          abs(found[v * Self.rows + r] - (logits[targets[r]] - top - log(sum))) < 1e-5, "row \(r), offset \(offset)")
      }
    }
  }
}
