/* tsm_weights.h - the bytes of weights.bin, wherever they come from. Private to the library. */
#ifndef TSM_WEIGHTS_H
#define TSM_WEIGHTS_H

#include "tsm_edge.h"

typedef struct tsm_weights {
  const unsigned char *bytes; /* aligned */
  void *mapped, *copied;      /* what is to be given back */
} tsm_weights;

/* TSM_OK and as many bytes as the plan asks for, or a status, and tsm_say has said why. */
int tsm_weights_open(const tsm_model_options *options, tsm_weights *weights);
void tsm_weights_close(tsm_weights *weights);

#endif
