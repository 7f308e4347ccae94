/* Containers of every kind, made here by libarchive's other half, with a mark inside: found, named, typed, within one budget.
 * Bombs, lies and locks get the verdict that is theirs. */
#include "base/test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "scan/walk.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

#define MARK "a mark that a rule of ours would find"
#define ROOM (80u * MIB)

struct seen {
	char names[32][WALK_NAME];
	enum file_type types[32];
	bool blind[32];
	size_t n;
};

static int match(struct str bytes, enum file_type type, const char *name, char ret_rule[WALK_REASON], void *user)
{
	(void)type, (void)name, (void)user;
	snprintf(ret_rule, WALK_REASON, "TEST_Mark");
	return bytes.len >= sizeof MARK - 1 && memcmp(bytes.ptr, MARK, sizeof MARK - 1) == 0;
}

static int note_member(const struct walk_member *m, void *user)
{
	struct seen *s = user;
	if (s->n < ARRAY_LEN(s->names)) {
		memcpy(s->names[s->n], m->name, strlen(m->name) + 1);
		s->types[s->n] = m->type;
		s->blind[s->n++] = m->blind;
	}
	return 0;
}

static struct seen seen;
static struct walk_limits limits;

static struct walk_result run(struct str s, const char *password)
{
	const struct walk_ops ops = { match, note_member, &seen };
	struct walk_result r;
	seen.n = 0;
	const struct walk_about about = { "", password };
	walk(s, &about, &limits, &ops, &r);
	return r;
}

static int reset(void **state)
{
	(void)state;
	limits = WALK_LIMITS;
	walk_prepare();
	return 0;
}

/* ---- making them ---- */

struct made {
	char *ptr;
	size_t len;
};

static struct str view(struct made m)
{
	return (struct str){ m.ptr, m.len };
}

static struct archive *begin(struct made *m, int (*format)(struct archive *), const char *options, const char *password)
{
	struct archive *a = archive_write_new();
	m->ptr = mem_alloc(ROOM);
	assert_non_null(m->ptr);
	assert_int_equal(format(a), ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(a, 1);
	if (options)
		assert_int_equal(archive_write_set_options(a, options), ARCHIVE_OK);
	if (password)
		assert_int_equal(archive_write_set_passphrase(a, password), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, m->ptr, ROOM, &m->len), ARCHIVE_OK);
	return a;
}

static void put(struct archive *a, const char *name, struct str bytes)
{
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, (la_int64_t)bytes.len);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, bytes.ptr, bytes.len), (la_ssize_t)bytes.len);
	archive_entry_free(e);
}

static void end(struct archive *a)
{
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

static struct made one(int (*format)(struct archive *), const char *options, const char *password, const char *name, struct str bytes)
{
	struct made m;
	struct archive *a = begin(&m, format, options, password);
	put(a, name, bytes);
	end(a);
	return m;
}

static struct made zip_of(const char *name, struct str bytes)
{
	return one(archive_write_set_format_zip, NULL, NULL, name, bytes);
}

static int raw_gzip(struct archive *a)
{
	return archive_write_add_filter_gzip(a) | archive_write_set_format_raw(a);
}
static int raw_bzip2(struct archive *a)
{
	return archive_write_add_filter_bzip2(a) | archive_write_set_format_raw(a);
}
static int raw_xz(struct archive *a)
{
	return archive_write_add_filter_xz(a) | archive_write_set_format_raw(a);
}
static int raw_zstd(struct archive *a)
{
	return archive_write_add_filter_zstd(a) | archive_write_set_format_raw(a);
}
static int raw_lzma(struct archive *a)
{
	return archive_write_add_filter_lzma(a) | archive_write_set_format_raw(a);
}

static int raw_lzip(struct archive *a)
{
	return archive_write_add_filter_lzip(a) | archive_write_set_format_raw(a);
}

static int raw_lz4(struct archive *a)
{
	return archive_write_add_filter_lz4(a) | archive_write_set_format_raw(a);
}

static const struct {
	const char *what;
	int (*format)(struct archive *);
	bool blind;
} formats[] = {
	{ "zip", archive_write_set_format_zip, false },
	{ "7z", archive_write_set_format_7zip, false },
	{ "tar", archive_write_set_format_pax_restricted, false },
	{ "old tar", archive_write_set_format_ustar, false },
	{ "cpio", archive_write_set_format_cpio_newc, false },
	{ "iso", archive_write_set_format_iso9660, false },
	{ "gzip", raw_gzip, false },
	{ "bzip2", raw_bzip2, false },
	{ "xz", raw_xz, false },
	{ "zstd", raw_zstd, true },
	{ "lz4", raw_lz4, true },
	{ "lzma", raw_lzma, true },
	{ "lzip", raw_lzip, true },
};

static void every_format_is_opened(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		struct made m = one(formats[i].format, NULL, NULL, "mark.txt", STR(MARK));
		struct walk_result r = run(view(m), "");
		if (r.found != WALK_MALICIOUS || strcmp(r.reason, "TEST_Mark") != 0 || !r.where[0])
			fail_msg("%s: found %u, %s, in %s", formats[i].what, r.found, r.reason, r.where);
		mem_free(m.ptr);
		m = one(formats[i].format, NULL, NULL, "plain.txt", STR("nothing to be found here\n"));
		r = run(view(m), "");
		if (r.found || r.files < 1 || seen.n != 1 || seen.types[0] != TYPE_TEXT || seen.blind[0] != formats[i].blind)
			fail_msg("%s: found %u (%s), %zu members", formats[i].what, r.found, r.reason, seen.n);
		mem_free(m.ptr);
	}
}

/* Each format inside the one before it: names tell the way. */
static void nested_in_each_other(void **state)
{
	(void)state;
	struct made m = zip_of("mark.txt", STR(MARK));
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		struct made outer = one(formats[i].format, NULL, NULL, "in", view(m));
		mem_free(m.ptr);
		m = outer;
	}
	struct walk_result r = run(view(m), "");
	assert_int_equal(r.found, WALK_MALICIOUS);
	assert_int_equal(r.files, ARRAY_LEN(formats) + 2); /* and the root directory of the ISO */
	assert_non_null(strstr(r.where, "in/mark.txt"));
	assert_true(r.inside & 1u << GROUP_ARCHIVES && r.inside & 1u << GROUP_DISKS);
	mem_free(m.ptr);
}

static struct walk_result nested(unsigned times)
{
	struct made m = zip_of("mark.txt", STR(MARK));
	for (unsigned i = 1; i < times; i++) {
		struct made outer = zip_of("a.zip", view(m));
		mem_free(m.ptr);
		m = outer;
	}
	struct walk_result r = run(view(m), "");
	mem_free(m.ptr);
	return r;
}

static void sixteen_deep_and_no_deeper(void **state)
{
	(void)state;
	assert_int_equal(nested(16).found, WALK_MALICIOUS);
	struct walk_result r = nested(17);
	assert_int_equal(r.found, WALK_BEYOND);
	assert_string_equal(r.reason, "depth");
}

/* ---- the budget ---- */

static void bombs(void **state)
{
	(void)state;
	char *zeros = mem_alloc(64 * MIB);
	struct made m = zip_of("zeros", (struct str){ zeros, 64 * MIB });
	struct walk_result r = run(view(m), "");
	assert_int_equal(r.found, WALK_BEYOND);
	assert_string_equal(r.reason, "ratio");
	assert_true(r.bytes < WALK_RATIO_FROM + 128 * KIB);
	limits.ratio = 1u << 30;
	limits.bytes = 10 * MIB;
	r = run(view(m), "");
	assert_string_equal(r.reason, "too large inside");
	assert_true(r.bytes < 11 * MIB);
	mem_free(m.ptr);
	mem_free(zeros);
}

static void too_many_files(void **state)
{
	(void)state;
	struct made m;
	struct archive *a = begin(&m, archive_write_set_format_zip, NULL, NULL);
	for (int i = 0; i < 60; i++) {
		char name[32];
		snprintf(name, sizeof name, "%d.txt", i);
		put(a, name, STR("x"));
	}
	end(a);
	limits.files = 50;
	struct walk_result r = run(view(m), "");
	assert_string_equal(r.reason, "too many files");
	mem_free(m.ptr);
}

static size_t find(struct made m, const char *what, size_t n)
{
	char *p = memmem(m.ptr, m.len, what, n);
	assert_non_null(p);
	return (size_t)(p - m.ptr);
}

/* As 42.zip's successors: a thousand entries of the directory share one piece of compressed data. */
static void entries_that_overlap(void **state)
{
	(void)state;
	char *zeros = mem_alloc(MIB);
	struct made m = zip_of("a", (struct str){ zeros, MIB });
	size_t dir = find(m, "PK\1\2", 4), eocd = find(m, "PK\5\6", 4), one_len = eocd - dir;
	struct buf b;
	buf_init(&b, 4 * MIB);
	buf_put(&b, m.ptr, dir);
	for (int i = 0; i < 1000; i++)
		buf_put(&b, m.ptr + dir, one_len);
	unsigned char tail[22];
	memcpy(tail, m.ptr + eocd, sizeof tail);
	uint32_t size = (uint32_t)(1000 * one_len);
	memcpy(tail + 8, &(uint16_t){ 1000 }, 2);
	memcpy(tail + 10, &(uint16_t){ 1000 }, 2);
	memcpy(tail + 12, &size, 4);
	buf_put(&b, tail, sizeof tail);
	assert_int_equal(b.failed, 0);
	struct walk_result r = run(buf_view(&b), "");
	assert_true(r.bytes <= WALK_RATIO_FROM + 128 * KIB);
	/* Either it is a bomb, or libarchive takes the thousand for one: then nothing was multiplied. */
	assert_true((r.found == WALK_BEYOND) || r.files == 1);
	buf_done(&b);
	mem_free(m.ptr);
	mem_free(zeros);
}

static void lying_sizes(void **state)
{
	(void)state;
	struct made m = zip_of("mark.txt", STR(MARK));
	size_t dir = find(m, "PK\1\2", 4);
	static const uint32_t lies[] = { 0, 3, 0x7fffffff, 0xfffffffe };
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		memcpy(m.ptr + dir + 24, &lies[i], 4); /* of the unpacked, in the directory */
		struct walk_result r = run(view(m), "");
		if (r.found == 0)
			fail_msg("a size of %u hides what is inside", lies[i]);
		assert_true(r.bytes < MIB);
	}
	mem_free(m.ptr);
}

static void cut_short(void **state)
{
	(void)state;
	char *noise = mem_alloc(200000);
	for (size_t i = 0; i < 200000; i++)
		noise[i] = (char)(i * i >> 5);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		struct made m = one(formats[i].format, NULL, NULL, "noise", (struct str){ noise, 200000 });
		if (strcmp(formats[i].what, "iso") == 0) { /* two thirds of it are padding */
			mem_free(m.ptr);
			continue;
		}
		struct walk_result r = run((struct str){ m.ptr, m.len / 2 }, "");
		if (r.found != WALK_BEYOND)
			fail_msg("half a %s: found %u (%s)", formats[i].what, r.found, r.reason);
		mem_free(m.ptr);
	}
	mem_free(noise);
}

/* ---- locks ---- */

static void encrypted(void **state)
{
	(void)state;
	static const char *const ways[] = { "zip:encryption=zipcrypt", "zip:encryption=aes256" };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct made m = one(archive_write_set_format_zip, ways[i], "secret", "mark.txt", STR(MARK));
		struct walk_result r = run(view(m), "");
		assert_int_equal(r.found, WALK_ENCRYPTED);
		assert_string_equal(r.where, "mark.txt");
		r = run(view(m), "wrong");
		assert_int_equal(r.found, WALK_ENCRYPTED);
		r = run(view(m), "secret");
		assert_int_equal(r.found, WALK_MALICIOUS);
		struct made outer = zip_of("inner.zip", view(m));
		r = run(view(outer), "");
		assert_int_equal(r.found, WALK_ENCRYPTED);
		assert_string_equal(r.where, "inner.zip/mark.txt");
		mem_free(outer.ptr);
		mem_free(m.ptr);
	}
	struct made jp = one(archive_write_set_format_zip, ways[0], "\x82\xd0\x82\xdd\x82\xc2", "mark.txt", STR(MARK)); /* ひみつ in CP932 */
	assert_int_equal(run(view(jp), "ひみつ").found, WALK_MALICIOUS);
	mem_free(jp.ptr);
	struct made m = one(archive_write_set_format_zip, ways[1], "secret", "plain.txt", STR("nothing"));
	assert_int_equal(run(view(m), "secret").found, 0);
	assert_true(seen.blind[0]); /* clamd can't know the password */
	mem_free(m.ptr);
}

/* One wrong password in 256 passes zip's own check: what is stored then would be taken for noise, and clean. */
static void wrong_passwords(void **state)
{
	struct made m = one(archive_write_set_format_zip, "zip:encryption=zipcrypt,zip:compression=store", "secret", "a", STR(MARK));
	(void)state;
	assert_int_equal(run(view(m), "secret").found, WALK_MALICIOUS);
	for (int i = 0; i < 1500; i++) {
		char password[16];
		snprintf(password, sizeof password, "wrong%d", i);
		assert_int_equal(run(view(m), password).found, WALK_ENCRYPTED);
	}
	mem_free(m.ptr);
}

/* Two faults are both told: a policy that lets one pass doesn't let the other. */
static void encrypted_and_beyond(void **state)
{
	(void)state;
	struct made locked = one(archive_write_set_format_zip, "zip:encryption=zipcrypt", "secret", "a", STR("x")), m;
	struct made half = zip_of("b", STR(MARK MARK MARK));
	struct archive *a = begin(&m, archive_write_set_format_pax_restricted, NULL, NULL);
	put(a, "half.zip", (struct str){ half.ptr, half.len / 2 });
	put(a, "locked.zip", view(locked));
	end(a);
	struct walk_result r = run(view(m), "");
	assert_int_equal(r.found, WALK_ENCRYPTED | WALK_BEYOND);
	assert_string_equal(r.where, "locked.zip/a");
	mem_free(m.ptr);
	mem_free(half.ptr);
	mem_free(locked.ptr);
}

/* ---- names and types ---- */

static void names(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "../../../etc/passwd", "../../../etc/passwd" }, /* a text: nothing is written by it */
		{ "a\r\nb\x1b[31m", "a??b?[31m" },
		{ "\xe8\xa6\x8b\xe7\xa9\x8d.xlsx", "\xe8\xa6\x8b\xe7\xa9\x8d.xlsx" },
		{ "\x8c\xa9\x90\xcf.xlsx", "\xe8\xa6\x8b\xe7\xa9\x8d.xlsx" }, /* CP932 */
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct made m = zip_of("01234567890123456789", STR("x"));
		struct buf b;
		buf_init(&b, 64 * KIB);
		size_t n = strlen(rows[i].in);
		for (size_t at = 0; at < m.len; at++) { /* the name is put in by hand: libarchive would change it */
			bool name = m.len - at >= 20 && memcmp(m.ptr + at, "01234567890123456789", 20) == 0;
			buf_put(&b, name ? rows[i].in : m.ptr + at, name ? n : 1);
			at += name ? 19 : 0;
		}
		char *local = b.ptr, *dir = memmem(b.ptr, b.len, "PK\1\2", 4), *eocd = memmem(b.ptr, b.len, "PK\5\6", 4);
		local[26] = (char)n;
		dir[28] = (char)n;
		uint32_t off = (uint32_t)(dir - local), len = (uint32_t)(eocd - dir);
		memcpy(eocd + 16, &off, 4);
		memcpy(eocd + 12, &len, 4);
		struct walk_result r = run(buf_view(&b), "");
		if (r.found || seen.n != 1 || strcmp(seen.names[0], rows[i].out) != 0)
			fail_msg("row %zu: found %u (%s), name %s", i, r.found, r.reason, seen.names[0]);
		buf_done(&b);
		mem_free(m.ptr);
	}
}

static void types_inside(void **state)
{
	(void)state;
	static const unsigned char mz[64] = { 'M', 'Z', [60] = 64 };
	struct made m = zip_of("invoice.pdf", (struct str){ (const char *)mz, sizeof mz });
	struct walk_result r = run(view(m), "");
	assert_int_equal(r.inside, 1u << GROUP_PROGRAMS);
	mem_free(m.ptr);
	m = zip_of("a.txt", STR("x"));
	r = run(view(m), "");
	assert_int_equal(r.inside, 0);
	mem_free(m.ptr);
}

/* A program, or a picture, with a zip behind it. */
static void appended(void **state)
{
	(void)state;
	struct made m = zip_of("mark.txt", STR(MARK));
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_put(&b, "GIF89a", 6);
	for (int i = 0; i < 100; i++)
		buf_puts(&b, "pixels ");
	assert_int_equal(run(buf_view(&b), "").found, 0);
	buf_put(&b, m.ptr, m.len);
	assert_int_equal(run(buf_view(&b), "").found, WALK_MALICIOUS);
	buf_done(&b);
	mem_free(m.ptr);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test_setup(wrong_passwords, reset), cmocka_unit_test_setup(every_format_is_opened, reset),
		cmocka_unit_test_setup(nested_in_each_other, reset),
		cmocka_unit_test_setup(sixteen_deep_and_no_deeper, reset),
		cmocka_unit_test_setup(bombs, reset),
		cmocka_unit_test_setup(too_many_files, reset),
		cmocka_unit_test_setup(entries_that_overlap, reset),
		cmocka_unit_test_setup(lying_sizes, reset),
		cmocka_unit_test_setup(cut_short, reset),
		cmocka_unit_test_setup(encrypted, reset),
		cmocka_unit_test_setup(encrypted_and_beyond, reset),
		cmocka_unit_test_setup(names, reset),
		cmocka_unit_test_setup(types_inside, reset),
		cmocka_unit_test_setup(appended, reset),
	};
	return cmocka_run_group_tests(cases, NULL, NULL);
}
