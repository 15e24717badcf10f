// The bits of floats, and one half-precision number as a float.
#pragma once
#include <stdint.h>
#include <string.h>

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

// Element i of x, which may lie at any address.
static inline uint16_t half_at(const unsigned char *x, size_t i) {
  uint16_t bits;
  memcpy(&bits, x + i * sizeof bits, sizeof bits);
  return bits;
}

// Integer arithmetic and selects alone, so that a loop of it vectorises on any CPU.
static inline float from_half(uint32_t bits) {
  uint32_t sign = (bits & 0x8000) << 16;
  uint32_t magnitude = (bits & 0x7fff) << 13;  // the significand in place, the exponent still biased by 15
  // A subnormal m 2^-24 is (2^-14 + m 2^-24) - 2^-14, which is exact.
  uint32_t subnormal = bits_of(from_bits(magnitude + (113u << 23)) - from_bits(113u << 23));
  uint32_t rebias = magnitude >= 31u << 23 ? 224u << 23 : 112u << 23;  // infinities and NaNs: 31 becomes 255
  return from_bits(sign | (magnitude < 1u << 23 ? subnormal : magnitude + rebias));
}
