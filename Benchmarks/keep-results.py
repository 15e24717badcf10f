#!/usr/bin/env python3
"""Keeps what tables and figures are made of: of each run of a sweep its record without the blocks of the model, its evaluations, and
the steps before them, which say how many forward passes were done.

    Benchmarks/keep-results.py RUNS Benchmarks/results/NAME

Weights, losses of single steps and the trajectory stay where they are. Paths of a machine are taken out.
"""

import json, os, sys

source, target = sys.argv[1:]
for name in sorted(os.listdir(source)):
    record = os.path.join(source, name, "run.json")
    if not os.path.exists(record):
        continue
    run = json.load(open(record))
    if run["end"] is None:
        sys.exit(f"{record}: found a run that has not ended, expected a sweep that is done")
    run["configuration"]["run"].pop("out", None)
    for table, key in [("model", "path"), ("task", "data"), ("task", "name")]:
        value = run["configuration"][table].get(key)
        if value and os.path.isabs(value):
            run["configuration"][table][key] = os.path.basename(value)
    run["versions"].pop("openblas_library", None)
    run["blocks"] = []
    folder = os.path.join(target, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "run.json"), "w") as file:
        file.write(json.dumps(run, separators=(",", ":")) + "\n")
    rows = [(json.loads(row), row) for row in open(os.path.join(source, name, "metrics.jsonl"))]
    evaluated = {row["step"] for row, _ in rows if row["kind"] == "evaluation"}
    with open(os.path.join(folder, "metrics.jsonl"), "w") as kept:
        for row, text in rows:
            if row["kind"] == "evaluation" or row["kind"] == "step" and row["step"] + 1 in evaluated:
                kept.write(text)
sweep = json.load(open(os.path.join(source, "sweep.json")))
for run in sweep["runs"]:
    run.pop("configuration", None)
with open(os.path.join(target, "sweep.json"), "w") as file:
    file.write(json.dumps(sweep, indent=1) + "\n")
