/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_RESULT_LINE_H
#define BH_CLI_RESULT_LINE_H

/* result_line.h: a result as one JSON object. Source: docs/cli.md, "Results". */

#include <stddef.h>

#include "bulkhead/error.h"
#include "bulkhead/result.h"

struct bh_json;

/* Writes the object. -ENOMEM: the line is then to be abandoned. */
BH_MUST_CHECK
int bh_result_write(struct bh_json *json, const struct bh_result *result);

/* Writes task id → value of all that was aggregated. -ENOMEM as above. */
BH_MUST_CHECK
int bh_aggregate_write(struct bh_json *json, const struct bh_aggregate *aggregate);

/* "SIGSEGV", "SIGRTMIN+3", or "SIG33" for one that the C library keeps. */
void bh_signal_name(int number, char *ret, size_t size);

#endif
