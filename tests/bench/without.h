/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_WITHOUT_H
#define BENCH_WITHOUT_H

/* without.h: launchers that leave one layer out, to see what it costs.
 *
 * Each is the launcher of the tree, compiled once more with without/ in front of
 * its include path; they differ by which layer without.c was compiled for. A
 * call that belongs to the layer isn't made and is answered as if it had
 * succeeded. They stay in the build tree: nothing that is installed can do this.
 *
 * What a launcher enters once for all of its batches (mount, network, IPC, UTS
 * and user namespace, root) and a slot's reaper for all of the slot's (PID namespace,
 * /proc) is not in the list: it costs when these start, which the row `start` shows. */

#include <stdbool.h>

/* A launcher for each, WITHOUT_PREFIX and the name, beside the bench. Keep in
 * step with CMakeLists.txt; a name that without.c doesn't know ends its launcher
 * at once. */
#define WITHOUT_PREFIX  "bulkhead-launcher-without-"
#define WITHOUT_NOTHING "nothing"

/* Whether this call belongs to what is left out; `first` is its first argument. */
bool without_drops(long number, long first);
/* What it is told to have returned. */
long without_answer(long number);

#endif
