"""Makes the checkpoints of this folder, small models of each family with random weights, and their golden.json: the logits that
transformers gives in fp32 for the checkpoint as it was saved.

pip install torch transformers; python make.py. Made with transformers 5.24.
"""

import json, os, shutil
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

HERE = os.path.dirname(os.path.abspath(__file__))
LLAMA = dict(vocab_size=31, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=32, pad_token_id=1, bos_token_id=2, eos_token_id=2)
GEMMA = LLAMA | dict(head_dim=6, sliding_window=4, query_pre_attn_scalar=3)
NEOX = {k: v for k, v in LLAMA.items() if k != "num_key_value_heads"}
GPT2 = dict(vocab_size=31, n_embd=12, n_layer=2, n_head=3, n_positions=32, n_inner=20, bos_token_id=2, eos_token_id=2, pad_token_id=1)
LONGROPE = dict(rope_type="longrope", short_factor=[1.0, 1.3], long_factor=[2.0, 5.0])

# Sequences have up to 24 tokens: more than the windows, and than the original contexts of what is stretched.
MODELS = {
    "qwen2": ("qwen2", "bfloat16", LLAMA | dict(use_sliding_window=True, sliding_window=5, max_window_layers=1, tie_word_embeddings=True)),
    "qwen3": ("qwen3", "float16", LLAMA | dict(head_dim=6, attention_bias=True)),
    "mistral": ("mistral", "bfloat16", LLAMA | dict(sliding_window=6, head_dim=6)),
    "gemma2": ("gemma2", "float32", GEMMA | dict(attn_logit_softcapping=1.5, final_logit_softcapping=2.0)),
    # The limit of scores is read by Gemma 2 alone.
    "gemma3": ("gemma3_text", "bfloat16", GEMMA | dict(attn_logit_softcapping=1.5, layer_types=["full_attention", "sliding_attention"], rope_parameters={
        "full_attention": dict(rope_type="linear", factor=3.0, rope_theta=5e4), "sliding_attention": dict(rope_type="default", rope_theta=50.0)})),
    "gpt2": ("gpt2", "float16", GPT2),
    "gpt2-options": ("gpt2", "float32", GPT2 | dict(scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False, activation_function="relu")),
    "gpt-neox": ("gpt_neox", "float16", NEOX),
    "gpt-neox-options": ("gpt_neox", "float32", NEOX | dict(use_parallel_residual=False, rotary_pct=0.5, tie_word_embeddings=True, attention_bias=False)),
    "phi3": ("phi3", "bfloat16", LLAMA | dict(original_max_position_embeddings=8, rope_parameters=LONGROPE)),
    "phi3-short": ("phi3", "float32", LLAMA | dict(
        original_max_position_embeddings=24, rope_parameters=LONGROPE | dict(short_factor=[1.5], long_factor=[3.0], partial_rotary_factor=0.5), sliding_window=7)),
    "llama-dynamic": ("llama", "float32", LLAMA | dict(max_position_embeddings=16, rope_parameters=dict(rope_type="dynamic", factor=2.0, rope_theta=50.0))),
    "llama-yarn": ("llama", "float32", LLAMA | dict(rope_parameters=dict(
        rope_type="yarn", factor=4.0, rope_theta=50.0, original_max_position_embeddings=8, beta_fast=4.0, beta_slow=0.5))),
    "qwen2-yarn": ("qwen2", "float32", LLAMA | dict(head_dim=8, rope_parameters=dict(
        rope_type="yarn", factor=3.0, rope_theta=500.0, original_max_position_embeddings=10, truncate=False, mscale=0.7, mscale_all_dim=1.4))),
    # A configuration that says tied, with an output layer that is not.
    "own-head": ("llama", "float32", LLAMA | dict(tie_word_embeddings=False)),
}

BERT = dict(vocab_size=31, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32, pad_token_id=1)
CLASSIFIERS = {
    "bert-classifier": ("bert", "float16", BERT | dict(id2label={0: "neutral", 1: "entailment", 2: "contradiction"})),
    "roberta-classifier": ("roberta", "float32", BERT | dict(type_vocab_size=1, max_position_embeddings=40, id2label={0: "POSITIVE", 1: "NEGATIVE"})),
}


def main():
    for name, (kind, dtype, options) in (MODELS | CLASSIFIERS).items():
        torch.manual_seed(len(name))
        path = f"{HERE}/{name}"
        shutil.rmtree(path, ignore_errors=True)
        auto = AutoModelForSequenceClassification if name in CLASSIFIERS else AutoModelForCausalLM
        model = auto.from_config(AutoConfig.for_model(kind, **options))
        with torch.no_grad():
            for key, weight in model.named_parameters():
                centre = 1.0 if "norm" in key and key.endswith("weight") or ".ln_" in key and key.endswith("weight") else 0.0
                if "LayerNorm.weight" in key: centre = 1.0
                if kind.startswith("gemma"): centre = 0.0  # their gains are 1 + w
                weight.copy_(centre + 0.3 * torch.randn(weight.shape))
        model.to(getattr(torch, dtype)).save_pretrained(path)
        if name == "own-head": edit(path + "/config.json", tie_word_embeddings=True)
        for file in os.listdir(path):
            if file not in ("config.json", "model.safetensors"): os.remove(f"{path}/{file}")
        golden(path, options["vocab_size"], auto)


def edit(path, **values):
    with open(path) as file: config = json.load(file)
    with open(path, "w") as file: file.write(json.dumps(config | values, indent=2) + "\n")


def golden(path, vocabulary, auto):
    model = auto.from_pretrained(path, dtype=torch.float32)
    lengths, pad = [24, 7], 1
    rows = [[3 + (7 * i * i + 5 * i + 11 * r) % (vocabulary - 3) for i in range(n)] for r, n in enumerate(lengths)]
    ids = torch.tensor([r + [pad] * (24 - len(r)) for r in rows])
    mask = torch.tensor([[1] * n + [0] * (24 - n) for n in lengths])
    result = {"kind": "causal", "input_ids": ids.tolist(), "attention_mask": mask.tolist()}
    with torch.no_grad():
        if auto is AutoModelForCausalLM:
            logits = model(input_ids=ids, attention_mask=mask).logits
            losses = [torch.nn.functional.cross_entropy(l[: n - 1], i[1:n], reduction="sum") for l, i, n in zip(logits, ids, lengths)]
            result["loss"] = float(sum(losses)) / (sum(lengths) - len(lengths))
            picks = [(r, p, logits[r, p]) for r, p in ((0, 0), (0, 5), (0, 23), (1, 6))]
        else:
            result["kind"] = "classifier"
            if model.config.type_vocab_size > 1: result["token_type_ids"] = [[int(i >= n // 2) for i in range(24)] for n in lengths]
            types = torch.tensor(result["token_type_ids"]) if "token_type_ids" in result else None
            logits = model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
            picks = [(r, 0, logits[r]) for r in range(2)]
    result["picks"] = [{"row": r, "position": p, "values": [round(float(v), 7) for v in values]} for r, p, values in picks]
    with open(path + "/golden.json", "w") as file: json.dump(result, file)


if __name__ == "__main__": main()
