/* Documents behind a password, made by another program (officecrypto-tool 0.0.19) of a text of 4,500 bytes: agile and standard.
 * Then whole files (seeds/unlock) by the programs that people use: p7zip 16.02, qpdf 11.3, LibreOffice 7.4; RAR's and PowerPoint's by us, since their own
 * programs aren't free: those of others' collections are tried where TORIDE_CORPORA has them. */
#include "scan/le.h"
#include "scan/locked.h"

#include "base/fs.h"
#include "base/mem.h"
#include "scan/walk.h"

#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PASSWORD "ひみつ123"

static struct buf file;

static bool read_all(const char *path)
{
	FILE *f = fopen(path, "re");
	char chunk[4096];
	if (!f)
		return false;
	buf_init(&file, 4 * MIB);
	for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
		buf_put(&file, chunk, n);
	fclose(f);
	return true;
}

/* uuencoded, in place. */
static bool read_uu(const char *path)
{
	struct str rest, line;
	size_t n = 0;
	if (!read_all(path))
		return false;
	rest = buf_view(&file);
	str_next(&rest, '\n', &line);
	while (str_next(&rest, '\n', &line) && line.len > 1) {
		const unsigned char *p = (const unsigned char *)line.ptr;
		size_t want = (p[0] - 32) & 63;
		for (size_t i = 1; i + 3 < line.len + 1 && want; i += 4) {
			uint32_t v = (uint32_t)((p[i] - 32) & 63) << 18 | (uint32_t)((p[i + 1] - 32) & 63) << 12 | (uint32_t)((p[i + 2] - 32) & 63) << 6 | ((p[i + 3] - 32) & 63);
			for (int k = 16; k >= 0 && want; k -= 8, want--)
				file.ptr[n++] = (char)(v >> k);
		}
	}
	file.len = n;
	return true;
}

static void read_seed(const char *folder, const char *name)
{
	char path[512];
	const char *top = getenv("TORIDE_SOURCE");
	snprintf(path, sizeof path, "%s/src/scan/seeds/%s/%s", top ? top : ".", folder, name);
	assert_true(read_all(path));
}

static struct str load(const char *name, struct str *ret_package)
{
	read_seed("locked", name);
	size_t n = (unsigned char)file.ptr[0] | (size_t)(unsigned char)file.ptr[1] << 8;
	*ret_package = (struct str){ file.ptr + 2 + n, file.len - 2 - n };
	return (struct str){ file.ptr + 2, n };
}

static void expect_text(struct str s)
{
	char text[5000] = "PK";
	size_t n = 2;
	for (int i = 0; n < 4500; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, " line %d", i);
	assert_int_equal(s.len, 4512); /* whole blocks */
	assert_memory_equal(s.ptr, text, 4500);
}

static void opens(const char *name)
{
	struct str package, info = load(name, &package);
	struct buf out;
	buf_init(&out, MIB);
	assert_int_equal(locked_open(info, package, PASSWORD, &out), LOCKED_OPENED);
	expect_text(buf_view(&out));
	buf_reset(&out);
	assert_int_equal(locked_open(info, package, "wrong", &out), LOCKED_WRONG);
	assert_int_equal(locked_open(info, package, "", &out), LOCKED_WRONG);
	assert_int_equal(out.len, 0);
	/* cut anywhere: never more than there was, never a fault */
	for (size_t n = 0; n < info.len; n += 97)
		locked_open((struct str){ info.ptr, n }, (struct str){ package.ptr, n % 50 }, PASSWORD, &out);
	package.len = 4096; /* the last segment is missing */
	assert_int_equal(locked_open(info, package, PASSWORD, &out), LOCKED_UNKNOWN);
	buf_done(&out);
	buf_done(&file);
}

static void agile(void **state)
{
	opens("agile");
}

static void standard(void **state)
{
	opens("standard");
}

/* A document can't make us turn for minutes. */
static void too_many_turns(void **state)
{
	struct str package, info = load("agile", &package);
	struct buf out;
	char *at = memmem(info.ptr, info.len, "spinCount=\"100000\"", 18);
	buf_init(&out, MIB);
	assert_non_null(at);
	memcpy(at, "spinCount=\"9999999\"", 18); /* and the quote is gone: the number goes on */
	assert_int_equal(locked_open(info, package, PASSWORD, &out), LOCKED_UNKNOWN);
	memcpy(at, "spinCount=\"000000\"", 18);
	assert_int_equal(locked_open(info, package, PASSWORD, &out), LOCKED_UNKNOWN);
	buf_done(&out);
	buf_done(&file);
}

/* ---- whole files ---- */

#define MARK "the word of the day is umbrella"

/* In UTF-16 as well, as old Excel and Word keep their texts. */
static int match(struct str bytes, enum file_type type, const char *name, char ret_rule[WALK_REASON], void *user)
{
	char wide[2 * sizeof MARK] = "";
	for (size_t i = 0; i < sizeof MARK - 1; i++)
		wide[2 * i] = MARK[i];
	snprintf(ret_rule, WALK_REASON, "TEST_Mark");
	return memmem(bytes.ptr, bytes.len, MARK, sizeof MARK - 1) || memmem(bytes.ptr, bytes.len, wide, 2 * (sizeof MARK - 1));
}

static struct walk_result walk_by(struct str s, const char *password, bool rules)
{
	const struct walk_ops ops = { .match = rules ? match : NULL };
	const struct walk_about about = { "", password };
	const struct walk_limits limits = WALK_LIMITS;
	struct walk_result r;
	walk(s, &about, &limits, &ops, &r);
	return r;
}

static struct walk_result walk_with(struct str s, const char *password)
{
	return walk_by(s, password, true);
}

static void found(const char *name, struct walk_result r, unsigned want)
{
	if ((r.found & (WALK_MALICIOUS | WALK_ENCRYPTED)) != want)
		fail_msg("%s: %u (%s in %s), not %u", name, r.found, r.reason, r.where, want);
}

static void tries(const char *name, const char *password)
{
	found(name, walk_with(buf_view(&file), ""), WALK_ENCRYPTED);
	found(name, walk_with(buf_view(&file), "wrong"), WALK_ENCRYPTED);
	found(name, walk_with(buf_view(&file), password), WALK_MALICIOUS);
	assert_int_equal(walk_by(buf_view(&file), password, false).found, 0); /* all of it opens */
	for (size_t n = 0; n < file.len; n += file.len / 5 + 1) /* cut anywhere: never a fault */
		walk_with((struct str){ file.ptr, n }, password);
	buf_done(&file);
}

static void whole_files(void **state)
{
	static const struct {
		const char *name, *password;
	} cases[] = {
		{ "7z-content", PASSWORD }, { "7z-header", PASSWORD }, { "7z-stored", PASSWORD }, { "7z-bcj2", PASSWORD },
		{ "rar5-content", PASSWORD }, { "rar5-header", PASSWORD }, { "rar3-content", PASSWORD }, { "rar3-header", PASSWORD },
		{ "xls", PASSWORD }, { "doc", PASSWORD }, { "ppt", PASSWORD }, { "ppt-embedded", PASSWORD }, { "ppt-picture", PASSWORD }, { "odt", PASSWORD }, { "ods", PASSWORD },
		{ "pdf-40", "secret123" }, { "pdf-128", "secret123" }, { "pdf-128-aes", "secret123" }, { "pdf-256", "secret123" }, { "pdf-256-r5", "secret123" },
	};
	walk_prepare();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		read_seed("unlock", cases[i].name);
		tries(cases[i].name, cases[i].password);
	}
}

/* Archives by RAR's own program: libarchive's test files (one of them holds a file with another password, and some it can't unpack). */
static void real_rar(void **state)
{
	static const struct {
		const char *name, *password;
		unsigned found;
	} cases[] = {
		{ "rar4_encrypted_filenames", "password", 0 }, { "rar4_encrypted", "password", WALK_ENCRYPTED }, { "rar5_encrypted_filenames", "password", 0 },
		{ "rar5_encrypted", "password", WALK_ENCRYPTED }, { "rar5_solid_encrypted", "password", 0 }, { "rar5_solid_encrypted_filenames", "password", 0 },
		{ "rar_encryption_data", "12345678", 0 }, { "rar_encryption_header", "12345678", 0 }, { "rar_encryption_partially", "12345678", 0 },
	};
	const char *top = getenv("TORIDE_CORPORA");
	char path[512];
	walk_prepare();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(path, sizeof path, "%s/libarchive/libarchive/test/test_read_format_%s.rar.uu", top ? top : "", cases[i].name);
		if (!top || !read_uu(path))
			skip();
		found(cases[i].name, walk_with(buf_view(&file), ""), WALK_ENCRYPTED);
		found(cases[i].name, walk_with(buf_view(&file), "wrong"), WALK_ENCRYPTED);
		found(cases[i].name, walk_with(buf_view(&file), cases[i].password), cases[i].found);
		buf_done(&file);
	}
}

static void put_le(char *dst, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		dst[i] = (char)(v >> (8 * i));
}

/* Documents by Office itself: test files of msoffcrypto-tool and Apache POI. */
static void real_office(void **state)
{
	static const char *const cases[][2] = {
		{ "msoffcrypto-tool/tests/inputs/rc4cryptoapi_password.doc", "Password1234_" }, { "msoffcrypto-tool/tests/inputs/rc4cryptoapi_password.xls", "Password1234_" },
		{ "msoffcrypto-tool/tests/inputs/rc4cryptoapi_password.ppt", "Password1234_" }, { "msoffcrypto-tool/tests/inputs/ecma376standard_password.docx", "Password1234_" },
		{ "poi/test-data/slideshow/cryptoapi-proc2356.ppt", "crypto" }, { "poi/test-data/slideshow/Password_Protected-hello.ppt", "hello" },
		{ "poi/test-data/slideshow/Password_Protected-56-hello.ppt", "hello" }, { "poi/test-data/slideshow/Password_Protected-np-hello.ppt", "hello" },
	};
	const char *top = getenv("TORIDE_CORPORA");
	char path[512];
	walk_prepare();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(path, sizeof path, "%s/%s", top ? top : "", cases[i][0]);
		if (!top || !read_all(path))
			skip();
		found(path, walk_by(buf_view(&file), "", false), WALK_ENCRYPTED);
		found(path, walk_by(buf_view(&file), "wrong", false), WALK_ENCRYPTED);
		found(path, walk_by(buf_view(&file), cases[i][1], false), 0);
		buf_done(&file);
	}
}

/* Presentations that say one thing here and another there, or whose objects lie in each other. */
static void doubtful_ppt(void **state)
{
	static const char token[4] = { (char)0xdf, (char)0xc4, (char)0xd1, (char)0xf3 }, edit[8] = { 0, 0, (char)0xf5, 0x0f, 0x20, 0, 0, 0 }, dir[4] = { 0, 0, 0x72, 0x17 };
	enum { TOKEN, EDITS, SHORT, LAIN_IN, OUTSIDE, NO_SESSION, CASES };
	walk_prepare();
	for (int i = 0; i < CASES; i++) {
		read_seed("unlock", "ppt");
		char *t = memmem(file.ptr, file.len, token, 4), *e = memmem(file.ptr, file.len, edit, 8), *d = memmem(file.ptr, file.len, dir, 4);
		assert_true(t && e && d);
		switch (i) {
		case TOKEN: put_le(t, 0xe391c05f, 4); break; /* Current User says it isn't locked: PowerPoint goes by the edit, and so it opens */
		case EDITS: put_le(e + 16, 8, 4); break;     /* another edit before */
		case SHORT: put_le(e + 4, 28, 4); break;     /* the edit says it isn't locked */
		case LAIN_IN: memcpy(d + 16, d + 12, 4); put_le(d + 16, le((struct str){ d, 64 }, 12, 4) + 8, 4); break;
		case OUTSIDE: put_le(d + 12, 0x7fffffff, 4); break;
		default: put_le(e + 36, 77, 4);
		}
		found("none", walk_by(buf_view(&file), "", false), WALK_ENCRYPTED);
		found("right", walk_by(buf_view(&file), PASSWORD, false), i == TOKEN ? 0 : WALK_ENCRYPTED);
		buf_done(&file);
	}
}

/* What forbids printing only is open to everybody, and so to us. */
static void no_password_needed(void **state)
{
	read_seed("unlock", "pdf-owner");
	found("pdf-owner", walk_with(buf_view(&file), ""), WALK_MALICIOUS);
	buf_done(&file);
}

/* ---- two readings ---- */

/* 7z without the checksum of its content: 7-Zip opens it, and nobody can tell a wrong password. */
static void no_checksum(void **state)
{
	read_seed("unlock", "7z-stored");
	size_t header = file.len - 32 - (unsigned char)file.ptr[12] - 256u * (unsigned char)file.ptr[13];
	char *begin = file.ptr + file.len - header, *at = memmem(begin, header, "\x08\x0a\x01", 3);
	assert_int_equal(begin[0], 1);
	assert_non_null(at);
	memcpy(at + 1, "\x0a\0\0", 3); /* not for all; for none */
	memmove(at + 4, at + 7, (size_t)(file.ptr + file.len - at) - 7);
	file.len -= 3;
	header -= 3;
	put_le(file.ptr + 20, header, 8);
	put_le(file.ptr + 28, crc32(0, (unsigned char *)begin, (uInt)header), 4);
	put_le(file.ptr + 8, crc32(0, (unsigned char *)file.ptr + 12, 20), 4);
	found("wrong", walk_with(buf_view(&file), "wrong"), WALK_ENCRYPTED);
	found("right", walk_with(buf_view(&file), PASSWORD), WALK_ENCRYPTED);
	found("none", walk_with(buf_view(&file), ""), WALK_ENCRYPTED);
	buf_done(&file);
}

/* RAR 5, stored, locked in ways that aren't opened here: more turns than we take, no check of the password, another version. libarchive reads
 * on in such, and hands out what it takes for content. */
static void locked_otherwise(void **state)
{
	static const struct {
		size_t at;
		char is;
	} cases[] = { { 4, 21 }, { 3, 2 }, { 2, 1 } };
	walk_prepare();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		read_seed("unlock", "rar5-content");
		char *block = file.ptr + 16, *record = memmem(file.ptr, file.len, "\x30\1\0\3\x0a", 5);
		assert_non_null(record);
		record[cases[i].at] = cases[i].is;
		put_le(block, crc32(0, (unsigned char *)block + 4, 1u + (unsigned char)block[4]), 4);
		found("none", walk_by(buf_view(&file), "", false), WALK_ENCRYPTED);
		found("right", walk_by(buf_view(&file), PASSWORD, false), WALK_ENCRYPTED);
		buf_done(&file);
	}
}

/* In what a compound file calls its streams. */
static void rename_stream(const char *from, const char *to)
{
	char a[64] = "", b[64] = "";
	size_t n = strlen(from);
	assert_true(n < 32 && strlen(to) <= n);
	for (size_t i = 0; i < n; i++) {
		a[2 * i] = from[i];
		b[2 * i] = i < strlen(to) ? to[i] : 0;
	}
	char *at = memmem(file.ptr, file.len, a, 2 * n + 2);
	assert_non_null(at);
	memcpy(at, b, 2 * n);
	at[64] = (char)(2 * strlen(to) + 2);
}

static void streams_of_one_name(void **state)
{
	read_seed("unlock", "doc");
	rename_stream("WordDocument", "WORDDOCUMENT");
	found("case", walk_by(buf_view(&file), "", false), WALK_ENCRYPTED);
	found("case", walk_by(buf_view(&file), PASSWORD, false), 0);
	buf_done(&file);
	static const char *const twice[] = { "0Table", "1Table", "WordDocument", "Data" };
	for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
		read_seed("unlock", "doc");
		bool other = i < 2 && !memmem(file.ptr, file.len, i ? "1\0T" : "0\0T", 3);
		rename_stream("\5DocumentSummaryInformation", twice[i]);
		if (i == 3)
			rename_stream("\5SummaryInformation", "Data");
		found(twice[i], walk_by(buf_view(&file), PASSWORD, false), other ? 0 : WALK_ENCRYPTED);
		buf_done(&file);
	}
}

/* A PDF that speaks of a key where qpdf finds none, though somebody was asked for its password. */
static void key_elsewhere(void **state)
{
	static const char text[] = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
	                           "trailer<</Root 1 0 R/Size 3/Encrypt 9 0 R>>\ntrailer<</Root 1 0 R/Size 3>>\nstartxref\n0\n%%EOF\n";
	struct str s = STR(text), plain = { text, (size_t)(strstr(text, "trailer") - text) };
	walk_prepare();
	assert_int_equal(walk_by(s, PASSWORD, false).found & WALK_ENCRYPTED, WALK_ENCRYPTED);
	assert_int_equal(walk_by(plain, PASSWORD, false).found, 0);
}

/* The manifest with `with` in place of each `what` (or before it), and so many blanks behind. */
static void edit(struct buf *xml, const char *what, const char *with, bool before, size_t blanks)
{
	struct buf old = *xml;
	struct str s = buf_view(&old);
	buf_init(xml, 8 * MIB);
	for (const char *p; *what && (p = memmem(s.ptr, s.len, what, strlen(what)));) {
		buf_put(xml, s.ptr, (size_t)(p - s.ptr));
		buf_puts(xml, with);
		buf_puts(xml, before ? what : "");
		p += strlen(what);
		s = (struct str){ p, s.len - (size_t)(p - s.ptr) };
	}
	buf_str(xml, s);
	for (; blanks; blanks--)
		buf_putc(xml, ' ');
	buf_done(&old);
}

static void put_member(struct archive *to, const char *name, struct str s)
{
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_size(e, (la_int64_t)s.len);
	assert_int_equal(archive_write_header(to, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(to, s.ptr, s.len), (la_ssize_t)s.len);
	archive_entry_free(e);
}

struct odf_case {
	const char *name, *what, *with;
	bool before;
	size_t blanks;
	bool twice; /* another manifest, in which nothing is encrypted, stands first */
};

static struct buf rewritten(const struct odf_case *k)
{
	static const char plain[] = "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";
	struct archive *from = archive_read_new(), *to = archive_write_new();
	struct archive_entry *e;
	struct buf out;
	size_t used = 0;
	buf_init(&out, 16 * MIB);
	assert_true(buf_room(&out, 8 * MIB));
	archive_read_support_format_zip_seekable(from);
	archive_write_set_format_zip(to);
	archive_write_set_options(to, "compression=store");
	assert_int_equal(archive_read_open_memory(from, file.ptr, file.len), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(to, out.ptr, 8 * MIB, &used), ARCHIVE_OK);
	while (archive_read_next_header(from, &e) == ARCHIVE_OK) {
		char name[256], chunk[4096];
		struct buf b;
		snprintf(name, sizeof name, "%s", archive_entry_pathname(e));
		buf_init(&b, MIB);
		for (la_ssize_t n; (n = archive_read_data(from, chunk, sizeof chunk)) > 0;)
			buf_put(&b, chunk, (size_t)n);
		bool manifest = strcmp(name, "META-INF/manifest.xml") == 0;
		if (manifest && k->twice)
			put_member(to, name, STR(plain));
		if (manifest)
			edit(&b, k->what, k->with, k->before, k->blanks);
		put_member(to, name, buf_view(&b));
		buf_done(&b);
	}
	archive_read_free(from);
	assert_int_equal(archive_write_free(to), ARCHIVE_OK);
	out.len = used;
	return out;
}

/* Manifests of which another program may make something else: nothing counts as looked at. */
static void doubtful_manifests(void **state)
{
	static const struct odf_case cases[] = {
		{ .name = "as it was", .what = "", .with = "" },
		{ .name = "two of them", .what = "", .with = "", .twice = true },
		{ .name = "larger than is read", .what = "", .with = "", .blanks = 5 * MIB },
		{ .name = "entry in an entry", .what = "</manifest:file-entry>", .with = "<manifest:file-entry manifest:full-path=\"x\"/>", .before = true },
		{ .name = "another path", .what = "\"content.xml\"", .with = "\"./content.xml\"" },
		{ .name = "twice the same", .what = "</manifest:manifest>", .before = true,
		  .with = "<manifest:file-entry manifest:full-path=\"content.xml\"><manifest:encryption-data/></manifest:file-entry>" },
		{ .name = "twice its data", .what = "<manifest:encryption-data ", .with = "<manifest:encryption-data/>", .before = true },
		{ .name = "an encoding of its own", .what = "encoding=\"UTF-8\"", .with = "encoding=\"IBM037\"" },
	};
	walk_prepare();
	read_seed("unlock", "odt");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b = rewritten(&cases[i]);
		unsigned none = walk_by(buf_view(&b), "", false).found, right = walk_by(buf_view(&b), PASSWORD, false).found;
		if (!none || !right != !i)
			fail_msg("%s: %u without a password, %u with it", cases[i].name, none, right);
		buf_done(&b);
	}
	buf_done(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(agile), cmocka_unit_test(standard), cmocka_unit_test(too_many_turns), cmocka_unit_test(whole_files), cmocka_unit_test(real_rar), cmocka_unit_test(real_office), cmocka_unit_test(doubtful_ppt),
		                            cmocka_unit_test(no_password_needed), cmocka_unit_test(no_checksum), cmocka_unit_test(locked_otherwise), cmocka_unit_test(streams_of_one_name), cmocka_unit_test(key_elsewhere), cmocka_unit_test(doubtful_manifests) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
