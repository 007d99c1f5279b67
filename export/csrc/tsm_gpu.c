/* The GPU's engine. Whatever its driver refuses at the start is told in one line, and the CPU does the work instead. */
#include "tsm_gpu.h"

#include <stdlib.h>

static void close_inside(tsm_gpu *gpu) {
  tsm_gpu_close_memory(gpu);
  if (gpu->stream) gpu->cuda.cuStreamDestroy_v2(gpu->stream);
  if (gpu->module) gpu->cuda.cuModuleUnload(gpu->module);
}

static void gpu_close(void *self) {
  tsm_gpu *gpu = self;
  if (gpu->context) {
    if (tsm_gpu_enter(gpu) == CU_SUCCESS) {
      close_inside(gpu);
      tsm_gpu_leave(gpu);
    }
    gpu->cuda.cuDevicePrimaryCtxRelease(gpu->device);
  }
  free(gpu->functions);
  free(gpu->state);
  free(gpu);
}

static void destroy_inside(const tsm_gpu *gpu, tsm_gpu_stream *stream) {
  if (stream->graph) gpu->cuda.cuGraphExecDestroy(stream->graph);
  if (stream->state) gpu->cuda.cuMemFree_v2(stream->state);
}

static int create_inside(const tsm_gpu *gpu, tsm_gpu_stream *stream) {
  /* The driver takes no zero. */
  size_t bytes = tsm_model_gpu_plan->state_bytes ? (size_t)tsm_model_gpu_plan->state_bytes : 1;
  if (gpu->cuda.cuMemAlloc_v2(&stream->state, bytes) != CU_SUCCESS) {
    stream->state = 0;
    return TSM_ERROR_DEVICE;
  }
  if (tsm_gpu_reset(gpu, stream) != TSM_OK) {
    destroy_inside(gpu, stream);
    return TSM_ERROR_DEVICE;
  }
  tsm_gpu_record_graph(gpu, stream);
  return TSM_OK;
}

/* One frame of zeros, so that kernels which cannot run here are found out while the CPU can still take over. */
static int try_a_frame(tsm_gpu *gpu) {
  size_t floats = 3 * (size_t)tsm_model_plan.height * (size_t)tsm_model_plan.width;
  float *frame = calloc(floats, sizeof(float)), *logits = calloc((size_t)tsm_model_plan.num_classes, sizeof(float));
  tsm_gpu_stream stream = {0, NULL, 0};
  int status = frame && logits ? create_inside(gpu, &stream) : TSM_ERROR_MEMORY;
  if (status == TSM_OK) {
    status = tsm_gpu_step(gpu, &stream, frame, logits, NULL);
    destroy_inside(gpu, &stream);
  }
  free(frame);
  free(logits);
  return status;
}

static int open_inside(tsm_gpu *gpu, const tsm_model_options *options) {
  int status = tsm_gpu_open_module(gpu, options);
  if (status == TSM_OK) status = tsm_gpu_open_memory(gpu, options);
  if (status != TSM_OK) return status;
  if (tsm_gpu_failed(gpu, options, gpu->cuda.cuStreamCreate(&gpu->stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate")) {
    gpu->stream = NULL;
    return TSM_ERROR_DEVICE;
  }
  gpu->use_graphs = tsm_cuda_has_graphs(&gpu->cuda);
  if (try_a_frame(gpu) == TSM_OK) return TSM_OK;
  gpu->use_graphs = 0;
  if (try_a_frame(gpu) == TSM_OK) return TSM_OK;
  return tsm_gpu_refuse(options, "%s cannot run this bundle's kernels", gpu->name + sizeof "gpu");
}

static int fill_model(tsm_gpu *gpu, const tsm_model_options *options) {
  int status = tsm_gpu_open_device(gpu, options);
  if (status != TSM_OK) return status;
  if (tsm_gpu_failed(gpu, options, tsm_gpu_enter(gpu), "cuCtxPushCurrent")) return TSM_ERROR_DEVICE;
  status = open_inside(gpu, options);
  tsm_gpu_leave(gpu);
  return status;
}

static int gpu_open(const tsm_model_options *options, void **self) {
  tsm_gpu *gpu;
  int status;
  if (!options->weights_path)
    return tsm_gpu_refuse(options, "a GPU's files are looked for beside weights_path, and the weights came in memory");
  gpu = calloc(1, sizeof *gpu);
  if (!gpu) return TSM_ERROR_MEMORY;
  status = fill_model(gpu, options);
  if (status == TSM_OK)
    *self = gpu;
  else
    gpu_close(gpu);
  return status;
}

static const char *gpu_name(const void *self) { return ((const tsm_gpu *)self)->name; }

static int32_t gpu_num_calls(const void *self) {
  (void)self;
  return tsm_model_gpu_plan->num_calls;
}

static const char *gpu_call_name(const void *self, int32_t index) {
  (void)self;
  return tsm_model_gpu_plan->calls[index].kernel;
}

static int gpu_create(void *self, void **state) {
  tsm_gpu_stream *stream = calloc(1, sizeof *stream);
  int status;
  if (!stream) return TSM_ERROR_MEMORY;
  status = TSM_ERROR_DEVICE;
  if (tsm_gpu_enter(self) == CU_SUCCESS) {
    status = create_inside(self, stream);
    tsm_gpu_leave(self);
  }
  if (status == TSM_OK)
    *state = stream;
  else
    free(stream);
  return status;
}

static void gpu_destroy(void *self, void *state) {
  if (tsm_gpu_enter(self) == CU_SUCCESS) {
    destroy_inside(self, state);
    tsm_gpu_leave(self);
  }
  free(state);
}

/* With the context current for as long as `call` takes. */
#define TSM_INSIDE(call) \
  int status; \
  if (tsm_gpu_enter(self) != CU_SUCCESS) return TSM_ERROR_DEVICE; \
  status = call; \
  tsm_gpu_leave(self); \
  return status

static int gpu_step(void *self, void *state, const float *frame, float *logits, double *seconds) {
  TSM_INSIDE(tsm_gpu_step(self, state, frame, logits, seconds));
}

static int gpu_reset(void *self, void *state) { TSM_INSIDE(tsm_gpu_reset(self, state)); }

static int gpu_save(void *self, void *state, float *floats) { TSM_INSIDE(tsm_gpu_save(self, state, floats)); }

static int gpu_load(void *self, void *state, const float *floats) { TSM_INSIDE(tsm_gpu_load(self, state, floats)); }

static const tsm_engine engine = {TSM_DEVICE_GPU, gpu_open,    gpu_close, gpu_name,  gpu_num_calls, gpu_call_name,
                                  gpu_create,     gpu_destroy, gpu_step,  gpu_reset, gpu_save,      gpu_load};

const tsm_engine *const tsm_gpu_engine = &engine;
