/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_RETRY_OPTION_H
#define BH_CLI_RETRY_OPTION_H

/* retry_option.h: what --backoff and --retry-on say. Source: docs/cli.md. */

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/retry.h"

/* "200ms" or "200ms..5s", the second at least the first. */
bool bh_backoff_accepts(const char *text);
/* Reads what was accepted. A first wait above the default longest one raises it. */
void bh_backoff_read(const char *text, struct bh_retry *retry);

/* "exit,timeout". */
bool bh_retry_kinds_accepts(const char *text);
/* Reads what was accepted: a BH_KIND_BIT for each. */
uint64_t bh_retry_kinds_read(const char *text);

#endif
