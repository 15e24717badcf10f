import CZeroth

/// What the numeric floor is made of, for the record of a run.
public enum Backend {
  /// OpenBLAS's own words on its build and the kernels it chose.
  public static var blasConfiguration: String { String(cString: zeroth_blas_configuration()) }
  /// The file that `cblas_sgemm` comes from.
  public static var blasLibrary: String { String(cString: zeroth_blas_library()) }
  /// The instruction set that noise is made with: the best that this processor has.
  public static var instructionSet: String { String(cString: zeroth_isa_name(0)) }
}
