/* Modules: PTX is read as far as a driver's first glance goes, kernels run as CUDA C on the CPU. */
#include "mock.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct mock_module {
  char *ptx;
} mock_module;

typedef struct mock_function {
  mock_module *module;
  char name[512];
} mock_function;

typedef struct mock_link {
  char *image;
  size_t bytes;
} mock_link;

#define CUBIN "mock cubin of "

#ifdef MOCK_STATIC_KERNELS
extern int cpu_kernel_params(const char *kernel);
extern int cpu_launch(const char *, const unsigned[3], const unsigned[3], unsigned, void **);
int mock_kernel_params(const char *kernel) { return cpu_kernel_params(kernel); }
static int launch(mock_op *op, void **params) {
  return cpu_launch(op->kernel, op->grid, op->block, op->shared_bytes, params);
}
#else
static void *kernel_symbol(const char *name) {
  const char *path = getenv("MOCK_CUDA_KERNELS");
  void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL, *symbol = library ? dlsym(library, name) : NULL;
  if (!symbol) mock_misuse("MOCK_CUDA_KERNELS", path ? dlerror() : "is not set");
  return symbol;
}
int mock_kernel_params(const char *kernel) {
  static int (*params)(const char *);
  if (!params) params = (int (*)(const char *))kernel_symbol("cpu_kernel_params");
  return params(kernel);
}
static int launch(mock_op *op, void **params) {
  static int (*run)(const char *, const unsigned[3], const unsigned[3], unsigned, void **);
  if (!run) run = (int (*)(const char *, const unsigned[3], const unsigned[3], unsigned, void **))kernel_symbol("cpu_launch");
  return run(op->kernel, op->grid, op->block, op->shared_bytes, params);
}
#endif

int mock_run_kernel(mock_op *op) {
  void *params[16];
  int i;
  for (i = 0; i < op->num_params; i++) {
    mock_device_memory(op->params[i], 1, op->kernel);
    params[i] = &op->params[i];
  }
  if (mock_setting("MOCK_CUDA_IDLE", 0)) return SUCCESS;
  return launch(op, params);
}

/* PTX's version, times ten, that a driver takes: "PTX ISA", release history. */
static int newest_ptx(int driver) {
  int major = driver / 1000, minor = driver % 1000 / 10;
  return major == 10 ? 63 + minor : major > 10 ? 10 * (major - 4) + minor : 60;
}

static int check_ptx(const char *ptx, char *log, size_t log_bytes) {
  const char *version = strstr(ptx, ".version "), *target = strstr(ptx, ".target sm_");
  int major, minor, arch;
  if (!version || !target || sscanf(version, ".version %d.%d", &major, &minor) != 2 ||
      sscanf(target, ".target sm_%d", &arch) != 1) {
    if (log) snprintf(log, log_bytes, "ptxas application ptx input, line 1; fatal : Missing .version directive\n(mock)");
    return INVALID_PTX;
  }
  if (10 * major + minor > newest_ptx(mock_setting("MOCK_CUDA_DRIVER", 10020))) return UNSUPPORTED_PTX_VERSION;
  return arch > mock_setting("MOCK_CUDA_COMPUTE", 53) ? NO_BINARY_FOR_GPU : SUCCESS;
}

/* Of a cubin the PTX that it was made of, if it was made for this device. */
static const char *unpack(const char *image) {
  char head[64];
  snprintf(head, sizeof head, CUBIN "%d\n", mock_setting("MOCK_CUDA_COMPUTE", 53));
  return strncmp(image, head, strlen(head)) ? NULL : image + strlen(head);
}

EXPORT int cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
  int result = mock_enter("cuModuleLoadDataEx", 1);
  const char *ptx = image;
  char *log = NULL;
  size_t log_bytes = 0;
  unsigned i;
  mock_module *made;
  if (result) return result;
  for (i = 0; i < count; i++) {
    if (options[i] == 5) log = values[i];
    if (options[i] == 6) log_bytes = (size_t)(uintptr_t)values[i];
  }
  if (!strncmp(ptx, CUBIN, strlen(CUBIN))) {
    ptx = unpack(ptx);
    if (!ptx) return NO_BINARY_FOR_GPU;
  }
  result = check_ptx(ptx, log, log_bytes);
  if (result) return result;
  *module = made = mock_new(MODULE, sizeof *made);
  made->ptx = strdup(ptx);
  return SUCCESS;
}

EXPORT int cuModuleGetFunction(void **function, void *module, const char *name) {
  int result = mock_enter("cuModuleGetFunction", 1);
  mock_module *m = mock_get(MODULE, module, "cuModuleGetFunction");
  mock_function *made;
  char entry[600];
  if (result) return result;
  snprintf(entry, sizeof entry, ".entry %s(", name);
  if (!strstr(m->ptx, entry) || mock_kernel_params(name) < 0) return NOT_FOUND;
  *function = made = mock_new(FUNCTION, sizeof *made);
  made->module = m;
  snprintf(made->name, sizeof made->name, "%s", name);
  return SUCCESS;
}

EXPORT int cuModuleUnload(void *module) {
  int result = mock_enter_to_free("cuModuleUnload", 1);
  mock_module *m = mock_get(MODULE, module, "cuModuleUnload");
  mock_delete_functions(module);
  free(m->ptx);
  mock_delete(MODULE, module, "cuModuleUnload");
  return result;
}

EXPORT int cuLaunchKernel(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared_bytes, void *stream, void **params,
                          void **extra) {
  int i, result = mock_enter("cuLaunchKernel", 1);
  mock_function *f = mock_get(FUNCTION, function, "cuLaunchKernel");
  mock_op op = {.kind = LAUNCH, .kernel = f->name, .shared_bytes = shared_bytes, .grid = {grid_x, grid_y, grid_z},
                .block = {block_x, block_y, block_z}};
  if (result) return result;
  op.num_params = mock_kernel_params(f->name);
  if (extra || op.num_params > 16) return INVALID_VALUE;
  if (!grid_x || !grid_y || !grid_z || block_x * block_y * block_z - 1 >= 1024) return LAUNCH_OUT_OF_RESOURCES;
  for (i = 0; i < op.num_params; i++) memcpy(&op.params[i], params[i], sizeof op.params[i]);
  return mock_enqueue(stream, &op, "cuLaunchKernel");
}

EXPORT int cuLinkCreate_v2(unsigned count, int *options, void **values, void **link) {
  int result = mock_enter("cuLinkCreate_v2", 1);
  (void)options, (void)values;
  if (result) return result;
  *link = mock_new(LINK, sizeof(mock_link));
  return count ? INVALID_VALUE : SUCCESS;
}

EXPORT int cuLinkAddData_v2(void *link, int kind, void *data, size_t bytes, const char *name, unsigned count,
                            int *options, void **values) {
  int result = mock_enter("cuLinkAddData_v2", 1);
  mock_link *l = mock_get(LINK, link, "cuLinkAddData_v2");
  (void)name, (void)count, (void)options, (void)values;
  if (result) return result;
  if (kind != 1 || !bytes || ((char *)data)[bytes - 1]) return INVALID_VALUE; /* PTX ends with a zero */
  result = check_ptx(data, NULL, 0);
  if (result) return result;
  l->bytes = (size_t)asprintf(&l->image, CUBIN "%d\n%s", mock_setting("MOCK_CUDA_COMPUTE", 53), (char *)data) + 1;
  return SUCCESS;
}

EXPORT int cuLinkComplete(void *link, void **image, size_t *bytes) {
  int result = mock_enter("cuLinkComplete", 1);
  mock_link *l = mock_get(LINK, link, "cuLinkComplete");
  if (result) return result;
  if (!l->image) return INVALID_VALUE;
  *image = l->image;
  *bytes = l->bytes;
  return SUCCESS;
}

EXPORT int cuLinkDestroy(void *link) {
  int result = mock_enter_to_free("cuLinkDestroy", 1);
  free(((mock_link *)mock_get(LINK, link, "cuLinkDestroy"))->image);
  mock_delete(LINK, link, "cuLinkDestroy");
  return result;
}
