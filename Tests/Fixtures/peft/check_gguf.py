"""Compares adapters in GGUF that `zeroth convert --peft` wrote with PEFT's files, by llama.cpp's own reader and names.

pip install gguf safetensors numpy; python check_gguf.py ZEROTH MODELS ADAPTERS, the shared folders: each adapter's golden.json names its base.

For each matrix alpha / r B A has to be PEFT's s B A, with the rows of Llama's queries and keys as llama.cpp's converter orders them.
Adapters that save modules whole have no such form, and must be refused. Ends with status 1 where anything differs.
"""

import json, os, subprocess, sys, tempfile
import numpy as np
from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGUFReader, get_tensor_name_map
from safetensors.numpy import load_file


def permuted(matrix, heads):
    return matrix.reshape(heads, 2, matrix.shape[0] // heads // 2, matrix.shape[1]).swapaxes(1, 2).reshape(matrix.shape)


def check(zeroth, base, adapter, path):
    config, model = json.load(open(adapter + "/adapter_config.json")), json.load(open(base + "/config.json"))
    done = subprocess.run([zeroth, "convert", "--model", base, "--peft", adapter, "--out", path], capture_output=True, text=True)
    if config["modules_to_save"]: return done.returncode == 2 and "has a name for" in done.stderr, "refused: " + done.stderr.strip()
    if done.returncode: sys.exit(f"{adapter}: {done.stderr}")
    reader = GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    if (fields["general.type"], fields["adapter.type"]) != ("adapter", "lora"): sys.exit(f"{path}: no adapter")
    arch = next(a for a in MODEL_ARCH if MODEL_ARCH_NAMES[a] == fields["general.architecture"])
    names = get_tensor_name_map(arch, model.get("num_hidden_layers", model.get("n_layer")))
    tensors, theirs = {t.name: t.data for t in reader.tensors}, load_file(adapter + "/adapter_model.safetensors")
    largest = 0
    for name in [name for name in theirs if ".lora_A." in name]:
        module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        stored = names.get_name(module) + ".weight"
        a, b = tensors.pop(stored + ".lora_a"), tensors.pop(stored + ".lora_b")
        r = theirs[name].shape[0]
        alpha = next((v for k, v in config["alpha_pattern"].items() if module.endswith(k)), config["lora_alpha"])
        s = alpha / (r**0.5 if config["use_rslora"] else r)
        expected = s * theirs[name.replace("lora_A", "lora_B")].astype(np.float64) @ theirs[name]
        if arch == MODEL_ARCH.LLAMA and "attn_q." in stored: expected = permuted(expected, model["num_attention_heads"])
        if arch == MODEL_ARCH.LLAMA and "attn_k." in stored: expected = permuted(expected, model["num_key_value_heads"])
        found = fields["adapter.lora.alpha"] / b.shape[1] * b.astype(np.float64) @ a
        largest = max(largest, float(np.abs(found - expected).max() / np.abs(expected).max()))
    if tensors: sys.exit(f"{path}: superfluous {list(tensors)[:3]}")
    return largest < 1e-6, f"largest relative difference {largest:.2g}"


def main(zeroth, models, adapters):
    fits = True
    for name in sorted(os.listdir(adapters)):
        base = f"{models}/{json.load(open(f'{adapters}/{name}/golden.json'))['base']}"
        with tempfile.TemporaryDirectory() as place:
            if json.load(open(base + "/config.json"))["model_type"] == "opt": continue
            fine, words = check(zeroth, base, f"{adapters}/{name}", place + "/adapter.gguf")
        print(f"{name}: {words}")
        fits = fits and fine
    sys.exit(0 if fits else 1)


if __name__ == "__main__": main(*sys.argv[1:])
