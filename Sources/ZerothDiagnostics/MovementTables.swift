import ZerothSupport

extension MovementPoint {
  /// Totals over several blocks.
  struct Sum {
    let name: String
    let parameters: Int
    let distance, straightness, updateOverLaw, progress, slope, deviations: Double

    init(_ name: String, _ blocks: [Block]) {
      self.name = name
      parameters = blocks.reduce(0) { $0 + $1.parameters }
      let square = blocks.reduce(0) { $0 + $1.distance * $1.distance }
      distance = square.squareRoot()
      straightness = square / blocks.reduce(0) { $0 + $1.walk }
      updateOverLaw =
        blocks.reduce(0) { $0 + ($1.updateOverLaw ?? .nan) * Double($1.parameters) } / Double(parameters)
      progress = blocks.reduce(0) { $0 + $1.progress }
      slope = blocks.reduce(0) { $0 + $1.slope }
      // The cosine of -g and Delta, divided by the standard deviation that it has for a random direction, 1/sqrt(d).
      let gradient = blocks.reduce(0) { $0 + $1.gradient * $1.gradient }.squareRoot()
      deviations = progress / (distance * gradient) * Double(parameters).squareRoot()
    }
  }

  /// The totals over the blocks of each role, and over all blocks.
  var sums: [Sum] {
    var roles: [String] = []
    for block in blocks where !roles.contains(block.role) { roles.append(block.role) }
    return roles.map { role in Sum(role, blocks.filter { $0.role == role }) } + [Sum("all", blocks)]
  }

  /// The distance of each layer, with its number.
  var layers: [(layer: Int, distance: Double)] {
    let layers = Dictionary(grouping: blocks.filter { $0.layer != nil }) { $0.layer ?? 0 }
    return layers.sorted { $0.key < $1.key }.map { ($0.key, Sum("", $0.value).distance) }
  }

  /// The largest distance of a layer divided by the smallest; nil for fewer than two layers.
  public var spreadOfLayers: Double? {
    let distances = layers.map(\.distance)
    guard distances.count > 1, let low = distances.min(), let high = distances.max(), low > 0 else { return nil }
    return high / low
  }

  /// The point as JSON.
  public var json: JSON {
    [
      "step": .int(step), "loss_before": .double(lossBefore), "loss": .double(loss),
      "spread_of_layers": spreadOfLayers.map { .double($0) } ?? .null,
      "blocks": .object(
        blocks.map { block in
          .init(
            block.name,
            [
              "role": .string(block.role), "layer": block.layer.map { .int($0) } ?? .null,
              "parameters": .int(block.parameters), "distance": .double(block.distance), "walk": .double(block.walk),
              "update": .double(block.update), "update_over_law": block.updateOverLaw.map { .double($0) } ?? .null,
              "progress": .double(block.progress), "slope": .double(block.slope),
              "gradient": .double(block.gradient),
            ])
        }),
    ]
  }

  /// The point as a table with a row for each role.
  public var text: String {
    var table = Table([
      .left("role"), .right("parameters"), .right("distance"), .right("/ sqrt(d_l)"), .right("distance^2 / walk"),
      .right("update / law"), .right("progress"), .right("deviations"),
    ])
    for sum in sums {
      table.rows.append([
        sum.name, Human.count(sum.parameters), "\(Float(sum.distance))",
        "\(Float(sum.distance / Double(sum.parameters).squareRoot()))", Human.fixed(sum.straightness, 2),
        Human.fixed(sum.updateOverLaw, 3), Human.fixed(sum.progress, 4), Human.fixed(sum.deviations, 2),
      ])
    }
    let spread = spreadOfLayers.map {
      "; the layer that moved most is \(Human.fixed($0, 2)) times as far as the one that moved least"
    }
    return
      "how far blocks have moved in \(step) steps: loss \(Human.fixed(lossBefore, 4)) before, \(Human.fixed(loss, 4)) now"
      + (spread ?? "") + "\n\n" + table.text
  }
}
