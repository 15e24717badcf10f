/// `count` orthonormal vectors of `length` numbers, one after the other, made from `key`; `count` is at most `length`.
/// Every direction of the vectors is equally likely.
///
/// They are made from normal vectors by the method of Gram and Schmidt: from each vector its part along the vectors
/// before it is subtracted, and the rest is divided by its length. The subtraction is done twice, so that vectors that
/// are nearly dependent come out orthogonal too. All sums are in double and in a fixed order, so any thread and any
/// processor makes the same vectors. Cost: about 4 count^2 length operations.
public func orthonormalNoise(_ count: Int, of length: Int, _ key: StreamKey) -> [Float] {
  precondition(count <= length, "no more than \(length) orthonormal vectors of \(length) numbers")
  var normals = [Float](repeating: 0, count: count * length)
  normals.withUnsafeMutableBufferPointer {
    Noise(key: key.child(.block), distribution: .gaussian).fill($0)
  }
  var vectors = normals.map(Double.init)
  vectors.withUnsafeMutableBufferPointer { all in
    for i in 0..<count {
      let own = UnsafeMutableBufferPointer(rebasing: all[(i * length)..<((i + 1) * length)])
      for _ in 0..<2 {
        for j in 0..<i {
          let other = UnsafeMutableBufferPointer(rebasing: all[(j * length)..<((j + 1) * length)])
          let part = product(own, other)
          for k in 0..<length { own[k] -= part * other[k] }
        }
      }
      let scale = 1 / product(own, own).squareRoot()
      for k in 0..<length { own[k] *= scale }
    }
  }
  return vectors.map(Float.init)
}

/// <a, b> as eight partial sums, which a processor adds in parallel.
private func product(_ a: UnsafeMutableBufferPointer<Double>, _ b: UnsafeMutableBufferPointer<Double>) -> Double {
  var sums = SIMD8<Double>()
  let whole = a.count / 8 * 8
  for k in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { sums[lane] += a[k + lane] * b[k + lane] }
  }
  return (whole..<a.count).reduce(sums.sum()) { $0 + a[$1] * b[$1] }
}
