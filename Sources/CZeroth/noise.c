// The noise of Philox. The instruction set is chosen at run time for the CPU.
#include "CZeroth.h"
#include "philox.h"
#include "vectorize.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

typedef uint32_t u32x16 __attribute__((ext_vector_type(16)));
typedef int32_t i32x16 __attribute__((ext_vector_type(16)));
typedef uint64_t u64x8 __attribute__((ext_vector_type(8)));
typedef uint64_t u64x16 __attribute__((ext_vector_type(16)));
typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef double f64x16 __attribute__((ext_vector_type(16)));
typedef uint32_t u32x16_unaligned __attribute__((ext_vector_type(16), aligned(4)));
typedef float f32x16_unaligned __attribute__((ext_vector_type(16), aligned(4)));

// The low and the high halves of 64-bit numbers, put back in the order of the lanes from even and odd lanes.
#define LOWS(even, odd) \
  __builtin_shufflevector((u32x16)(even), (u32x16)(odd), 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
#define HIGHS(even, odd) \
  __builtin_shufflevector((u32x16)(even), (u32x16)(odd), 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)

// ---- One set of kernels per instruction set ----

#define ISA generic
#define TARGET
#if defined(__FMA__) || defined(__aarch64__)
#define FUSED 1
#else
#define FUSED 0
#endif
#include "philox_kernel.inc"
#include "box_muller_kernel.inc"
#include "signs_kernel.inc"
#undef ISA
#undef TARGET
#undef FUSED

#if defined(__x86_64__)
#define FUSED 1
#define ISA avx2
#define TARGET __attribute__((target("avx2,fma")))
#include "philox_kernel.inc"
#include "box_muller_kernel.inc"
#include "signs_kernel.inc"
#undef ISA
#undef TARGET

#define ISA avx512
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"), min_vector_width(512)))
#include "philox_kernel.inc"
#include "box_muller_kernel.inc"
#include "signs_kernel.inc"
#undef ISA
#undef TARGET
#endif

static struct {
  const char *name;
  void (*words)(uint64_t key, uint64_t group, size_t groups, uint32_t *out);
  void (*normals)(size_t groups, float *z);
  void (*signs)(const uint32_t *words, size_t first, size_t count, float scale, const float *base, float *out);
} isas[3];
static int isa_count;

#define ADD_ISA(isa) \
  isas[isa_count].name = #isa, isas[isa_count].words = words_##isa, isas[isa_count].normals = normals_##isa, \
  isas[isa_count++].signs = signs_##isa

__attribute__((constructor)) static void pick_isa(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw"))
    ADD_ISA(avx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) ADD_ISA(avx2);
#endif
  ADD_ISA(generic);
}

int zeroth_isa_count(void) { return isa_count; }
const char *zeroth_isa_name(int isa) { return isas[isa].name; }

// ---- Normal numbers, made in batches of groups so that words and values stay in the nearest cache ----

enum { batch_groups = 16, batch = batch_groups * philox_group };

VECTOR static void scaled(size_t n, float scale, const float *restrict z, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = scale * z[i];
}

// Not restrict: `base` may be `out`.
VECTOR static void added(size_t n, float scale, const float *z, const float *base, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = base[i] + scale * z[i];
}

static void normal_noise(int isa, uint64_t key, uint64_t first, size_t count, float scale, const float *base,
                         float *out) {
  _Alignas(64) float z[batch];
  for (size_t i = 0, n; i < count; i += n) {
    size_t in_batch = (size_t)((first + i) % batch), skip = in_batch % philox_group;
    n = batch - in_batch < count - i ? batch - in_batch : count - i;
    size_t groups = (skip + n + philox_group - 1) / philox_group;
    isas[isa].words(key, (first + i) / philox_group, groups, (uint32_t *)z);
    isas[isa].normals(groups, z);
    if (base)
      added(n, scale, z + skip, base + i, out + i);
    else
      scaled(n, scale, z + skip, out + i);
  }
}

// ---- Signs ----

enum { pair_words = 2 * philox_group, kept_pairs = 8 };

// The words that a thread made last. The least that can be made is a pair of groups, which gives the signs of 4096
// elements. The next piece of a stream, such as the next row of a panel or the same row with another scale, therefore
// often finds its words here.
static _Thread_local struct {
  int isa;
  uint64_t key, pair;  // pair: the number of the first pair of groups
  uint64_t pairs;      // the number of pairs
  uint32_t words[kept_pairs * pair_words + 1];  // one more, which may be read but has no effect
} kept;

/// The words from number `word` on. `count` words are wanted; `found` is the number that the result holds, at least
/// one.
static const uint32_t *words_from(int isa, uint64_t key, uint64_t word, size_t count, size_t *found) {
  uint64_t pair = word / pair_words;
  size_t skip = (size_t)(word % pair_words);
  if (kept.isa != isa || kept.key != key || pair - kept.pair >= kept.pairs) {
    const uint64_t reach = (uint64_t)1 << 27;  // pairs of groups that one call can make from a multiple of this number on
    uint64_t pairs = (skip + count + pair_words - 1) / pair_words;
    if (pairs > kept_pairs) pairs = kept_pairs;
    if (pairs > reach - pair % reach) pairs = reach - pair % reach;
    isas[isa].words(key, 2 * pair, (size_t)(2 * pairs), kept.words);
    kept.isa = isa, kept.key = key, kept.pair = pair, kept.pairs = pairs;
  }
  size_t at = (size_t)(pair - kept.pair) * pair_words + skip;
  *found = (size_t)kept.pairs * pair_words - at;
  return kept.words + at;
}

static void sign_noise(int isa, uint64_t key, uint64_t first, size_t count, float scale, const float *base,
                       float *out) {
  for (size_t i = 0, n; i < count; i += n) {
    size_t skip = (size_t)((first + i) % 32), found;
    const uint32_t *words = words_from(isa, key, (first + i) / 32, (count - i) / 32 + 2, &found);
    n = 32 * found - skip < count - i ? 32 * found - skip : count - i;
    isas[isa].signs(words, skip, n, scale, base ? base + i : NULL, out + i);
  }
}

void zeroth_noise_on(int isa, enum zeroth_distribution distribution, uint64_t key, uint64_t first, size_t count,
                     float scale, const float *base, float *out) {
  if (distribution == zeroth_rademacher)
    sign_noise(isa, key, first, count, scale, base, out);
  else
    normal_noise(isa, key, first, count, scale, base, out);
}

void zeroth_normals_on(int isa, size_t groups, const uint32_t *words, float *out) {
  memcpy(out, words, groups * philox_group * sizeof *words);
  isas[isa].normals(groups, out);
}

// ---- Words ----

void zeroth_philox_words(uint64_t key, uint64_t pair, uint32_t out[2 * philox_group]) {
  isas[0].words(key, 2 * pair, 2, out);
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
