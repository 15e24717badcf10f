#!/usr/bin/env bash
# Says at the end of a run of the tests how many were skipped, and for want of what: `skipped.sh LOG`.
set -euo pipefail
skipped=$(grep -E '^.{1,4}(Test|Suite) .* skipped' "$1" || true)
if [ -z "$skipped" ]; then
  echo "No test was skipped."
else
  echo "Skipped: $(wc -l <<<"$skipped") tests or suites, by reason:"
  sed -E 's/.* skipped[:.]? ?//; s/^"//; s/"\.?$//; s/^$/no reason given/' <<<"$skipped" | sort | uniq -c | sort -rn
fi
