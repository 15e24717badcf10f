// The layers of a transformer that are not matrix products: plain loops next to their formulas.
#include "CZeroth.h"
#include "vectorize.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

enum { lanes = 16 };

// exp(x) = 2^n exp(r), r = x - n ln 2 in [-ln2/2, ln2/2]; the polynomial is that of the Cephes library. Below -87.3 it
// gives the smallest normal numbers, above 88.3 the largest; NaN stays NaN.
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

// 2 Phi(x) = erfc(-x / sqrt 2) by erfc(u) = exp(-u h(u)) for u >= 0, of which the other side follows; h is a polynomial
// fitted on [0, 9] for the least absolute error of erfc, 1e-7, and a relative one of 4e-5 in its tail. Unlike 1 + erff(x) it
// loses no digits where x is negative, and it vectorises.
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

VECTOR static float sum(size_t n, const float *restrict x) {
  float sums[lanes] = {0};
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) sums[l] += x[i + l];
  for (int l = 0; i < n; i++, l++) sums[l] += x[i];
  return sum_of_lanes(sums);
}

VECTOR static float sum_of_squares_around(size_t n, float mean, const float *restrict x) {
  float sums[lanes] = {0};
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) sums[l] += (x[i + l] - mean) * (x[i + l] - mean);
  for (int l = 0; i < n; i++, l++) sums[l] += (x[i] - mean) * (x[i] - mean);
  return sum_of_lanes(sums);
}

VECTOR void zeroth_layer_norm(size_t m, size_t n, float eps, const float *gain, const float *bias,
                              const float *restrict x, float *restrict out) {
  for (size_t i = 0; i < m; i++) {
    const float *restrict row = x + i * n;
    float *restrict target = out + i * n;
    float mean = sum(n, row) / (float)n;
    float scale = 1.0f / sqrtf(sum_of_squares_around(n, mean, row) / (float)n + eps);
    if (gain && bias)
      for (size_t j = 0; j < n; j++) target[j] = (row[j] - mean) * scale * gain[j] + bias[j];
    else if (gain)
      for (size_t j = 0; j < n; j++) target[j] = (row[j] - mean) * scale * gain[j];
    else
      for (size_t j = 0; j < n; j++) target[j] = (row[j] - mean) * scale;
  }
}

VECTOR void zeroth_rms_norm(size_t m, size_t n, float eps, const float *restrict gain, const float *restrict x,
                            float *restrict out) {
  for (size_t i = 0; i < m; i++) {
    const float *restrict row = x + i * n;
    float scale = 1.0f / sqrtf(sum_of_squares_around(n, 0.0f, row) / (float)n + eps);
    for (size_t j = 0; j < n; j++) out[i * n + j] = row[j] * scale * gain[j];
  }
}

VECTOR void zeroth_activate(enum zeroth_activation f, size_t m, size_t n, float *x, size_t ldx) {
  for (size_t i = 0; i < m; i++) {
    float *restrict row = x + i * ldx;
    switch (f) {
    case zeroth_identity: break;
    case zeroth_relu:
      // Written so that NaN stays NaN.
      for (size_t j = 0; j < n; j++) row[j] = row[j] < 0.0f ? 0.0f : row[j];
      break;
    case zeroth_gelu:
      for (size_t j = 0; j < n; j++) row[j] = 0.5f * row[j] * twice_normal_distribution(row[j]);
      break;
    case zeroth_gelu_tanh:
      // 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2u))
      for (size_t j = 0; j < n; j++) {
        float u = 0.79788456f * (row[j] + 0.044715f * row[j] * row[j] * row[j]);
        row[j] = row[j] / (1.0f + exponential(-2.0f * u));
      }
      break;
    case zeroth_silu:
      for (size_t j = 0; j < n; j++) row[j] = row[j] / (1.0f + exponential(-row[j]));
      break;
    }
  }
}

VECTOR void zeroth_multiply(size_t n, const float *restrict y, float *restrict x) {
  for (size_t i = 0; i < n; i++) x[i] *= y[i];
}

VECTOR void zeroth_rotate(size_t n, const float *restrict cosines, const float *restrict sines, float *restrict x) {
  size_t half = n / 2;
  for (size_t j = 0; j < half; j++) {
    float x1 = x[j], x2 = x[j + half];
    x[j] = x1 * cosines[j] - x2 * sines[j];
    x[j + half] = x2 * cosines[j] + x1 * sines[j];
  }
}

// tops[l] = the largest of it and of x[l], x[l + 16], ...
static inline __attribute__((always_inline)) void raise_tops(size_t n, const float *restrict x, float tops[lanes]) {
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) tops[l] = x[i + l] > tops[l] ? x[i + l] : tops[l];
  for (int l = 0; i < n; i++, l++) tops[l] = x[i] > tops[l] ? x[i] : tops[l];
}

VECTOR static float largest_of(size_t n, const float *restrict x) {
  float tops[lanes];
  for (int l = 0; l < lanes; l++) tops[l] = -INFINITY;
  raise_tops(n, x, tops);
  float top = tops[0];
  for (int l = 1; l < lanes; l++) top = tops[l] > top ? tops[l] : top;
  return top;
}

// x = softmax(scale x) over n numbers; NaN spreads over the row.
VECTOR static void softmax(size_t n, float scale, float *restrict x) {
  float top = largest_of(n, x);
  float sums[lanes] = {0};
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) {
      float e = exponential(scale * (x[i + l] - top));
      x[i + l] = e;
      sums[l] += e;
    }
  for (int l = 0; i < n; i++, l++) {
    float e = exponential(scale * (x[i] - top));
    x[i] = e;
    sums[l] += e;
  }
  float inverse = 1.0f / sum_of_lanes(sums);
  for (size_t j = 0; j < n; j++) x[j] *= inverse;
}

// cap tanh(scale x / cap): for small arguments by the Cephes library's polynomial, which loses no digits there.
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

VECTOR void zeroth_soft_cap(size_t n, float scale, float cap, float *restrict x) {
  for (size_t i = 0; i < n; i++) x[i] = soft_capped(x[i], scale, cap);
}

void zeroth_attention(bool causal, size_t window, size_t rows, size_t prefix, size_t head, float scale, float cap,
                      const float *q, size_t ldq, const float *k, const float *v, const float *prefix_k,
                      const float *prefix_v, size_t ldkv, float *out, size_t ldo, float *scores, size_t rows_at_once) {
  for (size_t first = 0; first < rows; first += rows_at_once) {
    size_t m = rows - first < rows_at_once ? rows - first : rows_at_once;
    // Keys before `skip` are behind the window of all m queries; counted from the first key of the prefix.
    size_t skip = window && prefix + first + 1 > window ? prefix + first + 1 - window : 0;
    size_t skip_prefix = skip < prefix ? skip : prefix, skip_own = skip - skip_prefix;
    size_t before = prefix - skip_prefix, own = (causal ? first + m : rows) - skip_own, width = before + own;
    const float *queries = q + first * ldq;
    if (before)
      zeroth_sgemm(true, m, before, head, 1.0f, queries, ldq, prefix_k + skip_prefix * ldkv, ldkv, 0.0f, scores, width);
    zeroth_sgemm(true, m, own, head, 1.0f, queries, ldq, k + skip_own * ldkv, ldkv, 0.0f, scores + before, width);
    for (size_t i = 0; i < m; i++) {
      float *row = scores + i * width;
      size_t end = causal ? prefix + first + i + 1 - skip : width;
      size_t start = window && prefix + first + i + 1 > window + skip ? prefix + first + i + 1 - window - skip : 0;
      if (cap > 0.0f) zeroth_soft_cap(end - start, scale, cap, row + start);
      softmax(end - start, cap > 0.0f ? 1.0f : scale, row + start);
      memset(row, 0, start * sizeof *row);
      memset(row + end, 0, (width - end) * sizeof *row);
    }
    float *target = out + first * ldo;
    if (before)
      zeroth_sgemm(false, m, head, before, 1.0f, scores, width, prefix_v + skip_prefix * ldkv, ldkv, 0.0f, target, ldo);
    zeroth_sgemm(false, m, head, own, 1.0f, scores + before, width, v + skip_own * ldkv, ldkv, before ? 1.0f : 0.0f,
                 target, ldo);
  }
}

// Lane l sums exp(x - largest) over the elements l, l + 16, ... of all calls, with the largest of them so far. Lanes
// are added up when the row has ended, in zeroth_log_sum_parts.
VECTOR void zeroth_log_sum_add(size_t m, size_t n, const float *restrict x, size_t ldx, float *restrict state) {
  for (size_t r = 0; r < m; r++, x += ldx, state += 2 * lanes) {
    float tops[lanes], sums[lanes];
    for (int l = 0; l < lanes; l++) tops[l] = state[l];
    raise_tops(n, x, tops);
    for (int l = 0; l < lanes; l++) sums[l] = state[lanes + l] * exponential(state[l] - tops[l]);
    size_t i = 0;
    for (; i + lanes <= n; i += lanes)
      for (int l = 0; l < lanes; l++) sums[l] += exponential(x[i + l] - tops[l]);
    for (int l = 0; i + l < n; l++) sums[l] += exponential(x[i + l] - tops[l]);
    for (int l = 0; l < lanes; l++) state[l] = tops[l];
    for (int l = 0; l < lanes; l++) state[lanes + l] = sums[l];
  }
}

VECTOR void zeroth_log_sum_parts(const float *restrict state, float *restrict largest, double *restrict total) {
  float top = largest_of(lanes, state);
  float sums[lanes];
  for (int l = 0; l < lanes; l++) sums[l] = state[lanes + l] * exponential(state[l] - top);
  *largest = top;
  *total = (double)sum_of_lanes(sums);
}
