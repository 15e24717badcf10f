import Foundation
import Zeroth

/// How the next token is chosen from the logits of all tokens: the most likely one, or one at random.
///
/// At temperature T a token has the probability softmax(logits / T). With top p < 1 the token is drawn only from the
/// most likely ones: the smallest set that together has at least the probability p (nucleus sampling, Holtzman et al.
/// 2020).
public struct TokenChoice: Sendable, Hashable {
  /// The temperature T. At 0 the most likely token is chosen, and among equals the first.
  public let temperature: Double
  /// p, the part of the probability from which a token is drawn.
  public let topP: Double

  /// The most likely token.
  public static let greedy = TokenChoice()

  private init() { (temperature, topP) = (0, 1) }

  /// A random choice at the temperature `temperature`, at least 0, from the part `topP` of the probability, above 0 and
  /// at most 1.
  ///
  /// Throws `InputError` for numbers outside these ranges.
  public init(temperature: Double, topP: Double = 1) throws(InputError) {
    try require("temperature", temperature, "a number, at least 0") { $0.isFinite && $0 >= 0 }
    try require("top-p", topP, "a number above 0 and at most 1") { $0 > 0 && $0 <= 1 }
    self.temperature = temperature
    self.topP = topP
  }

  /// The token for `logits` and the random number `point`, uniform on [0, 1); nil where the logits are not all finite.
  func token(_ logits: UnsafeBufferPointer<Float>, _ point: Double) -> Int? {
    var best = 0
    // 0 x is 0 for every finite x, so this sum is not finite if one of the logits is not.
    var zero: Float = 0
    for i in logits.indices {
      zero += 0 * logits[i]
      if logits[i] > logits[best] { best = i }
    }
    guard zero == 0, !logits.isEmpty else { return nil }
    guard temperature > 0 else { return best }
    let top = Double(logits[best])
    return draw(logits.map { exp((Double($0) - top) / temperature) }, point)
  }

  /// The index that the random number `point` selects among `weights`, the largest of which is 1.
  func draw(_ weights: [Double], _ point: Double) -> Int {
    let total = weights.reduce(0, +)
    guard topP < 1 else { return Self.place(weights.indices, weights, point * total) }
    let order = Self.likely(weights, holding: topP * total)
    var sum = 0.0
    var count = 0
    repeat {
      sum += weights[order[count]]
      count += 1
    } while sum < topP * total && count < order.count
    return Self.place(order[..<count], weights, point * sum)
  }

  /// The indices of the largest weights that together hold `part` of the sum, in order of their weights. Among equal
  /// weights the first comes first, so the choice does not depend on the sort algorithm. Only these are sorted, and not
  /// the whole vocabulary.
  private static func likely(_ weights: [Double], holding part: Double) -> [Int] {
    var least = 0.25
    while true {
      let likely = weights.indices.filter { weights[$0] >= least }
      // The tolerance allows for sums in another order, whose last bits differ.
      if least == 0 || likely.reduce(0, { $0 + weights[$1] }) >= part * (1 + 1e-9) {
        return likely.sorted { (weights[$1], $0) < (weights[$0], $1) }
      }
      least = least < 1e-12 ? 0 : least / 16
    }
  }

  /// The first of `places` at which the sum of the weights up to it is above `point`.
  private static func place(_ places: some Collection<Int>, _ weights: [Double], _ point: Double) -> Int {
    var sum = 0.0
    var last = 0
    for place in places where weights[place] > 0 {
      sum += weights[place]
      last = place
      if sum > point { break }
    }
    return last
  }
}
