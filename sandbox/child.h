/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CHILD_H
#define BH_SANDBOX_CHILD_H

/* child.h: the two processes of one batch, from their clone to the handler's
 * exec.
 *
 * The reaper is pid 1 of the batch's PID namespace, so that the handler is not:
 * abort() and raise() of a pid 1 don't do what they do elsewhere. It prepares what
 * it can, waits for the batch, executes the handler, says STARTED and waits for its
 * end. Then it exits, and the kernel kills whatever is left in the namespace; or it
 * stays: it kills and reaps all that is left itself, sets the namespace's count of
 * processes back, says that the batch is over, and waits for the slot's next. To
 * make a namespace and a /proc, and to take them down, costs as much as all else
 * that is done for a batch, and a namespace in which nobody but its pid 1 is left, and
 * that counts from 2 again, tells the next batch nothing of the last.
 *
 * Both run in the launcher's memory, the reaper beside it, the handler until its exec,
 * and report by leaving values in their slot. What the handler does, an exit status
 * included, can't look like a failed set-up. Source: pid_namespaces(7); clone(2);
 * the kernel's admin-guide/sysctl/kernel.rst, ns_last_pid. */

#include <stdint.h>

/* The reaper of a `struct bh_slot`, from its clone to its end. */
void bh_reaper_main(void *slot);

/* Waits, by raw calls only, until the word, which others of this memory change and
 * wake, is another than `value`. `key` as in sandbox/filter.h. */
void bh_await_word(const uint32_t *word, uint32_t value, uint64_t key);

#endif
