/* cuda_on_cpu.h - what generated CUDA C finds instead of CUDA when it is compiled for the CPU.
 *
 * The threads of a block run as fibers, one after the other from barrier to barrier, so that __syncthreads() means
 * what it means on a GPU: see cuda_on_cpu.cc.
 */
#ifndef CUDA_ON_CPU_H
#define CUDA_ON_CPU_H

#include <stdint.h>

struct cpu_index {
  unsigned x, y, z;
};
extern cpu_index threadIdx, blockIdx, blockDim, gridDim;

/* A network's kernels, written by cuda_on_cpu.py behind their source. */
struct cpu_kernel {
  const char *name;
  void (*call)(void **params);
  int num_params;
  unsigned most_threads; /* __launch_bounds__ */
  bool has_barrier;
};
extern const cpu_kernel cpu_kernels[];
extern const int cpu_num_kernels;

extern "C" void cpu_barrier(void);

/* One section, so that the launcher can spoil what a block has not written. */
#define __shared__ static __attribute__((section("cuda_shared")))
/* TVM writes alignas behind __shared__, where only an attribute may stand. */
#define alignas(bytes) __attribute__((aligned(bytes)))
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __syncthreads() cpu_barrier()

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

static inline float max(float a, float b) { return __builtin_fmaxf(a, b); }
static inline float min(float a, float b) { return __builtin_fminf(a, b); }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline int min(int a, int b) { return a < b ? a : b; }

#endif
