/// Measures seconds, without pauses.
struct TrainingClock {
  private var begin = ContinuousClock.now
  private var paused = Duration.zero

  mutating func start() { self = TrainingClock() }

  var seconds: Double { (ContinuousClock.now - begin - paused) / .seconds(1) }

  mutating func pause(_ body: () throws -> Void) rethrows {
    let start = ContinuousClock.now
    try body()
    paused += ContinuousClock.now - start
  }
}
