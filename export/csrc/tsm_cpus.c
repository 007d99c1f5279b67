/* Which processors threads run on, and where they wake up.
 *
 * The system prefers to wake a thread where the waking one runs, and in a virtual machine it takes a processor that sleeps
 * for one that is gone. With a camera, threads sleep between frames: they would all wake up on one processor and
 * take turns. So a thread is bound to a processor of its own while it wakes up, and to none as soon as it runs.
 *
 * A phone has big processors and little ones, and a frame's threads wait for the slowest of them. Linux says how big
 * they are, in units of its own: cpu_capacity, or where that is missing the highest frequency.
 *
 * A call that fails changes nothing: placing is a matter of speed alone.
 */
#include "tsm_cpus.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

void tsm_cpus_read(tsm_cpus *cpus) {
  CPU_ZERO(&cpus->allowed);
  cpus->count = sched_getaffinity(0, sizeof cpus->allowed, &cpus->allowed) ? 0 : CPU_COUNT(&cpus->allowed);
}

/* The number that a file of processor `cpu` begins with; 0 if there is none. */
static int64_t read_number(const char *folder, int cpu, const char *name) {
  char text[4096];
  int64_t number = 0;
  int i, file;
  ssize_t length;
  if (snprintf(text, sizeof text, "%s/cpu%d/%s", folder, cpu, name) >= (int)sizeof text) return 0;
  file = open(text, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  length = read(file, text, 18); /* no more digits than fit */
  close(file);
  for (i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) number = 10 * number + (text[i] - '0');
  return number;
}

/* Sizes of the allowed processors by number; false where one of them has none. */
static int read_sizes(const tsm_cpus *cpus, const char *folder, const char *name, int64_t *sizes) {
  int cpu;
  for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    sizes[cpu] = CPU_ISSET(cpu, &cpus->allowed) ? read_number(folder, cpu, name) : 0;
    if (CPU_ISSET(cpu, &cpus->allowed) && !sizes[cpu]) return 0;
  }
  return 1;
}

/* How many of them are bigger than that. */
static int count_bigger(const int64_t *sizes, int64_t size) {
  int cpu, bigger = 0;
  for (cpu = 0; cpu < CPU_SETSIZE; cpu++) bigger += sizes[cpu] > size;
  return bigger;
}

void tsm_cpus_keep_biggest(tsm_cpus *cpus, const char *folder, int number) {
  int64_t sizes[CPU_SETSIZE];
  int cpu;
  if (!read_sizes(cpus, folder, "cpu_capacity", sizes) &&
      !read_sizes(cpus, folder, "cpufreq/cpuinfo_max_freq", sizes))
    return;
  for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (sizes[cpu] && count_bigger(sizes, sizes[cpu]) >= number) CPU_CLR(cpu, &cpus->allowed);
  cpus->count = CPU_COUNT(&cpus->allowed);
}

long tsm_thread_number(void) { return syscall(SYS_gettid); }

void tsm_cpus_bind(const tsm_cpus *cpus, long thread, int index) {
  int cpu, own = sched_getcpu();
  for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    cpu_set_t one;
    if (cpu == own || !CPU_ISSET(cpu, &cpus->allowed) || index-- > 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity((pid_t)thread, sizeof one, &one);
    return;
  }
}

void tsm_cpus_restrict(const tsm_cpus *cpus) {
  if (cpus->count) sched_setaffinity(0, sizeof cpus->allowed, &cpus->allowed);
}

void tsm_cpus_enter(const tsm_cpus *cpus, tsm_cpus *before) {
  tsm_cpus_read(before);
  tsm_cpus_restrict(cpus);
}
