/* tsm_view.h - from a caller's image to samples that can be walked upright. Private to the library. */
#ifndef TSM_VIEW_H
#define TSM_VIEW_H

#include "tsm_pixels.h"

/* TSM_OK, or TSM_ERROR_IMAGE for an image that cannot be. */
int tsm_view_of(const tsm_image *image, tsm_view *view);

#endif
