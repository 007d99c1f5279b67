/* Kernels: the driver compiles kernels.ptx for its own GPU, once; later starts load what it made of it. */
#include "tsm_gpu.h"
#include "tsm_gpu_files.h"
#include "tsm_sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_BYTES 2048

static int load(tsm_gpu *gpu, const void *image) {
  cu_result result = gpu->cuda.cuModuleLoadDataEx(&gpu->module, image, 0, NULL, NULL);
  if (result != CU_SUCCESS) gpu->module = NULL;
  return result == CU_SUCCESS;
}

/* What was kept may be right by its hash and still displease the driver: then it is made again. */
static int load_kept(tsm_gpu *gpu, const tsm_cubin_cache *cache) {
  unsigned char *memory;
  const void *image = tsm_cubin_find(cache, &memory);
  int loaded = image && load(gpu, image);
  free(memory);
  return loaded;
}

/* Through the driver's linker, which gives the image back that it made. */
static int link_and_keep(tsm_gpu *gpu, const tsm_cubin_cache *cache, unsigned char *ptx, size_t bytes) {
  const tsm_cuda *cuda = &gpu->cuda;
  cu_link link;
  void *image;
  size_t image_bytes;
  int loaded;
  if (!tsm_cuda_has_linker(cuda) || cuda->cuLinkCreate_v2(0, NULL, NULL, &link) != CU_SUCCESS) return 0;
  loaded = cuda->cuLinkAddData_v2(link, CU_INPUT_PTX, ptx, bytes + 1, "kernels.ptx", 0, NULL, NULL) == CU_SUCCESS &&
           cuda->cuLinkComplete(link, &image, &image_bytes) == CU_SUCCESS && load(gpu, image);
  if (loaded) tsm_cubin_keep(cache, image, image_bytes);
  cuda->cuLinkDestroy(link);
  return loaded;
}

/* The plain way, which also says what is wrong with the PTX. */
static int load_ptx(tsm_gpu *gpu, const tsm_model_options *options, const unsigned char *ptx) {
  char log[LOG_BYTES] = "";
  int names[] = {CU_JIT_ERROR_LOG, CU_JIT_ERROR_LOG_BYTES};
  void *values[] = {log, (void *)(uintptr_t)(LOG_BYTES - 1)};
  cu_result result = gpu->cuda.cuModuleLoadDataEx(&gpu->module, ptx, 2, names, values);
  if (result == CU_SUCCESS) return TSM_OK;
  gpu->module = NULL;
  return tsm_gpu_refuse(options, "the driver refuses kernels.ptx: %s%s%s", tsm_cuda_error(&gpu->cuda, result),
                        *log ? ": " : "", log);
}

static int load_module(tsm_gpu *gpu, const tsm_model_options *options, unsigned char *ptx, size_t bytes) {
  const tsm_gpu_plan *plan = tsm_model_gpu_plan;
  char hex[TSM_SHA256_HEX + 1];
  tsm_cubin_cache cache;
  tsm_sha256 hash;
  tsm_sha256_begin(&hash);
  tsm_sha256_add(&hash, ptx, bytes);
  tsm_sha256_end(&hash, hex);
  if (strcmp(hex, plan->ptx_sha256))
    return tsm_gpu_refuse(options, "kernels.ptx belongs to another library; copy the whole bundle again");
  snprintf(cache.key, sizeof cache.key, "ptx %s, %s, compute capability %d.%d, driver %d", hex, gpu->name,
           gpu->compute_major, gpu->compute_minor, gpu->driver_version);
  cache.weights_path = options->weights_path;
  if (load_kept(gpu, &cache) || link_and_keep(gpu, &cache, ptx, bytes)) return TSM_OK;
  return load_ptx(gpu, options, ptx);
}

static int find_functions(tsm_gpu *gpu, const tsm_model_options *options) {
  const tsm_gpu_plan *plan = tsm_model_gpu_plan;
  int call;
  gpu->functions = calloc((size_t)plan->num_calls, sizeof *gpu->functions);
  if (!gpu->functions) return tsm_gpu_refuse(options, "out of memory");
  for (call = 0; call < plan->num_calls; call++) {
    const char *name = plan->calls[call].kernel;
    cu_result result = gpu->cuda.cuModuleGetFunction(&gpu->functions[call], gpu->module, name);
    if (result != CU_SUCCESS)
      return tsm_gpu_refuse(options, "kernels.ptx has no kernel %s: %s", name, tsm_cuda_error(&gpu->cuda, result));
  }
  return TSM_OK;
}

int tsm_gpu_open_module(tsm_gpu *gpu, const tsm_model_options *options) {
  char path[TSM_GPU_PATH_BYTES];
  unsigned char *ptx = NULL;
  size_t bytes;
  int status;
  if (tsm_path_beside(options->weights_path, "kernels.ptx", path, sizeof path)) ptx = tsm_read_file(path, &bytes);
  if (!ptx) return tsm_gpu_refuse(options, "cannot read kernels.ptx beside %s", options->weights_path);
  status = load_module(gpu, options, ptx, bytes);
  free(ptx);
  return status == TSM_OK ? find_functions(gpu, options) : status;
}
