/// An address that is passed between threads. It is used for reading only.
package struct SendablePointer<Pointee>: @unchecked Sendable {
  package let pointer: UnsafePointer<Pointee>
  package init(_ pointer: UnsafePointer<Pointee>) { self.pointer = pointer }
}
