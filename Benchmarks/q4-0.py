#!/usr/bin/env python3
"""Writes a GGUF file again with its Q4_1 matrices in Q4_0, by llama.cpp's own quantiser as its package `gguf` has it.

    python3 -m pip install gguf numpy && python3 Benchmarks/q4-0.py MODEL.Q4_1.gguf MODEL.Q4_0.gguf
"""

import sys

import gguf

source = gguf.GGUFReader(sys.argv[1])
name = source.fields["general.architecture"].contents()
target = gguf.GGUFWriter(sys.argv[2], name)
for key, field in source.fields.items():
    if key.startswith("GGUF.") or key == "general.architecture":
        continue
    value = int(gguf.LlamaFileType.MOSTLY_Q4_0) if key == "general.file_type" else field.contents()
    kind = field.types[0]
    target.add_key_value(key, value, kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
old, new = gguf.GGMLQuantizationType.Q4_1, gguf.GGMLQuantizationType.Q4_0
for tensor in source.tensors:
    data, kind = tensor.data, tensor.tensor_type
    if kind == old:
        data, kind = gguf.quantize(gguf.dequantize(data, old), new), new
    target.add_tensor(tensor.name, data, raw_dtype=kind)
target.write_header_to_file()
target.write_kv_data_to_file()
target.write_tensors_to_file()
target.close()
