import Foundation
import Zeroth

/// Chooses one token after another by a ``TokenChoice``. The same key gives the same choices.
public final class TokenSampler {
  private let choice: TokenChoice
  private var stream: RandomStream

  /// A sampler at the temperature `temperature`, at least 0, from the part `topP` of the probability, above 0 and at
  /// most 1.
  ///
  /// Throws `InputError` for numbers outside these ranges.
  public init(temperature: Double = 0, topP: Double = 1, _ key: StreamKey) throws(InputError) {
    choice = try TokenChoice(temperature: temperature, topP: topP)
    stream = RandomStream(key)
  }

  /// The token that is chosen from `logits`, as an index counted from their first.
  public func next(_ logits: ArraySlice<Double>) -> Int {
    let best = CausalModel.largest(logits)
    guard choice.temperature > 0 else { return best }
    let top = logits[logits.startIndex + best]
    return choice.draw(logits.map { exp(($0 - top) / choice.temperature) }, stream.uniform())
  }
}
