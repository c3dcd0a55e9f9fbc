/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/codec/task_error.h"

#include <msgpack.h>
#include <string.h>

#include "ipc/wire/base.h"

static int pack_text(msgpack_packer *packer, const char *text)
{
	return msgpack_pack_str_with_body(packer, text, strlen(text));
}

static int pack_error(msgpack_packer *packer, const char *type, const char *message,
                      uint32_t attempt)
{
	return msgpack_pack_map(packer, 3) | pack_text(packer, "message") |
	       pack_text(packer, message) | pack_text(packer, "type") | pack_text(packer, type) |
	       pack_text(packer, "detail") | msgpack_pack_map(packer, 1) |
	       pack_text(packer, "attempt") | msgpack_pack_uint32(packer, attempt);
}

int bh_task_error_encode(const char *type, const char *message, uint32_t attempt,
                         struct bh_encoded *ret)
{
	msgpack_sbuffer buffer;
	msgpack_packer packer;

	msgpack_sbuffer_init(&buffer);
	msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
	if (pack_error(&packer, type, message, attempt) != 0) {
		msgpack_sbuffer_destroy(&buffer);
		return -ENOMEM;
	}
	*ret = (struct bh_encoded){ .data = (uint8_t *)buffer.data, .size = buffer.size };
	return 0;
}
