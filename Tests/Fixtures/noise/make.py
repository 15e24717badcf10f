"""Writes signs.json: Rademacher noise of a few keys and places, from the descriptions of Philox and of the layout alone.

    python3 make.py

Independent of the C code. Word 64 g + 16 j + l of a key (j < 4, l < 16) is word j of Philox4x32-10 of counter block
16 g + l, and sign n is bit n mod 32 of word floor(n / 32): -1 where it is set.
"""

import json
import pathlib

HERE = pathlib.Path(__file__).parent
LOW = 0xFFFFFFFF


def philox(block, key):
    c0, c1, c2, c3 = block & LOW, block >> 32, 0, 0
    k0, k1 = key & LOW, key >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & LOW, (p0 >> 32) ^ c3 ^ k1, p0 & LOW
        k0, k1 = (k0 + 0x9E3779B9) & LOW, (k1 + 0xBB67AE85) & LOW
    return c0, c1, c2, c3


# The known answer of Random123 for the counter and the key 0.
assert philox(0, 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)


def sign(n, key):
    word = n // 32
    group, j, lane = word // 64, word // 16 % 4, word % 16
    return "-" if philox(16 * group + lane, key)[j] >> n % 32 & 1 else "+"


CASES = [(0, 0, 4200), (77, 0, 130), (77, 31, 66), (0x0123456789ABCDEF, 4095, 300), (2**64 - 1, 2**39 - 70, 140),
         (3, 2**50 + 17, 100)]

cases = [
    {"key": str(key), "first": str(first), "signs": "".join(sign(first + i, key) for i in range(count))}
    for key, first, count in CASES
]
(HERE / "signs.json").write_text("[" + ",\n".join(map(json.dumps, cases)) + "]\n")
