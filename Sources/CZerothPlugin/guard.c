#define _GNU_SOURCE
#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "CZerothPluginHost.h"

typedef struct guard {
  sigjmp_buf place;
  struct guard *outer;
} guard;

static _Thread_local guard *current;

static const int guarded_signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
enum { guarded_count = sizeof guarded_signals / sizeof *guarded_signals };
static struct sigaction previous[guarded_count];

// Runs `call` under a guard and returns the signal that ended it, or 0. The mask of blocked signals is not saved,
// because that would cost a system call. It need not be, because the handler blocks no signal (SA_NODEFER).
#define GUARDED(call)                             \
  do {                                            \
    guard g;                                      \
    g.outer = current;                            \
    int32_t number = sigsetjmp(g.place, 0);       \
    if (number == 0) {                            \
      current = &g;                               \
      atomic_signal_fence(memory_order_seq_cst);  \
      call;                                       \
      atomic_signal_fence(memory_order_seq_cst);  \
    }                                             \
    current = g.outer;                            \
    return number;                                \
  } while (0)

static void handle(int number, siginfo_t *info, void *context) {
  if (current) siglongjmp(current->place, number);
  for (int i = 0; i < guarded_count; i++) {
    if (guarded_signals[i] != number) continue;
    struct sigaction before = previous[i];
    if (before.sa_flags & SA_SIGINFO) {
      before.sa_sigaction(number, info, context);
    } else if (before.sa_handler == SIG_DFL) {
      sigaction(number, &before, NULL);
      raise(number);
    } else if (before.sa_handler != SIG_IGN) {
      before.sa_handler(number);
    }
  }
}

// The handler cannot run on a stack that has overflowed. The thread that loads plugins and runs `create` and `estimate`
// has a second stack for the handler.
static void install_stack(void) {
  stack_t stack;
  if (sigaltstack(NULL, &stack) != 0 || !(stack.ss_flags & SS_DISABLE)) return;
  stack.ss_size = 1 << 16;
  stack.ss_flags = 0;
  stack.ss_sp = malloc(stack.ss_size);
  if (stack.ss_sp) sigaltstack(&stack, NULL);
}

void zeroth_guard_install(void) {
  static atomic_flag installed = ATOMIC_FLAG_INIT;
  install_stack();
  if (atomic_flag_test_and_set(&installed)) return;
  for (int i = 0; i < guarded_count; i++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(guarded_signals[i], &action, &previous[i]);
  }
}

void *zeroth_guard_suspend(void) {
  guard *g = current;
  current = NULL;
  return g;
}

void zeroth_guard_resume(void *g) { current = g; }

const char *zeroth_signal_name(int32_t number) {
  switch (number) {
    case SIGABRT: return "SIGABRT";
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGILL: return "SIGILL";
    case SIGFPE: return "SIGFPE";
    case SIGTRAP: return "SIGTRAP";
    default: return "a signal";
  }
}

// The smallest size of a page.
enum { page = 4096 };

int32_t zeroth_guarded_copy(void *target, const void *source, uint64_t count) {
  GUARDED(memcpy(target, source, count));
}

int32_t zeroth_guarded_reads(const void *start, uint64_t count) {
  GUARDED({
    const volatile char *bytes = start;
    for (uint64_t i = 0; i < count; i += page) (void)bytes[i];
    if (count > 0) (void)bytes[count - 1];
  });
}

int32_t zeroth_guarded_writes(void *start, uint64_t count) {
  GUARDED({
    volatile char *bytes = start;
    for (uint64_t i = 0; i < count; i += page) bytes[i] = bytes[i];
    if (count > 0) bytes[count - 1] = bytes[count - 1];
  });
}

int32_t zeroth_guarded_text(char *target, const char *source, uint64_t capacity, uint64_t *length) {
  GUARDED({
    *length = strnlen(source, capacity);
    memcpy(target, source, *length);
  });
}

int32_t zeroth_guarded_open(const char *path, void **handle) {
  GUARDED(*handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
}

int32_t zeroth_guarded_query(void *query, const zeroth_plugin **plugin) {
  GUARDED(*plugin = ((const zeroth_plugin *(*)(void))query)());
}

int32_t zeroth_guarded_register(
    const zeroth_plugin *plugin, const zeroth_plugin_registrar *registrar, zeroth_plugin_failure *failure,
    int32_t *status) {
  GUARDED(*status = plugin->register_types(registrar, failure));
}

int32_t zeroth_guarded_accepts(
    int32_t (*accepts)(const void *, double), const void *context, double value, int32_t *result) {
  GUARDED(*result = accepts(context, value));
}

int32_t zeroth_guarded_panel(
    void (*body)(void *, const zeroth_plugin_block *, int64_t, int64_t), void *context,
    const zeroth_plugin_block *block, int64_t first_row, int64_t rows) {
  GUARDED(body(context, block, first_row, rows));
}

int32_t zeroth_guarded_create(
    const zeroth_plugin_strategy *functions, const zeroth_plugin_strategy *type,
    const zeroth_plugin_services *services, const zeroth_plugin_options *options, void **state,
    zeroth_plugin_failure *failure, int32_t *status) {
  GUARDED(*status = functions->create(type, services, options, state, failure));
}

int32_t zeroth_guarded_destroy(const zeroth_plugin_strategy *functions, void *state) {
  GUARDED(functions->destroy(state));
}

int32_t zeroth_guarded_clone(
    const zeroth_plugin_strategy *functions, const void *state, void **copy, zeroth_plugin_failure *failure,
    int32_t *status) {
  GUARDED(*status = functions->copy(state, copy, failure));
}

int32_t zeroth_guarded_validate(
    const zeroth_plugin_strategy *functions, const void *state, const zeroth_plugin_layout *layout,
    zeroth_plugin_failure *failure, int32_t *status) {
  GUARDED(*status = functions->validate(state, layout, failure));
}

int32_t zeroth_guarded_save(
    const zeroth_plugin_strategy *functions, const void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_layout *layout, const zeroth_plugin_writer *writer, zeroth_plugin_failure *failure,
    int32_t *status) {
  GUARDED(*status = functions->save_state(state, services, layout, writer, failure));
}

int32_t zeroth_guarded_restore(
    const zeroth_plugin_strategy *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_layout *layout, const zeroth_plugin_reader *reader, zeroth_plugin_failure *failure,
    int32_t *status) {
  GUARDED(*status = functions->restore_state(state, services, layout, reader, failure));
}

int32_t zeroth_guarded_number(int64_t (*function)(const void *), const void *state, int64_t *result) {
  GUARDED(*result = function(state));
}

int32_t zeroth_guarded_forwards(
    const zeroth_plugin_estimator *functions, const void *state, const zeroth_plugin_layout *layout, int64_t step,
    int64_t *count) {
  GUARDED(*count = functions->forwards(state, layout, step));
}

int32_t zeroth_guarded_grain(const zeroth_plugin_estimator *functions, const void *state, int32_t *grain) {
  GUARDED(*grain = functions->grain(state));
}

int32_t zeroth_guarded_estimate(
    const zeroth_plugin_estimator *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_step *step, const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    zeroth_plugin_result *result, zeroth_plugin_failure *failure, int32_t *status) {
  GUARDED(*status = functions->estimate(state, services, step, theta, objective, result, failure));
}

int32_t zeroth_guarded_update(
    const zeroth_plugin_rule *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_step *step, const zeroth_plugin_estimate *estimate, zeroth_plugin_update *update,
    zeroth_plugin_failure *failure, int32_t *status) {
  GUARDED(*status = functions->update(state, services, step, estimate, update, failure));
}

int32_t zeroth_guarded_adapter_forwards(
    const zeroth_plugin_adapter *functions, const void *state, int64_t step, int64_t *count) {
  GUARDED(*count = functions->forwards(state, step));
}

int32_t zeroth_guarded_clip(const zeroth_plugin_adapter *functions, const void *state, double *clip) {
  GUARDED(*clip = functions->clip(state));
}

int32_t zeroth_guarded_begin(
    const zeroth_plugin_adapter *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_layout *layout, const zeroth_plugin_parameters *theta, zeroth_plugin_failure *failure,
    int32_t *status) {
  GUARDED(*status = functions->begin(state, services, layout, theta, failure));
}

int32_t zeroth_guarded_scales(
    const zeroth_plugin_adapter *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_step *step, const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure, int32_t *status) {
  GUARDED(*status = functions->scales(state, services, step, theta, objective, update, moves, failure));
}

int32_t zeroth_guarded_did_apply(
    const zeroth_plugin_adapter *functions, void *state, const zeroth_plugin_services *services,
    const zeroth_plugin_step *step, const zeroth_plugin_parameters *theta, const zeroth_plugin_objective *objective,
    const zeroth_plugin_terms *update, zeroth_plugin_moves *moves, zeroth_plugin_failure *failure, int32_t *status) {
  GUARDED(*status = functions->did_apply(state, services, step, theta, objective, update, moves, failure));
}

int32_t zeroth_guarded_add(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_services *services,
    const zeroth_plugin_direction *direction, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
    float scale, float *values) {
  GUARDED(functions->add(services, direction, block, first_row, rows, scale, values));
}

int32_t zeroth_guarded_write(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_services *services,
    const zeroth_plugin_direction *direction, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
    int64_t first_column, int64_t columns, float *values) {
  GUARDED(functions->write(services, direction, block, first_row, rows, first_column, columns, values));
}

int32_t zeroth_guarded_left(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_services *services,
    const zeroth_plugin_direction *direction, const zeroth_plugin_block *block, int64_t first_row, int64_t rows,
    float *values) {
  GUARDED(functions->write_left(services, direction, block, first_row, rows, values));
}

int32_t zeroth_guarded_right(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_services *services,
    const zeroth_plugin_direction *direction, const zeroth_plugin_block *block, float *values) {
  GUARDED(functions->write_right(services, direction, block, values));
}

int32_t zeroth_guarded_touches(
    const zeroth_plugin_direction_functions *functions, const zeroth_plugin_direction *direction,
    const zeroth_plugin_block *block, int32_t *result) {
  GUARDED(*result = functions->touches(direction, block));
}

int32_t zeroth_guarded_count(void (*function)(void *), void *payload) { GUARDED(function(payload)); }

void *zeroth_library_function(void *handle, const char *name) { return dlsym(handle, name); }

const char *zeroth_library_error(void) {
  const char *error = dlerror();
  return error ? error : "no reason given";
}

// The function reads every value that a plugin makes, so it is compiled for each instruction set; one version is chosen
// when the program is loaded. Sanitizers get only one version: they start after the choice and would end the program in
// it.
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer) && \
    !__has_feature(address_sanitizer) && !__has_feature(undefined_behavior_sanitizer)
__attribute__((target_clones("default", "avx2", "avx512f")))
#endif
int32_t zeroth_all_finite(const float *values, uint64_t count) {
  const uint32_t exponent = 0x7f800000;
  uint32_t bad = 0;
  for (uint64_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, values + i, sizeof bits);
    bad |= (bits & exponent) == exponent;
  }
  return !bad;
}
