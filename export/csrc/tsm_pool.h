/* tsm_pool.h - threads that share each kernel call. Private to the library. */
#ifndef TSM_POOL_H
#define TSM_POOL_H

#include "tsm_cpus.h"
#include "tsm_plan.h"

typedef struct tsm_pool tsm_pool;

/* Threads that run on these processors, each with scratch_bytes of its own; null if memory or a thread cannot be had. */
tsm_pool *tsm_pool_create(int num_threads, int64_t scratch_bytes, const tsm_cpus *cpus);
void tsm_pool_destroy(tsm_pool *pool);

/* Run all units of `call` on whichever threads are at hand, and return when all are done. */
void tsm_pool_run(tsm_pool *pool, const tsm_call *call, const tsm_operands *operands);

#endif
