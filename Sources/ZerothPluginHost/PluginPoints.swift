import CZerothPlugin
import Zeroth
import ZerothStrategies
import ZerothSupport

extension PluginSession {
  /// The points of a request, checked.
  ///
  /// Neighbouring points along one direction form a group, and a point at theta itself belongs to the group beside it.
  /// An estimate through the interface therefore asks a model for the same points, in the same groups, as a built-in
  /// estimator does.
  func points(of request: zeroth_plugin_request) throws(InputError) -> Points {
    guard (1...Int64(max(1, declared - forwards))).contains(request.point_count), declared > forwards else {
      throw memory.error(
        "forwards", found: "\(request.point_count) more after \(forwards)",
        expected: "\(declared), as `forwards` declares")
    }
    guard (0...request.point_count).contains(request.direction_count) else {
      throw memory.error(
        "direction_count", found: "\(request.direction_count)", expected: "0 to \(request.point_count), one for a point"
      )
    }
    let directions = try directions(of: request)
    var points = Points()
    // The group that is being gathered. Points at theta before its direction is known are offset 0 of that direction.
    var run: (direction: Int?, offsets: Few<Float>) = (nil, [])
    for i in 0..<Int(request.point_count) {
      let point = try memory.value(
        "points[\(i)]", at: request.points.map { UnsafeRawPointer($0 + i) }, of: zeroth_plugin_point.self)
      guard point.offset.isFinite else {
        throw memory.error("offset", found: "\(point.offset)", expected: "a finite number")
      }
      guard point.direction >= -1, point.direction < Int64(directions.count) else {
        throw memory.error(
          "points[\(i)]", found: "direction \(point.direction)", expected: "-1 to \(directions.count - 1)")
      }
      guard point.direction >= 0 else {
        run.offsets.append(0)
        continue
      }
      let direction = Int(point.direction)
      if let before = run.direction, before != direction {
        points.append(directions[before], at: run.offsets)
        run.offsets = []
      }
      run.direction = direction
      run.offsets.append(point.offset)
    }
    guard let last = run.direction else { return Points(along: nil, at: run.offsets) }
    points.append(directions[last], at: run.offsets)
    return points
  }

  private func directions(of request: zeroth_plugin_request) throws(InputError) -> [any Direction] {
    var directions: [any Direction] = []
    for i in 0..<Int(request.direction_count) {
      let address = try memory.value(
        "directions[\(i)]", at: request.directions.map { UnsafeRawPointer($0 + i) },
        of: UnsafePointer<zeroth_plugin_direction>?.self)
      let data = try memory.structure("direction", at: address, of: zeroth_plugin_direction.self)
      var direction: any Direction
      if let terms = data.terms {
        guard let known, known.pointer == terms, known.directions.count == 1 else {
          throw memory.error("direction", found: "other terms", expected: "the update that it was given")
        }
        direction = known.directions[0]
      } else {
        let own = try self.direction(data)
        direction = own.rank > 0 ? LowRankPluginDirection(own) : PluginDirection(own)
      }
      if request.factors != nil, let factors = try factors(of: request, i) {
        direction = factored(direction, layout.layout.trainable, factors)
      }
      directions.append(direction)
    }
    return directions
  }

  /// The factors of direction number `i`, one for each block; nil if it has none.
  private func factors(of request: zeroth_plugin_request, _ i: Int) throws(InputError) -> [Float]? {
    let address = try memory.value(
      "factors[\(i)]", at: request.factors.map { UnsafeRawPointer($0 + i) }, of: UnsafePointer<Float>?.self)
    guard let address else { return nil }
    let count = layout.layout.blocks.count
    guard zeroth_guarded_reads(address, UInt64(4 * count)) == 0 else {
      throw memory.error(
        "factors[\(i)]", found: "an address that cannot be read", expected: "\(count) numbers, one for each block")
    }
    let factors = Array(UnsafeBufferPointer(start: address, count: count))
    guard factors.allSatisfy(\.isFinite) else {
      throw memory.error("factors[\(i)]", found: "a factor that is not finite", expected: "numbers")
    }
    return factors
  }
}

/// sum_l f_l D_l, where l counts the blocks. The generic function gives the direction its concrete type.
private func factored(_ direction: some Direction, _ blocks: [ParameterBlock], _ factors: [Float]) -> any Direction {
  PerBlock(direction, blocks) { Double(factors[blocks[$0].index]) }
}
