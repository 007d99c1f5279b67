/* From nothing to a current context, and what is said when that fails. */
#include "tsm_gpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line, whatever the driver wrote. */
static void make_one_line(char *text) {
  for (; *text; text++)
    if ((unsigned char)*text < ' ') *text = ' ';
}

int tsm_gpu_refuse(const tsm_model_options *options, const char *format, ...) {
  char reason[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reason, sizeof reason, format, arguments);
  va_end(arguments);
  make_one_line(reason);
  tsm_say(options, "%s%s", options->device == TSM_DEVICE_AUTO ? "running on the CPU: " : "the GPU cannot be used: ", reason);
  return TSM_ERROR_DEVICE;
}

int tsm_gpu_failed(const tsm_gpu *gpu, const tsm_model_options *options, cu_result result, const char *call) {
  if (result == CU_SUCCESS) return 0;
  tsm_gpu_refuse(options, "%s: %s (%d)", call, tsm_cuda_error(&gpu->cuda, result), result);
  return 1;
}

static int read_device(tsm_gpu *gpu, const tsm_model_options *options) {
  const tsm_cuda *cuda = &gpu->cuda;
  char *name = gpu->name + sizeof "gpu" /* and a space */;
  strcpy(gpu->name, "gpu ");
  return tsm_gpu_failed(gpu, options, cuda->cuDeviceGet(&gpu->device, 0), "cuDeviceGet") ||
         tsm_gpu_failed(gpu, options, cuda->cuDeviceGetName(name, TSM_GPU_NAME_BYTES - (int)sizeof "gpu", gpu->device),
                        "cuDeviceGetName") ||
         tsm_gpu_failed(gpu, options,
                        cuda->cuDeviceGetAttribute(&gpu->compute_major, CU_COMPUTE_CAPABILITY_MAJOR, gpu->device),
                        "cuDeviceGetAttribute") ||
         tsm_gpu_failed(gpu, options,
                        cuda->cuDeviceGetAttribute(&gpu->compute_minor, CU_COMPUTE_CAPABILITY_MINOR, gpu->device),
                        "cuDeviceGetAttribute");
}

static int check_device(const tsm_gpu *gpu, const tsm_model_options *options) {
  const tsm_gpu_plan *plan = tsm_model_gpu_plan;
  int has = gpu->compute_major * 10 + gpu->compute_minor, needs = plan->compute_major * 10 + plan->compute_minor;
  if (has >= needs) return TSM_OK;
  return tsm_gpu_refuse(options, "%s has compute capability %d.%d, this bundle's kernels need %d.%d or newer",
                        gpu->name + sizeof "gpu", gpu->compute_major, gpu->compute_minor, plan->compute_major,
                        plan->compute_minor);
}

int tsm_gpu_open_device(tsm_gpu *gpu, const tsm_model_options *options) {
  const char *missing = tsm_cuda_load(&gpu->cuda);
  int count = 0;
  if (missing) return tsm_gpu_refuse(options, "no NVIDIA driver: %s", missing);
  if (tsm_gpu_failed(gpu, options, gpu->cuda.cuInit(0), "cuInit") ||
      tsm_gpu_failed(gpu, options, gpu->cuda.cuDriverGetVersion(&gpu->driver_version), "cuDriverGetVersion") ||
      tsm_gpu_failed(gpu, options, gpu->cuda.cuDeviceGetCount(&count), "cuDeviceGetCount"))
    return TSM_ERROR_DEVICE;
  if (count < 1) return tsm_gpu_refuse(options, "the NVIDIA driver sees no GPU");
  if (read_device(gpu, options)) return TSM_ERROR_DEVICE;
  if (check_device(gpu, options) != TSM_OK) return TSM_ERROR_DEVICE;
  if (tsm_gpu_failed(gpu, options, gpu->cuda.cuDevicePrimaryCtxRetain(&gpu->context, gpu->device),
                     "cuDevicePrimaryCtxRetain")) {
    gpu->context = NULL;
    return TSM_ERROR_DEVICE;
  }
  return TSM_OK;
}

cu_result tsm_gpu_enter(const tsm_gpu *gpu) { return gpu->cuda.cuCtxPushCurrent_v2(gpu->context); }

void tsm_gpu_leave(const tsm_gpu *gpu) {
  cu_context popped;
  gpu->cuda.cuCtxPopCurrent_v2(&popped);
}
