/* tsm_jni.h - the few functions of a Java machine that tsm_jni.c calls. Private to the library.
 *
 * No JDK or NDK is needed to compile: a JNIEnv is a pointer to a table of functions whose order the Java Native
 * Interface specification fixes. A test compares the numbers below with the ones in jni.h.
 */
#ifndef TSM_JNI_H
#define TSM_JNI_H

#include <stdint.h>

typedef void (*tsm_jni_function)(void);
typedef const tsm_jni_function *const *tsm_jni_env; /* JNIEnv * */
typedef void *tsm_jni_object;                       /* jobject, jclass, jbyteArray and so on */

enum {
  TSM_JNI_NEW_GLOBAL_REF = 21,
  TSM_JNI_DELETE_GLOBAL_REF = 22,
  TSM_JNI_GET_ARRAY_LENGTH = 171,
  TSM_JNI_NEW_BYTE_ARRAY = 176,
  TSM_JNI_GET_BYTE_ARRAY_REGION = 200,
  TSM_JNI_GET_FLOAT_ARRAY_REGION = 205,
  TSM_JNI_SET_BYTE_ARRAY_REGION = 208,
  TSM_JNI_SET_INT_ARRAY_REGION = 211,
  TSM_JNI_SET_LONG_ARRAY_REGION = 212,
  TSM_JNI_SET_FLOAT_ARRAY_REGION = 213,
  TSM_JNI_GET_PRIMITIVE_ARRAY_CRITICAL = 222,
  TSM_JNI_RELEASE_PRIMITIVE_ARRAY_CRITICAL = 223,
  TSM_JNI_GET_DIRECT_BUFFER_ADDRESS = 230,
  TSM_JNI_GET_DIRECT_BUFFER_CAPACITY = 231
};

/* JNI_ABORT: the array was only read. */
#define TSM_JNI_ABORT 2

#define TSM_JNI_CALL(env, index, type) ((type)(*(env))[index])

static inline tsm_jni_object tsm_jni_new_global(tsm_jni_env env, tsm_jni_object object) {
  return TSM_JNI_CALL(env, TSM_JNI_NEW_GLOBAL_REF, tsm_jni_object(*)(tsm_jni_env, tsm_jni_object))(env, object);
}

static inline void tsm_jni_delete_global(tsm_jni_env env, tsm_jni_object object) {
  TSM_JNI_CALL(env, TSM_JNI_DELETE_GLOBAL_REF, void (*)(tsm_jni_env, tsm_jni_object))(env, object);
}

/* -1 for null. */
static inline int32_t tsm_jni_length(tsm_jni_env env, tsm_jni_object array) {
  if (!array) return -1;
  return TSM_JNI_CALL(env, TSM_JNI_GET_ARRAY_LENGTH, int32_t(*)(tsm_jni_env, tsm_jni_object))(env, array);
}

static inline tsm_jni_object tsm_jni_new_bytes(tsm_jni_env env, int32_t length) {
  return TSM_JNI_CALL(env, TSM_JNI_NEW_BYTE_ARRAY, tsm_jni_object(*)(tsm_jni_env, int32_t))(env, length);
}

/* Copy the first `count` elements out of an array, which must be that long; the same with `set` into it. */
#define TSM_JNI_REGION(name, index, element)                                                                      \
  static inline void name(tsm_jni_env env, tsm_jni_object array, int32_t count, element *values) {                \
    TSM_JNI_CALL(env, index, void (*)(tsm_jni_env, tsm_jni_object, int32_t, int32_t, element *))                  \
    (env, array, 0, count, values);                                                                               \
  }
TSM_JNI_REGION(tsm_jni_get_bytes, TSM_JNI_GET_BYTE_ARRAY_REGION, int8_t)
TSM_JNI_REGION(tsm_jni_get_floats, TSM_JNI_GET_FLOAT_ARRAY_REGION, float)
TSM_JNI_REGION(tsm_jni_set_bytes, TSM_JNI_SET_BYTE_ARRAY_REGION, const int8_t)
TSM_JNI_REGION(tsm_jni_set_ints, TSM_JNI_SET_INT_ARRAY_REGION, const int32_t)
TSM_JNI_REGION(tsm_jni_set_longs, TSM_JNI_SET_LONG_ARRAY_REGION, const int64_t)
TSM_JNI_REGION(tsm_jni_set_floats, TSM_JNI_SET_FLOAT_ARRAY_REGION, const float)

/* An array's elements in place, null without memory; until they are given back, nothing may wait and no other
 * function of the table be called. */
static inline void *tsm_jni_pin(tsm_jni_env env, tsm_jni_object array) {
  return TSM_JNI_CALL(env, TSM_JNI_GET_PRIMITIVE_ARRAY_CRITICAL,
                      void *(*)(tsm_jni_env, tsm_jni_object, uint8_t *))(env, array, 0);
}

static inline void tsm_jni_unpin(tsm_jni_env env, tsm_jni_object array, void *elements) {
  TSM_JNI_CALL(env, TSM_JNI_RELEASE_PRIMITIVE_ARRAY_CRITICAL, void (*)(tsm_jni_env, tsm_jni_object, void *, int32_t))
  (env, array, elements, TSM_JNI_ABORT);
}

/* Null, and below zero, for a buffer in Java's heap. */
static inline void *tsm_jni_address(tsm_jni_env env, tsm_jni_object buffer) {
  return TSM_JNI_CALL(env, TSM_JNI_GET_DIRECT_BUFFER_ADDRESS, void *(*)(tsm_jni_env, tsm_jni_object))(env, buffer);
}

static inline int64_t tsm_jni_capacity(tsm_jni_env env, tsm_jni_object buffer) {
  return TSM_JNI_CALL(env, TSM_JNI_GET_DIRECT_BUFFER_CAPACITY, int64_t(*)(tsm_jni_env, tsm_jni_object))(env, buffer);
}

#endif
