// The structs and functions that the host provides to plugins, in the order in which a plugin needs them: keys and
// noise, options, the step of a run, losses, and the structs that receive an estimate, an update and the moves of an
// adapter. CZerothPlugin.h includes this header.
#ifndef CZEROTH_PLUGIN_GIVEN_H
#define CZEROTH_PLUGIN_GIVEN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ------------------------------------------------------------------------------------------------------ Always

// A key of random numbers. A key can be split with `child`. The same path of children gives the same numbers.
typedef struct zeroth_plugin_key {
  uint64_t bits;
  uint64_t generator;  // the number of the random generator: only pass it on
} zeroth_plugin_key;

// The purpose of a child key. Streams of different purposes never meet.
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
  int32_t is_trainable;  // 0 for a frozen block, for whose rows directions are never asked
  int32_t is_matrix;     // 1 for more than one row and more than one column: the block has factors U and V
  const char *name;
  const char *role;  // the part the block plays in its model, such as query or bias: any text of the model's author
} zeroth_plugin_block;

// The blocks of the parameters.
typedef struct zeroth_plugin_layout {
  uint64_t size;
  uint64_t serial;  // differs between all layouts of a process, so that a cache can use it as a key
  int64_t block_count;
  const zeroth_plugin_block *const *blocks;
  int64_t trainable_count;  // the number of elements of all trainable blocks, d
} zeroth_plugin_layout;

// An error, in words; the host prints it in one line. `message` says what was found. `subject` (what is wrong, such as
// an option) and `expected` may stay empty.
typedef struct zeroth_plugin_failure {
  uint64_t size;
  char message[1024];
  char subject[256];
  char expected[512];
} zeroth_plugin_failure;

// Pure functions. They are valid as long as the process runs, and any thread may call them.
typedef struct zeroth_plugin_services {
  uint64_t size;
  // The child number `index` of `key` for a purpose, such as ZEROTH_PLUGIN_KEY_LEFT.
  zeroth_plugin_key (*child)(zeroth_plugin_key key, int32_t purpose, int64_t index);
  // values[i] += scale z[first + i] for i < count. z is the sequence of `key`, the same as in Zeroth's own strategies.
  // RGE's noise on a block is that of child(key, ZEROTH_PLUGIN_KEY_BLOCK, block->index), from first = row * columns on.
  void (*noise_add)(
      zeroth_plugin_key key, int32_t distribution, int64_t first, int64_t count, float scale, float *values);
  // values[i] = scale z[first + i].
  void (*noise_fill)(
      zeroth_plugin_key key, int32_t distribution, int64_t first, int64_t count, float scale, float *values);
  // sqrt(d) / ||z|| for the normal noise z of `key` on all trainable blocks: the factor that puts z on the sphere. It
  // needs one pass over the noise, so do not call it in `add`.
  float (*sphere_radius)(zeroth_plugin_key key, const zeroth_plugin_layout *layout);
  // Whether block number `block` of the layout is in a selection such as "query,value", the text of an option of kind
  // ZEROTH_PLUGIN_BLOCKS. -1 for a text that is no selection, or for a block that does not exist.
  int32_t (*selects)(const char *selection, const zeroth_plugin_layout *layout, int64_t block);
  // The name of a generator, such as "philox4x32"; NULL if there is none of this number.
  const char *(*generator_name)(uint64_t generator);
  // The number of threads of the run.
  int32_t (*threads)(void);
} zeroth_plugin_services;

// The kind of an option: the values that it accepts.
enum {
  ZEROTH_PLUGIN_INTEGER = 1,
  ZEROTH_PLUGIN_NUMBER = 2,
  ZEROTH_PLUGIN_FLAG = 3,             // true or false
  ZEROTH_PLUGIN_TEXT = 4,             //
  ZEROTH_PLUGIN_CHOICE = 5,           // one of `words`, which are separated by commas
  ZEROTH_PLUGIN_BLOCKS = 6,           // a block selection, such as "query,value"
  ZEROTH_PLUGIN_INTEGER_OR_WORD = 7,  // an integer, or the one word in `words`
  ZEROTH_PLUGIN_NUMBER_OR_WORD = 8,   // a number, or the one word in `words`
  ZEROTH_PLUGIN_SCHEDULE = 9,         // a number, or a schedule of it over the steps, such as "cosine(0.001)"
  ZEROTH_PLUGIN_COUNT_SCHEDULE = 10   // an integer, or a schedule of it
};

// The checked options of a strategy. They are valid as long as the strategy, and any thread may read them. It is an
// error to ask for an option that the strategy does not declare, or for another type.
typedef struct zeroth_plugin_options zeroth_plugin_options;
struct zeroth_plugin_options {
  uint64_t size;
  // The type of the option's value: ZEROTH_PLUGIN_INTEGER, _NUMBER, _FLAG or _TEXT; 0 where it has none. A constant
  // schedule is a number or an integer. Any other schedule is a text.
  int32_t (*kind)(const zeroth_plugin_options *options, const char *name);
  int64_t (*integer)(const zeroth_plugin_options *options, const char *name);
  double (*number)(const zeroth_plugin_options *options, const char *name);
  int32_t (*flag)(const zeroth_plugin_options *options, const char *name);
  const char *(*text)(const zeroth_plugin_options *options, const char *name);  // choices and selections too
  // The value at step `step` of an option of kind SCHEDULE or COUNT_SCHEDULE. For the latter it is an integer, at least
  // 1.
  double (*schedule_value)(const zeroth_plugin_options *options, const char *name, int64_t step);
  const void *host;
};

// ------------------------------------------------------------------------------------------- In a step, and around

// The present step of a run.
typedef struct zeroth_plugin_step zeroth_plugin_step;
struct zeroth_plugin_step {
  uint64_t size;
  int64_t step;  // from 0
  zeroth_plugin_key run_key;
  zeroth_plugin_key step_key;  // child(run_key, ZEROTH_PLUGIN_KEY_STEP, step)
  const zeroth_plugin_layout *layout;
  double learning_rate;  // eta of this step, for a rule; 0 otherwise
  // Calls `body` once for each piece of the trainable blocks, on all threads of the run. A piece is some rows of a
  // block. The pieces depend only on the shapes. What is computed for one piece must not depend on the others.
  int32_t (*for_each_panel)(
      const zeroth_plugin_step *step, void *context,
      void (*body)(void *context, const zeroth_plugin_block *block, int64_t first_row, int64_t rows));
  void *host;
};

// theta, for reading. Any thread may call this.
typedef struct zeroth_plugin_parameters zeroth_plugin_parameters;
struct zeroth_plugin_parameters {
  uint64_t size;
  // values = the rows first_row ..< first_row + rows of block number `block` (rows x columns).
  int32_t (*read)(
      const zeroth_plugin_parameters *theta, int64_t block, int64_t first_row, int64_t rows, float *values);
  void *host;
};

// The types of the values of a state.
enum { ZEROTH_PLUGIN_INTEGERS = 1, ZEROTH_PLUGIN_DOUBLES = 2, ZEROTH_PLUGIN_FLOATS = 3, ZEROTH_PLUGIN_BYTES = 4 };

// Takes the values of a state that is saved.
typedef struct zeroth_plugin_writer zeroth_plugin_writer;
struct zeroth_plugin_writer {
  uint64_t size;
  uint64_t generator;  // the generator of the run's keys. A state need keep only the bits of a key
  // Writes `count` values of a type: int64_t, double, float or bytes. A name is any text of up to 1024 bytes.
  int32_t (*write)(
      const zeroth_plugin_writer *writer, const char *name, int32_t type, const void *values, int64_t count);
  void *host;
};

// Gives the values of a state that is restored: the same names and types, in the same order.
typedef struct zeroth_plugin_reader zeroth_plugin_reader;
struct zeroth_plugin_reader {
  uint64_t size;
  uint64_t generator;
  // *count = the number of values that come next. They must have this name and type.
  int32_t (*count)(const zeroth_plugin_reader *reader, const char *name, int32_t type, int64_t *count);
  // Reads these values. It is an error if `count` is not their number.
  int32_t (*read)(
      const zeroth_plugin_reader *reader, const char *name, int32_t type, void *values, int64_t count);
  void *host;
};

// ------------------------------------------------------------------------------------------------- Directions

// A direction that the host holds, with its coefficient. A rule receives its estimate in this form, and an adapter its
// update.
typedef struct zeroth_plugin_term {
  uint64_t size;
  double coefficient;
  int64_t rank;                 // for low rank: r; 0: no factors
  float matrix_scale;           // for low rank: the factor s in s U V^T
  zeroth_plugin_key right_key;  // for low rank: the key of V
} zeroth_plugin_term;

// The sum of coefficients times directions. Any thread may call its functions, as long as the sum is retained.
typedef struct zeroth_plugin_terms zeroth_plugin_terms;
struct zeroth_plugin_terms {
  uint64_t size;
  int64_t count;
  const zeroth_plugin_term *const *terms;
  // values += scale D[rows] (rows x columns), for the direction D of term number `term`.
  int32_t (*add)(
      const zeroth_plugin_terms *terms, int64_t term, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
      float scale, float *values);
  // 0 where the direction of this term is zero on the whole block.
  int32_t (*touches)(const zeroth_plugin_terms *terms, int64_t term, const zeroth_plugin_block *block);
  // For a term with factors, on a matrix: values = U[rows] (rows x r), and values = V^T (r x columns).
  int32_t (*write_left)(
      const zeroth_plugin_terms *terms, int64_t term, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
      float *values);
  int32_t (*write_right)(
      const zeroth_plugin_terms *terms, int64_t term, const zeroth_plugin_block *block, float *values);
  // Call `retain` before you keep the sum beyond the call, for example in a payload, and `release` when you are done.
  void (*retain)(const zeroth_plugin_terms *terms);
  void (*release)(const zeroth_plugin_terms *terms);
  const void *host;
};

// A direction of a strategy, as data. Zeroth copies it and passes it back to the functions of the strategy that made
// it. Fields without a comment are free for the author's use. Start from zeros and set `size`.
typedef struct zeroth_plugin_direction {
  uint64_t size;
  zeroth_plugin_key key;
  zeroth_plugin_key right_key;  // for low rank: the key of V. Directions with the same right_key have the same V in every block
  int64_t rank;                 // for low rank: r, at most the smaller side of every trainable matrix; 0: no factors
  float matrix_scale;           // for low rank: the factor s in s U V^T
  float scale;
  uint64_t words[4];
  double numbers[4];
  void *payload;  // NULL, or memory whose users `retain` and `release` count
  // NULL, or the direction itself, such as the update along which an adapter measures. The other fields are not read
  // then.
  const zeroth_plugin_terms *terms;
} zeroth_plugin_direction;

// --------------------------------------------------------------------------------------------------- Measuring

// A point: theta + offset D, where D is the direction number `direction` of a request. -1 stands for theta itself.
typedef struct zeroth_plugin_point {
  int64_t direction;
  float offset;
} zeroth_plugin_point;

// A request for the losses at some points. One request for all points of a step costs less than a request for each.
typedef struct zeroth_plugin_request {
  uint64_t size;
  const zeroth_plugin_direction *const *directions;
  int64_t direction_count;
  const zeroth_plugin_point *points;
  int64_t point_count;
  // NULL; or, for each direction, NULL or a factor f_l for each block l of the layout. The direction is then sum_l f_l
  // D_l.
  const float *const *factors;
  // The number of the mini-batch; 0 is the step's own. An estimator that asks for another needs
  // ZEROTH_PLUGIN_DRAWS_BATCHES.
  int64_t draw;
} zeroth_plugin_request;

// The objective of a step. Call it only from the thread on which the strategy's own function was called.
typedef struct zeroth_plugin_objective zeroth_plugin_objective;
struct zeroth_plugin_objective {
  uint64_t size;
  // *losses = the losses at the points, point after point, `losses_per_point` for each. They stay there until the next
  // request.
  int32_t (*losses)(
      const zeroth_plugin_objective *objective, const zeroth_plugin_request *request, const double **losses);
  // The number of losses that each point of the last request has: 1, or the number of examples in its mini-batch if the
  // grain of the estimator is ZEROTH_PLUGIN_EXAMPLE.
  int64_t (*losses_per_point)(const zeroth_plugin_objective *objective);
  void *host;
};

// ------------------------------------------------------------------------------------------- What is filled in

// Receives the estimate g = sum_i c_i D_i, with at least one term. Any factor 1/q is part of the c_i.
typedef struct zeroth_plugin_result zeroth_plugin_result;
struct zeroth_plugin_result {
  uint64_t size;
  int32_t (*add_term)(zeroth_plugin_result *result, double coefficient, const zeroth_plugin_direction *direction);
  double projected_gradient;  // for the log; NaN, its first value, stands for the sum of the coefficients
  double epsilon;             // the distance from theta, for the log; NaN, its first value: no single one
  void *host;
};

// The estimate in the form that a rule receives.
typedef struct zeroth_plugin_estimate {
  uint64_t size;
  const zeroth_plugin_terms *terms;
  const double *losses;  // all measured losses, in their order
  int64_t loss_count;
  double projected_gradient;
  double epsilon;  // NaN where there is no single number
} zeroth_plugin_estimate;

// Receives the update: call one of the two functions, once.
typedef struct zeroth_plugin_update zeroth_plugin_update;
struct zeroth_plugin_update {
  uint64_t size;
  // Sets sum_i weights[i] D_i over the estimate's own directions. This is cheap, and keeps their factors. The weights
  // of SGD are -eta c_i.
  int32_t (*set_weights)(zeroth_plugin_update *update, const float *weights);
  // Sets a direction that the rule itself has made.
  int32_t (*set_direction)(zeroth_plugin_update *update, const zeroth_plugin_direction *direction);
  void *host;
};

// Receives the moves of an adapter. Factors and ratios must be numbers within the adapter's clip; a block must be
// trainable.
typedef struct zeroth_plugin_moves zeroth_plugin_moves;
struct zeroth_plugin_moves {
  uint64_t size;
  // Only in `scales`: multiplies the update of block number `block` by `factor`. The factor of other blocks is 1.
  int32_t (*scale)(zeroth_plugin_moves *moves, int64_t block, double factor);
  // Only in `did_apply`: theta_l = anchor + ratio (theta_l - anchor), where l is the block and `anchor` holds all its
  // rows.
  int32_t (*project)(zeroth_plugin_moves *moves, int64_t block, const float *anchor, double ratio);
  // Only in `did_apply`: replaces the rows first_row ..< first_row + rows of a block by `values`.
  int32_t (*write)(
      zeroth_plugin_moves *moves, int64_t block, int64_t first_row, int64_t rows, const float *values);
  int64_t non_finite_moves;  // count here the moves that were left out because a loss was not finite
  void *host;
};

#ifdef __cplusplus
}
#endif

#endif
