/* tsm_cuda.h - what is used here of NVIDIA's driver API, found in libcuda.so.1 at run time. Private to the library.
 *
 * Names, signatures and numbers are those of the CUDA driver API's reference manual: no header of NVIDIA's is needed, and
 * a library that was linked like this loads where there is no GPU. Names end in _v2 where the manual's header says so.
 */
#ifndef TSM_CUDA_H
#define TSM_CUDA_H

#include <stddef.h>
#include <stdint.h>

typedef int cu_result; /* 0: success */
typedef int cu_device;
typedef uint64_t cu_pointer; /* on the device */
typedef struct cu_context_ *cu_context;
typedef struct cu_module_ *cu_module;
typedef struct cu_function_ *cu_function;
typedef struct cu_stream_ *cu_stream;
typedef struct cu_event_ *cu_event;
typedef struct cu_graph_ *cu_graph;
typedef struct cu_graph_exec_ *cu_graph_exec;
typedef struct cu_link_ *cu_link;

enum {
  CU_SUCCESS = 0,
  CU_COMPUTE_CAPABILITY_MAJOR = 75, /* device attributes */
  CU_COMPUTE_CAPABILITY_MINOR = 76,
  CU_STREAM_NON_BLOCKING = 1,
  CU_CAPTURE_THREAD_LOCAL = 1, /* what other threads call meanwhile is no part of it */
  CU_JIT_ERROR_LOG = 5,        /* options of the driver's compiler */
  CU_JIT_ERROR_LOG_BYTES = 6,
  CU_INPUT_PTX = 1
};

/* Every driver since CUDA 6 has these. */
#define TSM_CUDA_REQUIRED(X) \
  X(cuInit, (unsigned flags)) \
  X(cuDriverGetVersion, (int *version)) \
  X(cuGetErrorName, (cu_result result, const char **name)) \
  X(cuDeviceGetCount, (int *count)) \
  X(cuDeviceGet, (cu_device * device, int index)) \
  X(cuDeviceGetName, (char *name, int bytes, cu_device device)) \
  X(cuDeviceGetAttribute, (int *value, int attribute, cu_device device)) \
  X(cuDevicePrimaryCtxRetain, (cu_context * context, cu_device device)) \
  X(cuDevicePrimaryCtxRelease, (cu_device device)) \
  X(cuCtxPushCurrent_v2, (cu_context context)) \
  X(cuCtxPopCurrent_v2, (cu_context * context)) \
  X(cuModuleLoadDataEx, (cu_module * module, const void *image, unsigned count, int *options, void **values)) \
  X(cuModuleUnload, (cu_module module)) \
  X(cuModuleGetFunction, (cu_function * function, cu_module module, const char *name)) \
  X(cuMemAlloc_v2, (cu_pointer * pointer, size_t bytes)) \
  X(cuMemFree_v2, (cu_pointer pointer)) \
  X(cuMemHostAlloc, (void **pointer, size_t bytes, unsigned flags)) \
  X(cuMemFreeHost, (void *pointer)) \
  X(cuMemcpyHtoD_v2, (cu_pointer to, const void *from, size_t bytes)) \
  X(cuMemcpyDtoH_v2, (void *to, cu_pointer from, size_t bytes)) \
  X(cuMemcpyHtoDAsync_v2, (cu_pointer to, const void *from, size_t bytes, cu_stream stream)) \
  X(cuMemcpyDtoHAsync_v2, (void *to, cu_pointer from, size_t bytes, cu_stream stream)) \
  X(cuMemsetD8Async, (cu_pointer to, unsigned char value, size_t bytes, cu_stream stream)) \
  X(cuStreamCreate, (cu_stream * stream, unsigned flags)) \
  X(cuStreamDestroy_v2, (cu_stream stream)) \
  X(cuStreamSynchronize, (cu_stream stream)) \
  X(cuEventCreate, (cu_event * event, unsigned flags)) \
  X(cuEventDestroy_v2, (cu_event event)) \
  X(cuEventRecord, (cu_event event, cu_stream stream)) \
  X(cuEventElapsedTime, (float *milliseconds, cu_event from, cu_event to)) \
  X(cuLaunchKernel, (cu_function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, \
                     unsigned block_y, unsigned block_z, unsigned shared_bytes, cu_stream stream, void **params, \
                     void **extra))

/* Null where the driver is older: graphs came with CUDA 10, simpler instantiation with 11.4. */
#define TSM_CUDA_OPTIONAL(X) \
  X(cuLinkCreate_v2, (unsigned count, int *options, void **values, cu_link *link)) \
  X(cuLinkAddData_v2, (cu_link link, int kind, void *data, size_t bytes, const char *name, unsigned count, \
                       int *options, void **values)) \
  X(cuLinkComplete, (cu_link link, void **cubin, size_t *bytes)) \
  X(cuLinkDestroy, (cu_link link)) \
  X(cuStreamBeginCapture_v2, (cu_stream stream, int mode)) \
  X(cuStreamEndCapture, (cu_stream stream, cu_graph *graph)) \
  X(cuGraphInstantiate, (cu_graph_exec * exec, cu_graph graph, void **node, char *log, size_t log_bytes)) \
  X(cuGraphInstantiateWithFlags, (cu_graph_exec * exec, cu_graph graph, unsigned long long flags)) \
  X(cuGraphLaunch, (cu_graph_exec exec, cu_stream stream)) \
  X(cuGraphExecDestroy, (cu_graph_exec exec)) \
  X(cuGraphDestroy, (cu_graph graph))

#define TSM_CUDA_MEMBER(name, parameters) cu_result(*name) parameters;
typedef struct tsm_cuda {
  TSM_CUDA_REQUIRED(TSM_CUDA_MEMBER)
  TSM_CUDA_OPTIONAL(TSM_CUDA_MEMBER)
} tsm_cuda;
#undef TSM_CUDA_MEMBER

/* Fill the table. Null, or in a few words what is missing; valid until the thread's next call to dlopen. */
const char *tsm_cuda_load(tsm_cuda *cuda);

/* The driver's name of a result, such as CUDA_ERROR_NO_DEVICE. */
const char *tsm_cuda_error(const tsm_cuda *cuda, cu_result result);

int tsm_cuda_has_graphs(const tsm_cuda *cuda);
int tsm_cuda_has_linker(const tsm_cuda *cuda);

#endif
