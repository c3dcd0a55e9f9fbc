/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_PROCESS_H
#define BH_CLI_PROCESS_H

/* process.h: looking for processes in /proc. Source: proc_pid_task(5). */

#include <stdint.h>

/* The first child of a process; 0 where it has none, or nobody may know. */
int64_t bh_process_first_child(int64_t pid);

#endif
