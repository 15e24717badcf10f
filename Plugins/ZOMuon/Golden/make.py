"""Writes ZOMuon.json: five steps of ZO-Muon by its formula, on the objective of checkGoldenTrajectory.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/ZOMuon/Golden/make.py

The orthonormal factors are numpy's QR of the normal matrices, with the signs of R's diagonal taken into Q; msign goes by numpy's singular
values, each of which is put through Newton and Schulz's polynomials.
"""

import json
import math
import pathlib

import numpy as np
from noise import BLOCK, LEFT, QUERY, STEP, child, normals, root

EPS, ETA, VECTOR_ETA, RANK, NU, QUERIES, SEED, M, N = 1e-2, 0.05, 0.1, 2, 3, 2, 1, 2, 3
A, B, C = 3.4445, -4.7750, 2.0315


def loss(theta):
    return float(np.sum(np.arange(1, 9) / 16 * (theta - 1) ** 2))


def msign(g, iterations=5):
    left, s, right = np.linalg.svd(g, full_matrices=False)
    s = s / np.linalg.norm(s)
    for _ in range(iterations):
        s = A * s + B * s**3 + C * s**5
    return left @ np.diag(s) @ right


theta, points = np.zeros(8), []
for t in range(5):
    window = child(root(SEED), LEFT, t // NU)
    noise = normals(child(child(window, BLOCK, 0), BLOCK, 0), RANK * M)
    q, r = np.linalg.qr(noise.reshape(RANK, M).T)
    p = math.sqrt(M / RANK) * q * np.sign(np.diag(r))
    core, vector = np.zeros((RANK, N)), np.zeros(2)
    for i in range(QUERIES):
        key = child(child(root(SEED), STEP, t), QUERY, i)
        psi, b = normals(child(key, BLOCK, 0), RANK * N).reshape(RANK, N), normals(child(key, BLOCK, 1), 2)
        z = np.concatenate([(p @ psi).ravel(), b])
        c = (loss(theta + EPS * z) - loss(theta)) / EPS / QUERIES
        core, vector = core + c * psi, vector + c * b
    theta = theta - np.concatenate([ETA * (p @ msign(core)).ravel(), VECTOR_ETA * vector])
    points.append([float(f"{x:.8g}") for x in theta])
rows = ",\n  ".join(json.dumps(point) for point in points)
how = "make.py: the formula of ZO-Muon, in double"
pathlib.Path(__file__).with_name("ZOMuon.json").write_text(f'{{"how": "{how}", "theta": [\n  {rows}\n]}}\n')
