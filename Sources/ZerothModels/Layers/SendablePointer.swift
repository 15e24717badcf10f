/// An address that goes between threads. Nobody writes through it.
package struct SendablePointer<Pointee>: @unchecked Sendable {
  package let pointer: UnsafePointer<Pointee>
  package init(_ pointer: UnsafePointer<Pointee>) { self.pointer = pointer }
}
