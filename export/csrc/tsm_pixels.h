/* tsm_pixels.h - rows of an upright image as R, G and B, whatever its format. Private to the library. */
#ifndef TSM_PIXELS_H
#define TSM_PIXELS_H

#include "tsm_edge.h"

#include <stddef.h>

/* Columns that are worked on at a time: few enough for the stack. */
#define TSM_STRIP 64

/* Weights are whole numbers of this many parts, as in OpenCV. */
#define TSM_PART_BITS 11
#define TSM_PARTS (1 << TSM_PART_BITS)

/* Samples of one component. A pixel at the source coordinates (along, down) has the one at
 * base + along * this along + down * this down; both coordinates are halved for U and V. */
typedef struct tsm_samples {
  const uint8_t *base;
  ptrdiff_t along, down;
} tsm_samples;

/* An image turned upright: pixel (x, y) has the source coordinates first_along + x * step_along and
 * first_down + y * step_down, where "along" is the source's own y in an image that lay on its side. */
typedef struct tsm_view {
  int32_t width, height;
  int32_t first_along, step_along, first_down, step_down;
  int is_yuv;             /* samples are Y, U and V, the latter halved; else R, G and B */
  tsm_samples samples[3];
} tsm_view;

/* For each column of a strip the two columns of the source between which it lies, and the weight of the right one. */
typedef struct tsm_columns {
  int32_t count, left[TSM_STRIP], right[TSM_STRIP], weight[TSM_STRIP];
} tsm_columns;

/* R, G and B, TSM_PARTS times their value. */
typedef struct tsm_strip {
  int32_t values[3][TSM_STRIP];
} tsm_strip;

/* Interpolate along row `y`. */
void tsm_pixels_row(const tsm_view *view, const tsm_columns *columns, int32_t y, tsm_strip *strip);

#endif
