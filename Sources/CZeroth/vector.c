// Plain loops, each beside its formula. Products and sums are rounded separately (never joined to fused operations), so
// that every instruction set gives the same bits.
#include "CZeroth.h"
#include "vectorize.h"

#pragma STDC FP_CONTRACT OFF

VECTOR void zeroth_axpy(size_t n, float a, const float *restrict x, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

VECTOR void zeroth_displace(size_t n, const float *restrict x, float a, const float *restrict z, float *restrict out) {
  for (size_t i = 0; i < n; i++) out[i] = x[i] + a * z[i];
}

VECTOR void zeroth_scale(size_t n, float a, float *y) {
  for (size_t i = 0; i < n; i++) y[i] *= a;
}

// Not restrict: `x` or `x0` may be `y`.
VECTOR void zeroth_axpy_difference(size_t n, float a, const float *x, const float *x0, float *y) {
  for (size_t i = 0; i < n; i++) y[i] += a * (x[i] - x0[i]);
}

VECTOR void zeroth_project(size_t n, float ratio, const float *restrict y0, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] = y0[i] + ratio * (y[i] - y0[i]);
}

// Eight running sums: their fixed order of additions vectorises.
VECTOR double zeroth_dot(size_t n, const float *x, const float *y) {
  double sums[8] = {0};
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) sums[j] += (double)x[i + j] * (double)y[i + j];
  for (int j = 0; i < n; i++, j++) sums[j] += (double)x[i] * (double)y[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

VECTOR double zeroth_sum_of_squared_differences(size_t n, const float *x, const float *x0) {
  double sums[8] = {0};
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) {
      double d = (double)x[i + j] - (double)x0[i + j];
      sums[j] += d * d;
    }
  for (int j = 0; i < n; i++, j++) {
    double d = (double)x[i] - (double)x0[i];
    sums[j] += d * d;
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

VECTOR void zeroth_low_rank_add(size_t m, size_t n, size_t r, float a, const float *restrict u,
                                const float *restrict vt, float *restrict w, size_t ldw) {
  for (size_t i = 0; i < m; i++) {
    float *restrict row = w + i * ldw;
    size_t q = 0;
    for (; q + 2 <= r; q += 2) {
      float s = a * u[i * r + q], t = a * u[i * r + q + 1];
      const float *restrict v = vt + q * n, *restrict v2 = vt + (q + 1) * n;
      for (size_t j = 0; j < n; j++) row[j] += s * v[j] + t * v2[j];
    }
    if (q < r) {
      float s = a * u[i * r + q];
      const float *restrict v = vt + q * n;
      for (size_t j = 0; j < n; j++) row[j] += s * v[j];
    }
  }
}

void zeroth_put_columns(size_t m, size_t r, const float *restrict a, size_t width, float *restrict c) {
  for (size_t i = 0; i < m; i++, c += width)
    for (size_t j = 0; j < r; j++) c[j] = a[i * r + j];
}

