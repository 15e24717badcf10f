#!/usr/bin/env bash
# How the learning rates of the presets were chosen: each over a grid, two seeds, by the best dev accuracy within 800
# forward passes. The test set is not looked at. Prints a line for each run; the highest mean over seeds is taken.
#
#   make build && Benchmarks/tune-demo.sh [SEED ...]
set -euo pipefail
zeroth=${ZEROTH:-$(dirname "$0")/../.build/release/zeroth}
seeds=${*:-0 1}

try() { # optimizer, steps, further options
  local optimizer=$1 steps=$2
  shift 2
  for seed in $seeds; do
    "$zeroth" train --model imdb-opt --task sst2 --optimizer "$optimizer" --steps "$steps" --eval-every 100 --test 2 \
      --seed "$seed" --split-seed 0 --json "$@" 2>/dev/null \
      | sed -n "s/.*\"best_dev_accuracy\": \([0-9.]*\).*/$optimizer $* seed $seed: dev \1/p"
  done
}

for rate in 5e-5 1e-4; do try mezo 400 --learning-rate $rate; done
for rate in 5e-5 1e-4 2e-4; do try lozo 400 --learning-rate $rate; done
for rate in 5e-5 1e-4 2e-4; do try lozo-m 400 --learning-rate $rate; done
for rate in 0.1 0.5; do try dizo 392 --set adapter.learning-rate=$rate; done
