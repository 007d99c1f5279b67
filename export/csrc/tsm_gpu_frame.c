/* One frame: copied in, the plan's kernels in their order, logits copied out, and only then waited for.
 *
 * On a Jetson CPU and GPU share one memory, and a mapped frame would save the copy. But pinned memory is not cached
 * there, and the first layer reads each pixel several times: the copy of 0.6 MB is the cheaper way.
 */
#include "tsm_gpu.h"

#include <stdlib.h>
#include <string.h>

static size_t frame_bytes(void) {
  return 3 * (size_t)tsm_model_plan.height * (size_t)tsm_model_plan.width * sizeof(float);
}

static size_t logits_bytes(void) { return (size_t)tsm_model_plan.num_classes * sizeof(float); }

static cu_result launch(const tsm_gpu *gpu, cu_pointer state, int index) {
  const tsm_gpu_call *call = &tsm_model_gpu_plan->calls[index];
  cu_pointer pointers[TSM_GPU_MAX_OPERANDS];
  void *params[TSM_GPU_MAX_OPERANDS];
  int i;
  for (i = 0; i < call->num_operands; i++) {
    const tsm_gpu_operand *operand = &call->operands[i];
    cu_pointer base = operand->space == TSM_GPU_STATE ? state : gpu->spaces[operand->space];
    pointers[i] = base + (cu_pointer)operand->offset;
    params[i] = &pointers[i];
  }
  return gpu->cuda.cuLaunchKernel(gpu->functions[index], call->grid[0], call->grid[1], call->grid[2], call->block[0],
                                  call->block[1], call->block[2], call->shared_bytes, gpu->stream, params, NULL);
}

/* events: null, or one more than there are calls, recorded before, between and behind them. */
static cu_result enqueue(const tsm_gpu *gpu, cu_pointer state, const cu_event *events) {
  const tsm_cuda *cuda = &gpu->cuda;
  int call, count = tsm_model_gpu_plan->num_calls;
  cu_result result =
      cuda->cuMemcpyHtoDAsync_v2(gpu->spaces[TSM_GPU_FRAME], gpu->frame, frame_bytes(), gpu->stream);
  if (result == CU_SUCCESS && events) result = cuda->cuEventRecord(events[0], gpu->stream);
  for (call = 0; result == CU_SUCCESS && call < count; call++) {
    result = launch(gpu, state, call);
    if (result == CU_SUCCESS && events) result = cuda->cuEventRecord(events[call + 1], gpu->stream);
  }
  if (result != CU_SUCCESS) return result;
  return cuda->cuMemcpyDtoHAsync_v2(gpu->logits, gpu->spaces[TSM_GPU_LOGITS], logits_bytes(), gpu->stream);
}

static cu_result instantiate(const tsm_cuda *cuda, cu_graph graph, cu_graph_exec *exec) {
  if (cuda->cuGraphInstantiateWithFlags) return cuda->cuGraphInstantiateWithFlags(exec, graph, 0);
  return cuda->cuGraphInstantiate(exec, graph, NULL, NULL, 0);
}

void tsm_gpu_record_graph(const tsm_gpu *gpu, tsm_gpu_stream *stream) {
  const tsm_cuda *cuda = &gpu->cuda;
  cu_graph graph = NULL;
  cu_result result, ended;
  stream->graph = NULL;
  if (!gpu->use_graphs || cuda->cuStreamBeginCapture_v2(gpu->stream, CU_CAPTURE_THREAD_LOCAL) != CU_SUCCESS) return;
  result = enqueue(gpu, stream->state, NULL);
  ended = cuda->cuStreamEndCapture(gpu->stream, &graph);
  if (ended != CU_SUCCESS || !graph) return;
  if (result == CU_SUCCESS) result = instantiate(cuda, graph, &stream->graph);
  if (result != CU_SUCCESS) stream->graph = NULL;
  cuda->cuGraphDestroy(graph);
}

static cu_result read_events(const tsm_cuda *cuda, const cu_event *events, double *seconds) {
  cu_result result = CU_SUCCESS;
  int call;
  for (call = 0; result == CU_SUCCESS && call < tsm_model_gpu_plan->num_calls; call++) {
    float milliseconds = 0.0f;
    result = cuda->cuEventElapsedTime(&milliseconds, events[call], events[call + 1]);
    seconds[call] = 1e-3 * (double)milliseconds;
  }
  return result;
}

/* Call by call: a graph would hide where the time goes. */
static cu_result profile(const tsm_gpu *gpu, cu_pointer state, double *seconds, cu_event *events) {
  const tsm_cuda *cuda = &gpu->cuda;
  int created = 0, count = tsm_model_gpu_plan->num_calls + 1;
  cu_result result = CU_SUCCESS, synchronised;
  while (result == CU_SUCCESS && created < count) {
    result = cuda->cuEventCreate(&events[created], 0);
    if (result == CU_SUCCESS) created++;
  }
  if (result == CU_SUCCESS) {
    result = enqueue(gpu, state, events);
    synchronised = cuda->cuStreamSynchronize(gpu->stream);
    if (result == CU_SUCCESS) result = synchronised;
    if (result == CU_SUCCESS) result = read_events(cuda, events, seconds);
  }
  while (created--) cuda->cuEventDestroy_v2(events[created]);
  return result;
}

static cu_result run(const tsm_gpu *gpu, const tsm_gpu_stream *stream) {
  cu_result synchronised, result = stream->graph ? gpu->cuda.cuGraphLaunch(stream->graph, gpu->stream)
                                                 : enqueue(gpu, stream->state, NULL);
  /* Even after a failure: what was begun must not run into the next call. */
  synchronised = gpu->cuda.cuStreamSynchronize(gpu->stream);
  return result == CU_SUCCESS ? synchronised : result;
}

int tsm_gpu_step(tsm_gpu *gpu, tsm_gpu_stream *stream, const float *frame, float *logits, double *seconds) {
  cu_event *events = NULL;
  cu_result result;
  if (stream->lost) return TSM_ERROR_DEVICE;
  if (seconds) {
    events = calloc((size_t)tsm_model_gpu_plan->num_calls + 1, sizeof(cu_event));
    if (!events) return TSM_ERROR_MEMORY;
  }
  memcpy(gpu->frame, frame, frame_bytes());
  result = seconds ? profile(gpu, stream->state, seconds, events) : run(gpu, stream);
  free(events);
  stream->lost = result != CU_SUCCESS;
  if (stream->lost) return TSM_ERROR_DEVICE;
  memcpy(logits, gpu->logits, logits_bytes());
  return TSM_OK;
}
