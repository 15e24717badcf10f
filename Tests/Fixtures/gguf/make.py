"""Makes widened.gguf: for each quantised type a matrix of random blocks, and what gguf-py widens it to; and small models for
Tests/Fuzz/Corpus/gguf.

pip install gguf; python make.py. Made with gguf 0.19.
"""

import os
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "../../Fuzz/Corpus/gguf")
TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
ROWS, COLUMNS = 3, 512
# Where the scales in half precision lie: random bits there would mostly be infinite, or differ too much to be seen.
SCALES = {"Q4_1": [0, 2], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def main():
    random = np.random.default_rng(7)
    writer = GGUFWriter(f"{HERE}/widened.gguf", "none")
    for name in TYPES:
        kind = GGMLQuantizationType[name]
        elements, size = GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (ROWS, COLUMNS // elements, size), dtype=np.uint8)
        for place in SCALES.get(name, [0]):
            scales = random.normal(0, 0.01, blocks.shape[:2]).astype(np.float16)
            scales[0, 0] = 6e-7  # below half precision's normal numbers
            blocks[..., place : place + 2] = scales.view(np.uint8).reshape(*blocks.shape[:2], 2)
        rows = blocks.reshape(ROWS, -1)
        writer.add_tensor(name, rows, raw_dtype=kind)
        writer.add_tensor(name + ".values", dequantize(rows, kind).astype(np.float32))
    finish(writer)
    for kind in ["F32", "Q4_0", "Q5_1"]:
        llama(random, GGMLQuantizationType[kind])
    gpt2(random)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add(writer, random, name, shape, kind=GGMLQuantizationType.F32):
    if kind == GGMLQuantizationType.F32 or len(shape) == 1:
        writer.add_tensor(name, random.normal(0, 0.1, shape).astype(np.float32))
    else:
        elements, size = GGML_QUANT_SIZES[kind]
        writer.add_tensor(name, random.integers(0, 100, (shape[0], shape[1] // elements * size), dtype=np.uint8), raw_dtype=kind)


def sizes(writer, width, heads, layers=1):
    writer.add_context_length(16)
    writer.add_block_count(layers)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(width)
    writer.add_head_count(heads)


def llama(random, kind):
    width = max(8, GGML_QUANT_SIZES[kind][0])
    writer = GGUFWriter(f"{CORPUS}/llama-{kind.name.lower().replace('_', '')}", "llama")
    sizes(writer, width, 2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "\u2581", "a", "b", "ab"])
    writer.add_token_scores([0.0, 0.0, -1.0, -2.0, -3.0, -0.5])
    writer.add_token_types([2, 3, 1, 1, 1, 1])
    writer.add_bos_token_id(1)
    for name, shape in [
        ("token_embd.weight", (6, width)), ("output_norm.weight", (width,)), ("blk.0.attn_norm.weight", (width,)),
        ("blk.0.attn_q.weight", (width, width)), ("blk.0.attn_k.weight", (width // 2, width)),
        ("blk.0.attn_v.weight", (width // 2, width)), ("blk.0.attn_output.weight", (width, width)),
        ("blk.0.ffn_norm.weight", (width,)), ("blk.0.ffn_gate.weight", (width, width)), ("blk.0.ffn_up.weight", (width, width)),
        ("blk.0.ffn_down.weight", (width, width)),
    ]:
        add(writer, random, name, shape, kind)
    finish(writer)


def gpt2(random):
    writer = GGUFWriter(f"{CORPUS}/gpt2", "gpt2")
    sizes(writer, 8, 2)
    writer.add_layer_norm_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(["<|end|>", "a", "b", "\u0120", "ab"])
    writer.add_token_types([3, 1, 1, 1, 1])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(0)
    for name, shape in [
        ("token_embd.weight", (5, 8)), ("position_embd.weight", (16, 8)), ("output_norm.weight", (8,)), ("output_norm.bias", (8,)),
        ("blk.0.attn_norm.weight", (8,)), ("blk.0.attn_norm.bias", (8,)), ("blk.0.attn_qkv.weight", (24, 8)), ("blk.0.attn_qkv.bias", (24,)),
        ("blk.0.attn_output.weight", (8, 8)), ("blk.0.attn_output.bias", (8,)), ("blk.0.ffn_norm.weight", (8,)), ("blk.0.ffn_norm.bias", (8,)),
        ("blk.0.ffn_up.weight", (8, 8)), ("blk.0.ffn_up.bias", (8,)), ("blk.0.ffn_down.weight", (8, 8)), ("blk.0.ffn_down.bias", (8,)),
    ]:
        add(writer, random, name, shape)
    finish(writer)


main()
