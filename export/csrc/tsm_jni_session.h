/* tsm_jni_session.h - what stands behind a handle of dev.tsmedge.Native. Private to the library. */
#ifndef TSM_JNI_SESSION_H
#define TSM_JNI_SESSION_H

#include "tsm_edge.h"
#include "tsm_jni.h"

#define TSM_NATIVE(type, name) TSM_API type Java_dev_tsmedge_Native_##name

typedef struct tsm_session {
  tsm_model *model;
  tsm_stream *stream;
  tsm_jni_object weights; /* keeps the Java buffer alive that the model reads from, or null */
  tsm_info info;
  float *frame;
  float *values; /* logits, or a state */
} tsm_session;

static inline tsm_session *tsm_session_of(int64_t handle) { return (tsm_session *)(intptr_t)handle; }

static inline int32_t tsm_frame_floats(const tsm_session *session) {
  return 3 * session->info.height * session->info.width;
}

#endif
