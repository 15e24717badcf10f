// Reads half-precision numbers from any address, and defines vectors of floats that the compiler has on every
// instruction set.
#pragma once
#include <stdint.h>
#include <string.h>

// The bits of element i of x, which may lie at any address.
static inline uint16_t half_at(const unsigned char *x, size_t i) {
  uint16_t bits;
  memcpy(&bits, x + i * sizeof bits, sizeof bits);
  return bits;
}

// ---- Sixteen floats at a time ----

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float floats __attribute__((ext_vector_type(16)));

INLINE floats load_floats(const float *x) {
  floats values;
  memcpy(&values, x, sizeof values);
  return values;
}

INLINE float sum_of(floats x) {
  UNROLL for (int width = 8; width > 0; width /= 2)
    UNROLL for (int l = 0; l < width; l++) x[l] += x[l + width];
  return x[0];
}
