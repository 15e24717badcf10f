// The run-time plugin interface of Zeroth: how a shared library, in any language that speaks C, gives the tool gradient
// estimators, step rules and layer adapters. This header is all that an author needs (it includes what the host gives, in
// CZerothPluginGiven.h); Plugins/ExamplePluginC is a whole plugin.
//
// What happens, in order:
//   1. `zeroth ... --plugin path/libmine.so` opens the library and calls `zeroth_plugin_query`. It reads `magic`, then
//      `version`, then `size`, then `name`; nothing else of the library is touched before these are right.
//   2. It calls `register_types` once. The library hands over a struct for each estimator, rule and adapter.
//   3. A run makes a strategy with `create`. Once a step it calls `estimate` of the estimator, `update` of the rule, and
//      `scales` and `did_apply` of the adapter.
//   4. Zeroth calls the functions on directions to measure along a direction and to apply it: a direction is not stored, it
//      is made again, rows of a block at a time, from the plain data in `zeroth_plugin_direction`.
//   5. A checkpoint is written by `save_state` and read by `restore_state`.
//
// Laws:
//   - Directions are pure: the same direction, block and rows give the same values, whatever they are added to, in
//     whatever order and on whatever thread. The functions on them are called from several threads at once.
//   - A strategy takes random numbers from the keys of the step alone, and losses from the objective alone, exactly as
//     many as `forwards` says. Then runs can be repeated, resumed and replayed bit for bit.
//   - The directions of an estimate are those that were measured, up to a factor.
//   - A copy is independent, and an update that was made stays what it was: what a direction's payload holds must not
//     change while it has a user beside the strategy.
//   - A state that was saved and restored goes on bit for bit.
//
// Structs begin with their size, so that a later version can append to them; those in arrays are pointed at. Texts are
// UTF-8, end with 0, and must stay valid for as long as the process runs, as must the types; where the host gives a text
// or a struct, it is valid during the call, unless it says more. Matrices are stored row by row. Functions that may fail
// return 0, or another number with the reason in `failure`. What the host gives returns 0, or another number when the call
// must end: return that number at once. A library is never unloaded.
#ifndef CZEROTH_PLUGIN_H
#define CZEROTH_PLUGIN_H

#include "CZerothPluginGiven.h"

#ifdef __cplusplus
extern "C" {
#endif

// "ZerothPI", little endian.
#define ZEROTH_PLUGIN_MAGIC UINT64_C(0x495068746f72655a)
#define ZEROTH_PLUGIN_VERSION 2

// ------------------------------------------------------------------------------------------------- Directions

// The functions on the directions of a strategy. Those marked optional may be NULL.
typedef struct zeroth_plugin_direction_functions {
  uint64_t size;
  // values += scale D[rows], where values holds the rows first_row ..< first_row + rows of the block (rows x columns).
  // Of a direction of rank above 0 it is asked for vectors alone.
  void (*add)(
      const zeroth_plugin_services *services, const zeroth_plugin_direction *direction,
      const zeroth_plugin_block *block, int64_t first_row, int64_t rows, float scale, float *values);
  // Optional, for speed: values = D[rows, columns], the columns first_column ..< first_column + columns of these rows
  // (rows x columns).
  void (*write)(
      const zeroth_plugin_services *services, const zeroth_plugin_direction *direction,
      const zeroth_plugin_block *block, int64_t first_row, int64_t rows, int64_t first_column, int64_t columns,
      float *values);
  // Optional: 0 where the direction is zero on the whole block, which is then left alone.
  int32_t (*touches)(const zeroth_plugin_direction *direction, const zeroth_plugin_block *block);
  // Low rank, else NULL: values = U[rows] (rows x r), for matrices.
  void (*write_left)(
      const zeroth_plugin_services *services, const zeroth_plugin_direction *direction,
      const zeroth_plugin_block *block, int64_t first_row, int64_t rows, float *values);
  // Low rank, else NULL: values = V^T (r x columns), for matrices.
  void (*write_right)(
      const zeroth_plugin_services *services, const zeroth_plugin_direction *direction,
      const zeroth_plugin_block *block, float *values);
  // Count the users of a payload; NULL where directions have none.
  void (*retain)(void *payload);
  void (*release)(void *payload);
} zeroth_plugin_direction_functions;

// -------------------------------------------------------------------------------------------------- Strategies

// One option of a strategy.
typedef struct zeroth_plugin_option {
  uint64_t size;
  const char *name;           // in kebab-case
  int32_t kind;               // ZEROTH_PLUGIN_INTEGER, ...
  int32_t may_be_absent;      // without a default: 1 when the option may be left out, 0 when it must be given
  const char *default_value;  // as it would be typed; NULL for none
  const char *absent_means;   // what leaving it out means, in words; NULL where it cannot be
  const char *words;          // of CHOICE and the OR_WORD kinds
  double minimum, maximum;    // the range of numbers, both included; set both to 0 for no range
  const char *range;          // the range in words where `accepts` decides, such as "above 0"; else NULL
  int32_t (*accepts)(const void *context, double value);  // 1 for numbers in range; NULL: minimum and maximum decide
  const void *context;                                    // given to `accepts`
  const char *unit;                                       // such as "steps"; may be NULL
  const char *documentation;                              // a sentence
} zeroth_plugin_option;

// What estimators, rules and adapters have in common: what `zeroth explain` prints, and how they are made and kept.
typedef struct zeroth_plugin_strategy zeroth_plugin_strategy;
struct zeroth_plugin_strategy {
  uint64_t size;
  const char *name;           // in kebab-case, and taken by no other strategy of its kind
  const char *summary;        // one line
  const char *formula;        // what it computes
  const char *source;         // where that is from
  const char *forwards_text;  // forward passes per step, such as "2q"; NULL for none
  const char *state_text;     // floats held beyond the parameters; NULL for none
  // Every rule has `learning-rate`, its schedule and `weight-decay` beside these: the host reads them.
  const zeroth_plugin_option *const *options;
  int64_t option_count;
  // NULL where it has no directions of its own. An estimator has.
  const zeroth_plugin_direction_functions *directions;
  void *context;  // the author's own

  // *state = a new one with these options, which stay valid for as long as it and its copies do.
  int32_t (*create)(
      const zeroth_plugin_strategy *type, const zeroth_plugin_services *services,
      const zeroth_plugin_options *options, void **state, zeroth_plugin_failure *failure);
  // Optional: frees it.
  void (*destroy)(void *state);
  // *copy = an independent copy. Optional: NULL where no step changes anything in the state.
  int32_t (*copy)(const void *state, void **copy, zeroth_plugin_failure *failure);
  // Optional: whether the options fit the layout.
  int32_t (*validate)(const void *state, const zeroth_plugin_layout *layout, zeroth_plugin_failure *failure);
  // Optional: floats of state that it holds now; NULL for none.
  int64_t (*state_count)(const void *state);
  // Both or neither, and not without `copy`: write, and take over, all that the next steps depend on beside theta and the
  // options, value for value in one order. Without them no checkpoint is written of a strategy whose state changes.
  int32_t (*save_state)(
      const void *state, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
      const zeroth_plugin_writer *writer, zeroth_plugin_failure *failure);
  int32_t (*restore_state)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
      const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure);
};

// Capabilities.
enum {
  // An estimator: every term of an estimate has a rank above 0, the same in all, and one right_key, so that rules such as
  // LOZO-M take it. A rule: it needs such estimates.
  ZEROTH_PLUGIN_LOW_RANK = 1,
  // An adapter: it does not go with weight decay.
  ZEROTH_PLUGIN_NO_WEIGHT_DECAY = 2
};

// --------------------------------------------------------------------------------------------------- Estimators

// Traits of an estimator that was made with some options.
enum {
  ZEROTH_PLUGIN_DRAWS_BATCHES = 1,      // it measures on further mini-batches of a step
  ZEROTH_PLUGIN_RECALLS_DIRECTIONS = 2  // its estimates contain directions measured in earlier steps
};

// What the losses of an estimator are taken over.
enum {
  ZEROTH_PLUGIN_BATCH = 0,   // the mini-batch: one loss for each point
  ZEROTH_PLUGIN_EXAMPLE = 1  // each example of it: as many losses for each point
};

typedef struct zeroth_plugin_estimator {
  uint64_t size;
  const zeroth_plugin_strategy *strategy;
  uint64_t capabilities;  // ZEROTH_PLUGIN_LOW_RANK, or 0
  // Forward passes, one a point, at step `step`: at least 1.
  int64_t (*forwards)(const void *state, const zeroth_plugin_layout *layout, int64_t step);
  // Optional: ZEROTH_PLUGIN_DRAWS_BATCHES and the like, added up; NULL for none.
  int64_t (*traits)(const void *state);
  // Optional: ZEROTH_PLUGIN_EXAMPLE where losses are by example; NULL for the mini-batch.
  int32_t (*grain)(const void *state);
  // Measures, and fills in the result.
  int32_t (*estimate)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
      const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective, zeroth_plugin_result *result,
      zeroth_plugin_failure *failure);
} zeroth_plugin_estimator;

// -------------------------------------------------------------------------------------------------------- Rules

typedef struct zeroth_plugin_rule {
  uint64_t size;
  const zeroth_plugin_strategy *strategy;
  uint64_t capabilities;  // ZEROTH_PLUGIN_LOW_RANK, or 0
  // Turns the estimate into an update, by which theta moves: its sign and eta (step->learning_rate) included, and weight
  // decay, which is the host's, left out. It measures nothing.
  int32_t (*update)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
      const zeroth_plugin_estimate *estimate, zeroth_plugin_update *update, zeroth_plugin_failure *failure);
} zeroth_plugin_rule;

// ----------------------------------------------------------------------------------------------------- Adapters

typedef struct zeroth_plugin_adapter {
  uint64_t size;
  const zeroth_plugin_strategy *strategy;
  uint64_t capabilities;  // ZEROTH_PLUGIN_NO_WEIGHT_DECAY, or 0
  // Optional: forward passes at step `step`, those of `scales` and `did_apply` together; NULL for none.
  int64_t (*forwards)(const void *state, int64_t step);
  // Optional: tau: factors and ratios stay in [1 - tau, 1 + tau], and others are refused; NULL for any.
  double (*clip)(const void *state);
  // Optional: called with theta_0, before the first step; not where a checkpoint is restored.
  int32_t (*begin)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
      const zeroth_plugin_parameters *theta, zeroth_plugin_failure *failure);
  // Optional: before the update, one term, is applied: may measure, and scale the update of a block by `moves->scale`.
  int32_t (*scales)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
      const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
      const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure);
  // Optional: after the update, scaled, was applied: may measure, and then move theta by `moves->project` and `write`.
  int32_t (*did_apply)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
      const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
      const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure);
} zeroth_plugin_adapter;

// ------------------------------------------------------------------------------------------------------ Library

// What `register_types` is given. Each registers a strategy, and returns 0, or another number when it is refused: return
// that from `register_types`.
typedef struct zeroth_plugin_registrar zeroth_plugin_registrar;
struct zeroth_plugin_registrar {
  uint64_t size;
  int32_t (*register_estimator)(const zeroth_plugin_registrar *registrar, const zeroth_plugin_estimator *type);
  int32_t (*register_rule)(const zeroth_plugin_registrar *registrar, const zeroth_plugin_rule *type);
  int32_t (*register_adapter)(const zeroth_plugin_registrar *registrar, const zeroth_plugin_adapter *type);
  void *host;
};

// The library.
typedef struct zeroth_plugin {
  uint64_t magic;    // ZEROTH_PLUGIN_MAGIC
  uint32_t version;  // ZEROTH_PLUGIN_VERSION
  uint32_t size;     // sizeof(zeroth_plugin)
  const char *name;  // in kebab-case; a run records it
  int32_t (*register_types)(const zeroth_plugin_registrar *registrar, zeroth_plugin_failure *failure);
} zeroth_plugin;

// The one function that a library exports.
const zeroth_plugin *zeroth_plugin_query(void);

#ifdef __cplusplus
}
#endif

#endif
