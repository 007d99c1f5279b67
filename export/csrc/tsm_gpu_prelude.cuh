/* tsm_gpu_prelude.cuh - what the kernels that TVM writes call; stands before them and needs no include path.
 *
 * Half floats travel as bits: one in a ushort, two in a uint, the first one low. Loads through __ldg take the
 * texture caches' way, which is the only cached one for global memory on Maxwell. Inline PTX says what NVRTC has no
 * header for. Counterparts for the CPU are in the tests.
 */
#define uint unsigned int
#define ushort unsigned short
#define uchar unsigned char

#ifdef __CUDACC_RTC__
#define TSM_DEVICE __device__ __forceinline__

TSM_DEVICE float tsm_load(const float *p, int i) { return __ldg(p + i); }
TSM_DEVICE void tsm_load2(float *to, const float *p, int i) { *(float2 *)to = __ldg((const float2 *)(p + i)); }
TSM_DEVICE void tsm_load4(float *to, const float *p, int i) { *(float4 *)to = __ldg((const float4 *)(p + i)); }

TSM_DEVICE void tsm_load_half2(uint *to, const ushort *p, int i) { *to = __ldg((const uint *)(p + i)); }
TSM_DEVICE void tsm_load_half4(uint *to, const ushort *p, int i) { *(uint2 *)to = __ldg((const uint2 *)(p + i)); }
TSM_DEVICE void tsm_load_half8(uint *to, const ushort *p, int i) { *(uint4 *)to = __ldg((const uint4 *)(p + i)); }

TSM_DEVICE void tsm_store2(float *p, int i, const float *from) { *(float2 *)(p + i) = *(const float2 *)from; }
TSM_DEVICE void tsm_store4(float *p, int i, const float *from) { *(float4 *)(p + i) = *(const float4 *)from; }
TSM_DEVICE void tsm_store_half2(ushort *p, int i, const uint *from) { *(uint *)(p + i) = *from; }
TSM_DEVICE void tsm_store_half4(ushort *p, int i, const uint *from) { *(uint2 *)(p + i) = *(const uint2 *)from; }
TSM_DEVICE void tsm_store_half8(ushort *p, int i, const uint *from) { *(uint4 *)(p + i) = *(const uint4 *)from; }

TSM_DEVICE float tsm_to_float(ushort h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h));
  return f;
}
TSM_DEVICE ushort tsm_to_half(float f) {
  ushort h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(f));
  return h;
}
TSM_DEVICE float tsm_load_half(const ushort *p, int i) { return tsm_to_float(__ldg(p + i)); }
TSM_DEVICE void tsm_store_half(ushort *p, int i, float f) { p[i] = tsm_to_half(f); }

TSM_DEVICE float tsm_low(uint v) { return tsm_to_float((ushort)v); }
TSM_DEVICE float tsm_high(uint v) { return tsm_to_float((ushort)(v >> 16)); }
TSM_DEVICE uint tsm_pack(float low, float high) { return tsm_to_half(low) | (uint)tsm_to_half(high) << 16; }
/* One half's bits, and a float's once it is rounded to half. */
TSM_DEVICE uint tsm_load_bits(const ushort *p, int i) { return __ldg(p + i); }
TSM_DEVICE uint tsm_half_bits(float f) { return tsm_to_half(f); }
TSM_DEVICE uint tsm_join(uint low, uint high) { return low | high << 16; }

/* Both halves the same. */
TSM_DEVICE uint tsm_low2(uint v) {
  uint r;
  asm("{.reg .b16 a, b; mov.b32 {a, b}, %1; mov.b32 %0, {a, a};}" : "=r"(r) : "r"(v));
  return r;
}
TSM_DEVICE uint tsm_high2(uint v) {
  uint r;
  asm("{.reg .b16 a, b; mov.b32 {a, b}, %1; mov.b32 %0, {b, b};}" : "=r"(r) : "r"(v));
  return r;
}
/* a * b + c, each half rounded once. */
TSM_DEVICE uint tsm_fma2(uint a, uint b, uint c) {
  uint r;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
/* Both halves of x + 6 * b, clamped to 0 and 6: saturation is free, comparing halves is not. */
TSM_DEVICE uint tsm_relu6_half2(uint x, uint b) {
  uint r;
  asm("{.reg .b32 sixth, six, share; mov.b32 sixth, 0x31553155; mov.b32 six, 0x46004600;"
      "fma.rn.sat.f16x2 share, %1, sixth, %2; mul.rn.f16x2 %0, share, six;}"
      : "=r"(r)
      : "r"(x), "r"(b));
  return r;
}

TSM_DEVICE uint tsm_bits(float f) { return __float_as_uint(f); }
TSM_DEVICE float tsm_float(uint v) { return __uint_as_float(v); }
#endif
