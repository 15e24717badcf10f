// R-AdaZO (Shu et al. 2025, arXiv 2502.01014): Adam for zeroth-order estimates. Its second moment is that of the first
// moment m, and not of g, because m has a smaller variance.
//
//     m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) m^2,   theta -= eta m / sqrt(v + zeta)
//
// The paper uses K one-sided queries on the sphere: `--estimator rge --set estimator.sides=one-sided` and so on. The
// rule can be combined with every estimator. Cost: no forward pass; 2 floats for each trainable parameter.
#include <math.h>
#include <stdlib.h>

#include "example.h"

// ------------------------------------------------------------------------------------------------------- Options

static int32_t below_one(const void *context, double value) {
  (void)context;
  return value >= 0 && value < 1;
}

static int32_t above_zero(const void *context, double value) {
  (void)context;
  return value > 0;
}

static const zeroth_plugin_option beta = {
    .size = sizeof(zeroth_plugin_option),
    .name = "beta",
    .kind = ZEROTH_PLUGIN_NUMBER,
    .default_value = "0.9",
    .range = "at least 0, below 1",
    .accepts = below_one,
    .documentation = "b1, the part of m that a step keeps"};

static const zeroth_plugin_option beta2 = {
    .size = sizeof(zeroth_plugin_option),
    .name = "beta2",
    .kind = ZEROTH_PLUGIN_NUMBER,
    .default_value = "0.99",
    .range = "at least 0, below 1",
    .accepts = below_one,
    .documentation = "b2, the part of v that a step keeps"};

static const zeroth_plugin_option stability = {
    .size = sizeof(zeroth_plugin_option),
    .name = "stability",
    .kind = ZEROTH_PLUGIN_NUMBER,
    .default_value = "1e-8",
    .range = "above 0",
    .accepts = above_zero,
    .documentation = "zeta, beside v under the root"};

static const zeroth_plugin_option *const options[] = {&beta, &beta2, &stability};

// --------------------------------------------------------------------------------------------------------- Rule

typedef struct {
  double beta, beta2, stability;
  vector *moments;  // m, v; NULL before the first step
} state;

enum { M, V, parts };

static int32_t create(
    const zeroth_plugin_strategy *type, const zeroth_plugin_services *services, const zeroth_plugin_options *given,
    void **made, zeroth_plugin_failure *failure) {
  (void)type, (void)services;
  state *s = calloc(1, sizeof *s);
  if (!s) return fail(failure, "", "no memory", "");
  s->beta = given->number(given, "beta");
  s->beta2 = given->number(given, "beta2");
  s->stability = given->number(given, "stability");
  *made = s;
  return 0;
}

static void destroy(void *of) {
  state *s = of;
  vector_release(s->moments);
  free(s);
}

static int32_t copy(const void *of, void **made, zeroth_plugin_failure *failure) {
  const state *s = of;
  state *other = malloc(sizeof *other);
  if (!other) return fail(failure, "", "no memory", "");
  *other = *s;
  if (other->moments) vector_retain(other->moments);
  *made = other;
  return 0;
}

static int64_t state_count(const void *of) {
  const state *s = of;
  return s->moments ? parts * s->moments->count : 0;
}

static int32_t save_state(
    const void *of, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
    const zeroth_plugin_writer *writer, zeroth_plugin_failure *failure) {
  (void)services, (void)layout, (void)failure;
  const state *s = of;
  return vector_save(s->moments, writer);
}

static int32_t restore_state(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
    const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure) {
  state *s = of;
  return vector_restore(&s->moments, services, layout, NULL, parts, reader, failure);
}

typedef struct {
  const state *state;
  const zeroth_plugin_terms *terms;
} work;

// Updates m and v of some rows.
static void move(void *of, const zeroth_plugin_block *block, int64_t first_row, int64_t rows) {
  const work *w = of;
  const state *s = w->state;
  float *m = vector_rows(s->moments, M, block, first_row);
  float *v = vector_rows(s->moments, V, block, first_row);
  const float keep = (float)s->beta, keep2 = (float)s->beta2, gain2 = (float)(1 - s->beta2);
  const int64_t count = rows * block->columns;
  for (int64_t i = 0; i < count; i++) m[i] *= keep;
  for (int64_t i = 0; i < w->terms->count; i++) {
    const float weight = (float)((1 - s->beta) * w->terms->terms[i]->coefficient);
    if (w->terms->add(w->terms, i, block, first_row, rows, weight, m)) return;
  }
  for (int64_t i = 0; i < count; i++) v[i] = keep2 * v[i] + gain2 * (m[i] * m[i]);
}

static int32_t update(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_estimate *estimate, zeroth_plugin_update *update, zeroth_plugin_failure *failure) {
  state *s = of;
  if (!s->moments) {
    s->moments = vector_make(services, step->layout, NULL, parts);
  } else if (atomic_load(&s->moments->users) > 1) {
    // The moments are also used by an earlier update or by a copy of the rule. These keep the old values.
    vector *own = vector_copy(s->moments);
    vector_release(s->moments);
    s->moments = own;
  }
  if (!s->moments) return fail(failure, "", "no memory", "");
  work w = {s, estimate->terms};
  const int32_t stop = step->for_each_panel(step, &w, move);
  if (stop) return stop;
  const zeroth_plugin_direction direction = {
      .size = sizeof direction,
      .numbers = {-step->learning_rate, s->stability},
      .payload = s->moments};
  return update->set_direction(update, &direction);
}

// ---------------------------------------------------------------------------------------------------- Directions

// values += scale (-eta) m / sqrt(v + zeta)
static void add(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *direction, const zeroth_plugin_block *block,
    int64_t first_row, int64_t rows, float scale, float *values) {
  (void)services;
  const float *m = vector_rows(direction->payload, M, block, first_row);
  const float *v = vector_rows(direction->payload, V, block, first_row);
  const float size = (float)direction->numbers[0], zeta = (float)direction->numbers[1];
  for (int64_t i = 0; i < rows * block->columns; i++) values[i] += scale * (size * m[i] / sqrtf(v[i] + zeta));
}

static void retain(void *payload) { vector_retain(payload); }
static void release(void *payload) { vector_release(payload); }

static const zeroth_plugin_direction_functions directions = {
    .size = sizeof(zeroth_plugin_direction_functions), .add = add, .retain = retain, .release = release};

// ------------------------------------------------------------------------------------------------------ The struct

static const zeroth_plugin_strategy strategy = {
    .size = sizeof(zeroth_plugin_strategy),
    .name = "r-ada-zo",
    .summary = "Adam whose second moment is that of the first, as a library in C",
    .formula = "m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) m^2;  theta -= eta m / sqrt(v + zeta)",
    .source = "R-AdaZO (arXiv 2502.01014)",
    .state_text = "2 per trainable parameter",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .directions = &directions,
    .create = create,
    .destroy = destroy,
    .copy = copy,
    .state_count = state_count,
    .save_state = save_state,
    .restore_state = restore_state};

const zeroth_plugin_rule r_ada_zo = {
    .size = sizeof(zeroth_plugin_rule), .strategy = &strategy, .update = update};
