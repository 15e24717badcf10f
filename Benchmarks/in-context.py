#!/usr/bin/env python3
"""Scores of a model that is not trained, without examples in the prompt (zero-shot) and with some (in-context).

    Benchmarks/in-context.py measure ZEROTH MODEL DATA OUT     runs `zeroth evaluate` for each task, and keeps what it prints in OUT
    Benchmarks/in-context.py table OUT                         prints the table of docs/results.md from what is kept

DATA is a folder with one folder of examples for each task. A file that is in OUT already is not made again.
"""

import json, math, os, subprocess, sys

TASKS = {"rte": 277, "boolq": 200, "cb": 56, "squad": 200}  # test examples, at most
DEMONSTRATIONS = [0, 4]


def place(out, task, demonstrations):
    return os.path.join(out, f"{task},demonstrations={demonstrations}.json")


def measure(zeroth, model, data, out):
    os.makedirs(out, exist_ok=True)
    for demonstrations in DEMONSTRATIONS:
        for task, test in TASKS.items():
            path = place(out, task, demonstrations)
            if os.path.exists(path):
                continue
            command = [zeroth, "evaluate", "--model", model, "--task", task, "--data", os.path.join(data, task)]
            command += ["--test", str(test), "--demonstrations", str(demonstrations), "--json"]
            printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            with open(path + ".part", "wb") as file:
                file.write(printed)
            os.rename(path + ".part", path)


def cell(result):
    """The score in percent, with half the interval of 95% that the number of examples leaves."""
    if "answer_f1" in result:
        return f"F1 {100 * result['answer_f1']:.1f}, exact {100 * result['exact_match']:.1f}"
    score = result["accuracy"]
    return f"{100 * score:.1f} ± {196 * math.sqrt(score * (1 - score) / result['examples']):.1f}"


def table(out):
    print(f"| task | test examples | most frequent class | zero-shot | with {DEMONSTRATIONS[1]} examples in the prompt |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for task in TASKS:
        results = [json.load(open(place(out, task, n))) for n in DEMONSTRATIONS]
        rows = results[0].get("confusion")
        frequent = f"{100 * max(map(sum, rows)) / results[0]['examples']:.1f}" if rows else "-"
        print(f"| {task} | {results[0]['examples']} | {frequent} | {' | '.join(map(cell, results))} |")


commands = {"measure": (measure, 4), "table": (table, 1)}
words = sys.argv[1:]
if not words or words[0] not in commands or len(words) - 1 != commands[words[0]][1]:
    sys.exit(__doc__)
commands[words[0]][0](*words[1:])
