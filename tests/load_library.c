/* Steps frames through a bundle's library that load_elf.h loads.
 *
 *   load_library LIBRARY WEIGHTS FRAMES THREADS
 *
 * FRAMES holds raw float32 frames; their logits are printed, a frame a line, and on stderr what computed them.
 */
#include "load_elf.h"
#include "tsm_edge.h"

int main(int count, char **arguments) {
  int (*get_info)(tsm_info *), (*open_model)(const char *, int, tsm_model **);
  int (*create)(tsm_model *, tsm_stream **), (*step)(tsm_stream *, const float *, float *);
  tsm_model *model;
  tsm_stream *stream;
  tsm_info info;
  size_t size, frame_floats, frame;
  const char *(*device)(const tsm_model *);
  const float *frames;
  float *logits;
  int i;
  if (count != 5) return 2;
  load_library(arguments[1]);
  get_info = function("tsm_get_info");
  open_model = function("tsm_model_open");
  create = function("tsm_stream_create");
  device = function("tsm_model_device");
  step = function("tsm_stream_step");
  if (get_info(&info) || open_model(arguments[2], atoi(arguments[4]), &model) || create(model, &stream)) return 1;
  fprintf(stderr, "%s\n", device(model));
  frames = read_file(arguments[3], &size);
  frame_floats = 3 * (size_t)(info.height * info.width);
  logits = malloc((size_t)info.num_classes * sizeof *logits);
  for (frame = 0; frame < size / sizeof *frames / frame_floats; frame++) {
    if (step(stream, frames + frame * frame_floats, logits)) return 1;
    for (i = 0; i < info.num_classes; i++) printf("%a%c", (double)logits[i], i + 1 < info.num_classes ? ' ' : '\n');
  }
  return 0;
}
