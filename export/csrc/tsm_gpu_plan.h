/* tsm_gpu_plan.h - what the generated plan tells the driver of a GPU. Private to the library. */
#ifndef TSM_GPU_PLAN_H
#define TSM_GPU_PLAN_H

#include <stdint.h>

#include "tsm_plan.h"

/* Each space is one allocation on the device. */
enum { TSM_GPU_FRAME, TSM_GPU_ARENA, TSM_GPU_WEIGHTS, TSM_GPU_STATE, TSM_GPU_LOGITS };

typedef struct tsm_gpu_operand {
  int32_t space;
  int64_t offset; /* bytes */
} tsm_gpu_operand;

#define TSM_GPU_MAX_OPERANDS 12

/* One launch: void kernel(operand 0 *, operand 1 *, ...), plain device pointers in this order and nothing else. */
typedef struct tsm_gpu_call {
  const char *kernel; /* entry point in kernels.ptx */
  uint32_t grid[3], block[3], shared_bytes; /* shared_bytes: dynamic shared memory */
  int32_t num_operands;
  tsm_gpu_operand operands[TSM_GPU_MAX_OPERANDS];
} tsm_gpu_call;

/* Calls run in this order on one stream. The frame is (3, height, width) float32, normalised; logits are float32. */
typedef struct tsm_gpu_plan {
  int64_t arena_bytes, weight_bytes, state_bytes;
  int32_t half; /* 1: state, activations and weights are half floats on the device */
  int32_t num_calls, num_shift_buffers;
  const tsm_gpu_call *calls;
  const tsm_shift_buffer *shift_buffers; /* channels last, byte offsets in the device's state */
  int32_t compute_major, compute_minor; /* least compute capability */
  const char *ptx_sha256; /* of kernels.ptx, in hexadecimal */
} tsm_gpu_plan;

/* Null in a library without a GPU half. */
extern const tsm_gpu_plan *const tsm_model_gpu_plan;

#endif
