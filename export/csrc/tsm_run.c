/* tsm-run - runs a bundle without Python: replays its golden stream, or answers to raw frames.
 *
 *   tsm-run [BUNDLE] [--frames N] [--threads N] [--affinity] [--device auto|cpu|gpu] [--json]
 *   tsm-run [BUNDLE] --raw FILE|- [--image FORMAT:WIDTHxHEIGHT[:ROTATION]] ...
 *
 * The network is linked in; BUNDLE, by default the folder of this program, gives weights.bin and, for the replay,
 * golden_frames.npy (T, H, W, 3) uint8 and golden_logits.npy (T, classes) float32.
 *
 * Exit status: 0 the golden stream is equal, or all raw frames were answered; 1 it differs, or something failed, in one
 * line on standard error; 2 wrong usage. The verdict on the latency changes no exit status.
 */
#include "tsm_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: tsm-run [BUNDLE] [--frames N] [--threads N] [--affinity] [--device auto|cpu|gpu] [--json]\n"
    "               [--raw FILE|- [--image FORMAT:WIDTHxHEIGHT[:ROTATION]]]\n"
    "\n"
    "Replays the golden stream of the bundle, by default the folder of this program, compares it and times it.\n"
    "  --frames N    that many frames, the golden stream again and again; of --raw, at most\n"
    "  --threads N   1 to 64, by default as many as the bundle was compiled for\n"
    "  --affinity    keep the threads on the biggest processors\n"
    "  --device D    gpu fails where there is none; auto takes the CPU then\n"
    "  --json        one line of JSON; of --raw, a line a frame\n"
    "  --raw FILE    answer to frames: (3, H, W) float32, normalised, one behind the other\n"
    "  --image ...   they are images of bytes: rgb bgr rgba bgra nv21 nv12 i420 or grey, rows without padding,\n"
    "                ROTATION clockwise degrees that make them upright, such as nv21:640x480:90\n";

int run_fail(const char *what, const char *detail) {
  fprintf(stderr, "tsm-run: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
  return RUN_FAILED;
}

double run_now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static int parse_number(const char *text, int *value) {
  char *end;
  long number = strtol(text, &end, 10);
  if (*end || end == text || number < 1 || number > 1000000) return 0;
  *value = (int)number;
  return 1;
}

static int parse_device(const char *text, int *device) {
  static const char *const names[] = {"auto", "cpu", "gpu"};
  for (*device = 0; *device < 3; ++*device)
    if (!strcmp(text, names[*device])) return 1;
  return 0;
}

/* One option with its value; false for what is none. */
static int parse_value(const char *name, const char *value, run_options *given) {
  if (!strcmp(name, "--frames")) return parse_number(value, &given->frames);
  if (!strcmp(name, "--threads")) return parse_number(value, &given->threads);
  if (!strcmp(name, "--device")) return parse_device(value, &given->device);
  if (!strcmp(name, "--raw")) return (given->raw = value)[0] != 0;
  if (!strcmp(name, "--image")) return run_parse_image(given->layout = value, &given->image);
  return 0;
}

/* One line that names what cannot be understood, and RUN_USAGE. */
static int refuse(const char *name, const char *value) {
  fprintf(stderr, "tsm-run: cannot use \"%s%s%s\"; see tsm-run --help\n", name, value ? " " : "", value ? value : "");
  return RUN_USAGE;
}

static int parse(int count, char **arguments, run_options *given) {
  int i;
  for (i = 1; i < count; i++) {
    if (!strcmp(arguments[i], "--json"))
      given->json = 1;
    else if (!strcmp(arguments[i], "--affinity"))
      given->affinity = TSM_AFFINITY_BIG_FIRST;
    else if (arguments[i][0] != '-' && arguments[i][0] && !given->bundle)
      given->bundle = arguments[i];
    else if (i + 1 >= count || !parse_value(arguments[i], arguments[i + 1], given))
      return refuse(arguments[i], i + 1 < count ? arguments[i + 1] : NULL);
    else
      i++;
  }
  return given->raw || !given->layout ? RUN_GOOD : refuse("--image without --raw", NULL);
}

/* The folder in which this program lies. */
static const char *own_folder(void) {
  static char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  char *end;
  path[length > 0 ? length : 0] = 0;
  end = strrchr(path, '/');
  if (!end) return ".";
  *end = 0;
  return path[0] ? path : "/";
}

static int open_model(const run_options *given, run_model *opened) {
  static tsm_model_options options;
  char weights[4096];
  double start = run_now_ms();
  int status;
  snprintf(weights, sizeof weights, "%s/weights.bin", given->bundle);
  options.size = (int32_t)sizeof options;
  options.num_threads = given->threads;
  options.device = given->device;
  options.affinity = given->affinity;
  options.weights_path = weights;
  options.message = opened->note;
  options.message_bytes = RUN_MESSAGE;
  status = tsm_model_open_with(&options, &opened->model);
  if (status != TSM_OK) return run_fail(opened->note[0] ? opened->note : tsm_status_text(status), NULL);
  opened->load_ms = run_now_ms() - start;
  status = tsm_stream_create(opened->model, &opened->stream);
  opened->stream_ms = run_now_ms() - start - opened->load_ms;
  return status == TSM_OK ? RUN_GOOD : run_fail("stream", tsm_status_text(status));
}

int main(int count, char **arguments) {
  static run_options given;
  static run_model with;
  int status;
  given.threads = tsm_model_plan.default_threads;
  if (count == 2 && !strcmp(arguments[1], "--help")) return fputs(usage, stdout) < 0;
  if (parse(count, arguments, &given) != RUN_GOOD) return RUN_USAGE;
  if (!given.bundle) given.bundle = own_folder();
  status = open_model(&given, &with);
  if (status == RUN_GOOD) status = (given.raw ? run_raw : run_replay)(&given, &with);
  tsm_stream_destroy(with.stream);
  tsm_model_close(with.model);
  if (fflush(stdout)) status = run_fail("cannot write to standard output", NULL);
  return status;
}
