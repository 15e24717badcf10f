"""Writes FZOO.json: five steps of FZOO by its formula in losses, on the objective of checkGoldenTrajectory.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/FZOO/Golden/make.py

It does not go by coefficients, as the Swift code does: it has eps nowhere but in the points.
"""

import json
import pathlib

import numpy as np
from noise import BLOCK, QUERY, STEP, child, root, signs

EPS, ETA, QUERIES, SEED = 1e-2, 0.05, 4, 1
SIZES = [6, 2]


def loss(theta):
    return float(np.sum(np.arange(1, 9) / 16 * (theta - 1) ** 2))


theta, points = np.zeros(8), []
for t in range(5):
    keys = [child(child(root(SEED), STEP, t), QUERY, i) for i in range(QUERIES)]
    u = [np.concatenate([signs(child(key, BLOCK, l), size) for l, size in enumerate(SIZES)]) for key in keys]
    l = np.array([loss(theta + EPS * z) for z in u])
    theta = theta - ETA / QUERIES * sum((x - loss(theta)) / l.std(ddof=1) * z for x, z in zip(l, u))
    points.append([float(f"{x:.8g}") for x in theta])
rows = ",\n  ".join(json.dumps(point) for point in points)
how = "make.py: the formula of FZOO in losses, in double"
pathlib.Path(__file__).with_name("FZOO.json").write_text(f'{{"how": "{how}", "theta": [\n  {rows}\n]}}\n')
