/* tsm_cpus.h - which processors threads run on, and where they wake up. Private to the library. */
#ifndef TSM_CPUS_H
#define TSM_CPUS_H

#include <sched.h>

/* Where Linux describes processors, a folder for each; a test has one of its own. */
#ifndef TSM_CPUS_FOLDER
#define TSM_CPUS_FOLDER "/sys/devices/system/cpu"
#endif

typedef struct tsm_cpus {
#ifdef __linux__
  cpu_set_t allowed; /* those that threads may use */
#endif
  int count;         /* 0 where the system does not say */
} tsm_cpus;

/* Those of the calling thread. */
void tsm_cpus_read(tsm_cpus *cpus);

/* Of these, allow the `number` biggest alone and all that are as big as the smallest of them. `folder` is
 * TSM_CPUS_FOLDER, or a test's; what cannot be read changes nothing. */
void tsm_cpus_keep_biggest(tsm_cpus *cpus, const char *folder, int number);

/* The calling thread, as the system numbers it. */
long tsm_thread_number(void);

/* Bind a thread to the allowed processor number `index`, counted without the caller's own one. */
void tsm_cpus_bind(const tsm_cpus *cpus, long thread, int index);

/* Let the calling thread run on every allowed processor, and on no other. */
void tsm_cpus_restrict(const tsm_cpus *cpus);

/* The same, and note where it might run before. */
void tsm_cpus_enter(const tsm_cpus *cpus, tsm_cpus *before);

#endif
