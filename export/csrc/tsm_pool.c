/* Threads that share each kernel call.
 *
 * A frame is some 70 calls of 20 to 500 microseconds, so waking a sleeping thread for each would cost more than it
 * brings: workers spin for a while after each call and only then sleep. Between frames they sleep.
 */
#include "tsm_pool.h"

#include "tsm_memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define TSM_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define TSM_PAUSE() __asm__ __volatile__("yield")
#else
#define TSM_PAUSE() ((void)0)
#endif

/* About 50 microseconds on a 2 GHz core: longer than the gap between two calls of a frame. */
#define TSM_SPINS 2000

typedef struct tsm_worker {
  tsm_pool *pool;
  pthread_t thread;
  int index;
} tsm_worker;

struct tsm_pool {
  int num_threads, started;
  unsigned char *scratch; /* scratch_bytes for each thread */
  int64_t scratch_bytes;
  /* Raised once for each call; workers wait for it to differ from the last one that they saw. */
  atomic_uint generation;
  atomic_int running;
  int stopping;
  const tsm_call *call;
  const tsm_operands *operands;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  tsm_worker workers[];
};

static void run_share(const tsm_pool *pool, int index) {
  int64_t units = pool->call->units;
  int32_t begin = (int32_t)(units * index / pool->num_threads);
  int32_t end = (int32_t)(units * (index + 1) / pool->num_threads);
  if (begin < end) pool->call->run(pool->operands, pool->scratch + index * pool->scratch_bytes, begin, end);
}

static unsigned wait_for_call(tsm_pool *pool, unsigned seen) {
  unsigned now;
  int spin;
  for (spin = 0; spin < TSM_SPINS; spin++) {
    now = atomic_load_explicit(&pool->generation, memory_order_acquire);
    if (now != seen) return now;
    TSM_PAUSE();
  }
  pthread_mutex_lock(&pool->mutex);
  while ((now = atomic_load_explicit(&pool->generation, memory_order_acquire)) == seen)
    pthread_cond_wait(&pool->wake, &pool->mutex);
  pthread_mutex_unlock(&pool->mutex);
  return now;
}

static void *work(void *argument) {
  tsm_worker *worker = argument;
  tsm_pool *pool = worker->pool;
  unsigned seen = 0;
  for (;;) {
    seen = wait_for_call(pool, seen);
    if (pool->stopping) return NULL;
    run_share(pool, worker->index);
    atomic_fetch_sub_explicit(&pool->running, 1, memory_order_release);
  }
}

/* The mutex pairs with the sleeper's check, so that no thread falls asleep just after it was called. */
static void call_workers(tsm_pool *pool) {
  atomic_store_explicit(&pool->running, pool->started, memory_order_relaxed);
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

static int start_workers(tsm_pool *pool) {
  while (pool->started < pool->num_threads - 1) {
    tsm_worker *worker = &pool->workers[pool->started];
    worker->pool = pool;
    worker->index = pool->started + 1;
    if (pthread_create(&worker->thread, NULL, work, worker)) return 0;
    pool->started++;
  }
  return 1;
}

tsm_pool *tsm_pool_create(int num_threads, int64_t scratch_bytes) {
  tsm_pool *pool = calloc(1, sizeof *pool + (size_t)num_threads * sizeof pool->workers[0]);
  if (!pool) return NULL;
  pool->num_threads = num_threads;
  pool->scratch_bytes = scratch_bytes;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pool->scratch = tsm_allocate(scratch_bytes * num_threads);
  if (pool->scratch && start_workers(pool)) return pool;
  tsm_pool_destroy(pool);
  return NULL;
}

void tsm_pool_destroy(tsm_pool *pool) {
  int index;
  if (!pool) return;
  pool->stopping = 1;
  call_workers(pool);
  for (index = 0; index < pool->started; index++) pthread_join(pool->workers[index].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->scratch);
  free(pool);
}

void tsm_pool_run(tsm_pool *pool, const tsm_call *call, const tsm_operands *operands) {
  int spin;
  if (pool->num_threads == 1 || call->units == 1) {
    call->run(operands, pool->scratch, 0, call->units);
    return;
  }
  pool->call = call;
  pool->operands = operands;
  call_workers(pool);
  run_share(pool, 0);
  for (spin = 0; atomic_load_explicit(&pool->running, memory_order_acquire); spin++) {
    if (spin < TSM_SPINS)
      TSM_PAUSE();
    else
      sched_yield();
  }
}
