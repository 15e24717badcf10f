#!/usr/bin/env bash
# The rows of docs/results.md: zero-shot, MeZO, LOZO, LOZO-M and DiZO at equal forward passes, over seeds.
#
#   make build && Benchmarks/results.sh [SETTING ...]     # all settings, or minilm-sst2-16 imdb-opt-sst2-accuracy imdb-opt-sst5 ...
#
# FORWARDS=1000     forward passes of each run, those of DiZO's projections counted
# SEEDS="13 21 ..." of split and run; the k = 16 splits are the drawn ones of data/k-shot
# METHODS="mezo ..." all four by default
# RATES="5e-5 2e-4" learning rates; of several, a method takes the one of the highest mean dev score. By default 5e-5
# THREADS=1         threads of each run
# SHARED=../shared  where models/ and data/ lie; RESULTS=.build/results keeps each run's result: finished runs are not repeated
#
# The test score is that of the checkpoint with the best dev score; test chooses nothing. TREC has too few abbreviations for
# k = 512.
set -euo pipefail
cd "$(dirname "$0")/.."
zeroth=${ZEROTH:-.build/release/zeroth}
shared=${SHARED:-../shared}
results=${RESULTS:-.build/results}
forwards=${FORWARDS:-1000}
seeds=${SEEDS:-13 21 42 87 100}
settings=${*:-minilm-sst2-16 minilm-sst2-512 minilm-trec-16 minilm-rte-16 minilm-rte-512 imdb-opt-sst2 imdb-opt-sst5}
methods=${METHODS:-mezo lozo lozo-m dizo}

# Sets `arguments` to those of setting $1 with seed $2, and `rates`.
describe() {
  local kshot=$shared/data/k-shot minilm="--model $shared/models/all-minilm-l6-v2"
  rates=${RATES:-5e-5}
  case $1 in
    minilm-sst2-16) arguments="$minilm --task sst2 --k 16 --data $kshot/SST-2/16-$2 --test-data $shared/data/sst2" ;;
    minilm-sst2-512) arguments="$minilm --task sst2 --k 512 --data $shared/data/sst2" ;;
    minilm-trec-16) arguments="$minilm --task trec --k 16 --data $kshot/trec/16-$2" ;;
    minilm-rte-16) arguments="$minilm --task rte --k 16 --data $kshot/RTE/16-$2" ;;
    minilm-rte-512) arguments="$minilm --task rte --k 512 --data $shared/data/rte" ;;
    imdb-opt-*-accuracy) describe "${1%-accuracy}" "$2"; arguments+=" --objective accuracy" ;;
    imdb-opt-*) arguments="--model imdb-opt --task ${1#imdb-opt-} --data $shared/data/${1#imdb-opt-}" ;;
    *) echo "results.sh: no setting '$1'" >&2; exit 2 ;;
  esac
}

# The most steps of method $1 within the forward passes: two a step, and two more every 50 for DiZO's projection.
steps() {
  local steps=$((forwards / 2))
  if [ "$1" = dizo ]; then
    while [ $((2 * steps + 2 * (steps / 50))) -gt "$forwards" ]; do steps=$((steps - 1)); done
  fi
  echo "$steps"
}

mkdir -p "$results"
for setting in $settings; do
  for seed in $seeds; do
    describe "$setting" "$seed"
    for method in $methods; do
      for rate in $rates; do
        file=$results/$setting,$forwards,$method,$rate,$seed.json
        if [ -s "$file" ]; then continue; fi
        steps=$(steps "$method")
        every=$((steps / 5 > 0 ? steps / 5 : 1))
        # A run that diverges ends early with status 1, and is a result.
        # shellcheck disable=SC2086
        "$zeroth" train $arguments --seed "$seed" --test 1000 --optimizer "$method" --learning-rate "$rate" --steps "$steps" \
          --eval-every "$every" --threads "${THREADS:-1}" --json >"$file.part" || [ $? = 1 ]
        mv "$file.part" "$file"
      done
    done
  done
done

python3 - "$results" "$forwards" "$seeds" $settings <<'PYTHON'
import glob, json, os, statistics, sys
folder, forwards, seeds, settings = sys.argv[1], sys.argv[2], sys.argv[3].split(), sys.argv[4:]

def words(values):
    spread = statistics.stdev(values) if len(values) > 1 else 0
    return f"{100 * statistics.mean(values):.1f} ± {100 * spread:.1f}"

print("| setting | method | learning rate | test | seeds | forward passes |")
print("|---|---|---|---|---|---|")
for setting in settings:
    runs = {}  # by method and rate
    for seed in seeds:
        for path in sorted(glob.glob(f"{folder}/{setting},{forwards},*,*,{seed}.json")):
            _, _, method, rate, _ = os.path.basename(path).split(",")
            runs.setdefault(method, {}).setdefault(rate, []).append(json.load(open(path)))
    if not runs:
        continue
    # The same for all methods and rates: the model before the first step.
    first = next(iter(next(iter(runs.values())).values()))
    metric = first[0]["metric"]
    print(f"| {setting} | zero-shot | - | {words([r['zero_shot_' + metric] for r in first])} | {len(first)} | 0 |")
    for method in ["mezo", "lozo", "lozo-m", "dizo"]:
        if method not in runs:
            continue
        rate, best = max(
            runs[method].items(), key=lambda item: statistics.mean(r["best_dev_" + metric] for r in item[1]))
        print(
            f"| {setting} | {method} | {rate} | {words([r['best_' + metric] for r in best])} | {len(best)} | "
            f"{max(r['forwards'] for r in best)} |")
PYTHON
