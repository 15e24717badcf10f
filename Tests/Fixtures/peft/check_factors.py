"""Loads in `peft` what this project trained beside a base that is never written, and compares logits.

pip install torch transformers peft; python check_factors.py ZEROTH FOLDER [FOLDER ...]

Each FOLDER holds model folders of transformers. The tool trains a copy of each by LOZO with `model.storage = "frozen"` for some windows
with a large learning rate, and `peft` loads what the run wrote. Its logits go to a golden.json, which `ZEROTH verify` compares with the
tool's own to 1e-4; so do those of the merged model in transformers. The adapter must change the logits by ten times the difference.
Ends with status 1 where anything differs.
"""

import os, subprocess, sys, warnings
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from check_peft import each, golden, verify


def check(zeroth, base, place):
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
    fits, largest = verify(zeroth, base, adapter, f"{place}/golden.json", base)
    print(f"{os.path.basename(base)}: largest difference {largest:.2g}, to the merged model {apart:.2g}, the adapter changes {change:.2g}")
    return fits and change > 10 * max(largest, apart)


if __name__ == "__main__":
    zeroth = sys.argv[1]
    each(sys.argv[2:], {"frozen": lambda base, place: check(zeroth, base, place)})
