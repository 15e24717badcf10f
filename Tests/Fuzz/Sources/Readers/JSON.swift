import Foundation
import ZerothSupport

/// A JSON text. Written in each of the three forms, a value reads back as itself.
let readJSON = Reader { input in
  let value = try JSON(parsing: Data(input), subject: "input")
  for text in [value.description, value.pretty, value.indented] {
    precondition(mustRead { try JSON(parsing: text, subject: "text") } == value, "another value is read back")
  }
}
