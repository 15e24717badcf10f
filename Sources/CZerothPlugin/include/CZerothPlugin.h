// The run-time plugin interface of Zeroth. Through it a shared library, in any language that can speak C, adds gradient
// estimators, step rules and layer adapters to the tool. The tool is called the host here. The author of a plugin needs
// only this header; it includes CZerothPluginGiven.h, which declares what the host provides. Plugins/ExamplePluginC is
// a whole plugin.
//
// What happens, in order:
//   1. `zeroth ... --plugin path/libmine.so` opens the library and calls `zeroth_plugin_query`. It reads `magic`, then
//      `version`, then `size`, then `name`. It touches nothing else of the library until these are right.
//   2. It calls `register_types` once. The library passes it a struct for each estimator, rule and adapter.
//   3. A run makes a strategy with `create`. In each step it calls `estimate` of the estimator, `update` of the rule,
//      and `scales` and `did_apply` of the adapter.
//   4. Zeroth calls the functions on directions to measure along a direction and to apply it. A direction is not
//      stored. Its values are computed again from the data in `zeroth_plugin_direction`, for some rows of a block at a
//      time.
//   5. A checkpoint is written by `save_state` and read by `restore_state`.
//
// Laws:
//   - Directions are pure: the same direction, block and rows give the same values. It does not matter what they are
//     added to, in which order, and on which thread. The functions on directions are called from several threads at
//     once.
//   - A strategy takes random numbers only from the keys of the step. It takes losses only from the objective, and
//     exactly as many as `forwards` states. Then runs can be repeated, resumed and replayed bit for bit.
//   - The directions of an estimate are those that were measured, up to a factor.
//   - A copy is independent, and an update stays as it was made. While a direction's payload has a user beside the
//     strategy, its content must not change.
//   - A state that was saved and restored continues bit for bit.
//
// Every struct begins with its size, so that a later version can append members. An array holds pointers to structs.
// Texts are UTF-8 and end with 0. A plugin's texts and types must stay valid as long as the process runs. A text or a
// struct that the host gives is valid during the call, unless its comment says more. Matrices are stored row by row. A
// function that may fail returns 0 for success, or another number and the reason in `failure`. A function of the host
// returns 0, or another number if the call must end: return that number at once. A library is never unloaded.
#ifndef CZEROTH_PLUGIN_H
#define CZEROTH_PLUGIN_H

#include "CZerothPluginGiven.h"

#ifdef __cplusplus
extern "C" {
#endif

// "ZerothPI" in little-endian order.
#define ZEROTH_PLUGIN_MAGIC UINT64_C(0x495068746f72655a)
#define ZEROTH_PLUGIN_VERSION 2

// ------------------------------------------------------------------------------------------------- Directions

// The functions on the directions of a strategy. An optional function may be NULL.
typedef struct zeroth_plugin_direction_functions {
  uint64_t size;
  // Adds: values += scale D[rows]. `values` holds the rows first_row ..< first_row + rows of the block (rows x
  // columns). For a direction of rank above 0 the host calls it only for vectors.
  void (*add)(
      const zeroth_plugin_services *services, const zeroth_plugin_direction *direction,
      const zeroth_plugin_block *block, int64_t first_row, int64_t rows, float scale, float *values);
  // Optional, for speed: values = D[rows, columns] for the columns first_column ..< first_column + columns of these
  // rows (rows x columns).
  void (*write)(
      const zeroth_plugin_services *services, const zeroth_plugin_direction *direction,
      const zeroth_plugin_block *block, int64_t first_row, int64_t rows, int64_t first_column, int64_t columns,
      float *values);
  // Optional: returns 0 where the direction is zero on the whole block. The host then leaves the block alone.
  int32_t (*touches)(const zeroth_plugin_direction *direction, const zeroth_plugin_block *block);
  // Only for low rank, and NULL otherwise: values = U[rows] (rows x r), for matrices.
  void (*write_left)(
      const zeroth_plugin_services *services, const zeroth_plugin_direction *direction,
      const zeroth_plugin_block *block, int64_t first_row, int64_t rows, float *values);
  // Only for low rank, and NULL otherwise: values = V^T (r x columns), for matrices.
  void (*write_right)(
      const zeroth_plugin_services *services, const zeroth_plugin_direction *direction,
      const zeroth_plugin_block *block, float *values);
  // These count the users of a payload; NULL where directions have no payload.
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
  const char *absent_means;   // what it means to leave the option out, in words; NULL where it cannot be
  const char *words;          // the words for CHOICE and the OR_WORD kinds
  double minimum, maximum;    // the range of numbers, both included; set both to 0 for no range
  const char *range;          // the range in words where `accepts` decides, such as "above 0"; NULL otherwise
  int32_t (*accepts)(const void *context, double value);  // 1 for a number in range; NULL: minimum and maximum decide
  const void *context;                                    // given to `accepts`
  const char *unit;                                       // such as "steps"; may be NULL
  const char *documentation;                              // a sentence
} zeroth_plugin_option;

// The part that estimators, rules and adapters have in common: the texts that `zeroth explain` prints, and the
// functions that make and keep a strategy.
typedef struct zeroth_plugin_strategy zeroth_plugin_strategy;
struct zeroth_plugin_strategy {
  uint64_t size;
  const char *name;           // in kebab-case; no other strategy of its kind may have it
  const char *summary;        // one line
  const char *formula;        // what it computes
  const char *source;         // the source of the formula
  const char *forwards_text;  // forward passes per step, such as "2q"; NULL for none
  const char *state_text;     // floats held beyond the parameters; NULL for none
  // The host reads `learning-rate`, its schedule and `weight-decay`, which every rule has. They are not declared here.
  const zeroth_plugin_option *const *options;
  int64_t option_count;
  // NULL for a strategy without directions of its own. An estimator has them.
  const zeroth_plugin_direction_functions *directions;
  void *context;  // free for the author's use

  // *state = a new strategy with these options. The options stay valid as long as the strategy and its copies do.
  int32_t (*create)(
      const zeroth_plugin_strategy *type, const zeroth_plugin_services *services,
      const zeroth_plugin_options *options, void **state, zeroth_plugin_failure *failure);
  // Optional: frees the strategy.
  void (*destroy)(void *state);
  // Optional: *copy = an independent copy. NULL where no step changes anything in the state.
  int32_t (*copy)(const void *state, void **copy, zeroth_plugin_failure *failure);
  // Optional: fails if the options do not fit the layout.
  int32_t (*validate)(const void *state, const zeroth_plugin_layout *layout, zeroth_plugin_failure *failure);
  // Optional: the number of floats of state that the strategy holds now; NULL for none.
  int64_t (*state_count)(const void *state);
  // Write and restore everything that the next steps depend on, beside theta and the options. Both go value by value in
  // the same order. Give both or neither; with them, `copy` is needed too. Without them, no checkpoint can be written
  // of a strategy whose state changes.
  int32_t (*save_state)(
      const void *state, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
      const zeroth_plugin_writer *writer, zeroth_plugin_failure *failure);
  int32_t (*restore_state)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
      const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure);
};

// Capabilities.
enum {
  // For an estimator: all terms of an estimate have the same rank above 0 and the same right_key, so that rules such as
  // LOZO-M can use them. For a rule: it needs such estimates.
  ZEROTH_PLUGIN_LOW_RANK = 1,
  // For an adapter: it cannot be combined with weight decay.
  ZEROTH_PLUGIN_NO_WEIGHT_DECAY = 2
};

// --------------------------------------------------------------------------------------------------- Estimators

// The traits of an estimator, which may depend on its options.
enum {
  ZEROTH_PLUGIN_DRAWS_BATCHES = 1,      // it measures on further mini-batches of a step
  ZEROTH_PLUGIN_RECALLS_DIRECTIONS = 2  // its estimates contain directions measured in earlier steps
};

// The grain of an estimator: what one loss is taken over.
enum {
  ZEROTH_PLUGIN_BATCH = 0,   // the mini-batch: one loss for each point
  ZEROTH_PLUGIN_EXAMPLE = 1  // each example: as many losses for each point as the mini-batch has examples
};

typedef struct zeroth_plugin_estimator {
  uint64_t size;
  const zeroth_plugin_strategy *strategy;
  uint64_t capabilities;  // ZEROTH_PLUGIN_LOW_RANK, or 0
  // The number of forward passes at step `step`, one for each point: at least 1.
  int64_t (*forwards)(const void *state, const zeroth_plugin_layout *layout, int64_t step);
  // Optional: the sum of the traits, such as ZEROTH_PLUGIN_DRAWS_BATCHES; NULL for none.
  int64_t (*traits)(const void *state);
  // Optional: ZEROTH_PLUGIN_EXAMPLE for losses by example; NULL for the mini-batch.
  int32_t (*grain)(const void *state);
  // Measures losses, and writes the estimate into `result`.
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
  // Turns the estimate into an update, which is added to theta. The update includes the minus sign and eta
  // (step->learning_rate). Weight decay is left out, because the host applies it. The function measures no losses.
  int32_t (*update)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
      const zeroth_plugin_estimate *estimate, zeroth_plugin_update *update, zeroth_plugin_failure *failure);
} zeroth_plugin_rule;

// ----------------------------------------------------------------------------------------------------- Adapters

typedef struct zeroth_plugin_adapter {
  uint64_t size;
  const zeroth_plugin_strategy *strategy;
  uint64_t capabilities;  // ZEROTH_PLUGIN_NO_WEIGHT_DECAY, or 0
  // Optional: the number of forward passes at step `step`, in `scales` and `did_apply` together; NULL for none.
  int64_t (*forwards)(const void *state, int64_t step);
  // Optional: the clip tau. Factors and ratios must lie in [1 - tau, 1 + tau]; the host refuses others. NULL for no
  // limit.
  double (*clip)(const void *state);
  // Optional: called with theta_0 before the first step, but not where a checkpoint is restored.
  int32_t (*begin)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout,
      const zeroth_plugin_parameters *theta, zeroth_plugin_failure *failure);
  // Optional: called before the update is applied. `update` has one term. It may measure losses, and may scale the
  // update of a block by `moves->scale`.
  int32_t (*scales)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
      const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
      const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure);
  // Optional: called after the scaled update was applied. It may measure losses, and may then change theta by
  // `moves->project` and `moves->write`.
  int32_t (*did_apply)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
      const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
      const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure);
} zeroth_plugin_adapter;

// ------------------------------------------------------------------------------------------------------ Library

// The argument of `register_types`. Each function registers a strategy. It returns 0, or another number if the strategy
// is refused: return that number from `register_types`.
typedef struct zeroth_plugin_registrar zeroth_plugin_registrar;
struct zeroth_plugin_registrar {
  uint64_t size;
  int32_t (*register_estimator)(const zeroth_plugin_registrar *registrar, const zeroth_plugin_estimator *type);
  int32_t (*register_rule)(const zeroth_plugin_registrar *registrar, const zeroth_plugin_rule *type);
  int32_t (*register_adapter)(const zeroth_plugin_registrar *registrar, const zeroth_plugin_adapter *type);
  void *host;
};

// The description of a library.
typedef struct zeroth_plugin {
  uint64_t magic;    // ZEROTH_PLUGIN_MAGIC
  uint32_t version;  // ZEROTH_PLUGIN_VERSION
  uint32_t size;     // sizeof(zeroth_plugin)
  const char *name;  // in kebab-case; a run records it
  int32_t (*register_types)(const zeroth_plugin_registrar *registrar, zeroth_plugin_failure *failure);
} zeroth_plugin;

// The only function that a library exports.
const zeroth_plugin *zeroth_plugin_query(void);

#ifdef __cplusplus
}
#endif

#endif
