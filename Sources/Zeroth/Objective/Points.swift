/// Where losses are asked for: points theta + a D, each a direction D and an offset a along it.
///
/// Neighbouring points along one direction share it, so that whoever measures makes its noise once. An estimator hands
/// over all points of a step at once: a model then decides how many of them share one reading of the weights.
public struct Points: Sendable {
  /// A point: theta + `offset` times direction number `direction`.
  public struct Point: Sendable, Hashable {
    /// The place of the direction in ``Points/directions``.
    public let direction: Int
    /// How far along it, in units of the direction.
    public let offset: Float
  }

  /// The directions, in the order in which the points use them.
  public private(set) var directions: Few<any Direction> = []
  private var points: Few<Point> = []
  /// Whether these are theta and its tangent: `tangent(along:)`.
  package private(set) var areTangent = false

  /// No points.
  public init() {}

  /// The points at `offsets` along `direction`; without a direction, theta itself once for each offset.
  public init(along direction: (any Direction)?, at offsets: Few<Float>) {
    if let direction {
      append(direction, at: offsets)
    } else {
      points = offsets.map { _ in Point(direction: 0, offset: 0) }
    }
  }

  /// theta itself.
  public static var theta: Points {
    var points = Points()
    points.points = [Point(direction: 0, offset: 0)]
    return points
  }

  /// theta, and in place of a second point the derivative along `direction`: what a model reads out then is its values at
  /// theta, followed by their derivatives.
  package static func tangent(along direction: any Direction) -> Points {
    var points = Points(along: direction, at: [0, 1])
    points.areTangent = true
    return points
  }

  /// Adds the points at `offsets` along `direction`.
  public mutating func append(_ direction: any Direction, at offsets: Few<Float>) {
    for offset in offsets { points.append(Point(direction: directions.count, offset: offset)) }
    directions.append(direction)
  }

  /// The points number `chosen`, which ascend.
  package func part(_ chosen: [Int]) -> Points {
    var part = self
    part.points = []
    for i in chosen { part.points.append(points[i]) }
    return part
  }

  /// How many points there are.
  public var count: Int { points.count }
  /// Their numbers.
  public var indices: Range<Int> { 0..<points.count }
  /// Point number `i`.
  public subscript(i: Int) -> Point { points[i] }
  /// The direction of point number `i`; nil where the point is theta itself.
  public func direction(of i: Int) -> (any Direction)? {
    let point = points[i]
    return point.offset == 0 || directions.isEmpty ? nil : directions[point.direction]
  }
}
