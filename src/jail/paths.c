/* See paths.h. The newest rights the kernel knows are handled too, so that an old list of ours opens nothing. */
#include "jail/paths.h"

#include "base/err.h"
#include "base/mem.h"
#include "jail/table.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the header of Debian 12. */
#define FS_TRUNCATE (1ull << 14)
#define FS_IOCTL_DEV (1ull << 15)
#define SCOPE_ABSTRACT_UNIX (1ull << 0)
#define SCOPE_SIGNAL (1ull << 1)

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)
#define RIGHTS_WRITE \
	(RIGHTS_READ | RIGHTS_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

/* All rights this kernel can restrict. */
static uint64_t known(int abi)
{
	uint64_t all = (1ull << 13) - 1;
	if (abi >= 2)
		all |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all |= FS_TRUNCATE;
	if (abi >= 5)
		all |= FS_IOCTL_DEV;
	return all;
}

static int add_rule(int rules, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr a = { .allowed_access = rights, .parent_fd = fd };
	return (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
}

/* Of what isn't a directory the kernel refuses a directory's rights. It is asked like that because fstat() would wait for a disk that doesn't answer, which a name
 * that is only opened as a place doesn't. */
static int allow(int rules, const char *path, uint64_t rights, struct err *err)
{
	char full[PLACE_MAX];
	_cleanup_fd_ int fd = open(table_path(path, full, sizeof full), O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : err_errno(err, full, "cannot open");
	int r = add_rule(rules, fd, rights);
	if (r < 0 && errno == EINVAL)
		r = add_rule(rules, fd, rights & (RIGHTS_FILE | LANDLOCK_ACCESS_FS_EXECUTE));
	if (r < 0)
		return err_errno(err, full, "cannot add a Landlock rule");
	return 0;
}

static int allow_all(int rules, const char *const *paths, size_t n, uint64_t rights, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (paths[i])
			r = allow(rules, paths[i], rights, err);
	return r;
}

int jail_paths_apply(const struct jail_paths *p, struct err *err)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return err_set(err, E_STATE, "", "this kernel has no Landlock");
	uint64_t all = known(abi), exec = p->execute ? LANDLOCK_ACCESS_FS_EXECUTE : 0;
	struct ruleset_attr attr = { .fs = all };
	if (abi >= 6)
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	size_t size = abi >= 6 ? sizeof attr : abi >= 4 ? 16 : 8;
	_cleanup_fd_ int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (rules < 0)
		return err_errno(err, "", "cannot make a Landlock ruleset");
	int r = allow_all(rules, p->read, p->n_read, (RIGHTS_READ | exec) & all, err);
	if (r == 0)
		r = allow_all(rules, p->write, p->n_write, (RIGHTS_WRITE | exec) & all, err);
	if (r == 0)
		r = allow_all(rules, p->more, p->n_more, RIGHTS_FILE & all, err);
	if (r == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		r = err_errno(err, "", "cannot enter Landlock");
	return r;
}
