"""Prints the ratios of PyTorch's times to ours, from the JSON files of a run of run.sh; status 1 if the losses differ."""

import glob
import json
import statistics
import sys

directory = sys.argv[1]
load = lambda pattern: [json.load(open(path)) for path in sorted(glob.glob(f"{directory}/{pattern}"))]
ours, theirs = load("zeroth-*.json"), load("pytorch-*.json")
expected = json.load(open(directory + "/batch.json"))["loss_at_theta"]
difference = max(abs(result["loss_at_theta"] - expected) for result in theirs)
print(f"loss at theta: {expected:.6f} here, largest difference {difference:.1e}")


def medians(results, name, key):
    return statistics.median(m[key] for result in results for m in result["methods"] if m["name"] == name)


print(f"{'method':8} {'PyTorch, s':>11} {'zeroth, s':>11} {'ratio':>7}")
for name in [method["name"] for method in ours[0]["methods"]]:
    them, us = medians(theirs, name, "step_seconds"), medians(ours, name, "step_seconds")
    print(f"{name:8} {them:11.3f} {us:11.3f} {them / us:7.2f}")
them, us = medians(theirs, "mezo", "forward_seconds"), medians(ours, "mezo", "forward_seconds")
print(f"{'forward':8} {them:11.3f} {us:11.3f} {them / us:7.2f}")
sys.exit(0 if difference < 1e-4 else 1)
