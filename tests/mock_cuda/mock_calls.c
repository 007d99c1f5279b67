/* Calls are counted and told to fail; contexts are a stack of each thread's own. */
#include "mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int num_calls, of_that_name, initialised, retained, left_behind;
static char failing[128], last_failed[64];
static __thread int depth; /* of this thread's context stack; there is one context */

int mock_setting(const char *name, int value) {
  const char *text = getenv(name);
  return text ? atoi(text) : value;
}

void mock_misuse(const char *name, const char *what) {
  fprintf(stderr, "mock_cuda: %s: %s\n", name, what);
  abort();
}

/* "7": the seventh call from now on fails; "cuMemAlloc_v2": each call of that function; "cuMemAlloc_v2:2": its second one.
 * Empty: none. */
EXPORT void mock_cuda_fail(const char *spec) {
  snprintf(failing, sizeof failing, "%s", spec);
  num_calls = of_that_name = 0;
  last_failed[0] = 0;
}

EXPORT int mock_cuda_calls(void) { return num_calls; }
EXPORT const char *mock_cuda_failed(void) { return last_failed; }
EXPORT int mock_cuda_live(void) { return mock_num_live() + retained + depth; }
/* What was alive when the context ended, which a driver frees by itself. */
EXPORT int mock_cuda_left_behind(void) { return left_behind; }

static int is_to_fail(const char *name) {
  size_t length = strcspn(failing, ":");
  if (failing[0] >= '0' && failing[0] <= '9') return num_calls == atoi(failing);
  if (!length || strlen(name) != length || strncmp(name, failing, length)) return 0;
  if (!failing[length]) return 1;
  of_that_name++;
  return of_that_name == atoi(failing + length + 1);
}

static void read_environment(void) {
  static int done;
  const char *spec = getenv("MOCK_CUDA_FAIL");
  if (!done && spec) mock_cuda_fail(spec);
  done = 1;
}

/* How often a function was called, since the process began. */
static struct {
  const char *name;
  int count;
} counts[64];

static void count_name(const char *name) {
  int i;
  for (i = 0; i < 63 && counts[i].name && strcmp(counts[i].name, name); i++) {}
  counts[i].name = name;
  counts[i].count++;
}

EXPORT int mock_cuda_counted(const char *name) {
  int i;
  for (i = 0; i < 64 && counts[i].name; i++)
    if (!strcmp(counts[i].name, name)) return counts[i].count;
  return 0;
}

static int count(const char *name, int needs_context) {
  read_environment();
  num_calls++;
  count_name(name);
  if (!initialised && strcmp(name, "cuInit") && strcmp(name, "cuGetErrorName")) mock_misuse(name, "before cuInit");
  if (needs_context && !depth) mock_misuse(name, "no context is current");
  if (!is_to_fail(name)) return SUCCESS;
  snprintf(last_failed, sizeof last_failed, "%s", name);
  return UNKNOWN;
}

int mock_enter(const char *name, int needs_context) { return count(name, needs_context); }
int mock_enter_to_free(const char *name, int needs_context) { return count(name, needs_context); }

EXPORT int cuInit(unsigned flags) {
  int result;
  initialised = 1;
  result = mock_enter("cuInit", 0);
  if (!result && mock_setting("MOCK_CUDA_DEVICES", 1) < 0) result = NO_DEVICE;
  initialised = result == SUCCESS;
  return flags ? INVALID_VALUE : result;
}

EXPORT int cuDevicePrimaryCtxRetain(void **context, int device) {
  int result = mock_enter("cuDevicePrimaryCtxRetain", 0);
  if (result) return result;
  if (device) return INVALID_VALUE;
  retained++;
  *context = &retained;
  return SUCCESS;
}

EXPORT int cuDevicePrimaryCtxRelease(int device) {
  int result = mock_enter_to_free("cuDevicePrimaryCtxRelease", 0);
  if (device || !retained) mock_misuse("cuDevicePrimaryCtxRelease", "not retained");
  if (--retained == 0) {
    left_behind += mock_num_live();
    mock_free_all();
  }
  return result;
}

EXPORT int cuCtxPushCurrent_v2(void *context) {
  int result = mock_enter("cuCtxPushCurrent_v2", 0);
  if (context != &retained || !retained) mock_misuse("cuCtxPushCurrent_v2", "no such context");
  depth += !result;
  return result;
}

EXPORT int cuCtxPopCurrent_v2(void **context) {
  int result = mock_enter_to_free("cuCtxPopCurrent_v2", 1);
  depth--;
  *context = &retained;
  return result;
}

__attribute__((destructor)) static void tell_count(void) {
  const char *name = getenv("MOCK_CUDA_TELL");
  if (name) fprintf(stderr, "%s %d\n", name, mock_cuda_counted(name));
}

__attribute__((destructor)) static void tell_leaks(void) {
  if (!mock_setting("MOCK_CUDA_LEAKS", 0) || !(mock_cuda_live() + left_behind)) return;
  fprintf(stderr, "mock_cuda: %d objects are alive at the end, %d outlived their context\n", mock_cuda_live(), left_behind);
  _exit(97);
}
