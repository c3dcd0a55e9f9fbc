/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_USER_NAMESPACE_H
#define BH_SANDBOX_USER_NAMESPACE_H

/* user_namespace.h: how a root account gives its power up.
 *
 * An ordinary user's launcher is cloned into a user namespace and has never been
 * anybody outside. Root's launcher uses its power to put the root together, then
 * leaves for a user namespace whose ids are ids of the host that own nothing:
 * one for itself, one for each batch at a time. The supervisor writes the maps,
 * for which a process inside has no right. Source: user_namespaces(7). */

#include <stdbool.h>
#include <sys/types.h>

#include "bulkhead/error.h"

/* Ids inside: the launcher is root, handlers are these and the following. */
#define BH_FIRST_INSIDE_ID 10000u
#define BH_INSIDE_IDS      1024u

/* The first of 2048 ids of the host that own nothing, for the launcher of the
 * supervisor `pid`. systemd's table of ids leaves 1879048192 to 2147352575
 * unused ("Users, Groups, UIDs and GIDs on systemd Systems"). */
uid_t bh_unused_host_id(pid_t pid);

/* Returns 1 where this process could map those ids: they are mapped here, which in a
 * container they may not be; else 0; or an error where that can't be told. */
BH_MUST_CHECK
int bh_host_ids_mapped(uid_t first, struct bh_error *err);

/* The launcher's side: leaves, asks for the maps at `socket`, and becomes root
 * inside, with every capability there and no groups. */
BH_MUST_CHECK
int bh_user_namespace_leave(int socket, struct bh_error *err);

/* The supervisor's side: maps the launcher `pid` to the BH_INSIDE_IDS + 1 host
 * ids from `first` on. */
BH_MUST_CHECK
int bh_user_namespace_map(pid_t pid, uid_t first, struct bh_error *err);

#endif
