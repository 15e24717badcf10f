// VECTOR: one clone of a function per instruction set, chosen when the program is loaded.
#pragma once
#if defined(__x86_64__) && defined(__linux__)
#define VECTOR __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define VECTOR
#endif
