/* hot_code - a qemu plugin that tells which instructions a program executes how often.
 *
 *   qemu-aarch64 -plugin libhot_code.so -d plugin -D CODE PROGRAM
 *
 * At the program's end CODE has one line for each block of straight code that ran, as qemu translated it: function,
 * address, executions, and its instructions as words of eight hexadecimal digits. Blocks may overlap. For programs
 * with one thread and symbols: the counters are not atomic.
 */
#include "qemu_plugin_v1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORTED int qemu_plugin_version = 1;

typedef struct block {
  uint64_t executions, address;
  const char *function;
  size_t count;
  struct block *next;
  uint32_t words[];
} block;

static block *blocks;

static void on_translation(plugin_id id, qemu_plugin_tb *translated) {
  size_t i, count = qemu_plugin_tb_n_insns(translated);
  block *fresh = calloc(1, sizeof *fresh + count * sizeof fresh->words[0]);
  const qemu_plugin_insn *first = qemu_plugin_tb_get_insn(translated, 0);
  (void)id;
  if (!fresh) abort();
  fresh->address = qemu_plugin_insn_vaddr(first);
  fresh->function = qemu_plugin_insn_symbol(first);
  fresh->count = count;
  for (i = 0; i < count; i++)
    memcpy(&fresh->words[i], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(translated, i)), sizeof(uint32_t));
  fresh->next = blocks;
  blocks = fresh;
  qemu_plugin_register_vcpu_tb_exec_inline(translated, INLINE_ADD_U64, &fresh->executions, 1);
}

static void print_block(const block *each) {
  char text[64];
  size_t i;
  qemu_plugin_outs(each->function && each->function[0] ? each->function : "?");
  snprintf(text, sizeof text, " %llx %llu", (unsigned long long)each->address, (unsigned long long)each->executions);
  qemu_plugin_outs(text);
  for (i = 0; i < each->count; i++) {
    snprintf(text, sizeof text, " %08x", each->words[i]);
    qemu_plugin_outs(text);
  }
  qemu_plugin_outs("\n");
}

static void report(plugin_id id, void *data) {
  const block *each;
  (void)id, (void)data;
  for (each = blocks; each; each = each->next)
    if (each->executions) print_block(each);
}

EXPORTED int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments) {
  (void)info, (void)count, (void)arguments;
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
  qemu_plugin_register_atexit_cb(id, report, NULL);
  return 0;
}
