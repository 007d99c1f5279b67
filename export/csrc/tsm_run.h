/* tsm_run.h - the parts of the tool tsm-run. Not part of the library. */
#ifndef TSM_RUN_H
#define TSM_RUN_H

#include "tsm_edge.h"
#include "tsm_plan.h"

/* Exit statuses. */
enum { RUN_GOOD = 0, RUN_FAILED = 1, RUN_USAGE = 2 };

#define RUN_MESSAGE 512

typedef struct run_options {
  const char *bundle;
  int frames; /* 0: all */
  int threads, affinity, device, json;
  const char *raw;    /* null: replay the golden stream; "-": standard input */
  const char *layout; /* of raw images, null for floats */
  tsm_image image;    /* what `layout` says, without planes */
} run_options;

/* A model and a stream on it. */
typedef struct run_model {
  tsm_model *model;
  tsm_stream *stream;
  char note[RUN_MESSAGE]; /* why the CPU is used, or nothing */
  double load_ms, stream_ms; /* opening the model, and then the stream */
} run_model;

/* One line on standard error, and RUN_FAILED. */
int run_fail(const char *what, const char *detail);

/* "nv21:640x480:90" to an image of which the planes are missing; false for anything else. */
int run_parse_image(const char *text, tsm_image *image);

/* Bytes of such an image without padding; see run_place_image. */
int64_t run_image_bytes(const tsm_image *image);

/* Let its planes lie one behind the other from `pixels` on. */
void run_place_image(tsm_image *image, const uint8_t *pixels);

/* The golden stream: compare, time, judge, print. */
int run_replay(const run_options *given, const run_model *with);

/* Raw frames: print what each is. */
int run_raw(const run_options *given, const run_model *with);

/* What a replay found. */
typedef struct run_outcome {
  double difference, largest; /* of the logits: to the expected ones, and of these themselves */
  double *samples_ms;         /* one a frame */
  int frames;
} run_outcome;

/* Print it, for people or as JSON; RUN_FAILED where the logits differ. */
int run_report(const run_options *given, const run_model *with, const run_outcome *found);

/* A string of JSON with its quotes. */
void run_print_string(const char *text);

/* A clock that never goes back. */
double run_now_ms(void);

/* Most resident memory that this process ever held; 0 where the kernel does not say. */
int64_t run_peak_bytes(void);

/* The device's own name, ASCII; empty where it says none. */
void run_read_device(char *name, int bytes);

#endif
