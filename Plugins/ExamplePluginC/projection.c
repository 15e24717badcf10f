// A projection like DiZO's, with one ratio for all of the selected blocks: after every kappa-th step, with
// Delta_l = theta_l - theta_0,l,
//
//     rho = 1 - eta' (L(theta_0 + (1 + eps') Delta) - L(theta_0 + (1 - eps') Delta)) / (2 eps'), in [1 - tau, 1 + tau]
//     theta_l = theta_0,l + rho Delta_l
//
// Cost: 2 forward passes every kappa steps; one stored float for each parameter of the selected blocks.
#include <math.h>
#include <stdlib.h>

#include "example.h"

// ------------------------------------------------------------------------------------------------------- Options

static int32_t above_zero(const void *context, double value) {
  (void)context;
  return value > 0;
}

static int32_t positive_fraction(const void *context, double value) {
  (void)context;
  return value > 0 && value <= 1;
}

static const zeroth_plugin_option blocks = {
    .size = sizeof(zeroth_plugin_option),
    .name = "blocks",
    .kind = ZEROTH_PLUGIN_BLOCKS,
    .default_value = "query,value",
    .documentation = "the blocks that are projected"};

static const zeroth_plugin_option interval = {
    .size = sizeof(zeroth_plugin_option),
    .name = "interval",
    .kind = ZEROTH_PLUGIN_INTEGER,
    .default_value = "100",
    .minimum = 1,
    .maximum = INFINITY,
    .unit = "steps",
    .documentation = "kappa, after how many steps the ratio moves"};

static const zeroth_plugin_option learning_rate = {
    .size = sizeof(zeroth_plugin_option),
    .name = "learning-rate",
    .kind = ZEROTH_PLUGIN_NUMBER,
    .default_value = "0.1",
    .minimum = 0,
    .maximum = INFINITY,
    .documentation = "eta' of the ratio"};

static const zeroth_plugin_option epsilon = {
    .size = sizeof(zeroth_plugin_option),
    .name = "epsilon",
    .kind = ZEROTH_PLUGIN_NUMBER,
    .default_value = "0.1",
    .range = "above 0",
    .accepts = above_zero,
    .documentation = "eps' of the ratio"};

static const zeroth_plugin_option clip = {
    .size = sizeof(zeroth_plugin_option),
    .name = "clip",
    .kind = ZEROTH_PLUGIN_NUMBER,
    .default_value = "0.2",
    .range = "above 0, at most 1",
    .accepts = positive_fraction,
    .documentation = "tau: the ratio stays in [1 - tau, 1 + tau]"};

static const zeroth_plugin_option *const options[] = {&blocks, &interval, &learning_rate, &epsilon, &clip};

// ------------------------------------------------------------------------------------------------------- Adapter

typedef struct {
  const zeroth_plugin_services *services;
  const char *blocks;  // lives as long as the options do
  int64_t interval;
  double learning_rate, epsilon, clip;
  vector *anchor;  // theta_0 of the selected blocks; NULL before the first step. It never changes, so copies share it
} state;

static int32_t create(
    const zeroth_plugin_strategy *type, const zeroth_plugin_services *services, const zeroth_plugin_options *given,
    void **made, zeroth_plugin_failure *failure) {
  (void)type;
  state *s = calloc(1, sizeof *s);
  if (!s) return fail(failure, "", "no memory", "");
  s->services = services;
  s->blocks = given->text(given, "blocks");
  s->interval = given->integer(given, "interval");
  s->learning_rate = given->number(given, "learning-rate");
  s->epsilon = given->number(given, "epsilon");
  s->clip = given->number(given, "clip");
  *made = s;
  return 0;
}

static void destroy(void *of) {
  state *s = of;
  vector_release(s->anchor);
  free(s);
}

static int32_t copy(const void *of, void **made, zeroth_plugin_failure *failure) {
  const state *s = of;
  state *other = malloc(sizeof *other);
  if (!other) return fail(failure, "", "no memory", "");
  *other = *s;
  if (other->anchor) vector_retain(other->anchor);
  *made = other;
  return 0;
}

static int32_t validate(const void *of, const zeroth_plugin_layout *layout, zeroth_plugin_failure *failure) {
  const state *s = of;
  for (int64_t i = 0; i < layout->block_count; i++) {
    if (layout->blocks[i]->is_trainable && s->services->selects(s->blocks, layout, i) == 1) return 0;
  }
  return fail(failure, "blocks", "no trainable block", "at least one");
}

static int64_t state_count(const void *of) {
  const state *s = of;
  return s->anchor ? s->anchor->count : 0;
}

static int32_t save_state(
    const void *of, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
    const zeroth_plugin_writer *writer, zeroth_plugin_failure *failure) {
  (void)services, (void)layout, (void)failure;
  const state *s = of;
  return vector_save(s->anchor, writer);
}

static int32_t restore_state(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
    const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure) {
  state *s = of;
  return vector_restore(&s->anchor, services, layout, s->blocks, 1, reader, failure);
}

static int64_t forwards(const void *of, int64_t step) {
  const state *s = of;
  return (step + 1) % s->interval == 0 ? 2 : 0;
}

static double clip_of(const void *of) {
  const state *s = of;
  return s->clip;
}

// Stores theta_0.
static int32_t begin(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
    const zeroth_plugin_parameters *theta, zeroth_plugin_failure *failure) {
  state *s = of;
  vector_release(s->anchor);
  s->anchor = vector_make(services, layout, s->blocks, 1);
  if (!s->anchor) return fail(failure, "", "no memory", "");
  for (int64_t i = 0; i < layout->block_count; i++) {
    float *rows = vector_rows(s->anchor, 0, layout->blocks[i], 0);
    const int32_t stop = rows ? theta->read(theta, i, 0, layout->blocks[i]->rows, rows) : 0;
    if (stop) return stop;
  }
  return 0;
}

// ---------------------------------------------------------------------------------------------------- Directions

// Delta, while losses are measured along it. The payload of the direction points to this struct.
typedef struct {
  const vector *anchor;
  const zeroth_plugin_parameters *theta;
} difference;

// values += scale (theta - theta_0)
static void add(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *direction, const zeroth_plugin_block *block,
    int64_t first_row, int64_t rows, float scale, float *values) {
  (void)services;
  const difference *delta = direction->payload;
  const float *anchor = vector_rows(delta->anchor, 0, block, first_row);
  const int64_t count = rows * block->columns;
  float *theta = malloc((size_t)count * sizeof *theta);
  if (theta && !delta->theta->read(delta->theta, block->index, first_row, rows, theta)) {
    for (int64_t i = 0; i < count; i++) values[i] += scale * (theta[i] - anchor[i]);
  } else if (!theta) {
    values[0] = NAN;  // no memory: the host notices a value that is not a number
  }
  free(theta);
}

static int32_t touches(const zeroth_plugin_direction *direction, const zeroth_plugin_block *block) {
  const difference *delta = direction->payload;
  return vector_rows(delta->anchor, 0, block, 0) != NULL;
}

static const zeroth_plugin_direction_functions directions = {
    .size = sizeof(zeroth_plugin_direction_functions), .add = add, .touches = touches};

static int32_t did_apply(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure) {
  (void)services, (void)update, (void)failure;
  const state *s = of;
  if (forwards(of, step->step) == 0) return 0;
  difference delta = {s->anchor, theta};
  const zeroth_plugin_direction direction = {.size = sizeof direction, .payload = &delta};
  const zeroth_plugin_direction *along[] = {&direction};
  const zeroth_plugin_point points[] = {{0, (float)s->epsilon}, {0, (float)-s->epsilon}};
  const zeroth_plugin_request request = {
      .size = sizeof request, .directions = along, .direction_count = 1, .points = points, .point_count = 2};
  const double *losses;
  int32_t stop = objective->losses(objective, &request, &losses);
  if (stop) return stop;
  const double slope = (losses[0] - losses[1]) / (2 * s->epsilon);
  if (!isfinite(slope)) {
    moves->non_finite_moves = 1;
    return 0;
  }
  const double ratio = fmin(fmax(1 - s->learning_rate * slope, 1 - s->clip), 1 + s->clip);
  for (int64_t i = 0; i < step->layout->block_count; i++) {
    const float *anchor = vector_rows(s->anchor, 0, step->layout->blocks[i], 0);
    stop = anchor ? moves->project(moves, i, anchor, ratio) : 0;
    if (stop) return stop;
  }
  return 0;
}

// ------------------------------------------------------------------------------------------------------ The struct

static const zeroth_plugin_strategy strategy = {
    .size = sizeof(zeroth_plugin_strategy),
    .name = "example-projection",
    .summary = "A projection like DiZO's with one ratio for all blocks, as a library in C",
    .formula = "theta_l = theta_0,l + rho (theta_l - theta_0,l) every kappa steps, rho found by two losses",
    .source = "DiZO (arXiv 2502.03304), with one ratio",
    .forwards_text = "2 every kappa steps",
    .state_text = "1 per parameter of the selected blocks",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .directions = &directions,
    .create = create,
    .destroy = destroy,
    .copy = copy,
    .validate = validate,
    .state_count = state_count,
    .save_state = save_state,
    .restore_state = restore_state};

const zeroth_plugin_adapter example_projection = {
    .size = sizeof(zeroth_plugin_adapter),
    .strategy = &strategy,
    .forwards = forwards,
    .clip = clip_of,
    .begin = begin,
    .did_apply = did_apply};
