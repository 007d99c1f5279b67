/* What a device calls itself: boards have a device tree, Android lists its properties in files. */
#include "tsm_run.h"

#include <stdio.h>
#include <string.h>

#define MODEL_PROPERTY "ro.product.model="

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
