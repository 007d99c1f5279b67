/* load_elf.h - loads a bundle's library as a device's linker would, where no such linker is: under emulation on another
 * machine. Exit status 3: the library asks for a name that is not in the list below, or for a relocation that its kind of
 * file has no business with.
 */
#ifndef LOAD_ELF_H
#define LOAD_ELF_H

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAMES(X) \
  X(calloc) X(clock_gettime) X(close) X(free) X(lseek) X(memcpy) X(memset) X(mmap) X(munmap) X(open) \
  X(posix_memalign) X(pthread_cond_broadcast) X(pthread_cond_destroy) X(pthread_cond_init) X(pthread_cond_wait) \
  X(pthread_create) X(pthread_join) X(pthread_mutex_destroy) X(pthread_mutex_init) X(pthread_mutex_lock) \
  X(pthread_mutex_unlock) X(read) X(__sched_cpucount) X(sched_getaffinity) X(sched_getcpu) X(sched_setaffinity) \
  X(sched_yield) X(snprintf) X(strlen) X(syscall) X(vsnprintf)
/* What a GPU's half asks for beside these; a program without a dynamic linker has a dlopen that fails. */
#define GPU_NAMES(X) \
  X(bcmp) X(dlerror) X(dlopen) X(dlsym) X(flock) X(ftruncate) X(__fxstat) X(getenv) X(malloc) X(memcmp) X(mkdir) \
  X(rename) X(strcmp) X(strlen) X(strrchr) X(unlink) X(write) X(__xstat)
#define ENTRY(name) {#name, (void *)name},

/* glibc's older names, which say a version of the struct first. */
static int __fxstat(int version, int file, struct stat *status) { return version < 0 ? -1 : fstat(file, status); }
static int __xstat(int version, const char *path, struct stat *status) { return version < 0 ? -1 : stat(path, status); }

#ifdef LINKED_MOCK
/* A program without a dynamic linker, in which mock_cuda/ is linked: the library's dlopen and dlsym find it. */
#include "tsm_cuda.h"
#define DECLARED(name, parameters) extern void name(void) __attribute__((weak));
TSM_CUDA_REQUIRED(DECLARED)
TSM_CUDA_OPTIONAL(DECLARED)
#define FOUND(name, parameters) {#name, (void *)name},
static const struct { const char *name; void *address; } driver[] = {TSM_CUDA_REQUIRED(FOUND) TSM_CUDA_OPTIONAL(FOUND)};

static void *open_mock(const char *name, int flags) { return flags && !strcmp(name, "libcuda.so.1") ? (void *)driver : NULL; }

static void *find_in_mock(void *library, const char *name) {
  size_t i;
  for (i = 0; library && i < sizeof driver / sizeof driver[0]; i++)
    if (!strcmp(driver[i].name, name)) return driver[i].address;
  return NULL;
}
#endif

static const struct { const char *name; void *address; } names[] = {
#ifdef LINKED_MOCK
    {"dlopen", (void *)open_mock}, {"dlsym", (void *)find_in_mock},
#endif
    NAMES(ENTRY) GPU_NAMES(ENTRY)};

static unsigned char *base;
static const Elf64_Sym *symbols;
static const char *strings;
static size_t num_symbols;

static void *fail(const char *what, const char *detail) {
  fprintf(stderr, "load_elf: %s %s\n", what, detail);
  exit(3);
}

static void *resolve(const Elf64_Sym *symbol) {
  const char *name = strings + symbol->st_name;
  size_t i;
  if (symbol->st_shndx != SHN_UNDEF) return base + symbol->st_value;
  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcmp(names[i].name, name)) return names[i].address;
  return ELF64_ST_BIND(symbol->st_info) == STB_WEAK ? NULL : fail("nobody has", name);
}

static void relocate(const Elf64_Rela *rela, size_t bytes) {
  const Elf64_Rela *end = rela + bytes / sizeof *rela;
  for (; rela < end; rela++) {
    uint64_t *place = (uint64_t *)(base + rela->r_offset), addend = (uint64_t)rela->r_addend;
    switch (ELF64_R_TYPE(rela->r_info)) {
      case R_AARCH64_RELATIVE: *place = (uint64_t)base + addend; break;
      case R_AARCH64_ABS64:
      case R_AARCH64_GLOB_DAT:
      case R_AARCH64_JUMP_SLOT: *place = (uint64_t)resolve(symbols + ELF64_R_SYM(rela->r_info)) + addend; break;
      default: fail("relocation of another kind", "");
    }
  }
}

/* All segments at one stretch, as laid out in the file's addresses. */
static void map_segments(const unsigned char *file) {
  const Elf64_Ehdr *head = (const void *)file;
  const Elf64_Phdr *segment = (const void *)(file + head->e_phoff);
  size_t span = 0;
  int i;
  for (i = 0; i < head->e_phnum; i++)
    if (segment[i].p_type == PT_LOAD) span = segment[i].p_vaddr + segment[i].p_memsz;
  base = mmap(NULL, span, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) fail("cannot map", "segments");
  for (i = 0; i < head->e_phnum; i++)
    if (segment[i].p_type == PT_LOAD) memcpy(base + segment[i].p_vaddr, file + segment[i].p_offset, segment[i].p_filesz);
  __builtin___clear_cache((char *)base, (char *)base + span);
}

static void link_dynamically(const unsigned char *file) {
  const Elf64_Ehdr *head = (const void *)file;
  const Elf64_Shdr *section = (const void *)(file + head->e_shoff);
  int i;
  for (i = 0; i < head->e_shnum; i++) {
    if (section[i].sh_type != SHT_DYNSYM) continue;
    symbols = (const void *)(base + section[i].sh_addr);
    num_symbols = section[i].sh_size / sizeof *symbols;
    strings = (const char *)base + section[section[i].sh_link].sh_addr;
  }
  for (i = 0; i < head->e_shnum; i++)
    if (section[i].sh_type == SHT_RELA) relocate((const void *)(base + section[i].sh_addr), section[i].sh_size);
}

static void *function(const char *name) {
  size_t i;
  for (i = 1; i < num_symbols; i++)
    if (symbols[i].st_shndx != SHN_UNDEF && !strcmp(strings + symbols[i].st_name, name)) return resolve(&symbols[i]);
  return fail("the library lacks", name);
}

static void *read_file(const char *path, size_t *size) {
  int file = open(path, O_RDONLY);
  void *memory;
  if (file < 0) fail("cannot open", path);
  *size = (size_t)lseek(file, 0, SEEK_END);
  memory = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0);
  return memory == MAP_FAILED ? fail("cannot map", path) : memory;
}

/* Load the library at `path`; one a program. */
static void load_library(const char *path) {
  size_t size;
  const unsigned char *file = read_file(path, &size);
  map_segments(file);
  link_dynamically(file);
}

#endif
