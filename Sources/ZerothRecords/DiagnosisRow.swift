import ZerothSupport

extension MetricsRow {
  /// A comparison of the estimates of a step with the exact gradient. It is the row of `metrics.jsonl` that a run with
  /// `run.diagnose-every` writes.
  public struct Diagnosis: Sendable, Hashable {
    /// The quality of the estimates on some blocks.
    public struct Quality: Sendable, Hashable {
      /// The number of parameters of the blocks.
      public var parameters: Int
      /// ||g||, the norm of the gradient averaged over the mini-batches.
      public var gradient: Double
      /// sqrt(E||g_b - g||^2): how far the gradient g_b of a mini-batch is from g.
      public var noise: Double
      /// sqrt(E||e||^2), the size of the estimates e.
      public var estimate: Double
      /// The mean cosine of an estimate and the gradient of its mini-batch; nil where one of them is 0.
      public var cosine: Double?
      /// sqrt(E||e - g_b||^2) / ||g_b||; nil where the gradient is 0.
      public var error: Double?

      /// The quality with these numbers.
      public init(
        parameters: Int, gradient: Double, noise: Double, estimate: Double, cosine: Double?, error: Double?
      ) {
        self.parameters = parameters
        self.gradient = gradient
        self.noise = noise
        self.estimate = estimate
        self.cosine = cosine
        self.error = error
      }
    }

    /// The parts of the mean square of the slope that is measured along a direction.
    public struct Slope: Sendable, Hashable {
      /// The part of the gradient of all mini-batches together, which is the signal.
      public var gradient: Double
      /// The part that comes from the choice of a mini-batch.
      public var batch: Double
      /// The part that comes from a finite epsilon: truncation and rounding together.
      public var epsilon: Double

      /// The three mean squares.
      public init(gradient: Double, batch: Double, epsilon: Double) {
        self.gradient = gradient
        self.batch = batch
        self.epsilon = epsilon
      }

      /// The sum of the three parts.
      public var total: Double { gradient + batch + epsilon }
    }

    /// How blocks are grouped.
    public enum Group: String, CaseIterable, Sendable {
      case roles, layers, blocks
    }

    /// The number of steps done before.
    public var step: Int
    /// The mean loss over the mini-batches.
    public var loss: Double
    /// The number of mini-batches whose gradients were computed, and the number of estimates that were made on the
    /// first of them.
    public var batches, estimates: Int
    /// The number of directions of an estimate, and the number of examples in a mini-batch.
    public var queries, batch: Int
    /// The distance eps at which losses were measured; nil where there is no single number.
    public var epsilon: Double?
    /// The parts of a measured slope.
    public var slope: Slope
    /// The quality of the estimates on all trainable blocks.
    public var all: Quality
    /// The quality for each role, layer and block, by name.
    public var groups: [Group: [(name: String, quality: Quality)]]

    /// The comparison after `step` steps.
    public init(
      step: Int, loss: Double, batches: Int, estimates: Int, queries: Int, batch: Int, epsilon: Double?, slope: Slope,
      all: Quality, groups: [Group: [(name: String, quality: Quality)]]
    ) {
      self.step = step
      self.loss = loss
      self.batches = batches
      self.estimates = estimates
      self.queries = queries
      self.batch = batch
      self.epsilon = epsilon
      self.slope = slope
      self.all = all
      self.groups = groups
    }

    /// The members of the row as JSON.
    public var members: [JSON.Member] {
      var members: [JSON.Member] = [
        .init("kind", "diagnosis"), .init("step", .int(step)), .init("loss", .double(loss)),
        .init("batches", .int(batches)), .init("estimates", .int(estimates)), .init("queries", .int(queries)),
        .init("batch", .int(batch)),
      ]
      if let epsilon { members.append(.init("epsilon", .double(epsilon))) }
      members += [
        .init(
          "slope",
          [
            "gradient": .double(slope.gradient), "batch": .double(slope.batch), "epsilon": .double(slope.epsilon),
          ]),
        .init("all", all.json),
      ]
      return members
        + Group.allCases.map { group in
          .init(group.rawValue, .object((groups[group] ?? []).map { .init($0.name, $0.quality.json) }))
        }
    }

    var numbers: [Double] {
      let qualities = [all] + Group.allCases.flatMap { (groups[$0] ?? []).map(\.quality) }
      return [loss, slope.total]
        + qualities.flatMap { [$0.gradient, $0.noise, $0.estimate, $0.cosine ?? 0, $0.error ?? 0] }
    }

    /// Reads what `members` wrote. Null means NaN.
    init(_ json: JSON, subject: String) throws(InputError) {
      let reader = RowReader(json, subject)
      step = try reader.integer("step")
      loss = try reader.number("loss")
      batches = try reader.integer("batches")
      estimates = try reader.integer("estimates")
      queries = try reader.integer("queries")
      batch = try reader.integer("batch")
      epsilon = try json["epsilon"].map { _ throws(InputError) in try reader.number("epsilon") }
      let part = try reader.object("slope")
      slope = Slope(
        gradient: try part.number("gradient"), batch: try part.number("batch"), epsilon: try part.number("epsilon"))
      all = try Quality(try reader.object("all"))
      groups = [:]
      for group in Group.allCases {
        let members = try reader.object(group.rawValue)
        groups[group] = try (members.json.members ?? []).map { member throws(InputError) in
          (member.key, try Quality(try members.object(member.key)))
        }
      }
    }

    /// Two rows are equal when all their numbers are equal.
    public static func == (a: Diagnosis, b: Diagnosis) -> Bool { JSON.object(a.members) == .object(b.members) }
    /// The hash of its numbers.
    public func hash(into hasher: inout Hasher) { hasher.combine(JSON.object(members)) }
  }
}

extension MetricsRow.Diagnosis.Quality {
  /// The numbers as an object. Undefined ones are left out.
  public var json: JSON {
    var members: [JSON.Member] = [
      .init("parameters", .int(parameters)), .init("gradient", .double(gradient)), .init("noise", .double(noise)),
      .init("estimate", .double(estimate)),
    ]
    if let cosine { members.append(.init("cosine", .double(cosine))) }
    if let error { members.append(.init("error", .double(error))) }
    return .object(members)
  }

  fileprivate init(_ reader: RowReader) throws(InputError) {
    func optional(_ key: String) throws(InputError) -> Double? {
      try reader.json[key] == nil ? nil : reader.number(key)
    }
    self.init(
      parameters: try reader.integer("parameters"), gradient: try reader.number("gradient"),
      noise: try reader.number("noise"), estimate: try reader.number("estimate"), cosine: try optional("cosine"),
      error: try optional("error"))
  }
}
