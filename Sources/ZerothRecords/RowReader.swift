import ZerothSupport

/// Reads the numbers of an object. Errors name the place of the object. A number that is not finite was written as
/// null, and is read as NaN.
struct RowReader {
  let json: JSON
  let subject: String

  init(_ json: JSON, _ subject: String) {
    self.json = json
    self.subject = subject
  }

  func number(_ key: String) throws(InputError) -> Double {
    if json[key] == .null { return .nan }
    guard let number = json[key]?.double else { throw missing(key, "a number or null") }
    return number
  }

  func integer(_ key: String) throws(InputError) -> Int {
    guard let number = json[key]?.integer else { throw missing(key, "an integer") }
    return number
  }

  func object(_ key: String) throws(InputError) -> RowReader {
    guard let value = json[key], value.members != nil else { throw missing(key, "an object") }
    return RowReader(value, "\(subject): \(key)")
  }

  func missing(_ key: String, _ type: String) -> InputError {
    InputError("\(subject): \(key)", found: json[key].map(\.summary) ?? "nothing", expected: type)
  }
}
