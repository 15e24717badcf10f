// The matrix products of the models, x W^T. They stand in for a BLAS's sgemm because W passes through packing anyway:
// there it is displaced by a direction or widened from half precision, once for all rows of x, and never written.
#include "CZeroth.h"
#include "vectorize.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum {
  strip_width = zeroth_strip_width,
  tile_depth = 384,               // columns of x in a tile: with its strip it stays in the nearest caches
  tile_stride = tile_depth + 16,  // so that the rows of a tile do not fall on the same cache lines
};

// Fused where the hardware has it: emulated, it would be a call for each element.
#if defined(__x86_64__)
#define GENERIC_MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#else
#define GENERIC_MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#endif

#define ISA generic
#define TARGET
#define LANES 4
#define TILE_ROWS 4
#define DOT_ROWS 2
#define MULTIPLY_ADD GENERIC_MULTIPLY_ADD
#include "product_kernel.inc"
#undef ISA
#undef TARGET
#undef LANES
#undef TILE_ROWS
#undef DOT_ROWS
#undef MULTIPLY_ADD

#if defined(__x86_64__)
#define MULTIPLY_ADD __builtin_elementwise_fma
#define ISA avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#define TILE_ROWS 6
#define DOT_ROWS 2
#include "product_kernel.inc"
#undef ISA
#undef TARGET
#undef LANES
#undef TILE_ROWS
#undef DOT_ROWS

#define ISA avx512
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"), min_vector_width(512)))
#define LANES 16
#define TILE_ROWS 14
#define DOT_ROWS 6
#include "product_kernel.inc"
#undef ISA
#undef TARGET
#undef LANES
#undef TILE_ROWS
#undef DOT_ROWS
#endif

static const struct kernels {
  void (*pack)(size_t, size_t, const float *, size_t, float, const float *, size_t, float *);
  void (*packed)(size_t, size_t, size_t, const float *, size_t, const float *, size_t, bool, float *, size_t);
  void (*stored)(size_t, size_t, size_t, const float *, size_t, const float *, size_t, bool, float *, size_t);
} kernels[] = {
    {pack_generic, multiply_packed_generic, multiply_stored_generic},
#if defined(__x86_64__)
    {pack_avx2, multiply_packed_avx2, multiply_stored_avx2},
    {pack_avx512, multiply_packed_avx512, multiply_stored_avx512},
#endif
};

static int kernel_of(int isa) {
  const char *name = zeroth_isa_name(isa);
  return strcmp(name, "avx512") == 0 ? 2 : strcmp(name, "avx2") == 0 ? 1 : 0;
}

static int best = -1;  // found at the first use: the instruction sets are listed before any of ours is called

static inline const struct kernels *chosen(void) {
  if (best < 0) best = kernel_of(0);
  return &kernels[best];
}

void zeroth_pack_strip(size_t rows, size_t k, const float *w, size_t ldw, float offset, const float *z, size_t ldz,
                       float *strip) {
  chosen()->pack(rows, k, w, ldw, offset, z, ldz, strip);
}

void zeroth_multiply_packed(size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *packed,
                            size_t packed_k, bool add, float *y, size_t ldy) {
  chosen()->packed(m, n, k, x, ldx, packed, packed_k, add, y, ldy);
}

void zeroth_multiply_stored(size_t m, size_t n, size_t k, const float *x, size_t ldx, const float *w, size_t ldw,
                            bool add, float *y, size_t ldy) {
  chosen()->stored(m, n, k, x, ldx, w, ldw, add, y, ldy);
}

void zeroth_product_on(int isa, size_t m, size_t n, size_t k, const float *x, const float *w, float offset,
                       const float *z, float *packed, float *y, float *y_stored) {
  const struct kernels *on = &kernels[kernel_of(isa)];
  for (size_t j = 0; j < n; j += strip_width)
    on->pack(n - j < strip_width ? n - j : strip_width, k, w + j * k, k, offset, z ? z + j * k : NULL, k, packed + j * k);
  on->packed(m, n, k, x, k, packed, k, false, y, n);
  if (y_stored) on->stored(m, n, k, x, k, w, k, false, y_stored, n);
}
