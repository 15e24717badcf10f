import Foundation
import ZerothSupport

/// Writes the rows of `metrics.jsonl` as scalars to an event file, which TensorBoard reads.
///
/// The file is a sequence of records. A record is its length in 8 bytes, the masked CRC-32C of the length, the bytes,
/// and their masked CRC-32C (TensorFlow, `tensorflow/core/lib/io/record_writer.h`). The bytes are an `Event` in
/// protocol buffers (`tensorflow/core/util/event.proto`). All numbers are little endian.
public final class EventFile {
  private let file: AppendedFile
  /// The time at which the clock of the run was at 0, in seconds since 1970.
  private let start: Double
  /// The time of the run at the last step, in seconds.
  private var seconds = 0.0

  /// A file of `rows` in `folder`. It replaces an existing one, so that steps that a resumed run makes again are in it
  /// only once.
  ///
  /// - Parameters:
  ///   - folder: where it is written.
  ///   - rows: the rows that the run already has.
  ///   - now: seconds since 1970.
  public init(
    in folder: String, rows: [MetricsRow] = [], now: Double = Date().timeIntervalSince1970
  ) throws(InputError) {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw InputError(folder, found: "a folder that cannot be made", expected: "a place to write to")
    }
    let path = folder.appendingFile("events.out.tfevents.zeroth")
    try? FileManager.default.removeItem(atPath: path)
    file = try AppendedFile(path, keeping: nil)
    let earlier = rows.reduce(0.0) { if case .step(let step) = $1 { step.seconds } else { $0 } }
    start = now - earlier
    // Field 3 of an event is the version. Readers recognise the file by it.
    try write(.double(1, start), .bytes(3, Data("brain.Event:2".utf8)))
    for row in rows { try append(row) }
  }

  /// Appends the numbers of one row. The rows of a step come in the order of the steps. Values that are not finite are
  /// written as they are.
  public func append(_ row: MetricsRow) throws(InputError) {
    switch row {
    case .step(let row):
      seconds = row.seconds
      let losses = row.losses.isEmpty ? .nan : row.losses.reduce(0, +) / Double(row.losses.count)
      var values = [
        ("train/loss", losses), ("train/projected_gradient", row.projectedGradient),
        ("train/learning_rate", row.learningRate), ("train/forwards", Double(row.forwards)),
      ]
      if let epsilon = row.epsilon { values.append(("train/epsilon", epsilon)) }
      if let rewards = row.rewards {
        values += [
          ("train/reward", rewards.mean), ("train/reward_over_points", rewards.overPoints),
          ("train/reward_over_examples", rewards.overExamples), ("train/answers_changed", rewards.changed),
        ]
      }
      try write(values, step: row.step + 1)
    case .evaluation(let row):
      var values = row.scores.map { ("\(row.split)/\($0.metric)", $0.value) }
      if let loss = row.loss { values.append(("\(row.split)/loss", loss)) }
      try write(values, step: row.step)
    case .layers(let row):
      var values: [(String, Double)] = []
      for block in row.blocks {
        values.append(("distance/\(block.name)", block.distance))
        if let ratio = block.ratio { values.append(("ratio/\(block.name)", ratio)) }
      }
      try write(values, step: row.step)
    case .diagnosis(let row):
      let values = [
        ("diagnosis/cosine", row.all.cosine), ("diagnosis/error", row.all.error),
        ("diagnosis/gradient", row.all.gradient),
        ("diagnosis/noise", row.all.noise), ("diagnosis/slope_gradient", row.slope.gradient),
        ("diagnosis/slope_batch", row.slope.batch), ("diagnosis/slope_epsilon", row.slope.epsilon),
      ]
      try write(values.compactMap { tag, value in value.map { (tag, $0) } }, step: row.step)
    case .samples: break  // texts are not scalars
    }
  }

  /// Writes an event of scalars. In `Summary.Value` the tag is field 1, and the number, a Float, is field 2.
  private func write(_ values: [(tag: String, value: Double)], step: Int) throws(InputError) {
    let summary = values.reduce(into: Data()) { summary, value in
      let fields = [Field.bytes(1, Data(value.tag.utf8)), .float(2, Float(value.value))]
      Field.bytes(1, Field.data(fields)).append(to: &summary)
    }
    try write(.double(1, start + seconds), .integer(2, UInt64(step)), .bytes(5, summary))
  }

  private func write(_ fields: Field...) throws(InputError) {
    let event = Field.data(fields)
    var record = Data()
    record.append(littleEndian: UInt64(event.count))
    record.append(littleEndian: CastagnoliChecksum.masked(record))
    record.append(event)
    record.append(littleEndian: CastagnoliChecksum.masked(event))
    try file.write(record)
  }

  /// A field of a message in protocol buffers: its number and its value.
  private enum Field {
    case integer(UInt8, UInt64)
    case double(UInt8, Double)
    case float(UInt8, Float)
    case bytes(UInt8, Data)

    static func data(_ fields: [Field]) -> Data { fields.reduce(into: Data()) { $1.append(to: &$0) } }

    /// Appends a byte with the number of the field and the type of the value, and then the value. Integers are written
    /// in groups of 7 bits, lowest first.
    func append(to data: inout Data) {
      switch self {
      case .integer(let number, let value):
        data.append(number << 3)
        Self.append(value, to: &data)
      case .double(let number, let value):
        data.append(number << 3 | 1)
        data.append(littleEndian: value.bitPattern)
      case .float(let number, let value):
        data.append(number << 3 | 5)
        data.append(littleEndian: value.bitPattern)
      case .bytes(let number, let value):
        data.append(number << 3 | 2)
        Self.append(UInt64(value.count), to: &data)
        data.append(value)
      }
    }

    private static func append(_ value: UInt64, to data: inout Data) {
      var rest = value
      while rest >= 0x80 {
        data.append(UInt8(rest & 0x7F) | 0x80)
        rest >>= 7
      }
      data.append(UInt8(rest))
    }
  }
}

/// CRC-32C (Castagnoli's polynomial, reflected 0x82F63B78), which zlib does not have. It is masked as in TensorFlow's
/// records.
enum CastagnoliChecksum {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
  }

  /// The checksum of `bytes`.
  static func crc(_ bytes: Data) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
  }

  /// The masked checksum: rotated right by 15 bits, plus 0xA282EAD8.
  static func masked(_ bytes: Data) -> UInt32 {
    let crc = crc(bytes)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}
