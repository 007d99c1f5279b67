/* Steps frames through the Java entry points of a bundle's library for Android, with a Java machine of a few lines.
 *
 *   call_jni LIBRARY WEIGHTS FRAMES
 *
 * FRAMES holds raw float32 frames; their logits are printed, a frame a line. An array of this machine is a length and
 * elements in place; functions that the library has no business with are null, so that a call of one ends the program.
 */
#include "load_elf.h"
#include "tsm_edge.h"

typedef struct array {
  int32_t length;
  int32_t pinned;
  unsigned char elements[];
} array;

static int references;

static array *new_array(int32_t length, size_t element) {
  array *made = calloc(1, sizeof *made + (size_t)length * element);
  made->length = length;
  return made;
}

static int32_t get_length(void *env, array *of) { (void)env; return of->length; }
static array *new_bytes(void *env, int32_t length) { (void)env; return new_array(length, 1); }
static void *new_global(void *env, void *object) { (void)env; references++; return object; }
static void delete_global(void *env, void *object) { (void)env; (void)object; references--; }

static void copy(array *in, int32_t start, int32_t count, size_t size, void *from, int out) {
  unsigned char *place = in->elements + (size_t)start * size;
  if (start < 0 || count < 0 || start + count > in->length) fail("a region out of bounds", "");
  if (out) memcpy(from, place, (size_t)count * size);
  else memcpy(place, from, (size_t)count * size);
}

#define REGION(name, size, out) \
  static void name(void *env, array *of, int32_t start, int32_t count, void *values) { \
    (void)env; \
    copy(of, start, count, size, values, out); \
  }
REGION(get_bytes, 1, 1)
REGION(get_floats, 4, 1)
REGION(set_bytes, 1, 0)
REGION(set_ints, 4, 0)
REGION(set_longs, 8, 0)
REGION(set_floats, 4, 0)

static void *pin(void *env, array *of, uint8_t *is_copy) {
  (void)env; (void)is_copy;
  of->pinned++;
  return of->elements;
}

static void unpin(void *env, array *of, void *elements, int32_t mode) {
  (void)env;
  if (elements != of->elements || mode != 2) fail("unpinned another way than pinned", "");
  of->pinned--;
}

/* A direct buffer is an array too. */
static void *get_address(void *env, array *of) { (void)env; return of->elements; }
static int64_t get_capacity(void *env, array *of) { (void)env; return of->length; }

/* Numbers of the Java Native Interface specification. */
static void *const functions[235] = {
    [21] = (void *)new_global, [22] = (void *)delete_global, [171] = (void *)get_length, [176] = (void *)new_bytes,
    [200] = (void *)get_bytes, [205] = (void *)get_floats, [208] = (void *)set_bytes, [211] = (void *)set_ints,
    [212] = (void *)set_longs, [213] = (void *)set_floats, [222] = (void *)pin, [223] = (void *)unpin,
    [230] = (void *)get_address, [231] = (void *)get_capacity};
static void *const *env_value = functions;
#define ENV ((void *)&env_value)
#define NATIVE(name) function("Java_dev_tsmedge_Native_" #name)

static int64_t open_network(const char *path) {
  int32_t (*native_open)(void *, void *, array *, array *, int32_t, uint8_t, array *, array *) = NATIVE(open);
  array *bytes = new_array((int32_t)strlen(path), 1), *message = new_array(256, 1), *handle = new_array(1, 8);
  memcpy(bytes->elements, path, strlen(path));
  if (native_open(ENV, NULL, bytes, NULL, 1, 1, message, handle)) fail("no network:", (char *)message->elements);
  return *(int64_t *)(void *)handle->elements;
}

/* A grey picture through every kind of image: all are the same to the network. */
static void step_pictures(int64_t network, int32_t classes, int32_t *same) {
  int32_t (*nv21)(void *, void *, int64_t, array *, int32_t, int32_t, int32_t, array *) = NATIVE(stepNv21);
  int32_t (*yuv)(void *, void *, int64_t, array *, array *, array *, int32_t, int32_t, int32_t, int32_t, int32_t,
                 int32_t, array *) = NATIVE(stepYuv420);
  int32_t (*rgba)(void *, void *, int64_t, array *, int32_t, int32_t, int32_t, int32_t, array *) = NATIVE(stepRgba);
  int32_t (*reset)(void *, void *, int64_t) = NATIVE(reset);
  array *picture = new_array(48 * 64 * 3 / 2, 1), *half = new_array(24 * 32, 1), *packed = new_array(48 * 64 * 4, 1);
  array *logits[3] = {new_array(classes, 4), new_array(classes, 4), new_array(classes, 4)};
  memset(picture->elements, 128, (size_t)picture->length);
  memset(half->elements, 128, (size_t)half->length);
  memset(packed->elements, 130, (size_t)packed->length); /* (128 - 16) * 255 / 219 */
  if (nv21(ENV, NULL, network, picture, 64, 48, 90, logits[0]) || reset(ENV, NULL, network)) fail("nv21", "");
  if (yuv(ENV, NULL, network, picture, half, half, 64, 48, 64, 32, 1, 180, logits[1]) || reset(ENV, NULL, network))
    fail("yuv", "");
  if (rgba(ENV, NULL, network, packed, 64, 48, 0, 270, logits[2]) || reset(ENV, NULL, network)) fail("rgba", "");
  if (nv21(ENV, NULL, network, picture, 65, 48, 0, logits[0]) != TSM_ERROR_IMAGE) fail("a picture too short", "");
  if (picture->pinned) fail("still pinned", "");
  *same = !memcmp(logits[0]->elements, logits[1]->elements, (size_t)classes * 4) &&
          !memcmp(logits[0]->elements, logits[2]->elements, (size_t)classes * 4);
}

int main(int count, char **arguments) {
  int32_t (*sizes)(void *, void *, array *), (*step)(void *, void *, int64_t, array *, array *);
  array *(*metadata)(void *, void *), *numbers = new_array(5, 4), *frame, *logits;
  void (*close_network)(void *, void *, int64_t);
  const int32_t *n = (const int32_t *)(const void *)numbers->elements;
  const unsigned char *frames;
  size_t size, bytes, offset;
  int64_t network;
  int32_t same;
  if (count != 4) return 2;
  load_library(arguments[1]);
  sizes = NATIVE(sizes);
  step = NATIVE(stepFrame);
  metadata = NATIVE(metadata);
  close_network = NATIVE(close);
  if (sizes(ENV, NULL, numbers) || n[0] != TSM_ABI_VERSION) fail("no sizes", "");
  if (metadata(ENV, NULL)->elements[0] != '{') fail("no metadata", "");
  network = open_network(arguments[2]);
  step_pictures(network, n[3], &same);
  if (!same) fail("the same picture gives other answers", "");
  frames = read_file(arguments[3], &size);
  frame = new_array(3 * n[1] * n[2], 4);
  logits = new_array(n[3], 4);
  bytes = (size_t)frame->length * 4;
  for (offset = 0; offset + bytes <= size; offset += bytes) {
    const float *values = (const float *)(const void *)logits->elements;
    int32_t i;
    memcpy(frame->elements, frames + offset, bytes);
    if (step(ENV, NULL, network, frame, logits)) fail("no step", "");
    for (i = 0; i < n[3]; i++) printf("%a%c", (double)values[i], i + 1 < n[3] ? ' ' : '\n');
  }
  close_network(ENV, NULL, network);
  return references ? 1 : 0;
}
