/* Keeps what the driver made of the PTX, so that only the first start compiles.
 *
 * A file begins with the SHA-256 of key and image, so that a broken one, however it came about, is like none. It is
 * written under another name and renamed; a lock keeps two processes from writing one file, and ends with them. Its own
 * name holds a part of the key's hash: another driver or GPU has another file.
 */
#include "tsm_gpu_files.h"
#include "tsm_sha256.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 128 /* the hash, and zeros: the image begins where a driver may want it */
#define PATH_BYTES 4096
#define NUM_PLACES 2

static void hash_of(const tsm_cubin_cache *cache, const void *image, size_t bytes, char hex[TSM_SHA256_HEX + 1]) {
  tsm_sha256 hash;
  tsm_sha256_begin(&hash);
  tsm_sha256_add(&hash, cache->key, strlen(cache->key) + 1);
  tsm_sha256_add(&hash, image, bytes);
  tsm_sha256_end(&hash, hex);
}

/* The user's cache folder for this program, made if need be. */
static int user_folder(char *folder, size_t bytes) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int length = -1;
  if (cache && cache[0] == '/')
    length = snprintf(folder, bytes, "%s/", cache);
  else if (home && home[0] == '/')
    length = snprintf(folder, bytes, "%s/.cache/", home);
  if (length < 0 || length + sizeof "tsm-edge/" > bytes) return 0;
  mkdir(folder, 0700);
  strcat(folder, "tsm-edge/");
  mkdir(folder, 0700);
  return 1;
}

/* The file's path in the place of that number; false if it has none. */
static int path_in(const tsm_cubin_cache *cache, int place, char path[PATH_BYTES]) {
  char hex[TSM_SHA256_HEX + 1], name[64], folder[PATH_BYTES];
  hash_of(cache, "", 0, hex);
  snprintf(name, sizeof name, "kernels-%.16s.cubin", hex);
  if (place == 0) return tsm_path_beside(cache->weights_path, name, path, PATH_BYTES);
  return user_folder(folder, sizeof folder) && tsm_path_beside(folder, name, path, PATH_BYTES);
}

const void *tsm_cubin_find(const tsm_cubin_cache *cache, unsigned char **memory) {
  char path[PATH_BYTES], hex[TSM_SHA256_HEX + 1];
  int place;
  for (place = 0; place < NUM_PLACES; place++) {
    size_t bytes;
    *memory = path_in(cache, place, path) ? tsm_read_file(path, &bytes) : NULL;
    if (!*memory) continue;
    if (bytes > HEAD_BYTES) {
      hash_of(cache, *memory + HEAD_BYTES, bytes - HEAD_BYTES, hex);
      if (!memcmp(hex, *memory, TSM_SHA256_HEX)) return *memory + HEAD_BYTES;
    }
    free(*memory);
  }
  *memory = NULL;
  return NULL;
}

static int write_all(int file, const void *data, size_t bytes) {
  const char *next = data;
  while (bytes) {
    ssize_t written = write(file, next, bytes);
    if (written <= 0) return 0;
    next += written;
    bytes -= (size_t)written;
  }
  return 1;
}

/* Ours alone, and still under its name: another process may have renamed what we waited for. */
static int is_locked(int file, const char *path) {
  struct stat opened, named;
  return !flock(file, LOCK_EX | LOCK_NB) && !fstat(file, &opened) && !stat(path, &named) &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/* False if there is no place for it. */
static int write_file(const char *path, const char head[HEAD_BYTES], const void *image, size_t bytes) {
  char part[PATH_BYTES + sizeof ".part"];
  int file, done = 0;
  snprintf(part, sizeof part, "%s.part", path);
  file = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file < 0) return 0;
  if (is_locked(file, part)) {
    done = !ftruncate(file, 0) && write_all(file, head, HEAD_BYTES) && write_all(file, image, bytes) &&
           !rename(part, path);
    if (!done) unlink(part);
  }
  close(file);
  return done;
}

void tsm_cubin_keep(const tsm_cubin_cache *cache, const void *image, size_t bytes) {
  char path[PATH_BYTES], hex[TSM_SHA256_HEX + 1], head[HEAD_BYTES] = {0};
  int place;
  hash_of(cache, image, bytes, hex);
  memcpy(head, hex, TSM_SHA256_HEX);
  for (place = 0; place < NUM_PLACES; place++)
    if (path_in(cache, place, path) && write_file(path, head, image, bytes)) return;
}
