#!/usr/bin/env bash
# Tests/Sanitizers/sanitize.sh thread                     the pool's tests and short runs, under ThreadSanitizer
# Tests/Sanitizers/sanitize.sh address                    tests of parsers and loaders, under AddressSanitizer and UBSan
# Tests/Sanitizers/sanitize.sh fuzz [SECONDS [READER...]] the readers of files on made-up input (Tests/Fuzz)
#
# Each part first shows that it finds a planted fault, and fails where fewer tests or inputs ran than it knows of.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
  echo "sanitize: $*" >&2
  exit 1
}

build() {
  local scratch=$1
  shift
  swift build -c release --scratch-path "$scratch" -Xswiftc -enable-testing "$@"
}

# tests SCRATCH LEAST SUITE...: the tests of the suites, of which at least so many must run, one after another.
tests() {
  local scratch=$1 least=$2 log=$1/tests.log filters=() count
  shift 2
  for suite; do filters+=(--filter "$suite"); done
  "$scratch/release/zerothPackageTests.xctest" --testing-library swift-testing --no-parallel "${filters[@]}" \
    >"$log" 2>&1 || { tail -n 100 "$log"; fail "a test fails: $log"; }
  count=$(sed -nE 's/.*Test run with ([0-9]+) tests? .* passed .*/\1/p' "$log")
  [ "${count:-0}" -ge "$least" ] || fail "${count:-0} tests ran, expected at least $least: $log"
  echo "sanitize: $count tests, no fault"
}

# finds SCRATCH FAULT WORDS: the planted fault ends the tests with a report that has the words in it.
finds() {
  local log=$1/planted.log
  if ZEROTH_PLANTED=$2 "$1/release/zerothPackageTests.xctest" --testing-library swift-testing \
    --filter PlantedFaultTests >"$log" 2>&1; then
    fail "the planted $2 is not found: the sanitizer is not at work"
  fi
  grep -q "$3" "$log" || fail "the planted $2 ends otherwise than by '$3': $log"
  echo "sanitize: the planted $2 is found"
}

thread() {
  local scratch=.build/thread run name
  export TSAN_OPTIONS="halt_on_error=1 exitcode=66 suppressions=$PWD/Tests/Sanitizers/locked.txt"
  export ZEROTH_TESTS="ZerothTests ZerothModelsTests"
  build "$scratch" --sanitize thread --build-tests
  finds "$scratch" race "ThreadSanitizer: .* race"
  tests "$scratch" 50 PoolTests ZerothTests.ProductTests RandomStreamTests OptimizerTests RotaryTableTests \
    EvaluationTests EncoderTests
  run=$(mktemp -d)
  for optimizer in "mezo" "lozo-m" "dizo --kappa 3"; do
    name=${optimizer%% *}
    # Unquoted: an optimizer with its options.
    # shellcheck disable=SC2086
    "$scratch/release/zeroth" train --model imdb-opt --task sst2 --train 40 --dev 20 --test 20 --batch 4 --steps 6 \
      --threads 4 --optimizer $optimizer --out "$run/$name" >"$scratch/$name.log" 2>&1 \
      || { tail -n 100 "$scratch/$name.log"; fail "the run of $name ends with a fault: $scratch/$name.log"; }
    [ "$(grep -c '"kind":"step"' "$run/$name/metrics.jsonl")" = 6 ] || fail "$name has not made its 6 steps"
    echo "sanitize: 6 steps of $name on 4 threads, no fault"
  done
  rm -r "$run"
}

address() {
  local scratch=.build/address
  export ZEROTH_TESTS="ZerothTests ZerothModelsTests ZerothTasksTests ZerothTrainingTests"
  build "$scratch" --sanitize address "${undefined[@]}" --build-tests
  finds "$scratch" overrun "heap-buffer-overflow"
  finds "$scratch" misalignment "misaligned address"
  tests "$scratch" 200 ZerothModelsTests ZerothTasksTests ZerothTrainingTests.ConfigurationTests RecordTests \
    TrajectoryTests HalfPrecisionTests ParameterStoreTests
}

fuzz() {
  local seconds=${1:-20} scratch=.build/fuzz found=.build/fuzz-found corpus=.build/fuzz-corpus known reader log units covered
  shift || true
  [ -w /dev/shm ] && export TMPDIR=/dev/shm  # the readers read files: these need no disk
  # Of several -sanitize= Swift takes the last: it names both. The checks that Swift leaves out of a release, such as
  # those of unsafe buffers, are left in.
  build "$scratch" --package-path Tests/Fuzz --product fuzz --sanitize fuzzer -Xswiftc -sanitize=fuzzer,address \
    -Xcc -fsanitize=address "${undefined[@]}" -Xswiftc -assert-config -Xswiftc Debug
  known=$(FUZZ_READER=names "$scratch/release/fuzz" | xargs)
  [ "$known" = "$(ls Tests/Fuzz/Corpus | xargs)" ] || fail "the readers are $known: Tests/Fuzz/Corpus has other folders"
  mkdir -p "$found"
  if FUZZ_READER=planted "$scratch/release/fuzz" -seed=1 -max_total_time=60 -artifact_prefix="$found/planted-" \
    >"$found/planted.log" 2>&1; then
    fail "the planted overrun is not found: the fuzzer is not at work"
  fi
  grep -q "heap-buffer-overflow" "$found/planted.log" || fail "the planted overrun ends otherwise: $found/planted.log"
  rm "$found"/planted*
  echo "sanitize: the planted overrun is found"
  for reader in ${*:-$known}; do
    log=$found/$reader.log
    mkdir -p "$corpus/$reader"
    # All of the corpus in the tree, then new inputs made from it and from what earlier calls found.
    FUZZ_READER=$reader "$scratch/release/fuzz" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2560 \
      -malloc_limit_mb=512 -max_len=32768 -dict=Tests/Fuzz/words.dict -artifact_prefix="$found/$reader-" \
      -print_final_stats=1 "$corpus/$reader" "Tests/Fuzz/Corpus/$reader" >"$log" 2>&1 \
      || { tail -40 "$log"; fail "$reader: a fault; its input is $found/$reader-*, which belongs into Tests/Fuzz/Corpus"; }
    units=$(sed -nE 's/^stat::number_of_executed_units: +([0-9]+)$/\1/p' "$log")
    [ "${units:-0}" -gt "$(ls "Tests/Fuzz/Corpus/$reader" | wc -l)" ] || fail "$reader: ${units:-0} inputs alone were read"
    covered=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -1)
    [ "${covered:-0}" -ge 50 ] || fail "$reader: ${covered:-0} places of the code were reached: is it built for coverage?"
    echo "sanitize: $reader: $units inputs, $covered places of the code, no fault"
  done
}

# A crash is reported by the sanitizer alone: Swift's own report would read the memory that the sanitizer guards.
export SWIFT_BACKTRACE=enable=no
# Foundation leaks memory, such as a page with each empty file that it reads: leaks are not looked for.
export ASAN_OPTIONS="detect_leaks=0" UBSAN_OPTIONS="print_stacktrace=1"
undefined=(
  -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined
  -Xcc "-fsanitize-ignorelist=$PWD/Tests/Sanitizers/ignored.txt"
)
case ${1:-} in
  thread | address) "$1" ;;
  fuzz) shift && fuzz "$@" ;;
  *) fail "found '${1:-}', expected thread, address or fuzz" ;;
esac
