/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/complaint.h"
#include "cli/quantity.h"
#include "ipc/wire/base.h"

void bh_words_done(struct bh_words *words)
{
	free(words->items);
	*words = (struct bh_words){ .n = 0 };
}

static bool words_add(struct bh_words *words, const char *text)
{
	const char **grown = reallocarray(words->items, words->n + 2, sizeof(*grown));

	if (!grown)
		return false;
	words->items = grown;
	words->items[words->n++] = text;
	words->items[words->n] = NULL;
	return true;
}

struct parse {
	const struct bh_option_table *table;
	unsigned int groups;
	char *const *at; /* the argument to look at next */
	char *target;
	struct bh_complaint *complaint;
};

static uint64_t most_of(const struct bh_option *option)
{
	return option->most == 0 ? UINT64_MAX : option->most;
}

static const char *form_of(enum bh_option_kind kind)
{
	switch (kind) {
	case BH_OPTION_COUNT:
		return "a whole number";
	case BH_OPTION_SIZE:
		return "a size such as 65536, 64K, 16M or 1G";
	case BH_OPTION_DURATION:
		return "a duration such as 250ms, 30s, 5m or 2h (units: us ms s m h)";
	case BH_OPTION_FLAG:
	case BH_OPTION_TEXT:
	case BH_OPTION_LIST:
	case BH_OPTION_CHOICE:
		break;
	}
	return "a value";
}

static int refuse_number(struct parse *parse, const struct bh_option *option, const char *text)
{
	char most[40] = "";

	if (option->most != 0)
		snprintf(most, sizeof(most), ", at most %" PRIu64, option->most);
	return bh_complain(parse->complaint, BH_STATUS_INPUT, "--%s: got '%s', expected %s%s%s%s",
	                   option->name, text, form_of(option->kind),
	                   option->refuses_zero ? ", not 0" : "", most,
	                   option->takes_none ? ", or 'none'" : "");
}

static bool read_number(enum bh_option_kind kind, const char *text, uint64_t *ret)
{
	switch (kind) {
	case BH_OPTION_COUNT:
		return bh_count_parse(text, ret);
	case BH_OPTION_SIZE:
		return bh_size_parse(text, ret);
	case BH_OPTION_DURATION:
		return bh_duration_parse(text, ret);
	case BH_OPTION_FLAG:
	case BH_OPTION_TEXT:
	case BH_OPTION_LIST:
	case BH_OPTION_CHOICE:
		break;
	}
	return false;
}

static int store_number(struct parse *parse, const struct bh_option *option, const char *text)
{
	uint64_t number = most_of(option);
	bool none = option->takes_none && strcmp(text, "none") == 0;

	if (!none && (!read_number(option->kind, text, &number) || number > most_of(option) ||
	              (number == 0 && option->refuses_zero)))
		return refuse_number(parse, option, text);
	memcpy(parse->target + option->offset, &number, sizeof(number));
	return BH_STATUS_OK;
}

static int refuse_choice(struct parse *parse, const struct bh_option *option, const char *text)
{
	return bh_complain(parse->complaint, BH_STATUS_INPUT, "--%s: got '%s', expected one of %s",
	                   option->name, text, option->argument);
}

static int store_choice(struct parse *parse, const struct bh_option *option, const char *text)
{
	for (unsigned int i = 0; option->choices[i]; i++) {
		if (strcmp(option->choices[i], text) != 0)
			continue;
		memcpy(parse->target + option->offset, &i, sizeof(i));
		return BH_STATUS_OK;
	}
	return refuse_choice(parse, option, text);
}

static int store_text(struct parse *parse, const struct bh_option *option, const char *text)
{
	if (option->accepts && !option->accepts(text))
		return bh_complain(parse->complaint, BH_STATUS_INPUT, "--%s: got '%s', expected %s",
		                   option->name, text, option->expected);
	if (option->kind == BH_OPTION_TEXT)
		memcpy(parse->target + option->offset, &text, sizeof(text));
	else if (!words_add((struct bh_words *)(void *)(parse->target + option->offset), text))
		return bh_complain_memory(parse->complaint);
	return BH_STATUS_OK;
}

static int store(struct parse *parse, const struct bh_option *option, const char *text)
{
	switch (option->kind) {
	case BH_OPTION_FLAG:
		*(bool *)(parse->target + option->offset) = true;
		return BH_STATUS_OK;
	case BH_OPTION_TEXT:
	case BH_OPTION_LIST:
		return store_text(parse, option, text);
	case BH_OPTION_COUNT:
	case BH_OPTION_SIZE:
	case BH_OPTION_DURATION:
		return store_number(parse, option, text);
	case BH_OPTION_CHOICE:
		return store_choice(parse, option, text);
	}
	return BH_STATUS_OK;
}

static const struct bh_option *find_name(const struct parse *parse, const char *name, size_t size)
{
	for (size_t i = 0; i < parse->table->n_options; i++) {
		const struct bh_option *option = &parse->table->options[i];

		if ((option->group & parse->groups) != 0 &&
		    strncmp(option->name, name, size) == 0 && option->name[size] == '\0')
			return option;
	}
	return NULL;
}

static const struct bh_option *find_letter(const struct parse *parse, char letter)
{
	for (size_t i = 0; i < parse->table->n_options; i++) {
		const struct bh_option *option = &parse->table->options[i];

		if ((option->group & parse->groups) != 0 && option->letter == letter)
			return option;
	}
	return NULL;
}

/* Stores a value that is the next argument. */
static int store_next(struct parse *parse, const struct bh_option *option)
{
	const char *text = *parse->at;

	if (!text)
		return bh_complain(parse->complaint, BH_STATUS_INPUT,
		                   "--%s: nothing follows, expected %s", option->name,
		                   option->argument);
	parse->at++;
	return store(parse, option, text);
}

static int parse_long(struct parse *parse, const char *text)
{
	size_t size = strcspn(text, "=");
	const char *value = text[size] == '=' ? text + size + 1 : NULL;
	const struct bh_option *option = find_name(parse, text, size);

	if (!option)
		return bh_complain(parse->complaint, BH_STATUS_INPUT,
		                   "unknown option --%.*s; --help lists the options", (int)size,
		                   text);
	if (option->kind == BH_OPTION_FLAG && value)
		return bh_complain(parse->complaint, BH_STATUS_INPUT,
		                   "--%s: got '%s', expected no value", option->name, value);
	if (option->kind == BH_OPTION_FLAG || value)
		return store(parse, option, value);
	return store_next(parse, option);
}

static int parse_letters(struct parse *parse, const char *letters)
{
	while (*letters != '\0') {
		const struct bh_option *option = find_letter(parse, *letters);

		if (!option)
			return bh_complain(parse->complaint, BH_STATUS_INPUT,
			                   "unknown option -%c; --help lists the options",
			                   *letters);
		letters++;
		if (option->kind != BH_OPTION_FLAG)
			return *letters != '\0' ? store(parse, option, letters)
			                        : store_next(parse, option);
		int r = store(parse, option, NULL);
		if (r != BH_STATUS_OK)
			return r;
	}
	return BH_STATUS_OK;
}

int bh_options_parse(const struct bh_option_table *table, unsigned int groups,
                     char *const *arguments, void *target, char *const **ret_operands,
                     struct bh_complaint *complaint)
{
	struct parse parse = { table, groups, arguments, target, complaint };

	while (*parse.at && (*parse.at)[0] == '-' && (*parse.at)[1] != '\0') {
		const char *argument = *parse.at++;

		if (strcmp(argument, "--") == 0)
			break;
		int r = argument[1] == '-' ? parse_long(&parse, argument + 2)
		                           : parse_letters(&parse, argument + 1);
		if (r != BH_STATUS_OK)
			return r;
	}
	*ret_operands = parse.at;
	return BH_STATUS_OK;
}

/* The help. */

#define HELP_COLUMN 28

static void print_option(FILE *to, const struct bh_option *option)
{
	int width = option->letter ? fprintf(to, "  -%c, --%s", option->letter, option->name)
	                           : fprintf(to, "      --%s", option->name);
	const char *line = option->help;

	if (option->argument)
		width += fprintf(to, " %s", option->argument);
	if (width >= HELP_COLUMN)
		width = fprintf(to, "\n") - 1;
	for (;;) {
		size_t length = strcspn(line, "\n");

		fprintf(to, "%*s%.*s\n", HELP_COLUMN - width, "", (int)length, line);
		if (line[length] == '\0')
			return;
		line += length + 1;
		width = 0;
	}
}

void bh_options_print(FILE *to, const struct bh_option_table *table, unsigned int groups)
{
	for (size_t g = 0; g < table->n_groups; g++) {
		if ((table->groups[g].bits & groups) == 0)
			continue;
		fprintf(to, "\n%s:\n", table->groups[g].heading);
		for (size_t i = 0; i < table->n_options; i++)
			if ((table->options[i].group & table->groups[g].bits & groups) != 0)
				print_option(to, &table->options[i]);
	}
}
