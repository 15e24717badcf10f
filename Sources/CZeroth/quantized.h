// Quantised blocks, which half.c widens among other formats.
#pragma once
#include "CZeroth.h"

void widen_quantized(enum zeroth_format format, size_t first, size_t n, const unsigned char *x, float *y);
