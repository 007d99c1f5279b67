/* cuda_on_cpu.cc - launches CUDA C kernels on the CPU: a test bed, not a simulator of time.
 *
 * Blocks run one after the other. The threads of a block are fibers: each runs to its next barrier, and when all have
 * arrived the next round begins, in the opposite order, so that a missing barrier shows itself. Before each block its
 * shared memory is filled with NaN.
 */
#include "cuda_on_cpu.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

cpu_index threadIdx, blockIdx, blockDim, gridDim;

extern "C" char __start_cuda_shared[] __attribute__((weak));
extern "C" char __stop_cuda_shared[] __attribute__((weak));

namespace {

const unsigned MOST_THREADS = 1024;
const size_t STACK_BYTES = 64 << 10;

struct fiber {
  void *stack_pointer;
  cpu_index index;
  bool done;
};

fiber fibers[MOST_THREADS];
char *stacks;
void *launcher;
fiber *running;
const cpu_kernel *kernel;
void **kernel_params;
pthread_mutex_t one_launch = PTHREAD_MUTEX_INITIALIZER;

extern "C" void cpu_switch(void **saved, void *next);

/* Keep what a function must keep, on the old stack; take it back from the new one. */
#if defined(__x86_64__)
const size_t FRAME_BYTES = 8 * 8; /* six registers, the return address, and what aligns the stack */
const size_t RETURN_AT = 6 * 8;
__asm__(
    ".text\n.globl cpu_switch\n.type cpu_switch,@function\ncpu_switch:\n"
    "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\n"
    "mov %rsp, (%rdi)\nmov %rsi, %rsp\n"
    "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n");
#elif defined(__aarch64__)
const size_t FRAME_BYTES = 160; /* x19 to x30, d8 to d15 */
const size_t RETURN_AT = 88;
__asm__(
    ".text\n.globl cpu_switch\n.type cpu_switch,%function\ncpu_switch:\n"
    "sub sp, sp, #160\n"
    "stp x19, x20, [sp]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\nstp x25, x26, [sp, #48]\n"
    "stp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
    "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\nstp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
    "mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
    "ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\nldp x25, x26, [sp, #48]\n"
    "ldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
    "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\nldp d12, d13, [sp, #128]\nldp d14, d15, [sp, #144]\n"
    "add sp, sp, #160\nret\n");
#else
#error "fibers know x86-64 and aarch64"
#endif

void run_thread() {
  kernel->call(kernel_params);
  running->done = true;
  cpu_switch(&running->stack_pointer, launcher);
  abort(); /* nobody resumes a thread that is done */
}

void start(unsigned number, cpu_index index) {
  char *frame = stacks + (number + 1) * STACK_BYTES - FRAME_BYTES;
  memset(frame, 0, FRAME_BYTES);
  void (*entry)() = run_thread;
  memcpy(frame + RETURN_AT, &entry, sizeof entry);
  fibers[number].stack_pointer = frame;
  fibers[number].index = index;
  fibers[number].done = false;
}

void resume(unsigned number) {
  running = &fibers[number];
  threadIdx = running->index;
  cpu_switch(&launcher, running->stack_pointer);
}

/* All threads to their next barrier or end; how many have ended. */
unsigned run_round(unsigned num_threads, bool backwards) {
  unsigned ended = 0;
  for (unsigned i = 0; i < num_threads; i++) {
    unsigned number = backwards ? num_threads - 1 - i : i;
    resume(number);
    ended += fibers[number].done;
  }
  return ended;
}

cpu_index index_of(unsigned number, const unsigned size[3]) {
  return {number % size[0], number / size[0] % size[1], number / size[0] / size[1]};
}

void run_block(const unsigned block[3]) {
  unsigned num_threads = block[0] * block[1] * block[2];
  if (__start_cuda_shared)
    memset(__start_cuda_shared, 0xff, (size_t)(__stop_cuda_shared - __start_cuda_shared));
  if (!kernel->has_barrier) {
    for (unsigned i = 0; i < num_threads; i++) {
      threadIdx = index_of(i, block);
      kernel->call(kernel_params);
    }
    return;
  }
  for (unsigned i = 0; i < num_threads; i++) start(i, index_of(i, block));
  bool backwards = false;
  for (unsigned ended = 0; !ended; backwards = !backwards) {
    ended = run_round(num_threads, backwards);
    if (ended && ended < num_threads) {
      fprintf(stderr, "%s: %u of %u threads miss a barrier\n", kernel->name, ended, num_threads);
      abort();
    }
  }
}

const cpu_kernel *find(const char *name) {
  for (int i = 0; i < cpu_num_kernels; i++)
    if (!strcmp(cpu_kernels[i].name, name)) return &cpu_kernels[i];
  return NULL;
}

bool reserve_stacks() {
  if (stacks) return true;
  void *memory = mmap(NULL, MOST_THREADS * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  stacks = (char *)memory;
  return true;
}

} // namespace

extern "C" void cpu_barrier(void) { cpu_switch(&running->stack_pointer, launcher); }

/* How many pointers `name` takes; -1: no such kernel. */
extern "C" int cpu_kernel_params(const char *name) {
  const cpu_kernel *found = find(name);
  return found ? found->num_params : -1;
}

/* As cuLaunchKernel: params[i] points at argument i. 0, or -1: no such kernel, -2: more threads or shared memory than
 * the kernel was written for, -3: no memory. */
extern "C" int cpu_launch(const char *name, const unsigned grid[3], const unsigned block[3], unsigned shared_bytes,
                          void **params) {
  const cpu_kernel *found = find(name);
  if (!found) return -1;
  unsigned long threads = (unsigned long)block[0] * block[1] * block[2];
  if (!threads || threads > MOST_THREADS || threads > found->most_threads || shared_bytes) return -2;
  pthread_mutex_lock(&one_launch);
  int status = reserve_stacks() ? 0 : -3;
  if (!status) {
    kernel = found;
    kernel_params = params;
    blockDim = {block[0], block[1], block[2]};
    gridDim = {grid[0], grid[1], grid[2]};
    unsigned num_blocks = grid[0] * grid[1] * grid[2];
    for (unsigned i = 0; i < num_blocks; i++) {
      blockIdx = index_of(i, grid);
      run_block(block);
    }
  }
  pthread_mutex_unlock(&one_launch);
  return status;
}
