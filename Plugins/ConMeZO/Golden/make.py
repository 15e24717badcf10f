"""Writes ConMeZO.json: five steps of ConMeZO by its formula, on the objective of checkGoldenTrajectory.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/ConMeZO/Golden/make.py
"""

import json
import math
import pathlib

import numpy as np
from noise import BLOCK, QUERY, STEP, child, normals, root

EPS, ETA, ANGLE, BETA, SEED, D = 1e-2, 0.1, 1.0, 0.8, 1, 8
SIZES = [6, 2]


def loss(theta):
    return float(np.sum(np.arange(1, 9) / 16 * (theta - 1) ** 2))


theta, m, points = np.zeros(D), np.zeros(D), []
for t in range(5):
    key = child(child(root(SEED), STEP, t), QUERY, 0)
    u = np.concatenate([normals(child(key, BLOCK, l), size) for l, size in enumerate(SIZES)])
    u /= np.linalg.norm(u)
    z = u if t == 0 else math.cos(ANGLE) * m / np.linalg.norm(m) + math.sin(ANGLE) * u
    z = math.sqrt(D) * z
    c = (loss(theta + EPS * z) - loss(theta - EPS * z)) / (2 * EPS)
    theta = theta - ETA * c * z
    m = BETA * m + (1 - BETA) * c * z
    points.append([float(f"{x:.8g}") for x in theta])
rows = ",\n  ".join(json.dumps(point) for point in points)
how = "make.py: the formula of ConMeZO, in double"
pathlib.Path(__file__).with_name("ConMeZO.json").write_text(f'{{"how": "{how}", "theta": [\n  {rows}\n]}}\n')
