/// How a measuring is cut into shards: the same shards for any number of ranks, as results are to depend on them alone.
///
/// A request along Q directions is cut into g = gcd(S, Q) groups of neighbouring directions, and the mini-batch of each group
/// into S / g parts, so that every shard has as much of both as the next one. Shard s has group s / parts and part s mod parts.
/// Directions are cut first: a rank then makes the noise of its own ones alone.
public struct ShardCut: Sendable, Hashable {
  /// S >= 1.
  public let shards: Int
  /// The groups of directions, g.
  public let groups: Int
  /// The parts of the mini-batch, S / g.
  public let parts: Int
  private let directions: Int

  /// The cut of a request along `directions` directions into `shards` shards.
  public init(shards: Int, directions: Int) {
    self.shards = shards
    self.directions = max(1, directions)
    groups = Self.commonDivisor(shards, self.directions)
    parts = shards / groups
  }

  /// The group that direction number `direction` is in.
  public func group(of direction: Int) -> Int { direction * groups / directions }

  /// The part of the mini-batch that shard `shard` has.
  public func part(of shard: Int) -> Int { shard % parts }

  /// The group of directions that shard `shard` has.
  public func group(ofShard shard: Int) -> Int { shard / parts }

  /// The shards that rank `rank` of `size` measures; none where there are more ranks than shards.
  public static func shards(_ shards: Int, of rank: Int, size: Int) -> Range<Int> {
    (rank * shards / size)..<((rank + 1) * shards / size)
  }

  /// The part number `part` of `parts` of `count` things in a row.
  public static func range(_ part: Int, of parts: Int, count: Int) -> Range<Int> {
    (part * count / parts)..<((part + 1) * count / parts)
  }

  private static func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : commonDivisor(b, a % b) }
}
