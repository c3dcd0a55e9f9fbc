/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/program.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/message.h"

/* What the kernel itself looks at in the first line (BINPRM_BUF_SIZE). */
#define HEAD_BYTES 256

#define N_WARM    2 /* variables of set_warm, at most */
#define N_OFFERED 1 /* of bh_program_offer_variable */

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#elif defined(__riscv)
#define NATIVE_MACHINE EM_RISCV
#else
#error "the ELF machine of this architecture is not known here"
#endif

static int check_elf(const char *path, const char *head, size_t size, struct bh_error *err)
{
	Elf64_Ehdr header;

	if (size < sizeof(header))
		return bh_fail_plain(err, ENOEXEC, "handler %s is cut off after %zu bytes", path,
		                     size);
	memcpy(&header, head, sizeof(header));
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != NATIVE_MACHINE)
		return bh_fail_plain(err, ENOEXEC, "handler %s is a program for another machine",
		                     path);
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return bh_fail_plain(err, ENOEXEC, "handler %s is an ELF file but no program",
		                     path);
	return 0;
}

/* `head` is NUL-terminated. Only an absolute interpreter makes sense: a handler
 * starts in another directory than its caller. */
static int check_script(const char *path, char *head, size_t size, bool *ret_is_python,
                        struct bh_error *err)
{
	char *interpreter = head + 2 + strspn(head + 2, " \t");

	if (size == HEAD_BYTES && !memchr(head, '\n', size))
		return bh_fail_plain(err, ENOEXEC,
		                     "handler %s: first line has no end in its first %d bytes",
		                     path, HEAD_BYTES);
	interpreter[strcspn(interpreter, "\n")] = '\0';
	*ret_is_python = strstr(interpreter, "python") != NULL; /* also by /usr/bin/env */
	interpreter[strcspn(interpreter, " \t")] = '\0';
	if (interpreter[0] != '/')
		return bh_fail_plain(err, ENOEXEC,
		                     "handler %s: #! line needs an absolute path, has '%s'", path,
		                     interpreter);
	if (faccessat(AT_FDCWD, interpreter, X_OK, AT_EACCESS) < 0) {
		int code = errno;
		return bh_fail_plain(err, ENOEXEC, "handler %s: interpreter %s of its #! line: %s",
		                     path, interpreter, strerrordesc_np(code));
	}
	return 0;
}

static int check_format(int fd, const char *path, bool *ret_is_python, struct bh_error *err)
{
	char head[HEAD_BYTES + 1] = { 0 };
	ssize_t n = pread(fd, head, HEAD_BYTES, 0);

	if (n < 0)
		return bh_fail(err, errno, "read handler %s", path);
	if (n >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
		return check_elf(path, head, (size_t)n, err);
	if (n >= 2 && head[0] == '#' && head[1] == '!')
		return check_script(path, head, (size_t)n, ret_is_python, err);
	return bh_fail_plain(err, ENOEXEC,
	                     "handler %s is neither an ELF program nor a script with a #! line",
	                     path);
}

static int check_file(int fd, const char *path, bool *ret_is_python, struct bh_error *err)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0)
		return bh_fail(err, errno, "look at handler %s", path);
	if (S_ISDIR(stat.st_mode))
		return bh_fail(err, EISDIR, "handler %s", path);
	if (!S_ISREG(stat.st_mode))
		return bh_fail_plain(err, EACCES, "handler %s is not a regular file", path);
	/* root passes every check of access(2) that finds one x bit */
	if ((stat.st_mode & 0111) == 0)
		return bh_fail_plain(err, EACCES, "handler %s is not executable: mode %04o", path,
		                     stat.st_mode & 07777);
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return bh_fail(err, errno, "handler %s may not be executed", path);
	return check_format(fd, path, ret_is_python, err);
}

static int open_file(const char *path, struct bh_program *made, struct bh_error *err)
{
	if (!path || path[0] == '\0')
		return bh_fail_plain(err, ENOENT, "no handler was given");
	/* non-blocking, for a FIFO would wait for its writer */
	made->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (made->fd < 0)
		return bh_fail(err, errno, "open handler %s", path);
	int r = check_file(made->fd, path, &made->is_python, err);
	if (r < 0)
		return r;
	made->path = realpath(path, NULL);
	if (!made->path)
		return bh_fail(err, errno, "find the full path of handler %s", path);
	made->name = strdup(basename(path));
	if (!made->name)
		return bh_fail(err, ENOMEM, "copy the name of handler %s", path);
	if (strlen(made->name) >= sizeof(((struct bh_message_configure *)NULL)->handler_name))
		return bh_fail(err, ENAMETOOLONG, "handler %s", path);
	return 0;
}

static size_t count_strings(const char *const *strings)
{
	size_t n = 0;

	while (strings && strings[n])
		n++;
	return n;
}

static void free_strings(char **strings)
{
	for (size_t i = 0; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}

static int copy_args(const char *const *args, char ***ret, struct bh_error *err)
{
	size_t n = count_strings(args);

	*ret = calloc(n + 1, sizeof(char *));
	if (!*ret)
		return bh_fail(err, ENOMEM, "copy %zu arguments", n);
	for (size_t i = 0; i < n; i++) {
		(*ret)[i] = strdup(args[i]);
		if (!(*ret)[i])
			return bh_fail(err, ENOMEM, "copy %zu arguments", n);
	}
	return 0;
}

/* The variable with the same key, or the end of the list. */
static char **find_variable(char **env, const char *variable)
{
	size_t with_equals = strcspn(variable, "=") + 1;

	while (*env && strncmp(*env, variable, with_equals) != 0)
		env++;
	return env;
}

static int set_variable(char **env, const char *variable, struct bh_error *err)
{
	if (variable[0] == '=' || !strchr(variable, '='))
		return bh_fail_plain(err, EINVAL, "environment '%s': expected KEY=VALUE", variable);
	char *copy = strdup(variable);
	if (!copy)
		return bh_fail(err, ENOMEM, "copy the environment");
	char **place = find_variable(env, variable);
	free(*place);
	*place = copy;
	return 0;
}

/* What tells a handler that it is to be a template. */
static int set_warm(char **env, enum bh_warm_mode warm, struct bh_error *err)
{
	int r = warm == BH_WARM_OFF ? 0 : set_variable(env, "BULKHEAD_WARM=1", err);

	return r < 0 || warm != BH_WARM_REUSE ? r : set_variable(env, "BULKHEAD_REUSE=1", err);
}

static int build_env(const struct bh_executor_options *options, char ***ret, struct bh_error *err)
{
	static const char *const always[] = {
		"BULKHEAD_ABI=1", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp",
		"TMPDIR=/tmp",
	};
	const char *const *added = options->env;
	size_t n_added = count_strings(added);
	int r = 0;

	*ret = calloc(BH_COUNT_OF(always) + N_WARM + N_OFFERED + n_added + 1, sizeof(char *));
	if (!*ret)
		return bh_fail(err, ENOMEM, "build the environment");
	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(always); i++)
		r = set_variable(*ret, always[i], err);
	if (r == 0)
		r = set_warm(*ret, options->warm, err);
	for (size_t i = 0; r == 0 && i < n_added; i++)
		r = set_variable(*ret, added[i], err);
	return r;
}

int bh_program_open(const struct bh_executor_options *options, struct bh_program *ret,
                    struct bh_error *err)
{
	BH_CLEANUP(bh_program_done) struct bh_program made = BH_PROGRAM_UNSET;

	int r = open_file(options->handler, &made, err);
	if (r == 0)
		r = copy_args(options->handler_args, &made.args, err);
	if (r == 0)
		r = build_env(options, &made.env, err);
	if (r < 0)
		return r;

	*ret = BH_TAKE(made, BH_PROGRAM_UNSET);
	return 0;
}

int bh_program_offer_variable(struct bh_program *program, const char *variable,
                              struct bh_error *err)
{
	if (*find_variable(program->env, variable))
		return 0;
	return set_variable(program->env, variable, err);
}

void bh_program_done(struct bh_program *program)
{
	bh_fd_done(&program->fd);
	free(program->path);
	free(program->name);
	free_strings(program->args);
	free_strings(program->env);
	*program = BH_PROGRAM_UNSET;
}
