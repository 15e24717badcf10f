// The layers of a transformer that are not matrix products. Each is a plain loop beside its formula.
#include "CZeroth.h"
#include "functions.h"

#pragma STDC FP_CONTRACT OFF

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
    if (gain)
      for (size_t j = 0; j < n; j++) out[i * n + j] = row[j] * scale * gain[j];
    else
      for (size_t j = 0; j < n; j++) out[i * n + j] = row[j] * scale;
  }
}

VECTOR void zeroth_norm_derivative(bool centered, size_t m, size_t n, float eps, const float *x, const float *v,
                                   float *out) {
  for (size_t i = 0; i < m; i++) {
    const float *row = x + i * n, *values = v + i * n;
    float *target = out + i * n;
    float mean = centered ? sum(n, row) / (float)n : 0.0f;
    float scale = 1.0f / sqrtf(sum_of_squares_around(n, mean, row) / (float)n + eps);
    float mean_v = centered ? sum(n, values) / (float)n : 0.0f;
    float products = sum_of_products_around(n, mean, row, values) / (float)n * scale * scale;
    for (size_t j = 0; j < n; j++) target[j] = scale * (values[j] - mean_v - (row[j] - mean) * products);
  }
}

VECTOR void zeroth_activate(enum zeroth_activation f, size_t m, size_t n, float *x, size_t ldx) {
  for (size_t i = 0; i < m; i++) {
    float *restrict row = x + i * ldx;
    switch (f) {
    case zeroth_identity: break;
    case zeroth_relu:
      // Written in this way so that NaN stays NaN.
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

// The tails of the normal density and of the logistic function make every slope go to 0 or 1, because exponential()
// never overflows.
VECTOR void zeroth_multiply_slope(enum zeroth_activation f, size_t n, const float *restrict x, float *restrict s) {
  switch (f) {
  case zeroth_identity: break;
  case zeroth_relu:
    for (size_t j = 0; j < n; j++) s[j] *= x[j] > 0.0f ? 1.0f : 0.0f;
    break;
  case zeroth_gelu:
    for (size_t j = 0; j < n; j++)
      s[j] *= 0.5f * twice_normal_distribution(x[j]) + x[j] * 0.39894228f * exponential(-0.5f * x[j] * x[j]);
    break;
  case zeroth_gelu_tanh:
    for (size_t j = 0; j < n; j++) {
      float u = 0.79788456f * (x[j] + 0.044715f * x[j] * x[j] * x[j]);
      float share = 1.0f / (1.0f + exponential(-2.0f * u));
      s[j] *= share + x[j] * share * (1.0f - share) * 1.59576912f * (1.0f + 0.134145f * x[j] * x[j]);
    }
    break;
  case zeroth_silu:
    for (size_t j = 0; j < n; j++) {
      float share = 1.0f / (1.0f + exponential(-x[j]));
      s[j] *= share * (1.0f + x[j] * (1.0f - share));
    }
    break;
  }
}

VECTOR void zeroth_multiply(size_t n, const float *restrict y, float *restrict x) {
  for (size_t i = 0; i < n; i++) x[i] *= y[i];
}

VECTOR void zeroth_rotate(bool back, size_t n, const float *restrict cosines, const float *restrict sines,
                          float *restrict x) {
  size_t half = n / 2;
  if (back) {
    for (size_t j = 0; j < half; j++) {
      float x1 = x[j], x2 = x[j + half];
      x[j] = x1 * cosines[j] + x2 * sines[j];
      x[j + half] = x2 * cosines[j] - x1 * sines[j];
    }
    return;
  }
  for (size_t j = 0; j < half; j++) {
    float x1 = x[j], x2 = x[j + half];
    x[j] = x1 * cosines[j] - x2 * sines[j];
    x[j + half] = x2 * cosines[j] + x1 * sines[j];
  }
}

VECTOR void zeroth_soft_cap(size_t n, float scale, float cap, float *restrict x) {
  for (size_t i = 0; i < n; i++) x[i] = soft_capped(x[i], scale, cap);
}

VECTOR void zeroth_exponentiate(size_t n, float shift, float scale, float *restrict x) {
  for (size_t i = 0; i < n; i++) x[i] = scale * exponential(x[i] - shift);
}

// Lane l sums exp(x - largest) over the elements l, l + 16, ... of all calls, where largest is the largest of them so
// far. zeroth_log_sum_parts adds up the lanes when the row has ended.
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

// Does the same, and keeps the sums of exp(x - largest) t in the third 16 floats of a state.
VECTOR void zeroth_log_sum_add_tangent(size_t n, const float *restrict x, const float *restrict t,
                                       float *restrict state) {
  float tops[lanes], sums[lanes], weighted[lanes];
  for (int l = 0; l < lanes; l++) tops[l] = state[l];
  raise_tops(n, x, tops);
  for (int l = 0; l < lanes; l++) {
    float change = exponential(state[l] - tops[l]);
    sums[l] = state[lanes + l] * change;
    weighted[l] = state[2 * lanes + l] * change;
  }
  size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) {
      float e = exponential(x[i + l] - tops[l]);
      sums[l] += e;
      weighted[l] += e * t[i + l];
    }
  for (int l = 0; i + l < n; l++) {
    float e = exponential(x[i + l] - tops[l]);
    sums[l] += e;
    weighted[l] += e * t[i + l];
  }
  for (int l = 0; l < lanes; l++) state[l] = tops[l];
  for (int l = 0; l < lanes; l++) state[lanes + l] = sums[l];
  for (int l = 0; l < lanes; l++) state[2 * lanes + l] = weighted[l];
}

VECTOR double zeroth_log_sum_mean(const float *restrict state) {
  float top = largest_of(lanes, state);
  double sum = 0, weighted = 0;
  for (int l = 0; l < lanes; l++) {
    double share = exponential(state[l] - top);
    sum += share * (double)state[lanes + l];
    weighted += share * (double)state[2 * lanes + l];
  }
  return weighted / sum;
}
