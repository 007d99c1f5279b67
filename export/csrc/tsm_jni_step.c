/* The steps that dev.tsmedge.Native declares: a picture of Java's in, logits out.
 *
 * A picture is turned into the network's frame first, while Java's array is pinned; the step itself, which takes long and
 * may wait for another thread, runs on that frame with nothing pinned. Sizes are checked here, where memory is touched:
 * the C interface cannot know how long a plane is.
 */
#include "tsm_jni_session.h"

#include <string.h>

/* The session, if there is one and `logits` has room for an answer of it. */
static tsm_session *session_for(tsm_jni_env env, int64_t handle, tsm_jni_object logits) {
  tsm_session *session = tsm_session_of(handle);
  return session && tsm_jni_length(env, logits) == session->info.num_classes ? session : NULL;
}

static int step_frame(tsm_jni_env env, tsm_session *session, tsm_jni_object logits) {
  int status = tsm_stream_step(session->stream, session->frame, session->values);
  if (status == TSM_OK) tsm_jni_set_floats(env, logits, session->info.num_classes, session->values);
  return status;
}

static int step_image(tsm_jni_env env, tsm_session *session, const tsm_image *image, tsm_jni_object logits) {
  int status = tsm_image_to_frame(image, session->frame);
  return status == TSM_OK ? step_frame(env, session, logits) : status;
}

TSM_NATIVE(int32_t, stepFrame)(tsm_jni_env env, tsm_jni_object class_, int64_t handle, tsm_jni_object frame,
                               tsm_jni_object logits) {
  tsm_session *session = session_for(env, handle, logits);
  (void)class_;
  if (!session || tsm_jni_length(env, frame) != tsm_frame_floats(session)) return TSM_ERROR_ARGUMENT;
  tsm_jni_get_floats(env, frame, tsm_frame_floats(session), session->frame);
  return step_frame(env, session, logits);
}

static tsm_image describe(int32_t format, int32_t width, int32_t height, int32_t rotation) {
  tsm_image image;
  memset(&image, 0, sizeof image);
  image.size = (int32_t)sizeof image;
  image.format = format;
  image.width = width;
  image.height = height;
  image.rotation = rotation;
  return image;
}

/* Whether pixels of `pixel_bytes`, `pixel_stride` apart, in rows `row_stride` apart (0: one after the other), end
 * within `bytes`. A plane's last row is often given without its padding. */
static int fits(int64_t bytes, int64_t width, int64_t height, int64_t row_stride, int64_t pixel_stride,
                int64_t pixel_bytes) {
  int64_t row = (width - 1) * pixel_stride + pixel_bytes;
  if (width < 1 || height < 1 || row_stride < 0 || pixel_stride < 1) return 0;
  return (height - 1) * (row_stride ? row_stride : row) + row <= bytes;
}

TSM_NATIVE(int32_t, stepNv21)(tsm_jni_env env, tsm_jni_object class_, int64_t handle, tsm_jni_object nv21,
                              int32_t width, int32_t height, int32_t rotation, tsm_jni_object logits) {
  tsm_session *session = session_for(env, handle, logits);
  tsm_image image = describe(TSM_IMAGE_NV21, width, height, rotation);
  int64_t bytes = tsm_jni_length(env, nv21), luma = (int64_t)width * height;
  int64_t chroma_width = ((int64_t)width + 1) / 2, chroma_height = ((int64_t)height + 1) / 2;
  uint8_t *pinned;
  int status;
  (void)class_;
  if (!session || !nv21) return TSM_ERROR_ARGUMENT;
  if (!fits(bytes, width, height, 0, 1, 1) || !fits(bytes - luma, chroma_width, chroma_height, 0, 2, 2))
    return TSM_ERROR_IMAGE;
  pinned = tsm_jni_pin(env, nv21);
  if (!pinned) return TSM_ERROR_MEMORY;
  image.planes[0] = pinned;
  image.planes[1] = pinned + luma;
  status = tsm_image_to_frame(&image, session->frame);
  tsm_jni_unpin(env, nv21, pinned);
  return status == TSM_OK ? step_frame(env, session, logits) : status;
}

/* Let plane `index` be a direct buffer; 0 if it is none or too short. */
static int use_plane(tsm_jni_env env, tsm_image *image, int index, tsm_jni_object buffer, int32_t pixel_bytes,
                     int32_t halved) {
  int64_t width = ((int64_t)image->width + halved) >> halved, height = ((int64_t)image->height + halved) >> halved;
  if (!buffer) return 0;
  image->planes[index] = tsm_jni_address(env, buffer);
  return image->planes[index] && fits(tsm_jni_capacity(env, buffer), width, height, image->row_strides[index],
                                      image->pixel_strides[index] ? image->pixel_strides[index] : pixel_bytes,
                                      pixel_bytes);
}

TSM_NATIVE(int32_t, stepYuv420)(tsm_jni_env env, tsm_jni_object class_, int64_t handle, tsm_jni_object y,
                                tsm_jni_object u, tsm_jni_object v, int32_t width, int32_t height,
                                int32_t y_row_stride, int32_t chroma_row_stride, int32_t chroma_pixel_stride,
                                int32_t rotation, tsm_jni_object logits) {
  tsm_session *session = session_for(env, handle, logits);
  tsm_image image = describe(TSM_IMAGE_YUV_420_888, width, height, rotation);
  (void)class_;
  if (!session) return TSM_ERROR_ARGUMENT;
  image.row_strides[0] = y_row_stride;
  image.row_strides[1] = image.row_strides[2] = chroma_row_stride;
  image.pixel_strides[0] = 1;
  image.pixel_strides[1] = image.pixel_strides[2] = chroma_pixel_stride;
  if (!use_plane(env, &image, 0, y, 1, 0) || !use_plane(env, &image, 1, u, 1, 1) ||
      !use_plane(env, &image, 2, v, 1, 1))
    return TSM_ERROR_IMAGE;
  return step_image(env, session, &image, logits);
}

TSM_NATIVE(int32_t, stepRgba)(tsm_jni_env env, tsm_jni_object class_, int64_t handle, tsm_jni_object rgba,
                              int32_t width, int32_t height, int32_t row_stride, int32_t rotation,
                              tsm_jni_object logits) {
  tsm_session *session = session_for(env, handle, logits);
  tsm_image image = describe(TSM_IMAGE_RGBA, width, height, rotation);
  (void)class_;
  if (!session) return TSM_ERROR_ARGUMENT;
  image.row_strides[0] = row_stride;
  if (!use_plane(env, &image, 0, rgba, 4, 0)) return TSM_ERROR_IMAGE;
  return step_image(env, session, &image, logits);
}
