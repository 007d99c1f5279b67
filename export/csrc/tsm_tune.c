/* Measures kernels where they will run: in this process through ctypes, on a board through TVM's RPC server. */
#include "tsm_tune.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALIGNMENT 64
#define GUARD_FLOATS 64 /* on both sides of a slot */
#define MAX_CALLS 1024
#define WRONG 1e30

static const uint32_t guard_bits = 0x7fc5a5a5u; /* a NaN of our own */

static float *slots[TSM_TUNE_MAX_OPERANDS];
static float *reference; /* candidate 0's result */
static float *sweep;

static float guard(void) {
  float value;
  memcpy(&value, &guard_bits, sizeof value);
  return value;
}

static int is_guard(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits == guard_bits;
}

/* Between -1 and 1, and the same for the same place. */
static float noise(int32_t slot, int64_t index) {
  uint64_t x = ((uint64_t)(uint32_t)slot << 40) + (uint64_t)index + 1;
  x *= 0x9e3779b97f4a7c15u;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 32;
  return (float)(int32_t)(uint32_t)x * (1.0f / 2147483648.0f);
}

static float *allocate(int64_t floats) {
  void *memory = NULL;
  return posix_memalign(&memory, ALIGNMENT, (size_t)floats * sizeof(float)) ? NULL : memory;
}

static void fill_slot(int32_t slot) {
  const tsm_tune_slot *kind = &tsm_tune.slots[slot];
  float *values = slots[slot];
  for (int64_t i = -GUARD_FLOATS; i < kind->floats + GUARD_FLOATS; i++) {
    values[i] = kind->is_input && i >= 0 && i < kind->floats ? noise(slot, i) : guard();
  }
}

static int slot_is_whole(int32_t slot) {
  const tsm_tune_slot *kind = &tsm_tune.slots[slot];
  const float *values = slots[slot];
  for (int64_t i = 0; i < GUARD_FLOATS; i++) {
    if (!is_guard(values[-1 - i]) || !is_guard(values[kind->floats + i])) return 0;
  }
  for (int64_t i = 0; kind->is_input && i < kind->floats; i++) {
    if (values[i] != noise(slot, i)) return 0;
  }
  return 1;
}

void tsm_tune_release(void) {
  for (int32_t slot = 0; slot < tsm_tune.num_slots; slot++) {
    if (slots[slot]) free(slots[slot] - GUARD_FLOATS);
    slots[slot] = NULL;
  }
  free(reference);
  free(sweep);
  reference = sweep = NULL;
}

static int prepare(void) {
  if (sweep) return 1;
  for (int32_t slot = 0; slot < tsm_tune.num_slots; slot++) {
    if (!slots[slot]) {
      float *memory = allocate(tsm_tune.slots[slot].floats + 2 * GUARD_FLOATS);
      if (!memory) return 0;
      slots[slot] = memory + GUARD_FLOATS;
    }
    fill_slot(slot);
  }
  if (!reference) reference = allocate(tsm_tune.result_floats);
  float *memory = reference ? allocate(tsm_tune.sweep_floats) : NULL;
  if (!memory) return 0;
  for (int64_t i = 0; i < tsm_tune.sweep_floats; i++) memory[i] = 0.0f;
  sweep = memory;
  return 1;
}

static void point(const tsm_tune_candidate *candidate, void **pointers) {
  for (int32_t i = 0; i < candidate->num_operands; i++) {
    const tsm_tune_operand *operand = &candidate->operands[i];
    pointers[i] =
        operand->is_weights ? (void *)(uintptr_t)(tsm_tune.weights + operand->place) : slots[operand->place];
  }
}

static int compute(int32_t index) {
  void *pointers[TSM_TUNE_MAX_OPERANDS];
  for (int32_t slot = 0; slot < tsm_tune.num_slots; slot++) fill_slot(slot);
  point(&tsm_tune.candidates[index], pointers);
  tsm_tune.candidates[index].run(pointers);
  int whole = 1;
  for (int32_t slot = 0; slot < tsm_tune.num_slots; slot++) whole = whole && slot_is_whole(slot);
  return whole;
}

static double magnitude(double value) { return value < 0 ? -value : value; }

double tsm_tune_difference(int32_t candidate) {
  const float *result;
  double largest = 0, difference = 0;
  if (candidate < 0 || candidate >= tsm_tune.num_candidates || !prepare() || !compute(0)) return WRONG;
  result = slots[tsm_tune.result_slot];
  memcpy(reference, result, (size_t)tsm_tune.result_floats * sizeof(float));
  if (!compute(candidate)) return WRONG;
  for (int64_t i = 0; i < tsm_tune.result_floats; i++) {
    double apart = magnitude((double)result[i] - reference[i]);
    if (!(apart <= WRONG)) return WRONG; /* NaN or infinite */
    if (apart > difference) difference = apart;
    if (magnitude(reference[i]) > largest) largest = magnitude(reference[i]);
  }
  return difference == 0 ? 0 : largest > 0 ? difference / largest : WRONG;
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static float touch(const float *values, int64_t floats) {
  float sum = 0.0f;
  for (int64_t i = 0; i < floats; i += ALIGNMENT / (int64_t)sizeof(float)) sum += values[i];
  return sum;
}

/* The network has read other layers' weights since the last frame; this layer's input was written just now. */
static void set_the_caches(void) {
  volatile float sink = touch(sweep, tsm_tune.sweep_floats);
  for (int32_t slot = 0; slot < tsm_tune.num_slots; slot++) {
    if (tsm_tune.slots[slot].is_input) sink = touch(slots[slot], tsm_tune.slots[slot].floats);
  }
  (void)sink;
}

static void insert(double *sorted, int32_t count, double value) {
  int32_t place = count;
  for (; place > 0 && sorted[place - 1] > value; place--) sorted[place] = sorted[place - 1];
  sorted[place] = value;
}

double tsm_tune_sample(int32_t candidate, int32_t calls) {
  void *pointers[TSM_TUNE_MAX_OPERANDS];
  double samples[MAX_CALLS];
  if (candidate < 0 || candidate >= tsm_tune.num_candidates || !prepare()) return -1;
  if (calls < 1) calls = 1;
  if (calls > MAX_CALLS) calls = MAX_CALLS;
  point(&tsm_tune.candidates[candidate], pointers);
  for (int32_t call = 0; call < calls; call++) {
    set_the_caches();
    double start = milliseconds();
    tsm_tune.candidates[candidate].run(pointers);
    insert(samples, call, milliseconds() - start);
  }
  return samples[calls / 2];
}

/* As TVM's runtime calls a function: an array of tagged values in, one out (tvm/ffi/c_api.h, TVMFFIAny). */

enum { FFI_INT = 1, FFI_FLOAT = 3 };

typedef struct {
  int32_t type;
  uint32_t padding;
  union {
    int64_t integer;
    double number;
  } value;
} ffi_any;

static int32_t integer(const ffi_any *values, int32_t count, int32_t index) {
  return index < count && values[index].type == FFI_INT ? (int32_t)values[index].value.integer : -1;
}

static int give(ffi_any *result, double number) {
  result->type = FFI_FLOAT;
  result->padding = 0;
  result->value.number = number;
  return 0;
}

TSM_TUNE_API int __tvm_ffi_tsm_tune_difference(void *self, const ffi_any *values, int32_t count, ffi_any *result) {
  (void)self;
  return give(result, tsm_tune_difference(integer(values, count, 0)));
}

TSM_TUNE_API int __tvm_ffi_tsm_tune_sample(void *self, const ffi_any *values, int32_t count, ffi_any *result) {
  (void)self;
  return give(result, tsm_tune_sample(integer(values, count, 0), integer(values, count, 1)));
}
