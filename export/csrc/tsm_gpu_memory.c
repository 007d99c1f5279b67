/* The model's memory: on the device weights, activations, frame and logits; here what is copied from and to it. */
#include "tsm_gpu.h"
#include "tsm_gpu_files.h"
#include "tsm_memory.h"

static int reserve(tsm_gpu *gpu, const tsm_model_options *options, int space, int64_t bytes) {
  /* The driver takes no zero; a plan without weights or arena still has pointers. */
  cu_result result = gpu->cuda.cuMemAlloc_v2(&gpu->spaces[space], bytes > 0 ? (size_t)bytes : 1);
  if (result == CU_SUCCESS) return TSM_OK;
  gpu->spaces[space] = 0;
  return tsm_gpu_refuse(options, "no %lld bytes of the GPU's memory: %s", (long long)bytes,
                        tsm_cuda_error(&gpu->cuda, result));
}

static int reserve_pinned(tsm_gpu *gpu, const tsm_model_options *options, float **memory, int64_t bytes) {
  void *pinned;
  if (tsm_gpu_failed(gpu, options, gpu->cuda.cuMemHostAlloc(&pinned, (size_t)bytes, 0), "cuMemHostAlloc"))
    return TSM_ERROR_DEVICE;
  *memory = pinned;
  return TSM_OK;
}

static int upload_weights(tsm_gpu *gpu, const tsm_model_options *options) {
  const tsm_gpu_plan *plan = tsm_model_gpu_plan;
  char path[TSM_GPU_PATH_BYTES];
  unsigned char *weights = NULL;
  size_t bytes = 0;
  int status = TSM_OK;
  if (tsm_path_beside(options->weights_path, "gpu_weights.bin", path, sizeof path))
    weights = tsm_read_file(path, &bytes);
  if (!weights) return tsm_gpu_refuse(options, "cannot read gpu_weights.bin beside %s", options->weights_path);
  if (bytes != (size_t)plan->weight_bytes)
    status = tsm_gpu_refuse(options, "gpu_weights.bin has %lld bytes instead of %lld; copy the whole bundle again",
                            (long long)bytes, (long long)plan->weight_bytes);
  else if (bytes && tsm_gpu_failed(gpu, options,
                                   gpu->cuda.cuMemcpyHtoD_v2(gpu->spaces[TSM_GPU_WEIGHTS], weights, bytes),
                                   "cuMemcpyHtoD"))
    status = TSM_ERROR_DEVICE;
  free(weights);
  return status;
}

int tsm_gpu_open_memory(tsm_gpu *gpu, const tsm_model_options *options) {
  const tsm_gpu_plan *plan = tsm_model_gpu_plan;
  int64_t frame = 3 * (int64_t)tsm_model_plan.height * tsm_model_plan.width * (int64_t)sizeof(float);
  int64_t logits = tsm_model_plan.num_classes * (int64_t)sizeof(float);
  gpu->state = tsm_reserve(plan->state_bytes);
  if (!gpu->state) return tsm_gpu_refuse(options, "out of memory");
  if (reserve(gpu, options, TSM_GPU_FRAME, frame) || reserve(gpu, options, TSM_GPU_ARENA, plan->arena_bytes) ||
      reserve(gpu, options, TSM_GPU_WEIGHTS, plan->weight_bytes) || reserve(gpu, options, TSM_GPU_LOGITS, logits) ||
      reserve_pinned(gpu, options, &gpu->frame, frame) || reserve_pinned(gpu, options, &gpu->logits, logits))
    return TSM_ERROR_DEVICE;
  return upload_weights(gpu, options);
}

void tsm_gpu_close_memory(tsm_gpu *gpu) {
  int space;
  for (space = 0; space <= TSM_GPU_LOGITS; space++)
    if (gpu->spaces[space]) gpu->cuda.cuMemFree_v2(gpu->spaces[space]);
  if (gpu->frame) gpu->cuda.cuMemFreeHost(gpu->frame);
  if (gpu->logits) gpu->cuda.cuMemFreeHost(gpu->logits);
}
