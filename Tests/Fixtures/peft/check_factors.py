"""Loads in `peft` what this project trained beside a base that is never written, and compares logits.

pip install torch transformers peft; python check_factors.py ZEROTH FOLDER [FOLDER ...]

Each FOLDER holds model folders of transformers. The tool trains a copy of each by LOZO with `model.storage = "frozen"` for some windows
with a large learning rate, and `peft` loads what the run wrote. Its logits go to a golden.json, which `ZEROTH verify` compares with the
tool's own to 1e-4; so do those of the merged model in transformers. The adapter must change the logits by ten times the difference.
Ends with status 1 where anything differs.
"""

import json, os, shutil, subprocess, sys, tempfile, warnings
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from check_peft import golden, tokenizer


def check(zeroth, base, place, name):
    out, adapter, merged = f"{place}/run", f"{place}/run/last", f"{place}/merged"
    subprocess.run([zeroth, "train", "--model", base, "--task", "sst2", "--optimizer", "lozo", "--steps", "9", "--batch", "4", "--k", "4", "--test",
                    "4", "--lr", "0.003", "--nu", "3", "--set", "model.storage=frozen", "--set", "run.keep-last=true", "--out", out],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    subprocess.run([zeroth, "merge", "--model", base, "--peft", adapter, "--dtype", "float32", "--out", merged], check=True, stdout=subprocess.DEVNULL)
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    vocabulary = plain.get_input_embeddings().weight.shape[0]
    before = golden(plain, vocabulary, f"{place}/plain.json")
    whole = golden(AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32).eval(), vocabulary, f"{place}/merged.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = PeftModel.from_pretrained(plain, adapter).eval()
    after = golden(tuned, vocabulary, f"{place}/golden.json")
    change, apart = float((after - before).abs().max()), float((after - whole).abs().max())
    verified = subprocess.run([zeroth, "verify", "--model", base, "--peft", adapter, "--golden", f"{place}/golden.json", "--json"], capture_output=True, text=True)
    if verified.returncode > 1: sys.exit(f"{base}: {verified.stderr}")
    largest = json.loads(verified.stdout)["checks"][0]["largest_difference"]
    print(f"{name}: largest difference {largest:.2g}, to the merged model {apart:.2g}, the adapter changes {change:.2g}")
    return verified.returncode == 0 and change > 10 * max(largest, apart)


def main(zeroth, folders):
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
                try: fits = check(zeroth, base, place, name) and fits
                except subprocess.CalledProcessError as error: sys.exit(f"{name}: {error.stderr.decode() if error.stderr else error}")
    sys.exit(0 if fits else 1)


if __name__ == "__main__": main(sys.argv[1], sys.argv[2:])
