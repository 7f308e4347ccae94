/* verify_store(): the files of STATE/segments, block by block. See verify.h. */
#include "segment/verify.h"

#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"
#include "segment/verify_parts.h"

#include <openssl/crypto.h>
#include <stdio.h>

/* One segment on its way. */
struct walk {
	struct verify *v;
	struct seg_file f;
	struct seg_cipher cipher; /* ctx NULL: no key */
	struct merkle tree;
	struct head_walk heads;
	struct segment_name name; /* index: the next record */
	struct buf plain;
	char path[1024];
	bool faulty; /* something was said about this segment: it isn't looked at any further */
};

/* What the next segment's header must say. */
struct before {
	bool known;
	unsigned char root[SEGMENT_HASH];
	uint64_t count;
};

static void say(struct walk *w, uint64_t index, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(struct walk *w, uint64_t index, const char *fmt, ...)
{
	char why[256];
	struct segment_name n = w->name;
	n.index = index;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	verify_fault(w->v, &n, w->path, "%s", why);
	w->faulty = true;
}

/* Is there, behind this place, a block that begins with the record we miss? */
static bool stands_later(struct walk *w, uint64_t index)
{
	struct seg_file f = w->f; /* the same descriptor; its own place and buffer */
	struct seg_block k;
	bool found = false;
	buf_init(&f.bytes, SEGMENT_BLOCK_MAX);
	while (!found && seg_file_peek(&f, &k) == 0) {
		found = k.part == SEG_BLOCK && k.first == index;
		f.offset += k.total;
	}
	buf_done(&f.bytes);
	return found;
}

static void wrong_number(struct walk *w, const struct seg_block *k)
{
	uint64_t next = w->tree.n;
	unsigned long long from = next, first = k->first;
	if (k->part == SEG_FOOTER)
		say(w, k->first < next ? k->first : next, "the end mark speaks of %llu records, there are %llu", first, from);
	else if (k->first < next)
		say(w, k->first, "duplicated: record %llu stands a second time behind record %llu", first, from - 1);
	else if (stands_later(w, next))
		say(w, next, "reordered: record %llu stands before record %llu", first, from);
	else
		say(w, next, "removed: records %llu…%llu are missing", from, first - 1);
}

/* The first record of the block that isn't what its leaf says. -1: all are. */
static int64_t altered_record(struct walk *w, const struct seg_block *k)
{
	struct str rest = buf_view(&w->plain), data;
	const unsigned char *salt;
	unsigned char leaf[SEGMENT_HASH];
	for (uint32_t i = 0; i < k->count; i++) {
		if (!seg_record_next(&rest, &salt, &data))
			return (int64_t)(k->first + i);
		merkle_leaf(&w->v->sha, salt, data, leaf);
		if (memcmp(leaf, k->leaves + (size_t)i * SEGMENT_HASH, SEGMENT_HASH) != 0)
			return (int64_t)(k->first + i);
	}
	return rest.len ? (int64_t)(k->first + k->count - 1) : -1;
}

/* Compares records with leaves when there is a key; names the altered one. */
static void check_records(struct walk *w, const struct seg_block *k, bool chain_ok)
{
	unsigned long long first = k->first, last = k->first + k->count - 1;
	int r = w->cipher.ctx ? seg_block_open(&w->cipher, &w->f.header, k, &w->plain) : -E_NOT_FOUND;
	int64_t bad = r == 0 || r == -E_CORRUPT ? altered_record(w, k) : -1;
	if (bad >= 0)
		say(w, (uint64_t)bad, "altered: the record doesn't match its hash");
	else if (!chain_ok)
		say(w, k->first, "altered: the block of records %llu…%llu doesn't match its hash", first, last);
	else if (r == -E_CORRUPT)
		say(w, k->first, "altered: the block of records %llu…%llu fails its authentication", first, last);
	else if (r == 0)
		w->v->report->decrypted += k->count;
}

static void take_leaves(struct walk *w, const struct seg_block *k)
{
	for (uint32_t i = 0; i < k->count; i++) {
		merkle_add(&w->tree, &w->v->sha, k->leaves + (size_t)i * SEGMENT_HASH);
		verify_heads_at(w->v, &w->heads, &w->tree, i + 1 == k->count ? w->f.chain : NULL, w->path);
	}
	w->v->report->records += k->count;
	w->faulty = w->faulty || w->heads.bad;
}

static void check_footer(struct walk *w, const struct seg_block *k)
{
	unsigned char root[SEGMENT_HASH];
	merkle_root(&w->tree, &w->v->sha, root);
	w->f.sealed = true;
	if (memcmp(root, k->root, SEGMENT_HASH) != 0)
		say(w, 0, "altered: the records don't match the end mark");
}

/* False at the end of the file or after a fault. */
static bool one_block(struct walk *w)
{
	struct seg_block k;
	int r = seg_file_peek(&w->f, &k);
	if (r == -E_AGAIN)
		return false;
	if (r < 0) {
		say(w, w->tree.n, r == -E_CORRUPT ? "altered: no block begins at byte %llu" : "cannot be read at byte %llu",
		    (unsigned long long)w->f.offset);
		return false;
	}
	if (w->f.sealed) {
		say(w, w->tree.n, "put in: something stands behind the end mark");
		return false;
	}
	if (k.first != w->tree.n) {
		wrong_number(w, &k);
		return false;
	}
	bool chain_ok = seg_block_chain(&k, &w->v->sha, w->f.chain);
	if (k.part == SEG_BLOCK)
		check_records(w, &k, chain_ok);
	else if (!chain_ok)
		say(w, w->tree.n, "altered: the end mark doesn't match its hash");
	if (w->faulty)
		return false;
	w->f.offset += k.total;
	if (k.part == SEG_FOOTER)
		check_footer(w, &k);
	else
		take_leaves(w, &k);
	return !w->faulty;
}

static void get_key(struct walk *w)
{
	unsigned char key[SEGMENT_KEY], commitment[SEGMENT_HASH];
	const struct verify_opts *o = w->v->o;
	struct err err;
	if (!o->get_key || o->get_key(w->name.org, w->name.series, w->name.segment, key, o->user, &err) < 0) {
		w->v->report->without_key++;
		return;
	}
	seg_commitment(&w->v->sha, key, commitment);
	if (memcmp(commitment, w->f.header.commitment, SEGMENT_HASH) != 0)
		say(w, 0, "altered: the header names another key than the vault's");
	else if (seg_cipher_open(&w->cipher, key, false) < 0)
		w->v->report->without_key++;
	OPENSSL_cleanse(key, sizeof key);
}

static void check_header(struct walk *w, const struct before *before)
{
	const struct seg_header *h = &w->f.header;
	if (h->number != w->name.segment || strcmp(h->org, w->name.org) != 0 || strcmp(h->series, w->name.series) != 0)
		say(w, 0, "reordered: the file is segment %s/%s/%06u", h->org, h->series, h->number);
	else if (before->known && (h->prev_count != before->count || memcmp(h->prev_root, before->root, SEGMENT_HASH) != 0))
		say(w, 0, "the segment doesn't follow the one before it: one of the two was replaced");
}

/* Its time was over: the last thing signed about it says so, with the head that was signed when it was sealed. */
static bool check_ended(struct walk *w, struct before *before)
{
	const struct signed_head *end = NULL, *sealed = NULL;
	for (const struct signed_head *h = w->heads.at; h < w->heads.end; h++) {
		const struct signed_head **which = h->ended ? &end : &sealed;
		if (h->sealed && (!*which || h->checkpoint < (*which)->checkpoint))
			*which = h;
	}
	if (!end)
		return false;
	struct verify_report *r = w->v->report;
	if (!sealed || sealed->checkpoint > end->checkpoint || w->heads.end[-1].count > end->count ||
	    sealed->count != end->count || memcmp(sealed->root, end->root, SEGMENT_HASH) != 0 ||
	    memcmp(sealed->chain, end->chain, SEGMENT_HASH) != 0) {
		say(w, 0, "altered before it was ended: checkpoint %llu ended another segment than was sealed",
		    (unsigned long long)end->checkpoint);
		return true;
	}
	int64_t kept = end->time_ms - sealed->time_ms;
	if (r->ended == 0 || kept < r->ended_after_ms)
		r->ended_after_ms = kept;
	r->ended++;
	r->ended_records += end->count;
	before->known = true;
	before->count = end->count;
	memcpy(before->root, end->root, SEGMENT_HASH);
	return true;
}

static void check_segment(struct verify *v, const char *org, const char *series, uint32_t number, struct before *before)
{
	struct walk w = { .v = v, .name = { .segment = number }, .heads = verify_heads(v, org, series, number) };
	struct err err = { 0 };
	snprintf(w.name.org, sizeof w.name.org, "%s", org);
	snprintf(w.name.series, sizeof w.name.series, "%s", series);
	int r = seg_file_find(v->o->dir, org, series, number, &v->sha, &w.f, w.path, &err);
	bool was_known = before->known;
	before->known = false;
	if (r == -E_AGAIN && w.heads.at == w.heads.end)
		return; /* just being made, or torn at birth: nothing was ever in it */
	if (r == -E_NOT_FOUND && check_ended(&w, before))
		return;
	if (r == -E_IO) {
		say(&w, 0, "can't be looked at: %s", err.msg);
		return;
	}
	if (r < 0) {
		uint64_t n = w.heads.at < w.heads.end ? w.heads.end[-1].count : 0;
		if (r == -E_NOT_FOUND && n)
			say(&w, 0, "removed: the whole segment with its %llu signed records is missing", (unsigned long long)n);
		else
			say(&w, 0, r == -E_NOT_FOUND ? "removed: the whole segment is missing" : "altered: the file has no header");
		return;
	}
	buf_init(&w.plain, SEGMENT_BLOCK_MAX);
	v->report->segments++;
	struct before b = *before;
	b.known = was_known;
	check_header(&w, &b);
	if (!w.faulty)
		get_key(&w);
	if (!w.faulty) {
		verify_heads_at(v, &w.heads, &w.tree, w.f.chain, w.path);
		while (one_block(&w))
			;
	}
	if (!w.faulty && !w.heads.bad)
		verify_heads_end(v, &w.heads, &w.tree, w.f.sealed, w.f.chain, &w.name, w.path);
	if (!w.faulty && !w.heads.bad) {
		before->known = true;
		before->count = w.tree.n;
		merkle_root(&w.tree, &v->sha, before->root);
	}
	seg_cipher_close(&w.cipher);
	if (w.plain.ptr)
		OPENSSL_cleanse(w.plain.ptr, w.plain.cap);
	buf_done(&w.plain);
	seg_file_close(&w.f);
}

static int check_series(const char *org, const char *series, void *user)
{
	struct verify *v = user;
	_cleanup_free_ uint32_t *numbers = NULL;
	size_t n;
	struct before before = { .known = true }; /* zeros before the first */
	if (v->o->org && strcmp(org, v->o->org) != 0)
		return 0;
	char path[1024];
	snprintf(path, sizeof path, "%s/%s/%s", v->o->dir, org, series);
	int r = fs_exists(path) ? seg_numbers(v->o->dir, org, series, &numbers, &n, NULL) : (n = 0, 0);
	if (r < 0)
		return r;
	uint32_t last = n ? numbers[n - 1] : 0;
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->heads[i].org, org) == 0 && strcmp(v->heads[i].series, series) == 0 && v->heads[i].segment > last)
			last = v->heads[i].segment;
	v->report->series++;
	for (uint32_t number = 1; number <= last && v->report->n < VERIFY_FAULTS; number++)
		check_segment(v, org, series, number, &before);
	return 0;
}

/* Series of which nothing is left but what was signed. */
static int check_vanished(struct verify *v)
{
	char path[1024];
	for (size_t i = 0; i < v->n; i++) {
		const struct signed_head *h = &v->heads[i];
		if (i && strcmp(h->org, h[-1].org) == 0 && strcmp(h->series, h[-1].series) == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s/%s", v->o->dir, h->org, h->series);
		int r = fs_exists(path) ? 0 : check_series(h->org, h->series, v);
		if (r < 0)
			return r;
	}
	return 0;
}

int verify_store(const struct verify_opts *o, struct verify_report *report, struct err *err)
{
	struct verify v;
	char path[1024];
	*report = (struct verify_report){ 0 };
	if (!fs_exists(o->dir))
		return err_set(err, E_NOT_FOUND, o->dir, "there is no log");
	int r = verify_open(&v, o, report, err);
	/* the checkpoints first: what is written meanwhile is then merely not yet signed */
	if (r == 0)
		r = checkpoint_each(o->dir, false, verify_checkpoint_line, &v, NULL, err);
	snprintf(path, sizeof path, "%s/checkpoints", o->dir);
	if (r == 0) {
		verify_sort(&v);
		verify_witness(&v, path);
		r = seg_each_series(o->dir, check_series, &v, err);
	}
	if (r == 0)
		r = check_vanished(&v);
	verify_close(&v);
	return r < 0 && err && err->code == 0 ? err_set(err, (enum err_code)-r, o->dir, "cannot verify") : r;
}
