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

/* Counterparts of csrc/tsm_gpu_prelude.cuh. */

typedef unsigned short cpu_half_bits;

static inline float tsm_load(const float *p, int i) { return p[i]; }
static inline void tsm_load2(float *to, const float *p, int i) { *(float2 *)to = *(const float2 *)(p + i); }
static inline void tsm_load4(float *to, const float *p, int i) { *(float4 *)to = *(const float4 *)(p + i); }

static inline void tsm_load_half2(unsigned *to, const cpu_half_bits *p, int i) { *to = *(const unsigned *)(p + i); }
static inline void tsm_load_half4(unsigned *to, const cpu_half_bits *p, int i) { *(uint2 *)to = *(const uint2 *)(p + i); }
static inline void tsm_load_half8(unsigned *to, const cpu_half_bits *p, int i) { *(uint4 *)to = *(const uint4 *)(p + i); }

static inline void tsm_store2(float *p, int i, const float *from) { *(float2 *)(p + i) = *(const float2 *)from; }
static inline void tsm_store4(float *p, int i, const float *from) { *(float4 *)(p + i) = *(const float4 *)from; }
static inline void tsm_store_half2(cpu_half_bits *p, int i, const unsigned *from) { *(unsigned *)(p + i) = *from; }
static inline void tsm_store_half4(cpu_half_bits *p, int i, const unsigned *from) { *(uint2 *)(p + i) = *(const uint2 *)from; }
static inline void tsm_store_half8(cpu_half_bits *p, int i, const unsigned *from) { *(uint4 *)(p + i) = *(const uint4 *)from; }

static inline float tsm_to_float(cpu_half_bits bits) {
  _Float16 half;
  __builtin_memcpy(&half, &bits, sizeof half);
  return (float)half;
}
static inline cpu_half_bits tsm_to_half(float f) {
  _Float16 half = (_Float16)f;
  cpu_half_bits bits;
  __builtin_memcpy(&bits, &half, sizeof bits);
  return bits;
}
static inline float tsm_load_half(const cpu_half_bits *p, int i) { return tsm_to_float(p[i]); }
static inline void tsm_store_half(cpu_half_bits *p, int i, float f) { p[i] = tsm_to_half(f); }

static inline float tsm_low(unsigned v) { return tsm_to_float((cpu_half_bits)v); }
static inline float tsm_high(unsigned v) { return tsm_to_float((cpu_half_bits)(v >> 16)); }
static inline unsigned tsm_pack(float low, float high) { return tsm_to_half(low) | (unsigned)tsm_to_half(high) << 16; }
static inline unsigned tsm_low2(unsigned v) { return (v & 0xffff) | v << 16; }
static inline unsigned tsm_high2(unsigned v) { return (v & 0xffff0000) | v >> 16; }

/* The product of two halves is exact in float32. */
static inline unsigned tsm_fma2(unsigned a, unsigned b, unsigned c) {
  return tsm_pack(tsm_low(a) * tsm_low(b) + tsm_low(c), tsm_high(a) * tsm_high(b) + tsm_high(c));
}

static inline unsigned tsm_load_bits(const cpu_half_bits *p, int i) { return p[i]; }
static inline unsigned tsm_half_bits(float f) { return tsm_to_half(f); }
static inline unsigned tsm_join(unsigned low, unsigned high) { return low | high << 16; }

static inline float cpu_relu6(float x, float b) {
  const float sixth = tsm_to_float(0x3155);
  float share = tsm_to_float(tsm_to_half(x * sixth + b));
  return 6 * min(max(share, 0.0f), 1.0f);
}
static inline unsigned tsm_relu6_half2(unsigned x, unsigned b) {
  return tsm_pack(cpu_relu6(tsm_low(x), tsm_low(b)), cpu_relu6(tsm_high(x), tsm_high(b)));
}

static inline unsigned tsm_bits(float f) {
  unsigned bits;
  __builtin_memcpy(&bits, &f, sizeof bits);
  return bits;
}
static inline float tsm_float(unsigned bits) {
  float f;
  __builtin_memcpy(&f, &bits, sizeof f);
  return f;
}

#endif
