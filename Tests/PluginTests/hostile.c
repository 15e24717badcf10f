// Libraries whose estimator does wrong, one for each name that is defined. Without one it is an RGE that does right.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CZerothPlugin.h"

#ifdef CONSTRUCTOR_ABORTS
__attribute__((constructor)) static void start(void) { abort(); }
#endif

static int64_t estimates;
static char a_state;

static int32_t recurse(volatile int32_t depth) {
  volatile char room[4096];
  room[0] = (char)depth;
  return recurse(depth + 1) + room[0];
}

static int32_t create(
    const zeroth_plugin_strategy *type, const zeroth_plugin_services *services, const zeroth_plugin_options *options,
    void **state, zeroth_plugin_failure *failure) {
  (void)type, (void)services, (void)options, (void)failure, (void)recurse;
  *state = &a_state;
#ifdef CREATE_FAILS
  snprintf(failure->message, sizeof failure->message, "no luck\x80 today\n");
  return 7;
#endif
#ifdef CREATE_ABORTS
  abort();
#endif
#ifdef CREATE_READS_NULL
  return *(volatile int32_t *)NULL;
#endif
#ifdef CREATE_TRAPS
  __builtin_trap();
#endif
#ifdef CREATE_OVERFLOWS
  return recurse(0);
#endif
#ifdef CREATE_THROWS
  void throw_it(void);
  throw_it();
#endif
#ifdef CREATE_ASKS_WRONG
  return options->integer(options, "colour") != 0;
#endif
  return 0;
}

static int32_t validate(const void *state, const zeroth_plugin_layout *layout, zeroth_plugin_failure *failure) {
  (void)state, (void)layout, (void)failure;
#ifdef VALIDATE_FAILS
  snprintf(failure->subject, sizeof failure->subject, "rank");
  snprintf(failure->message, sizeof failure->message, "9");
  snprintf(failure->expected, sizeof failure->expected, "at most 4");
  return 1;
#endif
  return 0;
}

static int64_t forwards(const void *state, const zeroth_plugin_layout *layout, int64_t step) {
  (void)state, (void)layout, (void)step;
#ifdef FORWARDS_NEGATIVE
  return -2;
#elif defined FORWARDS_HUGE
  return INT64_MAX;
#elif defined MEASURES_MORE
  return 1;
#elif defined MEASURES_FEWER
  return 3;
#else
  return 2;
#endif
}

static int64_t traits(const void *state) {
  (void)state;
#ifdef TRAITS_UNKNOWN
  return 4096;
#elif defined DRAW_NEGATIVE
  return ZEROTH_PLUGIN_DRAWS_BATCHES;
#else
  return 0;
#endif
}

static int32_t grain(const void *state) {
  (void)state;
#ifdef GRAIN_UNKNOWN
  return 7;
#elif defined EXAMPLES
  return ZEROTH_PLUGIN_EXAMPLE;
#else
  return ZEROTH_PLUGIN_BATCH;
#endif
}

static int32_t estimate(
    void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective, zeroth_plugin_result *result,
    zeroth_plugin_failure *failure) {
  (void)state, (void)theta, (void)failure;
  const float eps = 1e-3f;
  estimates++;
  zeroth_plugin_direction z = {.size = sizeof z};
  z.key = services->child(step->step_key, ZEROTH_PLUGIN_KEY_QUERY, 0);
#if defined RANK_CHANGES || defined RANK_TOO_LARGE || defined TWO_RIGHT_FACTORS || defined RANK_NONE || defined NAN_LEFT || defined RANK_WITHOUT_FACTORS
  z.rank = 2;
  z.matrix_scale = 1;
  z.right_key = services->child(step->run_key, ZEROTH_PLUGIN_KEY_RIGHT, 0);
#endif
#ifdef RANK_CHANGES
  z.rank = step->step > 0 ? 1 : 2;
#endif
#ifdef RANK_TOO_LARGE
  z.rank = 1000000000;
#endif
#ifdef RANK_NONE
  z.rank = 0;
#endif
  zeroth_plugin_point points[] = {{0, eps}, {0, -eps}};
#ifdef NAN_OFFSET
  points[1].offset = NAN;
#endif
#ifdef POINT_ELSEWHERE
  points[1].direction = 7;
#endif
  const double *losses = NULL, **found = &losses;
  const zeroth_plugin_direction *direction = &z;
#ifdef DIRECTION_NULL
  direction = NULL;
#endif
#ifdef DIRECTION_SIZE
  z.size = 8;
#endif
#ifdef DIRECTION_OF_THE_HOST
  z.terms = (const zeroth_plugin_terms *)(uintptr_t)4096;
#endif
  zeroth_plugin_request request = {
      .size = sizeof request, .directions = &direction, .direction_count = 1, .points = points, .point_count = 2};
  const zeroth_plugin_request *asked = &request;
#ifdef REQUEST_NULL
  asked = NULL;
#endif
#ifdef REQUEST_SIZE
  request.size = 12;
#endif
#ifdef DIRECTIONS_NULL
  request.directions = NULL;
#endif
#ifdef DIRECTIONS_MANY
  request.direction_count = INT64_MAX;
#endif
#ifdef POINTS_GARBAGE
  request.points = (const zeroth_plugin_point *)(uintptr_t)64;
#endif
#ifdef FACTORS_GARBAGE
  const float *const factors[] = {(const float *)(uintptr_t)64};
  request.factors = factors;
#endif
#ifdef DRAWS_UNDECLARED
  request.draw = 1;
#endif
#ifdef DRAW_NEGATIVE
  request.draw = -1;
#endif
#ifdef COUNT_NEGATIVE
  request.point_count = -1;
#endif
#ifdef LOSSES_NULL
  found = NULL;
#endif
#ifdef READS_OUTSIDE
  float row[1];
  int32_t stop = theta->read(theta, 1, 1000, 1, row);
#elif defined READS_INTO_NULL
  int32_t stop = theta->read(theta, 1, 0, 1, NULL);
#else
  int32_t stop = objective->losses(objective, asked, found);
#endif
#ifndef IGNORES_STOP
  if (stop) return stop;
#endif
#ifdef ESTIMATE_FAILS
  snprintf(failure->message, sizeof failure->message, "lost my way");
  return 1;
#endif
#ifdef ESTIMATE_ABORTS
  abort();
#endif
#ifdef IGNORES_STOP
  const double none[] = {0, 0};
  if (!losses) losses = none;
#endif
#ifdef EXAMPLES
  const int64_t count = objective->losses_per_point(objective);
  double means[2] = {0, 0};
  for (int64_t i = 0; i < 2 * count; i++) means[i / count] += losses[i] / (double)count;
  losses = means;
#endif
  double c = (losses[0] - losses[1]) / (2 * (double)eps);
#ifdef NAN_COEFFICIENT
  c = NAN;
#endif
#ifdef INFINITE_COEFFICIENT
  c = INFINITY;
#endif
#ifdef INFINITE_PROJECTED_GRADIENT
  result->projected_gradient = INFINITY;
#endif
#ifdef INFINITE_EPSILON
  result->epsilon = INFINITY;
#endif
#ifdef NO_TERMS
  return 0;
#endif
#ifdef TWO_RIGHT_FACTORS
  stop = result->add_term(result, c, direction);
  if (stop) return stop;
  z.right_key = services->child(step->run_key, ZEROTH_PLUGIN_KEY_RIGHT, 1);
#endif
  return result->add_term(result, c, direction);
}

static void add(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *z, const zeroth_plugin_block *block,
    int64_t first_row, int64_t rows, float scale, float *values) {
  const int64_t count = rows * block->columns;
  zeroth_plugin_key key = services->child(z->key, ZEROTH_PLUGIN_KEY_BLOCK, block->index);
#ifdef DISTRIBUTION_UNKNOWN
  services->noise_add(key, 17, first_row * block->columns, count, scale, values);
  return;
#endif
  services->noise_add(key, ZEROTH_PLUGIN_GAUSSIAN, first_row * block->columns, count, scale, values);
#ifdef NAN_VALUE
  if (block->index == 1) values[count - 1] = NAN;
#endif
#ifdef NAN_VALUE_LATER
  if (estimates > 3) values[0] = NAN;
#endif
#ifdef WRITES_BEHIND
  values[count] = 1;
#endif
#ifdef WRITES_BEFORE
  values[-1] += 1;
#endif
#ifdef WRITES_BEHIND_LATER
  if (estimates > 2) values[count] = 1;
#endif
#ifdef ADDS_WHAT_IT_READS
  for (int64_t i = 0; i < count; i++) values[i] += 0.5f * values[i];
#endif
#ifdef NEVER_THE_SAME
  static float number;
  values[0] += number += 1;
#endif
#ifdef ADD_ABORTS
  abort();
#endif
#ifdef ADD_READS_NULL
  values[0] = *(volatile float *)NULL;
#endif
}

#ifdef WRITE_READS
static void write(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *z, const zeroth_plugin_block *block,
    int64_t first_row, int64_t rows, int64_t first_column, int64_t columns, float *values) {
  (void)services, (void)z, (void)block, (void)first_row, (void)rows, (void)first_column, (void)columns;
  values[0] += 1;
}
#endif

static void left(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *z, const zeroth_plugin_block *block,
    int64_t first_row, int64_t rows, float *values) {
  zeroth_plugin_key key = services->child(z->key, ZEROTH_PLUGIN_KEY_LEFT, block->index);
  services->noise_fill(key, ZEROTH_PLUGIN_GAUSSIAN, first_row * z->rank, rows * z->rank, 1, values);
#ifdef NAN_LEFT
  values[0] = NAN;
#endif
}

static void right(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *z, const zeroth_plugin_block *block,
    float *values) {
  zeroth_plugin_key key = services->child(z->right_key, ZEROTH_PLUGIN_KEY_BLOCK, block->index);
  services->noise_fill(key, ZEROTH_PLUGIN_GAUSSIAN, 0, block->columns * z->rank, 1, values);
}

static const zeroth_plugin_option option = {
#ifdef OPTION_SIZE
    .size = 12,
#else
    .size = sizeof(zeroth_plugin_option),
#endif
#ifdef OPTION_NAME
    .name = "Not Kebab",
#else
    .name = "epsilon",
#endif
#ifdef OPTION_KIND
    .kind = 99,
#else
    .kind = ZEROTH_PLUGIN_NUMBER,
#endif
#ifdef OPTION_DEFAULT
    .default_value = "-1",
#else
    .default_value = "0.001",
#endif
#ifdef OPTION_RANGE
    .minimum = 3,
    .maximum = 2,
#else
    .minimum = 0,
    .maximum = INFINITY,
#endif
    .documentation = "eps"};
static const zeroth_plugin_option *const options[] = {&option};

static const zeroth_plugin_direction_functions directions = {
#ifdef DIRECTIONS_SIZE
    .size = 8,
#else
    .size = sizeof(zeroth_plugin_direction_functions),
#endif
#if !defined RANK_WITHOUT_FACTORS && !defined LOW_RANK_WITHOUT_FACTORS
    .write_left = left,
    .write_right = right,
#endif
#ifdef WRITE_READS
    .write = write,
#endif
#ifdef NO_RELEASE
    .retain = free,
#endif
#ifndef NO_ADD
    .add = add
#endif
};

static const zeroth_plugin_strategy strategy = {
#ifdef STRATEGY_SIZE
    .size = 16,
#else
    .size = sizeof(zeroth_plugin_strategy),
#endif
#ifdef TYPE_NAME
    .name = "Hostile!",
#elif defined TYPE_NAME_TAKEN
    .name = "rge",
#else
    .name = "hostile",
#endif
#ifdef NO_FORMULA
    .formula = NULL,
#elif defined FORMULA_GARBAGE
    .formula = (const char *)64,
#else
    .formula = "g = c z",
#endif
    .summary = "A test",
    .source = "tests",
    .forwards_text = "2",
#ifdef OPTION_COUNT
    .option_count = -1,
#else
    .option_count = 1,
#endif
    .options = options,
#ifdef DIRECTIONS_GARBAGE
    .directions = (const zeroth_plugin_direction_functions *)(uintptr_t)64,
#elif !defined NO_DIRECTIONS
    .directions = &directions,
#endif
    .validate = validate,
#ifndef NO_CREATE
    .create = create
#endif
};

static const zeroth_plugin_estimator type = {
#ifdef TYPE_SIZE
    .size = 16,
#else
    .size = sizeof(zeroth_plugin_estimator),
#endif
#ifndef NO_STRATEGY
    .strategy = &strategy,
#endif
#if defined RANK_CHANGES || defined TWO_RIGHT_FACTORS || defined RANK_NONE || defined LOW_RANK_WITHOUT_FACTORS
    .capabilities = ZEROTH_PLUGIN_LOW_RANK,
#elif defined CAPABILITY_UNKNOWN
    .capabilities = 1 << 20,
#endif
    .forwards = forwards,
    .traits = traits,
    .grain = grain,
#ifndef NO_ESTIMATE
    .estimate = estimate
#endif
};

static int32_t register_types(const zeroth_plugin_registrar *registrar, zeroth_plugin_failure *failure) {
  (void)failure, (void)type;
#ifdef REGISTER_FAILS
  memset(failure->message, 'x', sizeof failure->message);
  return 1;
#endif
#ifdef REGISTER_ABORTS
  abort();
#endif
#ifdef REGISTER_NOTHING
  return 0;
#endif
#ifdef REGISTER_GARBAGE
  return registrar->register_estimator(registrar, (const zeroth_plugin_estimator *)(uintptr_t)4096);
#endif
#ifdef REGISTER_TWICE
  registrar->register_estimator(registrar, &type);
#endif
  return registrar->register_estimator(registrar, &type);
}

static const zeroth_plugin plugin = {
#ifdef WRONG_MAGIC
    .magic = 42,
#else
    .magic = ZEROTH_PLUGIN_MAGIC,
#endif
#ifdef WRONG_VERSION
    .version = 1,
#else
    .version = ZEROTH_PLUGIN_VERSION,
#endif
#ifdef WRONG_SIZE
    .size = 8,
#elif defined HUGE_SIZE
    .size = UINT32_MAX,
#else
    .size = sizeof(zeroth_plugin),
#endif
#ifdef NO_NAME
    .name = NULL,
#elif defined NAME_GARBAGE
    .name = (const char *)64,
#else
    .name = "hostile-library",
#endif
#ifndef NO_REGISTER
    .register_types = register_types
#endif
};

#ifdef NO_SYMBOL
const zeroth_plugin *another_query(void) { return &plugin; }
#elif defined HIDDEN_SYMBOL
__attribute__((visibility("hidden"))) const zeroth_plugin *zeroth_plugin_query(void) { return &plugin; }
const char *said = "zeroth_plugin_query";
#elif defined QUERY_NULL
const zeroth_plugin *zeroth_plugin_query(void) { return &plugin == NULL ? &plugin : NULL; }
#elif defined QUERY_ABORTS
const zeroth_plugin *zeroth_plugin_query(void) { return getenv("PATH") ? (abort(), &plugin) : &plugin; }
#else
const zeroth_plugin *zeroth_plugin_query(void) { return &plugin; }
#endif
