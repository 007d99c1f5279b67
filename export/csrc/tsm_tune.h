/* Candidates for one layer's kernel, and how to measure them: a generated table of the first kind, tsm_tune.c. */
#ifndef TSM_TUNE_H
#define TSM_TUNE_H

#include <stdint.h>

#define TSM_TUNE_MAX_OPERANDS 16
#define TSM_TUNE_API __attribute__((visibility("default")))

/* Memory that all candidates use in turn. Inputs hold the same random floats, everything else begins as NaN. */
typedef struct {
  int64_t floats;
  int32_t is_input;
} tsm_tune_slot;

/* What one pointer of a kernel points to: a slot's number, or a byte offset in the packed weights. */
typedef struct {
  int32_t is_weights;
  int64_t place;
} tsm_tune_operand;

typedef struct {
  void (*run)(void *const *pointers); /* the whole layer on this thread */
  int32_t num_operands;
  tsm_tune_operand operands[TSM_TUNE_MAX_OPERANDS];
} tsm_tune_candidate;

typedef struct {
  int32_t num_slots;
  int32_t num_candidates;
  int32_t result_slot;
  int64_t result_floats;
  int64_t sweep_floats; /* reading that many leaves nothing of before in the second cache */
  tsm_tune_slot slots[TSM_TUNE_MAX_OPERANDS];
  const tsm_tune_candidate *candidates;
  const unsigned char *weights;
} tsm_tune_table;

extern const tsm_tune_table tsm_tune;

/* Largest difference of a candidate's result to candidate 0's, as a share of the largest value; 1e30 where it is not
   finite, where the kernel wrote outside of its result or altered an input, or where there is no memory. */
TSM_TUNE_API double tsm_tune_difference(int32_t candidate);

/* Median milliseconds of so many calls, each as a frame finds it: the input at hand, the weights in a far cache.
   Negative where there is no memory. */
TSM_TUNE_API double tsm_tune_sample(int32_t candidate, int32_t calls);

/* Give the memory back; the next call allocates again. */
TSM_TUNE_API void tsm_tune_release(void);

#endif
