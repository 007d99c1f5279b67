/* What the library says of itself. */
#include "tsm_edge.h"
#include "tsm_plan.h"

#include <stddef.h>

static const tsm_plan *const plan = &tsm_model_plan;

int tsm_abi_version(void) { return TSM_ABI_VERSION; }

const char *tsm_status_text(int status) {
  switch (status) {
    case TSM_OK: return "ok";
    case TSM_ERROR_ARGUMENT: return "a null pointer, a number out of range, or a struct of another size";
    case TSM_ERROR_FILE: return "the weights cannot be opened or mapped";
    case TSM_ERROR_SIZE: return "the weights belong to another library";
    case TSM_ERROR_MEMORY: return "out of memory";
    case TSM_ERROR_THREAD: return "a thread could not be started";
    case TSM_ERROR_VALUE: return "a value is NaN or infinite";
    case TSM_ERROR_IMAGE: return "an image's format, size, planes, strides or rotation is not one that is accepted";
    case TSM_ERROR_DEVICE: return "a GPU was demanded and cannot be used, or it failed";
    default: return "unknown status";
  }
}

int tsm_get_info(tsm_info *info) {
  if (!info) return TSM_ERROR_ARGUMENT;
  info->abi_version = TSM_ABI_VERSION;
  info->height = plan->height;
  info->width = plan->width;
  info->num_classes = plan->num_classes;
  info->state_floats = tsm_state_floats();
  info->num_calls = plan->num_calls;
  info->arena_bytes = plan->arena_bytes;
  info->weight_bytes = plan->weight_bytes;
  return TSM_OK;
}

const char *tsm_call_name(int index) {
  return index >= 0 && index < plan->num_calls ? plan->calls[index].name : NULL;
}

const char *tsm_metadata_json(void) { return plan->metadata; }
