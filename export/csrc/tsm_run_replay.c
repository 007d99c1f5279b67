/* The golden stream: frames that travel in the bundle, and the logits that ONNX Runtime gave for them. */
#include "tsm_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const tsm_plan *const plan = &tsm_model_plan;

typedef struct golden {
  unsigned char *pixels; /* count frames of height * width * 3 */
  float *expected;       /* count rows of num_classes */
  int count;
} golden;

/* The data behind the header of a version 1 .npy file, whose size must be a multiple of `row_bytes`. */
static void *read_data(FILE *file, long row_bytes, int *rows) {
  unsigned char head[10];
  void *data;
  long start, size;
  if (fread(head, 1, sizeof head, file) != sizeof head || memcmp(head, "\x93NUMPY\x01", 7)) return NULL;
  start = 10 + head[8] + 256L * head[9];
  fseek(file, 0, SEEK_END);
  size = ftell(file) - start;
  fseek(file, start, SEEK_SET);
  data = size > 0 && size % row_bytes == 0 ? malloc((size_t)size) : NULL;
  if (!data) return NULL;
  *rows = (int)(size / row_bytes);
  if (fread(data, 1, (size_t)size, file) == (size_t)size) return data;
  free(data);
  return NULL;
}

static void *read_npy(const char *bundle, const char *name, long row_bytes, int *rows) {
  char path[4096];
  void *data;
  FILE *file;
  snprintf(path, sizeof path, "%s/%s", bundle, name);
  file = fopen(path, "rb");
  data = file ? read_data(file, row_bytes, rows) : NULL;
  if (file) fclose(file);
  return data;
}

static int read_golden(const char *bundle, golden *stream) {
  int answers = 0;
  stream->pixels = read_npy(bundle, "golden_frames.npy", 3L * plan->height * plan->width, &stream->count);
  stream->expected = read_npy(bundle, "golden_logits.npy", plan->num_classes * (long)sizeof(float), &answers);
  return stream->pixels && stream->expected && answers == stream->count;
}

/* (H, W, 3) bytes to (3, H, W) floats, normalised by a multiply-add: vector code, where the table's look-ups would take
 * more instructions than the network's pooling. The last bit may differ from the table's. */
static void normalise(const unsigned char *pixels, float *frame) {
  const float *levels = plan->levels;
  int count = plan->height * plan->width, pixel, channel;
  float scale[3], offset[3];
  for (channel = 0; channel < 3; channel++) {
    offset[channel] = levels[256 * channel];
    scale[channel] = (levels[256 * channel + 255] - offset[channel]) / 255.0f;
  }
  for (pixel = 0; pixel < count; pixel++)
    for (channel = 0; channel < 3; channel++)
      frame[channel * count + pixel] = (float)pixels[3 * pixel + channel] * scale[channel] + offset[channel];
}

/* The larger one; a NaN that was met once stays. */
static double worse(double left, double right) { return left > right || left != left ? left : right; }

static void compare(const float *logits, const float *expected, run_outcome *found) {
  int i;
  for (i = 0; i < plan->num_classes; i++) {
    double size = fabs((double)expected[i]);
    found->difference = worse(found->difference, fabs((double)logits[i] - (double)expected[i]));
    if (size > found->largest) found->largest = size;
  }
}

/* One frame: step, note its time and, in the first round, its difference. */
static int play_frame(tsm_stream *stream, const golden *from, int t, float *frame, float *logits, run_outcome *found) {
  size_t row = (size_t)(t % from->count);
  double start;
  int status;
  if (row == 0) tsm_stream_reset(stream);
  normalise(from->pixels + row * 3 * (size_t)(plan->height * plan->width), frame);
  start = run_now_ms();
  status = tsm_stream_step(stream, frame, logits);
  found->samples_ms[t] = run_now_ms() - start;
  if (status == TSM_OK && t < from->count)
    compare(logits, from->expected + row * (size_t)plan->num_classes, found);
  return status;
}

/* The stream again and again, each round from a reset; the first is compared, the others give the same bits. */
static int play(const run_options *given, const run_model *with, const golden *from) {
  float *frame = malloc(3 * (size_t)(plan->height * plan->width) * sizeof *frame);
  float *logits = malloc((size_t)plan->num_classes * sizeof *logits);
  run_outcome found = {0.0, 0.0, NULL, 0};
  int t, status;
  found.frames = given->frames ? given->frames : from->count;
  found.samples_ms = malloc((size_t)found.frames * sizeof *found.samples_ms);
  status = frame && logits && found.samples_ms ? TSM_OK : TSM_ERROR_MEMORY;
  for (t = 0; status == TSM_OK && t < found.frames; t++)
    status = play_frame(with->stream, from, t, frame, logits, &found);
  status = status == TSM_OK ? run_report(given, with, &found) : run_fail("step", tsm_status_text(status));
  free(frame);
  free(logits);
  free(found.samples_ms);
  return status;
}

int run_replay(const run_options *given, const run_model *with) {
  golden from = {NULL, NULL, 0};
  int status;
  if (read_golden(given->bundle, &from))
    status = play(given, with, &from);
  else
    status = run_fail("no readable golden stream in", given->bundle);
  free(from.pixels);
  free(from.expected);
  return status;
}
