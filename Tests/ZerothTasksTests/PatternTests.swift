import Testing
import Zeroth
import ZerothSupport

@testable import ZerothTasks

/// Regular expressions of tokenizers: what they match, what is refused, and how long that takes.
@Suite struct PatternTests {
  private func matches(_ pattern: String, _ text: String) throws -> [String] {
    let automaton = try PatternAutomaton(pattern, subject: "pattern")
    let bytes = Array(text.utf8)
    var found: [String] = []
    automaton.forEachMatch(in: bytes, bytes.indices) { found.append(String(decoding: bytes[$0], as: UTF8.self)) }
    return found
  }

  /// Expected values by Perl's rules: the first alternative that leads to a match, as many as possible or as few.
  @Test(arguments: [
    ("a|ab", "ab", ["a"]), ("ab|a", "ab", ["ab"]), ("(?:a|ab)(?:c|bcd)", "abcd", ["abcd"]),
    ("a+?", "aaa", ["a", "a", "a"]),
    ("a{2,3}", "aaaaaaa", ["aaa", "aaa"]), ("a{2,3}?", "aaaaa", ["aa", "aa"]), ("a{,2}b", "aaab", ["aab"]),
    ("x*y|x", "xxz", ["x", "x"]), (".+b|.", "a\nbab", ["a", "bab"]), ("^a", "aa\na", ["a", "a"]),
    ("a$", "aa\na", ["a", "a"]),
    (#"\Aa"#, "aa", ["a"]), (#"a\z"#, "aa", ["a"]), (#"\ba"#, "aa a", ["a", "a"]), (#"a\B"#, "aa a", ["a"]),
    (#"\s+(?!\S)|\s+"#, "  x  ", [" ", " ", "  "]), ("(?<=a)b", "bab", ["b"]), ("(?<!a)b", "bab", ["b"]),
    ("(?=b|c)[a-c]", "abc", ["b", "c"]), ("(?i)été", "ÉTé", ["ÉTé"]), ("(?i:a)b", "AbAB", ["Ab"]),
    ("a(?i)b|c", "aBaC", ["aB", "aC"]), ("[a-c&&[^b]]+", "abc", ["a", "c"]), ("[^a-y]", "xyz", ["z"]),
    ("[]a]+", "a]", ["a]"]),
    (#"[\]\-a]+"#, "a-]", ["a-]"]), (#"\x{1F600}|\x41|\u00e9"#, "😀Aé", ["😀", "A", "é"]), ("a{b", "a{b", ["a{b"]),
    ("(a|b)*c", "abacab", ["abac"]), (#"\p{^L}+"#, "a1-b", ["1-"]), (#"\P{Letter}+"#, "a1-b", ["1-"]),
    (#"[^\r\n\p{L}]?+\p{L}+"#, " ab", [" ab"]), ("a{1,2}+", "aaa", ["aaa"]),
  ])
  func matchesArePerls(pattern: String, text: String, expected: [String]) throws {
    #expect(try matches(pattern, text) == expected)
  }

  @Test(arguments: [
    ("a*", "empty text"), ("", "empty text"), ("(?=a)", "empty text"), ("(?>a)b", "'(?>a...'"),
    ("(?<name>a)", "'(?<n...'"),
    (#"(a)\1"#, #"'\1'"#), ("a(?=bc)", "more than one scalar"), ("(?<=ab)c", "more than one scalar"),
    ("(?m:a)", "'(?m:...'"),
    (#"\p{Han}"#, "the property 'Han'"), (#"\G"#, #"'\G'"#), ("(a", "not closed"), ("a)", "')' without"),
    ("[a", "not closed"),
    ("+a", "repetition of nothing"), ("a{3,2}", "fewer than its minimum"), ("a{5000}", "more than 1000"),
    ("a++a", "possessive"),
    ("[z-a]", "range"), (#"\"#, "nothing behind"), ("(?:(?:a{90}){90}){90}", "more than 2000 places"),
    ("[[:nope:]]", "[:nope:]"), ("(?i)ß", "several letters"),
    ("(?:a|b)*a(?:a|b){12}", "more than 2000 states"), (String(repeating: "(", count: 100), "nested"),
  ])
  func whatIsNotKnownIsRefusedByName(pattern: String, found: String) throws {
    let error = try #require(throws: InputError.self) {
      try PatternAutomaton(pattern, subject: "tokenizer.json: pre_tokenizer.pattern.Regex")
    }
    #expect(error.subject == "tokenizer.json: pre_tokenizer.pattern.Regex")
    #expect(error.found.contains(found), "\(error)")
    #expect(error.found.contains("the pattern '\(pattern.prefix(40))"), "\(error)")
  }

  /// At each place the first alternative looks to the end of the text in vain: with a look at all of it again and again this
  /// would take hours.
  @Test(arguments: ["a*b|a", "(?:aa)*b|a", "[ab]*c|a+?", "a[^c]*c|a"]) func lookingInVainIsLinear(pattern: String)
    throws
  {
    let automaton = try PatternAutomaton(pattern, subject: "pattern")
    let text = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
    var count = 0
    automaton.forEachMatch(in: text, text.indices) { count += $0.count == 1 ? 1 : 0 }
    #expect(count == text.count)
    // The same in scalars of several bytes, of which none is at a place that the bytes would have.
    let letters = Array(String(repeating: "é", count: 1 << 18).utf8)
    let wide = try PatternAutomaton(pattern.replacing("a", with: "é"), subject: "pattern")
    count = 0
    wide.forEachMatch(in: letters, letters.indices) { _ in count += 1 }
    #expect(count == letters.count / 2)
  }
}
