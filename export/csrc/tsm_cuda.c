/* Finds NVIDIA's driver, if there is one. */
#include "tsm_cuda.h"

#include <dlfcn.h>

#define TSM_FIND(name, parameters) \
  *(void **)(void *)&cuda->name = dlsym(library, #name);

#define TSM_CHECK(name, parameters) \
  if (!cuda->name) return "libcuda.so.1 has no " #name ": the driver is older than CUDA 6.5";

const char *tsm_cuda_load(tsm_cuda *cuda) {
  /* Never closed: the driver has threads and exit handlers of its own, and loading it again finds the same one. */
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    return why ? why : "libcuda.so.1 cannot be loaded";
  }
  TSM_CUDA_REQUIRED(TSM_FIND)
  TSM_CUDA_OPTIONAL(TSM_FIND)
  TSM_CUDA_REQUIRED(TSM_CHECK)
  return NULL;
}

const char *tsm_cuda_error(const tsm_cuda *cuda, cu_result result) {
  const char *name = NULL;
  return cuda->cuGetErrorName(result, &name) == CU_SUCCESS && name ? name : "an error without a name";
}

int tsm_cuda_has_graphs(const tsm_cuda *cuda) {
  return cuda->cuStreamBeginCapture_v2 && cuda->cuStreamEndCapture && cuda->cuGraphLaunch &&
         (cuda->cuGraphInstantiateWithFlags || cuda->cuGraphInstantiate) && cuda->cuGraphExecDestroy &&
         cuda->cuGraphDestroy;
}

int tsm_cuda_has_linker(const tsm_cuda *cuda) {
  return cuda->cuLinkCreate_v2 && cuda->cuLinkAddData_v2 && cuda->cuLinkComplete && cuda->cuLinkDestroy;
}
