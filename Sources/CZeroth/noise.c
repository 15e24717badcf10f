// Philox noise, picked at run time for the CPU.
#include "CZeroth.h"
#include "philox.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

typedef uint32_t u32x16 __attribute__((ext_vector_type(16)));
typedef int32_t i32x16 __attribute__((ext_vector_type(16)));
typedef uint64_t u64x8 __attribute__((ext_vector_type(8)));
typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef float f32x16_unaligned __attribute__((ext_vector_type(16), aligned(4)));

// A vector argument's passing depends on the instruction set; all of these are inlined, none is called across sets.
#pragma clang diagnostic ignored "-Wpsabi"

#define JOIN2(a, b) a##_##b
#define JOIN(a, b) JOIN2(a, b)
#define NAME(x) JOIN(x, ISA)

#define ISA generic
#define TARGET
#include "philox_kernel.inc"
#undef ISA
#undef TARGET

#if defined(__x86_64__)
#define ISA avx2
#define TARGET __attribute__((target("avx2,fma")))
#include "philox_kernel.inc"
#undef ISA
#undef TARGET

#define ISA avx512
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"), min_vector_width(512)))
#include "philox_kernel.inc"
#undef ISA
#undef TARGET
#endif

typedef void (*noise_function)(enum zeroth_distribution, uint64_t, uint64_t, size_t, float, const float *, float *);

static struct {
  const char *name;
  noise_function noise;
} isas[3];
static int isa_count;

__attribute__((constructor)) static void pick_isa(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw")) {
    isas[isa_count].name = "avx512";
    isas[isa_count++].noise = noise_avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    isas[isa_count].name = "avx2";
    isas[isa_count++].noise = noise_avx2;
  }
#endif
  isas[isa_count].name = "generic";
  isas[isa_count++].noise = noise_generic;
}

int zeroth_isa_count(void) { return isa_count; }
const char *zeroth_isa_name(int isa) { return isas[isa].name; }

void zeroth_noise_on(int isa, enum zeroth_distribution distribution, uint64_t key, uint64_t first, size_t count,
                     float scale, const float *base, float *out) {
  isas[isa].noise(distribution, key, first, count, scale, base, out);
}

void zeroth_philox_words(uint64_t key, uint64_t group, uint32_t out[philox_group]) {
  u32x16 words[4];
  words_generic(key, group, words);
  memcpy(out, words, sizeof words);
}

void zeroth_philox4x32(const uint32_t counter[4], uint64_t key, uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < philox_rounds; round++) {
    uint64_t p0 = (uint64_t)PHILOX_M0 * c0, p1 = (uint64_t)PHILOX_M1 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += PHILOX_W0;
    k1 += PHILOX_W1;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}
