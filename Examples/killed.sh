#!/usr/bin/env bash
# Examples/killed.sh PROGRAM: kills the checkpointed loop at random moments, and compares where it ends with a loop that was
# left alone.
set -euo pipefail
program=$1
steps=20000
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

begin=${EPOCHREALTIME/[^0-9]/}
expected=$("$program" "$folder/whole.state" $steps | tail -n 1)
# A pause is at most a sixth of the whole loop's time, so that a fast machine is killed as often as a slow one.
longest=$(((${EPOCHREALTIME/[^0-9]/} - begin) / 6))
kills=0
while true; do
  "$program" "$folder/killed.state" $steps >"$folder/output" &
  process=$!
  pause=$(((RANDOM * 32768 + RANDOM) % longest))
  sleep "$((pause / 1000000)).$(printf %06d $((pause % 1000000)))"
  if kill -KILL $process 2>"$folder/errors"; then
    kills=$((kills + 1))
    wait $process 2>>"$folder/errors" || true
    [ $kills -lt 400 ] || { echo "killed.sh: 400 kills and no end: the loop does not go on" >&2; exit 1; }
  else
    wait $process
    break
  fi
done
found=$(tail -n 1 "$folder/output")
[ "$found" = "$expected" ] || { echo "killed.sh: found '$found', expected '$expected'" >&2; exit 1; }
[ $kills -ge 3 ] || { echo "killed.sh: $kills kills: too few to show anything; more steps?" >&2; exit 1; }
echo "killed $kills times, and the same bits: $found"
