// How Zeroth calls functions of a foreign library: guarded, so that a signal that they raise (SIGABRT, SIGSEGV, SIGBUS,
// SIGILL, SIGFPE, SIGTRAP) ends the call and not the process. For the host alone; plugins need nothing from here.
//
// A call that is ended by a signal is left by a long jump: the frames between the guard and the fault are those of the
// plugin alone, as the host's callbacks suspend the guard. What the plugin held is lost, so such an error is the last
// thing that a run does.
#ifndef CZEROTH_PLUGIN_HOST_H
#define CZEROTH_PLUGIN_HOST_H

#include "CZerothPlugin.h"

// Installs the handlers, once a process. Faults that are not a plugin's go to the handlers that were there before.
void zeroth_guard_install(void);
// Takes the guard off this thread for a callback of the host; what it returns puts it back on.
void *zeroth_guard_suspend(void);
void zeroth_guard_resume(void *guard);
// The name of a signal, such as SIGABRT.
const char *zeroth_signal_name(int32_t number);

// Each of these returns 0, or the number of the signal that ended the call.
int32_t zeroth_guarded_copy(void *target, const void *source, uint64_t count);
// Whether memory of a plugin can be read, or read and written, from `start` to `start + count`: a byte of each page of it.
int32_t zeroth_guarded_reads(const void *start, uint64_t count);
int32_t zeroth_guarded_writes(void *start, uint64_t count);
// Copies a text of less than `capacity` bytes; *length = capacity where it is longer.
int32_t zeroth_guarded_text(char *target, const char *source, uint64_t capacity, uint64_t *length);
// A library that crashes while it is opened leaves the system's loader locked: nothing can be opened from another thread.
int32_t zeroth_guarded_open(const char *path, void **handle);
int32_t zeroth_guarded_query(void *query, const zeroth_plugin **plugin);
int32_t zeroth_guarded_register(
    const zeroth_plugin *plugin, const zeroth_plugin_registrar *registrar, zeroth_plugin_failure *failure,
    int32_t *status);
int32_t zeroth_guarded_accepts(
    int32_t (*accepts)(const void *, double), const void *context, double value, int32_t *result);
int32_t zeroth_guarded_panel(
    void (*body)(void *, const zeroth_plugin_block *, int64_t, int64_t), void *context,
    const zeroth_plugin_block *block, int64_t first_row, int64_t rows);

// Functions of every strategy. `functions` is the host's copy of its struct.
int32_t zeroth_guarded_create(
    const zeroth_plugin_strategy *functions, const zeroth_plugin_strategy *type,
    const zeroth_plugin_services *services, const zeroth_plugin_options *options, void **state,
    zeroth_plugin_failure *failure, int32_t *status);
int32_t zeroth_guarded_destroy(const zeroth_plugin_strategy *functions, void *state);
int32_t zeroth_guarded_clone(
    const zeroth_plugin_strategy *functions, const void *state, void **copy, zeroth_plugin_failure *failure,
    int32_t *status);
int32_t zeroth_guarded_validate(
    const zeroth_plugin_strategy *functions, const void *state, const zeroth_plugin_layout *layout,
    zeroth_plugin_failure *failure, int32_t *status);
int32_t zeroth_guarded_save(
    const zeroth_plugin_strategy *functions, const void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_layout *layout, const zeroth_plugin_writer *writer, zeroth_plugin_failure *failure,
    int32_t *status);
int32_t zeroth_guarded_restore(
    const zeroth_plugin_strategy *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_layout *layout, const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure,
    int32_t *status);
// Calls traits or state_count, whichever `function` is.
int32_t zeroth_guarded_number(int64_t (*function)(const void *), const void *state, int64_t *result);

int32_t zeroth_guarded_forwards(
    const zeroth_plugin_estimator *functions, const void *state, const zeroth_plugin_layout *layout, int64_t step,
    int64_t *count);
int32_t zeroth_guarded_grain(const zeroth_plugin_estimator *functions, const void *state, int32_t *grain);
int32_t zeroth_guarded_estimate(
    const zeroth_plugin_estimator *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_step *step, const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    zeroth_plugin_result *result, zeroth_plugin_failure *failure, int32_t *status);
int32_t zeroth_guarded_update(
    const zeroth_plugin_rule *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_step *step, const zeroth_plugin_estimate *estimate, zeroth_plugin_update *update,
    zeroth_plugin_failure *failure, int32_t *status);
int32_t zeroth_guarded_adapter_forwards(
    const zeroth_plugin_adapter *functions, const void *state, int64_t step, int64_t *count);
int32_t zeroth_guarded_clip(const zeroth_plugin_adapter *functions, const void *state, double *clip);
int32_t zeroth_guarded_begin(
    const zeroth_plugin_adapter *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_layout *layout, const zeroth_plugin_parameters *theta, zeroth_plugin_failure *failure,
    int32_t *status);
int32_t zeroth_guarded_scales(
    const zeroth_plugin_adapter *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_step *step, const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure, int32_t *status);
int32_t zeroth_guarded_did_apply(
    const zeroth_plugin_adapter *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_step *step, const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure, int32_t *status);

// Functions on directions.
int32_t zeroth_guarded_add(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_services *services,
    const zeroth_plugin_direction *direction, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
    float scale, float *values);
int32_t zeroth_guarded_write(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_services *services,
    const zeroth_plugin_direction *direction, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
    int64_t first_column, int64_t columns, float *values);
int32_t zeroth_guarded_left(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_services *services,
    const zeroth_plugin_direction *direction, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
    float *values);
int32_t zeroth_guarded_right(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_services *services,
    const zeroth_plugin_direction *direction, const zeroth_plugin_block *block, float *values);
int32_t zeroth_guarded_touches(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_direction *direction,
    const zeroth_plugin_block *block, int32_t *result);
// Calls retain or release, whichever `function` is.
int32_t zeroth_guarded_count(void (*function)(void *), void *payload);

// The function `name` of an open library, or NULL; and why the last opening failed.
void *zeroth_library_function(void *handle, const char *name);
const char *zeroth_library_error(void);
// Whether none of the values is infinite or NaN.
int32_t zeroth_all_finite(const float *values, uint64_t count);

#endif
