import Testing

@testable import ZerothModels

@Suite struct EqualRangesTests {
  @Test func coverAWhole() {
    #expect(Array(EqualRanges(3..<10, by: 3)) == [3..<6, 6..<9, 9..<10])
    #expect(Array(EqualRanges(3..<10, by: 100)) == [3..<10])
    #expect(Array(EqualRanges(3..<3, by: 4)).isEmpty)
    #expect(Array(EqualRanges(0..<2, by: 0)) == [0..<1, 1..<2])
  }

  @Test func noneReachesFromOneRunIntoTheNext() {
    let ranges = EqualRanges(runs: 2, of: 5, by: 2)
    #expect(Array(ranges) == [0..<2, 2..<4, 4..<5, 5..<7, 7..<9, 9..<10])
    #expect(ranges.countInRun == 3)
  }
}
