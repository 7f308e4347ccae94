/* See blocks.h. Ordered by respondd through torided; the file first, then the places that enforce it. */
#include "apply/blocks.h"

#include "apply/announce.h"
#include "apply/cut.h"
#include "apply/engine.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#define MAGIC 0x54424c4bu
#define FILE_MAX (BLOCKS_MAX * 700u)
#define PROXY_MS 2000

/* ---- the file ---- */

static int append(struct blocks *b, const struct block *k, struct err *err);

int blocks_parse(struct str data, struct blocks *ret, struct err *err)
{
	unsigned char sha[SHA256_LEN];
	struct blocks b = { 0 };
	struct block k;
	if (data.len < SHA256_LEN)
		return err_set(err, E_CORRUPT, "blocks", "cut short");
	hash_sha256(data.ptr, data.len - SHA256_LEN, sha);
	struct rd r = rd_from(data.ptr, data.len - SHA256_LEN);
	uint32_t magic = rd_u32(&r);
	uint8_t version = rd_u8(&r);
	uint32_t n = rd_u32(&r);
	if (memcmp(sha, data.ptr + data.len - SHA256_LEN, SHA256_LEN) != 0 || magic != MAGIC || version != 1 || n > BLOCKS_MAX)
		return err_set(err, E_CORRUPT, "blocks", "not a table of blocks, or damaged");
	int res = 0;
	for (uint32_t i = 0; i < n && !r.bad && res == 0; i++) {
		block_read(&r, &k);
		res = r.bad ? 0 : append(&b, &k, err);
	}
	if (res == 0 && rd_end(&r) < 0)
		res = err_set(err, E_CORRUPT, "blocks", "malformed");
	if (res < 0)
		blocks_done(&b);
	else
		*ret = b;
	return res;
}

int blocks_load(struct blocks *b, struct err *err)
{
	char path[PLACE_MAX];
	struct buf data;
	*b = (struct blocks){ 0 };
	if (!fs_exists(place_in_state(path, sizeof path, "blocks")))
		return 0;
	buf_init(&data, FILE_MAX);
	int r = fs_read(path, &data, err);
	if (r == 0)
		r = blocks_parse(buf_view(&data), b, err);
	buf_done(&data);
	return r;
}

int blocks_save(const struct blocks *b, struct err *err)
{
	char path[PLACE_MAX];
	unsigned char sha[SHA256_LEN];
	struct buf data;
	buf_init(&data, FILE_MAX);
	wr_u32(&data, MAGIC);
	wr_u8(&data, 1);
	wr_u32(&data, (uint32_t)b->n);
	for (size_t i = 0; i < b->n; i++)
		block_write(&data, &b->list[i]);
	hash_sha256(data.ptr ? data.ptr : "", data.len, sha);
	buf_put(&data, sha, sizeof sha);
	int r = data.failed ? err_set(err, (enum err_code)-data.failed, "blocks", "cannot write the table") :
	                      fs_write(place_in_state(path, sizeof path, "blocks"), buf_view(&data), 0600, err);
	buf_done(&data);
	return r;
}

void blocks_done(struct blocks *b)
{
	mem_free(b->list);
	*b = (struct blocks){ 0 };
}

struct block *blocks_find(const struct blocks *b, const char *id)
{
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->list[i].id, id) == 0)
			return &b->list[i];
	return NULL;
}

static int append(struct blocks *b, const struct block *k, struct err *err)
{
	if (b->n >= BLOCKS_MAX)
		return err_set(err, E_LIMIT, k->id, "there are %u blocks already", BLOCKS_MAX);
	if (b->n == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 16;
		struct block *p = mem_grow(b->list, cap * sizeof *p);
		if (!p)
			return err_set(err, E_NOMEM, k->id, "no memory");
		b->list = p;
		b->cap = cap;
	}
	b->list[b->n++] = *k;
	return 0;
}

int blocks_put(struct blocks *b, const struct block *k, struct err *err)
{
	struct block *have = blocks_find(b, k->id);
	if (!have)
		return append(b, k, err);
	*have = *k;
	return 0;
}

void blocks_drop(struct blocks *b, struct block *k)
{
	*k = b->list[--b->n];
}

int64_t blocks_next_expiry(const struct blocks *b)
{
	int64_t next = 0;
	for (size_t i = 0; i < b->n; i++)
		if (next == 0 || b->list[i].expires_ms < next)
			next = b->list[i].expires_ms;
	return next;
}

/* ---- may it be ordered ---- */

static bool name_ok(const char *s)
{
	size_t n = strlen(s);
	if (n == 0 || n > 253 || s[0] == '.' || s[0] == '-' || strstr(s, "..") || !strchr(s, '.'))
		return false;
	return s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-._")] == 0;
}

/* What every change asks of the resolver to know that it works (compile/unbound.c): with it, or a name it lies below, blocked, no change would come through any more. */
static bool covers_canary(const char *name)
{
	static const char canary[] = "canary.toride.internal";
	size_t n = strlen(name), m = strlen(canary);
	return n <= m && strcmp(canary + m - n, name) == 0 && (n == m || canary[m - n - 1] == '.');
}

/* The proxy takes its whole table or nothing: an entry that it could not read must not get in here. */
static bool url_ok(const char *s)
{
	char host[256];
	struct network n;
	const char *at = strncmp(s, "http://", 7) == 0 ? s + 7 : strncmp(s, "https://", 8) == 0 ? s + 8 : "";
	size_t len = strcspn(at, "/?#:"), v6 = at[0] == '[' ? strcspn(at, "]") : 0;
	if (v6)
		len = at[v6] ? v6 + 1 : 0;
	const char *rest = at + len;
	if (*rest == ':') {
		uint64_t port;
		size_t digits = strspn(++rest, "0123456789");
		if (!str_to_u64((struct str){ rest, digits }, 65535, &port) || port == 0)
			return false;
		rest += digits;
	}
	if (len == 0 || (*rest && !strchr("/?#", *rest)))
		return false;
	for (const char *p = rest; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	snprintf(host, sizeof host, "%.*s", (int)(v6 ? len - 2 : len), v6 ? at + 1 : at);
	return !strchr(host, '/') && (network_parse(host, &n) || (!v6 && name_ok(host)));
}

static int check_network(const struct block *k, const struct zones *z, struct err *err)
{
	struct network n;
	if (!network_parse(k->value, &n))
		return err_set(err, E_INVALID, k->value, "not an address or prefix");
	if (k->kind == BLOCK_TERMINAL)
		return n.len == (n.family == 4 ? 32 : 128) ? 0 : err_set(err, E_INVALID, k->value, "a terminal is one address");
	if (n.len < (n.family == 4 ? 8 : 16))
		return err_set(err, E_DENIED, k->value, "too wide to block");
	for (size_t i = 0; i < z->n_never; i++)
		if (network_overlaps(&n, &z->never[i]))
			return err_set(err, E_DENIED, k->value, "belongs to the service or to management");
	return 0;
}

int block_check(const struct block *k, const struct zones *z, int64_t now_ms, struct err *err)
{
	bool all = strcmp(k->org, "*") == 0;
	if (k->id[0] == 0 || k->author[0] == 0 || k->reason[0] == 0)
		return err_set(err, E_INVALID, "block", "a block needs an id, an author and a reason");
	if (k->expires_ms <= now_ms)
		return err_set(err, E_INVALID, k->id, k->expires_ms ? "it has expired already" : "a block needs an end");
	if (!all && !zones_find(z, k->org))
		return err_set(err, E_NOT_FOUND, k->org, "no such organisation in the generation in force");
	switch (k->kind) {
	case BLOCK_ADDRESS:
		return check_network(k, z, err);
	case BLOCK_TERMINAL:
		return all ? err_set(err, E_INVALID, k->value, "a terminal belongs to an organisation") : check_network(k, z, err);
	case BLOCK_NAME:
		if (covers_canary(k->value))
			return err_set(err, E_INVALID, k->value, "the cloud's own, by which each change is checked");
		return name_ok(k->value) ? 0 : err_set(err, E_INVALID, k->value, "not a host name in its A-label form");
	case BLOCK_URL:
		return url_ok(k->value) ? 0 : err_set(err, E_INVALID, k->value, "not http(s)://host[:port]/path, the host in lower case");
	case BLOCK_BLACKHOLE:
	case BLOCK_FLOW:
		return all ? err_set(err, E_INVALID, k->value, "an address of ours belongs to one organisation") : announce_check(k, z, now_ms, err);
	default:
		return err_set(err, E_INVALID, k->id, "unknown kind of block");
	}
}

/* ---- resolver, proxy, flows ---- */

/* One block comes or goes at the resolver; nothing when the resolver doesn't run. */
static int tell_unbound(const struct env *e, const struct block *k, const struct zones *z, bool add, struct err *err)
{
	const struct zone *own = zones_find(z, k->org);
	bool all = strcmp(k->org, "*") == 0;
	const char *words[6] = { all ? (add ? "local_zone" : "local_zone_remove") :
		                       (add ? "view_local_zone" : "view_local_zone_remove") };
	int n = 1;
	if (!all)
		words[n++] = own ? own->interface : "";
	words[n++] = k->value;
	if (add)
		words[n++] = "always_nxdomain";
	if (k->kind != BLOCK_NAME || e->no_daemons || process_pid("unbound") <= 0 || (!all && !own))
		return 0;
	return unbound_control(e, words, (struct str){ 0 }, err);
}

/* Ends what runs against it. */
static int cut(const struct env *e, const struct block *k, const struct zones *z, struct err *err)
{
	struct network n;
	if ((k->kind != BLOCK_ADDRESS && k->kind != BLOCK_TERMINAL) || !network_parse(k->value, &n))
		return 0;
	const struct zone *own = zones_find(z, k->org);
	struct cut c = { .family = n.family };
	memcpy(k->kind == BLOCK_ADDRESS ? c.to : c.from, n.addr, sizeof n.addr);
	*(k->kind == BLOCK_ADDRESS ? &c.to_len : &c.from_len) = n.len;
	if (own)
		c.zone = own->index;
	int r = cut_run(e, &c, err);
	if (r == 0 && k->kind == BLOCK_ADDRESS) { /* what came from there: the other way round */
		memcpy(c.from, c.to, sizeof c.from);
		c.from_len = c.to_len;
		c.to_len = 0;
		r = cut_run(e, &c, err);
	}
	return r;
}

/* ---- under the lock ---- */

static int lock(struct err *err)
{
	char path[PLACE_MAX];
	int fd = open(place_in_state(path, sizeof path, "blocks.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return err_errno(err, path, "cannot lock");
}

static int install(const struct env *e, const struct blocks *b, const struct zones *z, struct err *err)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	struct buf text;
	buf_init(&text, 64 * MIB);
	blocks_nft(b, z, clock_now_ms(), &text);
	int r = text.failed ? err_set(err, (enum err_code)-text.failed, "blocks", "cannot write the nft table") :
	                      env_run(e, argv, buf_view(&text), 60000, err);
	buf_done(&text);
	return r < 0 ? r : announce_install(b, z, err);
}

int blocks_install(const struct env *e, const struct gen *g, struct err *err)
{
	struct blocks b = { 0 };
	struct zones z = { 0 };
	_cleanup_fd_ int fd = lock(err);
	if (fd < 0)
		return fd;
	int r = blocks_load(&b, err);
	if (r == 0)
		r = zones_load(g, &z, err);
	if (r == 0)
		r = install(e, &b, &z, err);
	blocks_done(&b);
	zones_done(&z);
	return r;
}

static int send_to_proxy(const struct blocks *b, struct err *err)
{
	char path[PLACE_MAX];
	struct buf msg, reply;
	/* one that isn't there is told when it has started; waiting for it would keep torided from starting it */
	if (process_pid("proxyd") <= 0 || !fs_exists(place_in_run(path, sizeof path, SOCK_PROXY)))
		return 0;
	buf_init(&msg, FILE_MAX);
	buf_init(&reply, 64);
	uint32_t n = 0;
	for (size_t i = 0; i < b->n; i++)
		n += !block_is_announced(b->list[i].kind);
	wr_u8(&msg, 1);
	wr_u32(&msg, n);
	for (size_t i = 0; i < b->n; i++)
		if (!block_is_announced(b->list[i].kind))
			block_write(&msg, &b->list[i]);
	int r = msg.failed ? err_set(err, E_NOMEM, "blocks", "no memory") :
	                     sock_call(path, buf_view(&msg), -1, &reply, PROXY_MS, err);
	if (r == 0 && (reply.len != 1 || reply.ptr[0] != 0))
		r = err_set(err, E_IO, SOCK_PROXY, "proxyd refuses the table");
	buf_done(&msg);
	buf_done(&reply);
	return r;
}

int blocks_tell_proxy(struct err *err)
{
	struct blocks b;
	_cleanup_fd_ int fd = lock(err);
	int r = fd < 0 ? fd : blocks_load(&b, err);
	if (r < 0)
		return r;
	r = send_to_proxy(&b, err);
	blocks_done(&b);
	return r;
}

/* ---- changes ---- */

struct hold { /* all that a change of the table needs */
	int fd;
	struct blocks b;
	struct gen g;
	struct zones z;
};

static int hold_open(struct hold *h, struct err *err)
{
	char hex[GEN_NAME];
	*h = (struct hold){ .fd = lock(err) };
	int r = h->fd < 0 ? h->fd : gen_current(hex, err);
	if (r == 0)
		r = gen_load(hex, &h->g, err);
	if (r == 0)
		r = zones_load(&h->g, &h->z, err);
	return r < 0 ? r : blocks_load(&h->b, err);
}

static void hold_close(struct hold *h)
{
	blocks_done(&h->b);
	zones_done(&h->z);
	gen_done(&h->g);
	if (h->fd >= 0)
		close(h->fd);
}

/* One that fails doesn't keep the others from being told. */
int blocks_tell_unbound(const struct env *e, struct err *err)
{
	struct hold h;
	int r = hold_open(&h, err);
	for (size_t i = 0; r == 0 && i < h.b.n; i++) {
		struct err one;
		if (tell_unbound(e, &h.b.list[i], &h.z, true, &one) < 0)
			log_err(LOG_LEVEL_ERROR, h.b.list[i].org, h.b.list[i].id, &one);
	}
	hold_close(&h);
	return r;
}

/* Is the same thing still held by another block? Then the resolver must keep it. */
static bool held_elsewhere(const struct blocks *b, const struct block *k)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->list[i].kind == k->kind && strcmp(b->list[i].org, k->org) == 0 && strcmp(b->list[i].value, k->value) == 0)
			return true;
	return false;
}

/* proxyd that doesn't answer is restarted by its supervisor and told then: no reason to let the block go. */
static void tell_proxy_or_log(const struct blocks *b)
{
	struct err err;
	if (send_to_proxy(b, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", SOCK_PROXY, &err);
}

static int add(const struct env *e, struct hold *h, const struct block *k, struct err *err)
{
	struct block old = { 0 };
	const struct block *had = blocks_find(&h->b, k->id);
	if (had)
		old = *had;
	int r = block_check(k, &h->z, clock_now_ms(), err);
	if (r == 0)
		r = blocks_put(&h->b, k, err);
	if (r < 0)
		return r;
	r = blocks_save(&h->b, err);
	if (r == 0)
		r = install(e, &h->b, &h->z, err);
	if (r == 0)
		r = tell_unbound(e, k, &h->z, true, err);
	if (r == 0) {
		tell_proxy_or_log(&h->b);
		return cut(e, k, &h->z, err);
	}
	if (old.id[0])
		blocks_put(&h->b, &old, NULL);
	else
		blocks_drop(&h->b, blocks_find(&h->b, k->id));
	blocks_save(&h->b, NULL);
	install(e, &h->b, &h->z, NULL);
	return r;
}

int blocks_add(const struct env *e, const struct block *k, struct err *err)
{
	struct hold h;
	int r = hold_open(&h, err);
	if (r == 0)
		r = add(e, &h, k, err);
	hold_close(&h);
	return r;
}

/* Takes one out of the table and the resolver; the rest is the caller's. */
static int release(const struct env *e, struct hold *h, struct block *k, struct err *err)
{
	struct block gone = *k;
	blocks_drop(&h->b, k);
	if (held_elsewhere(&h->b, &gone))
		return 0;
	return tell_unbound(e, &gone, &h->z, false, err);
}

int blocks_remove(const struct env *e, const char *id, struct err *err)
{
	struct hold h;
	int r = hold_open(&h, err);
	struct block *k = r == 0 ? blocks_find(&h.b, id) : NULL;
	if (r == 0 && !k)
		r = err_set(err, E_NOT_FOUND, id, "no such block");
	if (r == 0)
		r = release(e, &h, k, err);
	if (r == 0)
		r = blocks_save(&h.b, err);
	if (r == 0)
		r = install(e, &h.b, &h.z, err);
	if (r == 0)
		tell_proxy_or_log(&h.b);
	hold_close(&h);
	return r;
}

int blocks_clock_set(int64_t by_ms, int64_t *ret_next, struct err *err)
{
	struct blocks b = { 0 };
	_cleanup_fd_ int fd = lock(err);
	int r = fd < 0 ? fd : blocks_load(&b, err);
	for (size_t i = 0; r == 0 && i < b.n; i++)
		b.list[i].expires_ms += by_ms;
	if (r == 0 && b.n)
		r = blocks_save(&b, err);
	if (r == 0)
		*ret_next = blocks_next_expiry(&b);
	blocks_done(&b);
	return r;
}

int blocks_expire(const struct env *e, int64_t *ret_next, struct err *err)
{
	struct hold h;
	int r = hold_open(&h, err);
	int64_t now = clock_now_ms();
	bool any = false;
	for (size_t i = 0; r == 0 && i < h.b.n;) {
		if (h.b.list[i].expires_ms > now) {
			i++;
			continue;
		}
		struct err one;
		if (release(e, &h, &h.b.list[i], &one) < 0)
			log_err(LOG_LEVEL_ERROR, "", "unbound", &one);
		any = true;
	}
	if (r == 0 && any)
		r = blocks_save(&h.b, err);
	if (r == 0 && any)
		r = install(e, &h.b, &h.z, err);
	if (r == 0 && any)
		tell_proxy_or_log(&h.b);
	*ret_next = r == 0 ? blocks_next_expiry(&h.b) : now + 60000;
	hold_close(&h);
	return r;
}
