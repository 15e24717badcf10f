// The matrix product of the models, Y = f(X W^T + bias). Sources/ZerothModels/Layers/Product.swift defines the words
// tile, block, panel and stage.
//
// It replaces a BLAS's sgemm for two reasons. First, it multiplies W panel by panel. A panel that a direction
// displaces, or that is widened from half precision, can be made just before it is multiplied, so that the whole of
// that W is never stored. Second, where X has few rows, as in a step of one short example, it takes hardly longer than
// reading W.
#include "CZeroth.h"
#include "vectorize.h"

#include <stdbool.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// How the next rows of W are fetched ahead: those that a tile will be multiplied by.
enum fetching {
  fetch_none,  // not at all: the tile before was multiplied by them, so they are in a cache
  fetch_near,  // into the caches, for the tiles that follow
  fetch_once,  // past the caches, because this is the only tile
};

enum { panel_rows = 48 };  // rows of W in a panel, whose results are written together: a multiple of every HEIGHT

// Fused only where the hardware can do it. Without the hardware it would be a function call for each element.
#if defined(__x86_64__)
#define GENERIC_MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#else
#define GENERIC_MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma((a), (b), (c))
#endif

// Hides a value from the compiler's optimisation.
#if defined(__x86_64__)
#define HIDE(value) __asm__("" : "+v"(value))
#elif defined(__aarch64__)
#define HIDE(value) __asm__("" : "+w"(value))
#else
#define HIDE(value) (void)0
#endif
#define HIDE_ADDRESS(value) __asm__("" : "+r"(value))

#define ISA generic
#define TARGET
#define LANES 4
#define VECTORS 2  // 12 sums and a factor fill 15 of 16 registers; with three, some sums would be kept in memory
#define HEIGHT(v) (12 / (v))
#define MULTIPLY_ADD GENERIC_MULTIPLY_ADD
#include "product_kernel.inc"
#undef ISA
#undef TARGET
#undef LANES
#undef MULTIPLY_ADD

#if defined(__x86_64__)
#define MULTIPLY_ADD __builtin_elementwise_fma
#define ISA avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LANES 8
#include "product_kernel.inc"
#undef ISA
#undef TARGET
#undef LANES
#undef VECTORS
#undef HEIGHT

#define ISA avx512
#define TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"), min_vector_width(512)))
#define LANES 16
#define VECTORS 4
#define HEIGHT(v) (24 / (v))
#include "product_kernel.inc"
#undef ISA
#undef TARGET
#undef LANES
#endif

static const struct kernels {
  size_t tile_rows, lanes;
  int (*share_of)(size_t);
  void (*pack)(size_t, size_t, size_t, const float *, size_t, float *);
  void (*multiply)(size_t, size_t, struct zeroth_factors, struct zeroth_factors, enum fetching,
                   const float *const *, struct zeroth_result);
} kernels[] = {
    {tile_rows_generic, 4, share_of_generic, pack_generic, multiply_generic},
#if defined(__x86_64__)
    {tile_rows_avx2, 8, share_of_avx2, pack_avx2, multiply_avx2},
    {tile_rows_avx512, 16, share_of_avx512, pack_avx512, multiply_avx512},
#endif
};

static const struct kernels *kernels_of(int isa) {
  const char *name = zeroth_isa_name(isa);
  return &kernels[strcmp(name, "avx512") == 0 ? 2 : strcmp(name, "avx2") == 0 ? 1 : 0];
}

// Set at the first use, when the instruction sets of this CPU are known.
static const struct kernels *best;

static inline const struct kernels *chosen(void) {
  if (best == NULL) best = kernels_of(0);
  return best;
}

static size_t padded(const struct kernels *on, size_t k) { return (k + on->lanes - 1) / on->lanes * on->lanes; }

static size_t packed_count(const struct kernels *on, size_t m, size_t k) {
  size_t whole = m / on->tile_rows * on->tile_rows, rest = m - whole, share = (size_t)on->share_of(rest);
  return (whole + (rest + share - 1) / share * share) * padded(on, k);
}

// The data of the threads that pack. Each packs `width` columns of a tile at a time; a tile has `widths` of these
// pieces.
struct packing {
  const struct kernels *on;
  size_t m, k, ldx, width, widths;
  const float *x;
  float *packed;
};

static void pack_some_columns(void *context, int index, int worker) {
  (void)worker;
  const struct packing *p = context;
  size_t row = (size_t)index / p->widths * p->on->tile_rows, first = (size_t)index % p->widths * p->width;
  size_t m = p->m - row < p->on->tile_rows ? p->m - row : p->on->tile_rows;
  size_t k = p->k - first < p->width ? p->k - first : p->width;
  p->on->pack(m, first, k, p->x + row * p->ldx + first, p->ldx, p->packed + row * padded(p->on, p->k));
}

static void pack(const struct kernels *on, size_t m, size_t k, const float *x, size_t ldx, float *packed) {
  size_t width = m * k > 1 << 14 ? 256 : padded(on, k);
  struct packing packing = {on, m, k, ldx, width, (k + width - 1) / width, x, packed};
  zeroth_parallel((int)((m + on->tile_rows - 1) / on->tile_rows * packing.widths), 64, &packing, pack_some_columns);
}

enum { most_tile_rows = 64 };

static void multiply(const struct kernels *on, size_t m, size_t n, struct zeroth_factors of, struct zeroth_factors thin,
                     struct zeroth_bias bias, enum zeroth_activation f, struct zeroth_result y) {
  for (size_t i = 0; i < m; i += on->tile_rows) {
    size_t rows = m - i < on->tile_rows ? m - i : on->tile_rows;
    const float *biases[most_tile_rows];  // where a tile has fewer rows, the others repeat the last one's
    if (bias.rows != NULL) {
      size_t row = (bias.before + i) / bias.shared, left = (row + 1) * bias.shared - (bias.before + i);
      for (size_t r = 0; r < on->tile_rows; r++, left--) {
        if (left == 0 && r < rows) row++, left = bias.shared;
        biases[r] = bias.rows + row * bias.stride;
      }
    }
    enum fetching fetching = i > 0 ? fetch_none : m > rows ? fetch_near : fetch_once;
    on->multiply(rows, n, of, thin, fetching, bias.rows == NULL ? NULL : biases, y);
    if (y.rows != NULL) {
      if (f != zeroth_identity) zeroth_activate(f, rows, n, y.rows, y.stride);
      y.rows += rows * y.stride;
    } else {
      size_t lanes = packed_count(on, rows, 1) / on->lanes;
      if (f != zeroth_identity) zeroth_activate(f, lanes, padded(on, n), y.packed + y.first * lanes, padded(on, n));
      y.packed += rows * padded(on, y.columns);
    }
    of.packed += rows * padded(on, of.columns);
    if (thin.k > 0) thin.packed += rows * padded(on, thin.columns);
  }
}

size_t zeroth_tile_rows(void) { return chosen()->tile_rows; }

size_t zeroth_packed_count(size_t m, size_t k) { return packed_count(chosen(), m, k); }

void zeroth_pack(size_t m, size_t k, const float *x, size_t ldx, float *packed) {
  pack(chosen(), m, k, x, ldx, packed);
}

void zeroth_multiply_packed(size_t m, size_t n, struct zeroth_factors factors, struct zeroth_factors thin,
                            struct zeroth_bias bias, enum zeroth_activation f, struct zeroth_result y) {
  multiply(chosen(), m, n, factors, thin, bias, f, y);
}

size_t zeroth_packed_count_on(int isa, size_t m, size_t k) { return packed_count(kernels_of(isa), m, k); }

void zeroth_pack_on(int isa, size_t m, size_t k, const float *x, size_t ldx, float *packed) {
  pack(kernels_of(isa), m, k, x, ldx, packed);
}

void zeroth_multiply_packed_on(int isa, size_t m, size_t n, struct zeroth_factors factors, struct zeroth_factors thin,
                               struct zeroth_bias bias, enum zeroth_activation f, struct zeroth_result y) {
  multiply(kernels_of(isa), m, n, factors, thin, bias, f, y);
}
