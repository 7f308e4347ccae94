/* See pairfollow.h. What is in force is read from files that others wrote; what is to be done goes through controld (a generation, as if
 * the same people had handed it in and approved it here) and torided (blocks). */
#include "daemon/pairfollow.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "daemon/pairholds.h"
#include "daemon/pairkeys.h"
#include "pair/cable.h"
#include "pair/follow.h"
#include "wire/ctl.h"
#include "wire/order.h"
#include "wire/place.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yyjson.h>

#define FRAME_MS 3000
#define APPLY_MS (15 * 60 * 1000)
#define ORDER_MS 5000
#define BLOCKS_AT_MOST 20000u

/* ---- what is here ---- */

static void digest_here(char dst[72])
{
	char link[PLACE_MAX], to[PLACE_MAX];
	ssize_t n = readlink(place_in_state(link, sizeof link, "current"), to, sizeof to - 1);
	to[n > 0 ? n : 0] = 0;
	const char *slash = strrchr(to, '/');
	snprintf(dst, 72, n > 0 && slash ? "sha256:%.64s" : "", slash ? slash + 1 : "");
}

static yyjson_doc *apply_status(void)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 64 * KIB);
	bool ok = fs_read(place_in_run(path, sizeof path, "apply-status.json"), &b, NULL) == 0;
	yyjson_doc *doc = ok ? yyjson_read(b.ptr, b.len, 0) : NULL;
	buf_done(&b);
	return doc;
}

/* A generation that waits for its confirmation may be undone: the other node keeps what it has until then. So may one that isn't committed: STATE/current
 * leads to it in the middle of the change, what torided said before it began still names the old one. */
static bool settled(const char *digest)
{
	yyjson_doc *doc = apply_status();
	yyjson_val *root = yyjson_doc_get_root(doc);
	bool ok = root && strlen(digest) > 7 && str_eq(ctl_str(root, "current"), str_from(digest + 7)) && ctl_u64(root, "confirm_until", 0) == 0 && !ctl_bool(root, "changing", false) && !ctl_bool(root, "degraded", false);
	yyjson_doc_free(doc);
	return ok;
}

static bool is_previous(const char *digest)
{
	yyjson_doc *doc = apply_status();
	yyjson_val *root = yyjson_doc_get_root(doc);
	bool is = root && strlen(digest) > 7 && str_eq(ctl_str(root, "previous"), str_from(digest + 7));
	yyjson_doc_free(doc);
	return is;
}

static int read_blocks(struct buf *b, unsigned char ret_sum[32])
{
	char path[PLACE_MAX];
	buf_init(b, FOLLOW_MAX);
	place_in_run(path, sizeof path, "pair-blocks/blocks");
	int r = fs_exists(path) ? fs_read(path, b, NULL) : 0;
	hash_sha256(b->ptr ? b->ptr : "", b->len, ret_sum);
	return r;
}

/* ---- answering ---- */

int pairfollow_answer(int fd, const unsigned char key[32], bool active, struct err *err)
{
	struct follow_session s = { 0 };
	struct follow_question q;
	struct follow_answer a = { .active = active };
	struct buf in, out, meta, description, blocks;
	char path[PLACE_MAX];
	unsigned char sum[32];
	memcpy(s.key, key, 32);
	buf_init(&in, FOLLOW_MAX);
	buf_init(&out, FOLLOW_MAX);
	buf_init(&meta, 64 * KIB);
	buf_init(&description, FOLLOW_MAX);
	int r = follow_open(fd, false, &s, err);
	r = r < 0 ? r : follow_receive(fd, &s, 'c', &in, err);
	if (r == 0 && follow_question_parse(buf_view(&in), &q) < 0)
		r = err_set(err, E_INVALID, "pair", "a question of another form");
	bool keys = r == 0 && strcmp(q.digest, FOLLOW_KEYS) == 0, holds = r == 0 && strcmp(q.digest, FOLLOW_HOLDS) == 0;
	if (keys || holds) {
		r = keys ? pairkeys_answer(q.blocks, active, &out, err) : pairholds_answer(&q, &out, err);
		r = r < 0 ? r : follow_send(fd, &s, 's', buf_view(&out), err);
		buf_done(&in), buf_done(&out);
		return r;
	}
	digest_here(a.digest);
	if (r == 0 && active && *a.digest && strcmp(a.digest, q.digest) != 0 && settled(a.digest)) {
		r = fs_read(place_in_state(path, sizeof path, "submitted/%s.meta.json", a.digest + 7), &meta, err);
		r = r < 0 ? r : fs_read(place_in_state(path, sizeof path, "generations/%s/description.json", a.digest + 7), &description, err);
		a.meta = buf_view(&meta);
		a.description = buf_view(&description);
		r = r < 0 ? r : pairkeys_ensure(a.description, err);
	}
	if (read_blocks(&blocks, sum) == 0 && r == 0 && active && memcmp(sum, q.blocks, sizeof sum) != 0) {
		a.blocks_differ = true;
		a.blocks = buf_view(&blocks);
	}
	follow_answer_write(&out, &a);
	if (r == 0 && out.failed)
		r = err_set(err, E_LIMIT, "pair", "the description is larger than the link carries at once");
	r = r < 0 ? r : follow_send(fd, &s, 's', buf_view(&out), err);
	buf_done(&in), buf_done(&out), buf_done(&meta), buf_done(&description), buf_done(&blocks);
	return r;
}

/* ---- asking ---- */

static int take_generation(const struct follow_answer *a, struct err *err)
{
	char path[PLACE_MAX];
	struct buf request, reply;
	buf_init(&request, FOLLOW_MAX);
	buf_init(&reply, FOLLOW_MAX);
	buf_puts(&request, "{\"v\":1,\"do\":\"pair.follow\"");
	json_field_s(&request, "digest", a->digest);
	buf_puts(&request, ",\"meta\":");
	buf_str(&request, str_trim(a->meta));
	buf_puts(&request, ",\"description\":");
	buf_str(&request, str_trim(a->description));
	buf_putc(&request, '}');
	for (size_t i = 0; i < request.len; i++) /* one request is one line */
		if (request.ptr[i] == '\n')
			request.ptr[i] = ' ';
	int r = request.failed ? err_set(err, E_LIMIT, "pair", "the description is too large") :
	                         ctl_call(place_in_run(path, sizeof path, SOCK_CONTROL), buf_view(&request), &reply, APPLY_MS, err);
	buf_done(&request);
	buf_done(&reply);
	return r;
}

static int parse_blocks(struct str data, struct block **ret, uint32_t *ret_n, struct err *err)
{
	struct rd r = rd_from(data.ptr, data.len);
	unsigned char sum[32];
	*ret = NULL;
	*ret_n = 0;
	if (data.len == 0)
		return 0;
	uint32_t magic = rd_u32(&r), version = rd_u8(&r), n = rd_u32(&r);
	if (r.bad || magic != 0x54424c4b || version != 1 || n > BLOCKS_AT_MOST)
		return err_set(err, E_INVALID, "blocks", "not a table of blocks");
	*ret = mem_array(n + 1, sizeof **ret);
	if (!*ret)
		return err_set(err, E_NOMEM, "blocks", "no memory");
	for (uint32_t i = 0; i < n; i++)
		block_read(&r, &(*ret)[i]);
	rd_bytes(&r, sum, sizeof sum);
	if (rd_end(&r) < 0)
		return err_set(err, E_INVALID, "blocks", "not a table of blocks");
	*ret_n = n;
	return 0;
}

static const struct block *find(const struct block *list, uint32_t n, const char *id)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(list[i].id, id) == 0)
			return &list[i];
	return NULL;
}

static int order_block(uint8_t op, const struct block *k, struct err *err)
{
	struct order o = { .op = op, .block = *k };
	struct order_reply reply;
	return order_call(&o, ORDER_MS, &reply, err);
}

/* One that can't be put (it names an organisation that isn't here yet) keeps none of the others away. */
static int take_blocks(struct str theirs, struct err *err)
{
	struct buf mine;
	struct block *here = NULL, *there = NULL;
	uint32_t n_here = 0, n_there = 0;
	unsigned char sum[32];
	int r = read_blocks(&mine, sum), worst = 0;
	r = r < 0 ? r : parse_blocks(buf_view(&mine), &here, &n_here, err);
	r = r < 0 ? r : parse_blocks(theirs, &there, &n_there, err);
	for (uint32_t i = 0; r == 0 && i < n_there; i++) {
		const struct block *k = find(here, n_here, there[i].id);
		if (!k || k->expires_ms != there[i].expires_ms)
			worst = order_block(ORDER_BLOCK_ADD, &there[i], err) < 0 ? -E_IO : worst;
	}
	for (uint32_t i = 0; r == 0 && i < n_here; i++)
		if (!find(there, n_there, here[i].id))
			worst = order_block(ORDER_BLOCK_REMOVE, &here[i], err) < 0 ? -E_IO : worst;
	mem_free(here);
	mem_free(there);
	buf_done(&mine);
	return r < 0 ? r : worst;
}

/* A change that was committed here as the node died, before the other one heard of it, was for nobody: the other one's is believed. That must not
 * go unsaid. (One that was rolled back at the other node since can't be told from it.) */
static void note_undone(struct pairfollow *f, const char *mine, const char *theirs)
{
	if (!f->asked && is_previous(theirs))
		snprintf(f->undone, sizeof f->undone, "%s", mine);
	f->asked = true;
}

static int converse(const struct pairfollow *f, const struct follow_question *q, struct buf *ret, struct err *err)
{
	struct follow_session s = { 0 };
	struct buf out;
	memcpy(s.key, f->key, 32);
	_cleanup_fd_ int fd = -1;
	int r = cable_call(f->self4, f->other4, PAIRFOLLOW_PORT, FRAME_MS, &fd, err);
	if (r < 0)
		return r;
	buf_init(&out, FOLLOW_MAX);
	follow_question_write(&out, q);
	r = follow_open(fd, true, &s, err);
	r = r < 0 ? r : follow_send(fd, &s, 'c', buf_view(&out), err);
	r = r < 0 ? r : follow_receive(fd, &s, 's', ret, err);
	buf_done(&out);
	return r;
}

int pairfollow_ask(struct pairfollow *f, struct err *keys_err, struct err *err)
{
	struct follow_question q = { 0 };
	struct follow_answer a = { 0 };
	struct buf in, blocks;
	f->moved = false;
	buf_init(&in, FOLLOW_MAX);
	digest_here(q.digest);
	read_blocks(&blocks, q.blocks);
	int r = converse(f, &q, &in, err);
	if (r == 0 && follow_answer_parse(buf_view(&in), &a) < 0)
		r = err_set(err, E_INVALID, "pair", "an answer of another form");
	f->other_active = r == 0 && a.active;
	/* Keys first: what the generation's processes would make for themselves is to be the other node's. */
	if (r == 0 && a.active)
		f->keys = pairkeys_take(f, converse, keys_err);
	if (r == 0)
		f->holds = pairholds_take(f, converse, &f->holds_err);
	if (r == 0 && a.active)
		note_undone(f, q.digest, a.digest);
	if (r == 0 && a.active && a.description.len) {
		r = take_generation(&a, err);
		f->moved = r == 0;
		if (f->moved) /* certificates of sites that weren't known here a moment ago come again */
			memset(f->stamp, 0, sizeof f->stamp);
	}
	if (r == 0 && a.active && a.blocks_differ)
		r = take_blocks(a.blocks, err);
	buf_done(&in), buf_done(&blocks);
	return r;
}
