/* mock.h - a libcuda.so.1 without a GPU: the part of the driver API that tsm_cuda.h lists, over memory of this process.
 *
 * What the API forbids ends the process with a line on stderr: memory or a handle that is gone, a copy that needs pinned
 * memory and has none, a call without a current context. Work queued on a stream runs when somebody waits for it
 * and not before, so that a missing wait shows itself. Kernels are the generated CUDA C, compiled for the CPU.
 *
 * Environment: MOCK_CUDA_KERNELS (the library that cuda_on_cpu.py builds), MOCK_CUDA_DEVICES (1), MOCK_CUDA_COMPUTE (53),
 * MOCK_CUDA_DRIVER (10020), MOCK_CUDA_FAIL (see mock_cuda_fail), MOCK_CUDA_LEAKS=1 (leaks end the process with 97),
 * MOCK_CUDA_TELL (a function whose calls are counted on stderr at the end), MOCK_CUDA_IDLE=1 (kernels compute nothing, for tests of all around them).
 */
#ifndef MOCK_H
#define MOCK_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  NO_BINARY_FOR_GPU = 209,
  INVALID_PTX = 218,
  UNSUPPORTED_PTX_VERSION = 222,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  NOT_READY = 600,
  LAUNCH_OUT_OF_RESOURCES = 701,
  UNKNOWN = 999
};

/* ---- calls: counted, and told to fail ---- */

/* What the call must return at once, or 0. */
int mock_enter(const char *name, int needs_context);
/* The same for calls that give something back: they do it even when they report an error, as after a lost context. */
int mock_enter_to_free(const char *name, int needs_context);
_Noreturn void mock_misuse(const char *name, const char *what);
int mock_setting(const char *name, int value);

/* ---- handles and memory ---- */

typedef enum { MODULE, FUNCTION, STREAM, EVENT, GRAPH, EXEC, LINK } mock_kind;
extern const char *const mock_kind_names[];

void *mock_new(mock_kind kind, size_t bytes);
void *mock_get(mock_kind kind, void *handle, const char *caller);
void mock_delete(mock_kind kind, void *handle, const char *caller);
void mock_delete_functions(const void *module);

void *mock_device_memory(uint64_t pointer, size_t bytes, const char *caller);
void mock_check_pinned(const void *pointer, size_t bytes, const char *caller);
int mock_num_live(void); /* handles and memory of both kinds */
void mock_free_all(void);

/* ---- work ---- */

typedef struct mock_op {
  enum { COPY, SET, RECORD, LAUNCH } kind;
  void *to;
  const void *from;
  size_t bytes;
  int value;
  struct mock_event *event;
  const char *kernel;
  unsigned grid[3], block[3], shared_bytes;
  int num_params;
  uint64_t params[16];
} mock_op;

/* To the end of the stream, or of the graph that it is recording. */
int mock_enqueue(void *stream, const mock_op *op, const char *caller);
int mock_has_work(void);
void mock_run_all(void);
void mock_forget_streams(void); /* their context is about to end */

/* ---- kernels ---- */

int mock_kernel_params(const char *kernel);
int mock_run_kernel(mock_op *op);

#endif
