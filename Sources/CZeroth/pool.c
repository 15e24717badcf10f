// A fork-join pool: a job calls a function once for each index and ends when the last call has returned. The caller
// chooses the number of indices by the shape of the work alone. Which thread takes an index never changes a result.
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
static int workers = 0;          // the threads that were started, without the caller
static atomic_int wanted = 1;    // the threads to use, with the caller
static atomic_uint generation;   // rises by one with each job
// A thread begins with its own range of neighbouring indices, because neighbours mostly read neighbouring memory. A
// thread that has finished its range takes indices from the ranges of the others. `next` is the first index that no
// thread has taken.
static struct {
  _Alignas(64) atomic_int next;
  atomic_bool took_part;  // whether the thread took the first index of its range, in a job of a held pool
} ranges[max_threads];
// The number of workers in the job, plus `closed` while there is no job. A worker that finds the job closed came too
// late, and nobody waits for it.
static atomic_int members = closed;
static int job_count, job_threads;
static void *job_context;
static body_function job_body;
static _Thread_local bool inside;
static _Thread_local int own_threads;  // the calling thread's own number of threads; 0 stands for the number of the process

// A pool that is held. In its jobs every thread itself takes the first index of its range. So all threads take part,
// however slowly they wake up.
static _Thread_local int holds;        // how often the calling thread holds the pool
static bool job_is_held;
static atomic_int arrived;             // the threads that have taken the first index of their range
static struct zeroth_loops seen_loops; // the loops of the holder

static void pause_a_little(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// The first index of a thread's range. The range ends where that of the next thread begins.
static int start_of(int thread) { return (int)((long)job_count * thread / job_threads); }

static void take_first_index(int worker) {
  int first = start_of(worker);
  if (first == start_of(worker + 1)) return;
  // A thread that was slow to leave the wait for an earlier job may come to this job twice.
  if (atomic_exchange_explicit(&ranges[worker].took_part, true, memory_order_relaxed)) return;
  job_body(job_context, first, worker);
  atomic_fetch_add_explicit(&arrived, 1, memory_order_release);
}

static void take_indices(int worker) {
  if (job_is_held) take_first_index(worker);
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
  unsigned seen;  // the last job before this thread was made
  atomic_bool is_over;
};

static void *work(void *argument) {
  struct start *start = argument;
  const int worker = start->worker;
  unsigned seen = start->seen;
  inside = true;
  zeroth_scratch_return(zeroth_scratch_take(0), 0);  // allocated now, so that no job has to do it
  atomic_store(&start->is_over, true);
  bool isUsed = true;  // whether the last job had a place for this thread; without one it need not spin
  for (;;) {
    int tries = isUsed ? 0 : spins;
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
    if (isOpen) isUsed = worker < job_threads;
    if (isOpen && isUsed) take_indices(worker);
    atomic_fetch_sub_explicit(&members, 1, memory_order_release);
  }
  return NULL;
}

void zeroth_set_threads(int threads) {
  if (threads < 1) threads = 1;
  if (threads > max_threads) threads = max_threads;
  atomic_store(&wanted, threads);
}

int zeroth_threads(void) { return own_threads > 0 ? own_threads : atomic_load(&wanted); }

int zeroth_set_own_threads(int threads) {
  int before = own_threads;
  own_threads = threads > max_threads ? max_threads : threads;
  return before;
}

void zeroth_take_pool(void) {
  if (holds++ > 0) return;
  pthread_mutex_lock(&use);
  seen_loops = (struct zeroth_loops){0, 0};
}

struct zeroth_loops zeroth_return_pool(void) {
  struct zeroth_loops loops = seen_loops;
  if (--holds == 0) pthread_mutex_unlock(&use);
  return loops;
}

static void run_alone(int count, void *context, body_function body) {
  for (int i = 0; i < count; i++) body(context, i, 0);
}

static void run_together(int count, int threads, void *context, body_function body) {
  while (workers < threads - 1) {
    struct start start = {.worker = workers + 1, .seen = atomic_load(&generation)};
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, &start) != 0) break;
    pthread_detach(thread);
    while (!atomic_load(&start.is_over)) sched_yield();
    workers++;
  }
  if (threads > workers + 1) threads = workers + 1;
  job_count = count;
  job_threads = threads;
  job_context = context;
  job_body = body;
  job_is_held = holds > 0;
  atomic_store_explicit(&arrived, 0, memory_order_relaxed);
  int ranges_with_indices = 0;
  for (int t = 0; t < threads; t++) {
    bool has_indices = start_of(t) < start_of(t + 1);
    ranges_with_indices += has_indices;
    atomic_store_explicit(&ranges[t].took_part, false, memory_order_relaxed);
    atomic_store_explicit(&ranges[t].next, start_of(t) + (job_is_held && has_indices), memory_order_relaxed);
  }
  atomic_fetch_and_explicit(&members, ~closed, memory_order_release);
  pthread_mutex_lock(&sleep_lock);
  atomic_fetch_add_explicit(&generation, 1, memory_order_release);
  pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&sleep_lock);
  inside = true;
  take_indices(0);
  inside = false;
  if (job_is_held)
    while (atomic_load_explicit(&arrived, memory_order_acquire) < ranges_with_indices) sched_yield();
  atomic_fetch_or_explicit(&members, closed, memory_order_relaxed);
  while (atomic_load_explicit(&members, memory_order_acquire) != closed) pause_a_little();
}

// Counts a loop of the holder, in which `took_part` threads took part.
static void count_loop(int count, int took_part) {
  int all = zeroth_threads();
  if (all > count) all = count;
  seen_loops.loops++;
  if (took_part < all) seen_loops.narrow++;
}

void zeroth_parallel(int count, int limit, void *context, body_function body) {
  int threads = zeroth_threads();
  if (threads > limit) threads = limit;
  bool is_whole = count <= 1 || inside;  // a loop of one index, or a loop inside a loop
  if (is_whole || threads == 1 || (holds == 0 && pthread_mutex_trylock(&use) != 0)) {
    run_alone(count, context, body);
    if (holds > 0 && !is_whole) count_loop(count, 1);
    return;
  }
  run_together(count, threads, context, body);
  if (holds > 0) {
    int took_part = 0;
    for (int t = 0; t < job_threads; t++) took_part += atomic_load_explicit(&ranges[t].took_part, memory_order_relaxed);
    count_loop(count, took_part);
  } else {
    pthread_mutex_unlock(&use);
  }
}
