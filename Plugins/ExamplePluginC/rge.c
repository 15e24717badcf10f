// RGE, the randomised gradient estimate of MeZO. Its results are those of Zeroth's own RGE, bit for bit.
//
//     g = 1/q sum_i c_i z_i,  c_i = (L(theta + eps z_i) - L(theta - eps z_i)) / (2 eps)
//
// eps and q may change over the steps: their options are of a kind that accepts schedules.
#include <stdlib.h>
#include <string.h>

#include "example.h"

// ------------------------------------------------------------------------------------------------------- Options

static int32_t above_zero(const void *context, double value) {
  (void)context;
  return value > 0;
}

static const zeroth_plugin_option epsilon = {
    .size = sizeof(zeroth_plugin_option),
    .name = "epsilon",
    .kind = ZEROTH_PLUGIN_SCHEDULE,
    .default_value = "0.001",
    .range = "above 0",
    .accepts = above_zero,
    .unit = "units of the parameters",
    .documentation = "eps, how far from theta the losses are measured"};

static const zeroth_plugin_option queries = {
    .size = sizeof(zeroth_plugin_option),
    .name = "queries",
    .kind = ZEROTH_PLUGIN_COUNT_SCHEDULE,
    .default_value = "1",
    .minimum = 1,
    .maximum = 1000000,
    .documentation = "q, the directions that are averaged in a step"};

static const zeroth_plugin_option sides = {
    .size = sizeof(zeroth_plugin_option),
    .name = "sides",
    .kind = ZEROTH_PLUGIN_CHOICE,
    .words = "two-sided,one-sided",
    .default_value = "two-sided",
    .documentation = "losses at theta + eps z and theta - eps z, or at theta and theta + eps z"};

static const zeroth_plugin_option distribution = {
    .size = sizeof(zeroth_plugin_option),
    .name = "distribution",
    .kind = ZEROTH_PLUGIN_CHOICE,
    .words = "gaussian,rademacher,sphere",
    .default_value = "gaussian",
    .documentation = "how z is drawn; all three have E[z z^T] = I"};

static const zeroth_plugin_option *const options[] = {&epsilon, &queries, &sides, &distribution};

// ----------------------------------------------------------------------------------------------------- Estimator

typedef struct {
  const zeroth_plugin_options *options;  // kept to evaluate the schedules
  int one_sided, sphere;
  int32_t distribution;
} state;

static int32_t create(
    const zeroth_plugin_strategy *type, const zeroth_plugin_services *services, const zeroth_plugin_options *given,
    void **made, zeroth_plugin_failure *failure) {
  (void)type, (void)services;
  state *s = malloc(sizeof *s);
  if (!s) return fail(failure, "", "no memory", "");
  s->options = given;
  s->one_sided = strcmp(given->text(given, "sides"), "one-sided") == 0;
  s->sphere = strcmp(given->text(given, "distribution"), "sphere") == 0;
  s->distribution = strcmp(given->text(given, "distribution"), "rademacher") == 0 ? ZEROTH_PLUGIN_RADEMACHER
                                                                                   : ZEROTH_PLUGIN_GAUSSIAN;
  *made = s;
  return 0;
}

static int64_t queries_at(const state *s, int64_t step) {
  return (int64_t)s->options->schedule_value(s->options, "queries", step);
}

static int64_t forwards(const void *of, const zeroth_plugin_layout *layout, int64_t step) {
  (void)layout;
  const state *s = of;
  const int64_t q = queries_at(s, step);
  return s->one_sided ? q + 1 : 2 * q;
}

static int32_t measure(
    const state *s, int64_t q, float eps, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_objective *objective, zeroth_plugin_result *result, zeroth_plugin_direction *z,
    const zeroth_plugin_direction **directions, zeroth_plugin_point *points) {
  // The one-sided form measures L(theta) first, once for all queries.
  int64_t count = 0;
  if (s->one_sided) points[count++] = (zeroth_plugin_point){-1, 0};
  for (int64_t i = 0; i < q; i++) {
    z[i] = (zeroth_plugin_direction){.size = sizeof *z};
    z[i].key = services->child(step->step_key, ZEROTH_PLUGIN_KEY_QUERY, i);
    z[i].scale = s->sphere ? services->sphere_radius(z[i].key, step->layout) : 1;
    z[i].words[0] = (uint64_t)s->distribution;
    directions[i] = z + i;
    points[count++] = (zeroth_plugin_point){i, eps};
    if (!s->one_sided) points[count++] = (zeroth_plugin_point){i, -eps};
  }
  const zeroth_plugin_request request = {
      .size = sizeof request,
      .directions = directions,
      .direction_count = q,
      .points = points,
      .point_count = count};
  const double *l;
  int32_t stop = objective->losses(objective, &request, &l);
  for (int64_t i = 0; i < q && !stop; i++) {
    const double c =
        s->one_sided ? (l[i + 1] - l[0]) / (double)eps : (l[2 * i] - l[2 * i + 1]) / (2 * (double)eps);
    stop = result->add_term(result, c / (double)q, z + i);
  }
  return stop;
}

static int32_t estimate(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective, zeroth_plugin_result *result,
    zeroth_plugin_failure *failure) {
  (void)theta;
  const state *s = of;
  const int64_t q = queries_at(s, step->step);
  result->epsilon = s->options->schedule_value(s->options, "epsilon", step->step);
  // All points of the step are passed in one request, so that a model can evaluate several of them with one reading of
  // its weights.
  zeroth_plugin_direction *z = malloc((size_t)q * sizeof *z);
  const zeroth_plugin_direction **directions = malloc((size_t)q * sizeof *directions);
  zeroth_plugin_point *points = malloc((size_t)(2 * q) * sizeof *points);
  const int32_t stop =
      z && directions && points
          ? measure(s, q, (float)result->epsilon, services, step, objective, result, z, directions, points)
          : fail(failure, "", "no memory", "");
  free(z);
  free(directions);
  free(points);
  return stop;
}

// ---------------------------------------------------------------------------------------------------- Directions

static zeroth_plugin_key noise(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *z, const zeroth_plugin_block *block) {
  return services->child(z->key, ZEROTH_PLUGIN_KEY_BLOCK, block->index);
}

static void add(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *z, const zeroth_plugin_block *block,
    int64_t first_row, int64_t rows, float scale, float *values) {
  services->noise_add(
      noise(services, z, block), (int32_t)z->words[0], first_row * block->columns, rows * block->columns,
      scale * z->scale, values);
}

static void write(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *z, const zeroth_plugin_block *block,
    int64_t first_row, int64_t rows, int64_t first_column, int64_t columns, float *values) {
  const zeroth_plugin_key key = noise(services, z, block);
  if (columns == block->columns) {
    services->noise_fill(key, (int32_t)z->words[0], first_row * columns, rows * columns, z->scale, values);
    return;
  }
  for (int64_t i = 0; i < rows; i++) {
    services->noise_fill(
        key, (int32_t)z->words[0], (first_row + i) * block->columns + first_column, columns, z->scale,
        values + i * columns);
  }
}

static const zeroth_plugin_direction_functions directions = {
    .size = sizeof(zeroth_plugin_direction_functions), .add = add, .write = write};

// ------------------------------------------------------------------------------------------------------ The struct

static const zeroth_plugin_strategy strategy = {
    .size = sizeof(zeroth_plugin_strategy),
    .name = "example-rge",
    .summary = "RGE as a library in C",
    .formula = "g = 1/q sum_i c_i z_i,  c_i = (L(theta + eps z_i) - L(theta - eps z_i)) / (2 eps)",
    .source = "MeZO (Malladi et al. 2023)",
    .forwards_text = "2q, or q + 1 one-sided",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .directions = &directions,
    .create = create,
    .destroy = free};

const zeroth_plugin_estimator example_rge = {
    .size = sizeof(zeroth_plugin_estimator), .strategy = &strategy, .forwards = forwards, .estimate = estimate};
