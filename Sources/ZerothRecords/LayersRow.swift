import Zeroth
import ZerothSupport

extension MetricsRow {
  /// How far each trainable block has moved. It is the row of `metrics.jsonl` that a run with `run.layers` writes at
  /// each evaluation.
  public struct Layers: Sendable {
    /// One block.
    public struct Block: Sendable, Hashable {
      /// The name of the block.
      public var name: String
      /// ||theta_l||.
      public var norm: Double
      /// ||theta_l - theta_0,l||, the distance from the start of the run.
      public var distance: Double
      /// ||theta_l - theta'_l||, where theta' are the parameters before the last step; nil before the first step.
      public var update: Double?
      /// The factor by which the adapter last scaled or projected the block; nil where it did not.
      public var ratio: Double?

      /// The numbers of one block.
      public init(name: String, norm: Double, distance: Double, update: Double?, ratio: Double?) {
        self.name = name
        self.norm = norm
        self.distance = distance
        self.update = update
        self.ratio = ratio
      }
    }

    /// The number of steps done before.
    public var step: Int
    /// The trainable blocks, in the order of the model.
    public var blocks: [Block]

    /// The row of `blocks` after `step` steps.
    public init(step: Int, blocks: [Block]) {
      self.step = step
      self.blocks = blocks
    }

    var members: [JSON.Member] {
      [
        .init("kind", "layers"), .init("step", .int(step)),
        .init(
          "blocks",
          .object(
            blocks.map { block in
              var numbers: [JSON.Member] = [
                .init("norm", .double(block.norm)), .init("distance", .double(block.distance)),
              ]
              if let update = block.update { numbers.append(.init("update", .double(update))) }
              if let ratio = block.ratio { numbers.append(.init("ratio", .double(ratio))) }
              return .init(block.name, .object(numbers))
            })),
      ]
    }

    var numbers: [Double] { blocks.flatMap { [$0.norm, $0.distance, $0.update ?? 0, $0.ratio ?? 0] } }

    /// Reads the `blocks` that `members` wrote. Null means NaN.
    init(step: Int, blocks json: JSON?, subject: String) throws(InputError) {
      guard let members = json?.members else {
        throw InputError("\(subject): blocks", found: json.map { "\($0.summary)" } ?? "nothing", expected: "an object")
      }
      self.step = step
      blocks = try members.map { member throws(InputError) in
        func number(_ key: String) throws(InputError) -> Double? {
          guard let value = member.value[key] else { return nil }
          guard value == .null || value.double != nil else {
            throw InputError(
              "\(subject): blocks: \(member.key): \(key)", found: value.summary, expected: "a number or null")
          }
          return value.double ?? .nan
        }
        guard let norm = try number("norm"), let distance = try number("distance") else {
          throw InputError(
            "\(subject): blocks: \(member.key)", found: member.value.summary, expected: "a norm and a distance")
        }
        return Block(
          name: member.key, norm: norm, distance: distance, update: try number("update"), ratio: try number("ratio"))
      }
    }
  }
}
