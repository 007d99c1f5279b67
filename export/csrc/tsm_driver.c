/* Models and streams: walks the plan for each frame. No allocation and no copy of the frame on the way. */
#include "tsm_edge.h"
#include "tsm_memory.h"
#include "tsm_plan.h"
#include "tsm_pool.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define TSM_MAX_THREADS 64

static const tsm_plan *const plan = &tsm_model_plan;

struct tsm_model {
  unsigned char *weights, *arena;
  tsm_pool *pool;
  pthread_mutex_t mutex; /* streams take turns with arena and threads */
};

struct tsm_stream {
  tsm_model *model;
  unsigned char *state;
};

int tsm_abi_version(void) { return TSM_ABI_VERSION; }

const char *tsm_status_text(int status) {
  switch (status) {
    case TSM_OK: return "ok";
    case TSM_ERROR_ARGUMENT: return "a null pointer or a number out of range";
    case TSM_ERROR_FILE: return "the weights cannot be opened or mapped";
    case TSM_ERROR_SIZE: return "the weights belong to another library";
    case TSM_ERROR_MEMORY: return "out of memory";
    case TSM_ERROR_THREAD: return "a thread could not be started";
    case TSM_ERROR_VALUE: return "a value is NaN or infinite";
    default: return "unknown status";
  }
}

static int32_t state_floats(void) { return (int32_t)(plan->state_bytes / (int64_t)sizeof(float)); }

int tsm_get_info(tsm_info *info) {
  if (!info) return TSM_ERROR_ARGUMENT;
  info->abi_version = TSM_ABI_VERSION;
  info->height = plan->height;
  info->width = plan->width;
  info->num_classes = plan->num_classes;
  info->state_floats = state_floats();
  info->num_calls = plan->num_calls;
  info->arena_bytes = plan->arena_bytes;
  info->weight_bytes = plan->weight_bytes;
  return TSM_OK;
}

const char *tsm_call_name(int index) {
  return index >= 0 && index < plan->num_calls ? plan->calls[index].name : NULL;
}

static int map_weights(const char *path, unsigned char **weights) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  off_t size;
  void *memory;
  if (file < 0) return TSM_ERROR_FILE;
  size = lseek(file, 0, SEEK_END);
  if (size != (off_t)plan->weight_bytes) {
    close(file);
    return TSM_ERROR_SIZE;
  }
  memory = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (memory == MAP_FAILED) return TSM_ERROR_FILE;
  *weights = memory;
  return TSM_OK;
}

static int fill_model(tsm_model *model, const char *weights_path, int num_threads) {
  int status = map_weights(weights_path, &model->weights);
  if (status != TSM_OK) return status;
  model->arena = tsm_allocate(plan->arena_bytes);
  if (!model->arena) return TSM_ERROR_MEMORY;
  model->pool = tsm_pool_create(num_threads, plan->scratch_bytes);
  return model->pool ? TSM_OK : TSM_ERROR_THREAD;
}

int tsm_model_open(const char *weights_path, int num_threads, tsm_model **model) {
  tsm_model *opened;
  int status;
  if (!weights_path || !model || num_threads < 1 || num_threads > TSM_MAX_THREADS) return TSM_ERROR_ARGUMENT;
  *model = NULL;
  opened = calloc(1, sizeof *opened);
  if (!opened) return TSM_ERROR_MEMORY;
  pthread_mutex_init(&opened->mutex, NULL);
  status = fill_model(opened, weights_path, num_threads);
  if (status != TSM_OK)
    tsm_model_close(opened);
  else
    *model = opened;
  return status;
}

void tsm_model_close(tsm_model *model) {
  if (!model) return;
  tsm_pool_destroy(model->pool);
  free(model->arena);
  if (model->weights) munmap(model->weights, (size_t)plan->weight_bytes);
  pthread_mutex_destroy(&model->mutex);
  free(model);
}

int tsm_stream_create(tsm_model *model, tsm_stream **stream) {
  tsm_stream *created;
  if (!model || !stream) return TSM_ERROR_ARGUMENT;
  *stream = NULL;
  created = calloc(1, sizeof *created);
  if (!created) return TSM_ERROR_MEMORY;
  created->model = model;
  created->state = tsm_allocate(plan->state_bytes);
  if (!created->state) {
    free(created);
    return TSM_ERROR_MEMORY;
  }
  *stream = created;
  return TSM_OK;
}

void tsm_stream_destroy(tsm_stream *stream) {
  if (!stream) return;
  free(stream->state);
  free(stream);
}

/* Independent sums: vector code without a reordered float addition. */
#define TSM_SUMS 16

/* Neither NaN nor infinite: times zero, every number gives zero and those two NaN, which no later sum removes. */
static int all_finite(const float *values, int32_t count) {
  float sums[TSM_SUMS] = {0.0f}, sum = 0.0f;
  int32_t i, lane, whole = count - count % TSM_SUMS;
  for (i = 0; i < whole; i += TSM_SUMS)
    for (lane = 0; lane < TSM_SUMS; lane++) sums[lane] += values[i + lane] * 0.0f;
  for (; i < count; i++) sum += values[i] * 0.0f;
  for (lane = 0; lane < TSM_SUMS; lane++) sum += sums[lane];
  return sum == 0.0f;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void run_plan(tsm_stream *stream, const float *frame, float *logits, double *seconds) {
  tsm_model *model = stream->model;
  tsm_operands operands;
  int call;
  operands.frame = frame;
  operands.arena = model->arena;
  operands.weights = model->weights;
  operands.state = stream->state;
  for (call = 0; call < plan->num_calls; call++) {
    double start = seconds ? now() : 0.0;
    tsm_pool_run(model->pool, &plan->calls[call], &operands);
    if (seconds) seconds[call] = now() - start;
  }
  memcpy(logits, model->arena + plan->logits_offset, (size_t)plan->num_classes * sizeof(float));
}

static int step(tsm_stream *stream, const float *frame, float *logits, double *seconds) {
  if (!stream || !frame || !logits) return TSM_ERROR_ARGUMENT;
  if (!all_finite(frame, 3 * plan->height * plan->width)) return TSM_ERROR_VALUE;
  pthread_mutex_lock(&stream->model->mutex);
  run_plan(stream, frame, logits, seconds);
  pthread_mutex_unlock(&stream->model->mutex);
  return TSM_OK;
}

int tsm_stream_step(tsm_stream *stream, const float *frame, float *logits) {
  return step(stream, frame, logits, NULL);
}

int tsm_stream_profile(tsm_stream *stream, const float *frame, float *logits, double *seconds) {
  return seconds ? step(stream, frame, logits, seconds) : TSM_ERROR_ARGUMENT;
}

int tsm_stream_reset(tsm_stream *stream) {
  if (!stream) return TSM_ERROR_ARGUMENT;
  memset(stream->state, 0, (size_t)plan->state_bytes);
  return TSM_OK;
}

/* Channels last inside, channels first outside, as in the ONNX model: a state moves between engines. */
static float *transpose(const tsm_shift_buffer *buffer, float *inside, float *outside, int to_outside) {
  int32_t pixels = buffer->height * buffer->width, channel, pixel;
  for (channel = 0; channel < buffer->channels; channel++) {
    for (pixel = 0; pixel < pixels; pixel++, outside++) {
      float *value = &inside[pixel * buffer->channels + channel];
      if (to_outside)
        *outside = *value;
      else
        *value = *outside;
    }
  }
  return outside;
}

static void transpose_all(tsm_stream *stream, float *outside, int to_outside) {
  int index;
  for (index = 0; index < plan->num_shift_buffers; index++) {
    const tsm_shift_buffer *buffer = &plan->shift_buffers[index];
    outside = transpose(buffer, (float *)(void *)(stream->state + buffer->offset), outside, to_outside);
  }
}

int tsm_stream_save(tsm_stream *stream, float *state) {
  if (!stream || !state) return TSM_ERROR_ARGUMENT;
  transpose_all(stream, state, 1);
  return TSM_OK;
}

int tsm_stream_load(tsm_stream *stream, const float *state) {
  if (!stream || !state) return TSM_ERROR_ARGUMENT;
  if (!all_finite(state, state_floats())) return TSM_ERROR_VALUE;
  transpose_all(stream, (float *)(uintptr_t)state, 0); /* only read */
  return TSM_OK;
}
