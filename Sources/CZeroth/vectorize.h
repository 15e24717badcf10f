// VECTOR: one clone of a function per instruction set, chosen when the program is loaded.
#pragma once
#if defined(__x86_64__) && defined(__linux__)
#define VECTOR __attribute__((target_clones("default", "avx2", "arch=skylake-avx512")))
#else
#define VECTOR
#endif
