/* Pixels as R, G and B: samples that are there already, or made from Y, U and V.
 *
 *   R = 1.164 (Y - 16) + 1.596 (V - 128)
 *   G = 1.164 (Y - 16) - 0.391 (U - 128) - 0.813 (V - 128)
 *   B = 1.164 (Y - 16) + 2.018 (U - 128)
 *
 * rounded and held to 0 to 255: ITU-R BT.601, with the digits that OpenCV uses. A pixel takes its block's U and V.
 */
#include "tsm_pixels.h"

#define FIXED_BITS 20
#define FIXED(number) ((int32_t)((number) * (1 << FIXED_BITS) + 0.5))

typedef struct rgb {
  int32_t r, g, b;
} rgb;

static inline int32_t to_level(int32_t fixed) {
  int32_t level = fixed >> FIXED_BITS;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

static inline rgb from_yuv(int32_t y, int32_t u, int32_t v) {
  int32_t grey = (y > 16 ? y - 16 : 0) * FIXED(1.164) + (1 << (FIXED_BITS - 1));
  rgb pixel;
  u -= 128;
  v -= 128;
  pixel.r = to_level(grey + FIXED(1.596) * v);
  pixel.g = to_level(grey - FIXED(0.391) * u - FIXED(0.813) * v);
  pixel.b = to_level(grey + FIXED(2.018) * u);
  return pixel;
}

static inline void mix(tsm_strip *strip, int32_t i, rgb left, rgb right, int32_t weight) {
  strip->values[0][i] = left.r * TSM_PARTS + (right.r - left.r) * weight;
  strip->values[1][i] = left.g * TSM_PARTS + (right.g - left.g) * weight;
  strip->values[2][i] = left.b * TSM_PARTS + (right.b - left.b) * weight;
}

static inline const uint8_t *row_of(const tsm_samples *samples, int32_t down) {
  return samples->base + down * samples->down;
}

static void rgb_row(const tsm_samples *samples, int32_t down, const tsm_columns *columns, tsm_strip *strip) {
  const uint8_t *r = row_of(&samples[0], down), *g = row_of(&samples[1], down), *b = row_of(&samples[2], down);
  ptrdiff_t along = samples[0].along; /* the same for all three */
  int32_t i;
  for (i = 0; i < columns->count; i++) {
    ptrdiff_t left = columns->left[i] * along, right = columns->right[i] * along;
    rgb first = {r[left], g[left], b[left]}, second = {r[right], g[right], b[right]};
    mix(strip, i, first, second, columns->weight[i]);
  }
}

static void yuv_row(const tsm_samples *samples, int32_t down, const tsm_columns *columns, tsm_strip *strip) {
  const uint8_t *y = row_of(&samples[0], down);
  const uint8_t *u = row_of(&samples[1], down >> 1), *v = row_of(&samples[2], down >> 1);
  ptrdiff_t y_along = samples[0].along, u_along = samples[1].along, v_along = samples[2].along;
  int32_t i;
  for (i = 0; i < columns->count; i++) {
    int32_t left = columns->left[i], right = columns->right[i];
    rgb first = from_yuv(y[left * y_along], u[(left >> 1) * u_along], v[(left >> 1) * v_along]);
    rgb second = from_yuv(y[right * y_along], u[(right >> 1) * u_along], v[(right >> 1) * v_along]);
    mix(strip, i, first, second, columns->weight[i]);
  }
}

void tsm_pixels_row(const tsm_view *view, const tsm_columns *columns, int32_t y, tsm_strip *strip) {
  int32_t down = view->first_down + y * view->step_down;
  (view->is_yuv ? yuv_row : rgb_row)(view->samples, down, columns, strip);
}
