/* Verification: each kind of tampering is named with the right record, in the store and in an export elsewhere. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/checkpoint.h"
#include "segment/export.h"
#include "segment/fake_vault.h"
#include "segment/file.h"
#include "segment/verify.h"
#include "segment/writer.h"

#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

static char root[64], dir[96], out[96], moved[96];
static unsigned char pub[32];

#define ORG "412015"

/* Segment 1: records 0…8 in blocks of 3, a checkpoint after each block, sealed. Segment 2: 9…11 → 0…2, in one block.
 * Another body beside it, so that checkpoints hold more than one head. */
static int setup(void **state)
{
	(void)state;
	unsigned char sig[64];
	struct writer *w = NULL;
	snprintf(root, sizeof root, "/tmp/toride-verify-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(dir, sizeof dir, "%s/segments", root);
	snprintf(out, sizeof out, "%s/export", root);
	snprintf(moved, sizeof moved, "%s/elsewhere", root);
	fake_seal(STR("x"), sig, pub, NULL, NULL);
	struct writer_opts o = { dir, fake_key, fake_seal, NULL, 0, 0, 0, NULL, 0 };
	if (writer_open(&o, &w, NULL) < 0)
		return -1;
	for (unsigned i = 0; i < 12; i++) {
		char t[64];
		snprintf(t, sizeof t, "{\"n\":%u,\"text\":\"記録 %c\"}", i, 'a' + (int)i);
		if (writer_append(w, ORG, "events", str_from(t), NULL, NULL) < 0 ||
		    writer_append(w, "412023", "events", str_from(t), NULL, NULL) < 0)
			return -1;
		if (i % 3 == 2 && writer_checkpoint(w, false, NULL) < 0)
			return -1;
		if (i == 8 && (writer_rotate(w, true, NULL) < 0 || writer_checkpoint(w, false, NULL) < 0))
			return -1;
	}
	writer_close(&w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_rmtree(root, NULL);
}

/* ---- the store ---- */

static const char *seg1(void)
{
	static char p[256];
	return seg_path(dir, ORG, "events", 1, p, sizeof p);
}

static void expect(const char *where, bool keys, const unsigned char *key, struct str witness, const char *record,
                   const char *why)
{
	struct verify_report r;
	struct err err = { 0 };
	struct verify_opts o = { where, keys ? fake_key : NULL, NULL, key, NULL, witness };
	int x = verify_is_export(where) ? verify_export(&o, &r, &err) : verify_store(&o, &r, &err);
	if (x < 0)
		fail_msg("%s: %s", err.path, err.msg);
	if (!why) {
		if (r.n)
			fail_msg("expected nothing, got %s %s: %s", r.faults[0].record, r.faults[0].file, r.faults[0].why);
	} else {
		bool found = false;
		for (size_t i = 0; i < r.n && !found; i++)
			found = strcmp(r.faults[i].record, record) == 0 && strstr(r.faults[i].why, why);
		if (!found)
			fail_msg("expected %s \"%s\", got %zu: %s %s: %s", record, why, r.n, r.n ? r.faults[0].record : "",
			         r.n ? r.faults[0].file : "", r.n ? r.faults[0].why : "");
		/* and what is named first for the organisation is this one */
		if (record[0] && strcmp(r.faults[0].record, record) != 0)
			fail_msg("first named %s: %s", r.faults[0].record, r.faults[0].why);
	}
	verify_report_done(&r);
}

static void expect_store(bool keys, const char *record, const char *why)
{
	expect(dir, keys, pub, (struct str){ "", 0 }, record, why);
}

struct cut {
	struct buf whole;
	struct seg_block k[8]; /* the blocks and the footer of segment 1 */
	size_t n, header;
};

static void cut_open(struct cut *c)
{
	struct sha s;
	struct seg_header h;
	buf_init(&c->whole, MIB);
	c->n = 0;
	assert_int_equal(fs_read(seg1(), &c->whole, NULL), 0);
	assert_int_equal(sha_open(&s), 0);
	assert_int_equal(seg_header_parse(buf_view(&c->whole), &s, &h), 0);
	c->header = h.len;
	struct str rest = { c->whole.ptr + h.len, c->whole.len - h.len };
	while (seg_block_parse(rest, &c->k[c->n]) == 0) {
		rest.ptr += c->k[c->n].total;
		rest.len -= c->k[c->n++].total;
	}
	assert_int_equal(c->n, 4);
	sha_close(&s);
}

/* Writes the segment anew from its header and the blocks in this order (by number; ends at -1). */
static void cut_write(struct cut *c, const int *order)
{
	struct buf b;
	buf_init(&b, MIB);
	buf_put(&b, c->whole.ptr, c->header);
	for (; *order >= 0; order++)
		buf_put(&b, c->k[*order].start, c->k[*order].total);
	assert_int_equal(fs_write(seg1(), buf_view(&b), 0644, NULL), 0);
	buf_done(&b);
	buf_done(&c->whole);
}

static void flip(const char *path, off_t at)
{
	struct buf b;
	buf_init(&b, MIB);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	assert_true((size_t)at < b.len);
	b.ptr[at] ^= 0x10;
	assert_int_equal(fs_write(path, buf_view(&b), 0644, NULL), 0);
	buf_done(&b);
}

static void test_clean(void **state)
{
	(void)state;
	struct verify_report r;
	expect_store(true, NULL, NULL);
	expect_store(false, NULL, NULL);
	struct verify_opts o = { dir, fake_key, NULL, pub, NULL, { "", 0 } };
	assert_int_equal(verify_store(&o, &r, NULL), 0);
	assert_int_equal(r.records, 24);
	assert_int_equal(r.decrypted, 24);
	assert_int_equal(r.segments, 4);
	assert_int_equal(r.unsigned_records, 0);
	assert_int_equal(r.checkpoints, 5);
	verify_report_done(&r);
}

static void test_altered(void **state)
{
	(void)state;
	struct cut c;
	cut_open(&c);
	off_t base = (off_t)((const char *)c.k[1].start - c.whole.ptr);
	off_t cipher = base + (off_t)(c.k[1].cipher - c.k[1].start), record = (off_t)(c.k[1].cipher_len / 3);
	off_t leaves = base + (off_t)(c.k[1].leaves - c.k[1].start), tag = base + (off_t)(c.k[1].tag - c.k[1].start);
	buf_done(&c.whole);
	/* with keys, the record itself; without, its block */
	static const char *const names[] = { ORG "/events/000001/3", ORG "/events/000001/4", ORG "/events/000001/5" };
	for (int i = 0; i < 3; i++) {
		flip(seg1(), cipher + i * record + 30);
		expect_store(true, names[i], "altered: the record");
		expect_store(false, names[0], "altered: the block of records 3…5");
		flip(seg1(), cipher + i * record + 30);
		flip(seg1(), leaves + i * SEGMENT_HASH);
		expect_store(true, names[i], "altered: the record");
		flip(seg1(), leaves + i * SEGMENT_HASH);
	}
	flip(seg1(), tag);
	expect_store(true, names[0], "altered: the block");
	flip(seg1(), tag);
	flip(seg1(), base);
	expect_store(true, names[0], "altered: no block begins");
	flip(seg1(), base);
	flip(seg1(), 40); /* in the header: what everything is chained to */
	expect_store(true, ORG "/events/000001/0", "");
	expect_store(false, ORG "/events/000001/0", "");
	flip(seg1(), 40);
	expect_store(true, NULL, NULL);
}

/* Every single byte of the file: nothing can be changed unseen, without any key. */
static void test_every_byte(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(stat(seg1(), &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		struct verify_report r;
		struct verify_opts o = { dir, NULL, NULL, pub, NULL, { "", 0 } };
		flip(seg1(), at);
		assert_int_equal(verify_store(&o, &r, NULL), 0);
		if (r.n == 0)
			fail_msg("byte %ld was changed unseen", (long)at);
		verify_report_done(&r);
		flip(seg1(), at);
	}
	expect_store(true, NULL, NULL);
}

static void test_blocks(void **state)
{
	(void)state;
	static const struct {
		int order[6];
		const char *record, *why;
	} cases[] = {
		{ { 0, 2, 3, -1 }, ORG "/events/000001/3", "removed: records 3…5" },
		{ { 1, 2, 3, -1 }, ORG "/events/000001/0", "removed: records 0…2" },
		{ { 1, 0, 2, 3, -1 }, ORG "/events/000001/0", "reordered" },
		{ { 0, 2, 1, 3, -1 }, ORG "/events/000001/3", "reordered" },
		{ { 0, 1, 1, 2, 3, -1 }, ORG "/events/000001/3", "duplicated" },
		{ { 0, 1, -1 }, ORG "/events/000001/6", "records 6…8 were cut off" },
		{ { 0, 1, 2, -1 }, ORG "/events/000001/9", "cut or rewritten" }, /* only the end mark is gone */
		{ { 0, 1, 3, -1 }, ORG "/events/000001/6", "the end mark speaks of 9 records" },
		{ { 0, 1, 2, 3, 3, -1 }, ORG "/events/000001/9", "behind the end mark" },
	};
	struct buf whole;
	buf_init(&whole, MIB);
	assert_int_equal(fs_read(seg1(), &whole, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cut c;
		cut_open(&c);
		cut_write(&c, cases[i].order);
		expect_store(i % 2, cases[i].record, cases[i].why);
		assert_int_equal(fs_write(seg1(), buf_view(&whole), 0644, NULL), 0);
	}
	buf_done(&whole);
	expect_store(true, NULL, NULL);
}

/* Whoever holds the key can make a perfect segment; only what was signed tells, to the second. */
static void test_rewritten_with_key(void **state)
{
	(void)state;
	struct buf b, leaves, plain;
	struct sha s;
	struct seg_cipher cipher;
	unsigned char key[32], chain[32], mark[32];
	struct cut c;
	struct seg_header h;
	struct merkle tree = { .n = 0 };
	cut_open(&c);
	buf_init(&b, MIB);
	buf_init(&leaves, MIB);
	buf_init(&plain, MIB);
	assert_int_equal(sha_open(&s), 0);
	assert_int_equal(seg_header_parse(buf_view(&c.whole), &s, &h), 0);
	fake_key(ORG, "events", 1, key, NULL, NULL);
	assert_int_equal(seg_cipher_open(&cipher, key, true), 0);
	buf_put(&b, c.whole.ptr, h.len);
	memcpy(chain, h.hash, 32);
	for (unsigned i = 0; i < 9; i++) {
		unsigned char rec[21 + 9] = { 0, 0, 0, 9, 0 }, leaf[32];
		memcpy(rec + 21, i == 4 ? "{\"n\":44 }" : "{\"n\":55 }", 9);
		merkle_leaf(&s, rec + 5, (struct str){ (char *)rec + 21, 9 }, leaf);
		/* 0…2 stay the true ones: their block is copied */
		if (i < 3) {
			merkle_add(&tree, &s, c.k[0].leaves + i * 32);
			continue;
		}
		buf_put(&plain, rec, sizeof rec);
		buf_put(&leaves, leaf, 32);
		merkle_add(&tree, &s, leaf);
	}
	buf_put(&b, c.k[0].start, c.k[0].total);
	memcpy(chain, c.k[0].chain, 32);
	assert_int_equal(seg_block_seal(&cipher, &s, &h, 3, 6, 1, buf_view(&leaves), buf_view(&plain), chain, &b), 0);
	merkle_root(&tree, &s, mark);
	seg_footer_format(&b, &s, 9, 1, 1, mark, chain);
	assert_int_equal(fs_write(seg1(), buf_view(&b), 0644, NULL), 0);
	expect_store(true, ORG "/events/000001/3", "one of records 3…5 was altered");
	expect_store(false, ORG "/events/000001/3", "one of records 3…5 was altered");
	seg_cipher_close(&cipher);
	sha_close(&s);
	buf_done(&b);
	buf_done(&leaves);
	buf_done(&plain);
	buf_done(&c.whole);
}

static void test_segment_gone(void **state)
{
	(void)state;
	char path[256];
	assert_int_equal(unlink(seg1()), 0);
	expect_store(true, ORG "/events/000001/0", "removed: the whole segment with its 9 signed records");
	seg_path(dir, ORG, "events", 2, path, sizeof path);
	assert_int_equal(unlink(path), 0);
	expect_store(true, ORG "/events/000001/0", "removed: the whole segment");
	snprintf(path, sizeof path, "%s/%s", dir, ORG);
	assert_int_equal(fs_rmtree(path, NULL), 0);
	expect_store(true, ORG "/events/000001/0", "removed: the whole segment");
}

/* A segment of another body, perfectly valid there, in place of ours; and our own two exchanged. */
static void test_segment_replaced(void **state)
{
	(void)state;
	char other[256], second[256], third[256];
	struct buf b;
	buf_init(&b, MIB);
	assert_int_equal(fs_read(seg_path(dir, "412023", "events", 1, other, sizeof other), &b, NULL), 0);
	struct buf ours;
	buf_init(&ours, MIB);
	assert_int_equal(fs_read(seg1(), &ours, NULL), 0);
	assert_int_equal(fs_write(seg1(), buf_view(&b), 0644, NULL), 0);
	expect_store(true, ORG "/events/000001/0", "reordered: the file is segment 412023/events/000001");
	assert_int_equal(fs_write(seg1(), buf_view(&ours), 0644, NULL), 0);
	expect_store(true, NULL, NULL);
	seg_path(dir, ORG, "events", 2, second, sizeof second);
	snprintf(third, sizeof third, "%s.x", second);
	assert_int_equal(rename(seg1(), third), 0);
	assert_int_equal(rename(second, seg1()), 0);
	assert_int_equal(rename(third, second), 0);
	expect_store(true, ORG "/events/000001/0", "reordered: the file is segment");
	buf_done(&b);
	buf_done(&ours);
}

/* ---- checkpoints ---- */

static void checkpoints_path(char dst[256])
{
	snprintf(dst, 256, "%s/checkpoints", dir);
}

/* Writes the checkpoint file anew with the lines in this order (from 1; ends at 0). */
static void lines_write(const char *path, const int *order)
{
	struct buf b, fresh;
	buf_init(&b, MIB);
	buf_init(&fresh, MIB);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	for (; *order; order++) {
		struct str rest = buf_view(&b), line = { NULL, 0 };
		for (int i = 0; i < *order; i++)
			assert_true(str_next(&rest, '\n', &line));
		buf_str(&fresh, line);
		buf_putc(&fresh, '\n');
	}
	assert_int_equal(fs_write(path, buf_view(&fresh), 0644, NULL), 0);
	buf_done(&b);
	buf_done(&fresh);
}

static void replace_text(const char *path, const char *from, const char *to)
{
	struct buf b, fresh;
	buf_init(&b, MIB);
	buf_init(&fresh, MIB);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	const char *at = strstr(buf_cstr(&b), from);
	if (!at)
		fail_msg("%s is not in %s", from, path);
	buf_put(&fresh, b.ptr, (size_t)(at - b.ptr));
	buf_puts(&fresh, to);
	at += strlen(from);
	buf_put(&fresh, at, b.len - (size_t)(at - b.ptr));
	assert_int_equal(fs_write(path, buf_view(&fresh), 0644, NULL), 0);
	buf_done(&b);
	buf_done(&fresh);
}

static void test_checkpoints(void **state)
{
	(void)state;
	static const struct {
		int order[8];
		const char *why;
	} cases[] = {
		{ { 1, 3, 4, 5, 0 }, "checkpoints 2…2 are missing" }, { { 2, 3, 4, 5, 0 }, "those before it are missing" },
		{ { 1, 3, 2, 4, 5, 0 }, "reordered" },                { { 1, 2, 2, 3, 4, 5, 0 }, "reordered or duplicated" },
	};
	char path[256];
	struct buf whole;
	checkpoints_path(path);
	buf_init(&whole, MIB);
	assert_int_equal(fs_read(path, &whole, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		lines_write(path, cases[i].order);
		expect_store(true, "", cases[i].why);
		assert_int_equal(fs_write(path, buf_view(&whole), 0644, NULL), 0);
	}
	replace_text(path, "\"count\":6", "\"count\":5");
	expect_store(true, "", "heads are not what was signed");
	assert_int_equal(fs_write(path, buf_view(&whole), 0644, NULL), 0);
	replace_text(path, "\"number\":3,\"time_ms\":1", "\"number\":3,\"time_ms\":2");
	expect_store(true, "", "the signature is wrong");
	assert_int_equal(fs_write(path, buf_view(&whole), 0644, NULL), 0);
	unsigned char other[32] = { 1 };
	expect(dir, true, other, (struct str){ "", 0 }, "", "signed with another key");
	buf_done(&whole);
}

/* Log and checkpoints cut together: nothing inside can show it. The witness can. */
static void test_witness(void **state)
{
	(void)state;
	char path[256], second[256];
	struct buf whole;
	checkpoints_path(path);
	buf_init(&whole, MIB);
	assert_int_equal(fs_read(path, &whole, NULL), 0);
	struct str rest = buf_view(&whole), line;
	struct str kept[5];
	for (int i = 0; i < 5 && str_next(&rest, '\n', &line); i++)
		kept[i] = line;
	expect(dir, true, pub, kept[2], NULL, NULL);
	lines_write(path, (const int[]){ 1, 2, 3, 4, 0 });
	for (int i = 0; i < 2; i++)
		assert_int_equal(unlink(seg_path(dir, i ? ORG : "412023", "events", 2, second, sizeof second)), 0);
	expect_store(true, NULL, NULL);
	expect(dir, true, pub, kept[2], NULL, NULL);
	expect(dir, true, pub, kept[4], "", "the witness keeps checkpoint 5, here they end with 4: the end was cut");
	buf_done(&whole);
}

/* A log that was signed anew as a whole, by somebody with a key of his own, is not the witness's. */
static int other_seal(struct str message, unsigned char ret_sig[64], unsigned char ret_pub[32], void *user, struct err *err)
{
	static const unsigned char seed[32] = "another key, of whoever came in.";
	size_t n = 64, m = 32;
	(void)user;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	bool ok = EVP_DigestSignInit(x, NULL, NULL, NULL, key) == 1 &&
	          EVP_DigestSign(x, ret_sig, &n, (const unsigned char *)message.ptr, message.len) == 1 &&
	          EVP_PKEY_get_raw_public_key(key, ret_pub, &m) == 1;
	EVP_MD_CTX_free(x);
	EVP_PKEY_free(key);
	return ok ? 0 : err_set(err, E_IO, "", "cannot sign");
}

static void test_forged_whole(void **state)
{
	(void)state;
	char path[256];
	struct buf whole;
	struct writer *w = NULL;
	buf_init(&whole, MIB);
	checkpoints_path(path);
	assert_int_equal(fs_read(path, &whole, NULL), 0);
	struct str rest = buf_view(&whole), line;
	str_next(&rest, '\n', &line);
	assert_int_equal(fs_rmtree(dir, NULL), 0);
	struct writer_opts o = { dir, fake_key, other_seal, NULL, 0, 0, 0, NULL, 0 };
	assert_int_equal(writer_open(&o, &w, NULL), 0);
	assert_int_equal(writer_append(w, ORG, "events", STR("{}"), NULL, NULL), 0);
	assert_int_equal(writer_checkpoint(w, false, NULL), 0);
	writer_close(&w);
	expect(dir, true, NULL, (struct str){ "", 0 }, NULL, NULL); /* consistent in itself */
	expect(dir, true, pub, (struct str){ "", 0 }, "", "another key");
	expect(dir, true, NULL, line, "", "isn't the one the witness keeps");
	buf_done(&whole);
}

/* ---- the export ---- */

static void make_export(void)
{
	struct export_report rep;
	struct err err = { 0 };
	struct export_opts o = { .dir = dir, .out = out, .org = ORG, .from_ms = 0, .to_ms = 0, .key = fake_key };
	if (segment_export(&o, &rep, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	assert_int_equal(rep.records, 12);
	assert_int_equal(rep.segments, 2);
	assert_int_equal(rep.checkpoints, 5);
	/* elsewhere, and the log itself is gone */
	assert_int_equal(rename(out, moved), 0);
	assert_int_equal(fs_rmtree(dir, NULL), 0);
}

static void expect_export(const char *record, const char *why)
{
	expect(moved, false, pub, (struct str){ "", 0 }, record, why);
}

static void in_export(const char *name, char dst[256])
{
	snprintf(dst, 256, "%s/%s", moved, name);
}

static void test_export(void **state)
{
	(void)state;
	static const struct {
		int order[16];
		const char *record, *why;
	} lines[] = {
		{ { 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 0 }, ORG "/events/000001/4", "removed" },
		{ { 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0 }, ORG "/events/000001/0", "removed" },
		{ { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0 }, ORG "/events/000002/2", "removed" },
		{ { 1, 2, 4, 3, 5, 6, 7, 8, 9, 10, 11, 12, 0 }, ORG "/events/000001/3", "reordered" },
		{ { 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 0 }, ORG "/events/000001/4", "duplicated: lines 5 and 6" },
	};
	static const struct {
		const char *file, *from, *to, *record, *why;
	} texts[] = {
		{ "records.jsonl", "記録 f", "記録 g", ORG "/events/000001/5", "altered: line 6" },
		{ "records.jsonl", "000001/7\"", "000001/8\"", ORG "/events/000001/8", "reordered: line 8 holds what was written as record 7" },
		{ "records.jsonl", "{\"name\":\"" ORG "/events/000002/1\"", "{\"name\":\"" ORG "/events/000002/9\"", ORG "/events/000002/9", "put in" },
		{ "records.jsonl", "{\"name\":\"" ORG "/events/000001/3\"", "{\"x\":\"" ORG "/events/000001/3\"", "", "is no record" },
		{ "checkpoints.jsonl", "\"count\":6", "\"count\":7", "", "heads are not what was signed" },
		{ "seal.pub", "1", "2", "", "the file isn't what the manifest says" },
		{ "README.md", "toride", "torido", "", "the file isn't what the manifest says" },
	};
	char path[256];
	struct buf whole;
	make_export();
	expect_export(NULL, NULL);
	buf_init(&whole, MIB);
	in_export("records.jsonl", path);
	assert_int_equal(fs_read(path, &whole, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		lines_write(path, lines[i].order);
		expect_export(lines[i].record, lines[i].why);
		assert_int_equal(fs_write(path, buf_view(&whole), 0600, NULL), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		in_export(texts[i].file, path);
		buf_reset(&whole);
		assert_int_equal(fs_read(path, &whole, NULL), 0);
		if (strcmp(texts[i].file, "seal.pub") == 0)
			flip(path, 3);
		else
			replace_text(path, texts[i].from, texts[i].to);
		expect_export(texts[i].record, texts[i].why);
		assert_int_equal(fs_write(path, buf_view(&whole), 0600, NULL), 0);
	}
	expect_export(NULL, NULL);
	buf_done(&whole);
}

/* Text and its leaf altered together: the signed root tells between which checkpoints. */
static void test_export_leaf_too(void **state)
{
	(void)state;
	struct sha s;
	char path[256], old[65], fresh[65];
	unsigned char leaf[32], salt[16];
	struct buf b;
	make_export();
	buf_init(&b, MIB);
	in_export("records.jsonl", path);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	struct str rest = buf_view(&b), line = { NULL, 0 };
	for (int i = 0; i < 5; i++)
		str_next(&rest, '\n', &line);
	const char *at = memmem(line.ptr, line.len, "\"salt\":\"", 8);
	assert_non_null(at);
	assert_true(hex_parse((struct str){ at + 8, 32 }, salt, 16));
	assert_int_equal(sha_open(&s), 0);
	merkle_leaf(&s, salt, STR("{\"n\":4,\"text\":\"記録 e\"}"), leaf);
	hex_format(leaf, 32, old);
	merkle_leaf(&s, salt, STR("{\"n\":4,\"text\":\"記録 z\"}"), leaf);
	hex_format(leaf, 32, fresh);
	replace_text(path, "記録 e", "記録 z");
	in_export("leaves/events-000001.txt", path);
	replace_text(path, old, fresh);
	expect_export(ORG "/events/000001/3", "one of records 3…5 was altered");
	sha_close(&s);
	buf_done(&b);
}

/* The tail cut everywhere but in the checkpoints. */
static void test_export_cut(void **state)
{
	(void)state;
	char path[256];
	make_export();
	in_export("records.jsonl", path);
	lines_write(path, (const int[]){ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0 });
	in_export("leaves/events-000002.txt", path);
	lines_write(path, (const int[]){ 1, 0 });
	in_export("manifest.json", path);
	replace_text(path, "\"segment\":2,\"leaves\":3,\"first\":0,\"end\":3", "\"segment\":2,\"leaves\":1,\"first\":0,\"end\":1");
	expect_export(ORG "/events/000002/1", "records 1…2 were cut off");
}

/* Nothing of another organisation leaves with an export. */
static void test_export_is_ours(void **state)
{
	(void)state;
	static const char *const files[] = { "records.jsonl", "checkpoints.jsonl", "manifest.json" };
	make_export();
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[256];
		struct buf b;
		buf_init(&b, MIB);
		in_export(files[i], path);
		assert_int_equal(fs_read(path, &b, NULL), 0);
		assert_null(strstr(buf_cstr(&b), "412023"));
		buf_done(&b);
	}
}

static void test_export_range(void **state)
{
	(void)state;
	struct export_report rep;
	struct verify_report r;
	struct writer *w = NULL;
	assert_int_equal(fs_rmtree(dir, NULL), 0);
	struct writer_opts wo = { dir, fake_key, fake_seal, NULL, 0, 0, 0, NULL, 0 };
	clock_hold(1000000);
	assert_int_equal(writer_open(&wo, &w, NULL), 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(writer_append(w, ORG, "events", STR("{\"a\":1}"), NULL, NULL), 0);
		assert_int_equal(writer_checkpoint(w, false, NULL), 0);
		clock_advance(1000);
	}
	clock_hold(0);
	writer_close(&w);
	struct export_opts o = { .dir = dir, .out = moved, .org = ORG, .from_ms = 1003000, .to_ms = 1006000, .key = fake_key };
	assert_int_equal(segment_export(&o, &rep, NULL), 0);
	assert_int_equal(rep.records, 3);
	struct verify_opts v = { moved, NULL, NULL, pub, NULL, { "", 0 } };
	assert_int_equal(verify_export(&v, &r, NULL), 0);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.outside, 7);
	verify_report_done(&r);
}

/* ---- records that were picked ---- */

/* Every fourth, and which body it is asked for. */
static bool every_fourth(const struct segment_name *name, struct str data, void *user)
{
	(void)data;
	assert_string_equal(name->org, ORG);
	return name->series[0] == 'e' && (*(unsigned *)user)++ % 4 == 1;
}

static void pick_some(void)
{
	unsigned n = 0;
	struct export_report rep;
	struct err err = { 0 };
	struct export_text card = { "incident.json", STR("{}\n") };
	struct export_opts o = { .dir = dir, .out = moved, .org = ORG, .key = fake_key, .pick = every_fourth, .pick_user = &n, .texts = &card, .n_texts = 1,
		                 .by = "sato", .reason = "照会 12", .incident = "I-20261122-0001", .custody = "0123456789abcdef" };
	if (segment_export(&o, &rep, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	assert_int_equal(n, 12);
	assert_int_equal(rep.records, 3); /* 1 and 5 of the first segment, 0 of the second */
}

static void pick_again(void)
{
	assert_int_equal(fs_rmtree(moved, NULL), 0);
	pick_some();
}

static void test_export_picked(void **state)
{
	(void)state;
	static const struct {
		int order[8];
		const char *record, *why;
	} lines[] = {
		{ { 2, 3, 0 }, ORG "/events/000001/1", "removed" },
		{ { 2, 1, 3, 0 }, ORG "/events/000001/5", "reordered" },
		{ { 1, 2, 3, 3, 0 }, ORG "/events/000002/0", "duplicated" },
	};
	static const struct {
		const char *file, *from, *to, *record, *why;
	} texts[] = {
		{ "records.jsonl", "記録 f", "記録 g", ORG "/events/000001/5", "altered: line 2" },
		{ "manifest.json", "[1,5]", "[1]", ORG "/events/000001/5", "put in" },
		{ "manifest.json", "[1,5]", "[1,4,5]", ORG "/events/000001/4", "removed" },
		{ "incident.json", "{", "[", "", "the file isn't what the manifest says" },
		{ "manifest.json", "\"name\":\"seal.pub\"", "\"name\":\"\\r\\u001b[2KIntact\"", "", "a row of its files makes no sense" },
		{ "manifest.json", "\"name\":\"seal.pub\"", "\"name\":\"../seal.pub\"", "", "a row of its files makes no sense" },
	};
	char path[256];
	struct verify_report r;
	struct verify_opts v = { moved, NULL, NULL, pub, NULL, { "", 0 } };
	pick_some();
	expect_export(NULL, NULL);
	assert_int_equal(verify_export(&v, &r, NULL), 0);
	assert_int_equal(r.records, 3);
	assert_int_equal(r.outside, 9);
	verify_report_done(&r);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		pick_again();
		in_export("records.jsonl", path);
		lines_write(path, lines[i].order);
		expect_export(lines[i].record, lines[i].why);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		pick_again();
		in_export(texts[i].file, path);
		replace_text(path, texts[i].from, texts[i].to);
		expect_export(texts[i].record, texts[i].why);
	}
}

static void test_picked_says_why(void **state)
{
	(void)state;
	char path[256];
	struct buf b;
	pick_some();
	buf_init(&b, MIB);
	in_export("manifest.json", path);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	assert_non_null(strstr(buf_cstr(&b), "\"by\":\"sato\",\"reason\":\"照会 12\",\"incident\":\"I-20261122-0001\",\"custody\":\"0123456789abcdef\""));
	buf_done(&b);
}

static void test_picked_nonsense(void **state)
{
	(void)state;
	static const char *const lists[] = { "[5,1]", "[1,1]", "[1,6]", "[0,1]", "[1,2,3,4,5,6]", "[-1]", "{}", "[\"1\"]" };
	pick_some();
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		char path[256];
		struct verify_report r;
		struct err err = { 0 };
		struct verify_opts v = { moved, NULL, NULL, pub, NULL, { "", 0 } };
		pick_again();
		in_export("manifest.json", path);
		replace_text(path, "[1,5]", lists[i]);
		assert_int_equal(verify_export(&v, &r, &err), -E_CORRUPT);
		assert_non_null(strstr(err.msg, "make no sense"));
		verify_report_done(&r);
	}
}

/* Each allocation and each system call of an export fails once: either it says so and leaves what isn't taken for an export, or it
 * is whole. */
static void export_fault(bool memory, int64_t to_ms, long at)
{
	struct export_report rep;
	struct err err = { 0 };
	struct verify_report found = { 0 };
	struct export_opts o = { .dir = dir, .out = out, .org = ORG, .from_ms = 0, .to_ms = to_ms, .key = fake_key };
	memory ? mem_fail_at(at) : fs_fail_at(at, at % 2 ? EIO : ENOSPC);
	int r = segment_export(&o, &rep, &err);
	bool failed = memory ? mem_count() >= at : fs_count() >= at;
	mem_fail_at(0);
	fs_fail_at(0, 0);
	if (r < 0 && err.code == E_OK)
		fail_msg("fault %ld (%s): %d and doesn't say why", at, memory ? "memory" : "call", r);
	if (r == 0 || verify_is_export(out)) { /* the manifest comes last: where only its sync failed, all is there */
		struct verify_opts v = { out, NULL, NULL, pub, NULL, { "", 0 } };
		assert_int_equal(verify_export(&v, &found, &err), 0);
		if (found.n || found.records != 12 || rep.records != 12)
			fail_msg("fault %ld: %zu faults, %llu records", at, found.n, (unsigned long long)found.records);
		verify_report_done(&found);
	}
	assert_int_equal(fs_rmtree(out, NULL), 0);
	if (failed)
		export_fault(memory, to_ms, at + 1);
	else if (at < 20)
		fail_msg("only %ld calls could fail", at);
}

static void test_export_faults(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		export_fault(i & 1, i & 2 ? INT64_MAX : 0, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_clean),        T(test_altered),          T(test_every_byte),      T(test_blocks),
		T(test_rewritten_with_key), T(test_segment_gone), T(test_segment_replaced), T(test_checkpoints),
		T(test_witness),      T(test_forged_whole),     T(test_export),          T(test_export_leaf_too),
		T(test_export_cut),   T(test_export_is_ours),   T(test_export_range),     T(test_export_faults),
		T(test_export_picked), T(test_picked_says_why),   T(test_picked_nonsense),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
