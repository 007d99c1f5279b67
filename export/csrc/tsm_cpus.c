/* Which processor a thread wakes up on.
 *
 * The system prefers to wake a thread where the waking one runs, and in a virtual machine it takes a processor that sleeps
 * for one that is gone. With a camera, threads sleep between frames: they would all wake up on one processor and
 * take turns. So a thread is bound to a processor of its own while it wakes up, and to none as soon as it runs.
 * A call that fails changes nothing: placing is a matter of speed alone.
 */
#include "tsm_cpus.h"

#include <sys/syscall.h>
#include <unistd.h>

void tsm_cpus_read(tsm_cpus *cpus) {
  CPU_ZERO(&cpus->allowed);
  cpus->count = sched_getaffinity(0, sizeof cpus->allowed, &cpus->allowed) ? 0 : CPU_COUNT(&cpus->allowed);
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

void tsm_cpus_release(const tsm_cpus *cpus) { sched_setaffinity(0, sizeof cpus->allowed, &cpus->allowed); }
