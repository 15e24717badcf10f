// What the files of this library share: its strategies, and floats that they keep.
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdatomic.h>

#include "CZerothPlugin.h"

extern const zeroth_plugin_estimator example_rge;
extern const zeroth_plugin_rule r_ada_zo;
extern const zeroth_plugin_adapter example_projection;

// Puts a text into `failure`, and returns 1.
int32_t fail(zeroth_plugin_failure *failure, const char *subject, const char *message, const char *expected);

// Floats that a strategy keeps, `parts` of them for each parameter of some blocks. Copies of a strategy and directions that
// were made of it share them, each as a user; who changes them while there are others takes a copy of its own before.
typedef struct {
  atomic_long users;
  int64_t parts, count, block_count;
  int64_t *offsets;  // of each block of the layout, in a part; -1 for one that is not kept
  float *values;     // parts x count
} vector;

// Zeros for the trainable blocks, or for those in a selection where it is not NULL, with one user; NULL without memory.
vector *vector_make(
    const zeroth_plugin_services *services, const zeroth_plugin_layout *layout, const char *selection, int64_t parts);
vector *vector_copy(const vector *v);
void vector_retain(vector *v);
void vector_release(vector *v);
// The rows of a block from `first_row` on, in a part; NULL for a block that is not kept.
float *vector_rows(const vector *v, int64_t part, const zeroth_plugin_block *block, int64_t first_row);
// Writes *v, which may be NULL, and reads it: it is then one of its own.
int32_t vector_save(const vector *v, const zeroth_plugin_writer *writer);
int32_t vector_restore(
    vector **v, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout, const char *selection,
    int64_t parts, const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure);

#endif
