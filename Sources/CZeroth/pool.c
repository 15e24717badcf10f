// A fork-join pool: a job calls a function once for each index, and ends when the last call has returned. The caller
// says how many indices there are, by the shape of the work alone; which thread takes an index never changes a result.
#define _GNU_SOURCE
#include "CZeroth.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { max_threads = 64, spins = 10000, closed = 1 << 16 };

typedef void (*body_function)(void *, int, int);

static pthread_mutex_t use = PTHREAD_MUTEX_INITIALIZER;  // held by the caller whose work is in the pool
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static int workers = 0;          // threads started, the caller not counted
static atomic_int wanted = 1;    // threads to use, the caller counted
static atomic_uint generation;   // raised once per job
// A thread begins with a range of neighbouring indices of its own, because neighbours mostly read neighbouring memory.
// A thread whose range is used up takes indices from the ranges of the others. `next` is the first index that nobody
// has.
static struct {
  _Alignas(64) atomic_int next;
} ranges[max_threads];
// How many workers are in the job, plus `closed` while there is none. A worker that finds the job closed came too late,
// and nobody waits for it.
static atomic_int members = closed;
static int job_count, job_threads;
static void *job_context;
static body_function job_body;
static _Thread_local bool inside;

static void pause_a_little(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// The first index of a thread's range, which ends where the next thread's begins.
static int start_of(int thread) { return (int)((long)job_count * thread / job_threads); }

static void take_indices(int worker) {
  for (int others = 0; others < job_threads; others++) {
    int of = (worker + others) % job_threads, end = start_of(of + 1);
    for (;;) {
      int i = atomic_fetch_add_explicit(&ranges[of].next, 1, memory_order_relaxed);
      if (i >= end) break;
      job_body(job_context, i, worker);
    }
  }
}

struct start {
  int worker;
  unsigned seen;  // the job before this thread was made
  atomic_bool is_over;
};

static void *work(void *argument) {
  struct start *start = argument;
  const int worker = start->worker;
  unsigned seen = start->seen;
  inside = true;
  zeroth_scratch_return(zeroth_scratch_take(0), 0);  // made now, so that no job has to make it
  atomic_store(&start->is_over, true);
  for (;;) {
    int tries = 0;
    while (atomic_load_explicit(&generation, memory_order_acquire) == seen) {
      if (++tries < spins) {
        pause_a_little();
      } else {
        pthread_mutex_lock(&sleep_lock);
        while (atomic_load_explicit(&generation, memory_order_acquire) == seen)
          pthread_cond_wait(&wake, &sleep_lock);
        pthread_mutex_unlock(&sleep_lock);
      }
    }
    seen = atomic_load_explicit(&generation, memory_order_acquire);
    bool isOpen = !(atomic_fetch_add_explicit(&members, 1, memory_order_acquire) & closed);
    if (isOpen && worker < job_threads) take_indices(worker);
    atomic_fetch_sub_explicit(&members, 1, memory_order_release);
  }
  return NULL;
}

void zeroth_set_threads(int threads) {
  if (threads < 1) threads = 1;
  if (threads > max_threads) threads = max_threads;
  atomic_store(&wanted, threads);
}

int zeroth_threads(void) { return atomic_load(&wanted); }

static void run_alone(int count, void *context, body_function body) {
  for (int i = 0; i < count; i++) body(context, i, 0);
}

void zeroth_parallel(int count, int limit, void *context, body_function body) {
  int threads = atomic_load(&wanted);
  if (threads > limit) threads = limit;
  if (count <= 1 || threads == 1 || inside || pthread_mutex_trylock(&use) != 0) {
    run_alone(count, context, body);
    return;
  }
  while (workers < threads - 1) {
    struct start start = {.worker = workers + 1, .seen = atomic_load(&generation)};
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, &start) != 0) break;
    pthread_detach(thread);
    while (!atomic_load(&start.is_over)) sched_yield();
    workers++;
  }
  job_count = count;
  job_threads = threads;
  job_context = context;
  job_body = body;
  for (int t = 0; t < threads; t++) atomic_store_explicit(&ranges[t].next, start_of(t), memory_order_relaxed);
  atomic_fetch_and_explicit(&members, ~closed, memory_order_release);
  pthread_mutex_lock(&sleep_lock);
  atomic_fetch_add_explicit(&generation, 1, memory_order_release);
  pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&sleep_lock);
  inside = true;
  take_indices(0);
  inside = false;
  atomic_fetch_or_explicit(&members, closed, memory_order_relaxed);
  while (atomic_load_explicit(&members, memory_order_acquire) != closed) pause_a_little();
  pthread_mutex_unlock(&use);
}
