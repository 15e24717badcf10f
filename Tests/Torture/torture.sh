#!/bin/bash
# Runs that are killed at random moments and whose files are damaged must end as runs that were left alone, or say why not.
#
#   Tests/Torture/torture.sh TOOL KILLS [PRESET ...]
#
# Each preset runs once to its end. Then it is started again and killed (SIGKILL) at a random moment, resumed and killed, and so
# on, KILLS times over all presets; a run that ends is compared with the first one, and another begins. Losses, the best model,
# metrics and results must be the same to the last bit, times and memory aside. Then each preset's files are damaged, one way
# after the other. The seed is printed: SEED=N repeats the moments, as far as the machine does.
set -u
tool=$1 kills=$2
shift 2
presets=${*:-$("$tool" list --json | awk '/^  "optimizers"/ { on = 1 } /^  \]/ { on = 0 }
  on && /^      "name"/ { gsub(/[",]/, "", $2); print $2 }')}
[ -n "$presets" ] || { echo "torture: '$tool list --json' names no preset"; exit 2; }
RANDOM=${SEED:-$((SEED = $$))}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failures=0 killed=0 ended=0 damaged=0

fail() { echo "torture: $*"; failures=$((failures + 1)); }

# What a preset needs beside its name.
options() {
  case $1 in
    zo-sign | mezo-adam | meazo | fzoo | conmezo | subzero | r-adazo | tezo | zo-muon | eggroll | grzo) echo "--lr 1e-5" ;;
    cge) echo "--lr 1e-3 --set estimator.coordinates=2" ;;
    *) echo "" ;;
  esac
}

# start PRESET FOLDER: a run of 40 steps that evaluates, saves and keeps snapshots all the time. It and `resume` take the place
# of the shell that calls them, so that a signal to it reaches the tool: they are called in ( ) or with &.
start() {
  # shellcheck disable=SC2046
  exec "$tool" train --model imdb-opt --task sst2 --optimizer "$1" $(options "$1") --steps 40 --batch 2 --k 8 --test 16 --seed 7 \
    --eval-every 3 --set run.snapshot-every=4 --threads 1 --out "$2"
}

resume() { exec "$tool" train --resume --out "$1"; }

# Everything that a run leaves but for times and memory.
trace() {
  cat "$1/trajectory.bin" "$1"/model/*.safetensors | cksum
  sed -E 's/"seconds":[^,}]*//' "$1/metrics.jsonl" | cksum
  sed -E '/"(seconds|peak_memory_bytes|out)"/d' "$1/run.json" | cksum
}

same() { # PRESET WHOLE OTHER WHAT
  [ "$(trace "$2")" = "$(trace "$3")" ] && return
  fail "$1: $4 ends otherwise than an uninterrupted run"
  diff <(sed -E 's/"seconds":[^,}]*//' "$2/metrics.jsonl") <(sed -E 's/"seconds":[^,}]*//' "$3/metrics.jsonl") | head -4
}

# Milliseconds from 0 to $1, at random.
moment() { echo $((((RANDOM << 15) | RANDOM) % ($1 + 1))); }

kill_often() { # PRESET WHOLE KILLS MILLISECONDS
  local preset=$1 whole=$2 left=$3 time=$4 folder=$place/killed
  rm -rf "$folder"
  while [ "$left" -gt 0 ]; do
    if [ -f "$folder/run.json" ]; then resume "$folder" >>"$place/log" 2>&1 &
    else start "$preset" "$folder" >>"$place/log" 2>&1 & fi
    local process=$! wait=$(moment "$time")
    sleep "$(printf '%d.%03d' $((wait / 1000)) $((wait % 1000)))"
    if kill -KILL $process 2>/dev/null; then
      wait $process 2>/dev/null
      left=$((left - 1)) killed=$((killed + 1))
    else
      wait $process || fail "$preset: status $? after kills: $(tail -1 "$place/log")"
      same "$preset" "$whole" "$folder" "a run that was killed"
      ended=$((ended + 1))
      rm -rf "$folder"
    fi
  done
  if [ -f "$folder/run.json" ]; then (resume "$folder") >>"$place/log" 2>&1 || fail "$preset: status $? at last: $(tail -1 "$place/log")"
  else rm -rf "$folder" && (start "$preset" "$folder") >>"$place/log" 2>&1; fi
  same "$preset" "$whole" "$folder" "a run that was killed"
  ended=$((ended + 1))
}

# A run that ended on its way, to be damaged: killed in the middle, with all its files.
cut() { # PRESET WHOLE MILLISECONDS
  local tries=0
  while [ $((tries += 1)) -lt 20 ]; do
    rm -rf "$place/cut"
    start "$1" "$place/cut" >>"$place/log" 2>&1 &
    local process=$!
    while kill -0 $process 2>/dev/null && [ "$(wc -l 2>/dev/null <"$place/cut/metrics.jsonl" || echo 0)" -lt 20 ]; do sleep 0.01; done
    kill -KILL $process 2>/dev/null && { wait $process 2>/dev/null; return; }
  done
  fail "$1: no run could be killed in its middle"
}

# damaged PRESET WHOLE WORDS same|refused: the run in cut/ is resumed. It must end as the whole run or, where only a refusal is
# right, say so with status 2 and leave the trajectory as it is.
check_damaged() {
  damaged=$((damaged + 1))
  local before status
  before=$(cksum <"$place/cut/trajectory.bin")
  (resume "$place/cut") >"$place/out" 2>&1
  status=$?
  if [ "$4" = same ]; then
    [ $status = 0 ] || { fail "$1: $3: status $status: $(tail -1 "$place/out")"; return; }
    same "$1" "$2" "$place/cut" "a run with $3"
  else
    [ $status = 2 ] || fail "$1: $3: status $status instead of 2: $(tail -1 "$place/out")"
    [ "$before" = "$(cksum <"$place/cut/trajectory.bin")" ] || fail "$1: $3: the trajectory was changed"
  fi
}

# Turns bit $3 of byte $2 of a file around.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
  # shellcheck disable=SC2059
  printf "\\x$(printf %x $((byte ^ (1 << $3))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

damage() { # PRESET WHOLE
  local size file
  for file in metrics.jsonl trajectory.bin; do
    cut "$1" "$2"
    size=$(stat -c %s "$place/cut/$file")
    truncate -s $((size - 1 - RANDOM % 20)) "$place/cut/$file"
    check_damaged "$1" "$2" "a torn end of $file" same
  done
  cut "$1" "$2"
  truncate -s $((RANDOM % 200)) "$place/cut/trajectory.bin"
  check_damaged "$1" "$2" "a cut header" same
  cut "$1" "$2"
  for file in "$place"/cut/snapshots/*; do [ -f "$file" ] && truncate -s $(($(stat -c %s "$file") / 2)) "$file"; done
  check_damaged "$1" "$2" "cut snapshots" same
  cut "$1" "$2"
  rm -rf "$place/cut/snapshots" "$place/cut/model"
  check_damaged "$1" "$2" "its snapshots and its best model gone" same
  cut "$1" "$2"
  size=$(stat -c %s "$place/cut/trajectory.bin")
  flip "$place/cut/trajectory.bin" $((size * 2 / 3)) $((RANDOM % 8))
  check_damaged "$1" "$2" "a flipped bit" refused
  rm -rf "$place/replayed"
  "$tool" replay "$place/cut" --step 1 --out "$place/replayed" >"$place/out" 2>&1
  [ $? = 2 ] || fail "$1: a trajectory with a flipped bit is replayed: $(tail -1 "$place/out")"
  cut "$1" "$2"
  rm "$place/cut/run.json"
  check_damaged "$1" "$2" "its record gone" refused
  # A file that can take no more, as on a full disk.
  cut "$1" "$2"
  (ulimit -f 4 && resume "$place/cut") >"$place/out" 2>&1
  [ $? = 2 ] || fail "$1: a run without room for its files does not end with status 2: $(tail -1 "$place/out")"
  check_damaged "$1" "$2" "a disk that was full" same
  # The folder is removed while the run goes on.
  rm -rf "$place/gone"
  start "$1" "$place/gone" >"$place/out" 2>&1 &
  local process=$!
  while kill -0 $process 2>/dev/null && [ ! -s "$place/gone/metrics.jsonl" ]; do sleep 0.01; done
  rm -rf "$place/gone"
  wait $process && fail "$1: a run whose folder is gone ends with status 0"
  damaged=$((damaged + 1))
}

count=$(wc -w <<<"$presets")
for preset in $presets; do
  whole=$place/whole-$preset
  begin=$(date +%s%N)
  (start "$preset" "$whole") >"$place/out" 2>&1 || { fail "$preset: status $?: $(tail -1 "$place/out")"; continue; }
  time=$((($(date +%s%N) - begin) / 1000000))
  kill_often "$preset" "$whole" $(((kills + count - 1) / count)) "$time"
  damage "$preset" "$whole"
done
echo "torture: $killed kills, $ended runs compared after them, $damaged damages, $failures failures (SEED=$SEED, presets: $(echo $presets))"
[ $failures = 0 ]
