/* tsm_edge.h - the C interface of a compiled tsm-edge bundle (libtsm_model.so). C89, C++ and ctypes can use it.
 *
 * A model holds packed weights, memory for activations and its threads. A stream holds the shift buffers of one camera:
 * what the network remembers of the frames before. In short, error handling left out:
 *
 *   tsm_model_open("bundle/weights.bin", 4, &model);
 *   tsm_stream_create(model, &stream);
 *   for (;;) tsm_stream_step_image(stream, &image, logits);    one camera image in, num_classes floats out
 *   tsm_stream_destroy(stream);
 *   tsm_model_close(model);
 *
 * Errors: every call that can fail returns TSM_OK or a status below zero, checks its arguments first, and then has
 * changed nothing but memory that it was given for results. tsm_status_text says what a status means.
 *
 * Ownership: what open and create return belongs to the caller until close and destroy. No call keeps a pointer that it
 * was given, except weights in memory (see tsm_model_options). Returned strings belong to the library.
 *
 * Threads: models are independent of each other and share no writable memory. Calls on streams of one model may come
 * from any thread; they take turns, since they share activations and threads. One stream's own calls must not overlap.
 * Functions without model or stream may be called from any thread at any time.
 */
#ifndef TSM_EDGE_H
#define TSM_EDGE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TSM_ABI_VERSION 2

#if defined(_WIN32)
#define TSM_API
#else
#define TSM_API __attribute__((visibility("default")))
#endif

typedef struct tsm_model tsm_model;
typedef struct tsm_stream tsm_stream;

enum {
  TSM_OK = 0,
  TSM_ERROR_ARGUMENT = -1, /* a null pointer, a number out of range, or a struct of another size */
  TSM_ERROR_FILE = -2,     /* the weights cannot be opened or mapped */
  TSM_ERROR_SIZE = -3,     /* the weights belong to another library */
  TSM_ERROR_MEMORY = -4,
  TSM_ERROR_THREAD = -5, /* a thread could not be started */
  TSM_ERROR_VALUE = -6,  /* a frame or state holds NaN or infinity; the stream is as before */
  TSM_ERROR_IMAGE = -7,  /* an image's format, size, planes, strides or rotation; the stream is as before */
  TSM_ERROR_DEVICE = -8  /* a GPU was demanded and cannot be used, or it failed: reset the stream or load a state */
};

/* Sizes of everything a caller allocates. */
typedef struct tsm_info {
  int32_t abi_version;
  int32_t height, width;  /* pixels of the frame, which has 3 channels */
  int32_t num_classes;    /* floats of the logits */
  int32_t state_floats;   /* floats of a saved state */
  int32_t num_calls;      /* kernel calls a frame on the CPU; see tsm_model_num_calls */
  int64_t arena_bytes;    /* activations, once a model */
  int64_t weight_bytes;   /* size of weights.bin */
} tsm_info;

/* ---- the library ---- */

/* TSM_ABI_VERSION of the header that the library was compiled with. */
TSM_API int tsm_abi_version(void);

/* What a status means, in English; never null, valid for ever. */
TSM_API const char *tsm_status_text(int status);

/* Sizes; the same for all models of this library. */
TSM_API int tsm_get_info(tsm_info *info);

/* Name of the CPU's kernel call `index`, 0 <= index < num_calls, or null; valid for ever. */
TSM_API const char *tsm_call_name(int index);

/* What manifest.json says of model (name, labels, preprocessing, state), target, precision and threads, under the same
 * names, as one JSON object in ASCII; valid for ever. */
TSM_API const char *tsm_metadata_json(void);

/* ---- models ---- */

enum {
  TSM_DEVICE_AUTO = 0, /* a GPU where the library has kernels for one and it works, else the CPU */
  TSM_DEVICE_CPU = 1,
  TSM_DEVICE_GPU = 2 /* or TSM_ERROR_DEVICE */
};

enum {
  TSM_AFFINITY_NONE = 0, /* threads run wherever the system puts them */
  /* Keep a model's threads, and the caller while it steps, on the num_threads biggest processors and their equals,
   * by the system's own figures (Linux: cpu_capacity, else cpuinfo_max_freq). Changes nothing where there are none. */
  TSM_AFFINITY_BIG_FIRST = 1
};

/* Set everything to zero first, then `size` and what is wanted. */
typedef struct tsm_model_options {
  int32_t size;             /* sizeof(tsm_model_options), so that the struct can grow */
  int32_t num_threads;      /* 1 to 64, the caller's included; 0: the bundle's default */
  int32_t device;           /* TSM_DEVICE_* */
  int32_t affinity;         /* TSM_AFFINITY_* */
  const char *weights_path; /* weights.bin in its bundle; a GPU's files are looked for beside it */
  const void *weights;      /* or the same bytes in memory, which stay there, unaltered, until the model is closed;
                               those that do not begin at a multiple of 64 are copied */
  int64_t weight_bytes;     /* how many; tsm_get_info says what is expected */
  char *message;            /* null, or memory for one line of English: what went wrong, or why the CPU is used;
                               empty where there is nothing to tell */
  int32_t message_bytes;    /* its size; a longer line is cut, the last byte is zero */
} tsm_model_options;

/* Open a model: weights from a path (mapped, so that processes share them) or from memory, exactly one of both. */
TSM_API int tsm_model_open_with(const tsm_model_options *options, tsm_model **model);

/* The same with a path and 1 to 64 threads, all else zero. */
TSM_API int tsm_model_open(const char *weights_path, int num_threads, tsm_model **model);

/* The same with weights in memory and 1 to 64 threads, all else zero. */
TSM_API int tsm_model_open_memory(const void *weights, int64_t weight_bytes, int num_threads, tsm_model **model);

/* "cpu", or "gpu" and the GPU's name; valid until the model is closed; null for null. */
TSM_API const char *tsm_model_device(const tsm_model *model);

/* Kernel calls a frame on that device, or a status below zero; and their names, null out of range, valid for ever. */
TSM_API int tsm_model_num_calls(const tsm_model *model);
TSM_API const char *tsm_model_call_name(const tsm_model *model, int index);

/* Ends the threads. Streams are destroyed before; null is allowed. */
TSM_API void tsm_model_close(tsm_model *model);

/* ---- streams ---- */

/* A new stream with zero shift buffers; the model must outlive it. */
TSM_API int tsm_stream_create(tsm_model *model, tsm_stream **stream);

/* Null is allowed. */
TSM_API void tsm_stream_destroy(tsm_stream *stream);

/* One frame: (3, height, width) floats, RGB, normalised as tsm_image_to_frame does; logits: num_classes floats. */
TSM_API int tsm_stream_step(tsm_stream *stream, const float *frame, float *logits);

/* The same, and the seconds that each of the model's tsm_model_num_calls kernel calls took. */
TSM_API int tsm_stream_profile(tsm_stream *stream, const float *frame, float *logits, double *seconds);

/* Forget all frames. */
TSM_API int tsm_stream_reset(tsm_stream *stream);

/* The shift buffers, state_floats floats: buffer after buffer, each (channels, height, width). A state fits every
 * library of the same network, whatever its target. */
TSM_API int tsm_stream_save(tsm_stream *stream, float *state);
TSM_API int tsm_stream_load(tsm_stream *stream, const float *state);

/* ---- images ---- */

enum {
  TSM_IMAGE_RGB = 0, /* packed, 3 bytes a pixel */
  TSM_IMAGE_BGR = 1,
  TSM_IMAGE_RGBA = 2, /* packed, 4 bytes a pixel; the fourth is not looked at */
  TSM_IMAGE_BGRA = 3,
  TSM_IMAGE_NV21 = 4,        /* planes Y; V and U in turn, at half the width and height, odd sizes rounded up */
  TSM_IMAGE_NV12 = 5,        /* planes Y; U and V in turn */
  TSM_IMAGE_I420 = 6,        /* planes Y; U; V */
  TSM_IMAGE_YUV_420_888 = 7, /* planes Y; U; V, as Android's Image gives them, with pixel strides */
  TSM_IMAGE_GREY = 8         /* 1 byte a pixel */
};

/* A camera's image, 8 bits a sample. YUV is BT.601 with limited range: Y from 16 to 235. Set everything to zero first.
 * The planes hold (rows - 1) * row stride + one row's bytes; that they do is all that cannot be checked. */
typedef struct tsm_image {
  int32_t size;             /* sizeof(tsm_image) */
  int32_t format;           /* TSM_IMAGE_* */
  int32_t width, height;    /* pixels before rotation: 1 to 32768, the longer at most 32 times the shorter */
  int32_t rotation;         /* clockwise degrees that make it upright: 0, 90, 180, 270 (Android's rotationDegrees) */
  const uint8_t *planes[3]; /* packed and grey: the first; NV12, NV21: two; I420, YUV_420_888: three */
  int32_t row_strides[3];   /* bytes from row to row, at least a row's own; 0: no padding */
  int32_t pixel_strides[3]; /* bytes from sample to sample, 1 or 2, of YUV_420_888 alone; 0: 1 */
} tsm_image;

/* One image: upright, resized as the network learned (its short side, or a wide image squeezed into the square), its
 * middle cut out, normalised, and stepped. Allocates nothing. */
TSM_API int tsm_stream_step_image(tsm_stream *stream, const tsm_image *image, float *logits);

/* That preprocessing alone: (3, height, width) floats, RGB, normalised. Bilinear, as OpenCV's INTER_LINEAR within one
 * grey level. Allocates nothing. */
TSM_API int tsm_image_to_frame(const tsm_image *image, float *frame);

#ifdef __cplusplus
}
#endif
#endif
