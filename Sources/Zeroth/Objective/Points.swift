/// The points at which losses are asked for: each is theta + a D with a direction D and an offset a.
///
/// Consecutive points along one direction share it, so its noise is made only once. An estimator passes all points of a
/// step in one call, and a model then decides how many of them are evaluated with one reading of the weights.
public struct Points: Sendable {
  /// One point: theta + `offset` times direction number `direction`.
  public struct Point: Sendable, Hashable {
    /// The index of the direction in ``Points/directions``.
    public let direction: Int
    /// The distance from theta along the direction, as a multiple of the direction.
    public let offset: Float
  }

  /// The directions, in the order in which the points use them.
  public private(set) var directions: Few<any Direction> = []
  private var points: Few<Point> = []
  /// Whether the points were made by `tangent(along:)`: theta, and a derivative in place of a second point.
  package private(set) var areTangent = false

  /// No points.
  public init() {}

  /// The points at `offsets` along `direction`. Where `direction` is nil, each of them is theta itself.
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

  /// theta, and the derivative along `direction` in place of a second point. The output of a model is then its values
  /// at theta, followed by the derivatives of these values.
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

  /// The points with the numbers `chosen`, which are in ascending order.
  package func part(_ chosen: [Int]) -> Points {
    var part = self
    part.points = []
    for i in chosen { part.points.append(points[i]) }
    return part
  }

  /// The number of points.
  public var count: Int { points.count }
  /// The numbers of the points, from 0.
  public var indices: Range<Int> { 0..<points.count }
  /// Point number `i`.
  public subscript(i: Int) -> Point { points[i] }
  /// The direction of point number `i`; nil where the point is theta itself.
  public func direction(of i: Int) -> (any Direction)? {
    let point = points[i]
    return point.offset == 0 || directions.isEmpty ? nil : directions[point.direction]
  }
}
