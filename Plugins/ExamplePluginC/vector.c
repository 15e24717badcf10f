// Floats that a strategy keeps, with a count of their users.
#include <stdlib.h>
#include <string.h>

#include "example.h"

static vector *allocate(int64_t parts, int64_t count, int64_t block_count) {
  vector *v = malloc(sizeof *v);
  if (!v) return NULL;
  atomic_init(&v->users, 1);
  v->parts = parts;
  v->count = count;
  v->block_count = block_count;
  v->offsets = malloc((size_t)(block_count + 1) * sizeof *v->offsets);
  v->values = calloc((size_t)(parts * count + 1), sizeof *v->values);
  if (v->offsets && v->values) return v;
  vector_release(v);
  return NULL;
}

static int32_t keeps(
    const zeroth_plugin_services *services, const zeroth_plugin_layout *layout, const char *selection, int64_t block) {
  return layout->blocks[block]->is_trainable && (!selection || services->selects(selection, layout, block) == 1);
}

vector *vector_make(
    const zeroth_plugin_services *services, const zeroth_plugin_layout *layout, const char *selection, int64_t parts) {
  int64_t count = 0;
  for (int64_t i = 0; i < layout->block_count; i++) {
    if (keeps(services, layout, selection, i)) count += layout->blocks[i]->rows * layout->blocks[i]->columns;
  }
  vector *v = allocate(parts, count, layout->block_count);
  if (!v) return NULL;
  int64_t offset = 0;
  for (int64_t i = 0; i < layout->block_count; i++) {
    const int32_t is_kept = keeps(services, layout, selection, i);
    v->offsets[i] = is_kept ? offset : -1;
    if (is_kept) offset += layout->blocks[i]->rows * layout->blocks[i]->columns;
  }
  return v;
}

vector *vector_copy(const vector *v) {
  vector *copy = allocate(v->parts, v->count, v->block_count);
  if (!copy) return NULL;
  memcpy(copy->offsets, v->offsets, (size_t)v->block_count * sizeof *v->offsets);
  memcpy(copy->values, v->values, (size_t)(v->parts * v->count) * sizeof *v->values);
  return copy;
}

void vector_retain(vector *v) { atomic_fetch_add(&v->users, 1); }

void vector_release(vector *v) {
  if (!v || atomic_fetch_sub(&v->users, 1) > 1) return;
  free(v->offsets);
  free(v->values);
  free(v);
}

float *vector_rows(const vector *v, int64_t part, const zeroth_plugin_block *block, int64_t first_row) {
  const int64_t offset = v->offsets[block->index];
  return offset < 0 ? NULL : v->values + part * v->count + offset + first_row * block->columns;
}

int32_t vector_save(const vector *v, const zeroth_plugin_writer *writer) {
  const int64_t count = v ? v->parts * v->count : 0;
  int32_t stop = writer->write(writer, "count", ZEROTH_PLUGIN_INTEGERS, &count, 1);
  if (stop || !v) return stop;
  return writer->write(writer, "values", ZEROTH_PLUGIN_FLOATS, v->values, count);
}

int32_t vector_restore(
    vector **v, const zeroth_plugin_services *services, const zeroth_plugin_layout *layout, const char *selection,
    int64_t parts, const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure) {
  vector_release(*v);
  *v = NULL;
  int64_t count = 0;
  int32_t stop = reader->read(reader, "count", ZEROTH_PLUGIN_INTEGERS, &count, 1);
  if (stop || count == 0) return stop;
  *v = vector_make(services, layout, selection, parts);
  if (!*v) return fail(failure, "", "no memory", "");
  if (count != parts * (*v)->count) return fail(failure, "values", "another number of them", "those of these blocks");
  return reader->read(reader, "values", ZEROTH_PLUGIN_FLOATS, (*v)->values, count);
}
