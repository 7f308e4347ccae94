/* See caps.h. capset(2) itself rather than a library: three masks need no more. */
#include "jail/caps.h"

#include "base/err.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct masks {
	struct __user_cap_data_struct part[2]; /* low and high 32 bits */
};

static struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };

static int set(uint64_t permitted, uint64_t inheritable, struct err *err)
{
	struct masks m = { 0 };
	for (int i = 0; i < 2; i++) {
		m.part[i].permitted = m.part[i].effective = (uint32_t)(permitted >> (32 * i));
		m.part[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	struct __user_cap_header_struct h = head;
	return syscall(SYS_capset, &h, m.part) < 0 ? err_errno(err, "", "cannot set capabilities") : 0;
}

static int held(uint64_t *ret, struct err *err)
{
	struct masks m;
	struct __user_cap_header_struct h = head;
	if (syscall(SYS_capget, &h, m.part) < 0)
		return err_errno(err, "", "cannot read capabilities");
	*ret = m.part[0].permitted | (uint64_t)m.part[1].permitted << 32;
	return 0;
}

int jail_caps_bound(uint64_t keep, struct err *err)
{
	for (int c = 0; c < 64; c++) {
		if (keep >> c & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0) {
			if (errno == EINVAL)
				return 0; /* past the kernel's last capability */
			return err_errno(err, "", "cannot drop capability %d from the bounding set", c);
		}
	}
	return 0;
}

int jail_caps_keep(uint64_t keep, struct err *err)
{
	uint64_t now = 0;
	int r = held(&now, err);
	if (r < 0)
		return r;
	if (now >> CAP_SETPCAP & 1)
		r = jail_caps_bound(keep, err);
	/* Lowering inheritable lowers ambient too (capabilities(7)). */
	return r < 0 ? r : set(now & keep, now & keep, err);
}

int jail_caps_pass(uint64_t keep, struct err *err)
{
	int r = set(keep, keep, err);
	for (int c = 0; r == 0 && c < 64; c++)
		if (keep >> c & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
			r = err_errno(err, "", "cannot pass capability %d on", c);
	return r;
}
