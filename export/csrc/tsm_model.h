/* tsm_model.h - a model, as its streams know it. Private to the library. */
#ifndef TSM_MODEL_H
#define TSM_MODEL_H

#include "tsm_engine.h"

#include <pthread.h>

struct tsm_model {
  const tsm_engine *engine;
  void *self;            /* the engine's */
  pthread_mutex_t mutex; /* held whenever the engine works */
};

#endif
