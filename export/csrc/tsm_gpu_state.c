/* The shift buffers: channels last and perhaps in half floats on the device, channels first in float32 outside, as on
 * the CPU and in the ONNX model, so that a state moves between them. */
#include "tsm_gpu.h"
#include "tsm_half.h"

static float get(const unsigned char *base, int64_t index) {
  return tsm_model_gpu_plan->half ? tsm_half_to_float(((const uint16_t *)(const void *)base)[index])
                                  : ((const float *)(const void *)base)[index];
}

static void set(unsigned char *base, int64_t index, float value) {
  if (tsm_model_gpu_plan->half)
    ((uint16_t *)(void *)base)[index] = tsm_float_to_half(value);
  else
    ((float *)(void *)base)[index] = value;
}

/* Where element `outside` of a buffer, channels first, lies inside, channels last. */
static int64_t inside_of(const tsm_shift_buffer *buffer, int64_t outside) {
  int64_t pixels = (int64_t)buffer->height * buffer->width;
  return outside % pixels * buffer->channels + outside / pixels;
}

static int64_t size_of(const tsm_shift_buffer *buffer) {
  return (int64_t)buffer->channels * buffer->height * buffer->width;
}

int tsm_gpu_reset(const tsm_gpu *gpu, tsm_gpu_stream *stream) {
  size_t bytes = (size_t)tsm_model_gpu_plan->state_bytes;
  if (gpu->cuda.cuMemsetD8Async(stream->state, 0, bytes, gpu->stream) != CU_SUCCESS ||
      gpu->cuda.cuStreamSynchronize(gpu->stream) != CU_SUCCESS)
    return TSM_ERROR_DEVICE;
  stream->lost = 0;
  return TSM_OK;
}

int tsm_gpu_save(const tsm_gpu *gpu, const tsm_gpu_stream *stream, float *floats) {
  const tsm_gpu_plan *plan = tsm_model_gpu_plan;
  int index;
  if (stream->lost) return TSM_ERROR_DEVICE;
  if (gpu->cuda.cuMemcpyDtoH_v2(gpu->state, stream->state, (size_t)plan->state_bytes) != CU_SUCCESS)
    return TSM_ERROR_DEVICE;
  for (index = 0; index < plan->num_shift_buffers; index++) {
    const tsm_shift_buffer *buffer = &plan->shift_buffers[index];
    int64_t i, size = size_of(buffer);
    for (i = 0; i < size; i++) *floats++ = get(gpu->state + buffer->offset, inside_of(buffer, i));
  }
  return TSM_OK;
}

int tsm_gpu_load(const tsm_gpu *gpu, tsm_gpu_stream *stream, const float *floats) {
  const tsm_gpu_plan *plan = tsm_model_gpu_plan;
  int index;
  for (index = 0; index < plan->num_shift_buffers; index++) {
    const tsm_shift_buffer *buffer = &plan->shift_buffers[index];
    int64_t i, size = size_of(buffer);
    for (i = 0; i < size; i++) set(gpu->state + buffer->offset, inside_of(buffer, i), *floats++);
  }
  stream->lost = 1; /* until all of it has arrived */
  if (gpu->cuda.cuMemcpyHtoD_v2(stream->state, gpu->state, (size_t)plan->state_bytes) != CU_SUCCESS)
    return TSM_ERROR_DEVICE;
  stream->lost = 0;
  return TSM_OK;
}
