#include "CZeroth.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t huge_page = 2u << 20;

__attribute__((noreturn)) void zeroth_end_without_memory(const char *purpose) {
  char line[512];
  int count = snprintf(line, sizeof line,
                       "memory: found none left for %s, expected more memory, a smaller batch or fewer threads\n", purpose);
  ssize_t written = write(2, line, (size_t)(count < (int)sizeof line ? count : (int)sizeof line - 1));
  (void)written;
  _exit(2);
}

void *zeroth_allocate(size_t bytes) {
  if (bytes == 0) bytes = 64;
  bool large = bytes >= 4 * huge_page;
  void *memory = NULL;
  if (bytes > SIZE_MAX - huge_page) return NULL;
  if (large) {
    // Huge pages make long reads cheaper, because fewer addresses have to be translated.
    if (posix_memalign(&memory, huge_page, bytes) != 0) return NULL;
    madvise(memory, bytes, MADV_HUGEPAGE);
  } else if (posix_memalign(&memory, 64, bytes) != 0) {
    return NULL;
  }
  memset(memory, 0, bytes);
  return memory;
}

void zeroth_deallocate(void *memory, size_t bytes) {
  (void)bytes;
  free(memory);
}

void *zeroth_reserve(size_t bytes, int huge) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return memory;
}

void zeroth_release(void *memory, size_t bytes) { munmap(memory, bytes); }

// ---- Temporary memory ----

// More than a step needs, so that no thread has to enlarge its stack later. Pages take memory only when they are
// touched.
enum { least_scratch = 1 << 20 };

struct scratch {
  char *base;
  size_t size, used, most;
};
static _Thread_local struct scratch scratch;
static pthread_key_t at_thread_end;

static void free_scratch(void *base) { free(base); }
__attribute__((constructor)) static void make_key(void) { pthread_key_create(&at_thread_end, free_scratch); }

// The bytes of whole cache lines that hold `bytes` and one more, so that even 0 bytes have an address of their own.
static size_t whole_lines(size_t bytes) { return bytes / 64 * 64 + 64; }

void *zeroth_scratch_take(size_t bytes) {
  bytes = whole_lines(bytes);
  size_t first = scratch.used;
  scratch.used += bytes;
  if (scratch.used > scratch.most) scratch.most = scratch.used;
  if (scratch.used <= scratch.size) return scratch.base + first;
  // Memory in use cannot move. This piece is therefore allocated apart, and the stack grows at a later call, when
  // nothing is in use.
  if (first > 0) return aligned_alloc(64, bytes);
  free(scratch.base);
  size_t size = scratch.most < least_scratch ? least_scratch : scratch.most;
  scratch.base = aligned_alloc(64, size);
  scratch.size = scratch.base == NULL ? 0 : size;
  pthread_setspecific(at_thread_end, scratch.base);
  return scratch.base;
}

void zeroth_scratch_return(void *memory, size_t bytes) {
  scratch.used -= whole_lines(bytes);
  if ((char *)memory < scratch.base || (char *)memory >= scratch.base + scratch.size) free(memory);
}

typedef uint64_t words __attribute__((ext_vector_type(8), aligned(1)));

uint64_t zeroth_read_bytes(const void *memory, size_t bytes) {
  const char *from = memory;
  words sums[4] = {0};
  for (size_t at = 0; at + 4 * sizeof(words) <= bytes; at += 4 * sizeof(words))
    for (int i = 0; i < 4; i++) sums[i] += *(const words *)(from + at + i * sizeof(words));
  words all = sums[0] + sums[1] + sums[2] + sums[3];
  uint64_t sum = 0;
  for (int i = 0; i < 8; i++) sum += all[i];
  return sum;
}
