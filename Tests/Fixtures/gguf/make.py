"""Makes widened.gguf: for each quantised type a matrix of random blocks, and what gguf-py widens it to.

pip install gguf; python make.py. Made with gguf 0.19.
"""

import os
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize

HERE = os.path.dirname(os.path.abspath(__file__))
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
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
