"""Compares model folders that this project saved with those that they were made from, as transformers reads them in fp32.

pip install torch transformers; python check_saved.py ORIGINAL SAVED [TOLERANCE], or, for every checkpoint of a folder, such as this
one or that of the shared families: python check_saved.py --tool ZEROTH FOLDER, which converts each to all precisions with the
tool and compares. Ends with status 1 where logits differ by more than the tolerance, which is 1e-6 where nothing was rounded: torch
may cut its sums otherwise.
"""

import json, os, subprocess, sys, tempfile
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification


def logits(path):
    # What a checkpoint lacks or has too much of, transformers only warns about: here it is an error.
    is_classifier = "SequenceClassification" in AutoConfig.from_pretrained(path).architectures[0]
    auto = AutoModelForSequenceClassification if is_classifier else AutoModelForCausalLM
    model, info = auto.from_pretrained(path, dtype=torch.float32, output_loading_info=True)
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[key]: sys.exit(f"{path}: {key} {info[key]}")
    vocabulary = model.get_input_embeddings().weight.shape[0]
    ids = torch.tensor([[3 + (7 * i * i + 5 * i) % (vocabulary - 3) for i in range(12)]])
    with torch.no_grad(): return model(input_ids=ids).logits, str(model.config.dtype)


def compare(original, saved, tolerance):
    (a, _), (b, _) = logits(original), logits(saved)
    difference = float((a - b).abs().max())
    print(f"{saved}: largest difference {difference:.3g}, allowed {tolerance:.3g}")
    return difference <= tolerance


def main(arguments):
    if arguments[0] != "--tool":
        tolerance = float(arguments[2]) if len(arguments) > 2 else 1e-6
        sys.exit(0 if compare(arguments[0], arguments[1], tolerance) else 1)
    tool, folder = arguments[1:]
    fits = True
    for name in sorted(os.listdir(folder)):
        original = f"{folder}/{name}"
        if not os.path.exists(original + "/config.json"): continue
        own = json.load(open(original + "/config.json"))
        own = own.get("dtype", own.get("torch_dtype"))
        spread = float(logits(original)[0].abs().max())
        for dtype in ("as-read", "float32", "float16", "bfloat16"):
            with tempfile.TemporaryDirectory() as saved:
                subprocess.run([tool, "convert", "--model", original, "--out", f"{saved}/{name}-{dtype}", "--dtype", dtype], check=True, stdout=subprocess.DEVNULL)
                if dtype not in ("as-read", json.load(open(f"{saved}/{name}-{dtype}/config.json")).get("dtype")): sys.exit(f"{name}: config.json does not say {dtype}")
                # Rounding 2^-8 or 2^-11 of each weight, over some layers.
                tolerance = {"bfloat16": 0.3, "float16": 0.03}.get(dtype, 0) * spread if dtype != own else 0
                tolerance = max(tolerance, 1e-6)
                fits = compare(original, f"{saved}/{name}-{dtype}", tolerance) and fits
    sys.exit(0 if fits else 1)


if __name__ == "__main__": main(sys.argv[1:])
