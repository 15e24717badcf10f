#include "CZeroth.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const size_t huge_page = 2u << 20;

void *zeroth_allocate(size_t bytes) {
  if (bytes == 0) bytes = 64;
  bool large = bytes >= 4 * huge_page;
  void *memory = NULL;
  if (bytes > SIZE_MAX - huge_page) return NULL;
  if (large) {
    // Fresh pages are zero already, and huge ones spare the address translation of long streams.
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

void *zeroth_reserve(size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

void zeroth_release(void *memory, size_t bytes) { munmap(memory, bytes); }
