"""The random numbers of golden trajectories: keys and noise, as make.py and the scripts of Plugins/*/Golden draw them.

Philox4x32-10, the order of its words, the splitting of keys and Box and Muller's normals are written out from their
descriptions, all in double precision.
"""

import math

import numpy as np

MASK = (1 << 64) - 1
STEP, LEFT, RIGHT, QUERY, BLOCK, RATIO = 1, 2, 3, 4, 5, 8


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def root(seed):
    return mix((seed + 0x9E3779B97F4A7C15) & MASK)


def child(key, purpose, index=0):
    return mix(key ^ mix((index + purpose * 0xD6E8FEB86659FD93) & MASK))


def philox(counter, key):
    c0, c1, c2, c3 = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c3 ^ k1, p0 & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


assert philox((0, 0, 0, 0), 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)


def normals(key, count):
    """Place 64 g + 16 j + l comes from counter block 16 g + l: cosine and sine of words 0, 1, then of words 2, 3."""
    z = np.zeros(count)
    for n in range(count):
        j = n // 16 % 4
        words = philox((n // 64 * 16 + n % 16, 0, 0, 0), key)
        w, v = words[2 * (j // 2)], words[2 * (j // 2) + 1]
        u = ((w >> 1) + 0.5) * 2.0**-31
        angle = 2 * math.pi * v / 2**32
        z[n] = math.sqrt(-2 * math.log(u)) * (math.sin(angle) if j % 2 else math.cos(angle))
    return z


def signs(key, count):
    """Place n is bit n mod 32 of word floor(n / 32), set for -1; word 64 g + 16 j + l is word j of block 16 g + l."""
    z = np.zeros(count)
    for n in range(count):
        w = n // 32
        word = philox((w // 64 * 16 + w % 16, 0, 0, 0), key)[w // 16 % 4]
        z[n] = -1 if word >> n % 32 & 1 else 1
    return z
