import CZeroth
import Zeroth
import ZerothModels
import ZerothResources
import ZerothStrategies
import ZerothSupport
import ZerothTasks
import ZerothTestKit
import ZerothTraining

/// The products x W^T of some layers, made by OpenBLAS alone. A forward pass of these layers cannot be faster.
final class PlainProducts: @unchecked Sendable {
  /// The ways to divide a product between threads. Each thread calls a BLAS that uses one thread.
  enum Cut: CaseIterable {
    /// Each thread takes some rows of W, and so some columns of the result.
    case weight
    /// Each thread takes some rows of x.
    case rows
  }

  /// The number of rows of W that are multiplied at a time. The output over a large vocabulary is therefore never
  /// written as a whole.
  private static let panel = 4096

  private let layers: [LinearLayers.Layer]
  private let x: FloatBuffer
  private let y: FloatBuffer

  init(_ layers: [LinearLayers.Layer]) {
    self.layers = layers
    x = FloatBuffer(layers.map { $0.rows * $0.weight.columns }.max() ?? 0)
    for i in 0..<x.count { x.base[i] = Float(i % 17) / 17 - 0.5 }
    y = FloatBuffer(layers.map { $0.rows * min($0.weight.rows, Self.panel) }.max() ?? 0)
  }

  var operations: Double { layers.reduce(0) { $0 + $1.operations } }

  func run(at theta: borrowing ParameterStore, cut: Cut) {
    for layer in layers {
      guard let start = theta.stored().floats(of: layer.weight) else { continue }
      let weight = start
      for first in stride(from: 0, to: layer.weight.rows, by: Self.panel) {
        let m = min(Self.panel, layer.weight.rows - first)
        product(layer.rows, m, layer.weight.columns, weight + first * layer.weight.columns, cut)
      }
    }
  }

  /// y (rows x m) = x (rows x k) W^T, in as many equal pieces as there are threads.
  private func product(_ rows: Int, _ m: Int, _ k: Int, _ weight: UnsafePointer<Float>, _ cut: Cut) {
    let w = SendablePointer(weight)
    let whole = cut == .weight ? m : rows
    let piece = (whole + Parallel.threads - 1) / Parallel.threads
    Parallel.forEach((whole + piece - 1) / piece) { [x, y] i in
      let start = i * piece
      let count = min(piece, whole - start)
      switch cut {
      case .weight:
        zeroth_sgemm(true, rows, count, k, 1, x.base, k, w.pointer + start * k, k, 0, y.base + start, m)
      case .rows:
        zeroth_sgemm(true, count, m, k, 1, x.base + start * k, k, w.pointer, k, 0, y.base + start * m, m)
      }
    }
  }
}

extension LinearLayers.Layer {
  /// The products of a causal model on `rows` rows, of which `readOut` are read out. After the attention of the last
  /// layer, only the rows that are read out are needed.
  static func products(of model: CausalModel, rows: Int, readOut: Int) -> [Self] {
    let last = model.layout.blocks.compactMap(\.layer).max() ?? 0
    let untied = model.layout.blocks.contains { $0.role == .head }
    return model.layout.blocks.filter(\.isMatrix).compactMap { block in
      switch block.role {
      case .query, .key, .value: Self(block, rows: rows)
      case .output, .dense: Self(block, rows: block.layer == last ? readOut : rows)
      case .head: Self(block, rows: readOut)
      case .embedding: untied ? nil : Self(block, rows: readOut)
      default: nil
      }
    }
  }
}

/// Floats that begin as zeros, aligned for vector instructions.
final class FloatBuffer: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let count: Int

  init(_ count: Int) {
    self.count = count
    guard let memory = zeroth_allocate(count * MemoryLayout<Float>.stride) else {
      zeroth_end_without_memory("\(count) floats")
    }
    base = memory.assumingMemoryBound(to: Float.self)
  }

  deinit { zeroth_deallocate(base, count * MemoryLayout<Float>.stride) }
}
