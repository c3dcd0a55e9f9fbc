/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_PYTHON_H
#define BH_SUPERVISOR_PYTHON_H

/* python.h: lets handlers in Python find the SDK that is installed with us.
 *
 * It lies in share/bulkhead/python beside the bin folder of the launcher. Where
 * that is there, a script for Python gets its path as PYTHONPATH, unless the caller
 * sets that, and sees it: below /usr it does anyway, else at a place of its own in
 * the sandbox's root. Source: docs/handler-abi.md, "The Python SDK". */

#include "bulkhead/error.h"
#include "bulkhead/executor.h"

struct bh_program;

struct bh_python {
	char dir[256]; /* to be shown in the sandbox's root; "" for none */
};

/* Adds the variable to `program`. No SDK is no error. -ENOMEM. */
BH_MUST_CHECK
int bh_python_find(const struct bh_executor_options *options, struct bh_program *program,
                   struct bh_python *ret, struct bh_error *err);

#endif
