/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

/* report.h: what was measured, for people and for programs. */

#include "tests/bench/bench.h"

enum report_form {
	REPORT_PLAIN,
	REPORT_MARKDOWN, /* the table as a README quotes it */
};

/* The machine, and the head of the table. `has_peers`: a column for what they lack. */
void report_print_head(enum report_form form, bool has_peers);
/* The figures of one row, its note, its failure. A short run gets no verdict. */
void report_print(enum report_form form, const char *row, const struct bench_report *report,
                  bool is_short);

struct report_json;
/* NULL when out of memory. */
struct report_json *report_json_new(bool is_short);
/* NULL is a no-op. */
void report_json_free(struct report_json *json);
BH_MUST_CHECK
int report_json_add(struct report_json *json, const char *row, const struct bench_report *report,
                    struct bh_error *err);
BH_MUST_CHECK
int report_json_write(const struct report_json *json, const char *path, struct bh_error *err);

#endif
