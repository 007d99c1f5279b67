/* Threads that share each kernel call.
 *
 * A call's units are cut into chunks, and threads claim one after the other: a thread that sleeps, or whose core some
 * other program took, claims none, and nobody waits for it. Which thread runs a chunk does not change its result.
 *
 * A frame is some 40 calls of 20 to 500 microseconds, so waking a sleeping thread for each would cost more than it
 * brings: workers look out for the next call for a while and only then sleep. Between frames they sleep.
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

/* 100 to 200 microseconds on today's cores: longer than any gap between two calls of a frame, whose last chunk may take
 * half of that, and than a caller's own work between two frames in a row. */
#define TSM_SPINS 20000

/* Chunks for each thread, as far as a kernel's units may be cut that small: the last one to finish keeps the others
 * waiting for a quarter of its share at most. */
#define TSM_CHUNKS_PER_THREAD 4

/* What is open to be claimed, in one word so that a claim is one compare-and-swap: the call's number, its number of
 * chunks, and the next chunk. A late thread's claim fails, since the number of the call has changed. */
typedef struct tsm_ticket {
  uint32_t generation;
  uint16_t chunks, next;
} tsm_ticket;

typedef struct tsm_worker {
  tsm_pool *pool;
  pthread_t thread;
  int index;
  long number;        /* 0 until the thread has said it */
  int asleep, placed; /* under the pool's mutex: on its way to wake, bound to a processor */
} tsm_worker;

struct tsm_pool {
  int num_threads, started;
  unsigned char *scratch; /* scratch_bytes for each thread */
  int64_t scratch_bytes;
  atomic_uint_least64_t ticket;
  atomic_int finished; /* chunks of the present call */
  atomic_int stopping;
  const tsm_call *call; /* does not change while one of its chunks is claimed and unfinished */
  const tsm_operands *operands;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  tsm_cpus cpus;
  tsm_worker workers[];
};

static uint64_t pack(tsm_ticket ticket) {
  return (uint64_t)ticket.generation << 32 | (uint64_t)ticket.chunks << 16 | ticket.next;
}

static tsm_ticket read_ticket(tsm_pool *pool) {
  uint64_t word = atomic_load_explicit(&pool->ticket, memory_order_acquire);
  tsm_ticket ticket;
  ticket.generation = (uint32_t)(word >> 32);
  ticket.chunks = (uint16_t)(word >> 16);
  ticket.next = (uint16_t)word;
  return ticket;
}

/* Take the next chunk of call `generation`, or return 0 if there is none any more. */
static int claim(tsm_pool *pool, uint32_t generation, tsm_ticket *claimed) {
  for (;;) {
    tsm_ticket taken = read_ticket(pool);
    uint64_t expected = pack(taken);
    if (taken.generation != generation || taken.next >= taken.chunks) return 0;
    *claimed = taken;
    taken.next++;
    if (atomic_compare_exchange_weak_explicit(&pool->ticket, &expected, pack(taken), memory_order_acq_rel,
                                              memory_order_acquire))
      return 1;
  }
}

/* Work on call `generation` until all of its chunks are claimed. */
static void help(tsm_pool *pool, int thread, uint32_t generation) {
  tsm_ticket chunk;
  while (claim(pool, generation, &chunk)) {
    int64_t units = pool->call->units;
    int32_t begin = (int32_t)(units * chunk.next / chunk.chunks);
    int32_t end = (int32_t)(units * (chunk.next + 1) / chunk.chunks);
    pool->call->run(pool->operands, pool->scratch + thread * pool->scratch_bytes, begin, end);
    atomic_fetch_add_explicit(&pool->finished, 1, memory_order_release);
  }
}

/* Sleep until there is a call that was not seen yet. */
static uint32_t sleep_until_call(tsm_worker *worker, uint32_t seen) {
  tsm_pool *pool = worker->pool;
  uint32_t now;
  int placed;
  pthread_mutex_lock(&pool->mutex);
  worker->asleep = 1;
  while ((now = read_ticket(pool).generation) == seen) pthread_cond_wait(&pool->wake, &pool->mutex);
  placed = worker->placed;
  worker->asleep = worker->placed = 0;
  pthread_mutex_unlock(&pool->mutex);
  if (placed) tsm_cpus_restrict(&pool->cpus);
  return now;
}

/* The number of a call that was not seen yet: look out for a while, then sleep. */
static uint32_t wait_for_call(tsm_worker *worker, uint32_t seen) {
  int spin;
  for (spin = 0; spin < TSM_SPINS; spin++) {
    uint32_t now = read_ticket(worker->pool).generation;
    if (now != seen) return now;
    TSM_PAUSE();
  }
  return sleep_until_call(worker, seen);
}

static void *work(void *argument) {
  tsm_worker *worker = argument;
  tsm_pool *pool = worker->pool;
  uint32_t seen = 0;
  worker->number = tsm_thread_number();
  tsm_cpus_restrict(&pool->cpus);
  for (;;) {
    seen = wait_for_call(worker, seen);
    if (atomic_load_explicit(&pool->stopping, memory_order_acquire)) return NULL;
    help(pool, worker->index, seen);
  }
}

/* Give each sleeping thread a processor to wake up on, if there are enough for all; with the mutex held. */
static void place_sleepers(tsm_pool *pool) {
  int index;
  if (pool->num_threads > pool->cpus.count) return;
  for (index = 0; index < pool->started; index++) {
    tsm_worker *worker = &pool->workers[index];
    if (!worker->asleep || worker->placed) continue;
    tsm_cpus_bind(&pool->cpus, worker->number, index);
    worker->placed = 1;
  }
}

/* Open a call to all threads and return its number. The mutex pairs with the sleeper's check, so that no thread falls
 * asleep just after it was called. */
static uint32_t open_call(tsm_pool *pool, int chunks) {
  tsm_ticket ticket;
  ticket.generation = read_ticket(pool).generation + 1;
  ticket.chunks = (uint16_t)chunks;
  ticket.next = 0;
  pthread_mutex_lock(&pool->mutex);
  atomic_store_explicit(&pool->ticket, pack(ticket), memory_order_release);
  place_sleepers(pool);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  return ticket.generation;
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

tsm_pool *tsm_pool_create(int num_threads, int64_t scratch_bytes, const tsm_cpus *cpus) {
  tsm_pool *pool = calloc(1, sizeof *pool + (size_t)num_threads * sizeof pool->workers[0]);
  if (!pool) return NULL;
  pool->num_threads = num_threads;
  pool->scratch_bytes = scratch_bytes;
  pool->cpus = *cpus;
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
  atomic_store_explicit(&pool->stopping, 1, memory_order_release);
  open_call(pool, 0);
  for (index = 0; index < pool->started; index++) pthread_join(pool->workers[index].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool->scratch);
  free(pool);
}

static int count_chunks(const tsm_pool *pool, const tsm_call *call) {
  int most = call->units / call->least_units;
  if (most > pool->num_threads * TSM_CHUNKS_PER_THREAD) most = pool->num_threads * TSM_CHUNKS_PER_THREAD;
  if (most < pool->num_threads) most = pool->num_threads;
  return most < call->units ? most : call->units;
}

void tsm_pool_run(tsm_pool *pool, const tsm_call *call, const tsm_operands *operands) {
  int chunks = pool->num_threads == 1 ? 1 : count_chunks(pool, call), spin;
  if (chunks == 1) {
    call->run(operands, pool->scratch, 0, call->units);
    return;
  }
  pool->call = call;
  pool->operands = operands;
  atomic_store_explicit(&pool->finished, 0, memory_order_relaxed);
  help(pool, 0, open_call(pool, chunks));
  for (spin = 0; atomic_load_explicit(&pool->finished, memory_order_acquire) < chunks; spin++) {
    if (spin < TSM_SPINS)
      TSM_PAUSE();
    else
      sched_yield();
  }
}
