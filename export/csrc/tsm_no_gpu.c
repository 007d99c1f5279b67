/* In place of tsm_gpu.c in libraries for devices whose GPU is not used. */
#include "tsm_engine.h"

#include <stddef.h>

const tsm_engine *const tsm_gpu_engine = NULL;
