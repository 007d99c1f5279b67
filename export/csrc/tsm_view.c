/* An image is checked here, and its format, strides and rotation become pointers and steps. */
#include "tsm_view.h"

#define MAX_SIDE 32768
/* The resized image's long side grows with it; the same limit as in Python. */
#define MAX_ASPECT_RATIO 32

/* Where a format keeps its components. */
typedef struct layout {
  int32_t is_yuv, num_planes;
  int32_t plane[3], offset[3]; /* of R, G, B or Y, U, V: which plane, and how far into it */
  int32_t pixel_bytes[3];      /* from sample to sample in each plane */
} layout;

static const layout layouts[] = {
    [TSM_IMAGE_RGB] = {0, 1, {0, 0, 0}, {0, 1, 2}, {3}},
    [TSM_IMAGE_BGR] = {0, 1, {0, 0, 0}, {2, 1, 0}, {3}},
    [TSM_IMAGE_RGBA] = {0, 1, {0, 0, 0}, {0, 1, 2}, {4}},
    [TSM_IMAGE_BGRA] = {0, 1, {0, 0, 0}, {2, 1, 0}, {4}},
    [TSM_IMAGE_NV21] = {1, 2, {0, 1, 1}, {0, 1, 0}, {1, 2}},
    [TSM_IMAGE_NV12] = {1, 2, {0, 1, 1}, {0, 0, 1}, {1, 2}},
    [TSM_IMAGE_I420] = {1, 3, {0, 1, 2}, {0, 0, 0}, {1, 1, 1}},
    [TSM_IMAGE_YUV_420_888] = {1, 3, {0, 1, 2}, {0, 0, 0}, {1, 1, 1}},
    [TSM_IMAGE_GREY] = {0, 1, {0, 0, 0}, {0, 0, 0}, {1}},
};

enum { NUM_FORMATS = sizeof layouts / sizeof layouts[0] };

static int is_side(int32_t side, int32_t other) {
  return side >= 1 && side <= MAX_SIDE && side <= (int64_t)MAX_ASPECT_RATIO * other;
}

static int is_known(const tsm_image *image) {
  int32_t turn = image->rotation;
  return image->size == (int32_t)sizeof *image && image->format >= 0 && image->format < NUM_FORMATS &&
         is_side(image->width, image->height) && is_side(image->height, image->width) &&
         (turn == 0 || turn == 90 || turn == 180 || turn == 270);
}

/* Bytes from sample to sample in a plane; 0 for what cannot be. */
static int32_t pixel_stride(const tsm_image *image, const layout *kept, int32_t plane) {
  int32_t given = image->pixel_strides[plane];
  if (image->format != TSM_IMAGE_YUV_420_888 || given == 0) return kept->pixel_bytes[plane];
  return given == 1 || given == 2 ? given : 0;
}

/* Bytes from row to row in a plane; 0 for what cannot be. */
static int32_t row_stride(const tsm_image *image, const layout *kept, int32_t plane, int32_t pixel) {
  int32_t samples = kept->is_yuv && plane > 0 ? (image->width + 1) / 2 : image->width;
  /* Of the last sample its own bytes alone: Android's planes end there. */
  int32_t bytes = (samples - 1) * pixel + (image->format == TSM_IMAGE_YUV_420_888 ? 1 : pixel);
  int32_t given = image->row_strides[plane];
  if (given == 0) return samples * pixel;
  return given >= bytes ? given : 0;
}

static int find_samples(const tsm_image *image, const layout *kept, tsm_samples *samples) {
  int32_t component;
  for (component = 0; component < 3; component++) {
    int32_t plane = kept->plane[component], pixel = pixel_stride(image, kept, plane);
    int32_t row = pixel ? row_stride(image, kept, plane, pixel) : 0;
    if (!image->planes[plane] || !row) return 0;
    samples[component].base = image->planes[plane] + kept->offset[component];
    samples[component].along = pixel;
    samples[component].down = row;
  }
  return 1;
}

/* The first coordinate and the step that walk a side forwards or backwards. */
static void walk(int32_t side, int backwards, int32_t *first, int32_t *step) {
  *first = backwards ? side - 1 : 0;
  *step = backwards ? -1 : 1;
}

/* Rotated clockwise by 90 degrees, a row is one of the source's columns, from its lower end on. */
static void turn(const tsm_image *image, tsm_view *view) {
  int on_its_side = image->rotation == 90 || image->rotation == 270, component;
  view->width = on_its_side ? image->height : image->width;
  view->height = on_its_side ? image->width : image->height;
  walk(view->width, image->rotation == 90 || image->rotation == 180, &view->first_along, &view->step_along);
  walk(view->height, image->rotation == 180 || image->rotation == 270, &view->first_down, &view->step_down);
  for (component = 0; on_its_side && component < 3; component++) {
    ptrdiff_t along = view->samples[component].along;
    view->samples[component].along = view->samples[component].down;
    view->samples[component].down = along;
  }
}

int tsm_view_of(const tsm_image *image, tsm_view *view) {
  const layout *kept;
  if (!is_known(image)) return TSM_ERROR_IMAGE;
  kept = &layouts[image->format];
  if (!find_samples(image, kept, view->samples)) return TSM_ERROR_IMAGE;
  view->is_yuv = kept->is_yuv;
  turn(image, view);
  return TSM_OK;
}
