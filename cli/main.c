/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

int main(int argc, char **argv)
{
	char *none = NULL;

	return bh_program_main(argc > 0 ? argv + 1 : &none);
}
