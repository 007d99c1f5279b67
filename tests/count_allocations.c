/* count_allocations - preloaded into a program with glibc, counts what it asks of the heap and of mmap.
 *
 * At the program's end the file that COUNT_ALLOCATIONS names holds the number.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* glibc's own, under the names that it keeps for this. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static atomic_long allocations;

static void count(void) { atomic_fetch_add(&allocations, 1); }

EXPORTED void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

EXPORTED void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

EXPORTED void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}

EXPORTED void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

EXPORTED int posix_memalign(void **memory, size_t alignment, size_t size) {
  *memory = memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}

EXPORTED void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
  count();
  return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

__attribute__((destructor)) static void report(void) {
  long counted = atomic_load(&allocations);
  const char *path = getenv("COUNT_ALLOCATIONS");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", counted);
  fclose(file);
}
