import Testing
import ZerothTestKit

/// Expects that `check` finds `law` broken, and no other.
func expectViolation(
  _ law: LawViolation.Law, sourceLocation: SourceLocation = #_sourceLocation, _ check: () throws -> Void
) {
  do {
    try check()
    Issue.record("the planted bug passed; expected: \(law.rawValue)", sourceLocation: sourceLocation)
  } catch let violation as LawViolation {
    #expect(violation.law == law, "\(violation)", sourceLocation: sourceLocation)
  } catch {
    Issue.record("\(error)", sourceLocation: sourceLocation)
  }
}
