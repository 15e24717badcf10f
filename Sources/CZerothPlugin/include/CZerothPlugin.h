// The run-time plugin interface of Zeroth: how a shared library, in any language that speaks C, gives the tool a
// gradient estimator. This header is all that an author needs; Plugins/ExamplePluginC is a whole plugin.
//
// What happens, in order:
//   1. `zeroth ... --plugin path/libmine.so` opens the library and calls `zeroth_plugin_query`. It reads `magic`, then
//      `version`, then `size`, then `name`; nothing else of the library is touched before these are right.
//   2. It calls `register_types` once. The library hands over one `zeroth_plugin_estimator` for each estimator.
//   3. A run makes an estimator with `create`, and calls `estimate` once a step. The estimator asks for losses along
//      directions and adds terms, a coefficient and a direction each, to its result.
//   4. Zeroth calls `add` (or the factors) to measure along a direction and to apply it: a direction is not stored, it
//      is made again, rows of a block at a time, from the plain data in `zeroth_plugin_direction`.
//
// Laws:
//   - Directions are pure: the same direction, block and rows give the same values, whatever they are added to, in
//     whatever order and on whatever thread. `add`, `write`, `touches`, the factors, `retain` and `release` are called
//     from several threads at once.
//   - An estimator takes random numbers from the keys of the step alone, and losses from the objective alone, exactly
//     as many as `evaluations` says. Then runs can be repeated, resumed and replayed bit for bit.
//   - The directions of the result are those that were measured, up to a factor.
//
// Every struct begins with its size, so that a later version can append to it. Texts are UTF-8, end with 0, and must stay
// valid for as long as the process runs, as must the types; where the host gives a text or a struct, it is valid
// during the call. Matrices are stored row by row. Functions that may fail return 0, or another number with the reason in
// `failure`. A library is never unloaded.
#ifndef CZEROTH_PLUGIN_H
#define CZEROTH_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// "ZerothPI", little endian.
#define ZEROTH_PLUGIN_MAGIC UINT64_C(0x495068746f72655a)
#define ZEROTH_PLUGIN_VERSION 1

// ---------------------------------------------------------------------------------------- What the host gives

// A key of random numbers. Keys split (`child`); the same path gives the same numbers.
typedef struct zeroth_plugin_key {
  uint64_t bits;
  uint64_t generator;  // which random generator: pass it on
} zeroth_plugin_key;

// What a child key is for, so that streams of different purposes cannot meet.
enum {
  ZEROTH_PLUGIN_KEY_STEP = 1,
  ZEROTH_PLUGIN_KEY_LEFT = 2,
  ZEROTH_PLUGIN_KEY_RIGHT = 3,
  ZEROTH_PLUGIN_KEY_QUERY = 4,
  ZEROTH_PLUGIN_KEY_BLOCK = 5,
  ZEROTH_PLUGIN_KEY_OTHER = 10  // anything else
};

// Distributions of noise: independent standard normals, or independent signs.
enum { ZEROTH_PLUGIN_GAUSSIAN = 0, ZEROTH_PLUGIN_RADEMACHER = 1 };

// A named matrix or vector of the parameters.
typedef struct zeroth_plugin_block {
  uint64_t size;
  int64_t index;         // its place in the layout, from 0
  int64_t rows;          // m of an m x n matrix; the length of a vector
  int64_t columns;       // n; 1 for a vector
  int64_t layer;         // from 0; -1 outside the layers
  int32_t is_trainable;  // directions are never asked for the rows of a frozen block
  int32_t is_matrix;     // more than one row and more than one column: it has factors
  const char *name;
  const char *role;  // what the block does in its model, such as query or bias: any text of the model's author
} zeroth_plugin_block;

// The blocks of the parameters.
typedef struct zeroth_plugin_layout {
  uint64_t size;
  uint64_t serial;  // differs from layout to layout within a process: a cache may go by it
  int64_t block_count;
  const zeroth_plugin_block *const *blocks;
  int64_t trainable_count;  // elements of all trainable blocks, d
} zeroth_plugin_layout;

// What goes wrong, in words; the host prints it in one line. `message` says what was found; `subject` (what is wrong, such
// as an option) and `expected` may stay empty.
typedef struct zeroth_plugin_failure {
  uint64_t size;
  char message[1024];
  char subject[256];
  char expected[512];
} zeroth_plugin_failure;

// Pure functions, valid for as long as the process runs and callable from any thread.
typedef struct zeroth_plugin_services {
  uint64_t size;
  // The child number `index` of `key` for a purpose.
  zeroth_plugin_key (*child)(zeroth_plugin_key key, int32_t purpose, int64_t index);
  // values[i] += scale z[first + i] for i < count; z is the sequence of `key`, the same as in Zeroth's own strategies.
  // RGE's noise on a block is that of child(key, ZEROTH_PLUGIN_KEY_BLOCK, block->index), from first = row * columns.
  void (*noise_add)(
      zeroth_plugin_key key, int32_t distribution, int64_t first, int64_t count, float scale, float *values);
  // values[i] = scale z[first + i].
  void (*noise_fill)(
      zeroth_plugin_key key, int32_t distribution, int64_t first, int64_t count, float scale, float *values);
  // sqrt(d) / ||z|| for the normal noise z of `key` on all trainable blocks: the factor that puts it on the sphere. One
  // pass over the noise: not for `add`.
  float (*sphere_radius)(zeroth_plugin_key key, const zeroth_plugin_layout *layout);
  // The name of a generator, such as "philox4x32"; NULL for none.
  const char *(*generator_name)(uint64_t generator);
  // The threads that the run works with.
  int32_t (*threads)(void);
} zeroth_plugin_services;

// What an option takes, and what kind of value it has.
enum {
  ZEROTH_PLUGIN_INTEGER = 1,
  ZEROTH_PLUGIN_NUMBER = 2,
  ZEROTH_PLUGIN_FLAG = 3,             // true or false
  ZEROTH_PLUGIN_TEXT = 4,             //
  ZEROTH_PLUGIN_CHOICE = 5,           // one of `words`, which are separated by commas
  ZEROTH_PLUGIN_BLOCKS = 6,           // a block selection, such as "query,value"
  ZEROTH_PLUGIN_INTEGER_OR_WORD = 7,  // an integer, or the one word in `words`
  ZEROTH_PLUGIN_NUMBER_OR_WORD = 8    // a number, or the one word in `words`
};

// The checked options of an estimator. Asking for one that it does not declare, or in another type, is an error.
typedef struct zeroth_plugin_options zeroth_plugin_options;
struct zeroth_plugin_options {
  uint64_t size;
  // ZEROTH_PLUGIN_INTEGER, _NUMBER, _FLAG or _TEXT: the type of the option's value; 0 where it has none.
  int32_t (*kind)(const zeroth_plugin_options *options, const char *name);
  int64_t (*integer)(const zeroth_plugin_options *options, const char *name);
  double (*number)(const zeroth_plugin_options *options, const char *name);
  int32_t (*flag)(const zeroth_plugin_options *options, const char *name);
  const char *(*text)(const zeroth_plugin_options *options, const char *name);  // choices and selections too
  const void *host;
};

// Where a run stands.
typedef struct zeroth_plugin_step {
  uint64_t size;
  int64_t step;  // from 0
  zeroth_plugin_key run_key;
  zeroth_plugin_key step_key;  // child(run_key, ZEROTH_PLUGIN_KEY_STEP, step)
  const zeroth_plugin_layout *layout;
} zeroth_plugin_step;

// ------------------------------------------------------------------------------------------------- Directions

// A direction as plain data. Zeroth copies it, and gives it back to the functions of the estimator that it came from.
// All fields but those with a comment are the author's own. Start from zeros with `size` set.
typedef struct zeroth_plugin_direction {
  uint64_t size;
  zeroth_plugin_key key;
  zeroth_plugin_key right_key;  // low rank: names V. Directions with the same right_key have the same V in every block
  int64_t rank;                 // low rank: r, at most the smaller side of every trainable matrix; 0: no factors
  float matrix_scale;           // low rank: the factor s in front of s U V^T
  float scale;
  uint64_t words[4];
  double numbers[4];
  void *payload;  // NULL, or memory that `retain` and `release` count the users of
} zeroth_plugin_direction;

// ----------------------------------------------------------------------------------------------- An estimate

// The objective of a step. Functions return 0, or another number when the run must stop: return that from `estimate` at
// once. Call them from the thread that `estimate` was called on.
typedef struct zeroth_plugin_objective zeroth_plugin_objective;
struct zeroth_plugin_objective {
  uint64_t size;
  // losses[i] = L(theta + offsets[i] D) for i < count. Several offsets in one call are cheaper than one by one.
  int32_t (*losses)(
      const zeroth_plugin_objective *objective, const zeroth_plugin_direction *direction, const float *offsets,
      int64_t count, double *losses);
  // loss = L(theta).
  int32_t (*loss)(const zeroth_plugin_objective *objective, double *loss);
  // The evaluations that follow are on mini-batch `draw` of the step, for estimators with ZEROTH_PLUGIN_DRAWS_BATCHES. The
  // run has selected draw 0, the step's own, which must be selected again in the end.
  int32_t (*select_batch)(const zeroth_plugin_objective *objective, int64_t draw);
  // values = the rows first_row ..< first_row + rows of block number `block` of theta, rows x columns.
  int32_t (*read)(
      const zeroth_plugin_objective *objective, int64_t block, int64_t first_row, int64_t rows, float *values);
  void *host;
};

// What `estimate` fills in: g = sum_i c_i D_i, with any 1/q in the c_i. At least one term.
typedef struct zeroth_plugin_result zeroth_plugin_result;
struct zeroth_plugin_result {
  uint64_t size;
  // Adds a term. Returns 0, or another number when the run must stop.
  int32_t (*add_term)(zeroth_plugin_result *result, double coefficient, const zeroth_plugin_direction *direction);
  double projected_gradient;  // what a log shows; left as it is (NaN), the sum of the coefficients
  void *host;
};

// ---------------------------------------------------------------------------------- What the library hands over

// One option of an estimator.
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

// Capabilities of an estimator.
enum {
  // Every term of an estimate has a rank above 0, the same in all, and one right_key: rules such as LOZO-M take it.
  ZEROTH_PLUGIN_LOW_RANK = 1
};

// Traits of one that was made with some options.
enum {
  ZEROTH_PLUGIN_DRAWS_BATCHES = 1,      // it measures on further mini-batches of a step
  ZEROTH_PLUGIN_RECALLS_DIRECTIONS = 2  // its estimates contain directions measured in earlier steps
};

// An estimator: what `zeroth explain` prints, and its functions. Those marked optional may be NULL.
typedef struct zeroth_plugin_estimator zeroth_plugin_estimator;
struct zeroth_plugin_estimator {
  uint64_t size;
  const char *name;         // in kebab-case, and taken by no other estimator
  const char *summary;      // one line
  const char *formula;      // what it computes
  const char *source;       // where that is from
  const char *evaluations_text;  // forward passes per step, such as "2q"
  const char *state_text;        // floats held beyond the parameters; NULL for none
  const zeroth_plugin_option *const *options;
  int64_t option_count;
  uint64_t capabilities;  // ZEROTH_PLUGIN_LOW_RANK, or 0
  void *context;          // the author's own

  // *state = a new estimator with these options.
  int32_t (*create)(
      const zeroth_plugin_estimator *type, const zeroth_plugin_services *services,
      const zeroth_plugin_options *options, void **state, zeroth_plugin_failure *failure);
  // Optional: frees it.
  void (*destroy)(void *state);
  // *copy = an independent copy. Optional: NULL where `estimate` changes nothing in the state.
  int32_t (*copy)(const void *state, void **copy, zeroth_plugin_failure *failure);
  // Optional: whether the options fit the layout.
  int32_t (*validate)(const void *state, const zeroth_plugin_layout *layout, zeroth_plugin_failure *failure);
  // Losses that `estimate` takes at step `step`, at least 1.
  int64_t (*evaluations)(const void *state, const zeroth_plugin_layout *layout, int64_t step);
  // Optional: ZEROTH_PLUGIN_DRAWS_BATCHES and the like, added up; NULL for none.
  int64_t (*traits)(const void *state);
  // Optional: floats of state that it holds now; NULL for none.
  int64_t (*state_count)(const void *state);
  // Measures, and fills in the result.
  int32_t (*estimate)(
      void *state, const zeroth_plugin_services *services, const zeroth_plugin_step *step,
      const zeroth_plugin_objective *objective, zeroth_plugin_result *result, zeroth_plugin_failure *failure);

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
};

// What `register_types` is given.
typedef struct zeroth_plugin_registrar zeroth_plugin_registrar;
struct zeroth_plugin_registrar {
  uint64_t size;
  // Registers an estimator. Returns 0, or another number when it is refused: return that from `register_types`.
  int32_t (*register_estimator)(const zeroth_plugin_registrar *registrar, const zeroth_plugin_estimator *type);
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
