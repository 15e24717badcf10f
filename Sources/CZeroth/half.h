// Half precision where it lies.
#pragma once
#include <stdint.h>
#include <string.h>

// The bits of element i of x, which may lie at any address.
static inline uint16_t half_at(const unsigned char *x, size_t i) {
  uint16_t bits;
  memcpy(&bits, x + i * sizeof bits, sizeof bits);
  return bits;
}
