import CZeroth

/// A generator of random numbers, chosen by name: `philox4x32`, or a generator of GSL. GSL's slatec, uni and zuf are
/// left out because they have too few different seeds.
///
/// Philox4x32-10 (Salmon et al. 2011) is counter-based: all 64 bits of a stream key are its key, and it can start at
/// any position of its sequence. It is registered as a `gsl_rng_type`, so the distributions of GSL run on it as on
/// GSL's own generators.
///
/// Which results are the same on which machines:
/// - The words of every generator, and the noise of Philox (normal numbers by Box and Muller, and signs), are the same
///   bit for bit on AVX-512, AVX2, plain x86-64 and arm64, for any number of threads and for any way of cutting the
///   noise into pieces. The noise uses only operations whose rounding IEEE 754 fixes (sums, products, square roots,
///   fused multiply-adds, conversions) and no function of libm.
/// - `RandomStream.gaussian()`, and noise of GSL's own generators, are the same bit for bit with the same libm. The
///   ziggurat method of GSL calls `exp` and `log`, whose last bit differs between versions of libm.
public struct RandomGenerator: Sendable, Hashable, CustomStringConvertible {
  private let place: UInt8

  /// The position of the generator in `names`.
  package var index: Int32 { Int32(place) }

  /// Philox4x32-10, the default.
  public static let philox = RandomGenerator(place: 0)

  /// The names of all generators.
  public static let names: [String] = (0..<zeroth_generator_count()).map { String(cString: zeroth_generator_name($0)) }

  private init(place: UInt8) { self.place = place }

  /// The generator at position `index` of `names`; nil where there is none.
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

  /// The name, as `init(named:)` reads it.
  public var description: String { Self.names[Int(index)] }
}
