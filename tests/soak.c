/* Streams for a long time, as cameras do: is memory flat, is every answer finite, do threads change a bit?
 *
 *   soak WEIGHTS FRAMES THREADS CALLERS
 *
 * Each caller has a stream of its own, of floats and images in turn, now and then saved, loaded and reset. Prints the
 * memory in KiB after a tenth of the first caller's frames and after all, and a checksum of its logits' bits.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tsm_edge.h"

enum { WIDTH = 60, HEIGHT = 44, MOST_CALLERS = 16 };

typedef struct caller {
  pthread_t thread;
  tsm_model *model;
  int index, frames, failed;
  uint64_t checksum;
  long early_kib, late_kib;
} caller;

static tsm_info info;

static long memory_kib(void) {
  long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file) {
    if (fscanf(file, "%ld %ld", &total, &resident) != 2) resident = 0;
    fclose(file);
  }
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static uint32_t noise(uint32_t *state) { /* xorshift32, Marsaglia 2003 */
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static int add_up(caller *me, const float *logits) {
  int i, finite = 1;
  for (i = 0; i < info.num_classes; i++) {
    union {
      float number;
      uint32_t bits;
    } logit = {logits[i]};
    me->checksum = (me->checksum ^ logit.bits) * UINT64_C(1099511628211); /* FNV-1a */
    finite = finite && isfinite(logit.number);
  }
  return finite;
}

/* One frame of a picture that changes a little from one to the next. */
static int step(tsm_stream *stream, tsm_image *image, uint8_t *pixels, uint32_t *state, int t, float *frame, float *logits) {
  int i;
  for (i = 0; i < 64; i++) pixels[noise(state) % (WIDTH * HEIGHT * 3 / 2)] = (uint8_t)noise(state);
  image->rotation = 90 * (t / 100 % 4);
  if (t % 2) return tsm_stream_step_image(stream, image, logits);
  return tsm_image_to_frame(image, frame) || tsm_stream_step(stream, frame, logits);
}

static int keep(tsm_stream *stream, float *saved, int t) {
  if (t % 1000 == 500) return tsm_stream_save(stream, saved);
  if (t % 1000 == 700) return tsm_stream_load(stream, saved);
  return t % 5000 == 4999 ? tsm_stream_reset(stream) : TSM_OK;
}

static void *work(void *argument) {
  caller *me = argument;
  uint8_t *pixels = calloc(WIDTH * HEIGHT * 3 / 2, 1);
  float *frame = calloc(3 * (size_t)(info.height * info.width), sizeof *frame);
  float *logits = calloc((size_t)info.num_classes, sizeof *logits), *saved = calloc((size_t)info.state_floats, sizeof *saved);
  tsm_image image = {sizeof image, TSM_IMAGE_NV21, WIDTH, HEIGHT, 0, {pixels, pixels + WIDTH * HEIGHT, 0}, {0}, {0}};
  tsm_stream *stream = NULL;
  uint32_t state = 1 + (uint32_t)me->index;
  int t;
  me->failed = !pixels || !frame || !logits || !saved || tsm_stream_create(me->model, &stream);
  for (t = 0; t < me->frames && !me->failed; t++) {
    me->failed = step(stream, &image, pixels, &state, t, frame, logits) || !add_up(me, logits) || keep(stream, saved, t);
    if (t == me->frames / 10) me->early_kib = memory_kib();
  }
  me->late_kib = memory_kib();
  tsm_stream_destroy(stream);
  free(pixels);
  free(frame);
  free(logits);
  free(saved);
  return NULL;
}

int main(int count, char **arguments) {
  static caller callers[MOST_CALLERS];
  tsm_model *model;
  int i, failed = 0, number = count == 5 ? atoi(arguments[4]) : 0;
  if (number < 1 || number > MOST_CALLERS || tsm_get_info(&info)) return 2;
  if (tsm_model_open(arguments[1], atoi(arguments[3]), &model)) return 1;
  for (i = 0; i < number; i++) {
    callers[i].model = model;
    callers[i].index = i;
    callers[i].frames = atoi(arguments[2]);
    if (pthread_create(&callers[i].thread, NULL, work, &callers[i])) return 1;
  }
  for (i = 0; i < number; i++) {
    pthread_join(callers[i].thread, NULL);
    failed = failed || callers[i].failed;
  }
  tsm_model_close(model);
  printf("%ld %ld %016llx\n", callers[0].early_kib, callers[0].late_kib, (unsigned long long)callers[0].checksum);
  return failed;
}
