// Libraries whose rule, adapter or state does wrong, one for each name that is defined. Without one the rule is SGD, which
// keeps a number, and the adapter takes the better of two lengths of the step; both do right.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "CZerothPlugin.h"

#ifdef OWN_DIRECTION
enum { own = 1 };
#else
enum { own = 0 };
#endif

typedef struct {
  double average;
  int64_t steps;
} state;

static int32_t create(
    const zeroth_plugin_strategy *type, const zeroth_plugin_services *services, const zeroth_plugin_options *options,
    void **made, zeroth_plugin_failure *failure) {
  (void)type, (void)services, (void)options, (void)failure;
  *made = calloc(1, sizeof(state));
  return *made == NULL;
}

static int32_t copy(const void *of, void **made, zeroth_plugin_failure *failure) {
  (void)failure;
#ifdef COPY_FAILS
  strcpy(failure->message, "no twins");
  return 1;
#endif
#ifdef COPY_ABORTS
  abort();
#endif
  *made = malloc(sizeof(state));
  if (!*made) return 1;
  memcpy(*made, of, sizeof(state));
  return 0;
}

static int64_t state_count(const void *of) {
  (void)of;
#ifdef STATE_COUNT_NEGATIVE
  return -5;
#else
  return 1;
#endif
}

// --------------------------------------------------------------------------------------------------------- State

static int32_t save_state(
    const void *of, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
    const zeroth_plugin_writer *writer, zeroth_plugin_failure *failure) {
  (void)services, (void)layout, (void)failure;
  const state *s = of;
#ifdef SAVE_ABORTS
  abort();
#endif
#ifdef SAVE_FAILS
  strcpy(failure->message, "forgotten");
  return 1;
#endif
#ifdef SAVE_NULL
  return writer->write(writer, "average", ZEROTH_PLUGIN_DOUBLES, NULL, 1);
#endif
#ifdef SAVE_TYPE
  return writer->write(writer, "average", 9, &s->average, 1);
#endif
#ifdef SAVE_COUNT
  return writer->write(writer, "average", ZEROTH_PLUGIN_DOUBLES, &s->average, -1);
#endif
#ifdef SAVE_NAME
  return writer->write(writer, NULL, ZEROTH_PLUGIN_DOUBLES, &s->average, 1);
#endif
#ifdef SAVE_IGNORES
  writer->write(writer, NULL, ZEROTH_PLUGIN_DOUBLES, &s->average, 1);
  return 0;
#endif
  int32_t stop = writer->write(writer, "average", ZEROTH_PLUGIN_DOUBLES, &s->average, 1);
  if (!stop) stop = writer->write(writer, "steps", ZEROTH_PLUGIN_INTEGERS, &s->steps, 1);
  return stop;
}

static int32_t restore_state(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
    const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure) {
  (void)services, (void)layout, (void)failure;
  state *s = of;
#ifdef RESTORE_ABORTS
  abort();
#endif
#ifdef RESTORE_FAILS
  strcpy(failure->message, "not mine");
  return 1;
#endif
#ifdef RESTORE_NULL
  return reader->read(reader, "average", ZEROTH_PLUGIN_DOUBLES, NULL, 1);
#endif
#ifdef RESTORE_TYPE
  return reader->read(reader, "average", ZEROTH_PLUGIN_FLOATS, &s->average, 1);
#endif
#ifdef RESTORE_OTHER
  return reader->read(reader, "momentum", ZEROTH_PLUGIN_DOUBLES, &s->average, 1);
#endif
#ifdef RESTORE_COUNT
  double two[2];
  return reader->read(reader, "average", ZEROTH_PLUGIN_DOUBLES, two, 2);
#endif
#ifdef RESTORE_IGNORES
  reader->read(reader, "momentum", ZEROTH_PLUGIN_DOUBLES, &s->average, 1);
  return 0;
#endif
  int64_t count = 0;
  int32_t stop = reader->count(reader, "average", ZEROTH_PLUGIN_DOUBLES, &count);
  if (stop || count != 1) return 1;
  stop = reader->read(reader, "average", ZEROTH_PLUGIN_DOUBLES, &s->average, 1);
#ifdef RESTORE_LESS
  return stop;
#endif
  if (!stop) stop = reader->read(reader, "steps", ZEROTH_PLUGIN_INTEGERS, &s->steps, 1);
#ifdef RESTORE_MORE
  double more;
  if (!stop) stop = reader->read(reader, "more", ZEROTH_PLUGIN_DOUBLES, &more, 1);
#endif
#ifdef RESTORE_LIES
  s->average = 0;
#endif
  return stop;
}

// ---------------------------------------------------------------------------------------------------------- Rule

static void panel(void *of, const zeroth_plugin_block *block, int64_t first_row, int64_t rows) {
  const zeroth_plugin_terms *terms = of;
  float *values = malloc((size_t)(rows * block->columns) * sizeof *values);
#ifdef PANEL_ABORTS
  abort();
#endif
#ifdef TERM_ELSEWHERE
  terms->add(terms, 5, block, first_row, rows, 1, values);
#elif defined TERM_BLOCK
  zeroth_plugin_block other = *block;
  terms->add(terms, 0, &other, first_row, rows, 1, values);
#elif defined TERM_ROWS
  terms->add(terms, 0, block, first_row, rows + 1000, 1, values);
#elif defined TERM_SCALE
  terms->add(terms, 0, block, first_row, rows, NAN, values);
#elif defined TERM_NULL
  terms->add(terms, 0, block, first_row, rows, 1, NULL);
#elif defined TERM_FACTORS
  terms->write_left(terms, 0, block, first_row, rows, values);
#elif defined TERM_RELEASED
  terms->release(terms);
#else
  (void)first_row;
  terms->touches(terms, 0, block);
#endif
  free(values);
}

static int32_t update(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_estimate *estimate, zeroth_plugin_update *update, zeroth_plugin_failure *failure) {
  (void)services, (void)failure;
  state *s = of;
  s->average = 0.9 * s->average + 0.1 * estimate->projected_gradient;
  s->steps++;
#ifdef UPDATE_FAILS
  strcpy(failure->message, "no way forward");
  return 1;
#endif
#ifdef UPDATE_ABORTS
  abort();
#endif
#ifdef UPDATE_READS_NULL
  return *(volatile int32_t *)NULL;
#endif
#ifdef UPDATE_NONE
  return 0;
#endif
  const zeroth_plugin_terms *terms = estimate->terms;
#ifdef PANEL_NULL
  int32_t stop = step->for_each_panel(step, NULL, NULL);
#else
  int32_t stop = step->for_each_panel(step, (void *)terms, panel);
#endif
#ifndef IGNORES_STOP
  if (stop) return stop;
#endif
  float weights[16];
  for (int64_t i = 0; i < terms->count; i++) {
    weights[i] = (float)(-step->learning_rate * terms->terms[i]->coefficient);
  }
#ifdef WEIGHT_NAN
  weights[0] = NAN;
#endif
#ifdef WEIGHTS_NULL
  return update->set_weights(update, NULL);
#endif
#ifdef NEVER_THE_SAME
  static float number;
  weights[0] *= number += 1;
#endif
  if (own) {
    const zeroth_plugin_direction direction = {
#ifdef DIRECTION_SIZE
        .size = 8,
#else
        .size = sizeof direction,
#endif
        .numbers = {-step->learning_rate, (double)s->steps}, .payload = (void *)terms};
    return update->set_direction(update, &direction);
  }
#ifdef UPDATE_TWICE
  update->set_weights(update, weights);
#endif
  return update->set_weights(update, weights);
}

// SGD again, from the terms that the payload holds.
static void add(
    const zeroth_plugin_services *services, const zeroth_plugin_direction *direction, const zeroth_plugin_block *block,
    int64_t first_row, int64_t rows, float scale, float *values) {
  (void)services;
  const zeroth_plugin_terms *terms = direction->payload;
  for (int64_t i = 0; i < terms->count; i++) {
    const float weight = (float)(direction->numbers[0] * terms->terms[i]->coefficient);
    terms->add(terms, i, block, first_row, rows, scale * weight, values);
  }
#ifdef ADD_ABORTS
  abort();
#endif
#ifdef ADD_NAN
  if (direction->numbers[1] > 2) values[0] = NAN;
#endif
#ifdef ADD_WRITES_BEHIND
  values[rows * block->columns] = 1;
#endif
}

static void retain(void *payload) {
  const zeroth_plugin_terms *terms = payload;
  terms->retain(terms);
}

static void release(void *payload) {
  const zeroth_plugin_terms *terms = payload;
  terms->release(terms);
}

static const zeroth_plugin_direction_functions directions = {
    .size = sizeof(zeroth_plugin_direction_functions), .add = add, .retain = retain, .release = release};

static const zeroth_plugin_option learning_rate = {
    .size = sizeof(zeroth_plugin_option),
    .name = "learning-rate",
    .kind = ZEROTH_PLUGIN_NUMBER,
    .default_value = "1",
    .documentation = "another one"};
static const zeroth_plugin_option *const rule_options[] = {&learning_rate};

static const zeroth_plugin_strategy rule_strategy = {
    .size = sizeof(zeroth_plugin_strategy),
#ifdef RULE_NAME_TAKEN
    .name = "sgd",
#else
    .name = "hostile-rule",
#endif
    .summary = "A test",
    .formula = "theta -= eta g",
    .source = "tests",
    .options = rule_options,
#ifdef RULE_OPTION_TAKEN
    .option_count = 1,
#endif
#ifndef NO_DIRECTIONS
    .directions = &directions,
#endif
    .create = create,
    .destroy = free,
#ifndef NO_COPY
    .copy = copy,
#endif
#ifndef NO_SAVE
    .save_state = save_state,
#endif
#if !defined NO_SAVE && !defined NO_RESTORE
    .restore_state = restore_state,
#endif
    .state_count = state_count};

static const zeroth_plugin_rule rule = {
#ifdef RULE_SIZE
    .size = 16,
#else
    .size = sizeof(zeroth_plugin_rule),
#endif
#ifdef RULE_CAPABILITY
    .capabilities = 64,
#endif
#ifndef NO_UPDATE
    .update = update,
#endif
    .strategy = &rule_strategy};

// ------------------------------------------------------------------------------------------------------- Adapter

static int64_t forwards(const void *of, int64_t step) {
  (void)of, (void)step;
#ifdef ADAPTER_FORWARDS
  return -2;
#elif defined MEASURES_MORE
  return 1;
#elif defined MEASURES_FEWER
  return 3;
#else
  return 2;
#endif
}

static double clip(const void *of) {
  (void)of;
#ifdef CLIP_NEGATIVE
  return -1;
#elif defined CLIP_NAN
  return NAN;
#else
  return 0.2;
#endif
}

static int32_t begin(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
    const zeroth_plugin_parameters *theta, zeroth_plugin_failure *failure) {
  (void)of, (void)services, (void)layout, (void)theta, (void)failure;
#ifdef BEGIN_FAILS
  strcpy(failure->message, "not today");
  return 1;
#endif
#ifdef BEGIN_ABORTS
  abort();
#endif
#ifdef BEGIN_READS_OUTSIDE
  float value;
  return theta->read(theta, 99, 0, 1, &value);
#endif
  return 0;
}

static int32_t measure(
    const zeroth_plugin_objective *objective, const zeroth_plugin_terms *update, const double **losses) {
  const zeroth_plugin_direction direction = {.size = sizeof direction, .terms = update};
  const zeroth_plugin_direction *along[] = {&direction};
  const zeroth_plugin_point points[] = {{0, 1.1f}, {0, 0.9f}};
  const zeroth_plugin_request request = {
      .size = sizeof request, .directions = along, .direction_count = 1, .points = points, .point_count = 2};
  return objective->losses(objective, &request, losses);
}

static int32_t scales(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure) {
  (void)of, (void)services, (void)theta, (void)failure;
#ifdef SCALES_ABORTS
  abort();
#endif
#ifdef SCALES_FAILS
  strcpy(failure->message, "no measure");
  return 1;
#endif
#ifdef OWN_WITHOUT_FUNCTIONS
  const zeroth_plugin_direction direction = {.size = sizeof direction};
  const zeroth_plugin_direction *along[] = {&direction};
  const zeroth_plugin_point point = {0, 1};
  const zeroth_plugin_request request = {
      .size = sizeof request, .directions = along, .direction_count = 1, .points = &point, .point_count = 1};
  const double *found;
  return objective->losses(objective, &request, &found);
#endif
  const double *losses;
  int32_t stop = measure(objective, update, &losses);
  if (stop) return stop;
  if (!isfinite(losses[0] - losses[1])) {
    moves->non_finite_moves = 1;
    return 0;
  }
  double factor = losses[0] < losses[1] ? 1.1 : 0.9;
#ifdef SCALE_NAN
  factor = NAN;
#endif
#ifdef SCALE_OUTSIDE
  factor = 3;
#endif
#ifdef SCALE_ELSEWHERE
  return moves->scale(moves, 99, factor);
#endif
#ifdef PROJECT_EARLY
  return moves->project(moves, 0, NULL, factor);
#endif
#ifdef MOVES_NEGATIVE
  moves->non_finite_moves = -1;
#endif
  for (int64_t i = 0; i < step->layout->block_count; i++) {
    if (!step->layout->blocks[i]->is_trainable) continue;
    stop = moves->scale(moves, i, factor);
    if (stop) return stop;
  }
  return 0;
}

// Puts the rows of every block where they are.
static int32_t did_apply(
    void *of, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
    const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure) {
  (void)of, (void)services, (void)objective, (void)update, (void)failure;
#ifdef DID_APPLY_ABORTS
  abort();
#endif
#ifdef SCALE_LATE
  return moves->scale(moves, 0, 1);
#endif
#ifdef WRITE_NULL
  return moves->write(moves, 0, 0, 1, NULL);
#endif
#ifdef PROJECT_NULL
  return moves->project(moves, 0, NULL, 1.1);
#endif
  for (int64_t i = 0; i < step->layout->block_count; i++) {
    const zeroth_plugin_block *block = step->layout->blocks[i];
    if (!block->is_trainable) continue;
    float *values = malloc((size_t)(block->rows * block->columns) * sizeof *values);
    int32_t stop = theta->read(theta, i, 0, block->rows, values);
#ifdef WRITE_NAN
    values[0] = NAN;
#endif
#ifdef WRITE_OUTSIDE
    if (!stop) stop = moves->write(moves, i, 1, block->rows, values);
#endif
#ifdef PROJECT_OUTSIDE
    if (!stop) stop = moves->project(moves, i, values, 1.5);
#endif
    if (!stop) stop = moves->write(moves, i, 0, block->rows, values);
    if (!stop) stop = moves->project(moves, i, values, 1.1);
    free(values);
    if (stop) return stop;
  }
#ifdef MEASURES_LATE
  const double *losses;
  return measure(objective, update, &losses);
#endif
  return 0;
}

static const zeroth_plugin_strategy adapter_strategy = {
    .size = sizeof(zeroth_plugin_strategy),
    .name = "hostile-adapter",
    .summary = "A test",
    .formula = "s = 1.1 or 0.9",
    .source = "tests",
    .create = create,
    .destroy = free};

static const zeroth_plugin_adapter adapter = {
#ifdef ADAPTER_SIZE
    .size = 16,
#else
    .size = sizeof(zeroth_plugin_adapter),
#endif
#ifdef ADAPTER_CAPABILITY
    .capabilities = 1,
#else
    .capabilities = ZEROTH_PLUGIN_NO_WEIGHT_DECAY,
#endif
#ifndef NO_HOOKS
    .scales = scales,
    .did_apply = did_apply,
#endif
    .forwards = forwards,
    .clip = clip,
    .begin = begin,
    .strategy = &adapter_strategy};

static int32_t register_types(const zeroth_plugin_registrar *registrar, zeroth_plugin_failure *failure) {
  (void)failure;
#ifdef RULE_GARBAGE
  return registrar->register_rule(registrar, (const zeroth_plugin_rule *)(uintptr_t)4096);
#endif
#ifdef ADAPTER_NULL
  return registrar->register_adapter(registrar, NULL);
#endif
  return registrar->register_rule(registrar, &rule) || registrar->register_adapter(registrar, &adapter);
}

const zeroth_plugin *zeroth_plugin_query(void) {
  static const zeroth_plugin plugin = {
      .magic = ZEROTH_PLUGIN_MAGIC,
      .version = ZEROTH_PLUGIN_VERSION,
      .size = sizeof(zeroth_plugin),
      .name = "hostile-parts",
      .register_types = register_types};
  return &plugin;
}
