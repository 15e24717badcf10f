// How Zeroth calls functions of a foreign library. A call runs under a guard: a signal that it raises (SIGABRT,
// SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP) ends the call and not the process. Only the host uses this header; plugins
// need nothing from it.
//
// A signal ends a call by a long jump. All frames that it jumps over belong to the plugin, because the host's own
// functions suspend the guard while the plugin calls them. What the plugin held is lost. Such an error is therefore the
// last thing that happens in a run.
#ifndef CZEROTH_PLUGIN_HOST_H
#define CZEROTH_PLUGIN_HOST_H

#include "CZerothPlugin.h"

// Installs the signal handlers, once in a process. Faults outside a plugin go to the handlers that were there before.
void zeroth_guard_install(void);
// Takes the guard off this thread while a function of the host runs. `zeroth_guard_resume` puts it back on with the
// result.
void *zeroth_guard_suspend(void);
void zeroth_guard_resume(void *guard);
// The name of a signal, such as SIGABRT.
const char *zeroth_signal_name(int32_t number);

// Each of the following returns 0, or the number of the signal that ended the call.
int32_t zeroth_guarded_copy(void *target, const void *source, uint64_t count);
// Test whether the memory of a plugin from `start` to `start + count` can be read, or read and written. They touch a
// byte of each page.
int32_t zeroth_guarded_reads(const void *start, uint64_t count);
int32_t zeroth_guarded_writes(void *start, uint64_t count);
// Copies a text of less than `capacity` bytes. If the text is longer, *length = capacity.
int32_t zeroth_guarded_text(char *target, const char *source, uint64_t capacity, uint64_t *length);
// Opens a library. If the library crashes meanwhile, the system's loader stays locked: no other thread can open
// anything.
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

// The functions of every strategy. `functions` is the host's copy of the strategy's struct.
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
// Calls `function`, which is `traits` or `state_count`.
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

// The functions on directions.
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
// Calls `function`, which is `retain` or `release`.
int32_t zeroth_guarded_count(void (*function)(void *), void *payload);

// The function `name` of an open library, or NULL; and the reason why the last opening failed.
void *zeroth_library_function(void *handle, const char *name);
const char *zeroth_library_error(void);
// Returns 1 if all values are finite, and 0 if one is infinite or NaN.
int32_t zeroth_all_finite(const float *values, uint64_t count);

#endif
