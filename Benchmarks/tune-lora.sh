#!/usr/bin/env bash
# How the learning rates of the presets of LoRA and prefixes were chosen: each over a grid, one seed, by the best dev accuracy
# within 800 forward passes. The test set is not looked at. Prints a line for each run; the highest is taken, of equals the
# smallest rate.
#
#   make build && Benchmarks/tune-lora.sh [SEED ...]
set -euo pipefail
zeroth=${ZEROTH:-$(dirname "$0")/../.build/release/zeroth}
seeds=${*:-0}

try() { # optimizer, steps, further options
  local optimizer=$1 steps=$2
  shift 2
  for seed in $seeds; do
    "$zeroth" train --model imdb-opt --task sst2 --optimizer "$optimizer" --steps "$steps" --eval-every 100 --test 2 \
      --seed "$seed" --split-seed 0 --json "$@" 2>/dev/null \
      | sed -n "s/.*\"best_dev_accuracy\": \([0-9.]*\).*/$optimizer $* seed $seed: dev \1/p"
  done
}

for rate in 5e-4 2e-3 5e-3 1e-2 5e-2; do try mezo-lora 400 --learning-rate $rate; done
for rate in 2e-3 5e-3 1e-2; do try lozo-lora 400 --learning-rate $rate; done
for rate in 2e-3 5e-3; do try dizo-lora 392 --learning-rate $rate; done
for rate in 2e-3 5e-3; do try hizoo-lora 266 --learning-rate $rate; done
for rate in 1e-3 1e-2 1e-1 3e-1; do try mezo-prefix 400 --learning-rate $rate; done
