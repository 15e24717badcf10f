// Quantised blocks. half.c uses these functions beside those of the other formats.
#pragma once
#include "CZeroth.h"

void widen_quantized(enum zeroth_format format, size_t first, size_t n, const unsigned char *x, float *y);

// The dot product of v with elements first ... first + n - 1, which are whole blocks.
float dot_quantized(enum zeroth_format format, size_t first, size_t n, const unsigned char *x, const float *v);
