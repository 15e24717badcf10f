"""Writes EGGROLL.json: five steps of EGGROLL by its formula in fitnesses, on the objective of checkGoldenTrajectory.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/EGGROLL/Golden/make.py

A member's fitness is minus its loss. The z-score over the population goes by the slopes along the pairs, each with both signs, as the Swift
code does: what a loss has in common at both members of a pair is left out.
"""

import json
import pathlib

import numpy as np
from noise import BLOCK, LEFT, QUERY, RIGHT, STEP, child, normals, root

EPS, ETA, RANK, QUERIES, SEED, M, N = 1e-2, 0.05, 1, 3, 1, 2, 3


def loss(theta):
    return float(np.sum(np.arange(1, 9) / 16 * (theta - 1) ** 2))


theta, points = np.zeros(8), []
for t in range(5):
    members = []
    for i in range(QUERIES):
        key = child(child(root(SEED), STEP, t), QUERY, i)
        a = normals(child(child(key, LEFT), BLOCK, 0), M * RANK).reshape(M, RANK)
        b = normals(child(child(key, RIGHT), BLOCK, 0), RANK * N).reshape(RANK, N)
        vector = normals(child(child(key, LEFT), BLOCK, 1), 2)
        members.append(np.concatenate([(a @ b / np.sqrt(RANK)).ravel(), vector]))
    pairs = np.array([(loss(theta - EPS * z) - loss(theta + EPS * z)) / 2 for z in members])
    population = np.concatenate([pairs, -pairs])
    fitness = (population - population.mean()) / population.std()
    directions = members + [-z for z in members]
    theta = theta + ETA / len(population) * sum(f * z for f, z in zip(fitness, directions))
    points.append([float(f"{x:.8g}") for x in theta])
rows = ",\n  ".join(json.dumps(point) for point in points)
how = "make.py: the formula of EGGROLL in fitnesses, in double"
pathlib.Path(__file__).with_name("EGGROLL.json").write_text(f'{{"how": "{how}", "theta": [\n  {rows}\n]}}\n')
