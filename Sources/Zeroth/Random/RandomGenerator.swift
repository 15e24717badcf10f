import CZeroth

/// A generator of random numbers, by name: `philox4x32`, or one of GSL's (slatec, uni and zuf know too few seeds).
///
/// Philox4x32-10 (Salmon et al. 2011) is counter-based: it is keyed by all 64 bits of a stream key and starts at any
/// place. It is registered as a `gsl_rng_type`, so that GSL's distributions run on it as on the others.
///
/// What is the same where:
/// - The words of every generator, and Philox's noise (normal numbers by Box and Muller, and signs): bit for bit on
///   AVX-512, AVX2, plain x86-64 and arm64, for any number of threads and however the noise is cut. The noise is made
///   of operations that IEEE 754 rounds in one way only (sums, products, square roots, fused multiply-adds,
///   conversions) and of no function of libm.
/// - `RandomStream.gaussian()`, and noise of GSL's own generators: bit for bit with the same libm. GSL's ziggurat
///   calls `exp` and `log`, whose last bit differs from one libm to another.
public struct RandomGenerator: Sendable, Hashable, CustomStringConvertible {
  private let place: UInt8

  /// Its place among `names`.
  package var index: Int32 { Int32(place) }

  /// The counter-based default.
  public static let philox = RandomGenerator(place: 0)

  /// The names of all generators.
  public static let names: [String] = (0..<zeroth_generator_count()).map { String(cString: zeroth_generator_name($0)) }

  private init(place: UInt8) { self.place = place }

  /// The generator at a place among `names`; nil when there is none.
  package init?(at index: UInt64) {
    guard index < UInt64(zeroth_generator_count()) else { return nil }
    place = UInt8(index)
  }

  /// The generator called `name`. Throws `InputError` when there is none.
  public init(named name: String) throws(InputError) {
    guard let index = Self.names.firstIndex(of: name) else {
      throw InputError(
        "generator", found: "'\(name)'", expected: "one of \(Self.names.joined(separator: ", "))")
    }
    place = UInt8(index)
  }

  /// The name that `init(named:)` reads.
  public var description: String { Self.names[Int(index)] }
}
