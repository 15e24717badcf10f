/// A collection that keeps up to two elements in place, and more than two in an array. It holds the losses, offsets and
/// terms of a step. A two-sided estimate with one query has one or two of each, so such a step allocates no memory for
/// them.
///
/// It is used like an array: it can be written as a literal, appended to, and mapped to another `Few`.
public struct Few<Element> {
  @usableFromInline
  enum Storage {
    case none
    case one(Element)
    case two(Element, Element)
    case many([Element])
  }

  @usableFromInline var storage: Storage

  /// No elements.
  @inlinable
  public init() { storage = .none }

  /// The elements make(0), ..., make(count - 1).
  public init(count: Int, _ make: (Int) -> Element) {
    self.init()
    for i in 0..<count { append(make(i)) }
  }

  @usableFromInline
  init(_ storage: Storage) { self.storage = storage }

  /// Number of elements.
  public var count: Int {
    switch storage {
    case .none: 0
    case .one: 1
    case .two: 2
    case .many(let elements): elements.count
    }
  }

  /// Adds an element behind the others.
  public mutating func append(_ element: Element) {
    switch storage {
    case .none: storage = .one(element)
    case .one(let first): storage = .two(first, element)
    case .two(let first, let second): storage = .many([first, second, element])
    case .many(var elements):
      storage = .none  // so that the append does not copy the array
      elements.append(element)
      storage = .many(elements)
    }
  }

  /// The results of `transform`, in the order of the elements.
  public func map<T, E: Error>(_ transform: (Element) throws(E) -> T) throws(E) -> Few<T> {
    switch storage {
    case .none: Few<T>()
    case .one(let element): Few<T>(.one(try transform(element)))
    case .two(let first, let second): Few<T>(.two(try transform(first), try transform(second)))
    case .many(let elements): Few<T>(.many(try elements.map(transform)))
    }
  }
}

extension Few: RandomAccessCollection, RangeReplaceableCollection, MutableCollection {
  /// An iterator that allocates no memory. The default iterator of a collection does allocate in generic code that is
  /// not specialised for `Element`.
  public struct Iterator: IteratorProtocol {
    fileprivate let elements: Few
    fileprivate var position = 0

    /// The next element; nil after the last.
    public mutating func next() -> Element? {
      guard position < elements.count else { return nil }
      defer { position += 1 }
      return elements[position]
    }
  }

  /// An iterator that stands before the first element.
  public func makeIterator() -> Iterator { Iterator(elements: self) }

  /// The index of the first element, 0.
  public var startIndex: Int { 0 }
  /// The index behind the last element: the number of elements.
  public var endIndex: Int { count }

  /// The first element; nil where there is none.
  public var first: Element? { isEmpty ? nil : self[0] }

  /// Element number `i`, from 0.
  public subscript(i: Int) -> Element {
    get {
      switch storage {
      case .one(let element) where i == 0: return element
      case .two(let first, _) where i == 0: return first
      case .two(_, let second) where i == 1: return second
      case .many(let elements): return elements[i]
      default: preconditionFailure("element \(i) of \(count)")
      }
    }
    set {
      switch storage {
      case .one where i == 0: storage = .one(newValue)
      case .two(_, let second) where i == 0: storage = .two(newValue, second)
      case .two(let first, _) where i == 1: storage = .two(first, newValue)
      case .many(var elements):
        storage = .none
        elements[i] = newValue
        storage = .many(elements)
      default: preconditionFailure("element \(i) of \(count)")
      }
    }
  }

  /// Replaces the elements in `range` by `replacement`.
  public mutating func replaceSubrange<C: Collection>(_ range: Range<Int>, with replacement: C)
  where C.Element == Element {
    if range.isEmpty, range.lowerBound == count {
      for element in replacement { append(element) }
      return
    }
    var elements = Array(self)
    elements.replaceSubrange(range, with: replacement)
    self = Few(elements)
  }

  /// The elements of `elements`, in their order.
  public init<S: Sequence>(_ elements: S) where S.Element == Element {
    self.init()
    for element in elements { append(element) }
  }
}

extension Few: ExpressibleByArrayLiteral {
  /// The elements of a literal.
  @inlinable
  public init(arrayLiteral elements: Element...) {
    switch elements.count {
    case 0: self.init()
    case 1: self.init(.one(elements[0]))
    case 2: self.init(.two(elements[0], elements[1]))
    default: self.init(.many(elements))
    }
  }
}

extension Few: CustomStringConvertible {
  /// The elements as an array prints them: `[0.5, -0.5]`.
  public var description: String { Array(self).description }
}

extension Few.Storage: Sendable where Element: Sendable {}
extension Few: Sendable where Element: Sendable {}

extension Few: Equatable where Element: Equatable {
  /// Whether both hold equal elements in the same order, however they store them.
  public static func == (a: Few, b: Few) -> Bool { a.elementsEqual(b) }
}
