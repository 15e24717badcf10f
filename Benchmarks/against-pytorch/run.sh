#!/usr/bin/env bash
# Times the methods as plain PyTorch trainers run them and as zeroth does, in turn, on the same weights and mini-batch,
# and prints the ratios. The losses must agree to 1e-4.
#
#   make build && Benchmarks/against-pytorch/run.sh [language-model|classification] [SHAPE] [BATCH] [TOKENS]
#
# ROUNDS (default 3) is how often the two take turns, REPEATS (3) how many steps of a method each makes in a turn.
# PyTorch comes from PyPI, into a virtual environment under .build; VENV names another one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
zeroth=${ZEROTH:-$root/.build/release/zeroth}
venv=${VENV:-$root/.build/pytorch-venv}
loss=${1:-language-model} shape=${2:-opt-125m} batch=${3:-16} tokens=${4:-64}
rounds=${ROUNDS:-3} repeats=${REPEATS:-3} threads=${THREADS:-$(nproc)}

if ! "$venv/bin/python" -c 'import torch, numpy' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet torch numpy
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
setting=(--loss "$loss" --shape "$shape" --batch "$batch" --tokens "$tokens" --threads "$threads" --repeats "$repeats")
for round in $(seq "$rounds"); do
  "$zeroth" bench step "${setting[@]}" --no-memory --no-reference --json --save "$work" > "$work/zeroth-$round.json"
  OMP_NUM_THREADS=$threads "$venv/bin/python" "$here/pytorch_zo.py" "$work" --repeats "$repeats" --threads "$threads" \
    > "$work/pytorch-$round.json"
done
"$venv/bin/python" "$here/ratios.py" "$work"
