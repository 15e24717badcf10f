import ZerothRecords
import ZerothSupport

extension MetricsRow.Diagnosis {
  /// A possible change of a run, and the noise that an update would then have.
  public struct Change: Sendable {
    /// The change, in words.
    public let words: String
    /// The number of examples that a step would measure, divided by the present number.
    public let cost: Double
    /// The mean square of the noise of an update, divided by the present one.
    public let noise: Double
  }

  /// Whether the estimates are the gradient itself.
  public var isExact: Bool { all.error == 0 }

  /// How much noise an update would have with other numbers of directions, other mini-batches and other epsilons.
  ///
  /// An update that averages q directions in d dimensions has the mean square of a slope times d/q, as long as q is far
  /// below d. So more directions reduce all parts of the noise, a larger mini-batch reduces only its own part, and a
  /// better epsilon at most its own part. An update along a gradient has only the noise of the mini-batch.
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

  /// The row as JSON, with the possible changes.
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
