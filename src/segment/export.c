/* See export.h. Reads segments and checkpoints, writes a directory; changes nothing of the log. */
#include "segment/export.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/capture.h"
#include "segment/checkpoint.h"
#include "segment/export_readme.h"
#include "segment/file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A file being written, hashed for the manifest on its way. */
struct out {
	int fd;
	struct buf b;
	struct sha sha;
	uint64_t bytes;
	char name[64];
};

struct segment_done {
	char series[16];
	uint32_t number;
	uint64_t leaves, first, end; /* records exported: first … end-1, or those of them that were picked */
	bool started, over;          /* one stretch, even if the clock went back in between */
	uint64_t *picked;
	size_t n_picked, cap_picked;
};

struct export {
	const struct export_opts *o;
	struct export_report *report;
	struct sha sha;
	struct out records;
	struct out packets; /* no file until there is one */
	struct capture capture;
	struct buf files; /* rows of the manifest */
	struct segment_done *done;
	size_t n, cap;
	struct head *last; /* newest signed head of each segment, sorted by series and number */
	size_t n_last, cap_last;
	unsigned char key[32];
	struct err *err;
};

static int out_open(struct export *x, struct out *f, const char *name, struct err *err)
{
	char path[1024];
	*f = (struct out){ .fd = -1 };
	snprintf(path, sizeof path, "%s/%s", x->o->out, name);
	snprintf(f->name, sizeof f->name, "%s", name);
	buf_init(&f->b, 4 * MIB);
	if (sha_open(&f->sha) < 0)
		return err_set(err, E_NOMEM, "", "no memory");
	sha_begin(&f->sha);
	f->fd = fs_fault() ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return f->fd < 0 ? err_errno(err, path, "cannot create") : 0;
}

static int out_flush(struct out *f, size_t at_least, struct err *err)
{
	if (f->b.failed)
		return err_set(err, (enum err_code)-f->b.failed, f->name, "no memory");
	if (f->b.len < at_least || f->b.len == 0)
		return 0;
	sha_add(&f->sha, f->b.ptr, f->b.len);
	f->bytes += f->b.len;
	int r = fs_write_all(f->fd, f->b.ptr, f->b.len, err);
	buf_reset(&f->b);
	return r;
}

static void out_free(struct out *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	buf_done(&f->b);
	sha_close(&f->sha);
}

/* Ends the file and notes it in the manifest. */
static int out_close(struct export *x, struct out *f, struct err *err)
{
	unsigned char hash[SEGMENT_HASH];
	char hex[65];
	int r = out_flush(f, 0, err);
	if (r == 0 && (fs_fault() || fsync(f->fd) < 0))
		r = err_errno(err, f->name, "cannot sync");
	sha_end(&f->sha, hash);
	hex_format(hash, sizeof hash, hex);
	buf_puts(&x->files, x->files.len ? ",\n  {" : "\n  {");
	json_field_s(&x->files, "name", f->name);
	json_field_u64(&x->files, "bytes", f->bytes);
	json_field_s(&x->files, "sha256", hex);
	buf_putc(&x->files, '}');
	out_free(f);
	return r;
}

static int out_text(struct export *x, const char *name, struct str text, struct err *err)
{
	struct out f;
	int r = out_open(x, &f, name, err);
	if (r == 0) {
		buf_str(&f.b, text);
		return out_close(x, &f, err);
	}
	out_free(&f);
	return r;
}

/* ---- what is signed ---- */

static int note_last(struct str line, const char *file, uint64_t line_number, void *user)
{
	struct export *x = user;
	struct checkpoint c;
	int r = checkpoint_parse(line, &c);
	if (r < 0)
		return err_set(x->err, (enum err_code)-r, file, "line %llu is no checkpoint; run log verify",
		               (unsigned long long)line_number);
	memcpy(x->key, c.key, sizeof x->key);
	for (size_t i = 0; i < c.n_heads && r == 0; i++) {
		const struct head *h = &c.heads[i];
		if (strcmp(h->org, x->o->org) != 0)
			continue;
		struct head *k = NULL;
		for (size_t n = x->n_last; n > 0 && !k; n--) /* nearly always the newest */
			if (x->last[n - 1].segment == h->segment && strcmp(x->last[n - 1].series, h->series) == 0)
				k = &x->last[n - 1];
		if (!k && x->n_last == x->cap_last) {
			x->cap_last = x->cap_last ? x->cap_last * 2 : 64;
			struct head *p = mem_grow(x->last, x->cap_last * sizeof *p);
			r = p ? 0 : err_set(x->err, E_NOMEM, "", "no memory");
			x->last = p ? p : x->last;
		}
		if (r == 0)
			*(k ? k : &x->last[x->n_last++]) = *h;
	}
	checkpoint_done(&c);
	return r;
}

static int by_segment(const void *a, const void *b)
{
	const struct head *x = a, *y = b;
	int r = strcmp(x->series, y->series);
	return r ? r : (x->segment > y->segment) - (x->segment < y->segment);
}

/* ---- records and leaves ---- */

static int note_picked(struct segment_done *d, uint64_t index, struct err *err)
{
	if (d->n_picked == d->cap_picked) {
		size_t cap = d->cap_picked ? d->cap_picked * 2 : 64;
		uint64_t *p = mem_grow(d->picked, cap * sizeof *p);
		if (!p)
			return err_set(err, E_NOMEM, "", "no memory");
		d->picked = p;
		d->cap_picked = cap;
	}
	d->picked[d->n_picked++] = index;
	return 0;
}

static int put_packet(struct export *x, const char *name, struct str data, struct err *err)
{
	struct buf b;
	buf_init(&b, 256 * KIB);
	int r = capture_add(&x->capture, name, data, &b);
	if (r == 0 && b.len && x->packets.fd < 0)
		r = out_open(x, &x->packets, CAPTURE_NAME, err);
	else if (r < 0)
		r = err_set(err, (enum err_code)-r, name, "its packet can't be put into a capture");
	if (r == 0 && b.len) {
		buf_str(&x->packets.b, buf_view(&b));
		r = out_flush(&x->packets, MIB, err);
	}
	buf_done(&b);
	return r;
}

static int put_record(struct export *x, const struct segment_name *name, int64_t time_ms, const unsigned char *salt, struct str data, struct err *err)
{
	char text[SEGMENT_NAME_TEXT], salt_hex[2 * SEGMENT_SALT + 1];
	struct buf *b = &x->records.b;
	hex_format(salt, SEGMENT_SALT, salt_hex);
	buf_putc(b, '{');
	json_field_s(b, "name", segment_name_format(name, text));
	json_field_u64(b, "time_ms", (uint64_t)time_ms);
	json_field_s(b, "salt", salt_hex);
	json_field(b, str_is_utf8(data) ? "record" : "record_hex", str_is_utf8(data) ? data : (struct str){ "", 0 });
	if (!str_is_utf8(data)) { /* never from intaked; said as it is all the same */
		b->len -= 1;
		for (size_t i = 0; i < data.len; i++)
			buf_printf(b, "%02x", (unsigned char)data.ptr[i]);
		buf_putc(b, '"');
	}
	buf_puts(b, "}\n");
	x->report->records++;
	return put_packet(x, text, data, err);
}

static int put_block(struct export *x, struct seg_cipher *cipher, const struct seg_file *f, const struct seg_block *k,
                     struct buf *plain, uint64_t limit, struct segment_done *d, struct err *err)
{
	struct segment_name name = { .segment = d->number };
	memcpy(name.org, f->header.org, sizeof name.org);
	memcpy(name.series, f->header.series, sizeof name.series);
	name.index = k->first;
	int r = seg_block_open(cipher, &f->header, k, plain);
	char text[SEGMENT_NAME_TEXT];
	if (r < 0)
		return err_set(err, (enum err_code)-r, segment_name_format(&name, text), "cannot be decrypted; run log verify");
	struct str rest = buf_view(plain), data;
	const unsigned char *salt;
	for (; name.index < k->first + k->count && name.index < limit && seg_record_next(&rest, &salt, &data); name.index++) {
		if (x->o->pick && !x->o->pick(&name, data, x->o->pick_user))
			continue;
		if (x->o->pick && note_picked(d, name.index, err) < 0)
			return -E_NOMEM;
		int p = put_record(x, &name, k->time_ms, salt, data, err);
		if (p < 0)
			return p;
		d->first = d->end == 0 ? name.index : d->first;
		d->end = name.index + 1;
	}
	return out_flush(&x->records, MIB, err);
}

static int walk_segment(struct export *x, struct seg_cipher *cipher, struct seg_file *f, const struct head *signed_head,
                        struct out *leaves, struct segment_done *d, struct err *err)
{
	struct seg_block k;
	struct buf plain;
	int r = 0;
	buf_init(&plain, SEGMENT_BLOCK_MAX);
	while (r == 0 && d->leaves < signed_head->count && (r = seg_file_next(f, &x->sha, &k, err)) == 0) {
		if (k.part == SEG_FOOTER)
			break;
		for (uint32_t i = 0; i < k.count && d->leaves < signed_head->count; i++, d->leaves++) {
			char hex[65];
			hex_format(k.leaves + (size_t)i * SEGMENT_HASH, SEGMENT_HASH, hex);
			buf_printf(&leaves->b, "%s\n", hex);
		}
		d->started = d->started || k.time_ms >= x->o->from_ms;
		d->over = d->over || (d->started && x->o->to_ms && k.time_ms >= x->o->to_ms);
		if (d->started && !d->over)
			r = put_block(x, cipher, f, &k, &plain, signed_head->count, d, err);
		if (r == 0)
			r = out_flush(leaves, MIB, err);
	}
	if (plain.ptr)
		OPENSSL_cleanse(plain.ptr, plain.cap);
	buf_done(&plain);
	if (r == -E_AGAIN || (r == 0 && d->leaves < signed_head->count))
		r = err_set(err, E_CORRUPT, x->o->org, "segment %s/%06u holds fewer records than were signed; run log verify",
		            d->series, d->number);
	return r;
}

static int note_done(struct export *x, const struct segment_done *d, struct err *err)
{
	if (x->n == x->cap) {
		x->cap = x->cap ? x->cap * 2 : 64;
		struct segment_done *p = mem_grow(x->done, x->cap * sizeof *p);
		if (!p)
			return err_set(err, E_NOMEM, "", "no memory");
		x->done = p;
	}
	x->done[x->n++] = *d;
	x->report->segments++;
	return 0;
}

/* Does anything of the segment fall into the time asked for? Segments are in time's order, blocks carry the time. */
static bool concerned(struct export *x, const struct head *h)
{
	char path[1024];
	struct seg_file f;
	struct seg_block k;
	bool yes = x->o->from_ms == 0 && x->o->to_ms == 0;
	if (yes || seg_file_find(x->o->dir, h->org, h->series, h->segment, &x->sha, &f, path, NULL) < 0)
		return true; /* what is wrong with it is said when it is opened for good */
	int r;
	while ((r = seg_file_peek(&f, &k)) == 0 && k.part == SEG_BLOCK && !yes) {
		yes = k.time_ms >= x->o->from_ms && (x->o->to_ms == 0 || k.time_ms < x->o->to_ms);
		f.offset += k.total;
	}
	seg_file_close(&f);
	return yes || (r < 0 && r != -E_AGAIN); /* one that can't be read to its end isn't left out */
}

/* Its time was over (retention): nothing is left to be exported. */
static bool is_gone(const struct export *x, const struct head *h)
{
	return h->ended && !seg_is_there(x->o->dir, h->org, h->series, h->segment);
}

/* None of its records was picked: it isn't in the export. */
static int drop_leaves(struct export *x, struct out *leaves, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", x->o->out, leaves->name);
	out_free(leaves);
	return unlink(path) < 0 ? err_errno(err, path, "cannot be removed") : 0;
}

static int one_segment(struct export *x, const struct head *h, struct err *err)
{
	char path[1024], name[64];
	bool none = false;
	struct seg_file f;
	struct seg_cipher cipher = { NULL };
	struct out leaves;
	unsigned char key[SEGMENT_KEY];
	struct segment_done d = { .number = h->segment };
	memcpy(d.series, h->series, sizeof d.series);
	snprintf(name, sizeof name, "leaves/%s-%06u.txt", h->series, h->segment);
	int r = seg_file_find(x->o->dir, h->org, h->series, h->segment, &x->sha, &f, path, err);
	if (r < 0)
		return r == -E_AGAIN ? err_set(err, E_CORRUPT, path, "the segment has no header; run log verify") : r;
	r = x->o->key(h->org, h->series, h->segment, key, x->o->user, err);
	if (r == 0 && seg_cipher_open(&cipher, key, false) < 0)
		r = err_set(err, E_NOMEM, "", "no memory");
	OPENSSL_cleanse(key, sizeof key);
	if (r == 0) {
		r = out_open(x, &leaves, name, err);
		if (r == 0)
			r = walk_segment(x, &cipher, &f, h, &leaves, &d, err);
		none = x->o->pick && d.n_picked == 0;
		if (r == 0)
			r = none ? drop_leaves(x, &leaves, err) : out_close(x, &leaves, err);
		else
			out_free(&leaves);
	}
	seg_cipher_close(&cipher);
	seg_file_close(&f);
	if (r == 0 && !none)
		r = note_done(x, &d, err);
	if (r < 0 || none)
		mem_free(d.picked);
	return r;
}

/* ---- checkpoints ---- */

struct checkpoints {
	struct export *x;
	struct out *f;
	struct buf leaves;
};

static bool exported(const struct export *x, const struct head *h)
{
	for (size_t i = x->n; i > 0 && strcmp(h->org, x->o->org) == 0; i--)
		if (x->done[i - 1].number == h->segment && strcmp(x->done[i - 1].series, h->series) == 0)
			return h->count <= x->done[i - 1].leaves;
	return false;
}

static int own_heads(struct str line, const char *file, uint64_t line_number, void *user)
{
	struct checkpoints *k = user;
	struct export *x = k->x;
	struct checkpoint c;
	size_t own = 0;
	int r = checkpoint_parse(line, &c);
	if (r < 0)
		return err_set(x->err, (enum err_code)-r, file, "line %llu is no checkpoint; run log verify",
		               (unsigned long long)line_number);
	buf_reset(&k->leaves);
	checkpoint_leaves(&c, &x->sha, &k->leaves);
	for (size_t i = 0; i < c.n_heads && !k->leaves.failed; i++) {
		struct head h = c.heads[i];
		unsigned char path[MERKLE_PATH][SEGMENT_HASH];
		if (!exported(x, &h))
			continue;
		h.has_path = true;
		h.at = i;
		h.path_len = (uint8_t)merkle_path(&x->sha, (const unsigned char *)k->leaves.ptr, c.n, i, path);
		memcpy(h.path, path, (size_t)h.path_len * SEGMENT_HASH);
		c.heads[own++] = h;
	}
	c.n_heads = own;
	if (own) {
		checkpoint_format(&c, &k->f->b);
		x->report->checkpoints++;
	}
	checkpoint_done(&c);
	return k->leaves.failed ? err_set(x->err, (enum err_code)-k->leaves.failed, "checkpoints.jsonl", "no memory") : out_flush(k->f, MIB, x->err);
}

static int put_checkpoints(struct export *x, struct err *err)
{
	struct out f;
	struct checkpoints k = { x, &f, { 0 } };
	buf_init(&k.leaves, CHECKPOINT_HEADS_MAX * SEGMENT_HASH);
	int r = out_open(x, &f, "checkpoints.jsonl", err);
	if (r == 0)
		r = checkpoint_each(x->o->dir, false, own_heads, &k, NULL, err);
	if (r == 0)
		r = out_close(x, &f, err);
	else
		out_free(&f);
	buf_done(&k.leaves);
	return r;
}

static void put_picked(struct buf *b, const struct segment_done *d)
{
	json_key(b, "picked");
	buf_putc(b, '[');
	for (size_t i = 0; i < d->n_picked; i++)
		buf_printf(b, "%s%llu", i ? "," : "", (unsigned long long)d->picked[i]);
	buf_putc(b, ']');
}

static void put_about(struct buf *b, const struct export_opts *o)
{
	const struct {
		const char *key, *value;
	} said[] = { { "by", o->by }, { "reason", o->reason }, { "incident", o->incident }, { "custody", o->custody } };
	for (size_t i = 0; i < ARRAY_LEN(said); i++)
		if (said[i].value)
			json_field_s(b, said[i].key, said[i].value);
}

static int put_manifest(struct export *x, struct err *err)
{
	struct buf b;
	char path[1024];
	buf_init(&b, 64 * MIB);
	buf_puts(&b, "{\"v\":1");
	json_field_s(&b, "org", x->o->org);
	json_field_u64(&b, "from_ms", (uint64_t)x->o->from_ms);
	json_field_u64(&b, "to_ms", (uint64_t)x->o->to_ms);
	json_field_u64(&b, "created_ms", (uint64_t)clock_now_ms());
	put_about(&b, x->o);
	buf_puts(&b, ",\n \"segments\":[");
	for (size_t i = 0; i < x->n; i++) {
		const struct segment_done *d = &x->done[i];
		buf_puts(&b, i ? ",\n  {" : "\n  {");
		json_field_s(&b, "series", d->series);
		json_field_u64(&b, "segment", d->number);
		json_field_u64(&b, "leaves", d->leaves);
		json_field_u64(&b, "first", d->first);
		json_field_u64(&b, "end", d->end);
		if (x->o->pick)
			put_picked(&b, d);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "],\n \"files\":[");
	buf_str(&b, buf_view(&x->files));
	buf_puts(&b, "]}\n");
	snprintf(path, sizeof path, "%s/manifest.json", x->o->out);
	sha_begin(&x->sha);
	sha_add(&x->sha, b.ptr, b.len);
	sha_end(&x->sha, x->report->manifest);
	int r = b.failed || x->files.failed ? err_set(err, E_NOMEM, path, "no memory") : fs_write(path, buf_view(&b), 0600, err);
	buf_done(&b);
	return r;
}

static int some_name(const char *name, void *user)
{
	(void)name;
	(void)user;
	return 1;
}

static int make_dir(const char *out, struct err *err)
{
	char path[1024];
	if (fs_exists(out) && fs_list(out, some_name, NULL, err) != 0)
		return err_set(err, E_EXISTS, out, "is there and not an empty directory");
	snprintf(path, sizeof path, "%s/leaves", out);
	return fs_mkdirs(path, 0700, err);
}

static int put_all(struct export *x, struct err *err)
{
	char key[66];
	int r = out_open(x, &x->records, "records.jsonl", err);
	for (size_t i = 0; i < x->n_last && r == 0; i++)
		r = x->last[i].count && !is_gone(x, &x->last[i]) && concerned(x, &x->last[i]) ? one_segment(x, &x->last[i], err) : 0;
	if (r == 0)
		r = out_close(x, &x->records, err);
	else
		out_free(&x->records);
	if (r == 0 && x->capture.packets)
		r = out_close(x, &x->packets, err);
	else
		out_free(&x->packets);
	x->report->packets = x->capture.packets;
	if (r == 0)
		r = put_checkpoints(x, err);
	hex_format(x->key, sizeof x->key, key);
	key[64] = '\n';
	if (r == 0)
		r = out_text(x, "seal.pub", (struct str){ key, 65 }, err);
	if (r == 0)
		r = out_text(x, "README.md", STR(EXPORT_README), err);
	for (size_t i = 0; i < x->o->n_texts && r == 0; i++)
		r = out_text(x, x->o->texts[i].name, x->o->texts[i].text, err);
	return r == 0 ? put_manifest(x, err) : r;
}

int segment_export(const struct export_opts *o, struct export_report *report, struct err *err)
{
	struct export x = { .o = o, .report = report, .err = err, .records = { .fd = -1 }, .packets = { .fd = -1 } };
	*report = (struct export_report){ 0 };
	if (!segment_org_ok(o->org))
		return err_set(err, E_INVALID, o->org, "not an organisation");
	int r = make_dir(o->out, err);
	if (r < 0)
		return r;
	if (sha_open(&x.sha) < 0)
		return err_set(err, E_NOMEM, "", "no memory");
	buf_init(&x.files, 16 * MIB);
	r = checkpoint_each(o->dir, false, note_last, &x, NULL, err);
	if (r == 0 && x.n_last == 0)
		r = err_set(err, E_NOT_FOUND, o->org, "nothing of this organisation is signed");
	if (r == 0) {
		qsort(x.last, x.n_last, sizeof *x.last, by_segment);
		r = put_all(&x, err);
	}
	buf_done(&x.files);
	for (size_t i = 0; i < x.n; i++)
		mem_free(x.done[i].picked);
	mem_free(x.done);
	mem_free(x.last);
	sha_close(&x.sha);
	return r;
}
