/* Weights: mapped from a file, used where they lie in memory, or copied from there to an aligned place. */
#include "tsm_weights.h"

#include "tsm_engine.h"
#include "tsm_memory.h"
#include "tsm_plan.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static const tsm_plan *const plan = &tsm_model_plan;

static int other_size(const tsm_model_options *options, int64_t size) {
  tsm_say(options, "the weights have %lld bytes, this library expects %lld; library and weights belong to one bundle",
          (long long)size, (long long)plan->weight_bytes);
  return TSM_ERROR_SIZE;
}

static int map_file(const tsm_model_options *options, int file, tsm_weights *weights) {
  off_t size = lseek(file, 0, SEEK_END);
  void *memory;
  if (size != (off_t)plan->weight_bytes) return other_size(options, (int64_t)size);
  memory = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
  if (memory == MAP_FAILED) {
    tsm_say(options, "cannot map %s into memory", options->weights_path);
    return TSM_ERROR_FILE;
  }
  weights->bytes = weights->mapped = memory;
  return TSM_OK;
}

static int open_file(const tsm_model_options *options, tsm_weights *weights) {
  int status, file = open(options->weights_path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    tsm_say(options, "cannot open %s; give the path of the bundle's weights.bin", options->weights_path);
    return TSM_ERROR_FILE;
  }
  status = map_file(options, file, weights);
  close(file);
  return status;
}

int tsm_weights_open(const tsm_model_options *options, tsm_weights *weights) {
  weights->mapped = weights->copied = NULL;
  if (options->weights_path) return open_file(options, weights);
  if (options->weight_bytes != plan->weight_bytes) return other_size(options, options->weight_bytes);
  weights->bytes = options->weights;
  if ((uintptr_t)options->weights % TSM_ALIGNMENT == 0) return TSM_OK;
  weights->copied = tsm_reserve(options->weight_bytes);
  if (!weights->copied) return TSM_ERROR_MEMORY;
  weights->bytes = memcpy(weights->copied, options->weights, (size_t)options->weight_bytes);
  return TSM_OK;
}

void tsm_weights_close(tsm_weights *weights) {
  if (weights->mapped) munmap(weights->mapped, (size_t)plan->weight_bytes);
  free(weights->copied);
}
