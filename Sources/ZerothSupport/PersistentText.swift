/// A C string of `text` that lives as long as the process.
package func persistent(_ text: String) -> UnsafePointer<CChar> {
  let bytes = text.utf8CString
  let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
  for (i, byte) in bytes.enumerated() { (copy + i).initialize(to: byte) }
  return UnsafePointer(copy)
}
