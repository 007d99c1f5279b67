/* What Linux says in files: of this process its memory, of a device its name, from a board's device tree or from Android's
 * lists of properties. */
#include "tsm_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_PROPERTY "ro.product.model="

#define PEAK "VmHWM:"

static const char *const trees[] = {"/proc/device-tree/model", "/sys/firmware/devicetree/base/model"};
/* Newer systems let nobody read them; `adb shell getprop ro.product.model` says it there. */
static const char *const properties[] = {"/system/build.prop", "/vendor/build.prop"};

/* Up to the line's end, printable ASCII alone. */
static void clean(char *name) {
  for (; *name && *name != '\n' && *name != '\r'; name++)
    if (*name < ' ' || *name > '~') *name = '?';
  *name = 0;
}

static int read_tree(const char *path, char *name, int bytes) {
  FILE *file = fopen(path, "rb");
  size_t length = file ? fread(name, 1, (size_t)bytes - 1, file) : 0;
  name[length] = 0; /* the tree ends its strings itself */
  if (file) fclose(file);
  clean(name);
  return name[0] != 0;
}

static int read_property(const char *path, char *name, int bytes) {
  char line[512];
  size_t prefix = strlen(MODEL_PROPERTY);
  FILE *file = fopen(path, "rb");
  name[0] = 0;
  while (file && !name[0] && fgets(line, sizeof line, file))
    if (!strncmp(line, MODEL_PROPERTY, prefix)) snprintf(name, (size_t)bytes, "%s", line + prefix);
  if (file) fclose(file);
  clean(name);
  return name[0] != 0;
}

void run_read_device(char *name, int bytes) {
  int i;
  for (i = 0; i < 2; i++)
    if (read_tree(trees[i], name, bytes)) return;
  for (i = 0; i < 2; i++)
    if (read_property(properties[i], name, bytes)) return;
}

/* getrusage would begin with what the program held that started this one. */
int64_t run_peak_bytes(void) {
  char line[256];
  int64_t bytes = 0;
  FILE *file = fopen("/proc/self/status", "rb");
  while (file && !bytes && fgets(line, sizeof line, file))
    if (!strncmp(line, PEAK, sizeof PEAK - 1)) bytes = 1024 * (int64_t)strtol(line + sizeof PEAK - 1, NULL, 10);
  if (file) fclose(file);
  return bytes;
}
