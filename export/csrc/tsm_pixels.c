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

/* Components of a strip's pixels, R, G, B or Y, U, V. They are fetched one by one and then worked on in vectors. */
typedef struct pixels {
  int32_t values[3][TSM_STRIP];
} pixels;

static inline int32_t to_level(int32_t fixed) {
  int32_t level = fixed >> FIXED_BITS;
  level = level < 0 ? 0 : level;
  return level > 255 ? 255 : level;
}

static void yuv_to_rgb(pixels *strip) {
  int32_t *first = strip->values[0], *second = strip->values[1], *third = strip->values[2], i;
  for (i = 0; i < TSM_STRIP; i++) {
    int32_t y = first[i] - 16, u = second[i] - 128, v = third[i] - 128;
    int32_t grey = (y < 0 ? 0 : y) * FIXED(1.164) + (1 << (FIXED_BITS - 1));
    first[i] = to_level(grey + FIXED(1.596) * v);
    second[i] = to_level(grey - FIXED(0.391) * u - FIXED(0.813) * v);
    third[i] = to_level(grey + FIXED(2.018) * u);
  }
}

static inline const uint8_t *row_of(const tsm_samples *samples, int32_t down) {
  return samples->base + down * samples->down;
}

static void fetch_rgb(const tsm_samples *samples, int32_t down, const int32_t *columns, int32_t count, pixels *strip) {
  const uint8_t *r = row_of(&samples[0], down), *g = row_of(&samples[1], down), *b = row_of(&samples[2], down);
  ptrdiff_t along = samples[0].along; /* the same for all three */
  int32_t i;
  for (i = 0; i < count; i++) {
    ptrdiff_t place = columns[i] * along;
    strip->values[0][i] = r[place];
    strip->values[1][i] = g[place];
    strip->values[2][i] = b[place];
  }
}

static void fetch_yuv(const tsm_samples *samples, int32_t down, const int32_t *columns, int32_t count, pixels *strip) {
  const uint8_t *y = row_of(&samples[0], down);
  const uint8_t *u = row_of(&samples[1], down >> 1), *v = row_of(&samples[2], down >> 1);
  ptrdiff_t y_along = samples[0].along, u_along = samples[1].along, v_along = samples[2].along;
  int32_t i;
  for (i = 0; i < count; i++) {
    int32_t half = columns[i] >> 1;
    strip->values[0][i] = y[columns[i] * y_along];
    strip->values[1][i] = u[half * u_along];
    strip->values[2][i] = v[half * v_along];
  }
}

/* One end of each column's stretch. */
static void fetch(const tsm_view *view, int32_t down, const int32_t *columns, int32_t count, pixels *strip) {
  if (!view->is_yuv) {
    fetch_rgb(view->samples, down, columns, count, strip);
    return;
  }
  fetch_yuv(view->samples, down, columns, count, strip);
  yuv_to_rgb(strip);
}

void tsm_pixels_row(const tsm_view *view, const tsm_columns *columns, int32_t y, tsm_strip *strip) {
  int32_t down = view->first_down + y * view->step_down, component, i;
  pixels left = {{{0}}}, right = {{{0}}}; /* whole vectors, whatever the strip's length */
  fetch(view, down, columns->left, columns->count, &left);
  fetch(view, down, columns->right, columns->count, &right);
  for (component = 0; component < 3; component++) {
    const int32_t *first = left.values[component], *second = right.values[component];
    for (i = 0; i < TSM_STRIP; i++)
      strip->values[component][i] = first[i] * TSM_PARTS + (second[i] - first[i]) * columns->weight[i];
  }
}
