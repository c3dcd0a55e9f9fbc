/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_STATUS_H
#define BH_CLI_STATUS_H

/* status.h: what the program's exit status says.
 *
 * Functions of the command line return one of these, BH_STATUS_OK for "go on".
 * Source: docs/cli.md, "Exit status". */

enum bh_status {
	BH_STATUS_OK = 0,
	BH_STATUS_FAILED = 1,         /* a batch or a task failed */
	BH_STATUS_INPUT = 2,          /* usage or input: nothing was started */
	BH_STATUS_INFRASTRUCTURE = 3, /* our side or the host's failed */
	BH_STATUS_SIGNAL = 128,       /* plus the number of the signal */
};

#endif
