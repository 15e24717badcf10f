import CZeroth

/// The libraries and the instruction set that compute the numbers, for the record of a run.
public enum Backend {
  /// How OpenBLAS describes its build and the kernels that it chose.
  public static var blasConfiguration: String { String(cString: zeroth_blas_configuration()) }
  /// The file of the library that provides `cblas_sgemm`.
  public static var blasLibrary: String { String(cString: zeroth_blas_library()) }
  /// The instruction set with which noise is made: the best one that this processor has.
  public static var instructionSet: String { String(cString: zeroth_isa_name(0)) }
}
