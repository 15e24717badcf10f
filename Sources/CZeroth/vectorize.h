// VECTOR: one clone of a function per instruction set, chosen when the program is loaded. None for sanitizers and the
// fuzzer's coverage, which start only after the choice and would end the program in it.
#pragma once
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer) && \
    !__has_feature(address_sanitizer) && !__has_feature(undefined_behavior_sanitizer) && \
    !__has_feature(coverage_sanitizer)
#define VECTOR __attribute__((target_clones("default", "avx2", "avx512f")))
// The same by levels of the architecture, whose second converts half precision in an instruction.
#define VECTOR_AND_HALF __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define VECTOR
#define VECTOR_AND_HALF
#endif

// Kernels that are compiled once for each instruction set (*.inc): NAME(x) is x with the set's name, ISA, behind it.
#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)
#define NAME(x) JOIN(x, ISA)

// A vector argument's passing depends on the instruction set; all of these are inlined, none is called across sets.
#pragma clang diagnostic ignored "-Wpsabi"
