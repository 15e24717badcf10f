// The attention of one head and its derivatives. Only the scores of some rows of queries are stored at a time.
#include "CZeroth.h"
#include "functions.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

// x = softmax(scale x) over n numbers. A NaN spreads over the whole row.
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

// The scores of `m` queries from number `first` on: with `before` keys of the prefix, and with `own` keys of the
// queries' own segment. Keys that lie behind the windows of all m queries are left out.
struct part {
  size_t first, m, skip, skip_prefix, skip_own, before, own, width;
};

static struct part part_of(struct zeroth_attention_shape a, size_t first) {
  struct part p = {.first = first, .m = a.rows - first < a.rows_at_once ? a.rows - first : a.rows_at_once};
  // Keys before `skip` lie behind the windows of all m queries. `skip` counts from the first key of the prefix.
  p.skip = a.window && a.prefix + first + 1 > a.window ? a.prefix + first + 1 - a.window : 0;
  p.skip_prefix = p.skip < a.prefix ? p.skip : a.prefix, p.skip_own = p.skip - p.skip_prefix;
  p.before = a.prefix - p.skip_prefix, p.own = (a.causal ? first + p.m : a.rows) - p.skip_own;
  p.width = p.before + p.own;
  return p;
}

// The scores of row i that count are start ..< end.
static size_t start_of(struct zeroth_attention_shape a, struct part p, size_t i) {
  size_t seen = a.prefix + p.first + i + 1;
  return a.window && seen > a.window + p.skip ? seen - a.window - p.skip : 0;
}

static size_t end_of(struct zeroth_attention_shape a, struct part p, size_t i) {
  return a.causal ? a.prefix + p.first + i + 1 - p.skip : p.width;
}

// scores = beta scores + X Y^T, for the rows x of the part and all rows of y = (prefix, own) that it sees.
static void multiply_seen(struct zeroth_attention_shape a, struct part p, const float *x, const float *y,
                          const float *prefix_y, float beta, float *scores) {
  if (p.before)
    zeroth_sgemm(true, p.m, p.before, a.head, 1.0f, x, a.ldq, prefix_y + p.skip_prefix * a.ldkv, a.ldkv, beta, scores,
                 p.width);
  zeroth_sgemm(true, p.m, p.own, a.head, 1.0f, x, a.ldq, y + p.skip_own * a.ldkv, a.ldkv, beta, scores + p.before,
               p.width);
}

// out = beta out + scores Y.
static void weigh_seen(struct zeroth_attention_shape a, struct part p, const float *scores, const float *y,
                       const float *prefix_y, float beta, float *out) {
  if (p.before)
    zeroth_sgemm(false, p.m, a.head, p.before, 1.0f, scores, p.width, prefix_y + p.skip_prefix * a.ldkv, a.ldkv, beta,
                 out, a.ldq);
  zeroth_sgemm(false, p.m, a.head, p.own, 1.0f, scores + p.before, p.width, y + p.skip_own * a.ldkv, a.ldkv,
               p.before ? 1.0f : beta, out, a.ldq);
}

// Y += scores^T X.
static void spread_seen(struct zeroth_attention_shape a, struct part p, const float *scores, const float *x, float *y,
                        float *prefix_y) {
  if (p.before)
    zeroth_sgemm_transposed(p.before, a.head, p.m, 1.0f, scores, p.width, x, a.ldq, 1.0f,
                            prefix_y + p.skip_prefix * a.ldkv, a.ldkv);
  zeroth_sgemm_transposed(p.own, a.head, p.m, 1.0f, scores + p.before, p.width, x, a.ldq, 1.0f,
                          y + p.skip_own * a.ldkv, a.ldkv);
}

// Turns scores into probabilities. Those that do not count become 0. `slopes`, if given, receives the derivatives of
// the softmax's arguments by the products q k^T.
static void become_probabilities(struct zeroth_attention_shape a, struct part p, float *scores, float *slopes) {
  for (size_t i = 0; i < p.m; i++) {
    float *row = scores + i * p.width;
    size_t start = start_of(a, p, i), end = end_of(a, p, i);
    if (a.cap > 0.0f) {
      zeroth_soft_cap(end - start, a.scale, a.cap, row + start);
      if (slopes) {
        float *slope = slopes + i * p.width;
        for (size_t j = start; j < end; j++) slope[j] = a.scale * (1.0f - (row[j] / a.cap) * (row[j] / a.cap));
      }
    }
    softmax(end - start, a.cap > 0.0f ? 1.0f : a.scale, row + start);
    memset(row, 0, start * sizeof *row);
    memset(row + end, 0, (p.width - end) * sizeof *row);
  }
}

// The derivative of a softmax for each row: d = slope P (d - sum_j P_j d_j). It is its own transpose. If `after`, the
// slope is applied after it, as in the reverse direction, and otherwise before it.
VECTOR static void differentiate_softmax(struct zeroth_attention_shape a, struct part p, bool after,
                                         const float *restrict probabilities, const float *restrict slopes,
                                         float *restrict d) {
  for (size_t i = 0; i < p.m; i++) {
    const float *restrict row = probabilities + i * p.width, *restrict slope = slopes + i * p.width;
    float *restrict values = d + i * p.width;
    size_t start = start_of(a, p, i), end = end_of(a, p, i);
    if (!after)
      for (size_t j = start; j < end; j++) values[j] *= a.cap > 0.0f ? slope[j] : a.scale;
    double mean = 0;
    for (size_t j = start; j < end; j++) mean += (double)row[j] * (double)values[j];
    for (size_t j = start; j < end; j++) values[j] = row[j] * (values[j] - (float)mean);
    if (after)
      for (size_t j = start; j < end; j++) values[j] *= a.cap > 0.0f ? slope[j] : a.scale;
    memset(values, 0, start * sizeof *values);
    memset(values + end, 0, (p.width - end) * sizeof *values);
  }
}

void zeroth_attention(struct zeroth_attention_shape a, struct zeroth_heads x, float *scores) {
  for (size_t first = 0; first < a.rows; first += a.rows_at_once) {
    struct part p = part_of(a, first);
    float *queries = x.q + first * a.ldq;
    multiply_seen(a, p, queries, x.k, x.prefix_k, 0.0f, scores);
    become_probabilities(a, p, scores, NULL);
    weigh_seen(a, p, scores, x.v, x.prefix_v, 0.0f, queries);
  }
}

void zeroth_attention_tangent(struct zeroth_attention_shape a, struct zeroth_heads x, struct zeroth_heads t, float *scores) {
  size_t count = a.rows_at_once * (a.prefix + a.rows);
  float *d = scores + count, *slopes = d + count;
  for (size_t first = 0; first < a.rows; first += a.rows_at_once) {
    struct part p = part_of(a, first);
    float *queries = x.q + first * a.ldq, *tangents = t.q + first * a.ldq;
    multiply_seen(a, p, queries, x.k, x.prefix_k, 0.0f, scores);
    multiply_seen(a, p, tangents, x.k, x.prefix_k, 0.0f, d);
    multiply_seen(a, p, queries, t.k, t.prefix_k, 1.0f, d);
    become_probabilities(a, p, scores, slopes);
    differentiate_softmax(a, p, false, scores, slopes, d);
    weigh_seen(a, p, scores, x.v, x.prefix_v, 0.0f, queries);
    weigh_seen(a, p, d, x.v, x.prefix_v, 0.0f, tangents);
    weigh_seen(a, p, scores, t.v, t.prefix_v, 1.0f, tangents);
  }
}

void zeroth_attention_adjoint(struct zeroth_attention_shape a, struct zeroth_heads x, struct zeroth_heads d_x,
                              float *scores) {
  size_t count = a.rows_at_once * (a.prefix + a.rows);
  float *d = scores + count, *slopes = d + count;
  for (size_t first = 0; first < a.rows; first += a.rows_at_once) {
    struct part p = part_of(a, first);
    const float *queries = x.q + first * a.ldq;
    float *d_out = d_x.q + first * a.ldq;
    multiply_seen(a, p, queries, x.k, x.prefix_k, 0.0f, scores);
    become_probabilities(a, p, scores, slopes);
    multiply_seen(a, p, d_out, x.v, x.prefix_v, 0.0f, d);
    differentiate_softmax(a, p, true, scores, slopes, d);
    spread_seen(a, p, scores, d_out, d_x.v, d_x.prefix_v);
    spread_seen(a, p, d, queries, d_x.k, d_x.prefix_k);
    weigh_seen(a, p, d, x.k, x.prefix_k, 0.0f, d_out);
  }
}
