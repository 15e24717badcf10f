"""Writes golden.json: five steps of every strategy, straight from the formulas, on a small quadratic.

    python3 make.py

Independent of the Swift code: noise.py has the random numbers from their descriptions, all in double precision. The
normals of the adapters' ratio search are GSL's ziggurat on the same words: libgsl itself draws them, from a generator that
is a Python function.
"""

import ctypes
import ctypes.util
import json
import math
import pathlib

import numpy as np

from noise import BLOCK, LEFT, QUERY, RATIO, RIGHT, STEP, child, normals, philox, root, signs

HERE = pathlib.Path(__file__).parent
SEED, STEPS = 2024, 5

# name, rows, columns, role
BLOCKS = [("q", 4, 3, "query"), ("v", 3, 5, "value"), ("b", 6, 1, "bias")]
SIZES = [rows * columns for _, rows, columns, _ in BLOCKS]
STARTS = np.cumsum([0] + SIZES)
D = int(STARTS[-1])
EPS, ETA, BETA, RANK, NU = 1e-2, 0.03, 0.8, 2, 3
LIMIT = 1.5

# L(theta) = 1/2 sum h (theta - x)^2; values that are exact in single precision.
H = np.array([0.25 + 0.125 * (i % 7) for i in range(D)])
X = np.array([((i * 5) % 11 - 5) * 0.25 for i in range(D)])
START = np.array([((i * 3) % 13 - 6) * 0.125 for i in range(D)])


def loss(theta):
    return 0.5 * float(np.sum(H * (theta - X) ** 2))


# ---- Noise ----

ROOT = root(SEED)


SetFunction = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_ulong)
GetFunction = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
GetDoubleFunction = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p)


class GeneratorType(ctypes.Structure):
    """gsl_rng_type"""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("max", ctypes.c_ulong),
        ("min", ctypes.c_ulong),
        ("size", ctypes.c_size_t),
        ("set", SetFunction),
        ("get", GetFunction),
        ("get_double", GetDoubleFunction),
    ]


class Generator(ctypes.Structure):
    """gsl_rng"""

    _fields_ = [("type", ctypes.POINTER(GeneratorType)), ("state", ctypes.c_void_p)]


def ziggurat_normals(key, count):
    ziggurat = ctypes.CDLL(ctypes.util.find_library("gsl")).gsl_ran_gaussian_ziggurat
    ziggurat.argtypes, ziggurat.restype = [ctypes.POINTER(Generator), ctypes.c_double], ctypes.c_double
    place = -1

    def word(_):
        nonlocal place
        place += 1
        return philox((place // 64 * 16 + place % 16, 0, 0, 0), key)[place // 16 % 4]

    words = GeneratorType(
        b"words", 2**32 - 1, 0, 0, SetFunction(lambda *_: None), GetFunction(word),
        GetDoubleFunction(lambda _: word(_) / 2**32),
    )
    generator = Generator(ctypes.pointer(words), None)
    return np.array([ziggurat(ctypes.byref(generator), 1.0) for _ in range(count)])


def dense(key, draw=normals):
    return np.concatenate([draw(child(key, BLOCK, l), size) for l, size in enumerate(SIZES)])


def sphere(key):
    """A normal vector scaled to the length sqrt(d)."""
    z = dense(key)
    return math.sqrt(D) / np.linalg.norm(z) * z


def split(vector):
    return [vector[STARTS[l] : STARTS[l + 1]] for l in range(len(BLOCKS))]


# ---- Estimators: lists of (coefficient, what a rule needs to know of the direction) ----


def shaped(c, shape, sides):
    """The coefficients of a step. Pairs are a population with c and -c in it, of mean 0."""
    members = np.array(c + [-x for x in c]) if sides == 2 else np.array(c)
    if shape == "z-score":
        return [(x - members.mean()) / members.std() for x in c]
    if shape == "centred-ranks":
        # No two of these are equal, so a rank is the number of smaller ones.
        return [np.sum(members < x) / (len(members) - 1) - 0.5 for x in c]
    if shape == "sign":
        return list(np.sign(c))
    return list(np.clip(c, -LIMIT, LIMIT)) if shape == "clip" else c


def combined(c, z, combination):
    """The weights of the directions z, by numpy's least squares where they are to fit c."""
    if combination == "least-squares":
        # The g of least length with z_i . g = c_i is z^T w.
        return np.linalg.lstsq(np.array(z) @ np.array(z).T, np.array(c), rcond=None)[0]
    return [x if combination == "sum" else x / len(c) for x in c]


def rge(theta, t, queries=1, sides=2, draw=dense, shape="none", combination="mean"):
    coefficients, directions = [], []
    for i in range(queries):
        z = draw(child(child(ROOT, STEP, t), QUERY, i))
        if sides == 2:
            c = (loss(theta + EPS * z) - loss(theta - EPS * z)) / (2 * EPS)
        else:
            c = (loss(theta + EPS * z) - loss(theta)) / EPS
        coefficients.append(c)
        directions.append(z)
    return list(zip(combined(shaped(coefficients, shape, sides), directions, combination), directions))


def factors(t):
    """U and V of every matrix, z of every vector."""
    left, right = child(child(ROOT, STEP, t), LEFT, 0), child(ROOT, RIGHT, t // NU)
    parts = []
    for l, (_, m, n, _) in enumerate(BLOCKS):
        if n > 1:
            u = normals(child(left, BLOCK, l), m * RANK).reshape(m, RANK)
            v = normals(child(right, BLOCK, l), RANK * n).reshape(RANK, n).T
            parts.append((u, v))
        else:
            parts.append(normals(child(left, BLOCK, l), m))
    return parts


def lge(theta, t):
    parts = factors(t)
    z = np.concatenate([(p[0] @ p[1].T).ravel() if isinstance(p, tuple) else p for p in parts])
    c = (loss(theta + EPS * z) - loss(theta - EPS * z)) / (2 * EPS)
    return c, parts


def low_rank_gradient(c, parts):
    return np.concatenate(
        [c * ((p[0] @ p[1].T).ravel() / RANK if isinstance(p, tuple) else p) for p in parts]
    )


def cge(theta):
    g = np.zeros(D)
    for i in range(D):
        e = np.zeros(D)
        e[i] = 1
        g[i] = (loss(theta + EPS * e) - loss(theta - EPS * e)) / (2 * EPS)
    return g


def total(terms):
    return sum(c * z for c, z in terms)


# ---- Runs ----


def run(step):
    theta, points = START.copy(), []
    for t in range(STEPS):
        theta = step(theta, t)
        points.append(theta.copy())
    return points


def momentum(heavy_ball):
    m = np.zeros(D)

    def step(theta, t):
        nonlocal m
        m = BETA * m + (1 if heavy_ball else 1 - BETA) * total(rge(theta, t))
        return theta - ETA * m

    return run(step)


def lozo_m(exact):
    """N of each matrix, re-expressed by least squares (or the slides' approximation) when V is drawn again."""
    state = {}

    def step(theta, t):
        c, parts = lge(theta, t)
        update = []
        for l, part in enumerate(parts):
            if isinstance(part, tuple):
                u, v = part
                n, old = state.get(l, (np.zeros_like(u), v))
                if t % NU == 0 and t > 0:
                    # argmin_X || X V^T - N V_old^T ||_F, by numpy's least squares
                    n = np.linalg.lstsq(v, (n @ old.T).T, rcond=None)[0].T if exact else n @ old.T @ v / v.shape[0]
                n = BETA * n + (1 - BETA) * c * u
                state[l] = (n, v)
                update.append((n @ v.T).ravel() / RANK)
            else:
                m = BETA * state.get(l, np.zeros_like(part)) + (1 - BETA) * c * part
                state[l] = m
                update.append(m)
        return theta - ETA * np.concatenate(update)

    return run(step)


# The ratio search: q and v, J = 2 moves, eta', eps', tau; in units of gamma.
SELECTED, MOVES, RATIO_ETA, RATIO_EPS, TAU = [0, 1], 2, 0.02, 0.05, 0.2


def search(t, base, theta, gamma):
    """gamma moved J times; the losses at base + (gamma_l / ||Delta_l||) Delta_l on the selected blocks."""
    norms = [np.linalg.norm(split(theta)[l] - split(base)[l]) for l in SELECTED]

    def at(gamma):
        point = theta.copy()
        for l, g, norm in zip(SELECTED, gamma, norms):
            part = slice(STARTS[l], STARTS[l + 1])
            point[part] = base[part] + g / norm * (theta[part] - base[part])
        return point

    gamma = np.clip(norms if gamma is None else gamma, (1 - TAU) * np.array(norms), (1 + TAU) * np.array(norms))
    for move in range(MOVES):
        u = ziggurat_normals(child(child(ROOT, STEP, t), RATIO, move), len(SELECTED))
        c = (loss(at(gamma + RATIO_EPS * u)) - loss(at(gamma - RATIO_EPS * u))) / (2 * RATIO_EPS)
        gamma = np.clip(gamma - RATIO_ETA * c * u, (1 - TAU) * np.array(norms), (1 + TAU) * np.array(norms))
    return at(gamma), gamma, norms


def dizo(interval, reinitializes):
    kept = None

    def step(theta, t):
        nonlocal kept
        theta = theta - ETA * total(rge(theta, t))
        if (t + 1) % interval == 0:
            theta, kept, _ = search(t, START, theta, None if reinitializes else kept)
        return theta

    return run(step)


def previous_iterate():
    def step(theta, t):
        return search(t, theta, theta - ETA * total(rge(theta, t)), None)[0]

    return run(step)


def learning_rate_scaling():
    """The multipliers s = gamma / ||U|| of the updates U, kept between steps and moved before every step."""
    ratios = np.ones(len(SELECTED))

    def step(theta, t):
        nonlocal ratios
        moved = theta - ETA * total(rge(theta, t))
        norms = np.array([np.linalg.norm(split(moved)[l] - split(theta)[l]) for l in SELECTED])
        theta, gamma, _ = search(t, theta, moved, ratios * norms)
        ratios = gamma / norms
        return theta

    return run(step)


TRAJECTORIES = {
    "rge-sgd": run(lambda theta, t: theta - ETA * total(rge(theta, t))),
    "rge-one-sided-q2-sgd": run(lambda theta, t: theta - ETA * total(rge(theta, t, queries=2, sides=1))),
    "rge-rademacher-sgd": run(lambda theta, t: theta - ETA * total(rge(theta, t, draw=lambda key: dense(key, signs)))),
    "rge-sphere-sgd": run(lambda theta, t: theta - ETA * total(rge(theta, t, draw=sphere))),
    **{
        f"rge-{shape}-q3": run(
            lambda theta, t, shape=shape, sides=sides: theta
            - ETA * total(rge(theta, t, queries=3, sides=sides, shape=shape))
        )
        for shape, sides in [("z-score", 2), ("centred-ranks", 2), ("sign", 2), ("clip", 2)]
    },
    "rge-one-sided-z-score-q3": run(
        lambda theta, t: theta - ETA * total(rge(theta, t, queries=3, sides=1, shape="z-score"))
    ),
    "rge-one-sided-centred-ranks-q3": run(
        lambda theta, t: theta - ETA * total(rge(theta, t, queries=3, sides=1, shape="centred-ranks"))
    ),
    "rge-sum-q3": run(lambda theta, t: theta - ETA * total(rge(theta, t, queries=3, combination="sum"))),
    "rge-least-squares-q3": run(
        lambda theta, t: theta - total(rge(theta, t, queries=3, combination="least-squares"))
    ),
    "rge-momentum-ema": momentum(heavy_ball=False),
    "rge-momentum-heavy-ball": momentum(heavy_ball=True),
    "lge-sgd": run(lambda theta, t: theta - ETA * low_rank_gradient(*lge(theta, t))),
    "lge-lozo-m-exact": lozo_m(exact=True),
    "lge-lozo-m-approximate": lozo_m(exact=False),
    "cge-sgd": run(lambda theta, t: theta - ETA * cge(theta)),
    "dizo": dizo(interval=2, reinitializes=True),
    "dizo-without-reinitialisation": dizo(interval=1, reinitializes=False),
    "previous-iterate": previous_iterate(),
    "learning-rate-scaling": learning_rate_scaling(),
}

rounded = {
    name: [[float(f"{value:.8g}") for value in point] for point in points] for name, points in TRAJECTORIES.items()
}
golden = {"curvatures": H.tolist(), "optimum": X.tolist(), "start": START.tolist(), "trajectories": rounded}
lines = [json.dumps(name) + ":" + json.dumps(golden[name]) for name in ("curvatures", "optimum", "start")]
runs = ",\n".join(json.dumps(name) + ":" + json.dumps(points) for name, points in rounded.items())
(HERE / "golden.json").write_text("{" + ",\n".join(lines) + ',\n"trajectories":{\n' + runs + "}}\n")
