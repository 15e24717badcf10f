// Quantised elements in the blocks of GGML: codes of 2 to 8 bits, and scales that a block or a part of it shares.
//
// A run is a number of codes q that have the same scale d and minimum m. An element is d q, d q + m or d q - m. Runs
// have 32 or 16 elements. A block has one run. In the "K" formats a block has 256 elements, and its runs share d and m
// in half precision; each run multiplies them by a factor of 4 to 8 bits. Source: the dequantisation of gguf-py, which
// the tests compare with bit for bit.
#include "quantized.h"

#include "half.h"
#include "vectorize.h"

#pragma STDC FP_CONTRACT OFF

typedef unsigned char byte;

typedef float pair __attribute__((ext_vector_type(2)));

// The two halves at x. The compiler's conversion is one instruction where the processor has it. A half is read together
// with its neighbour, as four bytes. Read alone it would be inserted into a register and would have to wait for its old
// value.
INLINE pair halves(const byte *x) {
  _Float16 __attribute__((ext_vector_type(2))) values;
  memcpy(&values, x, sizeof values);
  return __builtin_convertvector(values, pair);
}

// ---- Sixteen elements at a time ----

typedef byte codes __attribute__((ext_vector_type(16)));
typedef signed char signed_codes __attribute__((ext_vector_type(16)));
typedef int wide __attribute__((ext_vector_type(16)));

INLINE codes load(const byte *x) {
  codes q;
  memcpy(&q, x, sizeof q);
  return q;
}

INLINE void store(float *y, floats values) { memcpy(y, &values, sizeof values); }

INLINE floats converted(codes q) { return __builtin_convertvector(__builtin_convertvector(q, wide), floats); }

// The values of codes that count from `zero`.
INLINE floats centred(codes q, int zero) {
  return __builtin_convertvector(__builtin_convertvector(q, wide) - zero, floats);
}

// 16 where bit `first` + i of `bits` is set, for each of 16 lanes i.
INLINE codes fifth_bits(uint32_t bits, int first) {
  const wide places = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
  wide set = ((wide)(int)(bits >> first & 0xffff) & places) != 0;
  return __builtin_convertvector(set & 16, codes);
}

// ---- Blocks of 32 ----

// The low halves of 16 bytes are the first 16 codes; the high halves are the others.

INLINE void q4_0(const byte *x, float *restrict y) {
  float d = halves(x).x;
  codes q = load(x + 2);
  store(y, d * centred(q & 15, 8));
  store(y + 16, d * centred(q >> 4, 8));
}

INLINE void q4_1(const byte *x, float *restrict y) {
  pair scale = halves(x);
  float d = scale.x, m = scale.y;
  codes q = load(x + 4);
  store(y, d * converted(q & 15) + m);
  store(y + 16, d * converted(q >> 4) + m);
}

INLINE void q5_0(const byte *x, float *restrict y) {
  float d = halves(x).x;
  uint32_t bits = half_at(x, 1) | (uint32_t)half_at(x, 2) << 16;
  codes q = load(x + 6);
  store(y, d * centred((q & 15) | fifth_bits(bits, 0), 16));
  store(y + 16, d * centred(q >> 4 | fifth_bits(bits, 16), 16));
}

INLINE void q5_1(const byte *x, float *restrict y) {
  pair scale = halves(x);
  float d = scale.x, m = scale.y;
  uint32_t bits = half_at(x, 2) | (uint32_t)half_at(x, 3) << 16;
  codes q = load(x + 8);
  store(y, d * converted((q & 15) | fifth_bits(bits, 0)) + m);
  store(y + 16, d * converted(q >> 4 | fifth_bits(bits, 16)) + m);
}

INLINE void q8_0(const byte *x, float *restrict y) {
  float d = halves(x).x;
  UNROLL for (int i = 0; i < 32; i += 16) {
    signed_codes q;
    memcpy(&q, x + 2 + i, sizeof q);
    store(y + i, d * __builtin_convertvector(__builtin_convertvector(q, wide), floats));
  }
}

// The values that codes of 4 bits stand for. They lie closer together near 0.
static const float spread[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

INLINE void iq4_nl(const byte *x, float *restrict y) {
  float d = halves(x).x;
  for (int i = 0; i < 16; i++) {
    y[i] = d * spread[x[2 + i] & 15];
    y[16 + i] = d * spread[x[2 + i] >> 4];
  }
}

// ---- Blocks of 256 ----

// The scales and minima of 8 runs, of 6 bits each, in 12 bytes.
INLINE void scales_and_minima(const byte *x, pair of, float scales[8], float minima[8]) {
  float d = of.x, m = of.y;
  for (int i = 0; i < 4; i++) {
    scales[i] = d * (float)(x[i] & 63);
    minima[i] = m * (float)(x[4 + i] & 63);
    scales[4 + i] = d * (float)((x[8 + i] & 15) | (x[i] >> 2 & 48));
    minima[4 + i] = m * (float)((x[8 + i] >> 4) | (x[4 + i] >> 2 & 48));
  }
}

INLINE void q2_k(const byte *x, float *restrict y) {
  const byte *from = x + 16;
  pair both = halves(x + 80);
  float d = both.x, m = both.y;
  UNROLL for (int run = 0; run < 16; run++) {
    float scale = d * (float)(x[run] & 15), minimum = m * (float)(x[run] >> 4);
    codes q = load(from + run / 8 * 32 + run % 2 * 16) >> run % 8 / 2 * 2 & 3;
    store(y + run * 16, scale * converted(q) - minimum);
  }
}

INLINE void q3_k(const byte *x, float *restrict y) {
  const byte *high = x, *from = x + 32, *packed = x + 96;
  float d = halves(x + 106).y;  // the second of the two halves
  UNROLL for (int run = 0; run < 16; run++) {
    int low = packed[run % 8] >> run / 8 * 4 & 15, top = packed[8 + run % 4] >> run / 4 * 2 & 3;
    float scale = d * (float)((low | top << 4) - 32);
    // 4 is subtracted where the third bit is 0.
    codes q = load(from + run / 8 * 32 + run % 2 * 16) >> run % 8 / 2 * 2 & 3;
    store(y + run * 16, scale * centred(q | (load(high + run % 2 * 16) >> run / 2 & 1) << 2, 4));
  }
}

INLINE void q4_k(const byte *x, float *restrict y) {
  float scales[8], minima[8];
  scales_and_minima(x + 4, halves(x), scales, minima);
  UNROLL for (int i = 0; i < 8; i++) {
    codes q = load(x + 16 + i * 16);
    int run = i / 2 * 2;
    float *to = y + run * 32 + i % 2 * 16;
    store(to, scales[run] * converted(q & 15) - minima[run]);
    store(to + 32, scales[run + 1] * converted(q >> 4) - minima[run + 1]);
  }
}

INLINE void q5_k(const byte *x, float *restrict y) {
  float scales[8], minima[8];
  scales_and_minima(x + 4, halves(x), scales, minima);
  UNROLL for (int i = 0; i < 8; i++) {
    codes q = load(x + 48 + i * 16), fifth = load(x + 16 + i % 2 * 16);
    int run = i / 2 * 2;
    float *to = y + run * 32 + i % 2 * 16;
    store(to, scales[run] * converted((q & 15) | (fifth >> run & 1) << 4) - minima[run]);
    store(to + 32, scales[run + 1] * converted(q >> 4 | (fifth >> (run + 1) & 1) << 4) - minima[run + 1]);
  }
}

INLINE void q6_k(const byte *x, float *restrict y) {
  const byte *low = x, *high = x + 128, *scales = x + 192;
  float d = halves(x + 206).y;  // the second of the two halves
  UNROLL for (int run = 0; run < 16; run++) {
    codes q = load(low + run / 8 * 64 + run % 4 * 16) >> run % 8 / 4 * 4 & 15;
    codes top = load(high + run / 8 * 32 + run % 2 * 16) >> run % 8 / 2 * 2 & 3;
    store(y + run * 16, d * (float)(signed char)scales[run] * centred(q | top << 4, 32));
  }
}

INLINE void iq4_xs(const byte *x, float *restrict y) {
  const byte *from = x + 8;
  float d = halves(x).x;
  uint32_t top = half_at(x, 1);
  for (int run = 0; run < 8; run++) {
    int low = x[4 + run / 2] >> run % 2 * 4 & 15;
    float scale = d * (float)((low | (int)(top >> 2 * run & 3) << 4) - 32);
    for (int i = 0; i < 16; i++) {
      y[run * 32 + i] = scale * spread[from[run * 16 + i] & 15];
      y[run * 32 + 16 + i] = scale * spread[from[run * 16 + i] >> 4];
    }
  }
}

// ---- All formats ----

#define FORMATS(X)                                                                                                    \
  X(q4_0, 32, 18)                                                                                                     \
  X(q4_1, 32, 20)                                                                                                     \
  X(q5_0, 32, 22)                                                                                                     \
  X(q5_1, 32, 24)                                                                                                     \
  X(q8_0, 32, 34)                                                                                                     \
  X(q2_k, 256, 84)                                                                                                    \
  X(q3_k, 256, 110)                                                                                                   \
  X(q4_k, 256, 144)                                                                                                   \
  X(q5_k, 256, 176)                                                                                                   \
  X(q6_k, 256, 210)                                                                                                   \
  X(iq4_nl, 32, 18)                                                                                                   \
  X(iq4_xs, 256, 136)

#define WIDEN(name, elements, bytes)                                                                                  \
  VECTOR_AND_HALF static void widen_##name(size_t blocks, const byte *restrict x, float *restrict y) {                \
    for (size_t i = 0; i < blocks; i++) name(x + i * bytes, y + i * elements);                                        \
  }
FORMATS(WIDEN)

// The dot product of v with the elements of blocks. Each block is widened in registers or in the first cache.
#define DOT(name, elements, bytes)                                                                                    \
  VECTOR_AND_HALF static float dot_##name(size_t blocks, const byte *restrict x, const float *restrict v) {           \
    _Pragma("STDC FP_CONTRACT ON") floats even = {0}, odd = {0};                                                      \
    for (size_t i = 0; i < blocks; i++) {                                                                             \
      float y[elements];                                                                                              \
      name(x + i * bytes, y);                                                                                         \
      UNROLL for (int j = 0; j < elements; j += 32) {                                                                 \
        even += load_floats(y + j) * load_floats(v + i * elements + j);                                               \
        odd += load_floats(y + j + 16) * load_floats(v + i * elements + j + 16);                                      \
      }                                                                                                               \
    }                                                                                                                 \
    return sum_of(even + odd);                                                                                        \
  }
FORMATS(DOT)

static const struct layout {
  size_t elements, bytes;
  void (*widen)(size_t blocks, const byte *x, float *y);
  float (*dot)(size_t blocks, const byte *x, const float *v);
} layouts[] = {
    [zeroth_float32] = {1, 4, NULL, NULL},
    [zeroth_bfloat16] = {1, 2, NULL, NULL},
    [zeroth_float16] = {1, 2, NULL, NULL},
#define LAYOUT(name, elements, bytes) [zeroth_##name] = {elements, bytes, widen_##name, dot_##name},
    FORMATS(LAYOUT)};

size_t zeroth_block_elements(enum zeroth_format format) { return layouts[format].elements; }

size_t zeroth_block_bytes(enum zeroth_format format) { return layouts[format].bytes; }

void widen_quantized(enum zeroth_format format, size_t first, size_t n, const byte *x, float *y) {
  const struct layout *of = &layouts[format];
  x += first / of->elements * of->bytes;
  size_t skip = first % of->elements;
  float whole[256];
  if (skip > 0) {  // columns that begin inside a block
    size_t take = of->elements - skip < n ? of->elements - skip : n;
    of->widen(1, x, whole);
    memcpy(y, whole + skip, take * sizeof *y);
    x += of->bytes, y += take, n -= take;
  }
  size_t blocks = n / of->elements;
  of->widen(blocks, x, y);
  x += blocks * of->bytes, y += blocks * of->elements, n -= blocks * of->elements;
  if (n > 0) {
    of->widen(1, x, whole);
    memcpy(y, whole, n * sizeof *y);
  }
}

float dot_quantized(enum zeroth_format format, size_t first, size_t n, const byte *x, const float *v) {
  const struct layout *of = &layouts[format];
  return of->dot(n / of->elements, x + first / of->elements * of->bytes, v);
}
