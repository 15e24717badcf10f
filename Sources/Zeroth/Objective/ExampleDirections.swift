/// One direction for each example of a mini-batch.
public protocol ExampleDirections: Sendable {
  /// The type of the direction of an example.
  associatedtype Direction: Zeroth.Direction
  /// The direction of example number `example` of the mini-batch, counted from 0.
  func direction(of example: Int) -> Direction
}
