/* SPDX-License-Identifier: Apache-2.0 */

/* open.c: from two descriptors to a handler. */

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler_state.h"
#include "pages.h"

/* A context up to this size is copied into the arena: that costs one page more at
 * most, which is less than a mapping of its own. From two pages on it is the other
 * way round, as pages of the context are there already and need no zeroing. */
#define COPIED_MAX_SIZE ((size_t)4096)

struct arena {
	struct bh_handler handler;
	struct bh_entry_index index;
	struct bh_builder builder;
	struct bh_failure failure;
	size_t size; /* of the arena, with what follows */
	uint8_t context[];
};

static int map_context(struct bh_handler *handler, size_t size)
{
	/* Private, as kernels before 6.7 refuse shared mappings of a memfd that is
	 * sealed against writing. No copy is made, as nothing is written. */
	void *pages = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, BH_CONTEXT_FD, 0);
	int error = errno;

	if (pages == MAP_FAILED)
		return error == ENOMEM ? -ENOMEM : -EPROTO;
	handler->context = (struct bh_reader){ pages, (const uint8_t *)pages + size };
	handler->context_is_mapped = true;
	return 0;
}

static int copy_context(struct arena *arena, size_t size)
{
	if (pread(BH_CONTEXT_FD, arena->context, size, 0) != (ssize_t)size)
		return -EPROTO;
	arena->handler.context = (struct bh_reader){ arena->context, arena->context + size };
	return 0;
}

static struct arena *arena_new(size_t context_size)
{
	size_t size = sizeof(struct arena) + context_size;
	struct arena *arena = bh_pages_new(size);

	if (!arena)
		return NULL;
	arena->size = size;
	arena->handler.index = &arena->index;
	arena->handler.builder = &arena->builder;
	arena->handler.failure = &arena->failure;
	bh_builder_init(&arena->builder);
	return arena;
}

int bh_handler_open(struct bh_handler **ret)
{
	struct stat context;

	if (fstat(BH_CONTEXT_FD, &context) < 0 || fcntl(BH_RESULTS_FD, F_GETFD) < 0)
		return -EBADF;
	if (context.st_size <= 0)
		return -EPROTO;
	size_t size = (size_t)context.st_size;
	bool copied = size <= COPIED_MAX_SIZE;
	struct arena *arena = arena_new(copied ? size : 0);
	if (!arena)
		return -ENOMEM;
	int r = copied ? copy_context(arena, size) : map_context(&arena->handler, size);
	if (r == 0)
		r = bh_context_read(&arena->handler);
	if (r < 0) {
		bh_handler_close(&arena->handler);
		return r;
	}
	*ret = &arena->handler;
	return 0;
}

void bh_handler_close(struct bh_handler *handler)
{
	if (!handler)
		return;
	struct arena *arena = (struct arena *)handler; /* its first member */
	if (handler->context_is_mapped)
		munmap((void *)(uintptr_t)handler->context.at,
		       (size_t)(handler->context.end - handler->context.at));
	if (handler->tasks != handler->first_tasks)
		bh_pages_free(handler->tasks, handler->batch.n_tasks * sizeof(*handler->tasks));
	bh_entry_index_done(handler->index, handler->batch.n_entries);
	bh_builder_done(handler->builder);
	bh_pages_free(arena, arena->size);
}
