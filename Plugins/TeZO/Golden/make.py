"""Writes TeZO.json: five steps of TeZO by its formula, on the objective of checkGoldenTrajectory.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/TeZO/Golden/make.py
"""

import json
import pathlib

import numpy as np
from noise import BLOCK, LEFT, QUERY, RIGHT, STEP, child, normals, root

EPS, ETA, RANK, SEED, M, N = 1e-2, 0.05, 3, 1, 2, 3


def loss(theta):
    return float(np.sum(np.arange(1, 9) / 16 * (theta - 1) ** 2))


frame = child(root(SEED), RIGHT)
u = normals(child(child(frame, LEFT), BLOCK, 0), M * RANK).reshape(M, RANK)
v = normals(child(child(frame, RIGHT), BLOCK, 0), RANK * N).reshape(RANK, N).T
theta, points = np.zeros(8), []
for t in range(5):
    key = child(child(root(SEED), STEP, t), QUERY, 0)
    tau = normals(child(key, BLOCK, 0), RANK)
    matrix, vector = (u @ np.diag(tau) @ v.T).ravel(), normals(child(key, BLOCK, 1), 2)
    z = np.concatenate([matrix, vector])
    c = (loss(theta + EPS * z) - loss(theta - EPS * z)) / (2 * EPS)
    theta = theta - ETA * c * np.concatenate([matrix / RANK, vector])
    points.append([float(f"{x:.8g}") for x in theta])
rows = ",\n  ".join(json.dumps(point) for point in points)
how = "make.py: the formula of TeZO, in double"
pathlib.Path(__file__).with_name("TeZO.json").write_text(f'{{"how": "{how}", "theta": [\n  {rows}\n]}}\n')
