import Foundation
import Zeroth

/// Chooses the next token by the logits of all: the most likely one, or one at random.
///
/// At temperature T a token has the probability softmax(logits / T). With top p < 1 only the most likely tokens are drawn, as few
/// as have together the probability p at least (nucleus sampling, Holtzman et al. 2020). The same key gives the same choices.
public final class TokenSampler {
  /// T; 0 chooses the most likely token, the first of equals.
  public let temperature: Double
  /// The part of the probability that is drawn from.
  public let topP: Double
  private var stream: RandomStream

  /// A sampler at `temperature`, at least 0, of the part `topP` of the probability, above 0 and at most 1.
  ///
  /// Throws `InputError` for other numbers.
  public init(temperature: Double = 0, topP: Double = 1, _ key: StreamKey) throws(InputError) {
    try require("temperature", temperature, "a number, at least 0") { $0.isFinite && $0 >= 0 }
    try require("top-p", topP, "a number above 0 and at most 1") { $0 > 0 && $0 <= 1 }
    self.temperature = temperature
    self.topP = topP
    stream = RandomStream(key)
  }

  /// The token that is chosen by `logits`, counted from their first.
  public func next(_ logits: ArraySlice<Double>) -> Int {
    let best = CausalModel.largest(logits)
    guard temperature > 0 else { return best }
    let top = logits[logits.startIndex + best]
    let weights = logits.map { exp(($0 - top) / temperature) }
    let total = weights.reduce(0, +)
    guard topP < 1 else { return Self.draw(weights.indices, weights, stream.uniform() * total) }
    // The first of equals goes first, so that the choice does not depend on the sort.
    let order = weights.indices.sorted { (weights[$1], $0) < (weights[$0], $1) }
    var sum = 0.0
    var count = 0
    repeat {
      sum += weights[order[count]]
      count += 1
    } while sum < topP * total && count < order.count
    return Self.draw(order[..<count], weights, stream.uniform() * sum)
  }

  /// The first of `places` at which the sum of the weights so far is above `point`.
  private static func draw(_ places: some Collection<Int>, _ weights: [Double], _ point: Double) -> Int {
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
