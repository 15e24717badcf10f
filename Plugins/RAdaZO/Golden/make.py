"""Writes RAdaZO.json: five steps of R-AdaZO by its formula, on the objective of checkGoldenTrajectory.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/RAdaZO/Golden/make.py
"""

import json
import math
import pathlib

import numpy as np
from noise import BLOCK, QUERY, STEP, child, normals, root

EPS, ETA, QUERIES, BETA, BETA2, ZETA, SEED, D = 1e-2, 0.05, 2, 0.8, 0.95, 1e-2, 1, 8
SIZES = [6, 2]


def loss(theta):
    return float(np.sum(np.arange(1, 9) / 16 * (theta - 1) ** 2))


theta, m, v, points = np.zeros(D), np.zeros(D), np.zeros(D), []
for t in range(5):
    g = np.zeros(D)
    for i in range(QUERIES):
        key = child(child(root(SEED), STEP, t), QUERY, i)
        u = np.concatenate([normals(child(key, BLOCK, l), size) for l, size in enumerate(SIZES)])
        u *= math.sqrt(D) / np.linalg.norm(u)
        g += (loss(theta + EPS * u) - loss(theta)) / EPS * u / QUERIES
    m = BETA * m + (1 - BETA) * g
    v = BETA2 * v + (1 - BETA2) * m**2
    theta = theta - ETA * m / np.sqrt(v + ZETA)
    points.append([float(f"{x:.8g}") for x in theta])
rows = ",\n  ".join(json.dumps(point) for point in points)
how = "make.py: the formula of R-AdaZO, in double"
pathlib.Path(__file__).with_name("RAdaZO.json").write_text(f'{{"how": "{how}", "theta": [\n  {rows}\n]}}\n')
