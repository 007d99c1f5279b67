/* tsm_gpu_files.h - what the GPU half reads and writes. Private to the library. */
#ifndef TSM_GPU_FILES_H
#define TSM_GPU_FILES_H

#include <stddef.h>

/* A whole file, a zero behind it, to be freed; null if it cannot be read. */
unsigned char *tsm_read_file(const char *path, size_t *bytes);

/* `path` becomes that of the file `name` beside `neighbour`; false if it is longer than `bytes` allow. */
int tsm_path_beside(const char *neighbour, const char *name, char *path, size_t bytes);

/* What makes a compiled kernel the right one, in text, and where it may lie. */
typedef struct tsm_cubin_cache {
  char key[512];
  const char *weights_path;
} tsm_cubin_cache;

/* An image that was kept under this key, behind the bytes that `memory` begins with, to be freed as `memory`; null if
 * there is none, or a broken one. */
const void *tsm_cubin_find(const tsm_cubin_cache *cache, unsigned char **memory);

/* Keep an image: beside the bundle, or else in the user's cache. What goes wrong costs the next start its time. */
void tsm_cubin_keep(const tsm_cubin_cache *cache, const void *image, size_t bytes);

#endif
