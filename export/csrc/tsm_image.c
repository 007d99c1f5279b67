/* From a camera's image to the network's frame, as runtime/preprocess.py does it: upright, the short side resized, the
 * width of wide ones squeezed, the middle cut out, normalised. Pixels that are cut off are never looked at, and nothing
 * is allocated: strips of columns go from top to bottom, with the two rows at hand between which the next one lies.
 */
#include "tsm_plan.h"
#include "tsm_view.h"

#include <string.h>

static const tsm_plan *const plan = &tsm_model_plan;

/* One axis: `source` pixels become `resized`, and of these the cut begins at `first`. */
typedef struct axis {
  int64_t source, resized, first;
} axis;

/* Where a pixel comes from: between two of the source's, at TSM_PARTS parts on the way to the second one. */
typedef struct position {
  int32_t before, after, weight;
} position;

/* The resized width: rounded down, as in Python. */
static int64_t width_of(const tsm_view *view) {
  int64_t side = plan->resize_short_side, resized;
  if (view->width <= view->height) return side;
  resized = (int64_t)((double)(side * view->width) / (view->height * plan->max_squeeze));
  return resized > side ? resized : side;
}

/* The resized height: upright images are not squeezed. */
static int64_t height_of(const tsm_view *view) {
  int64_t side = plan->resize_short_side;
  return view->width < view->height ? side * view->height / view->width : side;
}

/* The middle of a resized side, half a pixel rounded to the even one, as in Python. */
static axis cut_axis(int32_t side, int64_t resized, int32_t kept) {
  axis cut = {side, resized, 0};
  int64_t rest = cut.resized - kept;
  cut.first = rest / 2 + (rest % 2 && rest / 2 % 2);
  return cut;
}

/* Pixel centres lie half a pixel inside: (i + 1/2) * source / resized - 1/2, as a fraction of whole numbers. */
static position locate(const axis *cut, int32_t index) {
  int64_t above = (2 * (cut->first + index) + 1) * cut->source - cut->resized, below = 2 * cut->resized;
  position found = {0, 0, 0};
  if (above <= 0) return found;
  found.before = (int32_t)(above / below);
  found.after = found.before + 1 < cut->source ? found.before + 1 : found.before;
  found.weight = (int32_t)((above % below * TSM_PARTS + cut->resized) / below);
  return found;
}

static void locate_columns(const tsm_view *view, const axis *cut, int32_t first, tsm_columns *columns) {
  int32_t i;
  memset(columns, 0, sizeof *columns);
  columns->count = plan->width - first < TSM_STRIP ? plan->width - first : TSM_STRIP;
  for (i = 0; i < columns->count; i++) {
    position found = locate(cut, first + i);
    columns->left[i] = view->first_along + found.before * view->step_along;
    columns->right[i] = view->first_along + found.after * view->step_along;
    columns->weight[i] = found.weight;
  }
}

/* Levels between two rows, and what the network is given for them. */
static void write_row(const tsm_strip *above, const tsm_strip *below, int32_t weight, int32_t count, float *output) {
  int32_t channel, i;
  for (channel = 0; channel < 3; channel++) {
    const int32_t *first = above->values[channel], *second = below->values[channel];
    const float *levels = plan->levels + 256 * channel;
    int32_t mixed[TSM_STRIP];
    for (i = 0; i < TSM_STRIP; i++)
      mixed[i] = (first[i] * (TSM_PARTS - weight) + second[i] * weight + TSM_PARTS * TSM_PARTS / 2) >> (2 * TSM_PART_BITS);
    for (i = 0; i < count; i++) output[i] = levels[mixed[i]];
    output += plan->height * plan->width;
  }
}

/* The last two rows that were asked for, an even one and an odd one. */
typedef struct rows {
  const tsm_view *view;
  const tsm_columns *columns;
  int32_t number[2];
  tsm_strip strips[2];
} rows;

static const tsm_strip *row(rows *kept, int32_t number) {
  tsm_strip *strip = &kept->strips[number & 1];
  if (kept->number[number & 1] != number) tsm_pixels_row(kept->view, kept->columns, number, strip);
  kept->number[number & 1] = number;
  return strip;
}

static void write_strip(const tsm_view *view, const axis *cut, const tsm_columns *columns, float *output) {
  rows kept;
  int32_t y;
  kept.view = view;
  kept.columns = columns;
  kept.number[0] = kept.number[1] = -1;
  for (y = 0; y < plan->height; y++, output += plan->width) {
    position found = locate(cut, y);
    const tsm_strip *above = row(&kept, found.before), *below = row(&kept, found.after);
    write_row(above, below, found.weight, columns->count, output);
  }
}

int tsm_image_to_frame(const tsm_image *image, float *frame) {
  tsm_view view;
  axis across, down;
  int32_t first;
  if (!image || !frame) return TSM_ERROR_ARGUMENT;
  if (tsm_view_of(image, &view) != TSM_OK) return TSM_ERROR_IMAGE;
  across = cut_axis(view.width, width_of(&view), plan->width);
  down = cut_axis(view.height, height_of(&view), plan->height);
  for (first = 0; first < plan->width; first += TSM_STRIP) {
    tsm_columns columns;
    locate_columns(&view, &across, first, &columns);
    write_strip(&view, &down, &columns, frame + first);
  }
  return TSM_OK;
}
