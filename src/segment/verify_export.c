/* verify_export(): an export directory, without the vault and without the log it came from. See verify.h.
 *
 * Order: signatures first, then leaves against signed roots, then records against leaves; the manifest's hashes last,
 * so that an altered record is named as such and not as "a file has changed". */
#include "segment/verify.h"

#include "base/fs.h"
#include "base/mem.h"
#include "segment/capture.h"
#include "segment/verify_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#define LEAVES_MAX (64u * 1024 * 1024) /* bytes of one leaves file: a million records */
#define LINE_MAX_BYTES (4u * 1024 * 1024)

struct part { /* one segment of the manifest */
	struct segment_name name; /* index unused */
	uint64_t leaves, first, end;
	char file[600];
	unsigned char *hashes; /* leaves × 32 */
	uint64_t *line_of;     /* of each exported record: its line in records.jsonl, 0: not there */
	uint64_t *picked;      /* those of first … end-1 that it holds, ascending; NULL: all */
	size_t n_picked;
	bool faulty;
};

struct job {
	struct verify v;
	struct part *parts;
	size_t n;
	char records[600];
	struct capture capture; /* made again from the records */
	struct sha packets;
	/* while records.jsonl is read */
	struct part *at;
	uint64_t expected; /* index of the next record of `at` */
	bool order_said;
};

static bool text_of(yyjson_val *o, const char *key, char *dst, size_t size)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	return yyjson_is_str(v) && str_copy((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, dst, size);
}

/* ---- manifest ---- */

/* Which of the segment's records were picked. */
static int read_picked(struct part *p, yyjson_val *list)
{
	yyjson_val *v;
	yyjson_arr_iter it;
	if (!list)
		return 0;
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > p->end - p->first)
		return -E_INVALID;
	p->picked = mem_array(yyjson_arr_size(list) ? yyjson_arr_size(list) : 1, sizeof *p->picked);
	if (!p->picked)
		return -E_NOMEM;
	yyjson_arr_iter_init(list, &it);
	while ((v = yyjson_arr_iter_next(&it))) {
		uint64_t i = yyjson_get_uint(v), least = p->n_picked ? p->picked[p->n_picked - 1] + 1 : p->first;
		if (!yyjson_is_uint(v) || i < least || i >= p->end)
			return -E_INVALID;
		p->picked[p->n_picked++] = i;
	}
	return 0;
}

static int by_index(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static bool holds(const struct part *p, uint64_t index)
{
	return index >= p->first && index < p->end && (!p->picked || bsearch(&index, p->picked, p->n_picked, sizeof index, by_index));
}

static int read_parts(struct job *j, yyjson_val *root, struct err *err)
{
	yyjson_val *arr = yyjson_obj_get(root, "segments"), *s;
	char org[8];
	if (!yyjson_is_arr(arr) || yyjson_arr_size(arr) > 1000000 || !text_of(root, "org", org, sizeof org) || !segment_org_ok(org))
		return err_set(err, E_CORRUPT, "manifest.json", "is not an export's manifest");
	j->parts = mem_array(yyjson_arr_size(arr), sizeof *j->parts);
	if (!j->parts)
		return err_set(err, E_NOMEM, "", "no memory");
	yyjson_arr_iter it;
	yyjson_arr_iter_init(arr, &it);
	while ((s = yyjson_arr_iter_next(&it))) {
		struct part *p = &j->parts[j->n++];
		snprintf(p->name.org, sizeof p->name.org, "%s", org);
		p->name.segment = (uint32_t)yyjson_get_uint(yyjson_obj_get(s, "segment"));
		p->leaves = yyjson_get_uint(yyjson_obj_get(s, "leaves"));
		p->first = yyjson_get_uint(yyjson_obj_get(s, "first"));
		p->end = yyjson_get_uint(yyjson_obj_get(s, "end"));
		if (!text_of(s, "series", p->name.series, sizeof p->name.series) || !segment_series_ok(p->name.series) ||
		    p->name.segment == 0 || p->leaves > LEAVES_MAX / 65 || p->first > p->end || p->end > p->leaves)
			return err_set(err, E_CORRUPT, "manifest.json", "segment %zu of it makes no sense", j->n);
		int r = read_picked(p, yyjson_obj_get(s, "picked"));
		if (r < 0)
			return err_set(err, r == -E_NOMEM ? E_NOMEM : E_CORRUPT, "manifest.json", "the records picked of segment %zu of it make no sense", j->n);
		snprintf(p->file, sizeof p->file, "%.500s/leaves/%s-%06u.txt", j->v.o->dir, p->name.series, p->name.segment);
	}
	return 0;
}

/* ---- leaves ---- */

static void leaves_fault(struct job *j, struct part *p, uint64_t index, const char *why)
{
	p->name.index = index;
	p->faulty = true;
	verify_fault(&j->v, &p->name, p->file, "%s", why);
}

static int read_leaves(struct job *j, struct part *p, struct err *err)
{
	struct buf b;
	buf_init(&b, LEAVES_MAX);
	p->hashes = mem_array(p->leaves ? p->leaves : 1, SEGMENT_HASH);
	p->line_of = mem_array(p->leaves ? p->leaves : 1, sizeof *p->line_of);
	int r = p->hashes && p->line_of ? 0 : err_set(err, E_NOMEM, "", "no memory");
	if (r == 0 && !fs_exists(p->file))
		leaves_fault(j, p, 0, "removed: the hashes of this segment are missing");
	else if (r == 0)
		r = fs_read(p->file, &b, err);
	struct str rest = buf_view(&b), line;
	uint64_t n = 0;
	while (r == 0 && !p->faulty && rest.len && str_next(&rest, '\n', &line)) {
		if (n == p->leaves || !hex_parse(line, p->hashes + n * SEGMENT_HASH, SEGMENT_HASH))
			leaves_fault(j, p, n, n == p->leaves ? "put in: more hashes than the manifest says" : "altered: not a hash");
		else
			n++;
	}
	if (r == 0 && !p->faulty && n < p->leaves)
		leaves_fault(j, p, n, "removed: from here on the hashes are missing");
	buf_done(&b);
	return r;
}

static void check_leaves(struct job *j, struct part *p)
{
	struct merkle tree = { .n = 0 };
	struct head_walk w = verify_heads(&j->v, p->name.org, p->name.series, p->name.segment);
	verify_heads_at(&j->v, &w, &tree, NULL, p->file);
	for (uint64_t i = 0; i < p->leaves && !w.bad; i++) {
		merkle_add(&tree, &j->v.sha, p->hashes + i * SEGMENT_HASH);
		verify_heads_at(&j->v, &w, &tree, NULL, p->file);
	}
	if (!w.bad)
		verify_heads_end(&j->v, &w, &tree, true, NULL, &p->name, p->file);
	p->faulty = w.bad;
	j->v.report->segments++;
}

/* ---- records ---- */

struct line {
	struct segment_name name;
	unsigned char salt[SEGMENT_SALT];
	yyjson_doc *doc;
	struct str data;
	struct buf hex; /* record_hex, decoded */
};

static bool line_parse(struct str text, struct line *ret)
{
	char name[SEGMENT_NAME_TEXT];
	*ret = (struct line){ 0 };
	buf_init(&ret->hex, LINE_MAX_BYTES);
	ret->doc = yyjson_read(text.ptr, text.len, 0);
	yyjson_val *o = yyjson_doc_get_root(ret->doc), *salt = yyjson_obj_get(o, "salt"), *rec = yyjson_obj_get(o, "record");
	yyjson_val *hex = yyjson_obj_get(o, "record_hex");
	if (!yyjson_is_obj(o) || !text_of(o, "name", name, sizeof name) || segment_name_parse(str_from(name), &ret->name) < 0 ||
	    !yyjson_is_str(salt) ||
	    !hex_parse((struct str){ yyjson_get_str(salt), yyjson_get_len(salt) }, ret->salt, SEGMENT_SALT))
		return false;
	if (yyjson_is_str(hex)) {
		size_t n = yyjson_get_len(hex) / 2;
		if (!buf_room(&ret->hex, n) || !hex_parse((struct str){ yyjson_get_str(hex), yyjson_get_len(hex) }, ret->hex.ptr, n))
			return false;
		ret->data = (struct str){ ret->hex.ptr, n };
		return true;
	}
	ret->data = (struct str){ yyjson_get_str(rec), yyjson_get_len(rec) };
	return yyjson_is_str(rec);
}

static void line_done(struct line *l)
{
	yyjson_doc_free(l->doc);
	buf_done(&l->hex);
}

static struct part *part_of(struct job *j, const struct segment_name *n)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->parts[i].name.segment == n->segment && strcmp(j->parts[i].name.org, n->org) == 0 &&
		    strcmp(j->parts[i].name.series, n->series) == 0)
			return &j->parts[i];
	return NULL;
}

/* The record's text, if it isn't this one's, may be another's of the segment: then records changed places. */
static void wrong_text(struct job *j, struct part *p, const struct line *l, const unsigned char *leaf, uint64_t line_number)
{
	for (uint64_t i = 0; i < p->leaves; i++)
		if (memcmp(p->hashes + i * SEGMENT_HASH, leaf, SEGMENT_HASH) == 0) {
			verify_fault(&j->v, &l->name, j->records, "reordered: line %llu holds what was written as record %llu",
			             (unsigned long long)line_number, (unsigned long long)i);
			return;
		}
	verify_fault(&j->v, &l->name, j->records, "altered: line %llu isn't what was written", (unsigned long long)line_number);
}

/* First reading: text against leaf, and where each record stands. */
static void check_line(struct job *j, const struct line *l, uint64_t line_number)
{
	unsigned char leaf[SEGMENT_HASH];
	struct part *p = part_of(j, &l->name);
	if (!p || l->name.index >= p->leaves || !holds(p, l->name.index)) {
		verify_fault(&j->v, &l->name, j->records, "put in: line %llu isn't among what was exported",
		             (unsigned long long)line_number);
		return;
	}
	uint64_t *seen = &p->line_of[l->name.index];
	merkle_leaf(&j->v.sha, l->salt, l->data, leaf);
	bool same = memcmp(leaf, p->hashes + l->name.index * SEGMENT_HASH, SEGMENT_HASH) == 0;
	if (*seen)
		verify_fault(&j->v, &l->name, j->records, "duplicated: lines %llu and %llu", (unsigned long long)*seen,
		             (unsigned long long)line_number);
	else
		*seen = line_number;
	if (!same && !p->faulty)
		wrong_text(j, p, l, leaf, line_number);
	j->v.report->records++;
	j->v.report->decrypted += same;
}

static int add_packet(struct job *j, const struct line *l)
{
	char name[SEGMENT_NAME_TEXT];
	struct buf b;
	buf_init(&b, 256 * KIB);
	int r = capture_add(&j->capture, segment_name_format(&l->name, name), l->data, &b);
	if (r == -E_LIMIT) /* no export of ours: an altered record, which was said */
		r = 0;
	if (r == 0 && b.len)
		sha_add(&j->packets, b.ptr, b.len);
	buf_done(&b);
	return r;
}

static int one_line(struct str text, const char *file, uint64_t line_number, void *user)
{
	struct job *j = user;
	struct line l;
	int r = 0;
	if (line_parse(text, &l)) {
		check_line(j, &l, line_number);
		r = add_packet(j, &l);
	} else
		verify_fault(&j->v, NULL, file, "altered: line %llu is no record", (unsigned long long)line_number);
	line_done(&l);
	return r;
}

/* Second look: is everything there, in order? The first fault of each segment is named. */
static void check_order(struct job *j)
{
	uint64_t before = 0;
	for (size_t i = 0; i < j->n; i++) {
		struct part *p = &j->parts[i];
		p->name.index = p->first;
		for (; p->name.index < p->end; p->name.index++) {
			uint64_t line = p->line_of[p->name.index];
			if (!holds(p, p->name.index))
				continue;
			if (line == 0) {
				verify_fault(&j->v, &p->name, j->records, "removed: the record is missing");
				break;
			}
			if (line < before) {
				verify_fault(&j->v, &p->name, j->records, "reordered: line %llu should stand behind line %llu",
				             (unsigned long long)line, (unsigned long long)before);
				break;
			}
			before = line;
		}
		j->v.report->outside += p->leaves - (p->picked ? p->n_picked : p->end - p->first);
	}
}

/* ---- the manifest's hashes ---- */

static int file_hash(struct job *j, const char *path, unsigned char ret[SEGMENT_HASH])
{
	_cleanup_free_ char *b = mem_alloc(256 * KIB);
	FILE *f = b ? fopen(path, "rbe") : NULL;
	if (!f)
		return -E_IO;
	sha_begin(&j->v.sha);
	for (size_t n; (n = fread(b, 1, 256 * KIB, f)) > 0;)
		sha_add(&j->v.sha, b, n);
	sha_end(&j->v.sha, ret);
	int r = ferror(f) ? -E_IO : 0;
	fclose(f);
	return r;
}

/* As export.c names files. Others would be opened outside of the export, or end up on somebody's terminal, and say there what they like. */
static bool file_name_ok(const char *name)
{
	return name[0] && name[0] != '/' && !strstr(name, "..") &&
	       name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./")] == 0;
}

static void check_files(struct job *j, yyjson_val *root)
{
	yyjson_val *arr = yyjson_obj_get(root, "files"), *f, *h;
	yyjson_arr_iter it;
	yyjson_arr_iter_init(arr, &it);
	while ((f = yyjson_arr_iter_next(&it))) {
		char name[64], path[600];
		unsigned char want[SEGMENT_HASH], have[SEGMENT_HASH];
		h = yyjson_obj_get(f, "sha256");
		if (!text_of(f, "name", name, sizeof name) || !file_name_ok(name) || !yyjson_is_str(h) ||
		    !hex_parse((struct str){ yyjson_get_str(h), yyjson_get_len(h) }, want, sizeof want)) {
			verify_fault(&j->v, NULL, "manifest.json", "altered: a row of its files makes no sense");
			continue;
		}
		snprintf(path, sizeof path, "%.500s/%s", j->v.o->dir, name);
		if (file_hash(j, path, have) < 0)
			verify_fault(&j->v, NULL, path, "removed: the file is missing or can't be read");
		else if (memcmp(want, have, sizeof want) != 0)
			verify_fault(&j->v, NULL, path, "the file isn't what the manifest says");
	}
}

/* A capture that isn't what the records say, or that none of them says. */
static void check_packets(struct job *j)
{
	char path[600];
	unsigned char want[SEGMENT_HASH], have[SEGMENT_HASH];
	snprintf(path, sizeof path, "%.500s/" CAPTURE_NAME, j->v.o->dir);
	sha_end(&j->packets, want);
	j->v.report->packets = j->capture.packets;
	bool there = fs_exists(path);
	if (!there && j->capture.packets)
		verify_fault(&j->v, NULL, path, "removed: the packets that the records hold are missing");
	else if (there && (file_hash(j, path, have) < 0 || memcmp(want, have, sizeof want) != 0))
		verify_fault(&j->v, NULL, path, "altered: these aren't the packets that the records hold");
}

static int check_all(struct job *j, yyjson_val *root, struct err *err)
{
	struct checkpoint_file rest;
	char path[600];
	int r = read_parts(j, root, err);
	snprintf(path, sizeof path, "%.500s/checkpoints.jsonl", j->v.o->dir);
	if (r == 0)
		r = checkpoint_each_line(path, verify_checkpoint_line, &j->v, &rest, err);
	if (r == 0 && (!j->v.any || rest.torn_bytes))
		verify_fault(&j->v, NULL, path, "the checkpoints are missing or cut");
	verify_sort(&j->v);
	if (r == 0)
		verify_witness(&j->v, path);
	for (size_t i = 0; i < j->n && r == 0; i++) {
		r = read_leaves(j, &j->parts[i], err);
		if (r == 0 && !j->parts[i].faulty)
			check_leaves(j, &j->parts[i]);
	}
	if (r == 0)
		r = checkpoint_each_line(j->records, one_line, j, &rest, err);
	if (r == 0 && rest.torn_bytes)
		verify_fault(&j->v, NULL, j->records, "cut in the middle of a line");
	if (r == 0) {
		check_order(j);
		check_packets(j);
		check_files(j, root);
	}
	return r;
}

int verify_export(const struct verify_opts *o, struct verify_report *report, struct err *err)
{
	struct job j = { .n = 0 };
	struct buf b;
	char path[600];
	*report = (struct verify_report){ 0 };
	int r = verify_open(&j.v, o, report, err);
	if (r < 0)
		return r;
	if (sha_open(&j.packets) < 0) {
		verify_close(&j.v);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	sha_begin(&j.packets);
	j.v.in_export = true;
	snprintf(path, sizeof path, "%.500s/manifest.json", o->dir);
	snprintf(j.records, sizeof j.records, "%.500s/records.jsonl", o->dir);
	buf_init(&b, 64 * MIB);
	r = fs_read(path, &b, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	if (r == 0)
		r = check_all(&j, yyjson_doc_get_root(doc), err);
	yyjson_doc_free(doc);
	buf_done(&b);
	for (size_t i = 0; i < j.n; i++) {
		mem_free(j.parts[i].hashes);
		mem_free(j.parts[i].line_of);
		mem_free(j.parts[i].picked);
	}
	mem_free(j.parts);
	sha_close(&j.packets);
	verify_close(&j.v);
	return r;
}
