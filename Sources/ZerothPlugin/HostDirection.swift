import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

/// The directions of an estimate, held by the host. The host keeps them until this object is gone.
final class HostTerms: @unchecked Sendable {
  /// The random generator of the keys of V.
  let generator: RandomGenerator
  private let terms: UnsafePointer<zeroth_plugin_terms>
  private let layout: UnsafePointer<zeroth_plugin_layout>

  /// Takes hold of the host's `terms`, whose blocks are those of `layout`. `generator` is the random generator of the
  /// run's keys.
  init(
    _ terms: UnsafePointer<zeroth_plugin_terms>, _ layout: UnsafePointer<zeroth_plugin_layout>,
    _ generator: RandomGenerator
  ) {
    self.generator = generator
    self.terms = terms
    self.layout = layout
    terms.pointee.retain(terms)
  }

  deinit { terms.pointee.release(terms) }

  var count: Int { Int(terms.pointee.count) }

  func term(_ i: Int) -> zeroth_plugin_term {
    guard let term = terms.pointee.terms[i] else { preconditionFailure("term \(i) of the host") }
    return term.pointee
  }

  func coefficient(_ i: Int) -> Double { term(i).coefficient }

  func touches(_ i: Int, _ block: ParameterBlock) -> Bool {
    terms.pointee.touches(terms, Int64(i), layout.pointee.blocks[block.index]) != 0
  }

  /// Adds direction `i`. If it fails, `values` stay unchanged; the host knows the error and ends the step.
  func add(_ i: Int, _ block: ParameterBlock, _ rows: Range<Int>, _ scale: Float, to values: inout MutableSpan<Float>) {
    values.withUnsafeMutableBufferPointer {
      _ = terms.pointee.add(
        terms, Int64(i), layout.pointee.blocks[block.index], Int64(rows.lowerBound), Int64(rows.count), scale,
        $0.baseAddress)
    }
  }

  func writeLeft(_ i: Int, _ block: ParameterBlock, _ rows: Range<Int>, _ values: UnsafeMutableBufferPointer<Float>) {
    let status = terms.pointee.write_left(
      terms, Int64(i), layout.pointee.blocks[block.index], Int64(rows.lowerBound), Int64(rows.count),
      values.baseAddress)
    if status != 0 { values.update(repeating: 0) }
  }

  func writeRight(_ i: Int, _ block: ParameterBlock, _ values: UnsafeMutableBufferPointer<Float>) {
    let status = terms.pointee.write_right(
      terms, Int64(i), layout.pointee.blocks[block.index], values.baseAddress)
    if status != 0 { values.update(repeating: 0) }
  }

  /// Whether `update` is a weighted sum of these directions alone. Then `weights` receives the weights, and the host
  /// can compute the sum without this library.
  func weights(of update: some Direction, into weights: inout [Float]) -> Bool {
    guard case .sum(let parts) = update.structure else { return false }
    for part in parts {
      guard let own = part.direction as? any HostDirectionKind, own.terms === self else { return false }
      weights[own.place] += part.weight
    }
    return true
  }
}

/// A kind of direction that the host holds.
protocol HostDirectionKind: Direction {
  init(_ terms: HostTerms, _ place: Int)
  var terms: HostTerms { get }
  var place: Int { get }
}

/// A direction of the host that is only known to add itself.
struct HostDirection: HostDirectionKind {
  let terms: HostTerms
  let place: Int

  init(_ terms: HostTerms, _ place: Int) {
    self.terms = terms
    self.place = place
  }

  func touches(_ block: ParameterBlock) -> Bool { terms.touches(place, block) }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    terms.add(place, block, rows, scale, to: &values)
  }
}

/// A direction of the host that has factors U and V.
struct LowRankHostDirection: HostDirectionKind, LowRankDirection {
  let terms: HostTerms
  let place: Int

  init(_ terms: HostTerms, _ place: Int) {
    self.terms = terms
    self.place = place
  }

  var rank: Int { Int(terms.term(place).rank) }
  var matrixScale: Float { terms.term(place).matrix_scale }
  var rightKey: StreamKey { StreamKey(bits: terms.term(place).right_key.bits, generator: terms.generator) }

  func touches(_ block: ParameterBlock) -> Bool { terms.touches(place, block) }

  func add(to values: inout MutableSpan<Float>, of block: ParameterBlock, rows: Range<Int>, scale: Float) {
    terms.add(place, block, rows, scale, to: &values)
  }

  func writeLeft(of block: ParameterBlock, rows: Range<Int>, into values: UnsafeMutableBufferPointer<Float>) {
    terms.writeLeft(place, block, rows, values)
  }

  func writeRight(of block: ParameterBlock, into values: UnsafeMutableBufferPointer<Float>) {
    terms.writeRight(place, block, values)
  }
}
