#!/usr/bin/env python3
"""Holds the figures of `zeroth bench` to the bars in gate.json: `gate.py [TOOL]`.

Every figure is a ratio of two times, or of two memories, within one run, so that a slow machine is no failure. A ratio of
times comes with its quartiles, and fails when even its lower quartile is above the bar: a machine that others use moves
the median by a few percent. Exits with 1 when a figure fails or is missing.
"""
import json
import pathlib
import subprocess
import sys


def at(tree, path):
    """The value at `path`, whose parts are keys, or names of the elements of a list; None where there is none."""
    for part in path.split("."):
        if isinstance(tree, list):
            tree = {element["name"]: element for element in tree}
        tree = tree.get(part)
        if tree is None:
            return None
    return tree


def main():
    here = pathlib.Path(__file__).parent
    tool = sys.argv[1] if len(sys.argv) > 1 else str(here.parent / ".build/release/zeroth")
    failures = 0
    for gate in json.loads((here / "gate.json").read_text()):
        print(f"zeroth bench {gate['bench']}", flush=True)
        output = subprocess.run(
            [tool, "bench", *gate["bench"].split(), "--json"], check=True, stdout=subprocess.PIPE).stdout
        result = json.loads(output)
        for path, bar in gate["bars"].items():
            value, lower = at(result, path), at(result, path + "_lower")
            best = value if lower is None else lower
            holds = best is not None and best <= bar
            failures += not holds
            quartile = "" if lower is None else f", lower quartile {lower:.3f}"
            found = "missing" if value is None else f"{value:.3f}{quartile}"
            print(f"  {'ok  ' if holds else 'FAIL'} {path}: {found}; bar {bar}", flush=True)
    print("the gate holds" if failures == 0 else f"{failures} figures are above their bars")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
