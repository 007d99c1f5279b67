/* tsm_gpu.h - a model on an NVIDIA GPU, as the files of its half know it. Private to the library. */
#ifndef TSM_GPU_H
#define TSM_GPU_H

#include "tsm_cuda.h"
#include "tsm_engine.h"
#include "tsm_gpu_plan.h"

#define TSM_GPU_NAME_BYTES 128
#define TSM_GPU_PATH_BYTES 4096

typedef struct tsm_gpu {
  tsm_cuda cuda;
  cu_device device;
  int compute_major, compute_minor, driver_version;
  char name[TSM_GPU_NAME_BYTES]; /* "gpu NVIDIA Tegra X1" */
  cu_context context;            /* the device's primary one, shared with whatever else the process computes */
  cu_module module;
  cu_function *functions; /* one a call of the plan */
  cu_stream stream;
  cu_pointer spaces[TSM_GPU_LOGITS + 1]; /* all but the state, which belongs to a stream */
  float *frame, *logits;                 /* pinned: the device copies them by itself */
  unsigned char *state;                  /* one stream's state on its way to or from the device */
  int use_graphs;
} tsm_gpu;

typedef struct tsm_gpu_stream {
  cu_pointer state;
  cu_graph_exec graph; /* the whole frame, both copies included; null: launched call by call */
  int lost;            /* a frame failed half-way: what the state holds, nobody knows before a reset or load */
} tsm_gpu_stream;

/* Say why the GPU cannot be used; returns TSM_ERROR_DEVICE. */
__attribute__((format(printf, 2, 3))) int tsm_gpu_refuse(const tsm_model_options *options, const char *format, ...);

/* Whether a call of the driver failed, and if so, says it. */
int tsm_gpu_failed(const tsm_gpu *gpu, const tsm_model_options *options, cu_result result, const char *call);

/* Find driver and device and make its context current, or refuse. */
int tsm_gpu_open_device(tsm_gpu *gpu, const tsm_model_options *options);

/* Load kernels.ptx, through the cache, and find the plan's functions, or refuse. */
int tsm_gpu_open_module(tsm_gpu *gpu, const tsm_model_options *options);

/* Reserve the model's memory, upload gpu_weights.bin, or refuse. */
int tsm_gpu_open_memory(tsm_gpu *gpu, const tsm_model_options *options);
void tsm_gpu_close_memory(tsm_gpu *gpu);

/* For each call into the engine; entered: 0 or the driver's error. */
cu_result tsm_gpu_enter(const tsm_gpu *gpu);
void tsm_gpu_leave(const tsm_gpu *gpu);

/* Record a stream's frame as a graph, if the driver has them and takes it. */
void tsm_gpu_record_graph(const tsm_gpu *gpu, tsm_gpu_stream *stream);

/* These are the engine's, with the context current. A frame that fails leaves the stream lost. */
int tsm_gpu_step(tsm_gpu *gpu, tsm_gpu_stream *stream, const float *frame, float *logits, double *seconds);
int tsm_gpu_reset(const tsm_gpu *gpu, tsm_gpu_stream *stream);
int tsm_gpu_save(const tsm_gpu *gpu, const tsm_gpu_stream *stream, float *floats);
int tsm_gpu_load(const tsm_gpu *gpu, tsm_gpu_stream *stream, const float *floats);

#endif
