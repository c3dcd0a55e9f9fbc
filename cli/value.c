/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/value.h"

#include <stdint.h>

#include "cli/json_writer.h"
#include "ipc/codec/cursor.h"
#include "ipc/wire/base.h"

bool bh_value_within_depth(const json_t *value, unsigned int max)
{
	const char *key;
	size_t index;
	json_t *item;

	if (!json_is_object(value) && !json_is_array(value))
		return true;
	if (max == 0)
		return false;
	json_array_foreach(value, index,
	                   item) if (!bh_value_within_depth(item, max - 1)) return false;
	json_object_foreach((json_t *)value, key,
	                    item) if (!bh_value_within_depth(item, max - 1)) return false;
	return true;
}

static bool pack_text(msgpack_packer *packer, const char *text, size_t size)
{
	return size <= UINT32_MAX && msgpack_pack_str(packer, size) == 0 &&
	       msgpack_pack_str_body(packer, text, size) == 0;
}

static bool pack_value(msgpack_packer *packer, const json_t *value);

static bool pack_array(msgpack_packer *packer, const json_t *array)
{
	size_t index;
	json_t *item;

	if (json_array_size(array) > UINT32_MAX ||
	    msgpack_pack_array(packer, json_array_size(array)) != 0)
		return false;
	json_array_foreach(array, index, item) if (!pack_value(packer, item)) return false;
	return true;
}

static bool pack_object(msgpack_packer *packer, const json_t *object)
{
	const char *key;
	size_t key_size;
	json_t *item;

	if (json_object_size(object) > UINT32_MAX ||
	    msgpack_pack_map(packer, json_object_size(object)) != 0)
		return false;
	json_object_keylen_foreach((json_t *)object, key, key_size,
	                           item) if (!pack_text(packer, key, key_size) ||
	                                     !pack_value(packer, item)) return false;
	return true;
}

static bool pack_value(msgpack_packer *packer, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return pack_object(packer, value);
	case JSON_ARRAY:
		return pack_array(packer, value);
	case JSON_STRING:
		return pack_text(packer, json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
		return msgpack_pack_int64(packer, json_integer_value(value)) == 0;
	case JSON_REAL:
		return msgpack_pack_double(packer, json_real_value(value)) == 0;
	case JSON_TRUE:
		return msgpack_pack_true(packer) == 0;
	case JSON_FALSE:
		return msgpack_pack_false(packer) == 0;
	case JSON_NULL:
		return msgpack_pack_nil(packer) == 0;
	}
	return false;
}

bool bh_value_pack(const json_t *value, msgpack_sbuffer *to)
{
	msgpack_packer packer;

	msgpack_packer_init(&packer, to, msgpack_sbuffer_write);
	return pack_value(&packer, value);
}

static void write_ext(struct bh_json *json, const msgpack_object_ext *ext)
{
	bh_json_begin_object(json);
	bh_json_key(json, "$ext");
	bh_json_int(json, ext->type);
	bh_json_key(json, "$base64");
	bh_json_base64(json, (struct bh_span){ ext->ptr, ext->size });
	bh_json_end_object(json);
}

static void write_bin(struct bh_json *json, const msgpack_object_bin *bin)
{
	bh_json_begin_object(json);
	bh_json_key(json, "$base64");
	bh_json_base64(json, (struct bh_span){ bin->ptr, bin->size });
	bh_json_end_object(json);
}

static void write_object(struct bh_json *json, const msgpack_object *object);

static void write_array(struct bh_json *json, const msgpack_object_array *array)
{
	bh_json_begin_array(json);
	for (uint32_t i = 0; i < array->size; i++)
		write_object(json, &array->ptr[i]);
	bh_json_end_array(json);
}

static void write_map(struct bh_json *json, const msgpack_object_map *map)
{
	bh_json_begin_object(json);
	for (uint32_t i = 0; i < map->size; i++) {
		const msgpack_object_str *key = &map->ptr[i].key.via.str;

		bh_json_key_span(json, (struct bh_span){ key->ptr, key->size });
		write_object(json, &map->ptr[i].val);
	}
	bh_json_end_object(json);
}

/* Recursion is bounded: the bytes were checked for BH_CURSOR_MAX_DEPTH. */
static void write_object(struct bh_json *json, const msgpack_object *object)
{
	switch (object->type) {
	case MSGPACK_OBJECT_NIL:
		bh_json_null(json);
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		bh_json_bool(json, object->via.boolean);
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		bh_json_uint(json, object->via.u64);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		bh_json_int(json, object->via.i64);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		bh_json_double(json, object->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
		bh_json_string_span(json,
		                    (struct bh_span){ object->via.str.ptr, object->via.str.size });
		break;
	case MSGPACK_OBJECT_ARRAY:
		write_array(json, &object->via.array);
		break;
	case MSGPACK_OBJECT_MAP:
		write_map(json, &object->via.map);
		break;
	case MSGPACK_OBJECT_BIN:
		write_bin(json, &object->via.bin);
		break;
	case MSGPACK_OBJECT_EXT:
		write_ext(json, &object->via.ext);
		break;
	}
}

/* msgpack-c allocates by what the bytes claim, so they are checked first. */
static bool is_one_value(struct bh_span value)
{
	struct bh_cursor cursor = bh_cursor_over(value);
	uint64_t objects = UINT64_MAX;

	return bh_cursor_skip(&cursor, 1, &objects) == BH_CURSOR_OK &&
	       bh_cursor_offset(&cursor) == value.size;
}

bool bh_value_write(struct bh_json *json, struct bh_span value)
{
	if (!is_one_value(value))
		return false;

	msgpack_unpacked unpacked;
	size_t offset = 0;
	msgpack_unpacked_init(&unpacked);
	bool done = msgpack_unpack_next(&unpacked, value.data, value.size, &offset) ==
	            MSGPACK_UNPACK_SUCCESS;
	if (done)
		write_object(json, &unpacked.data);
	msgpack_unpacked_destroy(&unpacked);
	return done;
}
