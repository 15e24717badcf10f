// Half precision: exact widening, and rounding at random to one of the two neighbours, so that the mean is the value.
#include "CZeroth.h"
#include "half.h"
#include "philox.h"
#include "quantized.h"
#include "vectorize.h"

#pragma STDC FP_CONTRACT OFF

static inline float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

INLINE float bfloat16(uint32_t bits) { return from_bits(bits << 16); }

// Only integer arithmetic and selections, so that a loop vectorises on every CPU.
INLINE float float16(uint32_t bits) {
  uint32_t sign = (bits & 0x8000) << 16;
  uint32_t magnitude = (bits & 0x7fff) << 13;  // the significand in place, the exponent still biased by 15
  // A subnormal m 2^-24 is (2^-14 + m 2^-24) - 2^-14, which is exact.
  uint32_t subnormal = bits_of(from_bits(magnitude + (113u << 23)) - from_bits(113u << 23));
  uint32_t rebias = magnitude >= 31u << 23 ? 224u << 23 : 112u << 23;  // infinities and NaNs: 31 becomes 255
  return from_bits(sign | (magnitude < 1u << 23 ? subnormal : magnitude + rebias));
}

#define HALVES(name)                                                                                                  \
  VECTOR static void widen_##name(size_t n, const unsigned char *restrict x, float *restrict y) {                     \
    for (size_t i = 0; i < n; i++) y[i] = name(half_at(x, i));                                                        \
  }                                                                                                                   \
  VECTOR static float dot_##name(size_t n, const unsigned char *restrict x, const float *restrict v) {                \
    _Pragma("STDC FP_CONTRACT ON") floats even = {0}, odd = {0};                                                      \
    size_t i = 0;                                                                                                     \
    for (; i + 32 <= n; i += 32) {                                                                                    \
      float y[32];                                                                                                    \
      UNROLL for (size_t j = 0; j < 32; j++) y[j] = name(half_at(x, i + j));                                          \
      even += load_floats(y) * load_floats(v + i);                                                                    \
      odd += load_floats(y + 16) * load_floats(v + i + 16);                                                           \
    }                                                                                                                 \
    float sum = sum_of(even + odd);                                                                                   \
    for (; i < n; i++) sum += name(half_at(x, i)) * v[i];                                                             \
    return sum;                                                                                                       \
  }
HALVES(bfloat16)
HALVES(float16)

void zeroth_widen(enum zeroth_format format, size_t first, size_t n, const void *x, float *y) {
  const unsigned char *bytes = x;
  switch (format) {
  case zeroth_float32: memcpy(y, bytes + first * sizeof *y, n * sizeof *y); break;
  case zeroth_bfloat16: widen_bfloat16(n, bytes + first * sizeof(uint16_t), y); break;
  case zeroth_float16: widen_float16(n, bytes + first * sizeof(uint16_t), y); break;
  default: widen_quantized(format, first, n, bytes, y);
  }
}

void zeroth_dot_rows(enum zeroth_format format, size_t m, size_t first, size_t stride, size_t n, const void *x,
                     const float *v, float *y) {
  const unsigned char *bytes = x;
  for (size_t i = 0; i < m; i++, first += stride) {
    switch (format) {
    case zeroth_bfloat16: y[i] = dot_bfloat16(n, bytes + first * sizeof(uint16_t), v); break;
    case zeroth_float16: y[i] = dot_float16(n, bytes + first * sizeof(uint16_t), v); break;
    default: y[i] = dot_quantized(format, first, n, bytes, v);
    }
  }
}

// Random bits are added below the last bit that is kept, and then cut off. The result is rounded up with a probability
// that equals the lost fraction.
static inline uint16_t to_bfloat16(float value, uint32_t random) {
  uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffff) >= 0x7f800000) return (uint16_t)(bits >> 16 | ((bits & 0x7fffff) != 0 ? 0x40 : 0));
  return (uint16_t)((bits + (random & 0xffff)) >> 16);
}

static inline uint16_t to_float16(float value, uint32_t random) {
  uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) return (uint16_t)(sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00));
  if (magnitude < 113u << 23) {  // subnormal: steps of 2^-24
    float steps = from_bits(magnitude) * 0x1p24f;
    float below = (float)(uint32_t)steps;
    bool up = steps - below > (float)(random >> 8) * 0x1p-24f;
    return (uint16_t)(sign | ((uint32_t)below + up));
  }
  uint32_t rounded = (magnitude + (random & 0x1fff) - (112u << 23)) >> 13;
  return (uint16_t)(sign | (rounded < 0x7c00 ? rounded : 0x7c00));
}

void zeroth_narrow(enum zeroth_format format, size_t n, const float *x, uint64_t key, uint64_t first, void *y) {
  enum { pair = 2 * philox_group };
  uint32_t words[pair];
  uint16_t *out = y;
  for (size_t i = 0; i < n;) {
    size_t skip = (size_t)((first + i) % pair), take = pair - skip < n - i ? pair - skip : n - i;
    zeroth_philox_words(key, (first + i) / pair, words);
    for (size_t j = 0; j < take; j++, i++)
      out[i] = format == zeroth_bfloat16 ? to_bfloat16(x[i], words[skip + j]) : to_float16(x[i], words[skip + j]);
  }
}
