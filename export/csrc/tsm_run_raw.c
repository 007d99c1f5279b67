/* Raw frames from a file or a pipe: floats as the network takes them, or a camera's bytes. */
#include "tsm_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const tsm_plan *const plan = &tsm_model_plan;

/* In the header's order, and how many bytes two by two pixels have. */
static const struct {
  const char *name;
  int format, block_bytes;
} formats[] = {
    {"rgb", TSM_IMAGE_RGB, 12},   {"bgr", TSM_IMAGE_BGR, 12},  {"rgba", TSM_IMAGE_RGBA, 16}, {"bgra", TSM_IMAGE_BGRA, 16},
    {"nv21", TSM_IMAGE_NV21, 6},  {"nv12", TSM_IMAGE_NV12, 6}, {"i420", TSM_IMAGE_I420, 6},  {"grey", TSM_IMAGE_GREY, 4},
};

enum { NUM_FORMATS = sizeof formats / sizeof formats[0] };

/* A whole number up to 32768 at `*text`, which moves behind it. */
static int take_number(const char **text, int32_t *number) {
  const char *start = *text;
  *number = 0;
  for (; **text >= '0' && **text <= '9' && *number <= 32768; ++*text) *number = 10 * *number + (**text - '0');
  return *text != start && *number <= 32768;
}

static int take_letter(const char **text, char letter) { return **text == letter && *++*text; }

int run_parse_image(const char *text, tsm_image *image) {
  size_t length = strcspn(text, ":");
  int index;
  memset(image, 0, sizeof *image);
  image->size = (int32_t)sizeof *image;
  for (index = 0; index < NUM_FORMATS; index++)
    if (strlen(formats[index].name) == length && !strncmp(text, formats[index].name, length)) break;
  if (index == NUM_FORMATS) return 0;
  image->format = formats[index].format;
  text += length;
  if (!take_letter(&text, ':') || !take_number(&text, &image->width)) return 0;
  if (!take_letter(&text, 'x') || !take_number(&text, &image->height)) return 0;
  if (*text && (!take_letter(&text, ':') || !take_number(&text, &image->rotation))) return 0;
  return !*text && image->width > 0 && image->height > 0;
}

static int is_yuv(const tsm_image *image) { return image->format >= TSM_IMAGE_NV21 && image->format <= TSM_IMAGE_I420; }

static int64_t half_plane(const tsm_image *image) {
  return (int64_t)((image->width + 1) / 2) * ((image->height + 1) / 2);
}

int64_t run_image_bytes(const tsm_image *image) {
  int64_t pixels = (int64_t)image->width * image->height;
  int index = 0;
  if (is_yuv(image)) return pixels + 2 * half_plane(image);
  while (formats[index].format != image->format) index++;
  return pixels * formats[index].block_bytes / 4;
}

void run_place_image(tsm_image *image, const uint8_t *pixels) {
  image->planes[0] = pixels;
  image->planes[1] = pixels + (int64_t)image->width * image->height;
  image->planes[2] = image->planes[1] + half_plane(image);
}

static void print_answer(const run_options *given, int t, const float *logits) {
  int best = 0, i;
  for (i = 1; i < plan->num_classes; i++)
    if (logits[i] > logits[best]) best = i;
  if (!given->json) {
    printf("%d\t%d\t%s\t%.6g\n", t, best, plan->labels[best], (double)logits[best]);
  } else {
    printf("{\"frame\": %d, \"class\": %d, \"label\": ", t, best);
    run_print_string(plan->labels[best]);
    printf(", \"logits\": [");
    for (i = 0; i < plan->num_classes; i++) printf("%s%.9g", i ? ", " : "", (double)logits[i]);
    printf("]}\n");
  }
  fflush(stdout); /* whoever reads along wants it now */
}

/* What is wrong with frame `t`, in one line. */
static int fail_at(const run_options *given, int t, const char *detail) {
  char what[4200];
  snprintf(what, sizeof what, "%.4000s, frame %d", given->raw, t);
  return run_fail(what, detail);
}

static int step(const run_options *given, const run_model *with, const void *bytes, float *logits) {
  tsm_image image = given->image;
  if (!given->layout) return tsm_stream_step(with->stream, bytes, logits);
  run_place_image(&image, bytes);
  return tsm_stream_step_image(with->stream, &image, logits);
}

static int answer_all(const run_options *given, const run_model *with, FILE *file, void *bytes, size_t size, float *logits) {
  int t, status;
  for (t = 0; !given->frames || t < given->frames; t++) {
    size_t length = fread(bytes, 1, size, file);
    if (ferror(file)) return fail_at(given, t, "cannot be read");
    if (length == 0 && t > 0) break;
    if (length < size) return fail_at(given, t, "the file ends before the frame does; see --help for the formats");
    status = step(given, with, bytes, logits);
    if (status != TSM_OK) return fail_at(given, t, tsm_status_text(status));
    print_answer(given, t, logits);
  }
  return RUN_GOOD;
}

int run_raw(const run_options *given, const run_model *with) {
  int64_t floats = 3 * (int64_t)plan->height * plan->width * (int64_t)sizeof(float);
  size_t size = (size_t)(given->layout ? run_image_bytes(&given->image) : floats);
  FILE *file = strcmp(given->raw, "-") ? fopen(given->raw, "rb") : stdin;
  float *logits = malloc((size_t)plan->num_classes * sizeof *logits);
  void *bytes = malloc(size);
  int status;
  if (!file)
    status = run_fail("cannot open", given->raw);
  else if (!logits || !bytes)
    status = run_fail("raw frames", tsm_status_text(TSM_ERROR_MEMORY));
  else
    status = answer_all(given, with, file, bytes, size, logits);
  if (file && file != stdin) fclose(file);
  free(logits);
  free(bytes);
  return status;
}
