/// How a measurement is divided into shards. The shards are the same for any number of ranks, because results may
/// depend only on the shards.
///
/// A request along Q directions is divided into g = gcd(S, Q) groups of neighbouring directions, and the mini-batch of
/// each group into S / g parts. So every shard has the same amount of both. Shard s has group s / parts and part s mod
/// parts. Directions are divided first, so that a rank makes the noise of its own directions only.
public struct ShardCut: Sendable, Hashable {
  /// The number of shards, S >= 1.
  public let shards: Int
  /// The number of groups of directions, g.
  public let groups: Int
  /// The number of parts of the mini-batch, S / g.
  public let parts: Int
  private let directions: Int

  /// The division of a request along `directions` directions into `shards` shards.
  public init(shards: Int, directions: Int) {
    self.shards = shards
    self.directions = max(1, directions)
    groups = Self.commonDivisor(shards, self.directions)
    parts = shards / groups
  }

  /// The group of direction number `direction`.
  public func group(of direction: Int) -> Int { direction * groups / directions }

  /// The part of the mini-batch of shard `shard`.
  public func part(of shard: Int) -> Int { shard % parts }

  /// The group of directions of shard `shard`.
  public func group(ofShard shard: Int) -> Int { shard / parts }

  /// The shards that rank `rank` of `size` measures. There are none for some ranks where there are more ranks than
  /// shards.
  public static func shards(_ shards: Int, of rank: Int, size: Int) -> Range<Int> {
    (rank * shards / size)..<((rank + 1) * shards / size)
  }

  /// Part number `part` when `count` items in a row are divided into `parts` parts.
  public static func range(_ part: Int, of parts: Int, count: Int) -> Range<Int> {
    (part * count / parts)..<((part + 1) * count / parts)
  }

  private static func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : commonDivisor(b, a % b) }
}
