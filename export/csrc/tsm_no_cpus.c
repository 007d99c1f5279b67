/* For systems that give a program no say in which processor a thread runs on: iOS places threads itself. */
#include "tsm_cpus.h"

void tsm_cpus_read(tsm_cpus *cpus) { cpus->count = 0; }

long tsm_thread_number(void) { return 0; }

void tsm_cpus_bind(const tsm_cpus *cpus, long thread, int index) {
  (void)cpus;
  (void)thread;
  (void)index;
}

void tsm_cpus_keep_biggest(tsm_cpus *cpus, const char *folder, int number) {
  (void)cpus;
  (void)folder;
  (void)number;
}

void tsm_cpus_restrict(const tsm_cpus *cpus) { (void)cpus; }

void tsm_cpus_enter(const tsm_cpus *cpus, tsm_cpus *before) {
  (void)cpus;
  tsm_cpus_read(before);
}
