#!/usr/bin/env python3
"""Tokens a second of llama.cpp on a GGUF file with two threads: a prompt of 512 tokens, and 64 tokens decoded greedily behind it.

    python3 -m pip install xllamacpp==2026.10.11549 && python3 Benchmarks/llama-cpp.py MODEL.gguf [ROUNDS]

The wheel has kernels for AVX2 and FMA; the first line says what it uses. To be run in turn with `zeroth bench forward` and `bench decode`
on a machine that does nothing else.
"""

import json, sys

import xllamacpp

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.n_ctx = parameters.n_batch = 1024
parameters.n_parallel = 1
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
parameters.warmup = True
server = xllamacpp.Server(parameters)
print(xllamacpp.get_system_info())
for round in range(int(sys.argv[2]) if len(sys.argv) > 2 else 2):
    prompt = [(i * 7919 + 11 + round) % 49000 for i in range(512)]
    answer = server.handle_completions({"prompt": prompt, "n_predict": 64, "temperature": 0, "cache_prompt": False, "ignore_eos": True})
    times = (json.loads(answer) if isinstance(answer, str) else answer)["timings"]
    print(f"prompt {times['prompt_per_second']:.1f} tokens/s, decoding {times['predicted_per_second']:.1f} tokens/s")
