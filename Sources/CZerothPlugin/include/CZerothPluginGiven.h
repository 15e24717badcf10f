// What the host gives plugins, in the order of need: keys and noise, options, where a run stands, losses, and what an
// estimate, an update and an adapter's moves are filled in through. CZerothPlugin.h includes it.
#ifndef CZEROTH_PLUGIN_GIVEN_H
#define CZEROTH_PLUGIN_GIVEN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ------------------------------------------------------------------------------------------------------ Always

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
  // Whether block number `block` of the layout is in a selection such as "query,value", the text of an option of kind
  // ZEROTH_PLUGIN_BLOCKS; -1 for a text that is none, or a block that is not there.
  int32_t (*selects)(const char *selection, const zeroth_plugin_layout *layout, int64_t block);
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
  ZEROTH_PLUGIN_NUMBER_OR_WORD = 8,   // a number, or the one word in `words`
  ZEROTH_PLUGIN_SCHEDULE = 9,         // a number, or a schedule of it over the steps, such as "cosine(0.001)"
  ZEROTH_PLUGIN_COUNT_SCHEDULE = 10   // an integer, or a schedule of it
};

// The checked options of a strategy, valid for as long as what was made with them, and callable from any thread. Asking for
// one that it does not declare, or in another type, is an error.
typedef struct zeroth_plugin_options zeroth_plugin_options;
struct zeroth_plugin_options {
  uint64_t size;
  // ZEROTH_PLUGIN_INTEGER, _NUMBER, _FLAG or _TEXT: the type of the option's value; 0 where it has none. A schedule that is
  // constant is a number, or an integer, and any other a text.
  int32_t (*kind)(const zeroth_plugin_options *options, const char *name);
  int64_t (*integer)(const zeroth_plugin_options *options, const char *name);
  double (*number)(const zeroth_plugin_options *options, const char *name);
  int32_t (*flag)(const zeroth_plugin_options *options, const char *name);
  const char *(*text)(const zeroth_plugin_options *options, const char *name);  // choices and selections too
  // The value at step `step` of an option of kind SCHEDULE or COUNT_SCHEDULE; that of a count is an integer, at least 1.
  double (*schedule_value)(const zeroth_plugin_options *options, const char *name, int64_t step);
  const void *host;
};

// ------------------------------------------------------------------------------------------- In a step, and around

// Where a run stands.
typedef struct zeroth_plugin_step zeroth_plugin_step;
struct zeroth_plugin_step {
  uint64_t size;
  int64_t step;  // from 0
  zeroth_plugin_key run_key;
  zeroth_plugin_key step_key;  // child(run_key, ZEROTH_PLUGIN_KEY_STEP, step)
  const zeroth_plugin_layout *layout;
  double learning_rate;  // eta of this step, of a rule; else 0
  // Calls `body` once for each piece of the trainable blocks, some rows of a block, on all threads of the run. Pieces depend
  // on shapes alone: what is computed for one must not depend on the others.
  int32_t (*for_each_panel)(
      const zeroth_plugin_step *step, void *context,
      void (*body)(void *context, const zeroth_plugin_block *block, int64_t first_row, int64_t rows));
  void *host;
};

// theta, to be read; callable from any thread.
typedef struct zeroth_plugin_parameters zeroth_plugin_parameters;
struct zeroth_plugin_parameters {
  uint64_t size;
  // values = the rows first_row ..< first_row + rows of block number `block`, rows x columns.
  int32_t (*read)(
      const zeroth_plugin_parameters *theta, int64_t block, int64_t first_row, int64_t rows, float *values);
  void *host;
};

// What the values of a state are made of.
enum { ZEROTH_PLUGIN_INTEGERS = 1, ZEROTH_PLUGIN_DOUBLES = 2, ZEROTH_PLUGIN_FLOATS = 3, ZEROTH_PLUGIN_BYTES = 4 };

// Where the values of a state go to.
typedef struct zeroth_plugin_writer zeroth_plugin_writer;
struct zeroth_plugin_writer {
  uint64_t size;
  uint64_t generator;  // of the run's keys, of which the bits are worth keeping
  // `count` values of a type: int64_t, double, float or bytes. A name is any text of up to 1024 bytes.
  int32_t (*write)(
      const zeroth_plugin_writer *writer, const char *name, int32_t type, const void *values, int64_t count);
  void *host;
};

// Where they come from: the same names and types in the same order.
typedef struct zeroth_plugin_reader zeroth_plugin_reader;
struct zeroth_plugin_reader {
  uint64_t size;
  uint64_t generator;
  // *count = how many values come next, which have this name and type.
  int32_t (*count)(const zeroth_plugin_reader *reader, const char *name, int32_t type, int64_t *count);
  // Reads them; another number of them than `count` is an error.
  int32_t (*read)(
      const zeroth_plugin_reader *reader, const char *name, int32_t type, void *values, int64_t count);
  void *host;
};

// ------------------------------------------------------------------------------------------------- Directions

// Directions that the host holds, with a coefficient each: an estimate as a rule is given it, or the update as an adapter is.
typedef struct zeroth_plugin_term {
  uint64_t size;
  double coefficient;
  int64_t rank;                 // low rank: r; 0: no factors
  float matrix_scale;           // low rank: the factor s in front of s U V^T
  zeroth_plugin_key right_key;  // low rank: names V
} zeroth_plugin_term;

// The sum of coefficient times direction. Its functions are callable from any thread, for as long as it is retained.
typedef struct zeroth_plugin_terms zeroth_plugin_terms;
struct zeroth_plugin_terms {
  uint64_t size;
  int64_t count;
  const zeroth_plugin_term *const *terms;
  // values += scale D[rows] (rows x columns) for the direction D of term number `term`.
  int32_t (*add)(
      const zeroth_plugin_terms *terms, int64_t term, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
      float scale, float *values);
  // 0 where that direction is zero on the whole block.
  int32_t (*touches)(const zeroth_plugin_terms *terms, int64_t term, const zeroth_plugin_block *block);
  // Of one with factors, on a matrix: values = U[rows] (rows x r), and values = V^T (r x columns).
  int32_t (*write_left)(
      const zeroth_plugin_terms *terms, int64_t term, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
      float *values);
  int32_t (*write_right)(
      const zeroth_plugin_terms *terms, int64_t term, const zeroth_plugin_block *block, float *values);
  // Whoever keeps it beyond the call, such as in a payload, retains it first.
  void (*retain)(const zeroth_plugin_terms *terms);
  void (*release)(const zeroth_plugin_terms *terms);
  const void *host;
};

// A direction of a strategy as plain data. Zeroth copies it, and gives it back to the functions of the strategy that it
// came from. All fields but those with a comment are the author's own. Start from zeros with `size` set.
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
  // NULL; or these terms are the direction, such as the update that an adapter measures along, and nothing else here is read.
  const zeroth_plugin_terms *terms;
} zeroth_plugin_direction;

// --------------------------------------------------------------------------------------------------- Measuring

// A point: theta + offset D for the direction number `direction` of a request; theta itself where that is -1.
typedef struct zeroth_plugin_point {
  int64_t direction;
  float offset;
} zeroth_plugin_point;

// Points at which losses are asked for. All points of a step in one request are cheaper than one by one.
typedef struct zeroth_plugin_request {
  uint64_t size;
  const zeroth_plugin_direction *const *directions;
  int64_t direction_count;
  const zeroth_plugin_point *points;
  int64_t point_count;
  // NULL; or for each direction NULL, or a factor f_l for each block of the layout: the direction is sum_l f_l D_l then.
  const float *const *factors;
  // The mini-batch: 0 is the step's own. An estimator that asks for another has ZEROTH_PLUGIN_DRAWS_BATCHES.
  int64_t draw;
} zeroth_plugin_request;

// The objective of a step. Call it from the thread that the strategy's own function was called on.
typedef struct zeroth_plugin_objective zeroth_plugin_objective;
struct zeroth_plugin_objective {
  uint64_t size;
  // *losses = those at the points, point after point, `losses_per_point` for each; they stay there until the next request.
  int32_t (*losses)(
      const zeroth_plugin_objective *objective, const zeroth_plugin_request *request, const double **losses);
  // How many losses each point of the last request has: 1, or the examples of its mini-batch where the grain of the
  // estimator is ZEROTH_PLUGIN_EXAMPLE.
  int64_t (*losses_per_point)(const zeroth_plugin_objective *objective);
  void *host;
};

// ------------------------------------------------------------------------------------------- What is filled in

// The estimate g = sum_i c_i D_i, with any 1/q in the c_i. At least one term.
typedef struct zeroth_plugin_result zeroth_plugin_result;
struct zeroth_plugin_result {
  uint64_t size;
  int32_t (*add_term)(zeroth_plugin_result *result, double coefficient, const zeroth_plugin_direction *direction);
  double projected_gradient;  // what a log shows; left as it is (NaN), the sum of the coefficients
  double epsilon;             // how far from theta it measured, for the record; left as it is (NaN), no one number
  void *host;
};

// The estimate as a rule is given it.
typedef struct zeroth_plugin_estimate {
  uint64_t size;
  const zeroth_plugin_terms *terms;
  const double *losses;  // that were measured, in their order
  int64_t loss_count;
  double projected_gradient;
  double epsilon;  // NaN where it is no one number
} zeroth_plugin_estimate;

// The update: one of the two is called, once.
typedef struct zeroth_plugin_update zeroth_plugin_update;
struct zeroth_plugin_update {
  uint64_t size;
  // sum_i weights[i] D_i over the estimate's own directions: cheap, and it keeps their factors. SGD's are -eta c_i.
  int32_t (*set_weights)(zeroth_plugin_update *update, const float *weights);
  // A direction of the rule's own.
  int32_t (*set_direction)(zeroth_plugin_update *update, const zeroth_plugin_direction *direction);
  void *host;
};

// What an adapter does. Factors and ratios must be numbers within the adapter's clip; a block must be trainable.
typedef struct zeroth_plugin_moves zeroth_plugin_moves;
struct zeroth_plugin_moves {
  uint64_t size;
  // In `scales`: the update of block number `block` is multiplied by `factor`; 1 where none is given.
  int32_t (*scale)(zeroth_plugin_moves *moves, int64_t block, double factor);
  // In `did_apply`: theta_l = anchor + ratio (theta_l - anchor), where anchor holds all rows of the block.
  int32_t (*project)(zeroth_plugin_moves *moves, int64_t block, const float *anchor, double ratio);
  // In `did_apply`: puts values in the place of the rows first_row ..< first_row + rows of a block.
  int32_t (*write)(
      zeroth_plugin_moves *moves, int64_t block, int64_t first_row, int64_t rows, const float *values);
  int64_t non_finite_moves;  // moves that were left out because a loss was not finite: count them here
  void *host;
};

#ifdef __cplusplus
}
#endif

#endif
