/* Models: what was asked for, and which engine takes it. */
#include "tsm_model.h"

#include "tsm_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TSM_MAX_THREADS 64

static const tsm_plan *const plan = &tsm_model_plan;

void tsm_say(const tsm_model_options *options, const char *format, ...) {
  va_list arguments;
  if (!options->message) return;
  va_start(arguments, format);
  vsnprintf(options->message, (size_t)options->message_bytes, format, arguments);
  va_end(arguments);
}

static int in_range(int32_t value, int32_t least, int32_t most) { return least <= value && value <= most; }

/* TSM_OK, or what is wrong, said where it can be said. */
static int check_options(const tsm_model_options *given) {
  const char *wrong = NULL;
  if (!given || given->size != (int32_t)sizeof *given) return TSM_ERROR_ARGUMENT;
  if (given->message && given->message_bytes < 1) return TSM_ERROR_ARGUMENT;
  if (!in_range(given->num_threads, 0, TSM_MAX_THREADS))
    wrong = "num_threads is out of range; give 1 to 64, or 0 for the bundle's default";
  else if (!in_range(given->device, TSM_DEVICE_AUTO, TSM_DEVICE_GPU))
    wrong = "no such device; give TSM_DEVICE_AUTO, _CPU or _GPU";
  else if (!in_range(given->affinity, TSM_AFFINITY_NONE, TSM_AFFINITY_BIG_FIRST))
    wrong = "no such affinity; give TSM_AFFINITY_NONE or _BIG_FIRST";
  else if (!given->weights_path == !given->weights)
    wrong = "give weights_path or weights, one of both";
  tsm_say(given, "%s", wrong ? wrong : "");
  return wrong ? TSM_ERROR_ARGUMENT : TSM_OK;
}

static int open_engine(tsm_model *model, const tsm_model_options *given) {
  /* In the order in which TSM_DEVICE_AUTO tries them. */
  const tsm_engine *const engines[] = {tsm_gpu_engine, &tsm_cpu_engine};
  int index, status = TSM_ERROR_DEVICE;
  for (index = 0; index < 2; index++) {
    if (!engines[index] || (given->device != TSM_DEVICE_AUTO && given->device != engines[index]->device)) continue;
    model->engine = engines[index];
    status = engines[index]->open(given, &model->self);
    if (status == TSM_OK) break;
  }
  if (!model->engine) tsm_say(given, "this library has no kernels for a GPU; compile the bundle for a target with one");
  if (status == TSM_ERROR_MEMORY) tsm_say(given, "%s", tsm_status_text(status));
  return status;
}

int tsm_model_open_with(const tsm_model_options *options, tsm_model **model) {
  tsm_model_options given;
  tsm_model *opened;
  int status;
  if (!model) return TSM_ERROR_ARGUMENT;
  *model = NULL;
  status = check_options(options);
  if (status != TSM_OK) return status;
  given = *options;
  if (!given.num_threads) given.num_threads = plan->default_threads;
  opened = calloc(1, sizeof *opened);
  if (!opened) return TSM_ERROR_MEMORY;
  status = open_engine(opened, &given);
  if (status != TSM_OK) {
    free(opened);
    return status;
  }
  pthread_mutex_init(&opened->mutex, NULL);
  *model = opened;
  return TSM_OK;
}

static int open_plainly(tsm_model_options *options, int num_threads, tsm_model **model) {
  if (num_threads < 1) return TSM_ERROR_ARGUMENT;
  options->size = (int32_t)sizeof *options;
  options->num_threads = num_threads;
  return tsm_model_open_with(options, model);
}

int tsm_model_open(const char *weights_path, int num_threads, tsm_model **model) {
  tsm_model_options options = {0};
  options.weights_path = weights_path;
  return open_plainly(&options, num_threads, model);
}

int tsm_model_open_memory(const void *weights, int64_t weight_bytes, int num_threads, tsm_model **model) {
  tsm_model_options options = {0};
  options.weights = weights;
  options.weight_bytes = weight_bytes;
  return open_plainly(&options, num_threads, model);
}

const char *tsm_model_device(const tsm_model *model) { return model ? model->engine->name(model->self) : NULL; }

int tsm_model_num_calls(const tsm_model *model) {
  return model ? model->engine->num_calls(model->self) : TSM_ERROR_ARGUMENT;
}

const char *tsm_model_call_name(const tsm_model *model, int index) {
  if (!model || index < 0 || index >= model->engine->num_calls(model->self)) return NULL;
  return model->engine->call_name(model->self, index);
}

void tsm_model_close(tsm_model *model) {
  if (!model) return;
  model->engine->close(model->self);
  pthread_mutex_destroy(&model->mutex);
  free(model);
}
