#!/usr/bin/env python3
"""Singular values by numpy of a 7 x 5 matrix of formulas: the expected values of SpectrumTests."""
import json
import numpy as np

rows, columns = 7, 5
matrix = np.array([[np.sin(3 * i + 1) * np.cos(2 * j) + 0.1 * np.sin(i * j + 0.5) for j in range(columns)]
                   for i in range(rows)], dtype=np.float32)
sigma = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
p = sigma / sigma.sum()
print(json.dumps({
    "matrix": [float(x) for x in matrix.ravel()],
    "sigma": [float(x) for x in sigma],
    "stable_rank": float((sigma ** 2).sum() / sigma[0] ** 2),
    "effective_rank": float(np.exp(-(p * np.log(p)).sum())),
}))
