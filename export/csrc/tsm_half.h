/* tsm_half.h - IEEE 754 half floats as bits. Private to the library. */
#ifndef TSM_HALF_H
#define TSM_HALF_H

#include <stdint.h>
#include <string.h>

static inline float tsm_half_to_float(uint16_t half) {
  uint32_t exponent = half >> 10 & 31, mantissa = half & 1023u, bits;
  float value;
  if (exponent == 0) {
    value = (float)mantissa * 0x1p-24f; /* exact: zero, or a number without the leading one */
    return half & 0x8000u ? -value : value;
  }
  bits = (uint32_t)(half & 0x8000u) << 16 | (exponent == 31 ? 255u : exponent + 112) << 23 | mantissa << 13;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Rounded to nearest, ties to even. What is too large becomes the largest number: a state never holds infinity. */
static inline uint16_t tsm_float_to_half(float value) {
  uint32_t bits, magnitude;
  uint16_t sign;
  memcpy(&bits, &value, sizeof bits);
  sign = (uint16_t)(bits >> 16 & 0x8000u);
  magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x477fe000u) return sign | 0x7bffu;
  if (magnitude < 0x38800000u) { /* below 2^-14: adding 1/2 leaves the rounded multiple of 2^-24 in the last bits */
    float shifted;
    memcpy(&shifted, &magnitude, sizeof shifted);
    shifted += 0.5f;
    memcpy(&magnitude, &shifted, sizeof magnitude);
    return (uint16_t)(sign | (magnitude - 0x3f000000u));
  }
  magnitude += 0xc8000fffu + (magnitude >> 13 & 1); /* exponent 127 becomes 15; half of the last place, or a bit less */
  return (uint16_t)(sign | magnitude >> 13);
}

#endif
