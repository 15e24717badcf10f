"""MeZO, LOZO, LOZO-M, DiZO, MeZO with LoRA and SGD by gradients on OPT as plain PyTorch trainers run them, on the weights and
the mini-batch that `zeroth bench step --save DIR` wrote.

Written from the formulas: weights are moved in place by +eps, -2 eps, +eps, noise is drawn again from a seed each time,
logits cover the whole vocabulary at every position, and every candidate is a padded sequence of its own.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        values = np.frombuffer(data[begin:end], dtype="<f4").reshape(info["shape"])
        tensors[name.removeprefix("model.decoder.")] = torch.from_numpy(values.copy())
    return tensors


class OPT:
    def __init__(self, directory):
        self.config = json.load(open(directory + "/config.json"))
        self.weights = read_safetensors(directory + "/model.safetensors")
        self.lora = {}  # A and B of layers, by the layer's name

    def linear(self, x, name):
        y = F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])
        if name in self.lora:
            a, b = self.lora[name]
            y = y + F.linear(F.linear(x, a), b) * (ALPHA / a.shape[0])
        return y

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"])

    def logits(self, tokens):
        """Logits of the whole vocabulary at every position: sequences x length x vocabulary."""
        count, length = tokens.shape
        heads = self.config["num_attention_heads"]
        positions = self.weights["embed_positions.weight"][2 : length + 2]
        x = self.weights["embed_tokens.weight"][tokens] + positions
        for i in range(self.config["num_hidden_layers"]):
            layer = f"layers.{i}."
            n = self.norm(x, layer + "self_attn_layer_norm")
            q, k, v = (
                self.linear(n, layer + f"self_attn.{part}_proj").view(count, length, heads, -1).transpose(1, 2)
                for part in "qkv"
            )
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.linear(seen.transpose(1, 2).reshape(count, length, -1), layer + "self_attn.out_proj")
            n = self.norm(x, layer + "final_layer_norm")
            x = x + self.linear(F.relu(self.linear(n, layer + "fc1")), layer + "fc2")
        return F.linear(self.norm(x, "final_layer_norm"), self.weights["embed_tokens.weight"])


def language_model_loss(model, examples):
    tokens = torch.tensor([example["tokens"] for example in examples])

    def loss():
        logits = model.logits(tokens)[:, :-1]
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1))

    return loss


def classification_loss(model, examples):
    candidates = len(examples[0]["candidates"])
    sequences = [example["tokens"] + candidate for example in examples for candidate in example["candidates"]]
    longest = max(map(len, sequences))
    tokens = torch.tensor([sequence + [1] * (longest - len(sequence)) for sequence in sequences])
    labels = torch.tensor([example["label"] for example in examples])
    scored = torch.zeros(len(sequences), longest - 1)
    for row, sequence in enumerate(sequences):
        count = len(examples[row // candidates]["candidates"][row % candidates])
        scored[row, len(sequence) - 1 - count : len(sequence) - 1] = 1 / count

    def loss():
        logs = F.log_softmax(model.logits(tokens)[:, :-1], dim=-1)
        ofTargets = logs.gather(2, tokens[:, 1:, None])[:, :, 0]
        return F.cross_entropy((ofTargets * scored).sum(1).view(-1, candidates), labels)

    return loss


EPS, RATE, RANK, INTERVAL, BETA, ALPHA = 1e-3, 1e-7, 2, 50, 0.9, 16


class MeZO:
    """theta -= eta c z, c = (L(theta + eps z) - L(theta - eps z)) / (2 eps); z by torch.normal for each tensor."""

    def __init__(self, model, loss):
        self.weights, self.t = model.weights, 0
        self.loss = lambda: loss().item()

    def move(self, scale):
        torch.manual_seed(self.t)
        for p in self.weights.values():
            p.add_(torch.normal(mean=0.0, std=1.0, size=p.shape), alpha=scale)

    def coefficient(self):
        self.move(EPS)
        plus = self.loss()
        self.move(-2 * EPS)
        minus = self.loss()
        self.move(EPS)
        return (plus - minus) / (2 * EPS)

    def step(self):
        c = self.coefficient()
        self.move(-RATE * c)
        self.t += 1


class LOZO(MeZO):
    """W -= eta c U V^T / r on matrices, V kept for an interval; plain noise on vectors."""

    def factors(self):
        torch.manual_seed(self.t)
        for name, p in self.weights.items():
            yield name, p, torch.randn(p.shape[0], RANK) if p.ndim == 2 else torch.normal(0.0, 1.0, size=p.shape)

    def move(self, scale):
        for name, p, z in self.factors():
            p.add_(z @ self.right[name].t() if p.ndim == 2 else z, alpha=scale)

    def step(self):
        if self.t % INTERVAL == 0:
            self.right = {name: torch.randn(p.shape[1], RANK) for name, p in self.weights.items() if p.ndim == 2}
        c = self.coefficient()
        for name, p, z in self.factors():
            if p.ndim == 2:
                self.update(name, p, c * z)
            else:
                p.sub_(z, alpha=RATE * c)
        self.t += 1

    def update(self, name, p, left):
        p.sub_(left @ self.right[name].t(), alpha=RATE / RANK)


class LOZOM(LOZO):
    """N = beta N + (1 - beta) c U; W -= eta N V^T / r."""

    def __init__(self, model, loss):
        super().__init__(model, loss)
        self.momentum = {name: torch.zeros(p.shape[0], RANK) for name, p in self.weights.items() if p.ndim == 2}

    def update(self, name, p, left):
        n = self.momentum[name].mul_(BETA).add_(left, alpha=1 - BETA)
        p.sub_(n @ self.right[name].t(), alpha=RATE / RANK)


class DiZO(MeZO):
    """MeZO whose restoring and updating passes are one, and the projection of query and value, a two-point step on
    their norms, which `projection` does after every 100th step."""

    def __init__(self, model, loss):
        super().__init__(model, loss)
        self.anchors = {name: p.clone() for name, p in self.weights.items() if ".q_proj.w" in name or ".v_proj.w" in name}

    def step(self):
        self.move(EPS)
        plus = self.loss()
        self.move(-2 * EPS)
        c = (plus - self.loss()) / (2 * EPS)
        self.move(EPS - RATE * c)
        self.t += 1

    def projection(self):
        change = {name: self.weights[name] - base for name, base in self.anchors.items()}
        norms = {name: delta.norm().item() for name, delta in change.items()}
        probe = {name: torch.randn(()).item() for name in change}

        def place(ratios):
            for name, base in self.anchors.items():
                self.weights[name].copy_(base).add_(change[name], alpha=ratios[name])

        def measure(sign):
            place({name: 1 + sign * 0.1 * probe[name] / max(norms[name], 1e-12) for name in change})
            return self.loss()

        c = (measure(1) - measure(-1)) / 0.2
        place({name: min(max(1 - 0.1 * c * probe[name] / max(norms[name], 1e-12) ** 2, 0.8), 1.2) for name in change})


class MeZOLoRA(MeZO):
    """MeZO on A and B of query and value (rank 8), which the model has in this trainer's steps alone."""

    def __init__(self, model, loss):
        super().__init__(model, loss)
        self.model, self.adapters, self.weights = model, {}, {}
        for name, p in model.weights.items():
            if ".q_proj.w" in name or ".v_proj.w" in name:
                pair = torch.randn(8, p.shape[1]) / 8, torch.zeros(p.shape[0], 8)
                self.adapters[name.removesuffix(".weight")] = pair
                self.weights[name + ".a"], self.weights[name + ".b"] = pair

    def step(self):
        self.model.lora = self.adapters
        super().step()
        self.model.lora = {}


class FirstOrder:
    """W -= eta dL/dW by autograd and torch.optim.SGD."""

    def __init__(self, model, loss):
        self.weights, self.loss = list(model.weights.values()), loss
        self.optimizer = torch.optim.SGD(self.weights, lr=RATE)

    def step(self):
        for p in self.weights:
            p.requires_grad_(True)
        with torch.enable_grad():
            self.loss().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        for p in self.weights:
            p.requires_grad_(False)


TRAINERS = {
    "mezo": MeZO, "lozo": LOZO, "lozo-m": LOZOM, "dizo": DiZO, "mezo-lora": MeZOLoRA, "ft-sgd": FirstOrder,
}


def load(directory):
    """The model and its loss on the mini-batch."""
    batch = json.load(open(directory + "/batch.json"))
    model = OPT(directory)
    make_loss = language_model_loss if batch["setting"]["loss"] == "language-model" else classification_loss
    return model, make_loss(model, batch["examples"])
