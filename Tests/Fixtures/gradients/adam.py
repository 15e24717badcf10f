"""Losses of 20 steps of Adam on imdb-opt by PyTorch, for GradientDescentTests: python3 adam.py MODEL_FOLDER

The model is in the folder in the Hugging Face format (`zeroth convert --model imdb-opt --out MODEL_FOLDER` writes it). All steps
are on the same batch of made sequences; the loss is the mean next-token loss over all tokens but the first of each.
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], torch_dtype=torch.float32).eval()
vocabulary = model.config.vocab_size
sequences = [[(i * i * 29 + row * 1013 + i * 7 + 11) % vocabulary for i in range(24 + 5 * row)] for row in range(4)]


def loss():
    total, count = 0.0, 0
    for ids in sequences:
        logits = model(torch.tensor([ids])).logits[0, :-1]
        total = total + torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum")
        count += len(ids) - 1
    return total / count


results = {"sequences": sequences}
for name, make in {
    "adam": lambda p: torch.optim.AdamW(p, lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2),
}.items():
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], torch_dtype=torch.float32).eval()
    optimizer = make(model.parameters())
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    results[name] = losses
pathlib.Path(__file__).with_name("imdb-opt.json").write_text(json.dumps(results) + "\n")
