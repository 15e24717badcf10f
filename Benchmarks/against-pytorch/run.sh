#!/usr/bin/env bash
# Times the methods as plain PyTorch trainers run them and as zeroth does, in turn, on the same weights and mini-batch,
# and prints the ratios. The losses must agree to 1e-4.
#
#   make build && Benchmarks/against-pytorch/run.sh [language-model|classification] [SHAPE] [BATCH] [TOKENS]
#
# ROUNDS (default 5) is how often the two take turns with each method. METHODS (default mezo,lozo,lozo-m,dizo) may also have
# mezo-lora and ft-sgd.
# PyTorch comes from PyPI, into a virtual environment under .build; VENV names another one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
zeroth=${ZEROTH:-$root/.build/release/zeroth}
venv=${VENV:-$root/.build/pytorch-venv}
loss=${1:-language-model} shape=${2:-opt-125m} batch=${3:-16} tokens=${4:-64}
rounds=${ROUNDS:-5} threads=${THREADS:-$(nproc)}

if ! "$venv/bin/python" -c 'import torch, numpy' 2>/dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet torch numpy
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
setting=(--loss "$loss" --shape "$shape" --batch "$batch" --tokens "$tokens" --threads "$threads")
"$zeroth" bench step "${setting[@]}" --optimizers lozo --repeats 1 --no-memory --no-reference --save "$work" > /dev/null
OMP_NUM_THREADS=$threads "$venv/bin/python" "$here/compare.py" "$work" "$rounds" "$threads" "${METHODS:-mezo,lozo,lozo-m,dizo}" \
  "$zeroth" bench step "${setting[@]}"
