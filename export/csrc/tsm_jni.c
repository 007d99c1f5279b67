/* What dev.tsmedge.Native declares (export/android), but for the steps: a model with one stream behind each handle. */
#include "tsm_jni_session.h"

#include <stdlib.h>
#include <string.h>

#define TSM_MESSAGE_BYTES 256
#define TSM_PATH_BYTES 4096
/* Weights that begin at a multiple of this are read where they lie, others are copied: see tsm_edge.h. */
#define TSM_WEIGHTS_ALIGNMENT 64

static void free_session(tsm_jni_env env, tsm_session *session) {
  tsm_stream_destroy(session->stream);
  tsm_model_close(session->model);
  if (session->weights) tsm_jni_delete_global(env, session->weights);
  free(session->frame);
  free(session->values);
  free(session);
}

static tsm_jni_object new_bytes(tsm_jni_env env, const char *text) {
  int32_t length = (int32_t)strlen(text);
  tsm_jni_object array = tsm_jni_new_bytes(env, length);
  if (array) tsm_jni_set_bytes(env, array, length, (const int8_t *)text);
  return array;
}

TSM_NATIVE(int32_t, sizes)(tsm_jni_env env, tsm_jni_object class_, tsm_jni_object sizes) {
  tsm_info info;
  int32_t values[5];
  (void)class_;
  if (tsm_jni_length(env, sizes) != 5 || tsm_get_info(&info)) return TSM_ERROR_ARGUMENT;
  values[0] = info.abi_version;
  values[1] = info.height;
  values[2] = info.width;
  values[3] = info.num_classes;
  values[4] = info.state_floats;
  tsm_jni_set_ints(env, sizes, 5, values);
  return TSM_OK;
}

TSM_NATIVE(tsm_jni_object, metadata)(tsm_jni_env env, tsm_jni_object class_) {
  (void)class_;
  return new_bytes(env, tsm_metadata_json());
}

TSM_NATIVE(tsm_jni_object, statusText)(tsm_jni_env env, tsm_jni_object class_, int32_t status) {
  (void)class_;
  return new_bytes(env, tsm_status_text(status));
}

static int allocate(tsm_session *session) {
  int32_t values;
  tsm_get_info(&session->info);
  values = session->info.state_floats > session->info.num_classes ? session->info.state_floats
                                                                  : session->info.num_classes;
  session->frame = calloc((size_t)tsm_frame_floats(session), sizeof(float));
  session->values = calloc((size_t)values, sizeof(float));
  return session->frame && session->values ? tsm_stream_create(session->model, &session->stream) : TSM_ERROR_MEMORY;
}

/* Fill in where the weights are; path is room for TSM_PATH_BYTES. */
static int find_weights(tsm_jni_env env, tsm_jni_object path_bytes, tsm_jni_object weights, char *path,
                        tsm_model_options *options) {
  int32_t length = tsm_jni_length(env, path_bytes);
  if (weights) {
    options->weights = tsm_jni_address(env, weights);
    options->weight_bytes = tsm_jni_capacity(env, weights);
    return options->weights ? TSM_OK : TSM_ERROR_ARGUMENT;
  }
  if (length < 0 || length >= TSM_PATH_BYTES) return TSM_ERROR_ARGUMENT;
  tsm_jni_get_bytes(env, path_bytes, length, (int8_t *)path);
  path[length] = 0;
  options->weights_path = path;
  return TSM_OK;
}

static int open_session(tsm_jni_env env, tsm_jni_object path_bytes, tsm_jni_object weights,
                        tsm_model_options *options, tsm_session *session) {
  char path[TSM_PATH_BYTES];
  int status = find_weights(env, path_bytes, weights, path, options);
  if (status == TSM_OK) status = tsm_model_open_with(options, &session->model);
  if (status != TSM_OK) return status;
  if (weights && (uintptr_t)options->weights % TSM_WEIGHTS_ALIGNMENT == 0) {
    session->weights = tsm_jni_new_global(env, weights);
    if (!session->weights) return TSM_ERROR_MEMORY;
  }
  return allocate(session);
}

TSM_NATIVE(int32_t, open)(tsm_jni_env env, tsm_jni_object class_, tsm_jni_object path, tsm_jni_object weights,
                          int32_t threads, uint8_t big_cores_first, tsm_jni_object message, tsm_jni_object handle) {
  tsm_session *session;
  tsm_model_options options;
  char said[TSM_MESSAGE_BYTES] = "";
  int64_t number;
  int status;
  (void)class_;
  if (tsm_jni_length(env, message) != TSM_MESSAGE_BYTES || tsm_jni_length(env, handle) != 1)
    return TSM_ERROR_ARGUMENT;
  session = calloc(1, sizeof *session);
  if (!session) return TSM_ERROR_MEMORY;
  memset(&options, 0, sizeof options);
  options.size = (int32_t)sizeof options;
  options.num_threads = threads;
  options.affinity = big_cores_first ? TSM_AFFINITY_BIG_FIRST : TSM_AFFINITY_NONE;
  options.message = said;
  options.message_bytes = TSM_MESSAGE_BYTES;
  status = open_session(env, path, weights, &options, session);
  said[TSM_MESSAGE_BYTES - 1] = 0;
  tsm_jni_set_bytes(env, message, TSM_MESSAGE_BYTES, (const int8_t *)said);
  if (status != TSM_OK) {
    free_session(env, session);
    return status;
  }
  number = (intptr_t)session;
  tsm_jni_set_longs(env, handle, 1, &number);
  return TSM_OK;
}

TSM_NATIVE(void, close)(tsm_jni_env env, tsm_jni_object class_, int64_t handle) {
  (void)class_;
  if (handle) free_session(env, tsm_session_of(handle));
}

TSM_NATIVE(int32_t, reset)(tsm_jni_env env, tsm_jni_object class_, int64_t handle) {
  tsm_session *session = tsm_session_of(handle);
  (void)env;
  (void)class_;
  return session ? tsm_stream_reset(session->stream) : TSM_ERROR_ARGUMENT;
}

TSM_NATIVE(int32_t, save)(tsm_jni_env env, tsm_jni_object class_, int64_t handle, tsm_jni_object state) {
  tsm_session *session = tsm_session_of(handle);
  int status;
  (void)class_;
  if (!session || tsm_jni_length(env, state) != session->info.state_floats) return TSM_ERROR_ARGUMENT;
  status = tsm_stream_save(session->stream, session->values);
  if (status == TSM_OK) tsm_jni_set_floats(env, state, session->info.state_floats, session->values);
  return status;
}

TSM_NATIVE(int32_t, load)(tsm_jni_env env, tsm_jni_object class_, int64_t handle, tsm_jni_object state) {
  tsm_session *session = tsm_session_of(handle);
  (void)class_;
  if (!session || tsm_jni_length(env, state) != session->info.state_floats) return TSM_ERROR_ARGUMENT;
  tsm_jni_get_floats(env, state, session->info.state_floats, session->values);
  return tsm_stream_load(session->stream, session->values);
}
