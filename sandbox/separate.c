/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/separate.h"

#include <stdlib.h>

#include "ipc/wire/base.h"

/* The halves of the arguments, the upper one first, as libseccomp compares. */
#define HALVES (2 * BH_CALL_ARGUMENTS)

/* Past these a profile is given up: far more than any sensible one needs, and few
 * enough that libseccomp, which is slow to take many rules, ends soon. */
#define MAX_CUBES  512
#define MAX_CELLS  2048
#define MAX_PIECES 512
#define MAX_STEPS  20000

/* All arguments with (half & mask) == value in each half. Comparisons by order
 * are several cubes: numbers above 5 begin like 5 up to a bit that is 0 there
 * and 1 in them. */
struct cube {
	uint32_t mask[HALVES];
	uint32_t value[HALVES];
	unsigned int end; /* halves from here on do not matter */
	struct bh_answer answer;
	bool restricts;
};

struct cubes {
	struct cube *items; /* owned; the strictest first */
	size_t n;
};

/* A part of the numbers that one half can be. */
struct cell {
	uint32_t mask, value;
	const struct cube *decided; /* what follows does not matter: this cube counts */
	bool open;                  /* a stricter cube may hold, by the halves to come */
	bool allowed;               /* of what follows only restrictions matter */
};

struct cells {
	struct cell *items; /* owned */
	size_t n, capacity;
};

struct work {
	int32_t number;
	struct bh_answer otherwise;
	bool restricted;
	int (*take)(void *userdata, const struct bh_call_rule *piece, struct bh_error *err);
	void *userdata;
	size_t n_pieces;
	size_t n_steps;
};

static void cubes_done(struct cubes *cubes)
{
	free(cubes->items);
}

static void cells_done(struct cells *cells)
{
	free(cells->items);
}

static int too_many(struct bh_error *err)
{
	return bh_fail_plain(err, E2BIG, "its rules overlap in too many ways");
}

/* ---- rules to cubes ---- */

struct masked {
	uint64_t mask, value;
};
#define MAX_MASKED 65

/* Numbers that agree with `pivot` above a bit and differ in it, for each bit that
 * is `bit` in the pivot; both values where `bit` is 2. */
static size_t list_prefixes(uint64_t pivot, unsigned int bit, struct masked *ret)
{
	size_t n = 0;

	for (unsigned int i = 0; i < 64; i++) {
		uint64_t mask = UINT64_MAX << i;
		if (bit < 2 && ((pivot >> i) & 1) != bit)
			continue;
		ret[n++] = (struct masked){ mask, (pivot & mask) ^ ((uint64_t)1 << i) };
	}
	return n;
}

static size_t list_masked(const struct bh_condition *condition, struct masked *ret)
{
	uint64_t value = condition->value;
	size_t n = 0;

	switch (condition->comparison) {
	case BH_COMPARE_MASKED_EQ:
		ret[0] = (struct masked){ value, condition->value_two };
		return 1;
	case BH_COMPARE_NE:
		return list_prefixes(value, 2, ret);
	case BH_COMPARE_LT:
	case BH_COMPARE_LE:
		n = list_prefixes(value, 1, ret);
		break;
	case BH_COMPARE_GE:
	case BH_COMPARE_GT:
		n = list_prefixes(value, 0, ret);
		break;
	case BH_COMPARE_EQ:
		break;
	}
	if (condition->comparison != BH_COMPARE_LT && condition->comparison != BH_COMPARE_GT)
		ret[n++] = (struct masked){ UINT64_MAX, value };
	return n;
}

static void narrow(struct cube *cube, uint32_t argument, struct masked by)
{
	unsigned int at = 2 * argument;

	cube->mask[at] = (uint32_t)(by.mask >> 32);
	cube->value[at] = (uint32_t)(by.value >> 32);
	cube->mask[at + 1] = (uint32_t)by.mask;
	cube->value[at + 1] = (uint32_t)by.value;
	for (unsigned int i = at; i < at + 2; i++)
		if (cube->mask[i] != 0 && cube->end <= i)
			cube->end = i + 1;
}

/* Adds a cube, then, condition after condition, replaces it and its like by what
 * the comparison leaves of them. */
static int add_cubes(struct cubes *cubes, struct cube whole, const struct bh_condition *conditions,
                     size_t n_conditions, struct bh_error *err)
{
	struct masked list[MAX_MASKED];
	size_t first = cubes->n;

	if (first == MAX_CUBES)
		return too_many(err);
	cubes->items[cubes->n++] = whole;
	for (size_t c = 0; c < n_conditions; c++) {
		size_t n_list = list_masked(&conditions[c], list);
		size_t n = cubes->n - first;
		if (n * n_list > MAX_CUBES - first)
			return too_many(err);
		for (size_t i = n; i-- > 0;) /* backwards: a cube makes room for its own */
			for (size_t k = n_list; k-- > 0;) {
				struct cube made = cubes->items[first + i];
				narrow(&made, conditions[c].argument, list[k]);
				cubes->items[first + i * n_list + k] = made;
			}
		cubes->n = first + n * n_list;
	}
	return 0;
}

static int add_all_of_kind(struct cubes *cubes, const struct bh_call_rule *const *rules,
                           size_t n_rules, enum bh_answer_kind kind, struct bh_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_rules; i++)
		if (rules[i]->answer.kind == kind)
			r = add_cubes(cubes, (struct cube){ .answer = rules[i]->answer },
			              rules[i]->conditions, rules[i]->n_conditions, err);
	return r;
}

static int add_restrictions(struct cubes *cubes, const struct bh_restriction *restrictions,
                            size_t n_restrictions, struct bh_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_restrictions; i++)
		r = add_cubes(cubes,
		              (struct cube){ .restricts = true, .answer = restrictions[i].answer },
		              &restrictions[i].condition, restrictions[i].has_condition, err);
	return r;
}

/* Strictest first; the restrictions last, for they matter only where all else
 * leaves. */
static int list_cubes(const struct bh_call_rule *const *rules, size_t n_rules,
                      const struct bh_restriction *restrictions, size_t n_restrictions,
                      struct cubes *ret, struct bh_error *err)
{
	ret->items = calloc(MAX_CUBES, sizeof(*ret->items));
	if (!ret->items)
		return bh_fail(err, ENOMEM, "cut up rules");
	int r = add_all_of_kind(ret, rules, n_rules, BH_ANSWER_REPORT, err);
	if (r == 0)
		r = add_all_of_kind(ret, rules, n_rules, BH_ANSWER_ERRNO, err);
	if (r == 0)
		r = add_all_of_kind(ret, rules, n_rules, BH_ANSWER_ALLOW, err);
	if (r == 0)
		r = add_restrictions(ret, restrictions, n_restrictions, err);
	return r;
}

/* ---- cells of one half ---- */

static int add_cell(struct cells *cells, struct cell cell, struct bh_error *err)
{
	if (cells->n == cells->capacity) {
		size_t capacity = cells->capacity ? 2 * cells->capacity : 64;
		if (capacity > MAX_CELLS)
			return too_many(err);
		void *grown = reallocarray(cells->items, capacity, sizeof(cell));
		if (!grown)
			return bh_fail(err, ENOMEM, "cut up rules");
		cells->items = grown;
		cells->capacity = capacity;
	}
	cells->items[cells->n++] = cell;
	return 0;
}

/* Leaves of a cell what lies inside a cube; the rest becomes cells of its own,
 * one for each bit that may differ. From the highest on, so that the cells are the
 * same that comparisons by order are made of. */
static int carve(struct cells *cells, size_t which, uint32_t mask, uint32_t value,
                 struct bh_error *err)
{
	uint32_t left = mask & ~cells->items[which].mask;

	while (left != 0) {
		uint32_t bit = (uint32_t)1 << (31 - __builtin_clz(left));
		struct cell outside = cells->items[which];
		outside.mask |= bit;
		outside.value |= ~value & bit;
		int r = add_cell(cells, outside, err);
		if (r < 0)
			return r;
		cells->items[which].mask |= bit;
		cells->items[which].value |= value & bit;
		left &= ~bit;
	}
	return 0;
}

/* Nothing stricter can hold in the cell, and this cube does in all of it. */
static void settle(const struct work *work, struct cell *cell, const struct cube *cube)
{
	if (cube->restricts ? cell->allowed
	                    : cube->answer.kind != BH_ANSWER_ALLOW || !work->restricted)
		cell->decided = cube;
	else if (!cube->restricts)
		cell->allowed = true;
}

static bool matters(const struct cell *cell, const struct cube *cube, unsigned int half)
{
	return !cell->decided && (!cell->allowed || cube->restricts) &&
	       (cell->mask & cube->mask[half] & (cell->value ^ cube->value[half])) == 0;
}

/* Cuts the cells along one cube. */
static int cut(const struct work *work, struct cells *cells, const struct cube *cube,
               unsigned int half, struct bh_error *err)
{
	size_t n = cells->n;

	for (size_t i = 0; i < n; i++) {
		if (!matters(&cells->items[i], cube, half))
			continue;
		int r = carve(cells, i, cube->mask[half], cube->value[half], err);
		if (r < 0)
			return r;
		if (!cells->items[i].open && cube->end <= half + 1)
			settle(work, &cells->items[i], cube);
		cells->items[i].open |= cube->end > half + 1;
	}
	return 0;
}

/* ---- pieces ---- */

static int give(struct work *work, const struct cube *piece, struct bh_answer answer,
                struct bh_error *err)
{
	struct bh_call_rule rule = { .number = work->number, .answer = answer };

	if (bh_answer_equals(answer, work->otherwise))
		return 0;
	if (work->n_pieces++ == MAX_PIECES)
		return too_many(err);
	for (uint32_t argument = 0; argument < BH_CALL_ARGUMENTS; argument++) {
		const uint32_t *mask = &piece->mask[2 * argument];
		const uint32_t *value = &piece->value[2 * argument];
		if (mask[0] == 0 && mask[1] == 0)
			continue;
		rule.conditions[rule.n_conditions++] = (struct bh_condition){
			.argument = argument,
			.comparison = BH_COMPARE_MASKED_EQ,
			.value = (uint64_t)mask[0] << 32 | mask[1],
			.value_two = (uint64_t)value[0] << 32 | value[1],
		};
	}
	return work->take(work->userdata, &rule, err);
}

/* Where every cube of `cubes` holds. */
static struct bh_answer judge(const struct work *work, const struct cube *const *cubes, size_t n)
{
	struct bh_answer answer = cubes[0]->restricts ? work->otherwise : cubes[0]->answer;

	if (answer.kind == BH_ANSWER_ALLOW && cubes[n - 1]->restricts)
		return cubes[n - 1]->answer;
	return answer;
}

/* Of `cubes`, those that hold in all of the cell. */
static size_t select_cubes(const struct cube *const *cubes, size_t n, const struct cell *cell,
                           unsigned int half, const struct cube **ret)
{
	size_t n_ret = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t mask = cubes[i]->mask[half];
		if ((cell->mask & mask) == mask && (cell->value & mask) == cubes[i]->value[half])
			ret[n_ret++] = cubes[i];
	}
	return n_ret;
}

/* Cuts along the half `half` and all that follow; `piece` says what the halves
 * before it are. */
static int separate(struct work *work, unsigned int half, const struct cube *const *cubes, size_t n,
                    struct cube *piece, struct bh_error *err)
{
	BH_CLEANUP(cells_done) struct cells cells = { .items = NULL };

	if (n == 0)
		return 0;
	if (work->n_steps++ == MAX_STEPS)
		return too_many(err);
	if (half == HALVES)
		return give(work, piece, judge(work, cubes, n), err);
	BH_CLEANUP(bh_free_done) const struct cube **inside = calloc(n, sizeof(*inside));
	if (!inside)
		return bh_fail(err, ENOMEM, "cut up rules");
	int r = add_cell(&cells, (struct cell){ .mask = 0 }, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = cut(work, &cells, cubes[i], half, err);
	for (size_t i = 0; r == 0 && i < cells.n; i++) {
		const struct cell *cell = &cells.items[i];
		piece->mask[half] = cell->mask;
		piece->value[half] = cell->value;
		if (cell->decided)
			r = give(work, piece, cell->decided->answer, err);
		else
			r = separate(work, half + 1, inside,
			             select_cubes(cubes, n, cell, half, inside), piece, err);
		piece->mask[half] = 0;
		piece->value[half] = 0;
	}
	return r;
}

int bh_rules_separate(const struct bh_call_rule *const *rules, size_t n_rules, int32_t number,
                      struct bh_answer otherwise, const struct bh_restriction *restrictions,
                      size_t n_restrictions,
                      int (*take)(void *userdata, const struct bh_call_rule *piece,
                                  struct bh_error *err),
                      void *userdata, struct bh_error *err)
{
	BH_CLEANUP(cubes_done) struct cubes cubes = { .items = NULL };
	struct work work = { .number = number,
		             .otherwise = otherwise,
		             .restricted = n_restrictions > 0,
		             .take = take,
		             .userdata = userdata };
	struct cube piece = { .end = 0 };

	int r = list_cubes(rules, n_rules, restrictions, n_restrictions, &cubes, err);
	if (r < 0)
		return r;
	BH_CLEANUP(bh_free_done)
	const struct cube **all = calloc(cubes.n + 1, sizeof(*all));
	if (!all)
		return bh_fail(err, ENOMEM, "cut up rules");
	for (size_t i = 0; i < cubes.n; i++)
		all[i] = &cubes.items[i];
	return separate(&work, 0, all, cubes.n, &piece, err);
}
