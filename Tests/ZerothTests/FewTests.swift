import Testing
import Zeroth

@Suite struct FewTests {
  static let counts = Array(0...4)

  @Test(arguments: counts) func holdsItsElementsInTheirOrder(count: Int) {
    let few = Few(count: count) { 10 * $0 }
    let expected = (0..<count).map { 10 * $0 }
    #expect(Array(few) == expected && few.count == count && few.isEmpty == (count == 0))
    #expect(few.first == expected.first && few.last == expected.last)
    #expect(few.map { Double($0) } == Few(expected.map(Double.init)))
    #expect(few.reversed() == expected.reversed() && "\(few)" == "\(expected)")
  }

  @Test(arguments: counts) func isChangedAsAnArrayIs(count: Int) {
    var few = Few(0..<count)
    var array = Array(0..<count)
    let before = few
    for i in 0..<count {
      few[i] += 7
      array[i] += 7
    }
    few.append(1)
    array.append(1)
    few += [2, 3]
    array += [2, 3]
    #expect(Array(few) == array)
    few.removeFirst()
    array.removeFirst()
    few.insert(9, at: 1)
    array.insert(9, at: 1)
    #expect(Array(few) == array && few == Few(array) && few != before)
    #expect(Array(before) == Array(0..<count), "a copy stays what it was")
  }

  @Test func isWrittenAsALiteral() {
    let none: Few<Int> = []
    let three: Few<Int> = [1, 2, 3]
    #expect(none.isEmpty && Few<Int>([1]) == [1] && Few([1, 2]) == [1, 2] && Array(three + [4]) == [1, 2, 3, 4])
  }

  /// A value of `any Direction` holds three words in place; a larger direction would be allocated each time.
  @Test func directionsOfAStepFitIntoExistentials() {
    #expect(MemoryLayout<DenseDirection>.size <= 24 && MemoryLayout<LowRankProbe>.size <= 24)
    #expect(MemoryLayout<LowRankMomentumUpdate>.size <= 24)
  }
}
