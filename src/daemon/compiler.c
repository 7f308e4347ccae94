/* toride-compile STATE RUN: the jailed child of torided that reads people's text in root's place.
 *
 * STATE and RUN are this node's directories. A description for others is refused (service.state_dir, service.run_dir):
 * compiled configurations name files by them, which engines and their dry runs would open.
 * Standard input: the canonical description. Standard output: the compiled files as one frame (apply/frame.h). Standard
 * error and exit code 1: why the description is refused. torided starts it as USER_WORKER in empty namespaces without any
 * other descriptor; before the first byte is read it locks itself in further: from then on it can get memory, read and
 * write what is open, and end. It holds nothing worth stealing, and its answer is believed by nobody. */
#include "apply/frame.h"
#include "base/map.h"
#include "base/mem.h"
#include "compile/compile.h"
#include "model/model.h"

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTION_MAX (64u * MIB)

static bool lock_in(void)
{
	static const int calls[] = { SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap),
		                     SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex),
		                     SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(clock_gettime),
		                     SCMP_SYS(getrandom), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(gettid),
		                     SCMP_SYS(getpid), SCMP_SYS(close), SCMP_SYS(sysinfo) /* qsort asks how much memory there is */ };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return false;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool ok = ctx != NULL;
	for (size_t i = 0; ok && i < ARRAY_LEN(calls); i++)
		ok = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0) == 0;
	ok = ok && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	return ok;
}

static int read_all(struct buf *b, struct err *err)
{
	for (;;) {
		if (!buf_room(b, 64 * KIB))
			return err_set(err, (enum err_code)-b->failed, "", "the description is too large, or there is no memory");
		ssize_t n = read(0, b->ptr + b->len, 64 * KIB);
		if (n < 0 && errno != EINTR)
			return err_errno(err, "", "cannot read");
		if (n == 0)
			return 0;
		b->len += n > 0 ? (size_t)n : 0;
	}
}

static int write_all(const struct buf *b, struct err *err)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(1, b->ptr + at, b->len - at);
		if (n < 0 && errno != EINTR)
			return err_errno(err, "", "cannot write");
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int put_frame(const struct model *m, const struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, FRAME_MAX);
	frame_start(&b, m->digest, (uint32_t)out->n);
	for (size_t i = 0; i < out->n; i++)
		frame_file(&b, out->files[i].path, out->files[i].data);
	int r = b.failed ? err_set(err, (enum err_code)-b.failed, "", "the compiled files are too large") : write_all(&b, err);
	buf_done(&b);
	return r;
}

static bool same_directory(const char *said, const char *ours)
{
	size_t n = strlen(ours);
	while (n > 1 && ours[n - 1] == '/')
		n--;
	return said && strlen(said) == n && memcmp(said, ours, n) == 0;
}

static int check_places(const struct model *m, const char *state, const char *run, struct err *err)
{
	if (!same_directory(m->service.state_dir, state))
		return err_set(err, E_INVALID, "service.state_dir", "this node's is %s", state);
	if (!same_directory(m->service.run_dir, run))
		return err_set(err, E_INVALID, "service.run_dir", "this node's is %s", run);
	return 0;
}

static int compile(const char *state, const char *run, struct err *err)
{
	struct buf in;
	struct faults faults = { 0 };
	struct model *m = NULL;
	struct outset out;
	outset_init(&out);
	buf_init(&in, DESCRIPTION_MAX);
	int r = read_all(&in, err);
	if (r == 0)
		r = model_load_canonical(buf_view(&in), &m, &faults, err);
	if (r < 0 && faults.n)
		err_set(err, E_INVALID, faults.list[0].path, "%s (%zu faults)", faults.list[0].msg, faults.n);
	if (r == 0)
		r = check_places(m, state, run, err);
	if (r == 0)
		r = compile_all(m, &out, err);
	if (r == 0)
		r = put_frame(m, &out, err);
	outset_done(&out);
	faults_done(&faults);
	model_destroy(&m);
	buf_done(&in);
	return r;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	unsigned char warm[SHA256_LEN];
	setvbuf(stderr, NULL, _IONBF, 0);
	if (argc != 3) {
		fprintf(stderr, "usage: toride-compile STATE RUN <description.json");
		return 2;
	}
	tzset(); /* gmtime_r reads the zone at its first use, also for UTC: a description with an end in it needs one */
	hash_sha256("", 0, warm); /* libcrypto reads its configuration at its first use: now, while it can */
	tzset();                  /* and the C library its time zone, also for gmtime_r(): of a rule that ends */
	/* A hand-started one that can't lock itself in isn't the jailed child anybody counts on. */
	if (!lock_in()) {
		fprintf(stderr, "cannot lock itself in");
		return 2;
	}
	if (compile(argv[1], argv[2], &err) == 0)
		return 0;
	fprintf(stderr, "%s%s%s", err.path, err.path[0] ? ": " : "", err.msg);
	return err.code == E_INVALID ? 1 : 2;
}
