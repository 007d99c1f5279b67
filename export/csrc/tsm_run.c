/* tsm-run - replays a bundle's golden stream without Python: compares, times, judges.
 *
 *   tsm-run BUNDLE [--frames N] [--threads N] [--json]
 *
 * Exit status: 0 equal, 1 different or unreadable, 2 wrong usage. The model is linked in; BUNDLE gives weights.bin,
 * golden_frames.npy (T, H, W, 3) uint8 and golden_logits.npy (T, classes) float32.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tsm_edge.h"
#include "tsm_plan.h"

/* Float32 sums in another order: errors follow the largest logit. */
#define TOLERANCE 1e-5

static const tsm_plan *const plan = &tsm_model_plan;

typedef struct options {
  const char *bundle;
  int frames, threads, json;
} options;

typedef struct replay {
  unsigned char *pixels; /* count frames of height * width * 3 */
  float *expected;       /* count rows of num_classes */
  int count;
} replay;

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static int fail(const char *what, const char *detail) {
  fprintf(stderr, "tsm-run: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
  return 1;
}

/* The data behind the header of a version 1 .npy file, whose size must be a multiple of `row_bytes`. */
static void *read_npy(const char *bundle, const char *name, long row_bytes, int *rows) {
  char path[4096];
  unsigned char head[10];
  void *data = NULL;
  long start, size;
  FILE *file;
  snprintf(path, sizeof path, "%s/%s", bundle, name);
  file = fopen(path, "rb");
  if (!file) return NULL;
  if (fread(head, 1, sizeof head, file) == sizeof head && !memcmp(head, "\x93NUMPY\x01", 7)) {
    start = 10 + head[8] + 256L * head[9];
    fseek(file, 0, SEEK_END);
    size = ftell(file) - start;
    fseek(file, start, SEEK_SET);
    if (size > 0 && size % row_bytes == 0 && (data = malloc((size_t)size)) != NULL) {
      *rows = (int)(size / row_bytes);
      if (fread(data, 1, (size_t)size, file) != (size_t)size) {
        free(data);
        data = NULL;
      }
    }
  }
  fclose(file);
  return data;
}

static int read_replay(const char *bundle, replay *golden) {
  int answers = 0;
  golden->pixels = read_npy(bundle, "golden_frames.npy", 3L * plan->height * plan->width, &golden->count);
  golden->expected = read_npy(bundle, "golden_logits.npy", plan->num_classes * (long)sizeof(float), &answers);
  return golden->pixels && golden->expected && answers == golden->count;
}

/* (H, W, 3) bytes to (3, H, W) floats, normalised. */
static void normalise(const unsigned char *pixels, float *frame) {
  int count = plan->height * plan->width, pixel, channel;
  for (pixel = 0; pixel < count; pixel++)
    for (channel = 0; channel < 3; channel++)
      frame[channel * count + pixel] = plan->levels[256 * channel + pixels[3 * pixel + channel]];
}

/* The larger one; a NaN that was met once stays. */
static double worse(double left, double right) { return left > right || left != left ? left : right; }

static double largest_error(const float *logits, const float *expected, double *largest) {
  double error = 0.0;
  int i;
  for (i = 0; i < plan->num_classes; i++) {
    double difference = fabs((double)logits[i] - (double)expected[i]);
    error = worse(error, difference);
    if (fabs((double)expected[i]) > *largest) *largest = fabs((double)expected[i]);
  }
  return error;
}

static int compare_doubles(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static double percentile(const double *sorted, int count, int percent) {
  int index = (count * percent + 99) / 100 - 1;
  return sorted[index < 0 ? 0 : index];
}

/* What a replay found. */
typedef struct outcome {
  double error, largest; /* of the logits */
  double *times;         /* milliseconds, one a frame */
  int frames;
} outcome;

static double relative_error(const outcome *found) {
  return found->largest > 0.0 ? found->error / found->largest : found->error;
}

static void print_json(const outcome *found, const options *given) {
  double error = relative_error(found);
  char text[32] = "null"; /* JSON has neither NaN nor infinity */
  if (isfinite(error)) snprintf(text, sizeof text, "%.9g", error);
  printf("{\"target\": \"%s\", \"threads\": %d, \"frames\": %d, \"relative_error\": %s, "
         "\"latency_ms\": {\"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f}}\n",
         plan->target, given->threads, found->frames, text, percentile(found->times, found->frames, 50),
         percentile(found->times, found->frames, 90), percentile(found->times, found->frames, 99));
}

static void print_text(const outcome *found, const options *given) {
  const double *times = found->times;
  int frames = found->frames;
  printf("target %s, %d thread%s, %d frames%s%s\n", plan->target, given->threads, given->threads == 1 ? "" : "s",
         frames, plan->note[0] ? "; " : "", plan->note);
  printf("golden stream %s: largest difference %.1e of the largest logit\n",
         relative_error(found) <= TOLERANCE ? "equal" : "DIFFERENT", relative_error(found));
  printf("latency_ms p50 %.2f p90 %.2f p99 %.2f\n", percentile(times, frames, 50), percentile(times, frames, 90),
         percentile(times, frames, 99));
  if (plan->latency_target_ms > 0.0)
    printf("%.0f ms promised on %s: %s if this is that device\n", plan->latency_target_ms, plan->target,
           percentile(times, frames, 50) <= plan->latency_target_ms ? "pass" : "fail");
}

static int report(const outcome *found, const options *given) {
  qsort(found->times, (size_t)found->frames, sizeof *found->times, compare_doubles);
  (given->json ? print_json : print_text)(found, given);
  return relative_error(found) <= TOLERANCE ? 0 : 1;
}

/* One frame: step, and note its time and, in the first round, its difference. */
static int play_frame(tsm_stream *stream, const replay *golden, int t, float *frame, float *logits, outcome *found) {
  size_t row = (size_t)(t % golden->count), classes = (size_t)plan->num_classes;
  double start, difference;
  int status;
  if (row == 0) tsm_stream_reset(stream);
  normalise(golden->pixels + row * 3 * (size_t)(plan->height * plan->width), frame);
  start = now_ms();
  status = tsm_stream_step(stream, frame, logits);
  found->times[t] = now_ms() - start;
  if (status == TSM_OK && t < golden->count) {
    difference = largest_error(logits, golden->expected + row * classes, &found->largest);
    found->error = worse(found->error, difference);
  }
  return status;
}

/* The golden stream again and again, each round from a reset; the first is compared, the others give the same bits. */
static int play(tsm_stream *stream, const replay *golden, const options *given) {
  float *frame = malloc(3 * (size_t)(plan->height * plan->width) * sizeof *frame);
  float *logits = malloc((size_t)plan->num_classes * sizeof *logits);
  outcome found = {0.0, 0.0, NULL, 0};
  int t, status;
  found.frames = given->frames ? given->frames : golden->count;
  found.times = malloc((size_t)found.frames * sizeof *found.times);
  status = frame && logits && found.times ? TSM_OK : TSM_ERROR_MEMORY;
  for (t = 0; status == TSM_OK && t < found.frames; t++)
    status = play_frame(stream, golden, t, frame, logits, &found);
  status = status == TSM_OK ? report(&found, given) : fail("step", tsm_status_text(status));
  free(frame);
  free(logits);
  free(found.times);
  return status;
}

static int run(const options *given) {
  char weights[4096];
  replay golden = {NULL, NULL, 0};
  tsm_model *model = NULL;
  tsm_stream *stream = NULL;
  int status = 1;
  snprintf(weights, sizeof weights, "%s/weights.bin", given->bundle);
  if (!read_replay(given->bundle, &golden)) {
    fail("no readable golden stream in", given->bundle);
  } else if ((status = tsm_model_open(weights, given->threads, &model)) != TSM_OK) {
    status = fail(weights, tsm_status_text(status));
  } else if ((status = tsm_stream_create(model, &stream)) != TSM_OK) {
    status = fail("stream", tsm_status_text(status));
  } else {
    status = play(stream, &golden, given);
  }
  tsm_stream_destroy(stream);
  tsm_model_close(model);
  free(golden.pixels);
  free(golden.expected);
  return status;
}

static int positive(const char *text, int *value) {
  char *end;
  long number = strtol(text, &end, 10);
  if (*end || end == text || number < 1 || number > 1000000) return 0;
  *value = (int)number;
  return 1;
}

int main(int count, char **arguments) {
  options given = {NULL, 0, 0, 0};
  int i, good = 1;
  given.threads = plan->default_threads;
  for (i = 1; i < count && good; i++) {
    if (!strcmp(arguments[i], "--frames") && i + 1 < count)
      good = positive(arguments[++i], &given.frames);
    else if (!strcmp(arguments[i], "--threads") && i + 1 < count)
      good = positive(arguments[++i], &given.threads);
    else if (!strcmp(arguments[i], "--json"))
      given.json = 1;
    else if (arguments[i][0] != '-' && !given.bundle)
      given.bundle = arguments[i];
    else
      good = 0;
  }
  if (!good || !given.bundle) {
    fprintf(stderr, "usage: tsm-run BUNDLE [--frames N] [--threads N] [--json]\n");
    return 2;
  }
  return run(&given);
}
