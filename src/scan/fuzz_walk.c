/* Any bytes as a container, under a small budget: no read outside them, nothing past the budget, names that are texts. Then the
 * same bytes as a worker's messages, which may come from a worker that is somebody else's by now. */
#include "scan/worker.h"

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_member(const struct walk_member *m, void *user)
{
	unsigned *depth = user;
	if (m->depth == 0 || m->depth > 4 || strlen(m->name) >= WALK_NAME || !str_is_utf8(str_from(m->name)) || strpbrk(m->name, "\r\n"))
		bug("a member without sense");
	*depth = m->depth > *depth ? m->depth : *depth;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct walk_limits limits = { .depth = 4, .files = 100, .bytes = 4 << 20, .ratio = 1000 };
	unsigned depth = 0;
	const struct walk_ops ops = { .member = on_member, .user = &depth };
	struct walk_result r, back;
	struct worker_member m;
	struct buf b;
	walk_prepare();
	const struct walk_about about = { "name", size & 1 ? "secret" : "" };
	walk((struct str){ (const char *)data, size }, &about, &limits, &ops, &r);
	if (r.bytes > limits.bytes + 65536 || r.files > limits.files + 1 || (r.found && !r.reason[0]))
		bug("over the budget, or without a reason");
	buf_init(&b, WORKER_MESSAGE);
	worker_end_write(&b, &r);
	if (b.failed || worker_end_read(b.ptr, b.len, &back) < 0)
		bug("an end can't be repeated");
	buf_done(&b);
	worker_member_read(data, size, &m);
	worker_end_read(data, size, &back);
	return 0;
}
