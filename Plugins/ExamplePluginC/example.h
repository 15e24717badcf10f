// Shared by the files of this library: the strategies, and a vector of floats that a strategy keeps.
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdatomic.h>

#include "CZerothPlugin.h"

extern const zeroth_plugin_estimator example_rge;
extern const zeroth_plugin_rule r_ada_zo;
extern const zeroth_plugin_adapter example_projection;

// Writes a text into `failure`, and returns 1.
int32_t fail(zeroth_plugin_failure *failure, const char *subject, const char *message, const char *expected);

// Floats that a strategy keeps: `parts` floats for each parameter of some blocks. Copies of a strategy, and directions
// that were made from it, share the floats; each of them counts as a user. Before floats with several users are
// changed, they are copied.
typedef struct {
  atomic_long users;
  int64_t parts, count, block_count;
  int64_t *offsets;  // the offset of each block of the layout within a part; -1 for a block that is not kept
  float *values;     // parts x count
} vector;

// Zeros for the trainable blocks, or for those in `selection` where it is not NULL. The vector has one user. NULL where
// there is no memory.
vector *vector_make(
    const zeroth_plugin_services *services, const zeroth_plugin_layout *layout, const char *selection, int64_t parts);
vector *vector_copy(const vector *v);
void vector_retain(vector *v);
void vector_release(vector *v);
// The rows of a block in one part, from `first_row` on; NULL for a block that is not kept.
float *vector_rows(const vector *v, int64_t part, const zeroth_plugin_block *block, int64_t first_row);
// Saves *v, which may be NULL, and restores it. A restored vector has one user.
int32_t vector_save(const vector *v, const zeroth_plugin_writer *writer);
int32_t vector_restore(
    vector **v, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout, const char *selection,
    int64_t parts, const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure);

#endif
