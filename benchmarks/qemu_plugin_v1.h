/* qemu_plugin_v1.h - what the plugins here use of qemu's plugin interface, version 1 (qemu 4.2 to 9.0), which few
 * systems install as a header. */
#ifndef QEMU_PLUGIN_V1_H
#define QEMU_PLUGIN_V1_H

#include <stddef.h>
#include <stdint.h>

#define EXPORTED __attribute__((visibility("default")))

typedef uint64_t plugin_id;
typedef struct qemu_plugin_tb qemu_plugin_tb;
typedef struct qemu_plugin_insn qemu_plugin_insn;
enum { INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(qemu_plugin_tb *, int operation, void *counter, uint64_t summand);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb *);
qemu_plugin_insn *qemu_plugin_tb_get_insn(const qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn *);
const char *qemu_plugin_insn_symbol(const qemu_plugin_insn *);
void qemu_plugin_outs(const char *);

#endif
