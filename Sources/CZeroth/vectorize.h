// VECTOR compiles a function once for each instruction set; one version is chosen when the program is loaded.
// Sanitizers and the fuzzer's coverage get only one version: they start after the choice and would end the program in
// it.
#pragma once
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer) && \
    !__has_feature(address_sanitizer) && !__has_feature(undefined_behavior_sanitizer) && \
    !__has_feature(coverage_sanitizer)
#define VECTOR __attribute__((target_clones("default", "avx2", "avx512f")))
// The same for levels of the architecture. From the second level on, one instruction converts half precision.
#define VECTOR_AND_HALF __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define VECTOR
#define VECTOR_AND_HALF
#endif

// For kernels that are compiled once for each instruction set (*.inc): NAME(x) is x followed by the name of the set,
// ISA.
#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)
#define NAME(x) JOIN(x, ISA)

// Vector arguments are passed differently on different instruction sets. That does no harm here: all of these functions
// are inlined, and none is called from another set.
#pragma clang diagnostic ignored "-Wpsabi"
