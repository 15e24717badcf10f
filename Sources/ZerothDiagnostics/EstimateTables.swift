import ZerothRecords
import ZerothSupport

extension MetricsRow.Diagnosis {
  /// What a change would leave of an update's noise.
  public struct Change: Sendable {
    /// What is changed.
    public let words: String
    /// Examples that a step measures, over those now.
    public let cost: Double
    /// The mean square of the noise of an update, over that now.
    public let noise: Double
  }

  /// Whether the estimates are the gradient itself.
  public var isExact: Bool { all.error == 0 }

  /// What other directions, mini-batches and epsilons would leave of the noise of an update.
  ///
  /// The update of an average over q directions in d dimensions has the mean square d/q times that of a slope, as long as q is far
  /// below d: so q divides all of it, the mini-batch its own part alone, and a better epsilon takes off no more than its part. The
  /// update along a gradient has the noise of the mini-batch, and no other.
  public var changes: [Change] {
    let total = isExact ? slope.batch : slope.total
    func change(_ words: String, queries: Double = 1, batch size: Double = 1, epsilon: Double = 1) -> Change {
      let signal = isExact ? 0 : slope.gradient
      let rest = (signal + slope.batch / size + epsilon * slope.epsilon) / queries
      return Change(words: words, cost: queries * size, noise: rest / total)
    }
    let larger = change("mini-batches of \(2 * batch)", batch: 2)
    if isExact { return [larger] }
    var changes = [
      change("\(2 * queries) directions", queries: 2), larger,
      change("an epsilon without error", epsilon: 0),
    ]
    if batch > 1 {
      changes.append(
        change(
          "\(2 * queries) directions on mini-batches of \(batch / 2)", queries: 2,
          batch: Double(batch / 2) / Double(batch)))
    }
    return changes
  }

  /// The row as JSON, with the changes.
  public var json: JSON {
    .object(
      members.filter { $0.key != "kind" && $0.key != "step" }
        + [
          .init(
            "changes",
            .array(
              changes.map { ["change": .string($0.words), "cost": .double($0.cost), "noise": .double($0.noise)] }))
        ])
  }

  /// The row as tables.
  public var text: String {
    var table = Table([
      .left("blocks"), .right("parameters"), .right("gradient"), .right("its noise"), .right("estimate"),
      .right("cosine"), .right("error / gradient"),
    ])
    for (name, quality) in (groups[.roles] ?? []) + [("all", all)] {
      table.rows.append([
        name, Human.count(quality.parameters), "\(Float(quality.gradient))", "\(Float(quality.noise))",
        "\(Float(quality.estimate))", quality.cosine.map { Human.fixed($0, 5) } ?? "-",
        quality.error.map { "\(Float($0))" } ?? "-",
      ])
    }
    let directions = queries == 1 ? "one direction" : "\(queries) directions"
    let epsilonWords = epsilon.map { ", epsilon \(Float($0))" } ?? ""
    let head =
      isExact
      ? "the gradient itself"
      : "\(estimates) estimates along \(directions) each\(epsilonWords), against the gradient of their mini-batch"
    return "\(head); loss \(Human.fixed(loss, 4)) over \(batches) mini-batches of \(batch)\n\n\(table.text)\n\(budget)"
  }

  private var budget: String {
    var parts = Table([.left("the mean square of a measured slope"), .right(""), .right("part")])
    for (name, value) in [
      ("the gradient of all \(batches) mini-batches", slope.gradient), ("the mini-batch", slope.batch),
      ("epsilon", slope.epsilon),
    ] {
      parts.rows.append([name, "\(Float(value))", Human.percent(value / slope.total)])
    }
    var table = Table([.left("instead"), .right("examples a step"), .right("noise of an update")])
    for change in changes {
      table.rows.append([change.words, "x \(Human.fixed(change.cost, 2))", "x \(Human.fixed(change.noise, 2))"])
    }
    return "\(parts.text)\n\(table.text)"
  }
}
