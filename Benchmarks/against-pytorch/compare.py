"""Times a step of each method in PyTorch and in zeroth, in turn, and prints the medians and those of the ratios, each of
which is taken within a turn: what the machine does meanwhile concerns both. Status 1 if the losses differ.

    python compare.py DIR ROUNDS THREADS METHODS zeroth bench step [OPTION...]
"""

import json
import statistics
import subprocess
import sys
import time

import torch

import pytorch_zo

directory, rounds, threads, methods, bench = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5:]
torch.set_num_threads(threads)


def seconds(body):
    start = time.perf_counter()
    body()
    return time.perf_counter() - start


def theirs(name, trainer, loss):
    """A forward pass and a step of PyTorch, in seconds; DiZO's projection counts at its share."""
    loss()
    forward, step = seconds(loss), seconds(trainer.step)
    return forward, step + (seconds(trainer.projection) / 100 if name == "dizo" else 0)


def ours(name):
    """A forward pass and a step of zeroth, in seconds."""
    tuning = ["--tuning", "lora"] if name.endswith("-lora") else []
    command = bench + tuning + ["--optimizers", name.removesuffix("-lora"), "--repeats", "1", "--no-memory", "--no-reference", "--json"]
    method = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)["methods"][0]
    return method["forward_seconds"], method["step_seconds"]


def line(name, pairs):
    them, us = (statistics.median(side) for side in zip(*pairs))
    ratios = sorted(them / us for them, us in pairs)
    spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(f"{name:10} {them:11.3f} {us:11.3f} {statistics.median(ratios):7.2f} {spread}", flush=True)


expected = json.load(open(directory + "/batch.json"))["loss_at_theta"]
with torch.no_grad():
    model, loss = pytorch_zo.load(directory)
    difference = abs(loss().item() - expected)
    print(f"loss at theta: {expected:.6f} here, difference {difference:.1e}", flush=True)
    trainers = {name: pytorch_zo.TRAINERS[name](model, loss) for name in methods.split(",")}
    for trainer in trainers.values():
        trainer.step()  # warms up, and draws what lasts for many steps
    steps, forwards = {name: [] for name in trainers}, []
    for _ in range(rounds):
        for name, trainer in trainers.items():
            (their_forward, their_step), (our_forward, our_step) = theirs(name, trainer, loss), ours(name)
            forwards.append((their_forward, our_forward))
            steps[name].append((their_step, our_step))

print(f"{'method':10} {'PyTorch, s':>11} {'zeroth, s':>11} {'ratio':>7}")
for name, pairs in steps.items():
    line(name, pairs)
line("forward", forwards)
sys.exit(0 if difference < 1e-4 else 1)
