import Foundation
import Zeroth

/// How the next token is chosen by the logits of all: the most likely one, or one at random.
///
/// At temperature T a token has the probability softmax(logits / T). With top p < 1 only the most likely tokens are drawn, as few
/// as have together the probability p at least (nucleus sampling, Holtzman et al. 2020).
public struct TokenChoice: Sendable, Hashable {
  /// T; 0 chooses the most likely token, the first of equals.
  public let temperature: Double
  /// The part of the probability that is drawn from.
  public let topP: Double

  /// The most likely token.
  public static let greedy = TokenChoice()

  private init() { (temperature, topP) = (0, 1) }

  /// A choice at `temperature`, at least 0, of the part `topP` of the probability, above 0 and at most 1.
  ///
  /// Throws `InputError` for other numbers.
  public init(temperature: Double, topP: Double = 1) throws(InputError) {
    try require("temperature", temperature, "a number, at least 0") { $0.isFinite && $0 >= 0 }
    try require("top-p", topP, "a number above 0 and at most 1") { $0 > 0 && $0 <= 1 }
    self.temperature = temperature
    self.topP = topP
  }

  /// The token that `logits` and `point`, uniform on [0, 1), give; nil where the logits are not all finite.
  func token(_ logits: UnsafeBufferPointer<Float>, _ point: Double) -> Int? {
    var best = 0
    // One number that is not finite makes the sum so: 0 x is 0 for all others.
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

  /// The place that `point` gives among `weights`, of which the largest is 1.
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

  /// The places of the largest weights, which hold `part` together, in their order; the first of equals goes first, so that the
  /// choice does not depend on the sort. Only these are sorted, and not a whole vocabulary.
  private static func likely(_ weights: [Double], holding part: Double) -> [Int] {
    var least = 0.25
    while true {
      let likely = weights.indices.filter { weights[$0] >= least }
      // Sums in another order differ in their last bits.
      if least == 0 || likely.reduce(0, { $0 + weights[$1] }) >= part * (1 + 1e-9) {
        return likely.sorted { (weights[$1], $0) < (weights[$0], $1) }
      }
      least = least < 1e-12 ? 0 : least / 16
    }
  }

  /// The first of `places` at which the sum of the weights so far is above `point`.
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
