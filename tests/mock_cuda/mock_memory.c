/* Handles and memory, each known until it is freed. Device memory ends at a page that nobody may touch. */
#include "mock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MOST 1024
#define PAGE 65536 /* the largest page of any machine here */
#define ALIGNMENT 256

typedef struct piece {
  unsigned char *begin, *mapping; /* mapping: null for pinned memory */
  size_t bytes, mapped;
} piece;

static piece pieces[MOST];
static struct {
  mock_kind kind;
  void *handle;
} handles[MOST];
const char *const mock_kind_names[] = {"module", "function", "stream", "event", "graph", "executable graph", "linker"};

void *mock_new(mock_kind kind, size_t bytes) {
  int i;
  for (i = 0; i < MOST; i++) {
    if (handles[i].handle) continue;
    handles[i].kind = kind;
    return handles[i].handle = calloc(1, bytes);
  }
  mock_misuse("mock_new", "too many handles");
}

static int find(mock_kind kind, const void *handle, const char *caller) {
  int i;
  for (i = 0; i < MOST; i++)
    if (handle && handles[i].handle == handle && handles[i].kind == kind) return i;
  mock_misuse(caller, mock_kind_names[kind]);
}

void *mock_get(mock_kind kind, void *handle, const char *caller) { return handles[find(kind, handle, caller)].handle; }

void mock_delete(mock_kind kind, void *handle, const char *caller) {
  int i = find(kind, handle, caller);
  free(handle);
  handles[i].handle = NULL;
}

/* A function ends with its module: the first word of its handle says whose it is. */
void mock_delete_functions(const void *module) {
  int i;
  for (i = 0; i < MOST; i++) {
    if (!handles[i].handle || handles[i].kind != FUNCTION || *(void **)handles[i].handle != module) continue;
    free(handles[i].handle);
    handles[i].handle = NULL;
  }
}

static piece *piece_around(const void *pointer, size_t bytes, int pinned) {
  const unsigned char *begin = pointer;
  int i;
  for (i = 0; i < MOST; i++) {
    piece *p = &pieces[i];
    if (p->begin && pinned == !p->mapping && begin >= p->begin && begin + bytes <= p->begin + p->bytes) return p;
  }
  return NULL;
}

void *mock_device_memory(uint64_t pointer, size_t bytes, const char *caller) {
  void *memory = (void *)(uintptr_t)pointer;
  if (!piece_around(memory, bytes, 0)) mock_misuse(caller, "not the device's memory, or past its end");
  return memory;
}

void mock_check_pinned(const void *pointer, size_t bytes, const char *caller) {
  if (!piece_around(pointer, bytes, 1)) mock_misuse(caller, "an asynchronous copy needs pinned memory");
}

static piece *empty_piece(void) {
  int i;
  for (i = 0; i < MOST; i++)
    if (!pieces[i].begin) return &pieces[i];
  mock_misuse("memory", "too many pieces");
}

int mock_num_live(void) {
  int i, live = 0;
  for (i = 0; i < MOST; i++) live += (pieces[i].begin != NULL) + (handles[i].handle != NULL);
  return live;
}

static void free_piece(piece *p) {
  if (p->mapping)
    munmap(p->mapping, p->mapped);
  else
    free(p->begin);
  p->begin = NULL;
}

void mock_free_all(void) {
  int i;
  mock_forget_streams();
  for (i = 0; i < MOST; i++) {
    if (pieces[i].begin) free_piece(&pieces[i]);
    /* What these hold is their first word. */
    if (handles[i].handle && (handles[i].kind == MODULE || handles[i].kind >= GRAPH)) free(*(void **)handles[i].handle);
    free(handles[i].handle);
    handles[i].handle = NULL;
  }
}

EXPORT int cuMemAlloc_v2(uint64_t *pointer, size_t bytes) {
  int result = mock_enter("cuMemAlloc_v2", 1);
  size_t room = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, pages = (room + PAGE - 1) / PAGE * PAGE;
  unsigned char *memory;
  piece *p;
  if (result) return result;
  if (!bytes) return INVALID_VALUE;
  memory = mmap(NULL, pages + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return OUT_OF_MEMORY;
  /* A machine's own page may be smaller than PAGE, so that the mapping need not begin at a multiple of it. */
  p = empty_piece();
  p->mapping = memory;
  p->mapped = pages + 2 * PAGE;
  p->begin = memory + PAGE - (uintptr_t)memory % PAGE + pages - room;
  p->bytes = room;
  mprotect(p->begin + room, (size_t)(memory + p->mapped - (p->begin + room)), PROT_NONE);
  memset(p->begin, 0xff, room); /* NaN, in float and in half */
  *pointer = (uint64_t)(uintptr_t)p->begin;
  return SUCCESS;
}

EXPORT int cuMemFree_v2(uint64_t pointer) {
  int result = mock_enter_to_free("cuMemFree_v2", 1);
  piece *p = piece_around((void *)(uintptr_t)pointer, 1, 0);
  if (!p || (uint64_t)(uintptr_t)p->begin != pointer) mock_misuse("cuMemFree_v2", "no such memory");
  mock_run_all();
  free_piece(p);
  return result;
}

EXPORT int cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
  int result = mock_enter("cuMemHostAlloc", 1);
  piece *p = empty_piece();
  if (result) return result;
  if (flags || !bytes) return INVALID_VALUE;
  p->begin = malloc(bytes);
  p->bytes = bytes;
  p->mapping = NULL;
  *pointer = p->begin;
  return p->begin ? SUCCESS : OUT_OF_MEMORY;
}

EXPORT int cuMemFreeHost(void *pointer) {
  int result = mock_enter_to_free("cuMemFreeHost", 1);
  piece *p = piece_around(pointer, 1, 1);
  if (!p || p->begin != pointer) mock_misuse("cuMemFreeHost", "no such memory");
  mock_run_all();
  free_piece(p);
  return result;
}
