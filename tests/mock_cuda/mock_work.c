/* Streams, events, graphs: what is queued runs when somebody waits. */
#include "mock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct ops {
  mock_op *first;
  int count, room;
} ops;

typedef struct mock_graph {
  ops ops;
} mock_graph;

typedef struct mock_stream {
  ops queue;
  mock_graph *recording;
} mock_stream;

typedef struct mock_event {
  double seconds; /* 0: not yet recorded */
} mock_event;

/* One model has one stream; tests open a few models. */
#define MOST_STREAMS 8
static mock_stream *streams[MOST_STREAMS];

static void append(ops *list, const mock_op *op) {
  if (list->count == list->room) {
    list->room = 2 * list->room + 16;
    list->first = realloc(list->first, (size_t)list->room * sizeof *list->first);
  }
  list->first[list->count++] = *op;
}

int mock_enqueue(void *stream, const mock_op *op, const char *caller) {
  mock_stream *s = mock_get(STREAM, stream, caller);
  append(s->recording ? &s->recording->ops : &s->queue, op);
  return SUCCESS;
}

static void run(mock_op *op) {
  struct timespec now;
  switch (op->kind) {
    case COPY: memcpy(op->to, op->from, op->bytes); break;
    case SET: memset(op->to, op->value, op->bytes); break;
    case LAUNCH:
      if (mock_run_kernel(op)) mock_misuse(op->kernel, "cannot be launched like this");
      break;
    case RECORD:
      clock_gettime(CLOCK_MONOTONIC, &now);
      mock_get(EVENT, op->event, "a recorded event");
      op->event->seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
  }
}

static void run_stream(mock_stream *s) {
  int i;
  for (i = 0; i < s->queue.count; i++) run(&s->queue.first[i]);
  s->queue.count = 0;
}

void mock_run_all(void) {
  int i;
  for (i = 0; i < MOST_STREAMS; i++)
    if (streams[i]) run_stream(streams[i]);
}

void mock_forget_streams(void) {
  int i;
  for (i = 0; i < MOST_STREAMS; i++) {
    if (streams[i]) free(streams[i]->queue.first);
    streams[i] = NULL;
  }
}

int mock_has_work(void) {
  int i, work = 0;
  for (i = 0; i < MOST_STREAMS; i++) work += streams[i] && (streams[i]->queue.count || streams[i]->recording);
  return work;
}

EXPORT int cuStreamCreate(void **stream, unsigned flags) {
  int i, result = mock_enter("cuStreamCreate", 1);
  if (result) return result;
  if (flags > 1) return INVALID_VALUE;
  for (i = 0; i < MOST_STREAMS && streams[i]; i++) {}
  if (i == MOST_STREAMS) return OUT_OF_MEMORY;
  *stream = streams[i] = mock_new(STREAM, sizeof(mock_stream));
  return SUCCESS;
}

EXPORT int cuStreamDestroy_v2(void *stream) {
  int i, result = mock_enter_to_free("cuStreamDestroy_v2", 1);
  mock_stream *s = mock_get(STREAM, stream, "cuStreamDestroy_v2");
  run_stream(s);
  for (i = 0; i < MOST_STREAMS; i++)
    if (streams[i] == s) streams[i] = NULL;
  free(s->queue.first);
  mock_delete(STREAM, stream, "cuStreamDestroy_v2");
  return result;
}

EXPORT int cuStreamSynchronize(void *stream) {
  int result = mock_enter("cuStreamSynchronize", 1);
  mock_stream *s = mock_get(STREAM, stream, "cuStreamSynchronize");
  if (s->recording) mock_misuse("cuStreamSynchronize", "the stream is recording a graph");
  run_stream(s); /* a failed wait says that something failed, and it is over */
  return result;
}

EXPORT int cuEventCreate(void **event, unsigned flags) {
  int result = mock_enter("cuEventCreate", 1);
  if (result) return result;
  *event = mock_new(EVENT, sizeof(mock_event));
  return flags ? INVALID_VALUE : SUCCESS;
}

EXPORT int cuEventDestroy_v2(void *event) {
  int result = mock_enter_to_free("cuEventDestroy_v2", 1);
  mock_delete(EVENT, event, "cuEventDestroy_v2");
  return result;
}

EXPORT int cuEventRecord(void *event, void *stream) {
  mock_op op = {.kind = RECORD, .event = mock_get(EVENT, event, "cuEventRecord")};
  int result = mock_enter("cuEventRecord", 1);
  return result ? result : mock_enqueue(stream, &op, "cuEventRecord");
}

EXPORT int cuEventElapsedTime(float *milliseconds, void *from, void *to) {
  mock_event *a = mock_get(EVENT, from, "cuEventElapsedTime"), *b = mock_get(EVENT, to, "cuEventElapsedTime");
  int result = mock_enter("cuEventElapsedTime", 1);
  if (result) return result;
  if (!a->seconds || !b->seconds) return NOT_READY;
  *milliseconds = (float)(1e3 * (b->seconds - a->seconds));
  return SUCCESS;
}

#ifndef MOCK_WITHOUT_GRAPHS
EXPORT int cuStreamBeginCapture_v2(void *stream, int mode) {
  int result = mock_enter("cuStreamBeginCapture_v2", 1);
  mock_stream *s = mock_get(STREAM, stream, "cuStreamBeginCapture_v2");
  if (result) return result;
  if (mode < 0 || mode > 2 || s->recording) return INVALID_VALUE;
  s->recording = mock_new(GRAPH, sizeof(mock_graph));
  return SUCCESS;
}

EXPORT int cuStreamEndCapture(void *stream, void **graph) {
  int result = mock_enter_to_free("cuStreamEndCapture", 1);
  mock_stream *s = mock_get(STREAM, stream, "cuStreamEndCapture");
  if (!s->recording) mock_misuse("cuStreamEndCapture", "nothing is recorded");
  *graph = s->recording;
  s->recording = NULL;
  if (!result) return SUCCESS;
  free(((mock_graph *)*graph)->ops.first);
  mock_delete(GRAPH, *graph, "cuStreamEndCapture");
  *graph = NULL;
  return result;
}

EXPORT int cuGraphInstantiate(void **exec, void *graph, void **node, char *log, size_t log_bytes) {
  int i, result = mock_enter("cuGraphInstantiate", 1);
  mock_graph *from = mock_get(GRAPH, graph, "cuGraphInstantiate"), *made;
  (void)node, (void)log, (void)log_bytes;
  if (result) return result;
  *exec = made = mock_new(EXEC, sizeof(mock_graph));
  for (i = 0; i < from->ops.count; i++) append(&made->ops, &from->ops.first[i]);
  return SUCCESS;
}

EXPORT int cuGraphLaunch(void *exec, void *stream) {
  int i, result = mock_enter("cuGraphLaunch", 1);
  mock_graph *from = mock_get(EXEC, exec, "cuGraphLaunch");
  if (result) return result;
  for (i = 0; i < from->ops.count; i++) mock_enqueue(stream, &from->ops.first[i], "cuGraphLaunch");
  return SUCCESS;
}

static int destroy(mock_kind kind, void *graph, const char *name) {
  int result = mock_enter_to_free(name, 1);
  free(((mock_graph *)mock_get(kind, graph, name))->ops.first);
  mock_delete(kind, graph, name);
  return result;
}

EXPORT int cuGraphExecDestroy(void *exec) { return destroy(EXEC, exec, "cuGraphExecDestroy"); }
EXPORT int cuGraphDestroy(void *graph) { return destroy(GRAPH, graph, "cuGraphDestroy"); }
#endif
