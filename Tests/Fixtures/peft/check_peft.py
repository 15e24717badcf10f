"""Loads adapters that this project trained and wrote in `peft`, and compares logits.

pip install torch transformers peft; python check_peft.py ZEROTH FOLDER [FOLDER ...]

Each FOLDER holds model folders of transformers. A copy of each gets a made tokenizer, the tool trains LoRA and a prefix on it for a few
steps with a large learning rate, and `peft` loads what the run wrote. Its logits go to a golden.json, which `ZEROTH verify` compares
with the tool's own to 1e-4. The adapter must also change the logits by ten times that difference, and no tensor may be missing or
superfluous. Ends with status 1 where anything differs.
"""

import json, os, shutil, subprocess, sys, tempfile, warnings
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM

RUNS = {
    "blocks": ["--tuning", "lora"],
    "all-linear": ["--tuning", "lora", "--set", "tuning.target-modules=all-linear", "--set", "tuning.rank=2", "--set", "tuning.rslora=true"],
    "some": ["--tuning", "lora", "--set", "tuning.blocks=key,output", "--set", "tuning.layers=1", "--set", "tuning.alpha=3"],
    "biases": ["--tuning", "lora", "--set", "tuning.bias=all"],
    "own biases": ["--tuning", "lora", "--set", "tuning.bias=lora_only"],
    "prefix": ["--tuning", "prefix", "--set", "tuning.tokens=4"],
}


def tokenizer():
    letters = ["<unk>"] + [chr(c) for c in range(33, 127) if chr(c) not in '"\\'] + ["\u0120"]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": {token: i for i, token in enumerate(letters)}, "merges": []},
    }


def golden(model, vocabulary, path):
    ids = torch.tensor([[3 + (7 * i * i + 5 * i + 11 * row) % (vocabulary - 3) for i in range(12)] for row in range(2)])
    mask = torch.ones_like(ids)
    with torch.no_grad(): logits = model(input_ids=ids, attention_mask=mask).logits[:, -ids.shape[1]:].float()
    picks = [{"row": r, "position": p, "values": logits[r, p].tolist()} for r in range(2) for p in (0, 5, 11)]
    json.dump({"kind": "causal", "input_ids": ids.tolist(), "attention_mask": mask.tolist(), "picks": picks}, open(path, "w"))
    return logits


def check(zeroth, base, run, options, place):
    out = f"{place}/{run}"
    subprocess.run([zeroth, "train", "--model", base, "--task", "sst2", "--optimizer", "mezo", "--steps", "6", "--batch", "4", "--k", "4", "--test",
                    "4", "--lr", "0.05", "--epsilon", "0.01", "--set", "run.keep-last=true", "--out", out] + options, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    adapter = f"{out}/last"
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    vocabulary = plain.get_input_embeddings().weight.shape[0]
    before = golden(plain, vocabulary, f"{place}/plain.json")
    with warnings.catch_warnings():
        warnings.simplefilter("error" if run != "prefix" else "ignore")
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        tuned = PeftModel.from_pretrained(plain, adapter).eval()
    written = set(safe_open(f"{adapter}/adapter_model.safetensors", "pt").keys())
    if run != "prefix":
        biases = {"biases": lambda name: name.endswith(".bias"), "own biases": lambda name: name.endswith(".base_layer.bias")}.get(run, lambda name: False)
        known = {name.replace(".default", "") for name, _ in tuned.named_parameters() if "lora_" in name or biases(name)}
        if known != written: sys.exit(f"{base} {run}: tensors differ: {sorted(known ^ written)[:4]}")
    after = golden(tuned, vocabulary, f"{place}/golden.json")
    change = float((after - before).abs().max())
    fits, largest = verify(zeroth, base, adapter, f"{place}/golden.json", f"{base} {run}")
    print(f"{os.path.basename(base)} {run}: largest difference {largest:.2g}, the adapter changes {change:.2g}")
    return fits and change > 10 * largest


def verify(zeroth, base, adapter, path, what):
    """Whether the tool's logits are those at `path`, and the largest difference."""
    verified = subprocess.run([zeroth, "verify", "--model", base, "--peft", adapter, "--golden", path, "--json"], capture_output=True, text=True)
    if verified.returncode > 1: sys.exit(f"{what}: {verified.stderr}")
    return verified.returncode == 0, json.loads(verified.stdout)["checks"][0]["largest_difference"]


def each(folders, checks):
    """Calls each of `checks`, by name, with a copy of each causal model in `folders` that has room for the made tokenizer. Ends the
    program with status 1 where one does not hold."""
    fits = True
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            path = f"{folder}/{name}/config.json"
            if not os.path.exists(path): continue
            config = json.load(open(path))
            if "ForCausalLM" not in config["architectures"][0] and "LMHead" not in config["architectures"][0]: continue
            if config["vocab_size"] < 96: continue
            with tempfile.TemporaryDirectory() as place:
                base = f"{place}/{name}"
                shutil.copytree(f"{folder}/{name}", base)
                for file in os.listdir(base): os.chmod(f"{base}/{file}", 0o644)
                json.dump(tokenizer(), open(base + "/tokenizer.json", "w"))
                for run, holds in checks.items():
                    try: fits = holds(base, place) and fits
                    except subprocess.CalledProcessError as error: sys.exit(f"{name} {run}: {error.stderr.decode() if error.stderr else error}")
    sys.exit(0 if fits else 1)


if __name__ == "__main__":
    zeroth = sys.argv[1]
    each(sys.argv[2:], {run: lambda base, place, run=run: check(zeroth, base, run, RUNS[run], place) for run in RUNS})
