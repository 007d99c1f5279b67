/* tsm_memory.h - aligned memory. Private to the library. */
#ifndef TSM_MEMORY_H
#define TSM_MEMORY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A cache line, and the widest vector. */
#define TSM_ALIGNMENT 64

/* At least `bytes`, zeroed, so that a kernel never meets a NaN of an earlier life; null if there is no memory. */
static inline unsigned char *tsm_allocate(int64_t bytes) {
  void *memory = NULL;
  size_t size = ((size_t)bytes + TSM_ALIGNMENT) / TSM_ALIGNMENT * TSM_ALIGNMENT;
  if (posix_memalign(&memory, TSM_ALIGNMENT, size)) return NULL;
  memset(memory, 0, size);
  return memory;
}

#endif
