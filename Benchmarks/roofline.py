#!/usr/bin/env python3
"""Draws docs/roofline.svg: the speed that memory and arithmetic of this machine allow a kernel, by the operations that it
does for a byte, and where the parts of a step lie.

    Benchmarks/roofline.py [zeroth]     runs `zeroth bench noise`, `gemm` and `forward`; takes a minute or two
"""

import json
import math
import os
import subprocess
import sys

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
zeroth = sys.argv[1] if len(sys.argv) > 1 else root + "/.build/release/zeroth"
GAUSSIAN = 30  # operations of one normal number: ten rounds of Philox for four, and Box-Muller; an estimate


def bench(*arguments):
    return json.loads(subprocess.run([zeroth, "bench", *arguments, "--json"], check=True, stdout=subprocess.PIPE).stdout)


noise, gemm, forward = bench("noise"), bench("gemm"), bench("forward")
threads = gemm["threads"]


def nanoseconds(operation, distribution=""):
    lines = [
        line
        for line in noise["speed"]["lines"]
        if (line["operation"], line["distribution"], line["threads"]) == (operation, distribution, threads)
    ]
    return min(line["ns_per_parameter"] for line in lines)


# axpy reads two floats and writes one.
bandwidth = 12 / nanoseconds("axpy")
peak = max([gemm["gflops_512x768x3072"]] + [line["sgemm_gflops"] for line in gemm["lines"]])
weights = 12 * 12 * 768 * 768  # parameters of the layers of OPT-125M

# Name, operations a byte, GFLOP/s. A product reads its weights; its activations count where there are many rows.
points = [
    ("axpy", 2 / 12, 2 / nanoseconds("axpy")),
    ("Gaussian noise added to weights", GAUSSIAN / 8, GAUSSIAN / nanoseconds("add", "gaussian")),
]
for line in gemm["lines"]:
    rows = line["rows"]
    activations = 12 * rows * (4 * 2 * 768 + 2 * (768 + 3072))  # read and written, 12 layers
    operations = 2.0 * rows * weights
    points.append((f"layers, {rows} rows", operations / (4 * (weights + activations)), line["model_gflops"]))
points.append(("forward pass, 16 x 64", points[-1][1], forward["forward_gflops"]))

width, height, left, bottom = 760, 440, 70, 50
low, high = 0.1, 1000.0
top, floor = 10 ** math.ceil(math.log10(peak)), 1.0
x = lambda value: left + (width - left - 20) * math.log(value / low) / math.log(high / low)
y = lambda value: height - bottom - (height - bottom - 20) * math.log(max(value, floor) / floor) / math.log(top / floor)
ridge = peak / bandwidth
svg = [
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
    f'<rect width="{width}" height="{height}" fill="white"/>',
]
for exponent in range(-1, 4):
    value = 10.0**exponent
    svg.append(f'<path d="M{x(value):.1f} 20V{height - bottom}" stroke="#ddd"/>')
    svg.append(f'<text x="{x(value):.1f}" y="{height - bottom + 16}" text-anchor="middle">{value:g}</text>')
for exponent in range(0, int(math.log10(top)) + 1):
    value = 10.0**exponent
    svg.append(f'<path d="M{left} {y(value):.1f}H{width - 20}" stroke="#ddd"/>')
    svg.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
start = max(low, floor / bandwidth)
svg.append(
    f'<path d="M{x(start):.1f} {y(start * bandwidth):.1f}L{x(ridge):.1f} {y(peak):.1f}H{width - 20}" fill="none" '
    'stroke="#333" stroke-width="2"/>'
)
svg.append(f'<text x="{x(ridge) + 10:.1f}" y="{y(peak) - 6:.1f}">sgemm {peak:.0f} GFLOP/s, {threads} threads</text>')
svg.append(f'<text x="{x(low) + 6:.1f}" y="{y(low * bandwidth * 2.2) - 14:.1f}">memory {bandwidth:.0f} GB/s</text>')
labels = [(x(ridge) + 10, y(peak) - 6, 220), (x(low) + 6, y(low * bandwidth * 2.2) - 14, 110)]  # left, line, width
for name, intensity, speed in points:
    svg.append(f'<circle cx="{x(intensity):.1f}" cy="{y(speed):.1f}" r="4" fill="#c33"/>')
    wide, line = 6.5 * len(name), y(speed) + 14
    first = min(x(intensity) + 7, width - 20 - wide)
    while any(first < l + w and l < first + wide and abs(line - other) < 14 for l, other, w in labels):
        line += 14  # below a label that stands there
    labels.append((first, line, wide))
    svg.append(f'<text x="{first:.1f}" y="{line:.1f}">{name}</text>')
svg.append(f'<text x="{(left + width) / 2}" y="{height - 12}" text-anchor="middle">operations for a byte of memory</text>')
svg.append(f'<text x="16" y="{height / 2}" text-anchor="middle" transform="rotate(-90 16 {height / 2})">GFLOP/s</text>')
svg.append("</svg>")
with open(root + "/docs/roofline.svg", "w") as file:
    file.write("\n".join(svg) + "\n")
print(f"memory {bandwidth:.1f} GB/s, sgemm {peak:.1f} GFLOP/s, ridge at {ridge:.1f} operations a byte")
for name, intensity, speed in points:
    print(f"{name:34} {intensity:8.2f} operations/byte {speed:8.1f} GFLOP/s {speed / min(peak, intensity * bandwidth):5.2f} of the roof")
