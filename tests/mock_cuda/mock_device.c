/* The device itself, and copies from and to it. */
#include "mock.h"

#include <stdio.h>
#include <string.h>

EXPORT int cuDriverGetVersion(int *version) {
  int result = mock_enter("cuDriverGetVersion", 0);
  *version = mock_setting("MOCK_CUDA_DRIVER", 10020);
  return result;
}

EXPORT int cuGetErrorName(int code, const char **name) {
  static const struct {
    int code;
    const char *name;
  } names[] = {{OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
               {NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
               {NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
               {INVALID_PTX, "CUDA_ERROR_INVALID_PTX"},
               {UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
               {NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
               {UNKNOWN, "CUDA_ERROR_UNKNOWN"}};
  size_t i;
  *name = NULL;
  if (mock_enter("cuGetErrorName", 0)) return UNKNOWN;
  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].code == code) *name = names[i].name;
  return *name ? SUCCESS : INVALID_VALUE;
}

EXPORT int cuDeviceGetCount(int *count) {
  int result = mock_enter("cuDeviceGetCount", 0);
  *count = mock_setting("MOCK_CUDA_DEVICES", 1);
  return result;
}

EXPORT int cuDeviceGet(int *device, int index) {
  int result = mock_enter("cuDeviceGet", 0);
  *device = index;
  return result ? result : index == 0 ? SUCCESS : INVALID_VALUE;
}

EXPORT int cuDeviceGetName(char *name, int bytes, int device) {
  int result = mock_enter("cuDeviceGetName", 0);
  snprintf(name, (size_t)bytes, "mock (CPU)");
  return result ? result : device ? INVALID_VALUE : SUCCESS;
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int result = mock_enter("cuDeviceGetAttribute", 0), compute = mock_setting("MOCK_CUDA_COMPUTE", 53);
  if (result) return result;
  if (device || (attribute != 75 && attribute != 76)) return INVALID_VALUE;
  *value = attribute == 75 ? compute / 10 : compute % 10;
  return SUCCESS;
}

/* Plain copies do not wait for streams of our kind: that nothing is queued is the caller's affair. */
static void check_quiet(const char *caller) {
  if (mock_has_work()) mock_misuse(caller, "work is queued, which this copy does not wait for");
}

EXPORT int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  int result = mock_enter("cuMemcpyHtoD_v2", 1);
  if (result) return result;
  check_quiet("cuMemcpyHtoD_v2");
  memcpy(mock_device_memory(to, bytes, "cuMemcpyHtoD_v2"), from, bytes);
  return SUCCESS;
}

EXPORT int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  int result = mock_enter("cuMemcpyDtoH_v2", 1);
  if (result) return result;
  check_quiet("cuMemcpyDtoH_v2");
  memcpy(to, mock_device_memory(from, bytes, "cuMemcpyDtoH_v2"), bytes);
  return SUCCESS;
}

EXPORT int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
  mock_op op = {.kind = COPY, .from = from, .bytes = bytes};
  int result = mock_enter("cuMemcpyHtoDAsync_v2", 1);
  if (result) return result;
  op.to = mock_device_memory(to, bytes, "cuMemcpyHtoDAsync_v2");
  mock_check_pinned(from, bytes, "cuMemcpyHtoDAsync_v2");
  return mock_enqueue(stream, &op, "cuMemcpyHtoDAsync_v2");
}

EXPORT int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  mock_op op = {.kind = COPY, .to = to, .bytes = bytes};
  int result = mock_enter("cuMemcpyDtoHAsync_v2", 1);
  if (result) return result;
  op.from = mock_device_memory(from, bytes, "cuMemcpyDtoHAsync_v2");
  mock_check_pinned(to, bytes, "cuMemcpyDtoHAsync_v2");
  return mock_enqueue(stream, &op, "cuMemcpyDtoHAsync_v2");
}

EXPORT int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *stream) {
  mock_op op = {.kind = SET, .bytes = bytes, .value = value};
  int result = mock_enter("cuMemsetD8Async", 1);
  if (result) return result;
  op.to = mock_device_memory(to, bytes, "cuMemsetD8Async");
  return mock_enqueue(stream, &op, "cuMemsetD8Async");
}
