import Foundation
import Zeroth
import ZerothSupport

/// The files of a data set. A `--data` argument names a folder or one file.
public struct DataFolder: Sendable, Hashable {
  /// The file of the training examples; the only file where there are no separate ones.
  public let train: String
  /// The file of the dev set, from which choices are made; nil where there is no test file besides it.
  public let dev: String?
  /// The file for the final measurement: the test file, or the dev file where there is no test file besides `train`.
  public let test: String?

  private init(train: String, dev: String?, test: String?) {
    self.train = train
    self.dev = dev
    self.test = test
  }

  /// The same files without the test file. The dev file then serves as test file, as it does where no test file exists.
  var withoutTest: DataFolder { DataFolder(train: train, dev: nil, test: dev) }

  private static let trainNames: Set<String> = ["train", "training"]
  private static let devNames: Set<String> = ["dev", "val", "valid", "validation", "dev_matched", "validation_matched"]
  private static let testNames: Set<String> = ["test"]

  /// The files at `path`: `train`, `dev` (or `val`, `validation`, `dev_matched`) and `test` with any known ending in
  /// a folder, one data file of any name in a folder, or the file itself. The test file of `testData`, or the only one
  /// there, takes the place of the test file at `path`.
  public init(_ path: String, testData: String? = nil) throws(InputError) {
    let otherTest = try testData.map { other throws(InputError) in
      let folder = try DataFolder(other)
      return folder.test ?? folder.train
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw InputError(path, found: "nothing", expected: "a data file or a folder of them")
    }
    guard isFolder.boolValue else {
      (train, dev, test) = (path, nil, otherTest)
      return
    }
    let entries = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    let files = entries.filter { DataFormat.extensions.contains(DataFormat.stem(of: $0).ending) }
    func only(_ names: Set<String>) throws(InputError) -> String? {
      let found = files.filter { names.contains(DataFormat.stem(of: $0).name) }
      guard found.count < 2 else {
        throw InputError(path, found: found.joined(separator: " and "), expected: "one of them")
      }
      return found.first.map { URL(fileURLWithPath: path).appendingPathComponent($0).relativePath }
    }
    let (trainFile, devFile, testFile) = (try only(Self.trainNames), try only(Self.devNames), try only(Self.testNames))
    if let trainFile {
      let test = otherTest ?? testFile ?? devFile
      train = trainFile
      // A file that is given as the test file is not used as dev file too.
      dev = devFile.flatMap { dev in test?.isSameFile(as: dev) == true ? nil : dev }
      self.test = test
    } else if files.count == 1, let file = files.first {
      (train, dev, test) = (URL(fileURLWithPath: path).appendingPathComponent(file).relativePath, nil, otherTest)
    } else {
      throw InputError(
        path, found: files.isEmpty ? "no data file" : files.joined(separator: ", "),
        expected: "a file train.txt, .tsv, .csv, .json or .jsonl, or a single data file")
    }
  }
}
