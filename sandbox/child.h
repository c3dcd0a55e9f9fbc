/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CHILD_H
#define BH_SANDBOX_CHILD_H

/* child.h: the two processes of one batch, from their clone to the handler's
 * exec.
 *
 * The reaper is pid 1 of the batch's PID namespace, so that the handler is not:
 * abort() and raise() of a pid 1 don't do what they do elsewhere. It prepares what
 * it can, waits for the batch, executes the handler, says STARTED, waits for its
 * end and exits; the kernel then kills whatever is left in the namespace. Both run
 * in the launcher's memory, the reaper beside it, the handler until its exec, and
 * report by leaving values in their slot. What the handler does, an exit status
 * included, can't look like a failed set-up. Source: pid_namespaces(7); clone(2). */

#include <stdint.h>

/* The reaper of a `struct bh_slot`, from its clone to its end. */
void bh_reaper_main(void *slot);

/* Waits, by raw calls only, until the word, which others of this memory change and
 * wake, is another than `value`. `key` as in sandbox/filter.h. */
void bh_await_word(const uint32_t *word, uint32_t value, uint64_t key);

#endif
