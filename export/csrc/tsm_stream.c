/* Streams: what goes in is checked here, then an engine takes turns with the model's other streams. */
#include "tsm_memory.h"
#include "tsm_model.h"
#include "tsm_plan.h"

#include <stdlib.h>

static const tsm_plan *const plan = &tsm_model_plan;

struct tsm_stream {
  tsm_model *model;
  void *state;  /* the engine's */
  float *frame; /* room for an image's; untouched, and so no memory, where frames come as floats */
};

static int32_t frame_floats(void) { return 3 * plan->height * plan->width; }

static int fill_stream(tsm_stream *stream, tsm_model *model) {
  int status;
  stream->model = model;
  stream->frame = tsm_reserve(frame_floats() * (int64_t)sizeof(float));
  if (!stream->frame) return TSM_ERROR_MEMORY;
  pthread_mutex_lock(&model->mutex);
  status = model->engine->create(model->self, &stream->state);
  pthread_mutex_unlock(&model->mutex);
  return status;
}

int tsm_stream_create(tsm_model *model, tsm_stream **stream) {
  tsm_stream *created;
  int status;
  if (!model || !stream) return TSM_ERROR_ARGUMENT;
  *stream = NULL;
  created = calloc(1, sizeof *created);
  if (!created) return TSM_ERROR_MEMORY;
  status = fill_stream(created, model);
  if (status == TSM_OK) {
    *stream = created;
  } else {
    free(created->frame);
    free(created);
  }
  return status;
}

void tsm_stream_destroy(tsm_stream *stream) {
  tsm_model *model;
  if (!stream) return;
  model = stream->model;
  pthread_mutex_lock(&model->mutex);
  model->engine->destroy(model->self, stream->state);
  pthread_mutex_unlock(&model->mutex);
  free(stream->frame);
  free(stream);
}

/* Independent sums: vector code without a reordered float addition. */
#define TSM_SUMS 32

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

static int step(tsm_stream *stream, const float *frame, float *logits, double *seconds) {
  tsm_model *model = stream->model;
  int status;
  pthread_mutex_lock(&model->mutex);
  status = model->engine->step(model->self, stream->state, frame, logits, seconds);
  pthread_mutex_unlock(&model->mutex);
  return status;
}

int tsm_stream_step(tsm_stream *stream, const float *frame, float *logits) {
  if (!stream || !frame || !logits) return TSM_ERROR_ARGUMENT;
  if (!all_finite(frame, frame_floats())) return TSM_ERROR_VALUE;
  return step(stream, frame, logits, NULL);
}

int tsm_stream_profile(tsm_stream *stream, const float *frame, float *logits, double *seconds) {
  if (!stream || !frame || !logits || !seconds) return TSM_ERROR_ARGUMENT;
  if (!all_finite(frame, frame_floats())) return TSM_ERROR_VALUE;
  return step(stream, frame, logits, seconds);
}

int tsm_stream_step_image(tsm_stream *stream, const tsm_image *image, float *logits) {
  int status;
  if (!stream || !image || !logits) return TSM_ERROR_ARGUMENT;
  status = tsm_image_to_frame(image, stream->frame);
  return status == TSM_OK ? step(stream, stream->frame, logits, NULL) : status;
}

int tsm_stream_reset(tsm_stream *stream) {
  int status;
  if (!stream) return TSM_ERROR_ARGUMENT;
  pthread_mutex_lock(&stream->model->mutex);
  status = stream->model->engine->reset(stream->model->self, stream->state);
  pthread_mutex_unlock(&stream->model->mutex);
  return status;
}

int tsm_stream_save(tsm_stream *stream, float *state) {
  int status;
  if (!stream || !state) return TSM_ERROR_ARGUMENT;
  pthread_mutex_lock(&stream->model->mutex);
  status = stream->model->engine->save(stream->model->self, stream->state, state);
  pthread_mutex_unlock(&stream->model->mutex);
  return status;
}

int tsm_stream_load(tsm_stream *stream, const float *state) {
  int status;
  if (!stream || !state) return TSM_ERROR_ARGUMENT;
  if (!all_finite(state, tsm_state_floats())) return TSM_ERROR_VALUE;
  pthread_mutex_lock(&stream->model->mutex);
  status = stream->model->engine->load(stream->model->self, stream->state, state);
  pthread_mutex_unlock(&stream->model->mutex);
  return status;
}
