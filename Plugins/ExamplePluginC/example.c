// An estimator as a library in C: RGE, the randomised gradient estimate of MeZO, the same as Zeroth's own, bit for bit.
//
//     g = 1/q sum_i c_i z_i,  c_i = (L(theta + eps z_i) - L(theta - eps z_i)) / (2 eps)
//
//     cc -O2 -shared -fPIC -ISources/CZerothPlugin/include Plugins/ExamplePluginC/example.c -o libExamplePluginC.so
//     zeroth train --plugin ./libExamplePluginC.so --estimator example-rge --rule sgd ...
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CZerothPlugin.h"

// ------------------------------------------------------------------------------------------------------- Options

static int32_t above_zero(const void *context, double value) {
  (void)context;
  return value > 0;
}

static const zeroth_plugin_option epsilon = {
    .size = sizeof(zeroth_plugin_option),
    .name = "epsilon",
    .kind = ZEROTH_PLUGIN_NUMBER,
    .default_value = "0.001",
    .range = "above 0",
    .accepts = above_zero,
    .unit = "units of the parameters",
    .documentation = "eps, how far from theta the losses are measured"};

static const zeroth_plugin_option queries = {
    .size = sizeof(zeroth_plugin_option),
    .name = "queries",
    .kind = ZEROTH_PLUGIN_INTEGER,
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
  double epsilon;
  int64_t queries;
  int one_sided, sphere;
  int32_t distribution;
} state;

static int32_t create(
    const zeroth_plugin_estimator *type, const zeroth_plugin_services *services, const zeroth_plugin_options *given,
    void **made, zeroth_plugin_failure *failure) {
  (void)type, (void)services;
  state *s = malloc(sizeof *s);
  if (!s) {
    snprintf(failure->message, sizeof failure->message, "no memory");
    return 1;
  }
  s->epsilon = given->number(given, "epsilon");
  s->queries = given->integer(given, "queries");
  s->one_sided = strcmp(given->text(given, "sides"), "one-sided") == 0;
  s->sphere = strcmp(given->text(given, "distribution"), "sphere") == 0;
  s->distribution = strcmp(given->text(given, "distribution"), "rademacher") == 0 ? ZEROTH_PLUGIN_RADEMACHER
                                                                                   : ZEROTH_PLUGIN_GAUSSIAN;
  *made = s;
  return 0;
}

static int64_t evaluations(const void *of, const zeroth_plugin_layout *layout, int64_t step) {
  (void)layout, (void)step;
  const state *s = of;
  return s->one_sided ? s->queries + 1 : 2 * s->queries;
}

static int32_t estimate(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_objective *objective, zeroth_plugin_result *result, zeroth_plugin_failure *failure) {
  (void)failure;
  const state *s = of;
  const float eps = (float)s->epsilon;
  double at_theta = 0;
  for (int64_t i = 0; i < s->queries; i++) {
    zeroth_plugin_direction z = {.size = sizeof z};
    z.key = services->child(step->step_key, ZEROTH_PLUGIN_KEY_QUERY, i);
    z.scale = s->sphere ? services->sphere_radius(z.key, step->layout) : 1;
    z.words[0] = (uint64_t)s->distribution;
    double losses[2], c;
    int32_t stop;
    if (s->one_sided) {
      // L(theta) is measured along with the first query: several points together are cheaper.
      const float offsets[] = {0, eps};
      stop = i == 0 ? objective->losses(objective, &z, offsets, 2, losses)
                    : objective->losses(objective, &z, offsets + 1, 1, losses + 1);
      if (i == 0) at_theta = losses[0];
      c = (losses[1] - at_theta) / (double)eps;
    } else {
      const float offsets[] = {eps, -eps};
      stop = objective->losses(objective, &z, offsets, 2, losses);
      c = (losses[0] - losses[1]) / (2 * (double)eps);
    }
    if (stop) return stop;
    stop = result->add_term(result, c / (double)s->queries, &z);
    if (stop) return stop;
  }
  return 0;
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

// ------------------------------------------------------------------------------------------------------- Library

static const zeroth_plugin_estimator rge = {
    .size = sizeof(zeroth_plugin_estimator),
    .name = "example-rge",
    .summary = "RGE as a library in C",
    .formula = "g = 1/q sum_i c_i z_i,  c_i = (L(theta + eps z_i) - L(theta - eps z_i)) / (2 eps)",
    .source = "MeZO (Malladi et al. 2023)",
    .evaluations_text = "2q, or q + 1 one-sided",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .create = create,
    .destroy = free,
    .evaluations = evaluations,
    .estimate = estimate,
    .add = add,
    .write = write};

static int32_t register_types(const zeroth_plugin_registrar *registrar, zeroth_plugin_failure *failure) {
  (void)failure;
  return registrar->register_estimator(registrar, &rge);
}

const zeroth_plugin *zeroth_plugin_query(void) {
  static const zeroth_plugin plugin = {
      .magic = ZEROTH_PLUGIN_MAGIC,
      .version = ZEROTH_PLUGIN_VERSION,
      .size = sizeof(zeroth_plugin),
      .name = "example-c",
      .register_types = register_types};
  return &plugin;
}
