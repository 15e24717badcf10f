import Foundation
import TestSupport
import Testing

/// The tool with standard streams, arguments and paths that are not what they mostly are.
@Suite struct StreamTests {
  private static let tool = Execution.products.appendingPathComponent("zeroth").path
  private static let run =
    "train --model imdb-opt --task sst2 --k 4 --test 10 --optimizer mezo --steps 2 --eval-every 1"

  /// Runs a line of the shell, in which `$ZEROTH` is the tool and `$OUT` a folder to write to.
  private func shell(_ line: String, out: String = "/nonexistent") throws -> Execution {
    try Execution("/bin/bash", ["-c", "ZEROTH='\(Self.tool)'; OUT='\(out)'; \(line)"])
  }

  @Test(arguments: ["2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
  func aRunWithoutStandardStreamsIsRecordedAndResumed(streams: String) throws {
    let scratch = try Scratch()
    #expect(try shell("$ZEROTH \(Self.run) --out $OUT/whole", out: scratch.path).status == 0)
    #expect(try shell("$ZEROTH \(Self.run) --out $OUT/run \(streams)", out: scratch.path).status == 0)
    for file in ["trajectory.bin", "model/model.safetensors"] {
      #expect(
        FileManager.default.contentsEqual(
          atPath: "\(scratch.path)/whole/\(file)", andPath: "\(scratch.path)/run/\(file)"), "\(file)")
    }
    let replay = try shell("$ZEROTH replay $OUT/run --step 2 --out $OUT/tuned", out: scratch.path)
    #expect(replay.status == 0, "\(replay.err)")
  }

  @Test(arguments: ["list", "--help", "explain lozo", "tokenize --tokenizer imdb-opt <<<text"])
  func whatCannotBePrintedIsAnError(_ command: String) throws {
    let output = try shell("$ZEROTH \(command) >/dev/full")
    #expect(output.status == 2)
    #expect(output.err.contains("standard output: found the error 'No space left on device'"), "\(output.err)")
  }

  @Test func aReaderThatLeavesEndsTheToolWithoutAWord() throws {
    let output = try shell("(sleep 0.5; $ZEROTH list; echo status $? >&2) | true")
    #expect(output.err == "status 141\n", "\(output.err)")
  }

  @Test func anErrorThatCannotBeToldHasItsStatus() throws {
    for stream in ["2>&-", "2>/dev/full"] {
      #expect(try shell("$ZEROTH inspect --model nowhere \(stream)").status == 2, "\(stream)")
    }
  }

  @Test func aPathThatIsNoUTF8IsRefused() throws {
    let scratch = try Scratch()
    let output = try shell(#"$ZEROTH \#(Self.run) --out "$OUT/"$'\xff'"#, out: scratch.path)
    #expect(output.status == 2)
    #expect(output.err.contains("found bytes that are not UTF-8"), "\(output.err)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
  }

  @Test func predictionsGoThroughLinksAndToDevices() throws {
    let scratch = try Scratch()
    let evaluate = "$ZEROTH evaluate --model imdb-opt --task sst2 --test 4 --predictions"
    // A file that is open is written to; in a folder in memory one is made.
    let line = """
      ln -s target.jsonl $OUT/link; \(evaluate) $OUT/link && \(evaluate) /dev/null || exit
      memory=$(mktemp -d -p /dev/shm) && \(evaluate) $memory/rows && cp $memory/rows $OUT/rows; rm -r $memory
      \(evaluate) /dev/fd/9 9>$OUT/open
      """
    let output = try shell(line, out: scratch.path)
    #expect(output.status == 0, "\(output.err)")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: scratch.path + "/link") == "target.jsonl")
    let rows = try String(contentsOfFile: scratch.path + "/target.jsonl", encoding: .utf8)
    #expect(rows.split(separator: "\n").count == 4)
    for name in ["/rows", "/open"] {
      #expect(try String(contentsOfFile: scratch.path + name, encoding: .utf8) == rows, "\(output.err)")
    }
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
    let full = try shell("\(evaluate) /dev/full")
    #expect(full.status == 2 && full.err.contains("/dev/full: found the error 'No space left"), "\(full.err)")
  }

  /// The weights are used where the file holds them: its pages are gone with its end.
  @Test func aModelThatIsCutWhileARunUsesItEndsInALine() throws {
    let scratch = try Scratch()
    let line = #"""
      $ZEROTH convert --model imdb-opt --out $OUT/base --dtype bfloat16 >/dev/null || exit 90
      $ZEROTH train --model $OUT/base --task sst2 --k 4 --test 10 --optimizer mezo --steps 1000000 --eval-every 1000000 \
        --set model.storage=as-stored --out $OUT/run >/dev/null & run=$!
      for ((i = 0; i < 600; i++)); do grep -qs '"kind":"step"' $OUT/run/metrics.jsonl && break; sleep 0.1; done
      truncate -s 4096 $OUT/base/model.safetensors; wait $run
      """#
    let output = try shell(line, out: scratch.path)
    #expect(output.status == 2)
    #expect(output.err.contains("a file that is in use was cut"), "\(output.err)")
  }

  @Test func whatMovesATerminalIsSpelledOut() throws {
    let output = try shell(#"$ZEROTH inspect --model $'no\x1b[2Kwhere\u202e\u009b'"#)
    #expect(output.status == 2)
    #expect(output.err.contains(#"no\u{1B}[2Kwhere\u{202E}\u{9B}"#), "\(output.err)")
    let long = try shell(#"$ZEROTH explain "$(printf 'x%.0s' $(seq 100000))""#)
    #expect(long.status == 2 && long.err.utf8.count < 5000)
  }

  /// With less, the system's libraries abort before a line of ours runs. Where an array of Swift's is what finds no memory, its runtime
  /// says how much was asked for, and aborts.
  @Test func aRunWithoutMemoryEndsWithALine() throws {
    for limit in stride(from: 500_000, through: 900_000, by: 100_000) {
      let output = try shell("ulimit -v \(limit); timeout 60 $ZEROTH \(Self.run) --threads 2")
      let isRuntimes = output.err.contains("failed to allocate")
      #expect(
        [0, 2].contains(output.status) || isRuntimes,
        "\(limit) KiB: status \(output.status), \(output.err.suffix(200))")
      if output.status == 2 { #expect(output.err.contains("memory"), "\(limit) KiB: \(output.err)") }
    }
  }

  @Test func aDryRunSaysWhatARunTakesAndWritesNothing() throws {
    let scratch = try Scratch()
    let text = try shell("$ZEROTH \(Self.run) --out $OUT/run --dry-run", out: scratch.path)
    #expect(text.status == 0, "\(text.err)")
    #expect(text.out.contains("mezo: 2 steps, 4 forward passes, 3 evaluations of dev"), "\(text.out)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
    let bad = try shell("$ZEROTH \(Self.run) --epsilon 0 --dry-run")
    #expect(bad.status == 2)
  }
}
