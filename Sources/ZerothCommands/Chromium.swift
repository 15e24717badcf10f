import Foundation
import ZerothReport
import ZerothSupport

/// An installed Chromium browser, which turns a figure in SVG into pixels.
struct Chromium {
  private static let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
  private let path: String

  /// The first browser on the PATH. Throws an `InputError` if there is none.
  init() throws(InputError) {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    let places = folders.flatMap { folder in Self.names.map { folder.appendingFile($0) } }
    guard let path = places.first(where: FileManager.default.isExecutableFile) else {
      throw InputError(
        "--format", found: "'png', and no \(Self.names.joined(separator: " or ")) on the PATH",
        expected: "Chromium (apt-get install chromium), or --format svg")
    }
    self.path = path
  }

  /// Draws the SVG text `svg` to a PNG file at `out`, with twice as many pixels per side as the SVG states.
  func draw(_ svg: String, to out: String) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("zeroth-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let page = folder.appendingPathComponent("figure.html")
    let picture = folder.appendingPathComponent("figure.png")
    let html = "<!DOCTYPE html><meta charset=\"utf-8\"><style>body { margin: 0; }</style>\(svg)"
    try AtomicFile.write(html, to: page.path)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    let size = Report.figureSize
    // Chromium gives root no sandbox, so root runs it without one. This is safe: the page is made by this tool and has
    // no script.
    process.arguments =
      [
        "--headless", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=2",
        "--user-data-dir=\(folder.path)/profile", "--screenshot=\(picture.path)",
        "--window-size=\(size.width),\(size.height)",
      ] + (geteuid() == 0 ? ["--no-sandbox"] : []) + [page.absoluteString]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0, let data = try? Data(contentsOf: picture), !data.isEmpty else {
      throw InputError(
        path, found: "status \(process.terminationStatus) and no picture", expected: "a Chromium that draws a page")
    }
    let file = try AtomicFile(path: out)
    try file.write(data)
    try file.commit()
  }
}
