/* tsm_memory.h - aligned memory. Private to the library. */
#ifndef TSM_MEMORY_H
#define TSM_MEMORY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A cache line, and the widest vector. */
#define TSM_ALIGNMENT 64

static inline size_t tsm_aligned_size(int64_t bytes) {
  return ((size_t)bytes + TSM_ALIGNMENT) / TSM_ALIGNMENT * TSM_ALIGNMENT;
}

/* At least `bytes`, of which none costs memory before it is written; null if there is no memory. */
static inline void *tsm_reserve(int64_t bytes) {
  void *memory = NULL;
  return posix_memalign(&memory, TSM_ALIGNMENT, tsm_aligned_size(bytes)) ? NULL : memory;
}

/* The same, zeroed, so that a kernel never meets a NaN of an earlier life. */
static inline unsigned char *tsm_allocate(int64_t bytes) {
  unsigned char *memory = tsm_reserve(bytes);
  if (memory) memset(memory, 0, tsm_aligned_size(bytes));
  return memory;
}

#endif
