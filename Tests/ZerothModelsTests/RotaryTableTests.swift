import Foundation
import Testing
import Zeroth

@testable import ZerothModels

@Suite struct RotaryTableTests {
  /// Several threads ask for more and more positions, in any order, and each sees cos(p f) and sin(p f) alone.
  @Test func severalThreadsMayAskAtTheSameTime() {
    let head = 8
    let table = RotaryTable(RotaryEmbedding(theta: 10_000, width: head))
    let frequencies = (0..<(head / 2)).map { pow(10_000, -2 * Double($0) / Double(head)) }
    DispatchQueue.concurrentPerform(iterations: 64) { i in
      let count = (i * 37) % 64 * 16 + 1
      table.withAngles(below: count, longest: count) { cosines, sines in
        let angles = (0..<count).flatMap { position in frequencies.map { Double(position) * $0 } }
        #expect(angles.indices.allSatisfy { cosines.pointer[$0] == Float(cos(angles[$0])) })
        #expect(angles.indices.allSatisfy { sines.pointer[$0] == Float(sin(angles[$0])) })
      }
    }
  }
}
