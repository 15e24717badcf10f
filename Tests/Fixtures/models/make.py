"""Makes the checkpoints of this folder, of options that the shared tiny models do not have, with their golden.json: the
architectures once more, in float64 numpy.

pip install numpy; python make.py. With the folder of the shared models (python make.py ../../../../shared/models) it only
says how far this numpy is from their golden files, which the reference library made.
"""

import json, math, os, struct, sys
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
erf = np.vectorize(math.erf)
ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0), "silu": lambda x: x / (1 + np.exp(-x)), "gelu": lambda x: 0.5 * x * (1 + erf(x / 2**0.5)),
    "gelu_new": lambda x: 0.5 * x * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))),
}


class Weights(dict):
    def linear(self, name, x):
        return x @ self[name + ".weight"].T + self.get(name + ".bias", 0)

    def norm(self, name, x, eps=1e-5):
        gain = self.get(name + ".weight", self.get(name + ".gamma", 1))
        bias = self.get(name + ".bias", self.get(name + ".beta", 0))
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * gain + bias

    def rms(self, name, x, eps):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * self[name + ".weight"]


def attention(q, k, v, heads, key_heads, causal, rotate=lambda x: x):
    split = lambda x, n: x.reshape(len(x), n, -1).transpose(1, 0, 2)
    q, k, v = rotate(split(q, heads)), rotate(split(k, key_heads)), split(v, key_heads)
    k, v = (np.repeat(x, heads // key_heads, 0) for x in (k, v))
    s = q @ k.transpose(0, 2, 1) / q.shape[-1] ** 0.5
    if causal: s = np.where(np.tri(s.shape[-1], dtype=bool), s, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    return (p / p.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(s[0]), -1)


def opt(c, w, ids, types):
    p = ("" if "decoder.embed_tokens.weight" in w else "model.") + "decoder."
    act, before = ACTIVATIONS[c["activation_function"]], c["do_layer_norm_before"]
    x = w[p + "embed_tokens.weight"][ids]
    if p + "project_in.weight" in w: x = w.linear(p + "project_in", x)
    x = x + w[p + "embed_positions.weight"][np.arange(len(ids)) + 2]
    for i in range(c["num_hidden_layers"]):
        l = f"{p}layers.{i}."
        n = w.norm(l + "self_attn_layer_norm", x) if before else x
        q, k, v = (w.linear(f"{l}self_attn.{a}_proj", n) for a in "qkv")
        x = x + w.linear(l + "self_attn.out_proj", attention(q, k, v, c["num_attention_heads"], c["num_attention_heads"], True))
        if not before: x = w.norm(l + "self_attn_layer_norm", x)
        n = w.norm(l + "final_layer_norm", x) if before else x
        x = x + w.linear(l + "fc2", act(w.linear(l + "fc1", n)))
        if not before: x = w.norm(l + "final_layer_norm", x)
    if before and not c["_remove_final_layer_norm"]: x = w.norm(p + "final_layer_norm", x)
    if p + "project_out.weight" in w: x = w.linear(p + "project_out", x)
    return x @ (w[p + "embed_tokens.weight"] if c["tie_word_embeddings"] else w["lm_head.weight"]).T


def llama(c, w, ids, types):
    p = "" if "embed_tokens.weight" in w else "model."
    heads, key_heads = c["num_attention_heads"], c["num_key_value_heads"]
    head = c.get("head_dim") or c["hidden_size"] // heads
    rope = c.get("rope_scaling") or c.get("rope_parameters") or {}
    f = rope.get("rope_theta", c.get("rope_theta", 10000.0)) ** -(np.arange(0, head, 2) / head)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "linear": f = f / rope["factor"]
    if kind == "llama3":
        wave, old = 2 * np.pi / f, rope["original_max_position_embeddings"]
        low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
        smooth = np.clip((old / wave - low) / (high - low), 0, 1)
        f = (1 - smooth) * f / factor + smooth * f
    angles = np.outer(np.arange(len(ids)), f)
    cos, sin = np.cos(angles), np.sin(angles)

    def rotate(x):
        a, b = x[..., : head // 2], x[..., head // 2 :]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    x, act, eps = w[p + "embed_tokens.weight"][ids], ACTIVATIONS[c["hidden_act"]], c["rms_norm_eps"]
    for i in range(c["num_hidden_layers"]):
        l = f"{p}layers.{i}."
        n = w.rms(l + "input_layernorm", x, eps)
        q, k, v = (w.linear(f"{l}self_attn.{a}_proj", n) for a in "qkv")
        x = x + w.linear(l + "self_attn.o_proj", attention(q, k, v, heads, key_heads, True, rotate))
        n = w.rms(l + "post_attention_layernorm", x, eps)
        x = x + w.linear(l + "mlp.down_proj", act(w.linear(l + "mlp.gate_proj", n)) * w.linear(l + "mlp.up_proj", n))
    return w.rms(p + "norm", x, eps) @ (w[p + "embed_tokens.weight"] if c["tie_word_embeddings"] else w["lm_head.weight"]).T


def bert(c, w, ids, types):
    roberta = c["model_type"] == "roberta"
    p = "" if "embeddings.word_embeddings.weight" in w else c["model_type"] + "."
    act, eps, heads = ACTIVATIONS[c["hidden_act"]], c["layer_norm_eps"], c["num_attention_heads"]
    positions, pad = np.arange(len(ids)), c["pad_token_id"]
    if roberta: positions = np.cumsum(np.array(ids) != pad) * (np.array(ids) != pad) + pad
    table = lambda name: w[f"{p}embeddings.{name}_embeddings.weight"]
    x = w.norm(p + "embeddings.LayerNorm", table("word")[ids] + table("position")[positions] + table("token_type")[types], eps)
    for i in range(c["num_hidden_layers"]):
        l = f"{p}encoder.layer.{i}."
        q, k, v = (w.linear(f"{l}attention.self.{a}", x) for a in ("query", "key", "value"))
        x = w.norm(l + "attention.output.LayerNorm", x + w.linear(l + "attention.output.dense", attention(q, k, v, heads, heads, False)), eps)
        x = w.norm(l + "output.LayerNorm", x + w.linear(l + "output.dense", act(w.linear(l + "intermediate.dense", x))), eps)
    h, dense, norm = ("lm_head.", "dense", "layer_norm") if roberta else ("cls.predictions.", "transform.dense", "transform.LayerNorm")
    if h + dense + ".weight" not in w: return x
    x = w.norm(h + norm, (ACTIVATIONS["gelu"] if roberta else act)(w.linear(h + dense, x)), eps)
    return x @ table("word").T + w[h + "bias"] if c["tie_word_embeddings"] else w.linear(h + "decoder", x)


FORWARD = {"opt": opt, "llama": llama, "bert": bert, "roberta": bert}
TYPES = {"F32": (4, lambda x: x.astype("<f4").tobytes(), lambda b: np.frombuffer(b, "<f4").astype(float)),
         "F16": (2, lambda x: x.astype("<f2").tobytes(), lambda b: np.frombuffer(b, "<f2").astype(float)),
         "BF16": (2, lambda x: (x.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes(),
                  lambda b: (np.frombuffer(b, "<u2").astype("<u4") << 16).view("<f4").astype(float))}


def read(path):
    w = Weights()
    for name in sorted(os.listdir(path)):
        if name.endswith(".safetensors"):
            with open(f"{path}/{name}", "rb") as file: data = file.read()
            start = 8 + struct.unpack("<Q", data[:8])[0]
            for key, t in json.loads(data[8:start]).items():
                if key != "__metadata__" and t["dtype"] in TYPES:
                    a, b = t["data_offsets"]
                    w[key] = TYPES[t["dtype"]][2](data[start + a : start + b]).reshape(t["shape"])
    return w


def write(path, tensors, dtype):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, x in tensors.items():
        kind, piece = ("I64", x.tobytes()) if x.dtype.kind == "i" else (dtype, TYPES[dtype][1](x))
        header[name] = {"dtype": kind, "shape": list(x.shape), "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file: file.write(struct.pack("<Q", len(text)) + text + data)


def outputs(path, rows, picks, types=None):
    c, w = json.load(open(path + "/config.json")), read(path)
    results = [FORWARD[c["model_type"]](c, w, ids, types[i] if types else [0] * len(ids)) for i, ids in enumerate(rows)]
    return [results[row][position] for row, position in picks]


def check(shared):
    for name in [f"tiny/{n}" for n in sorted(os.listdir(shared + "/tiny"))]:
        golden = json.load(open(f"{shared}/{name}/golden.json"))
        rows = [ids[: sum(mask)] for ids, mask in zip(golden["input_ids"], golden["attention_mask"])]
        found = outputs(f"{shared}/{name}", rows, [(p["row"], p["position"]) for p in golden["picks"]])
        print(name, max(np.abs(f - p["values"]).max() for f, p in zip(found, golden["picks"])))


rng = np.random.default_rng(20)


def make(name, kind, config, shapes, dtype="F32", shards=1, extra={}, repeats={}, types=0, pad=0):
    """A checkpoint of random weights with the logits or hidden states of two padded rows."""
    path = f"{HERE}/{name}"
    os.makedirs(path, exist_ok=True)
    with open(path + "/config.json", "w") as file: file.write(json.dumps(config, indent=1) + "\n")
    gains = ("orm.weight", "layer_norm.weight", "layernorm.weight", "gamma")
    w = {n: rng.normal(0, 0.3, s) + (1 if n.endswith(gains) else 0) for n, s in shapes.items()} | extra
    w |= {n: w[of] for n, of in repeats.items()}
    names = list(w)
    if shards == 1: write(path + "/model.safetensors", w, dtype)
    else:
        files = {n: f"model-{i * shards // len(names) + 1:05}-of-{shards:05}.safetensors" for i, n in enumerate(names)}
        for file in sorted(set(files.values())): write(f"{path}/{file}", {n: w[n] for n in names if files[n] == file}, dtype)
        with open(path + "/model.safetensors.index.json", "w") as file: json.dump({"metadata": {}, "weight_map": files}, file)
    lengths = [11, 6]
    rows = [rng.integers(3, config["vocab_size"], n).tolist() for n in lengths]
    if config["model_type"] == "roberta": rows[0][4] = config["pad_token_id"]
    kinds = [rng.integers(0, types, n).tolist() for n in lengths] if types else None
    picks = [(0, 0), (0, 3), (0, 10), (1, 5)]
    golden = {"kind": kind, "input_ids": [r + [pad] * (11 - len(r)) for r in rows], "attention_mask": [[1] * n + [0] * (11 - n) for n in lengths]}
    if kinds: golden["token_type_ids"] = [k + [0] * (11 - len(k)) for k in kinds]
    values = outputs(path, rows, picks, kinds)
    golden["picks"] = [{"row": r, "position": p, "values": np.round(v, 7).tolist()} for (r, p), v in zip(picks, values)]
    with open(path + "/golden.json", "w") as file: json.dump(golden, file)


def linears(names, bias=True):
    return {k: v for n, (to, of) in names.items() for k, v in ({n + ".weight": (to, of)} | ({n + ".bias": (to,)} if bias else {})).items()}


def norms(names, h, gain="weight", bias="bias"):
    return {k: (h,) for n in names for k in (f"{n}.{gain}", f"{n}.{bias}")}


def opt_shapes(p, c, affine=True, bias=True):
    h, f, e = c["hidden_size"], c["ffn_dim"], c["word_embed_proj_dim"]
    s = {p + "decoder.embed_tokens.weight": (c["vocab_size"], e), p + "decoder.embed_positions.weight": (c["max_position_embeddings"] + 2, h)}
    if e != h: s |= linears({p + "decoder.project_in": (h, e), p + "decoder.project_out": (e, h)}, False)
    for i in range(c["num_hidden_layers"]):
        l = f"{p}decoder.layers.{i}."
        s |= linears({f"{l}self_attn.{a}_proj": (h, h) for a in ("q", "k", "v", "out")} | {l + "fc1": (f, h), l + "fc2": (h, f)}, bias)
        if affine: s |= norms([l + "self_attn_layer_norm", l + "final_layer_norm"], h)
    if affine and c["do_layer_norm_before"] and not c["_remove_final_layer_norm"]: s |= norms([p + "decoder.final_layer_norm"], h)
    if not c["tie_word_embeddings"]: s["lm_head.weight"] = (c["vocab_size"], e)
    return s


def llama_shapes(p, c):
    h, f, head = c["hidden_size"], c["intermediate_size"], c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"]
    q, k = head * c["num_attention_heads"], head * c["num_key_value_heads"]
    s = {p + "embed_tokens.weight": (c["vocab_size"], h), p + "norm.weight": (h,)}
    for i in range(c["num_hidden_layers"]):
        l = f"{p}layers.{i}."
        s |= {l + "input_layernorm.weight": (h,), l + "post_attention_layernorm.weight": (h,)}
        s |= linears({l + "self_attn.q_proj": (q, h), l + "self_attn.k_proj": (k, h), l + "self_attn.v_proj": (k, h), l + "self_attn.o_proj": (h, q)}, c["attention_bias"])
        s |= linears({l + "mlp.gate_proj": (f, h), l + "mlp.up_proj": (f, h), l + "mlp.down_proj": (h, f)}, c["mlp_bias"])
    if not c["tie_word_embeddings"]: s["lm_head.weight"] = (c["vocab_size"], h)
    return s


def bert_shapes(p, c, gain="weight", bias="bias"):
    h, f = c["hidden_size"], c["intermediate_size"]
    s = {f"{p}embeddings.{n}_embeddings.weight": (r, h) for n, r in
         (("word", c["vocab_size"]), ("position", c["max_position_embeddings"]), ("token_type", c["type_vocab_size"]))}
    s |= norms([p + "embeddings.LayerNorm"], h, gain, bias)
    for i in range(c["num_hidden_layers"]):
        l = f"{p}encoder.layer.{i}."
        s |= linears({f"{l}attention.self.{a}": (h, h) for a in ("query", "key", "value")} | {l + "attention.output.dense": (h, h), l + "intermediate.dense": (f, h), l + "output.dense": (h, f)})
        s |= norms([l + "attention.output.LayerNorm", l + "output.LayerNorm"], h, gain, bias)
    return s


def main():
    c = dict(model_type="opt", vocab_size=41, hidden_size=20, ffn_dim=28, num_hidden_layers=2, num_attention_heads=5, max_position_embeddings=16, word_embed_proj_dim=12,
             do_layer_norm_before=True, _remove_final_layer_norm=True, activation_function="gelu", tie_word_embeddings=False, enable_bias=False,
             layer_norm_elementwise_affine=False, torch_dtype="bfloat16")
    make("opt-options", "causal", c, opt_shapes("model.", c, False, False), "BF16")
    c = c | dict(do_layer_norm_before=False, _remove_final_layer_norm=False, activation_function="relu", tie_word_embeddings=True, enable_bias=True,
                 layer_norm_elementwise_affine=True, dtype="float16")
    make("opt-bare-shards", "causal", c, opt_shapes("", c), "F16", shards=3)
    c = dict(model_type="llama", vocab_size=43, hidden_size=24, intermediate_size=20, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=3, head_dim=6,
             max_position_embeddings=32, rms_norm_eps=1e-3, hidden_act="gelu_new", attention_bias=True, mlp_bias=True, tie_word_embeddings=False,
             rope_theta=500.0, rope_scaling={"type": "linear", "factor": 2.5}, torch_dtype="float16")
    make("llama-options", "causal", c, llama_shapes("model.", c), "F16", extra={"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(3)})
    c = dict(model_type="llama", vocab_size=43, hidden_size=24, intermediate_size=20, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=4, head_dim=None,
             max_position_embeddings=32, rms_norm_eps=1e-6, hidden_act="silu", attention_bias=False, mlp_bias=False, tie_word_embeddings=True, dtype="bfloat16",
             rope_parameters={"rope_type": "llama3", "rope_theta": 50.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16})
    make("llama-bare-shards", "causal", c, llama_shapes("", c), "BF16", shards=2)
    h, v = 16, 37
    c = dict(model_type="bert", architectures=["BertForMaskedLM"], vocab_size=v, hidden_size=h, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, hidden_act="gelu_new",
             max_position_embeddings=12, type_vocab_size=2, layer_norm_eps=1e-12, pad_token_id=0, tie_word_embeddings=True)
    s = bert_shapes("bert.", c, "gamma", "beta") | linears({"cls.predictions.transform.dense": (h, h)}) | norms(["cls.predictions.transform.LayerNorm"], h, "gamma", "beta")
    unused = linears({"bert.pooler.dense": (h, h), "cls.seq_relationship": (2, h)}) | {"cls.predictions.decoder.weight": (v, h)}
    make("bert-masked", "masked", c, s | {"cls.predictions.bias": (v,)} | unused, "BF16", types=2, extra={"bert.embeddings.position_ids": np.arange(12)[None]},
         repeats={"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"})
    c = c | dict(architectures=["BertModel"], hidden_act="relu", num_attention_heads=4, num_hidden_layers=1, type_vocab_size=3, layer_norm_eps=1e-2)
    make("bert-bare", "encoder", c, bert_shapes("", c), "F16", types=3)
    c = c | dict(model_type="roberta", architectures=["RobertaForMaskedLM"], hidden_act="silu", max_position_embeddings=15, pad_token_id=3, tie_word_embeddings=False, type_vocab_size=1)
    s = bert_shapes("roberta.", c) | linears({"lm_head.dense": (h, h), "lm_head.decoder": (v, h)}) | norms(["lm_head.layer_norm"], h)
    make("roberta-untied", "masked", c, s | {"lm_head.bias": (v,)}, "F32", shards=2, pad=3)
    c = c | dict(tie_word_embeddings=True, architectures=None, hidden_act="gelu", pad_token_id=1, max_position_embeddings=13)
    make("roberta-bare", "encoder", c, bert_shapes("", c) | linears({"pooler.dense": (h, h)}), "F32", pad=1)


check(sys.argv[1]) if len(sys.argv) > 1 else main()
