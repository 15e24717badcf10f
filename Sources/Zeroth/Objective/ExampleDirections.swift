/// Directions of which each example of a mini-batch has its own.
public protocol ExampleDirections: Sendable {
  /// The kind of direction of an example.
  associatedtype Direction: Zeroth.Direction
  /// The direction of example number `example` of the mini-batch, counted from 0.
  func direction(of example: Int) -> Direction
}
