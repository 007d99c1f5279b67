/* tsm_edge.h - the C interface of a compiled tsm-edge bundle (libtsm_model.so).
 *
 * A model holds packed weights, one arena for activations and its threads. A stream holds the shift buffers of one
 * camera. Every call returns TSM_OK or a status below zero; no call keeps a pointer that it was given.
 *
 * Threads: calls on different models are independent. Calls on streams of one model may come from any thread; they
 * take turns, since they share the arena. One stream's own calls must not overlap.
 */
#ifndef TSM_EDGE_H
#define TSM_EDGE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TSM_ABI_VERSION 1

#if defined(_WIN32)
#define TSM_API
#else
#define TSM_API __attribute__((visibility("default")))
#endif

typedef struct tsm_model tsm_model;
typedef struct tsm_stream tsm_stream;

enum {
  TSM_OK = 0,
  TSM_ERROR_ARGUMENT = -1, /* a null pointer or a number out of range */
  TSM_ERROR_FILE = -2,     /* the weights cannot be opened or mapped */
  TSM_ERROR_SIZE = -3,     /* the weights belong to another library */
  TSM_ERROR_MEMORY = -4,
  TSM_ERROR_THREAD = -5, /* a thread could not be started */
  TSM_ERROR_VALUE = -6   /* a frame or state holds NaN or infinity; the stream is as before */
};

/* Sizes of everything a caller allocates. */
typedef struct tsm_info {
  int32_t abi_version;
  int32_t height, width;  /* of the frame, which has 3 channels */
  int32_t num_classes;    /* floats of the logits */
  int32_t state_floats;   /* floats of a saved state */
  int32_t num_calls;      /* kernel calls a frame, for tsm_stream_profile */
  int64_t arena_bytes;    /* activations, once a model */
  int64_t weight_bytes;   /* size of weights.bin */
} tsm_info;

TSM_API int tsm_abi_version(void);

/* What a status means, in English; never null. */
TSM_API const char *tsm_status_text(int status);

/* Sizes; the same for all models of this library. */
TSM_API int tsm_get_info(tsm_info *info);

/* Name of kernel call `index`, or null. */
TSM_API const char *tsm_call_name(int index);

/* Map `weights_path` (the bundle's weights.bin) and start num_threads - 1 threads, 1 <= num_threads <= 64. */
TSM_API int tsm_model_open(const char *weights_path, int num_threads, tsm_model **model);

/* Streams are destroyed before; null is allowed. */
TSM_API void tsm_model_close(tsm_model *model);

/* A new stream with zero shift buffers; the model must outlive it. */
TSM_API int tsm_stream_create(tsm_model *model, tsm_stream **stream);
TSM_API void tsm_stream_destroy(tsm_stream *stream);

/* One frame: (3, height, width) floats, RGB, normalised; logits: num_classes floats. */
TSM_API int tsm_stream_step(tsm_stream *stream, const float *frame, float *logits);

/* The same, and the seconds that each of the num_calls kernel calls took. */
TSM_API int tsm_stream_profile(tsm_stream *stream, const float *frame, float *logits, double *seconds);

/* Forget all frames. */
TSM_API int tsm_stream_reset(tsm_stream *stream);

/* The shift buffers, state_floats floats: buffer after buffer, each (channels, height, width). */
TSM_API int tsm_stream_save(tsm_stream *stream, float *state);
TSM_API int tsm_stream_load(tsm_stream *stream, const float *state);

#ifdef __cplusplus
}
#endif
#endif
