/* tsm_plan.h - what the generated plan.c tells the driver. Private to the library. */
#ifndef TSM_PLAN_H
#define TSM_PLAN_H

#include <stdint.h>

/* Where a call's pointers come from. */
typedef struct tsm_operands {
  const float *frame;
  unsigned char *arena;
  const unsigned char *weights;
  unsigned char *state;
} tsm_operands;

/* One kernel call; any part of its `units` can run on any thread, which lends it scratch of its own. */
typedef struct tsm_call {
  const char *name;
  void (*run)(const tsm_operands *operands, unsigned char *scratch, int32_t begin, int32_t end);
  int32_t units;
  int32_t least_units; /* fewer in one go would repeat too much work at their borders */
} tsm_call;

/* One shift buffer: channels last, at `offset` bytes of the state. */
typedef struct tsm_shift_buffer {
  int32_t channels, height, width;
  int64_t offset;
} tsm_shift_buffer;

typedef struct tsm_plan {
  int32_t height, width, num_classes;
  int32_t resize_short_side; /* what an image is resized to before its middle is cut out */
  double max_squeeze; /* how much a wide image's width is squeezed at most, from 1 */
  const float *levels; /* [3][256]: what the network is given for each level of R, G, B */
  int64_t arena_bytes, scratch_bytes, weight_bytes, state_bytes, logits_offset; /* scratch: a thread */
  int32_t num_calls, num_shift_buffers, default_threads;
  const tsm_call *calls;
  const tsm_shift_buffer *shift_buffers;
  double latency_target_ms; /* 0: none */
  double tolerance, gpu_tolerance; /* of the golden stream on the CPU and on a GPU, as shares of the largest logit */
  const char *target, *note, *metadata; /* metadata: JSON */
  const char *const *labels;            /* num_classes, UTF-8 */
} tsm_plan;

extern const tsm_plan tsm_model_plan;

/* Floats of a stream's state. */
static inline int32_t tsm_state_floats(void) {
  return (int32_t)(tsm_model_plan.state_bytes / (int64_t)sizeof(float));
}

#endif
