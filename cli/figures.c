/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/figures.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/roster.h"

#define MOST_DAYS 1000

static void put_two(uint64_t big, char big_unit, uint64_t small, char small_unit, char *ret)
{
	snprintf(ret, BH_DURATION_SIZE, "%" PRIu64 "%c%02" PRIu64 "%c", big, big_unit, small,
	         small_unit);
}

void bh_figures_duration(uint64_t us, char ret[BH_DURATION_SIZE])
{
	uint64_t s = us / 1000000;

	if (s < 60)
		snprintf(ret, BH_DURATION_SIZE, "%" PRIu64 "s", s);
	else if (s < 60 * 60)
		put_two(s / 60, 'm', s % 60, 's', ret);
	else if (s < 24 * 60 * 60)
		put_two(s / 3600, 'h', s / 60 % 60, 'm', ret);
	else
		put_two(s / 86400, 'd', s / 3600 % 24, 'h', ret);
}

/* Appends the kinds in parentheses; there is room for all of them. */
static void put_kinds(const uint64_t counts[BH_KINDS], char *at, const char *end)
{
	const char *before = " (";

	for (int kind = BH_KIND_NONE + 1; kind < BH_KINDS; kind++) {
		if (counts[kind] == 0)
			continue;
		at += snprintf(at, (size_t)(end - at), "%s%" PRIu64 " %s", before, counts[kind],
		               bh_kind_name((enum bh_kind)kind));
		before = ", ";
	}
	snprintf(at, (size_t)(end - at), ")");
}

void bh_figures_failures(const uint64_t counts[BH_KINDS], bool kinds, char ret[BH_FAILURES_SIZE])
{
	uint64_t failed = 0;

	ret[0] = '\0';
	for (int kind = BH_KIND_NONE + 1; kind < BH_KINDS; kind++)
		failed += counts[kind];
	if (failed == 0)
		return;
	int n = snprintf(ret, BH_FAILURES_SIZE, "%" PRIu64 " failed", failed);
	if (kinds)
		put_kinds(counts, ret + n, ret + BH_FAILURES_SIZE);
}

static double done(const struct bh_roster *roster)
{
	return roster->n_tasks > 0 ? (double)bh_roster_tasks_done(roster) : (double)roster->n_ended;
}

double bh_figures_part(const struct bh_roster *roster)
{
	double all = roster->n_tasks > 0 ? (double)roster->n_tasks : (double)roster->n_batches;
	double part = all > 0 ? done(roster) / all : 1;

	return part < 1 ? part : 1;
}

static double seconds_since(const struct bh_roster *roster, uint64_t now_us)
{
	return now_us > roster->started_us ? (double)(now_us - roster->started_us) / 1e6 : 0;
}

void bh_figures_rate(const struct bh_roster *roster, uint64_t now_us, char ret[BH_RATE_SIZE])
{
	const char *of = roster->n_tasks > 0 ? "tasks" : "batches";
	double seconds = seconds_since(roster, now_us);
	double rate = seconds > 0 ? done(roster) / seconds : 0;

	if (rate <= 0)
		ret[0] = '\0';
	else if (rate < 0.05)
		snprintf(ret, BH_RATE_SIZE, "%.1f %s/h", rate * 3600, of);
	else if (rate < 1e6)
		snprintf(ret, BH_RATE_SIZE, "%.*f %s/s", rate < 10 ? 1 : 0, rate, of);
	else
		snprintf(ret, BH_RATE_SIZE, "%.1e %s/s", rate, of);
}

uint64_t bh_figures_left_us(const struct bh_roster *roster, uint64_t now_us)
{
	double part = bh_figures_part(roster);
	double seconds = seconds_since(roster, now_us);

	if (part >= 1)
		return 0;
	if (part <= 0 || seconds <= 0)
		return UINT64_MAX;
	double left = seconds * (1 - part) / part;
	return left < MOST_DAYS * 86400.0 ? (uint64_t)(left * 1e6) : UINT64_MAX;
}
