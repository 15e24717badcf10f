/// A reader with a fault on purpose: behind `ZERO` it reads one byte more than there are. A fuzzer that does not see which
/// bytes lead there does not find it in a minute.
let readPlanted = Reader { input in
  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: input.count)
  defer { bytes.deallocate() }
  for (i, byte) in input.enumerated() { bytes[i] = byte }
  guard input.count >= 4, bytes[0] == 0x5A, bytes[1] == 0x45, bytes[2] == 0x52, bytes[3] == 0x4F else { return }
  if bytes[input.count] == 0 { print("") }
}
