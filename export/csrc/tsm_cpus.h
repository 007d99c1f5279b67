/* tsm_cpus.h - which processor a thread wakes up on. Private to the library. */
#ifndef TSM_CPUS_H
#define TSM_CPUS_H

#include <sched.h>

typedef struct tsm_cpus {
#ifdef __linux__
  cpu_set_t allowed; /* those that this process may use */
#endif
  int count;         /* 0 where the system does not say */
} tsm_cpus;

void tsm_cpus_read(tsm_cpus *cpus);

/* The calling thread, as the system numbers it. */
long tsm_thread_number(void);

/* Bind a thread to the allowed processor number `index`, counted without the caller's own one. */
void tsm_cpus_bind(const tsm_cpus *cpus, long thread, int index);

/* Let the calling thread run on every allowed processor again. */
void tsm_cpus_release(const tsm_cpus *cpus);

#endif
