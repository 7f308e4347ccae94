/* See hits.h. Between the kernel's counters and `toride fw hits`. */
#include "apply/hits.h"

#include "apply/child.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
#include <yyjson.h>

#define MAGIC 0x54484954u /* "THIT" */
#define FILE_MAX (256u * MIB)
#define KERNEL_MAX (512u * MIB)
#define LIST_MS 20000

void hits_done(struct hits *h)
{
	mem_free(h->list);
	*h = (struct hits){ 0 };
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct hit *)a)->name, ((const struct hit *)b)->name);
}

const struct hit *hits_find(const struct hits *h, const char *name)
{
	struct hit key;
	snprintf(key.name, sizeof key.name, "%s", name);
	return h->n ? bsearch(&key, h->list, h->n, sizeof key, by_name) : NULL;
}

bool hits_unused(int64_t since_ms, int64_t hit_ms, int64_t now_ms, int64_t for_ms)
{
	int64_t seen = hit_ms ? hit_ms : since_ms;
	return seen && now_ms - seen >= for_ms;
}

static struct hit *add(struct hits *h)
{
	if (h->n == HITS_MAX)
		return NULL;
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 256;
		struct hit *list = mem_grow(h->list, cap * sizeof *list);
		if (!list)
			return NULL;
		h->list = list;
		h->cap = cap;
	}
	h->list[h->n] = (struct hit){ .total = 0 };
	return &h->list[h->n++];
}

/* ---- the file */

int hits_parse(struct str data, struct hits *h, struct err *err)
{
	struct rd r = rd_from(data.ptr, data.len);
	*h = (struct hits){ 0 };
	uint32_t magic = rd_u32(&r), n = rd_u32(&r);
	bool bad = magic != MAGIC || n > HITS_MAX;
	for (uint32_t i = 0; i < n && !bad && !r.bad; i++) {
		struct hit *k = add(h);
		if (!k) {
			hits_done(h);
			return err_set(err, E_NOMEM, "hits", "no memory");
		}
		rd_text(&r, k->name, sizeof k->name);
		k->total = rd_u64(&r);
		k->last_count = rd_u64(&r);
		k->since_ms = (int64_t)rd_u64(&r);
		k->hit_ms = (int64_t)rd_u64(&r);
		bad = i && strcmp(k[-1].name, k->name) >= 0;
	}
	if (bad || rd_end(&r) < 0) {
		hits_done(h);
		return err_set(err, E_CORRUPT, "hits", "the file of rule hits is damaged");
	}
	return 0;
}

int hits_format(const struct hits *h, struct buf *out)
{
	wr_u32(out, MAGIC);
	wr_u32(out, (uint32_t)h->n);
	for (size_t i = 0; i < h->n; i++) {
		wr_text(out, str_from(h->list[i].name));
		wr_u64(out, h->list[i].total);
		wr_u64(out, h->list[i].last_count);
		wr_u64(out, (uint64_t)h->list[i].since_ms);
		wr_u64(out, (uint64_t)h->list[i].hit_ms);
	}
	return out->failed;
}

int hits_load(struct hits *h, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	*h = (struct hits){ 0 };
	if (!fs_exists(place_in_state(path, sizeof path, "hits")))
		return 0;
	buf_init(&b, FILE_MAX);
	int r = fs_read(path, &b, err);
	if (r == 0)
		r = hits_parse(buf_view(&b), h, err);
	buf_done(&b);
	return r;
}

static int save(const struct hits *h, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, FILE_MAX);
	int r = hits_format(h, &b);
	r = r < 0 ? err_set(err, (enum err_code)-r, "hits", "too many rules, or no memory")
	          : fs_write(place_in_state(path, sizeof path, "hits"), buf_view(&b), 0644, err);
	buf_done(&b);
	return r;
}

/* ---- what the kernel says */

static uint64_t counter_of(yyjson_val *rule)
{
	size_t i, n;
	yyjson_val *e;
	yyjson_arr_foreach(yyjson_obj_get(rule, "expr"), i, n, e) {
		yyjson_val *c = yyjson_obj_get(e, "counter");
		if (c)
			return yyjson_get_uint(yyjson_obj_get(c, "packets"));
	}
	return 0;
}

int hits_read(struct str kernel, struct buf *out, struct err *err)
{
	yyjson_doc *doc = yyjson_read(kernel.ptr, kernel.len, 0);
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "nftables"), *v;
	size_t i, max;
	uint32_t n = 0;
	struct buf rows;
	if (!yyjson_is_arr(list)) {
		yyjson_doc_free(doc);
		return err_set(err, E_CORRUPT, "nft", "its list can't be read");
	}
	buf_init(&rows, KERNEL_MAX);
	yyjson_arr_foreach(list, i, max, v) {
		yyjson_val *rule = yyjson_obj_get(v, "rule"), *c = yyjson_obj_get(rule, "comment");
		struct str name = { yyjson_get_str(c), yyjson_get_len(c) };
		if (!name.len || name.len >= HIT_NAME)
			continue;
		wr_text(&rows, name);
		wr_u64(&rows, counter_of(rule));
		n++;
	}
	wr_u32(out, n);
	buf_str(out, buf_view(&rows));
	int r = rows.failed ? err_set(err, (enum err_code)-rows.failed, "nft", "a rule's name isn't one, or there is no memory") : 0;
	buf_done(&rows);
	yyjson_doc_free(doc);
	return r;
}

/* The lines of one rule, added up: name -> place in list + 1. */
static int sum_counts(struct str counts, struct hits *ret, struct err *err)
{
	struct rd r = rd_from(counts.ptr, counts.len);
	struct map places;
	uint32_t n = rd_u32(&r);
	int res = 0;
	map_init(&places, HITS_MAX);
	*ret = (struct hits){ 0 };
	for (uint32_t i = 0; i < n && !r.bad && res == 0; i++) {
		char name[HIT_NAME];
		rd_text(&r, name, sizeof name);
		uint64_t count = rd_u64(&r);
		size_t place = (size_t)(uintptr_t)map_get(&places, str_from(name));
		if (!place && add(ret)) {
			place = ret->n;
			snprintf(ret->list[place - 1].name, HIT_NAME, "%s", name);
			res = map_put(&places, str_from(name), (void *)(uintptr_t)place);
		}
		if (place)
			ret->list[place - 1].last_count += count;
		else
			res = -E_NOMEM;
	}
	map_done(&places);
	if (res == 0 && rd_end(&r) < 0)
		res = -E_INVALID;
	if (res < 0) {
		hits_done(ret);
		return err_set(err, (enum err_code)-res, "hits", "the child's answer is malformed, or there is no memory");
	}
	if (ret->n)
		qsort(ret->list, ret->n, sizeof *ret->list, by_name);
	return 0;
}

static void take(struct hit *k, uint64_t count, int64_t now_ms)
{
	uint64_t more = count >= k->last_count ? count - k->last_count : count;
	if (more)
		k->hit_ms = now_ms;
	k->total += more;
	k->last_count = count;
}

/* Both lists by name: known ones take their count, new ones begin, those that are no more are forgotten in time. */
int hits_merge(struct hits *h, struct str counts, int64_t now_ms, struct err *err)
{
	struct hits is, all = { 0 };
	int r = sum_counts(counts, &is, err);
	for (size_t i = 0, k = 0; r == 0 && (i < h->n || k < is.n);) {
		int c = i == h->n ? 1 : k == is.n ? -1 : strcmp(h->list[i].name, is.list[k].name);
		const struct hit *old = c <= 0 ? &h->list[i++] : NULL, *new = c >= 0 ? &is.list[k++] : NULL;
		int64_t seen = old ? (old->hit_ms ? old->hit_ms : old->since_ms) : 0;
		if (!new && now_ms - seen > HITS_FORGET_MS)
			continue;
		struct hit *to = add(&all);
		if (!to) {
			r = err_set(err, E_NOMEM, "hits", "too many rules, or no memory");
			break;
		}
		*to = old ? *old : *new;
		if (!old) {
			to->last_count = 0;
			to->since_ms = now_ms;
		}
		if (new)
			take(to, new->last_count, now_ms);
	}
	hits_done(&is);
	hits_done(r == 0 ? h : &all);
	if (r == 0)
		*h = all;
	return r;
}

/* ---- keeping */

static int read_in_child(void *arg, struct buf *out, struct err *err)
{
	static const char *const argv[] = { "nft", "-j", "-t", "list", "table", "inet", "toride", NULL };
	const struct env *e = arg;
	struct buf b;
	int status = 0;
	buf_init(&b, KERNEL_MAX);
	int r = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = LIST_MS, .out = &b, .ret_status = &status }, err);
	if (r == 0 && status != 0)
		wr_u32(out, 0); /* no filter, no counts */
	else if (r == 0)
		r = hits_read(buf_view(&b), out, err);
	buf_done(&b);
	return r;
}

/* A damaged file is put aside: counting begins anew rather than never again. */
static int load_or_begin(struct hits *h, struct err *err)
{
	char path[PLACE_MAX], aside[PLACE_MAX];
	int r = hits_load(h, err);
	if (r != -E_CORRUPT)
		return r;
	rename(place_in_state(path, sizeof path, "hits"), place_in_state(aside, sizeof aside, "hits.corrupt"));
	*h = (struct hits){ 0 };
	return 0;
}

int hits_lock(bool wait, struct err *err)
{
	char path[PLACE_MAX];
	int fd = open(place_in_state(path, sizeof path, "hits.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0)
		return fd;
	int r = fd >= 0 && errno == EWOULDBLOCK ? err_set(err, E_STATE, path, "somebody else is reading the counts") : err_errno(err, path, "cannot lock");
	if (fd >= 0)
		close(fd);
	return r;
}

int hits_keep(const struct env *e, struct err *err)
{
	struct hits h = { 0 };
	struct buf counts;
	if (!e->counts)
		return 0;
	buf_init(&counts, KERNEL_MAX);
	int r = child_call(CHILD_NET_ADMIN, read_in_child, (void *)(uintptr_t)e, LIST_MS + 5000, &counts, err);
	if (r == 0)
		r = load_or_begin(&h, err);
	if (r == 0)
		r = hits_merge(&h, buf_view(&counts), clock_now_ms(), err);
	if (r == 0 && h.n)
		r = save(&h, err);
	hits_done(&h);
	buf_done(&counts);
	return r;
}

int hits_begin(const struct env *e, struct err *err)
{
	struct hits h = { 0 };
	if (!e->counts)
		return 0;
	int r = load_or_begin(&h, err);
	for (size_t i = 0; i < h.n; i++)
		h.list[i].last_count = 0;
	if (r == 0 && h.n)
		r = save(&h, err);
	hits_done(&h);
	return r;
}
