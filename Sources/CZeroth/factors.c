// Sums of low-rank terms, B V^T with B of m x r and V^T of r x n: their norm, and the nearest sum of a smaller rank.
// The results enter the parameters of a run. So that every instruction set gives the same bits, the order of operations
// is fixed, and products and sums are rounded separately.
#include "CZeroth.h"
#include "vectorize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

// Eight running sums: their fixed order of additions vectorises.
VECTOR static double dot(size_t n, const double *restrict x, const double *restrict y) {
  double sums[8] = {0};
  size_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) sums[j] += x[i + j] * y[i + j];
  for (int j = 0; i < n; i++, j++) sums[j] += x[i] * y[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

VECTOR static void add(size_t n, double a, const double *restrict x, double *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

VECTOR static void rotate(size_t n, double c, double s, double *restrict x, double *restrict y) {
  for (size_t i = 0; i < n; i++) {
    double a = x[i], b = y[i];
    x[i] = c * a - s * b;
    y[i] = s * a + c * b;
  }
}

// G (r x r) = the dot products of the r columns of length n, which are stored one after the other.
static void gram(size_t n, size_t r, const double *columns, double *g) {
  for (size_t i = 0; i < r; i++)
    for (size_t j = 0; j <= i; j++) g[i * r + j] = g[j * r + i] = dot(n, columns + i * n, columns + j * n);
}

// Copies the columns of A, m x r and stored by rows, one after the other.
static void take_columns(size_t m, size_t r, const float *a, double *columns) {
  for (size_t i = 0; i < m; i++)
    for (size_t q = 0; q < r; q++) columns[q * m + i] = a[i * r + q];
}

static double *doubles(size_t count) {
  double *memory = malloc((count == 0 ? 1 : count) * sizeof(double));
  if (memory == NULL) zeroth_end_without_memory("the factors of a matrix in double");
  return memory;
}

double zeroth_factor_energy(size_t m, size_t n, size_t r, const float *left, const float *right) {
  size_t side = m > n ? m : n;
  double *columns = doubles(side * r), *g = doubles(2 * r * r), *h = g + r * r;
  take_columns(m, r, left, columns);
  gram(m, r, columns, g);
  for (size_t i = 0; i < r * n; i++) columns[i] = right[i];
  gram(n, r, columns, h);
  double energy = dot(r * r, g, h);
  free(columns);
  free(g);
  return energy > 0 ? energy : 0;
}

// Householder's QR of the r columns of length m in `a`. Afterwards `a` holds, on and below the diagonal, the vectors v
// of the reflections H = I - v v^T, each with |v|^2 = 2. `upper` holds R, p x r with p = min(m, r), by rows.
static void factor(size_t m, size_t r, double *a, double *upper) {
  size_t p = m < r ? m : r;
  for (size_t k = 0; k < r; k++) {
    double *column = a + k * m;
    for (size_t i = 0; i < k && i < p; i++) {
      const double *v = a + i * m + i;
      add(m - i, -dot(m - i, v, column + i), v, column + i);
      upper[i * r + k] = column[i];
    }
    for (size_t i = k; i < p; i++) upper[i * r + k] = 0;
    if (k >= p) continue;
    double *v = column + k, norm = sqrt(dot(m - k, v, v));
    if (norm == 0) continue;  // H = I
    double first = v[0], sign = first < 0 ? -1 : 1;
    upper[k * r + k] = -sign * norm;
    v[0] = first + sign * norm;
    // |v|^2 = 2 norm (norm + |first|)
    double scale = 1 / sqrt(norm * (norm + fabs(first)));
    for (size_t i = 0; i < m - k; i++) v[i] *= scale;
  }
}

// x = H_0 H_1 ... x, for a column of length m.
static void reflect(size_t m, size_t p, const double *a, double *x) {
  for (size_t k = p; k-- > 0;) {
    const double *v = a + k * m + k;
    add(m - k, -dot(m - k, v, x + k), v, x + k);
  }
}

// One-sided Jacobi: rotates the q columns of length p in `s` until they are orthogonal. The columns of length q in `w`
// get the same rotations.
static void orthogonalize(size_t p, size_t q, double *s, double *w) {
  for (int sweep = 0; sweep < 40; sweep++) {
    bool moved = false;
    for (size_t i = 0; i + 1 < q; i++)
      for (size_t j = i + 1; j < q; j++) {
        double *x = s + i * p, *y = s + j * p;
        double a = dot(p, x, x), b = dot(p, y, y), c = dot(p, x, y);
        if (fabs(c) <= 1e-15 * sqrt(a) * sqrt(b) || c == 0) continue;
        moved = true;
        double zeta = (b - a) / (2 * c), size = fabs(zeta);
        // For a large zeta, sqrt(1 + zeta^2) would overflow. It equals zeta there.
        double t = 1 / (size + (size > 1e150 ? size : sqrt(1 + size * size)));
        if (zeta < 0) t = -t;
        double cosine = 1 / sqrt(1 + t * t), sine = cosine * t;
        rotate(p, cosine, sine, x, y);
        rotate(q, cosine, sine, w + i * q, w + j * q);
      }
    if (!moved) return;
  }
}

size_t zeroth_compress_factors(size_t m, size_t n, size_t r, const float *left, const float *right, size_t most,
                               float *new_left, float *new_right, double *lost) {
  size_t p = m < r ? m : r, q = n < r ? n : r;
  // B = Q R, V = P T, so that B V^T = Q (R T^T) P^T.
  double *b = doubles(m * r), *v = doubles(n * r), *upper = doubles(p * r), *other = doubles(q * r);
  double *s = doubles(p * q), *w = doubles(q * q), *sizes = doubles(q), *column = doubles(m > n ? m : n);
  size_t *order = malloc((q == 0 ? 1 : q) * sizeof(size_t));
  if (order == NULL) zeroth_end_without_memory("the factors of a matrix in double");
  take_columns(m, r, left, b);
  for (size_t i = 0; i < r * n; i++) v[i] = right[i];
  factor(m, r, b, upper);
  factor(n, r, v, other);
  for (size_t j = 0; j < q; j++) {
    for (size_t i = 0; i < p; i++) s[j * p + i] = dot(r, upper + i * r, other + j * r);
    for (size_t i = 0; i < q; i++) w[j * q + i] = i == j;
  }
  orthogonalize(p, q, s, w);
  for (size_t j = 0; j < q; j++) {
    sizes[j] = dot(p, s + j * p, s + j * p);
    size_t place = j;
    for (; place > 0 && sizes[order[place - 1]] < sizes[j]; place--) order[place] = order[place - 1];
    order[place] = j;
  }
  // A column this small is a zero with the rounding errors of double. It does not count.
  double floor = q == 0 ? 0 : 1e-28 * sizes[order[0]];
  size_t kept = 0;
  while (kept < most && kept < q && sizes[order[kept]] > floor) kept++;
  *lost = 0;
  for (size_t j = q; j-- > kept;) *lost += sizes[order[j]];
  for (size_t k = 0; k < kept; k++) {
    const double *from = s + order[k] * p, *turned = w + order[k] * q;
    double root = sqrt(sqrt(sizes[order[k]]));  // of the singular value: each side gets its root
    memset(column, 0, m * sizeof(double));
    for (size_t i = 0; i < p; i++) column[i] = from[i] / root;
    reflect(m, p, b, column);
    for (size_t i = 0; i < m; i++) new_left[i * kept + k] = (float)column[i];
    memset(column, 0, n * sizeof(double));
    for (size_t i = 0; i < q; i++) column[i] = turned[i] * root;
    reflect(n, q, v, column);
    for (size_t i = 0; i < n; i++) new_right[k * n + i] = (float)column[i];
  }
  free(b), free(v), free(upper), free(other), free(s), free(w), free(sizes), free(column), free(order);
  return kept;
}
