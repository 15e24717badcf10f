// The parts of the loops of layers: functions of one number that vectorise, and sums and maxima over lanes. The order
// of operations does not depend on the instruction set.
#pragma once
#include "vectorize.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum { lanes = 16 };

// exp(x) = 2^n exp(r) with r = x - n ln 2 in [-ln2/2, ln2/2]; the polynomial is that of the Cephes library. Arguments
// below -87.3 give the smallest normal numbers, those above 88.3 the largest. NaN stays NaN.
static inline float exponential(float x) {
  const float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  x = x < -87.3f ? -87.3f : x;
  x = x > 88.3f ? 88.3f : x;
  float shifted = x * 1.44269504f + round;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  float n = shifted - round;
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * r) * r + r + 1.0f;
  int32_t power = (int32_t)((uint32_t)(bits - 0x4b400000 + 127) << 23);
  float scale;
  memcpy(&scale, &power, sizeof scale);
  return p * scale;
}

// 2 Phi(x) = erfc(-x / sqrt 2). For u >= 0, erfc(u) = exp(-u h(u)); the other side follows from it. h is a polynomial
// fitted on [0, 9] for the least absolute error of erfc, 1e-7, with a relative error of 4e-5 in the tail. Unlike 1 +
// erff(x), this loses no digits where x is negative, and it vectorises.
static inline float twice_normal_distribution(float x) {
  float u = 0.70710678f * (x < 0.0f ? -x : x);
  u = u > 9.0f ? 9.0f : u;
  float h = u * 6.232828706e-10f - 3.267715094e-08f;
  h = h * u + 7.446141561e-07f;
  h = h * u - 9.631872286e-06f;
  h = h * u + 7.700501103e-05f;
  h = h * u - 3.795763925e-04f;
  h = h * u + 9.598287419e-04f;
  h = h * u + 9.088717416e-04f;
  h = h * u - 2.004840511e-02f;
  h = h * u + 1.031720979e-01f;
  h = h * u + 6.365398188e-01f;
  h = h * u + 1.128384356e+00f;
  float tail = exponential(-u * h);
  return x < 0.0f ? tail : 2.0f - tail;
}

static inline float sum_of_lanes(const float sums[lanes]) {
  float s[8];
  for (int l = 0; l < 8; l++) s[l] = sums[l] + sums[l + 8];
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// cap tanh(scale x / cap). Small arguments use the polynomial of the Cephes library, which loses no digits there.
static inline float soft_capped(float x, float scale, float cap) {
  float u = x * (scale / cap);
  float magnitude = u < 0.0f ? -u : u;
  float far = 1.0f - 2.0f / (1.0f + exponential(2.0f * magnitude));
  float square = u * u;
  float p = square * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  float near = u + u * square * p;
  return cap * (magnitude < 0.625f ? near : u < 0.0f ? -far : far);
}

// tops[l] = the largest of tops[l], x[l], x[l + 16], ...
static inline __attribute__((always_inline)) void raise_tops(size_t n, const float *restrict x, float tops[lanes]) {
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) tops[l] = x[i + l] > tops[l] ? x[i + l] : tops[l];
  for (int l = 0; i < n; i++, l++) tops[l] = x[i] > tops[l] ? x[i] : tops[l];
}

static inline __attribute__((always_inline)) float largest_of(size_t n, const float *restrict x) {
  float tops[lanes];
  for (int l = 0; l < lanes; l++) tops[l] = -INFINITY;
  raise_tops(n, x, tops);
  float top = tops[0];
  for (int l = 1; l < lanes; l++) top = tops[l] > top ? tops[l] : top;
  return top;
}

static inline __attribute__((always_inline)) float sum(size_t n, const float *restrict x) {
  float sums[lanes] = {0};
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) sums[l] += x[i + l];
  for (int l = 0; i < n; i++, l++) sums[l] += x[i];
  return sum_of_lanes(sums);
}

static inline __attribute__((always_inline)) float sum_of_squares_around(size_t n, float mean, const float *restrict x) {
  float sums[lanes] = {0};
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) sums[l] += (x[i + l] - mean) * (x[i + l] - mean);
  for (int l = 0; i < n; i++, l++) sums[l] += (x[i] - mean) * (x[i] - mean);
  return sum_of_lanes(sums);
}

static inline __attribute__((always_inline)) float sum_of_products_around(size_t n, float mean, const float *x,
                                                                          const float *y) {
  float sums[lanes] = {0};
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) sums[l] += (x[i + l] - mean) * y[i + l];
  for (int l = 0; i < n; i++, l++) sums[l] += (x[i] - mean) * y[i];
  return sum_of_lanes(sums);
}
