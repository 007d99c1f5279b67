/* tsm_engine.h - what computes frames: the CPU half, or a GPU's. Private to the library.
 *
 * Models and streams check what a caller gives and then leave the work to an engine. One model's calls never overlap.
 */
#ifndef TSM_ENGINE_H
#define TSM_ENGINE_H

#include "tsm_edge.h"

typedef struct tsm_engine {
  int32_t device; /* TSM_DEVICE_CPU or TSM_DEVICE_GPU */
  /* Checked options, num_threads settled. TSM_OK and `*self`, or a status, and tsm_say has said why. */
  int (*open)(const tsm_model_options *options, void **self);
  void (*close)(void *self);
  const char *(*name)(const void *self); /* see tsm_model_device */
  int32_t (*num_calls)(const void *self); /* kernel calls a frame */
  const char *(*call_name)(const void *self, int32_t index); /* of one of them */
  int (*create)(void *self, void **state); /* zero shift buffers */
  void (*destroy)(void *self, void *state);
  /* A finite frame; seconds: null, or num_calls of them. */
  int (*step)(void *self, void *state, const float *frame, float *logits, double *seconds);
  int (*reset)(void *self, void *state);
  int (*save)(void *self, void *state, float *floats); /* state_floats of them, see tsm_stream_save */
  int (*load)(void *self, void *state, const float *floats); /* finite ones */
} tsm_engine;

extern const tsm_engine tsm_cpu_engine;
/* Null in a library without a GPU half. */
extern const tsm_engine *const tsm_gpu_engine;

/* Leave one line in the options' message, which may be null. */
__attribute__((format(printf, 2, 3))) void tsm_say(const tsm_model_options *options, const char *format, ...);

#endif
