"""Writes CoreMomentum.json and CoreAdam.json: five steps of each rule by its formula, on the objective of checkGoldenTrajectory.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/CoreMoments/Golden/make.py

The estimates are LGE's, of two queries, whose core is U; V is drawn again before the fourth step.
"""

import json
import pathlib

import numpy as np
from noise import BLOCK, LEFT, RIGHT, STEP, child, normals, root

EPS, RANK, NU, QUERIES, SEED, M, N = 1e-2, 1, 3, 2, 1, 2, 3
BETA, BETA2, ZETA = 0.9, 0.999, 1e-8


def loss(theta):
    return float(np.sum(np.arange(1, 9) / 16 * (theta - 1) ** 2))


def right(t):
    return normals(child(child(root(SEED), RIGHT, t // NU), BLOCK, 0), RANK * N).reshape(RANK, N).T


def estimate(theta, t):
    """The mean core: c U on the matrix, c z on the vector."""
    matrix, vector = np.zeros((M, RANK)), np.zeros(2)
    for i in range(QUERIES):
        key = child(child(root(SEED), STEP, t), LEFT, i)
        u, b = normals(child(key, BLOCK, 0), M * RANK).reshape(M, RANK), normals(child(key, BLOCK, 1), 2)
        z = np.concatenate([(u @ right(t).T).ravel(), b])
        c = (loss(theta + EPS * z) - loss(theta - EPS * z)) / (2 * EPS) / QUERIES
        matrix, vector = matrix + c * u, vector + c * b
    return matrix, vector


def image(matrix, vector, t):
    return np.concatenate([(matrix @ right(t).T / RANK).ravel(), vector])


def momentum(eta=0.1):
    theta, m, w = np.zeros(8), np.zeros((M, RANK)), np.zeros(2)
    for t in range(5):
        if t % NU == 0 and t > 0:
            m = np.linalg.lstsq(right(t), (m @ right(t - 1).T).T, rcond=None)[0].T
        matrix, vector = estimate(theta, t)
        m, w = BETA * m + (1 - BETA) * matrix, BETA * w + (1 - BETA) * vector
        theta = theta - eta * image(m, w, t)
        yield theta


def adam(eta=0.02):
    theta, first, second = np.zeros(8), [0, 0], [0, 0]
    for t in range(5):
        if t % NU == 0:
            first[0], second[0] = 0, 0
        step = []
        for i, c in enumerate(estimate(theta, t)):
            updates = t % NU + 1 if i == 0 else t + 1
            first[i] = BETA * first[i] + (1 - BETA) * c
            second[i] = BETA2 * second[i] + (1 - BETA2) * c**2
            m, v = first[i] / (1 - BETA**updates), second[i] / (1 - BETA2**updates)
            step.append(m / (np.sqrt(v) + ZETA))
        theta = theta - eta * image(*step, t)
        yield theta


for name, steps in [("CoreMomentum", momentum()), ("CoreAdam", adam())]:
    points = [[float(f"{x:.8g}") for x in theta] for theta in steps]
    rows = ",\n  ".join(json.dumps(point) for point in points)
    how = f"make.py: the formula of {name}, in double"
    pathlib.Path(__file__).with_name(f"{name}.json").write_text(f'{{"how": "{how}", "theta": [\n  {rows}\n]}}\n')
