/* The engine that is always there: walks the plan for each frame. No allocation and no copy of the frame on the way. */
#include "tsm_cpus.h"
#include "tsm_engine.h"
#include "tsm_memory.h"
#include "tsm_plan.h"
#include "tsm_pool.h"
#include "tsm_weights.h"

#include <time.h>

static const tsm_plan *const plan = &tsm_model_plan;

typedef struct cpu_model {
  tsm_weights weights;
  unsigned char *arena;
  tsm_pool *pool;
  int placed; /* threads and caller are kept on `cpus` */
  tsm_cpus cpus;
} cpu_model;

static void cpu_close(void *self) {
  cpu_model *model = self;
  tsm_pool_destroy(model->pool);
  free(model->arena);
  tsm_weights_close(&model->weights);
  free(model);
}

static int fill_model(cpu_model *model, const tsm_model_options *options) {
  int status = tsm_weights_open(options, &model->weights);
  if (status != TSM_OK) return status;
  tsm_cpus_read(&model->cpus);
  model->placed = options->affinity == TSM_AFFINITY_BIG_FIRST;
  if (model->placed) tsm_cpus_keep_biggest(&model->cpus, TSM_CPUS_FOLDER, options->num_threads);
  model->arena = tsm_allocate(plan->arena_bytes);
  if (!model->arena) return TSM_ERROR_MEMORY;
  model->pool = tsm_pool_create(options->num_threads, plan->scratch_bytes, &model->cpus);
  if (model->pool) return TSM_OK;
  tsm_say(options, "cannot start %d threads", options->num_threads);
  return TSM_ERROR_THREAD;
}

static int cpu_open(const tsm_model_options *options, void **self) {
  cpu_model *model = calloc(1, sizeof *model);
  int status = model ? fill_model(model, options) : TSM_ERROR_MEMORY;
  if (status == TSM_OK)
    *self = model;
  else if (model)
    cpu_close(model);
  return status;
}

static const char *cpu_name(const void *self) {
  (void)self;
  return "cpu";
}

static int32_t cpu_num_calls(const void *self) {
  (void)self;
  return plan->num_calls;
}

static const char *cpu_call_name(const void *self, int32_t index) {
  (void)self;
  return plan->calls[index].name;
}

static int cpu_create(void *self, void **state) {
  (void)self;
  *state = tsm_allocate(plan->state_bytes);
  return *state ? TSM_OK : TSM_ERROR_MEMORY;
}

static void cpu_destroy(void *self, void *state) {
  (void)self;
  free(state);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void run_plan(cpu_model *model, const tsm_operands *operands, double *seconds) {
  int call;
  for (call = 0; call < plan->num_calls; call++) {
    double start = seconds ? now() : 0.0;
    tsm_pool_run(model->pool, &plan->calls[call], operands);
    if (seconds) seconds[call] = now() - start;
  }
}

static int cpu_step(void *self, void *state, const float *frame, float *logits, double *seconds) {
  cpu_model *model = self;
  tsm_operands operands;
  tsm_cpus before;
  operands.frame = frame;
  operands.arena = model->arena;
  operands.weights = model->weights.bytes;
  operands.state = state;
  if (model->placed) tsm_cpus_enter(&model->cpus, &before);
  run_plan(model, &operands, seconds);
  if (model->placed) tsm_cpus_restrict(&before);
  memcpy(logits, model->arena + plan->logits_offset, (size_t)plan->num_classes * sizeof(float));
  return TSM_OK;
}

static int cpu_reset(void *self, void *state) {
  (void)self;
  memset(state, 0, (size_t)plan->state_bytes);
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

static int transpose_all(unsigned char *state, float *outside, int to_outside) {
  int index;
  for (index = 0; index < plan->num_shift_buffers; index++) {
    const tsm_shift_buffer *buffer = &plan->shift_buffers[index];
    outside = transpose(buffer, (float *)(void *)(state + buffer->offset), outside, to_outside);
  }
  return TSM_OK;
}

static int cpu_save(void *self, void *state, float *floats) {
  (void)self;
  return transpose_all(state, floats, 1);
}

static int cpu_load(void *self, void *state, const float *floats) {
  (void)self;
  return transpose_all(state, (float *)(uintptr_t)floats, 0); /* only read */
}

const tsm_engine tsm_cpu_engine = {TSM_DEVICE_CPU, cpu_open,    cpu_close, cpu_name,  cpu_num_calls, cpu_call_name,
                                   cpu_create,     cpu_destroy, cpu_step,  cpu_reset, cpu_save,      cpu_load};
