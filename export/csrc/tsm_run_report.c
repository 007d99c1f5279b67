/* What a replay found, for people or for programs; docs/devices/tsm-run.md lists the fields of the JSON. */
#include "tsm_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static const tsm_plan *const plan = &tsm_model_plan;

typedef struct latency {
  double p50, p90, p99, mean, least, most;
} latency;

static int compare_doubles(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* The smallest sample that so many percent do not exceed. */
static double percentile(const double *sorted, int count, int percent) {
  int index = (int)(((int64_t)count * percent + 99) / 100) - 1;
  return sorted[index < 0 ? 0 : index];
}

static int summarise(const run_outcome *found, latency *summary) {
  size_t bytes = (size_t)found->frames * sizeof(double);
  double *sorted = malloc(bytes), sum = 0.0;
  int i, count = found->frames;
  if (!sorted) return 0;
  memcpy(sorted, found->samples_ms, bytes);
  qsort(sorted, (size_t)count, sizeof *sorted, compare_doubles);
  for (i = 0; i < count; i++) sum += sorted[i];
  summary->p50 = percentile(sorted, count, 50);
  summary->p90 = percentile(sorted, count, 90);
  summary->p99 = percentile(sorted, count, 99);
  summary->mean = sum / count;
  summary->least = sorted[0];
  summary->most = sorted[count - 1];
  free(sorted);
  return 1;
}

static double relative_error(const run_outcome *found) {
  return found->largest > 0.0 ? found->difference / found->largest : found->difference;
}

/* What is accepted of the half that computed. */
static double tolerance(const run_model *with) {
  return strncmp(tsm_model_device(with->model), "gpu", 3) ? plan->tolerance : plan->gpu_tolerance;
}

static int is_equal(const run_model *with, const run_outcome *found) {
  return relative_error(found) <= tolerance(with);
}

void run_print_string(const char *text) {
  putchar('"');
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c < 0x20)
      printf("\\u%04x", c);
    else
      printf(c == '"' || c == '\\' ? "\\%c" : "%c", c);
  }
  putchar('"');
}

static void print_field(const char *name, const char *text) {
  printf("\"%s\": ", name);
  if (text)
    run_print_string(text);
  else
    printf("null");
}

/* JSON has neither NaN nor infinity. */
static void print_number(const char *name, double number) {
  if (isfinite(number))
    printf(", \"%s\": %.9g", name, number);
  else
    printf(", \"%s\": null", name);
}

static void print_device(void) {
  char name[256];
  struct utsname system;
  if (uname(&system)) memset(&system, 0, sizeof system);
  run_read_device(name, (int)sizeof name);
  printf(", \"device\": {");
  print_field("system", system.sysname);
  printf(", ");
  print_field("release", system.release);
  printf(", ");
  print_field("machine", system.machine);
  printf(", ");
  print_field("model", name[0] ? name : NULL);
  printf("}}\n");
}

static void print_samples(const run_outcome *found) {
  int i;
  printf(", \"samples_ms\": [");
  for (i = 0; i < found->frames; i++) printf("%s%.4f", i ? ", " : "", found->samples_ms[i]);
  printf("]");
}

/* With the stream's own opening; the first sample is its step. */
static double first_frame_ms(const run_model *with, const run_outcome *found) {
  return with->stream_ms + found->samples_ms[0];
}

static const char *verdict(const latency *summary) {
  if (plan->latency_target_ms <= 0.0) return NULL;
  return summary->p50 <= plan->latency_target_ms ? "pass" : "fail";
}

static void print_json(const run_options *given, const run_model *with, const run_outcome *found, const latency *ms) {
  int64_t peak = run_peak_bytes();
  printf("{");
  print_field("target", plan->target);
  printf(", ");
  print_field("note", plan->note);
  printf(", \"abi_version\": %d, ", tsm_abi_version());
  print_field("compute", tsm_model_device(with->model));
  printf(", ");
  print_field("compute_note", with->note);
  printf(", \"threads\": %d, ", given->threads);
  print_field("affinity", given->affinity ? "big-first" : "none");
  printf(", \"frames\": %d, \"equal\": %s", found->frames, is_equal(with, found) ? "true" : "false");
  print_number("relative_error", relative_error(found));
  print_number("max_difference", found->difference);
  print_number("tolerance", tolerance(with));
  printf(", \"latency_ms\": {\"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f, \"mean\": %.4f, \"least\": %.4f, \"most\": %.4f}",
         ms->p50, ms->p90, ms->p99, ms->mean, ms->least, ms->most);
  print_samples(found);
  print_number("load_ms", with->load_ms);
  print_number("first_frame_ms", first_frame_ms(with, found));
  print_number("peak_bytes", peak > 0 ? (double)peak : (double)NAN);
  print_number("latency_target_ms", plan->latency_target_ms > 0.0 ? plan->latency_target_ms : (double)NAN);
  printf(", ");
  print_field("verdict", verdict(ms));
  print_device();
}

static void print_text(const run_options *given, const run_model *with, const run_outcome *found, const latency *ms) {
  char name[256];
  int64_t peak = run_peak_bytes();
  run_read_device(name, (int)sizeof name);
  printf("target %s, %s, %d thread%s, %d frames%s%s\n", plan->target, tsm_model_device(with->model), given->threads,
         given->threads == 1 ? "" : "s", found->frames, plan->note[0] ? "; " : "", plan->note);
  if (with->note[0]) printf("%s\n", with->note);
  if (name[0]) printf("device %s\n", name);
  printf("golden stream %s: largest difference %.1e of the largest logit\n", is_equal(with, found) ? "equal" : "DIFFERENT",
         relative_error(found));
  printf("latency_ms p50 %.2f p90 %.2f p99 %.2f\n", ms->p50, ms->p90, ms->p99);
  printf("cold start: load %.1f ms, first frame %.1f ms", with->load_ms, first_frame_ms(with, found));
  if (peak > 0) printf("; at most %.0f MiB of memory", (double)peak / (1 << 20));
  printf("\n");
  if (verdict(ms))
    printf("%.0f ms promised on %s, p50: %s, which counts on that device alone\n", plan->latency_target_ms, plan->target,
           verdict(ms));
}

int run_report(const run_options *given, const run_model *with, const run_outcome *found) {
  latency summary;
  if (!summarise(found, &summary)) return run_fail("report", tsm_status_text(TSM_ERROR_MEMORY));
  (given->json ? print_json : print_text)(given, with, found, &summary);
  return is_equal(with, found) ? RUN_GOOD : RUN_FAILED;
}
