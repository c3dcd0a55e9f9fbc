/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_WITHOUT_RAWCALL_H
#define BENCH_WITHOUT_RAWCALL_H

/* rawcall.h, as the sandbox sees it when it is compiled for the row `layers`:
 * the real one, with a look at each call before it is made. Everything that a
 * reaper or a handler before its exec does goes through this name, so one layer
 * can be left out of the very code that is measured, and that code has no switch
 * for it. See without.h. */

#include_next "sandbox/rawcall.h"

#include "tests/bench/without.h"

#define bh_raw6(n, a, b, c, d, e, f) \
	(without_drops((n), (a)) ? without_answer(n) : bh_raw6((n), (a), (b), (c), (d), (e), (f)))

#endif
