/* example.c - names the class of each picture of a stream, with the C interface alone. In the bundle's folder:
 *
 *   cc example.c -I. -L. -ltsm_model -Wl,-rpath,'$ORIGIN' -o example
 *   ./example first.ppm second.ppm ...
 *
 * Pictures are binary PPM files of any size, as `ffmpeg -i video.mp4 %04d.ppm` writes them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tsm_edge.h"

static int fail(const char *what, const char *why) {
  fprintf(stderr, "example: %s: %s\n", what, why);
  return EXIT_FAILURE;
}

/* The picture's bytes, which the caller frees, or null. */
static uint8_t *read_ppm(const char *path, tsm_image *image) {
  uint8_t *pixels = NULL;
  int width = 0, height = 0;
  FILE *file = fopen(path, "rb");
  if (file && fscanf(file, "P6 %5d %5d 255", &width, &height) == 2 && fgetc(file) != EOF && width > 0 && height > 0) {
    size_t size = 3 * (size_t)width * (size_t)height;
    pixels = malloc(size);
    if (pixels && fread(pixels, 1, size, file) != size) {
      free(pixels);
      pixels = NULL;
    }
  }
  if (file) fclose(file);
  image->width = width;
  image->height = height;
  image->planes[0] = pixels;
  return pixels;
}

/* One picture of the stream: the network remembers those before. */
static int name_picture(tsm_stream *stream, const char *path, float *logits, int num_classes) {
  tsm_image image = {0};
  uint8_t *pixels = read_ppm(path, &image);
  int status, best = 0, i;
  if (!pixels) return fail(path, "is no binary PPM file with 255 levels");
  image.size = (int32_t)sizeof image;
  image.format = TSM_IMAGE_RGB;
  status = tsm_stream_step_image(stream, &image, logits);
  free(pixels);
  if (status != TSM_OK) return fail(path, tsm_status_text(status));
  for (i = 1; i < num_classes; i++)
    if (logits[i] > logits[best]) best = i;
  printf("%s: class %d, logit %g\n", path, best, (double)logits[best]);
  return EXIT_SUCCESS;
}

static int name_pictures(tsm_model *model, int count, char **paths) {
  tsm_stream *stream = NULL;
  tsm_info info;
  float *logits;
  int i, result = EXIT_SUCCESS, status = tsm_stream_create(model, &stream);
  if (status != TSM_OK) return fail("stream", tsm_status_text(status));
  tsm_get_info(&info);
  logits = malloc((size_t)info.num_classes * sizeof *logits);
  for (i = 0; logits && i < count && result == EXIT_SUCCESS; i++)
    result = name_picture(stream, paths[i], logits, info.num_classes);
  free(logits);
  tsm_stream_destroy(stream);
  return logits ? result : fail("logits", "out of memory");
}

int main(int count, char **arguments) {
  char message[256];
  tsm_model_options options = {0};
  tsm_model *model;
  int result;
  options.size = (int32_t)sizeof options;
  options.weights_path = "weights.bin";
  options.message = message;
  options.message_bytes = (int32_t)sizeof message;
  if (tsm_model_open_with(&options, &model) != TSM_OK) return fail("model", message);
  result = name_pictures(model, count - 1, arguments + 1);
  tsm_model_close(model);
  return result;
}
