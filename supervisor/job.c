/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/job.h"

#include <stdlib.h>

#include "ipc/wire/base.h"

#define LEAST_BUCKETS 64

/* ---- lists ---- */

void bh_job_list_append(struct bh_job_list *list, struct bh_job *job)
{
	job->next = NULL;
	job->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = job;
	list->last = job;
	list->n++;
}

void bh_job_list_prepend(struct bh_job_list *list, struct bh_job *job)
{
	job->previous = NULL;
	job->next = list->first;
	*(list->first ? &list->first->previous : &list->last) = job;
	list->first = job;
	list->n++;
}

void bh_job_list_remove(struct bh_job_list *list, struct bh_job *job)
{
	*(job->previous ? &job->previous->next : &list->first) = job->next;
	*(job->next ? &job->next->previous : &list->last) = job->previous;
	job->next = job->previous = NULL;
	list->n--;
}

struct bh_job *bh_job_list_pop(struct bh_job_list *list)
{
	struct bh_job *first = list->first;

	if (first)
		bh_job_list_remove(list, first);
	return first;
}

/* ---- table ---- */

/* Indexes are consecutive, so their low bits spread them evenly. */
static struct bh_job **bucket_of(const struct bh_job_table *table, size_t index)
{
	return &table->buckets[index & (table->n_buckets - 1)];
}

static void chain(struct bh_job_table *table, struct bh_job *job)
{
	struct bh_job **bucket = bucket_of(table, job->index);

	job->chained = *bucket;
	*bucket = job;
}

/* Where there is no memory for more buckets the chains get longer: no harm. */
static void grow(struct bh_job_table *table)
{
	size_t n = table->n_buckets ? table->n_buckets * 2 : LEAST_BUCKETS;
	struct bh_job_table grown = { .buckets = calloc(n, sizeof(*grown.buckets)),
		                      .n_buckets = n,
		                      .n = table->n };

	if (!grown.buckets)
		return;
	for (size_t i = 0; i < table->n_buckets; i++) {
		for (struct bh_job *job = table->buckets[i], *next; job; job = next) {
			next = job->chained;
			chain(&grown, job);
		}
	}
	free(table->buckets);
	*table = grown;
}

int bh_job_table_add(struct bh_job_table *table, struct bh_job *job)
{
	if (table->n >= table->n_buckets)
		grow(table);
	if (table->n_buckets == 0)
		return -ENOMEM;
	chain(table, job);
	table->n++;
	return 0;
}

void bh_job_table_remove(struct bh_job_table *table, const struct bh_job *job)
{
	struct bh_job **at = bucket_of(table, job->index);

	while (*at != job)
		at = &(*at)->chained;
	*at = job->chained;
	table->n--;
}

struct bh_job *bh_job_table_find(const struct bh_job_table *table, size_t index)
{
	struct bh_job *job = table->n_buckets > 0 ? *bucket_of(table, index) : NULL;

	while (job && job->index != index)
		job = job->chained;
	return job;
}

void bh_job_table_done(struct bh_job_table *table)
{
	free(table->buckets);
	*table = (struct bh_job_table){ .n = 0 };
}
