/* Whole files, and paths beside others. */
#include "tsm_gpu_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many bytes came; fewer than asked for at the file's end or after an error. */
static size_t read_up_to(int file, unsigned char *memory, size_t bytes) {
  size_t total = 0;
  while (total < bytes) {
    ssize_t part = read(file, memory + total, bytes - total);
    if (part <= 0) break;
    total += (size_t)part;
  }
  return total;
}

unsigned char *tsm_read_file(const char *path, size_t *bytes) {
  unsigned char *memory = NULL;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  off_t size;
  if (file < 0) return NULL;
  size = lseek(file, 0, SEEK_END);
  if (size >= 0 && lseek(file, 0, SEEK_SET) == 0) memory = malloc((size_t)size + 1);
  if (memory) {
    *bytes = read_up_to(file, memory, (size_t)size);
    memory[*bytes] = 0;
  }
  close(file);
  return memory;
}

int tsm_path_beside(const char *neighbour, const char *name, char *path, size_t bytes) {
  const char *slash = strrchr(neighbour, '/');
  int folder = slash ? (int)(slash - neighbour) + 1 : 0;
  int length = snprintf(path, bytes, "%.*s%s", folder, neighbour, name);
  return length >= 0 && (size_t)length < bytes;
}
