import ZerothSupport

/// Converts letters of ``ByteAlphabet`` to bytes, and reads all bytes together as text.
struct ByteLevelDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    [Array(String(decoding: tokens.flatMap(ByteAlphabet.decode), as: UTF8.self).utf8)]
  }
}

/// Replaces the visible character of ``Metaspace`` by a space, and removes those of the first token.
struct MetaspaceDecoder: TokenDecoder {
  var growth: Int { 1 }
  let replacement: [UInt8]
  let dropsFirst: Bool

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    let spaces = Replacement(.literal(replacement), " ")
    let nothing = Replacement(.literal(replacement), "")
    guard dropsFirst, let first = tokens.first else { return spaces.decode(tokens) }
    return nothing.decode([first]) + spaces.decode(Array(tokens.dropFirst()))
  }
}

/// Joins all tokens.
struct FuseDecoder: TokenDecoder {
  var growth: Int { 1 }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] { [Array(tokens.joined())] }
}

/// Removes a character from the ends of each token, up to a given number of times.
struct StripDecoder: TokenDecoder {
  var growth: Int { 1 }
  let content: [UInt8]
  let start: Int
  let stop: Int

  init(_ part: JSONPart) throws(InputError) {
    content = Array(String(try part.scalar("content")).utf8)
    func count(_ key: String) throws(InputError) -> Int {
      let count = try part.integer(key) ?? 0
      guard count >= 0 else { throw InputError(part.subject(of: key), found: "\(count)", expected: "0 or more") }
      return count
    }
    start = try count("start")
    stop = try count("stop")
  }

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.map { token in
      var rest = token[...]
      var left = start
      while left > 0, rest.starts(with: content) {
        rest = rest.dropFirst(content.count)
        left -= 1
      }
      left = stop
      while left > 0, rest.suffix(content.count) == content[...] {
        rest = rest.dropLast(content.count)
        left -= 1
      }
      return Array(rest)
    }
  }
}

/// Converts runs of tokens such as `<0xE2>` to bytes. In a run that is not UTF-8, each byte becomes U+FFFD.
struct ByteFallbackDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var decoded: [[UInt8]] = []
    var bytes: [UInt8] = []
    func flush() {
      guard !bytes.isEmpty else { return }
      if String(validating: bytes, as: UTF8.self) != nil {
        decoded.append(bytes)
      } else {
        decoded += Array(repeating: Array("\u{FFFD}".utf8), count: bytes.count)
      }
      bytes.removeAll()
    }
    for token in tokens {
      if let byte = ByteTokens.byte(token) {
        bytes.append(byte)
      } else {
        flush()
        decoded.append(token)
      }
    }
    flush()
    return decoded
  }
}
