/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/lease_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/wire/base.h"
#include "supervisor/idmap.h"
#include "supervisor/loop.h"
#include "supervisor/store_internal.h"
#include "supervisor/stored_entry.h"

/* Each id that is waited for has a place, where requests stand in the order of
 * their arrival; a request stands at all of its ids at once. It remembers one
 * that is not free for it, and only what happens there makes it look again, from
 * there on: what was found free stays so, for whoever conflicts with it there
 * comes after it. So a request looks at each of its ids about twice in all,
 * however often others come and go. (Entries can be added and removed meanwhile;
 * therefore the last look is at all of them.) */

struct stand {
	struct place *place; /* NULL while it does not stand there */
	struct stand *previous, *next;
	struct bh_lease_request *request;
	struct bh_span id; /* the batch's */
	bool exclusive;
};

struct place {
	struct stand *first, *last;
	struct stand *first_exclusive; /* NULL for none */
	size_t id_size;
	char id[];
};

struct bh_lease_request {
	struct bh_lease lease; /* its lists have room for every id */
	struct bh_lease_asker *asker;
	void *userdata;
	struct bh_lease_request *previous, *next; /* in a list of the asker's */
	struct bh_lease_request *next_due;
	uint64_t number; /* in order of arrival */
	bool is_due;
	bool granted;
	size_t blocked_at; /* the stand that was not free */
	size_t n_stands;
	struct stand stands[];
};

/* ---- lists ---- */

static void list_append(struct bh_lease_list *list, struct bh_lease_request *request)
{
	request->previous = list->last;
	request->next = NULL;
	*(list->last ? &list->last->next : &list->first) = request;
	list->last = request;
}

static void list_remove(struct bh_lease_list *list, struct bh_lease_request *request)
{
	*(request->previous ? &request->previous->next : &list->first) = request->next;
	*(request->next ? &request->next->previous : &list->last) = request->previous;
}

static void mark_due(struct bh_lease_queue *queue, struct stand *stand)
{
	struct bh_lease_request *request = stand->request;

	if (request->is_due || stand != &request->stands[request->blocked_at])
		return;
	request->is_due = true;
	request->next_due = NULL;
	*(queue->due ? queue->due_end : &queue->due) = request;
	queue->due_end = &request->next_due;
}

static struct bh_lease_request *pop_due(struct bh_lease_queue *queue)
{
	struct bh_lease_request *first = queue->due;

	if (first) {
		queue->due = first->next_due;
		first->is_due = false;
	}
	return first;
}

/* ---- places ---- */

static struct place *find_place(const struct bh_lease_queue *queue, struct bh_span id)
{
	union bh_idmap_value *found = bh_idmap_find(&queue->places, id);

	return found ? found->pointer : NULL;
}

static int make_place(struct bh_lease_queue *queue, struct bh_span id, struct place **ret)
{
	struct place *made = calloc(1, sizeof(*made) + id.size);

	if (!made)
		return -ENOMEM;
	made->id_size = id.size;
	memcpy(made->id, id.data, id.size);
	int r = bh_idmap_insert(&queue->places, (struct bh_span){ made->id, made->id_size },
	                        (union bh_idmap_value){ .pointer = made });
	if (r < 0) {
		free(made);
		return r;
	}
	*ret = made;
	return 0;
}

static int step_up(struct bh_lease_queue *queue, struct stand *stand)
{
	struct place *place = find_place(queue, stand->id);

	if (!place) {
		int r = make_place(queue, stand->id, &place);
		if (r < 0)
			return r;
	}
	stand->place = place;
	stand->previous = place->last;
	*(place->last ? &place->last->next : &place->first) = stand;
	place->last = stand;
	if (stand->exclusive && !place->first_exclusive)
		place->first_exclusive = stand;
	return 0;
}

/* Those that stand before the first exclusive one now, from `stand` on. */
static void open_shared(struct bh_lease_queue *queue, struct stand *stand)
{
	for (; stand && !stand->exclusive; stand = stand->next)
		mark_due(queue, stand);
}

/* The first exclusive one is gone: the shared ones behind it are free to go. */
static void move_first_exclusive(struct bh_lease_queue *queue, struct place *place,
                                 struct stand *next)
{
	open_shared(queue, next);
	while (next && !next->exclusive)
		next = next->next;
	place->first_exclusive = next;
}

static void step_down(struct bh_lease_queue *queue, struct stand *stand)
{
	struct place *place = stand->place;

	*(stand->previous ? &stand->previous->next : &place->first) = stand->next;
	*(stand->next ? &stand->next->previous : &place->last) = stand->previous;
	stand->place = NULL;
	if (place->first_exclusive == stand)
		move_first_exclusive(queue, place, stand->next);
	if (place->first) {
		if (place->first->exclusive)
			mark_due(queue, place->first);
		return;
	}
	bh_idmap_remove(&queue->places, (struct bh_span){ place->id, place->id_size });
	free(place);
}

static void leave_places(struct bh_lease_queue *queue, struct bh_lease_request *request)
{
	for (size_t i = 0; i < request->n_stands; i++)
		if (request->stands[i].place)
			step_down(queue, &request->stands[i]);
}

static int enter_places(struct bh_lease_queue *queue, struct bh_lease_request *request)
{
	for (size_t i = 0; i < request->n_stands; i++) {
		int r = step_up(queue, &request->stands[i]);
		if (r < 0) {
			leave_places(queue, request);
			return r;
		}
	}
	return 0;
}

/* ---- a request ---- */

static size_t count_ids(const struct bh_batch *batch)
{
	size_t n = batch->n_entry_ids;

	for (size_t i = 0; i < batch->n_tasks; i++)
		n += batch->tasks[i]->n_required_entry_ids;
	return n;
}

static int add_id(struct bh_lease_request *request, struct bh_idmap *known, const char *id,
                  bool exclusive)
{
	struct bh_span key = bh_idmap_key(id);
	size_t place = request->n_stands;

	int r = bh_idmap_insert(known, key, (union bh_idmap_value){ .number = place });
	if (r == -EEXIST) {
		request->stands[bh_idmap_find(known, key)->number].exclusive |= exclusive;
		return 0;
	}
	if (r < 0)
		return r;
	request->stands[place] =
	        (struct stand){ .request = request, .id = key, .exclusive = exclusive };
	request->n_stands++;
	return 0;
}

/* In the order of a context. */
static int add_ids(struct bh_lease_request *request, const struct bh_batch *batch)
{
	BH_CLEANUP(bh_idmap_done) struct bh_idmap known = BH_IDMAP_UNSET;
	int r = 0;

	for (size_t i = 0; i < batch->n_tasks; i++) {
		const struct bh_task *task = batch->tasks[i];

		for (size_t j = 0; r == 0 && j < task->n_required_entry_ids; j++)
			r = add_id(request, &known, task->required_entry_ids[j], task->exclusive);
	}
	for (size_t i = 0; r == 0 && i < batch->n_entry_ids; i++)
		r = add_id(request, &known, batch->entry_ids[i], false);
	return r;
}

static void request_free(struct bh_lease_request *request)
{
	free(request->lease.entries);
	free(request->lease.missing_ids);
	free(request);
}

static void request_done(struct bh_lease_request **request)
{
	if (*request)
		request_free(*request);
}

/* Everything that granting it later will take. */
static int make_request(struct bh_store *store, const struct bh_batch *batch,
                        struct bh_lease_request **ret)
{
	BH_CLEANUP(request_done) struct bh_lease_request *made = NULL;
	size_t n = count_ids(batch);
	size_t size;

	if (__builtin_mul_overflow(n, sizeof(struct stand), &size) ||
	    __builtin_add_overflow(size, sizeof(*made), &size))
		return -ENOMEM;
	made = calloc(1, size);
	if (!made)
		return -ENOMEM;
	made->lease.store = store;
	int r = add_ids(made, batch);
	if (r < 0)
		return r;
	n = made->n_stands + 1;
	made->lease.entries = reallocarray(NULL, n, sizeof(struct bh_stored_entry *));
	made->lease.missing_ids = reallocarray(NULL, n, sizeof(const char *));
	if (!made->lease.entries || !made->lease.missing_ids)
		return -ENOMEM;
	made->number = ++store->lease_queue.last_number;
	*ret = BH_TAKE(made, NULL);
	return 0;
}

static struct bh_stored_entry *find_entry(const struct bh_store *store, struct bh_span id)
{
	union bh_idmap_value *found = bh_idmap_find(&store->by_id, id);

	return found ? found->pointer : NULL;
}

/* Works for one that has come and stands nowhere yet, too. */
static bool is_blocked(const struct bh_store *store, const struct stand *stand)
{
	const struct bh_stored_entry *entry = find_entry(store, stand->id);

	if (!entry)
		return false;
	if (entry->counter->exclusive || (stand->exclusive && entry->counter->leases > 0))
		return true;
	const struct place *place = stand->place ? stand->place
	                                         : find_place(&store->lease_queue, stand->id);
	if (!place)
		return false;
	const struct stand *other = stand->exclusive ? place->first : place->first_exclusive;
	return other && other->request->number < stand->request->number;
}

static bool may_be_granted(struct bh_lease_request *request)
{
	size_t at = request->blocked_at;

	for (size_t i = 0; i < request->n_stands; i++, at++) {
		at = at < request->n_stands ? at : 0;
		if (is_blocked(request->lease.store, &request->stands[at])) {
			request->blocked_at = at;
			return false;
		}
	}
	return true;
}

static void look_up(struct bh_lease_request *request)
{
	struct bh_lease *lease = &request->lease;

	for (size_t i = 0; i < request->n_stands; i++) {
		struct bh_span id = request->stands[i].id;
		struct bh_stored_entry *entry = find_entry(lease->store, id);

		if (!entry) {
			lease->missing_ids[lease->n_missing_ids++] = id.data;
			continue;
		}
		lease->entries[lease->n_entries++] = entry;
		lease->total_tokens = bh_add_saturated(lease->total_tokens, entry->tokens);
		if (request->stands[i].exclusive) {
			entry->counter->exclusive = true;
			lease->store->lease_queue.n_exclusive++;
		}
	}
}

static void hold(struct bh_lease_request *request)
{
	look_up(request);
	bh_lease_hold(&request->lease);
	request->granted = true;
}

/* A step of the asker sets the timer anew, should it be in one. */
static void wake(const struct bh_lease_asker *asker)
{
	int r = asker->loop ? bh_loop_arm(asker->loop, 0, NULL) : 0;

	assert(r == 0); /* its timer is open, and any time is allowed */
	(void)r;
}

static void grant(struct bh_store *store, struct bh_lease_request *request)
{
	struct bh_lease_asker *asker = request->asker;

	hold(request);
	leave_places(&store->lease_queue, request);
	store->leases.leases_waiting--;
	list_remove(&asker->waiting, request);
	list_append(&asker->granted, request);
	wake(asker);
}

void bh_lease_queue_on_free(struct bh_store *store, struct bh_stored_entry *entry)
{
	struct bh_lease_queue *queue = &store->lease_queue;
	bool was_exclusive = BH_TAKE(entry->counter->exclusive, false);

	queue->n_exclusive -= was_exclusive;
	if (queue->places.count == 0)
		return;
	const struct place *place = find_place(queue, bh_stored_entry_id(entry));
	if (!place)
		return;
	if (place->first->exclusive)
		mark_due(queue, place->first);
	else if (was_exclusive)
		open_shared(queue, place->first);
}

void bh_lease_queue_settle(struct bh_store *store)
{
	struct bh_lease_request *request;

	while ((request = pop_due(&store->lease_queue)))
		if (may_be_granted(request))
			grant(store, request);
}

/* ---- asking ---- */

static bool wants_exclusive(const struct bh_batch *batch)
{
	for (size_t i = 0; i < batch->n_tasks; i++)
		if (batch->tasks[i]->exclusive)
			return true;
	return false;
}

/* Then nobody waits either, and a shared lease conflicts with nothing. */
static bool all_is_shared(const struct bh_store *store, const struct bh_batch *batch)
{
	const struct bh_lease_queue *queue = &store->lease_queue;

	return queue->n_exclusive == 0 && queue->places.count == 0 && !wants_exclusive(batch);
}

static int begin_waiting(struct bh_store *store, struct bh_lease_request *request,
                         struct bh_lease_asker *asker, void *userdata)
{
	int r = enter_places(&store->lease_queue, request);

	if (r < 0) {
		bh_lease_queue_settle(store); /* who was marked has to be looked at */
		return r;
	}
	request->asker = asker;
	request->userdata = userdata;
	list_append(&asker->waiting, request);
	store->leases.leases_waiting++;
	return 0;
}

int bh_lease_ask(struct bh_store *store, const struct bh_batch *batch, struct bh_lease_asker *asker,
                 void *userdata, struct bh_lease *ret, struct bh_lease_request **ret_request,
                 struct bh_error *err)
{
	BH_CLEANUP(request_done) struct bh_lease_request *made = NULL;
	int r;

	if (all_is_shared(store, batch)) {
		r = bh_lease_take(store, batch, ret, err);
		store->leases.leases_requested += r == 0;
		return r;
	}
	r = make_request(store, batch, &made);
	bool at_once = r == 0 && may_be_granted(made);
	if (r == 0 && !at_once)
		r = begin_waiting(store, made, asker, userdata);
	if (r < 0)
		return bh_fail(err, -r, "ask for a lease on the entries of a batch");

	store->leases.leases_requested++;
	if (!at_once) {
		*ret_request = BH_TAKE(made, NULL);
		return 1;
	}
	hold(made);
	*ret = BH_TAKE(made->lease, BH_LEASE_UNSET);
	return 0;
}

struct bh_lease_request *bh_lease_asker_granted(const struct bh_lease_asker *asker)
{
	return asker->granted.first;
}

struct bh_lease_request *bh_lease_asker_first(const struct bh_lease_asker *asker)
{
	return asker->granted.first ? asker->granted.first : asker->waiting.first;
}

void *bh_lease_request_userdata(const struct bh_lease_request *request)
{
	return request->userdata;
}

void bh_lease_request_claim(struct bh_lease_request *request, struct bh_lease *ret)
{
	assert(request->granted);
	list_remove(&request->asker->granted, request);
	*ret = BH_TAKE(request->lease, BH_LEASE_UNSET);
	request_free(request);
}

void bh_lease_request_withdraw(struct bh_lease_request *request)
{
	struct bh_lease lease;

	if (!request)
		return;
	struct bh_store *store = request->lease.store;
	if (request->granted) {
		bh_lease_request_claim(request, &lease);
		bh_lease_release(&lease);
		return;
	}
	leave_places(&store->lease_queue, request);
	list_remove(&request->asker->waiting, request);
	store->leases.leases_waiting--;
	store->leases.leases_withdrawn++;
	request_free(request);
	bh_lease_queue_settle(store);
}
