"""Writes GRZO.json: five steps of GRZO by its formula, on the losses of three examples.

    PYTHONPATH=Tests/Fixtures/golden-trajectories python3 Plugins/GRZO/Golden/make.py

Example e has the loss l_e(theta) = sum_i (i + 1 + 3 e)/16 (theta_i - 1 + e/2)^2 over the eight parameters of a 2 x 3 matrix and a bias of 2. The first
trajectory divides the differences by their deviation, the second by 2 eps.
"""

import json
import pathlib

import numpy as np
from noise import BLOCK, LEFT, QUERY, RIGHT, STEP, child, normals, root, signs

EPS, SEED, EXAMPLES = 1e-2, 1, 3
SHAPES = [(2, 3), (2, 1)]


def loss(theta, e):
    return float(np.sum((np.arange(1, 9) + 3 * e) / 16 * (theta - 1 + e / 2) ** 2))


def direction(key, e):
    parts = []
    for block, (m, n) in enumerate(SHAPES):
        u = normals(child(key, BLOCK, block), m * n).reshape(m, n)
        r = signs(child(child(key, LEFT, e), BLOCK, block), m)
        s = signs(child(child(key, RIGHT, e), BLOCK, block), n)
        parts.append((u * np.outer(r, s)).ravel())
    return np.concatenate(parts)


def steps(eta, relative):
    theta = np.zeros(8)
    for t in range(5):
        key = child(child(root(SEED), STEP, t), QUERY)
        z = [direction(key, e) for e in range(EXAMPLES)]
        d = np.array([loss(theta + EPS * z[e], e) - loss(theta - EPS * z[e], e) for e in range(EXAMPLES)])
        a = d / d.std() if relative else d / (2 * EPS)
        theta = theta - eta / EXAMPLES * sum(a[e] * z[e] for e in range(EXAMPLES))
        yield [float(f"{x:.8g}") for x in theta]


def text(points):
    return "[\n  " + ",\n  ".join(json.dumps(point) for point in points) + "\n]"


how = "make.py: the formula of GRZO, in double"
pathlib.Path(__file__).with_name("GRZO.json").write_text(
    f'{{"how": "{how}", "relative": {text(steps(0.05, True))}, "slopes": {text(steps(0.02, False))}}}\n'
)
