"""Writes SubZero.json: five steps of SubZero by its formula, on the objective of checkGoldenTrajectory.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/SubZero/Golden/make.py

The orthonormal factors are numpy's QR of the normal matrices, with the signs of R's diagonal taken into Q.
"""

import json
import math
import pathlib

import numpy as np
from noise import BLOCK, LEFT, QUERY, RIGHT, STEP, child, normals, root

EPS, ETA, RANK, NU, SEED, M, N = 1e-2, 0.1, 2, 3, 1, 2, 3


def loss(theta):
    return float(np.sum(np.arange(1, 9) / 16 * (theta - 1) ** 2))


def orthonormal(key, rows):
    noise = normals(child(child(key, BLOCK, 0), BLOCK, 0), RANK * rows)
    q, r = np.linalg.qr(noise.reshape(RANK, rows).T)
    return q * np.sign(np.diag(r))


theta, points = np.zeros(8), []
for t in range(5):
    window = child(root(SEED), RIGHT, t // NU)
    u, v = orthonormal(child(window, LEFT), M), orthonormal(child(window, RIGHT), N)
    key = child(child(root(SEED), STEP, t), QUERY, 0)
    core = normals(child(key, BLOCK, 0), RANK * RANK).reshape(RANK, RANK)
    z = np.concatenate([(math.sqrt(M * N) / RANK * u @ core @ v.T).ravel(), normals(child(key, BLOCK, 1), 2)])
    c = (loss(theta + EPS * z) - loss(theta - EPS * z)) / (2 * EPS)
    theta = theta - ETA * c * z
    points.append([float(f"{x:.8g}") for x in theta])
rows = ",\n  ".join(json.dumps(point) for point in points)
how = "make.py: the formula of SubZero, in double"
pathlib.Path(__file__).with_name("SubZero.json").write_text(f'{{"how": "{how}", "theta": [\n  {rows}\n]}}\n')
