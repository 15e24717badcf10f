import ZerothRecords
import ZerothSupport

/// The losses and dev scores of a run, each with the cost up to that time.
struct Trace: Sendable {
  /// A value, and the cost up to it.
  struct Point: Sendable {
    /// The steps, forward passes, tokens and seconds so far. The tokens are NaN where the record does not give the
    /// number of tokens of a pass.
    let step, forwards, tokens, seconds: Double
    let value: Double
  }

  /// The mean of the losses that each step measured.
  private(set) var losses: [Point] = []
  /// The dev scores by the first metric.
  private(set) var scores: [Point] = []
  /// The loss on dev, where it was computed.
  private(set) var devLosses: [Point] = []

  /// Reads the trace of `run`. Throws `InputError` for rows that are damaged.
  init(_ run: RecordedRun) throws(InputError) {
    let perForward = run.results["tokens_per_forward"]?.double ?? .nan
    var (step, forwards, seconds) = (0.0, 0.0, 0.0)
    for row in try run.metrics() {
      switch row {
      case .step(let row):
        (step, forwards, seconds) = (Double(row.step + 1), Double(row.forwards), row.seconds)
        let loss = row.losses.isEmpty ? .nan : row.losses.reduce(0, +) / Double(row.losses.count)
        losses.append(
          Point(step: step, forwards: forwards, tokens: forwards * perForward, seconds: seconds, value: loss))
      case .evaluation(let row) where row.split == "dev":
        func point(_ value: Double) -> Point {
          Point(
            step: Double(row.step), forwards: forwards, tokens: forwards * perForward, seconds: seconds, value: value)
        }
        scores.append(point(row.mainScore))
        if let loss = row.loss { devLosses.append(point(loss)) }
      case .evaluation, .layers, .samples, .diagnosis: break
      }
    }
  }
}

/// The measure of cost on the x axis of a learning curve.
public enum Spent: String, CaseIterable, Sendable {
  case forwards, tokens, seconds

  /// The label of the axis.
  var title: String {
    switch self {
    case .forwards: "forward passes of training"
    case .tokens: "tokens through the model in training"
    case .seconds: "seconds of training"
    }
  }
}

/// A point of a curve over several seeds.
struct MeanPoint: Sendable {
  /// The cost, averaged over the seeds.
  let step, forwards, tokens, seconds: Double
  /// The values of the seeds that have one at this point.
  let sample: Sample

  func place(_ spent: Spent) -> Double {
    switch spent {
    case .forwards: forwards
    case .tokens: tokens
    case .seconds: seconds
    }
  }

  /// The curve of `traces`, one trace for each seed, at no more than `places` steps with equal distances.
  ///
  /// The value of a seed at a point is the mean of its finite values in a window around the point. `window` is the
  /// width of the window as a part of the whole run. The window has at least the steps up to the next point.
  static func curve(_ traces: [[Trace.Point]], places: Int = 60, window: Double = 0) -> [MeanPoint] {
    let last = traces.compactMap { $0.last?.step }.max() ?? 0
    let count = min(places, traces.map(\.count).max() ?? 0)
    guard last > 0, count > 0 else { return [] }
    let width = last / Double(count)
    return (0..<count).compactMap { place in
      let (from, to) = (Double(place) * width, Double(place + 1) * width)
      let reach = max(0, window * last - width) / 2
      return MeanPoint(
        traces.compactMap { trace -> (Trace.Point, Double)? in
          guard let at = trace.within(from, to).last else { return nil }
          let values = trace.within(from - reach, to + reach).map(\.value).filter(\.isFinite)
          return values.isEmpty ? nil : (at, values.reduce(0, +) / Double(values.count))
        })
    }
  }

  /// The values of `traces` at each step at which one of them has a value.
  static func each(_ traces: [[Trace.Point]]) -> [MeanPoint] {
    Set(traces.flatMap { $0.map(\.step) }).sorted().compactMap { step in
      MeanPoint(
        traces.compactMap { trace in
          trace.last { $0.step == step }.flatMap { $0.value.isFinite ? ($0, $0.value) : nil }
        })
    }
  }

  private init?(_ values: [(at: Trace.Point, value: Double)]) {
    guard !values.isEmpty else { return nil }
    func mean(_ number: (Trace.Point) -> Double) -> Double { Sample(values.map { number($0.at) }).mean }
    step = mean(\.step)
    forwards = mean(\.forwards)
    tokens = mean(\.tokens)
    seconds = mean(\.seconds)
    sample = Sample(values.map(\.value))
  }
}

extension [Trace.Point] {
  /// The points with steps above `from` and up to `to`. The points are in the order of their steps.
  fileprivate func within(_ from: Double, _ to: Double) -> ArraySlice<Trace.Point> {
    func first(above bound: Double) -> Int {
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if self[middle].step > bound + 1e-9 * abs(bound) { high = middle } else { low = middle + 1 }
      }
      return low
    }
    let start = first(above: from)
    return self[start..<Swift.max(start, first(above: to))]
  }
}
