/* Gives a library what no caller should: random weights, options, states, frames and images, the same for the same seed.
 *
 *   fuzz_library WEIGHTS SEED COUNT     (in a folder of its own; COUNT of each kind)
 *
 * Linked with the library's sources under sanitizers, so that memory touched beside what a call was given ends the
 * program. What must come back is known: the status that tsm_edge.h documents, and a stream that is as before an error.
 * Prints how often each status was seen, by kind; exit status 1 where another one came back.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tsm_edge.h"

enum { WEIGHTS, OPTIONS, STATES, FRAMES, IMAGES, KINDS };
static const char *const kind_names[KINDS] = {"weights", "options", "states", "frames", "images"};
static int seen[KINDS][9]; /* by negated status */

static uint64_t seed;
static tsm_info info;
static unsigned char *good_weights;
static tsm_stream *stream;

static uint32_t random_bits(void) { /* xorshift64*, Vigna 2016 */
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 32);
}

static int32_t below(int32_t bound) { return (int32_t)(random_bits() % (uint32_t)bound); }
static int one_in(int32_t number) { return below(number) == 0; }

static int32_t hostile(void) {
  static const int32_t values[] = {0, 1, -1, 2, 3, -2, 31, 64, 65, 91, 255, 32768, 32769, 65536, INT32_MAX, INT32_MIN};
  return one_in(3) ? (int32_t)random_bits() : values[below(16)];
}

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) exit(3);
  return memory;
}

static void expect(int kind, int status, int expected, const char *what) {
  if (status == expected) {
    seen[kind][-status]++;
    return;
  }
  fprintf(stderr, "%s (%s): status %d instead of %d\n", kind_names[kind], what, status, expected);
  exit(1);
}

/* Floats of one of several kinds; true if all are finite. */
static int fill(float *values, int count) {
  int i, kind = below(5), finite = 1;
  for (i = 0; i < count; i++) {
    uint32_t bits = random_bits();
    if (kind == 0)
      memcpy(&values[i], &bits, sizeof bits);
    else
      values[i] = ((float)bits / 4294967296.0f - 0.5f) * (kind == 1 ? 3e38f : 4.0f);
  }
  if (kind == 2) values[below(count)] = one_in(2) ? NAN : one_in(2) ? INFINITY : -INFINITY;
  for (i = 0; i < count; i++) finite = finite && isfinite(values[i]);
  return finite;
}

static void check_state(const float *before, const char *what) {
  float *after = allocate(sizeof(float) * (size_t)info.state_floats);
  if (tsm_stream_save(stream, after) || memcmp(before, after, sizeof(float) * (size_t)info.state_floats)) {
    fprintf(stderr, "%s: an error changed the stream\n", what);
    exit(1);
  }
  free(after);
}

static void fuzz_state(void) {
  float *state = allocate(sizeof(float) * (size_t)info.state_floats), *before = allocate(sizeof(float) * (size_t)info.state_floats);
  int finite = fill(state, info.state_floats);
  tsm_stream_save(stream, before);
  expect(STATES, tsm_stream_load(stream, state), finite ? TSM_OK : TSM_ERROR_VALUE, "load");
  check_state(finite ? state : before, "state");
  free(state);
  free(before);
}

static void fuzz_frame(void) {
  int count = 3 * info.height * info.width, finite;
  float *frame = allocate(sizeof(float) * (size_t)count), *logits = allocate(sizeof(float) * (size_t)info.num_classes);
  float *before = allocate(sizeof(float) * (size_t)info.state_floats);
  double *seconds = allocate(sizeof(double) * (size_t)info.num_calls);
  if (one_in(4)) tsm_stream_reset(stream);
  tsm_stream_save(stream, before);
  finite = fill(frame, count);
  expect(FRAMES, one_in(4) ? tsm_stream_profile(stream, frame, logits, seconds) : tsm_stream_step(stream, frame, logits),
         finite ? TSM_OK : TSM_ERROR_VALUE, "step");
  if (!finite) check_state(before, "frame");
  free(frame);
  free(logits);
  free(before);
  free(seconds);
}

/* ---- weights and options ---- */

static const char *write_file(const unsigned char *bytes, size_t size) {
  FILE *file = fopen("fuzzed.bin", "wb");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) exit(3);
  return "fuzzed.bin";
}

static void use(tsm_model *model) {
  tsm_stream *own;
  float *frame = calloc(3 * (size_t)(info.height * info.width), sizeof(float));
  float *logits = allocate(sizeof(float) * (size_t)info.num_classes);
  if (!frame || tsm_stream_create(model, &own) || tsm_stream_step(own, frame, logits)) exit(1);
  tsm_stream_destroy(own);
  free(frame);
  free(logits);
}

static void fuzz_weights(void) {
  int64_t size = one_in(2) ? info.weight_bytes : one_in(2) ? below(2 * (int32_t)info.weight_bytes) : info.weight_bytes + below(129) - 64;
  unsigned char *bytes = allocate((size_t)size);
  int status, expected = size == info.weight_bytes ? TSM_OK : TSM_ERROR_SIZE, garbage = one_in(3);
  tsm_model *model = (tsm_model *)bytes;
  int64_t i;
  for (i = 0; i < size; i++) bytes[i] = garbage || i >= info.weight_bytes ? (unsigned char)random_bits() : good_weights[i];
  if (size) bytes[below((int32_t)size)] ^= (unsigned char)(1 << below(8));
  if (one_in(2)) {
    status = tsm_model_open_memory(bytes, size, 1 + below(3), &model);
  } else {
    const char *path = write_file(bytes, (size_t)size);
    if (one_in(8)) path = "nowhere/fuzzed.bin", expected = TSM_ERROR_FILE;
    status = tsm_model_open(path, 1 + below(3), &model);
  }
  expect(WEIGHTS, status, expected, "open");
  if (status == TSM_OK) use(model);
  if (status != TSM_OK && model) exit(1);
  tsm_model_close(model);
  free(bytes);
}

static int expected_of(const tsm_model_options *o) {
  if (o->size != (int32_t)sizeof *o || (o->message && o->message_bytes < 1)) return TSM_ERROR_ARGUMENT;
  if (o->num_threads < 0 || o->num_threads > 64 || o->device < 0 || o->device > 2) return TSM_ERROR_ARGUMENT;
  if (o->affinity < 0 || o->affinity > 1 || !o->weights_path == !o->weights) return TSM_ERROR_ARGUMENT;
  if (o->device == TSM_DEVICE_GPU) return TSM_ERROR_DEVICE;
  return o->weights && o->weight_bytes != info.weight_bytes ? TSM_ERROR_SIZE : TSM_OK;
}

static void fuzz_options(void) {
  tsm_model_options options = {0};
  int32_t room = 1 + below(100);
  tsm_model *model;
  int status;
  options.size = one_in(12) ? hostile() : (int32_t)sizeof options;
  options.num_threads = one_in(6) ? hostile() : below(4);
  options.device = one_in(6) ? hostile() : below(3);
  options.affinity = one_in(6) ? hostile() : below(2);
  options.weight_bytes = one_in(6) ? hostile() : info.weight_bytes;
  if (!one_in(8)) options.weights = good_weights;
  if (options.weights ? one_in(8) : !one_in(8)) options.weights_path = write_file(good_weights, (size_t)info.weight_bytes);
  if (one_in(2)) options.message = allocate((size_t)room);
  options.message_bytes = options.message && one_in(8) ? -below(100) : room;
  status = tsm_model_open_with(&options, &model);
  expect(OPTIONS, status, expected_of(&options), "open_with");
  if (options.message && options.message_bytes > 0 && options.size == (int32_t)sizeof options &&
      (!memchr(options.message, 0, (size_t)room) || strchr(options.message, '\n')))
    exit(1);
  tsm_model_close(model);
  free(options.message);
}

/* ---- images ---- */

static const struct {
  int planes, pixel[3], halved; /* bytes of a sample in each plane */
} formats[9] = {{1, {3}, 0}, {1, {3}, 0}, {1, {4}, 0}, {1, {4}, 0}, {2, {1, 2}, 1}, {2, {1, 2}, 1}, {3, {1, 1, 1}, 1}, {3, {1, 1, 1}, 1}, {1, {1}, 0}};

/* Bytes that plane `p` must have, or 0 where the header forbids what the image says. */
static int64_t plane_bytes(const tsm_image *m, int p) {
  int halved = p > 0 && formats[m->format].halved, android = m->format == TSM_IMAGE_YUV_420_888;
  int64_t samples = halved ? ((int64_t)m->width + 1) / 2 : m->width, rows = halved ? ((int64_t)m->height + 1) / 2 : m->height;
  int64_t pixel = android && m->pixel_strides[p] ? m->pixel_strides[p] : formats[m->format].pixel[p];
  int64_t row = (samples - 1) * pixel + (android ? 1 : pixel), stride = m->row_strides[p] ? m->row_strides[p] : samples * pixel;
  if (pixel < 1 || (android && pixel > 2) || stride < row) return 0;
  return (rows - 1) * stride + row;
}

static int is_image(const tsm_image *m) {
  int32_t least = m->width < m->height ? m->width : m->height, most = m->width < m->height ? m->height : m->width;
  int p, turned = m->rotation == 0 || m->rotation == 90 || m->rotation == 180 || m->rotation == 270;
  if (m->size != (int32_t)sizeof *m || m->format < 0 || m->format > 8 || !turned) return 0;
  if (least < 1 || most > 32768 || most > 32 * (int64_t)least) return 0;
  for (p = 0; p < formats[m->format].planes; p++)
    if (!plane_bytes(m, p)) return 0;
  return 1;
}

static void make_image(tsm_image *m) {
  int p;
  memset(m, 0, sizeof *m);
  m->size = one_in(20) ? hostile() : (int32_t)sizeof *m;
  m->format = one_in(12) ? hostile() : below(9);
  m->width = one_in(12) ? hostile() : 1 + below(150);
  m->height = one_in(12) ? hostile() : one_in(3) ? m->width : 1 + below(150);
  m->rotation = one_in(10) ? hostile() : 90 * below(4);
  for (p = 0; p < 3; p++) {
    m->row_strides[p] = one_in(3) ? 0 : one_in(12) ? hostile() : 600 + below(50);
    m->pixel_strides[p] = one_in(12) ? hostile() : below(3);
  }
}

static void fuzz_image(void) {
  tsm_image image;
  uint8_t *planes[3] = {NULL, NULL, NULL};
  float *frame = allocate(3 * (size_t)(info.height * info.width) * sizeof(float));
  float *logits = allocate(sizeof(float) * (size_t)info.num_classes), *before = allocate(sizeof(float) * (size_t)info.state_floats);
  int p, valid, status;
  make_image(&image);
  valid = is_image(&image);
  for (p = 0; valid && p < formats[image.format].planes; p++) {
    int64_t i, bytes = plane_bytes(&image, p);
    if (bytes > 1 << 20 || one_in(30)) {
      valid = 0; /* more than there is: the plane is missing */
      break;
    }
    image.planes[p] = planes[p] = allocate((size_t)bytes);
    for (i = 0; i < bytes; i++) planes[p][i] = (uint8_t)random_bits();
  }
  tsm_stream_save(stream, before);
  status = one_in(2) ? tsm_image_to_frame(&image, frame) : tsm_stream_step_image(stream, &image, logits);
  expect(IMAGES, status, valid ? TSM_OK : TSM_ERROR_IMAGE, "image");
  if (!valid) check_state(before, "image");
  for (p = 0; p < 3; p++) free(planes[p]);
  free(frame);
  free(logits);
  free(before);
}

int main(int count, char **arguments) {
  static void (*const fuzz[KINDS])(void) = {fuzz_weights, fuzz_options, fuzz_state, fuzz_frame, fuzz_image};
  tsm_model *model;
  FILE *file = count == 4 ? fopen(arguments[1], "rb") : NULL;
  int kind, i;
  if (!file || tsm_get_info(&info)) return 3;
  good_weights = allocate((size_t)info.weight_bytes);
  if (fread(good_weights, 1, (size_t)info.weight_bytes, file) != (size_t)info.weight_bytes) return 3;
  fclose(file);
  if (tsm_model_open(arguments[1], 2, &model) || tsm_stream_create(model, &stream)) return 3;
  seed = strtoull(arguments[2], NULL, 10) * 2 + 1;
  for (i = 0; i < atoi(arguments[3]); i++)
    for (kind = 0; kind < KINDS; kind++) fuzz[kind]();
  for (kind = 0; kind < KINDS; kind++)
    for (i = 0; i < 9; i++)
      if (seen[kind][i]) printf("%s %d %d\n", kind_names[kind], -i, seen[kind][i]);
  tsm_stream_destroy(stream);
  tsm_model_close(model);
  free(good_weights);
  return 0;
}
