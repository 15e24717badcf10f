/// The mean and the variance of vectors, computed in one pass (Welford 1962).
struct Moments {
  private(set) var count = 0
  private(set) var mean: [Double]
  private var squares: [Double]

  init(_ size: Int) {
    mean = [Double](repeating: 0, count: size)
    squares = mean
  }

  mutating func add(_ values: [Double]) {
    count += 1
    for (i, value) in values.enumerated() {
      let off = value - mean[i]
      mean[i] += off / Double(count)
      squares[i] += off * (value - mean[i])
    }
  }

  var variance: [Double] { squares.map { $0 / Double(count - 1) } }
  var standardError: [Double] { variance.map { ($0 / Double(count)).squareRoot() } }
}
