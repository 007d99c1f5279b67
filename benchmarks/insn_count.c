/* insn_count - a qemu plugin that counts the A64 instructions that a program executes, by class.
 *
 *   qemu-aarch64 -plugin libinsn_count.so -d plugin -D COUNTS PROGRAM
 *
 * At the program's end COUNTS has one line a class: its name and its number. For programs with one thread: the
 * counters are not atomic. Encodings: Arm Architecture Reference Manual for A-profile, C4 "A64 Instruction
 * Set Encoding".
 */
#include "qemu_plugin_v1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORTED int qemu_plugin_version = 1;

typedef enum class { VECTOR_FMLA, SCALAR_FMA, OTHER_SIMD, LOAD, STORE, PREFETCH, BRANCH, INTEGER, CLASSES } class;

static const char *const NAMES[CLASSES] = {"vector_fmla", "scalar_fma", "other_simd", "load",
                                           "store",       "prefetch",   "branch",     "integer"};

/* A block of straight code as it was translated, and how often it ran. */
typedef struct block {
  uint64_t executions;
  uint32_t instructions[CLASSES];
  struct block *next;
} block;

static block *blocks;

static uint32_t bits(uint32_t word, int high, int low) { return (word >> low) & ((1u << (high - low + 1)) - 1); }

static class load_or_store(uint32_t word) {
  uint32_t size = bits(word, 31, 30), group = bits(word, 29, 28), simd = bits(word, 26, 26);
  uint32_t opc = bits(word, 23, 22);
  if (group == 1 && !bits(word, 24, 24)) return size == 3 && !simd ? PREFETCH : LOAD; /* literal */
  if (group == 3 && !simd) return size == 3 && opc == 2 ? PREFETCH : opc == 0 ? STORE : LOAD;
  return opc & 1 ? LOAD : STORE;
}

static class simd_or_float(uint32_t word) {
  if ((word & 0xBFA0FC00) == 0x0E20CC00) return VECTOR_FMLA; /* FMLA Vd, Vn, Vm */
  if ((word & 0xBF80F400) == 0x0F801000) return VECTOR_FMLA; /* FMLA Vd, Vn, Vm[i] */
  if ((word & 0xFF000000) == 0x1F000000) return SCALAR_FMA;  /* FMADD, FMSUB, FNMADD, FNMSUB */
  return OTHER_SIMD;
}

static class class_of(uint32_t word) {
  uint32_t group = bits(word, 28, 25);
  if ((group & 5) == 4) return load_or_store(word);
  if ((group & 14) == 10) return BRANCH; /* with exceptions, hints and system registers */
  return (group & 7) == 7 ? simd_or_float(word) : INTEGER;
}

static void on_translation(plugin_id id, qemu_plugin_tb *translated) {
  block *fresh = calloc(1, sizeof *fresh);
  size_t i, count = qemu_plugin_tb_n_insns(translated);
  uint32_t word;
  (void)id;
  if (!fresh) abort();
  for (i = 0; i < count; i++) {
    memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(translated, i)), sizeof word);
    fresh->instructions[class_of(word)]++;
  }
  fresh->next = blocks;
  blocks = fresh;
  qemu_plugin_register_vcpu_tb_exec_inline(translated, INLINE_ADD_U64, &fresh->executions, 1);
}

static void report(plugin_id id, void *data) {
  int i;
  (void)id, (void)data;
  for (i = 0; i < CLASSES; i++) {
    uint64_t count = 0;
    char line[64];
    const block *each;
    for (each = blocks; each; each = each->next) count += each->executions * each->instructions[i];
    snprintf(line, sizeof line, "%s %llu\n", NAMES[i], (unsigned long long)count);
    qemu_plugin_outs(line);
  }
}

EXPORTED int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments) {
  (void)info, (void)count, (void)arguments;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, report, NULL);
  return 0;
}
