/* Our own readers on files made here byte by byte: what is in them is found and named, what is locked is told, loops and lies end. */
#include "base/test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "scan/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

struct seen {
	char names[16][WALK_NAME];
	enum file_type types[16];
	char begins[16][24];
	bool blind[16];
	size_t n;
};

static struct seen seen;

static int note_member(const struct walk_member *m, void *user)
{
	(void)user;
	if (seen.n == ARRAY_LEN(seen.names))
		return 0;
	snprintf(seen.names[seen.n], WALK_NAME, "%s", m->name);
	size_t n = m->bytes.len < 23 ? m->bytes.len : 23;
	memcpy(seen.begins[seen.n], m->bytes.ptr, n);
	seen.begins[seen.n][n] = 0;
	seen.blind[seen.n] = m->blind;
	seen.types[seen.n++] = m->type;
	return 0;
}

static struct walk_result run_with(struct str s, const char *password)
{
	const struct walk_limits limits = WALK_LIMITS;
	const struct walk_ops ops = { .member = note_member };
	const struct walk_about about = { "", password };
	struct walk_result r;
	memset(&seen, 0, sizeof seen);
	walk(s, &about, &limits, &ops, &r);
	return r;
}

static struct walk_result run(struct str s)
{
	return run_with(s, "");
}

static int reset(void **state)
{
	(void)state;
	walk_prepare();
	return 0;
}

/* A program, as far as its type goes. */
static void put_program(struct buf *b, size_t n)
{
	size_t from = b->len;
	buf_put(b, "MZ\x90", 3);
	while (b->len - from < n)
		buf_putc(b, b->len - from == 60 ? (char)0x80 : 0);
	memcpy(b->ptr + from + 0x80, "PE\0\0", 4);
}

/* ---- OLE ---- */

static void le(char *p, uint32_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (char)(v >> (8 * i));
}

static void put_entry(char *p, const char *name, unsigned kind, uint32_t start, uint32_t size)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < n; i++)
		p[2 * i] = name[i];
	le(p + 64, (uint32_t)(2 * n + 2), 2);
	p[66] = (char)kind;
	le(p + 116, start, 4);
	le(p + 120, size, 4);
}

struct stream {
	const char *name;
	struct str bytes;
};

/* A compound file of one sector of FAT: sector 0 FAT, 1 directory, 2 … the streams, one after the other (never mini ones). */
static void ole_of_all(struct buf *b, const struct stream *s, size_t n_streams)
{
	uint32_t at = 2, last = 2; /* last: the table's second sector, where there are more than one has room for */
	buf_init(b, 4 * MIB);
	assert_true(buf_room(b, 512 * 259));
	memset(b->ptr, 0, 512 * 259);
	for (size_t k = 0; k < n_streams; k++)
		last += (uint32_t)((s[k].bytes.len + 511) / 512);
	assert_true(last < 255);
	char *h = b->ptr, *fat = h + 512, *dir = fat + 512;
	memcpy(h, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8);
	le(h + 26, 3, 2), le(h + 28, 0xfffe, 2), le(h + 30, 9, 2), le(h + 32, 6, 2);
	le(h + 44, 1, 4), le(h + 48, 1, 4), le(h + 56, 16, 4), le(h + 60, 0xfffffffe, 4), le(h + 68, 0xfffffffe, 4);
	memset(h + 76, 0xff, 436);
	le(h + 76, 0, 4);
	memset(fat, 0xff, 512);
	le(fat, 0xfffffffd, 4), le(fat + 4, 0xfffffffe, 4);
	put_entry(dir, "Root Entry", 5, 0xfffffffe, 0);
	for (size_t k = 0; k < n_streams; k++) {
		uint32_t n = (uint32_t)((s[k].bytes.len + 511) / 512);
		put_entry(dir + 128 * (k + 1), s[k].name, 2, at, (uint32_t)s[k].bytes.len);
		memcpy(h + 512 * (1 + (size_t)at), s[k].bytes.ptr, s[k].bytes.len);
		for (uint32_t i = 0; i < n; i++, at++)
			le(at < 128 ? fat + 4 * at : h + 512 * (1 + (size_t)last) + 4 * (at - 128), i + 1 < n ? at + 1 : 0xfffffffe, 4);
	}
	if (last >= 128) {
		le(h + 44, 2, 4), le(h + 80, last, 4);
		at++;
	}
	b->len = 512 * (1 + (size_t)at);
}

static void ole_of(struct buf *b, const char *name, struct str stream)
{
	ole_of_all(b, &(struct stream){ name, stream }, 1);
}

static struct walk_result run_ole(const char *name, struct str stream)
{
	struct buf b;
	ole_of(&b, name, stream);
	struct walk_result r = run(buf_view(&b));
	buf_done(&b);
	return r;
}

static void a_package_is_taken_out(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, MIB);
	buf_put(&b, "\0\0\0\0\2\0", 6);
	buf_put(&b, "invoice.exe\0C:\\t\\invoice.exe\0\0\0\3\0\5\0\0\0C:\\t\0", 12 + 17 + 4 + 4 + 5);
	buf_put(&b, "\x2c\1\0\0", 4);
	put_program(&b, 300);
	struct walk_result r = run_ole("\1Ole10Native", buf_view(&b));
	assert_int_equal(r.found, 0);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.names[0], "invoice.exe");
	assert_int_equal(seen.types[0], TYPE_PE);
	assert_true(r.inside & 1u << GROUP_PROGRAMS);
	buf_done(&b);
}

/* The specification's own example (2.4.1.4), with "Attribute" before it. */
static void a_macro_is_read(void **state)
{
	(void)state;
	static const char text[] = "Attribute VB_Name = \"M\"\nSub AutoOpen()\n";
	struct buf b, out;
	buf_init(&b, MIB);
	buf_init(&out, MIB);
	buf_puts(&b, "compiled code before it");
	buf_put(&b, "\1", 1);
	size_t head = b.len, n = sizeof text - 1;
	buf_put(&b, "\0\0", 2);
	for (size_t i = 0; i < n; i++) {
		if (i % 8 == 0)
			buf_putc(&b, 0); /* eight literals */
		buf_putc(&b, text[i]);
	}
	le(b.ptr + head, (uint32_t)(0xb000 | (b.len - head - 2 - 1)), 2);
	struct walk_result r = run_ole("Module1", buf_view(&b));
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.names[0], "Module1.vba");
	assert_int_equal(seen.types[0], TYPE_VBA);
	assert_true(r.inside & 1u << GROUP_MACROS);
	buf_done(&b);
	/* copies */
	static const unsigned char sample[] = { 0x01, 0x2f, 0xb0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00, 0x70,
		                                0x61, 0x67, 0x68, 0x69, 0x6a, 0x01, 0x38, 0x08, 0x61, 0x6b, 0x6c, 0x00, 0x30, 0x6d, 0x6e, 0x6f,
		                                0x70, 0x06, 0x71, 0x02, 0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10, 0x77, 0x78, 0x79,
		                                0x7a, 0x00, 0x3c };
	assert_true(ovba_decompress((struct str){ (const char *)sample, sizeof sample }, &out));
	assert_str(buf_view(&out), "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa");
	buf_done(&out);
}

static void locked_documents(void **state)
{
	(void)state;
	char fib[64] = { (char)0xec, (char)0xa5 }, xls[64] = { 9, 8, 4, 0, 0, 6, 5, 0, 0x2f, 0, 6, 0 }, ppt[32] = { 0 };
	assert_int_equal(run_ole("WordDocument", (struct str){ fib, 64 }).found, 0);
	fib[11] = 1;
	assert_int_equal(run_ole("WordDocument", (struct str){ fib, 64 }).found, WALK_ENCRYPTED);
	assert_int_equal(run_ole("Workbook", (struct str){ xls, 64 }).found, WALK_ENCRYPTED);
	xls[8] = 0x0a;
	assert_int_equal(run_ole("Workbook", (struct str){ xls, 64 }).found, 0);
	le(ppt + 12, 0xf3d1c4df, 4);
	assert_int_equal(run_ole("Current User", (struct str){ ppt, 32 }).found, WALK_ENCRYPTED);
	assert_int_equal(run_ole("EncryptedPackage", STR("0123456789abcdef0123")).found, WALK_ENCRYPTED);
}

/* A presentation's macros behind more than is unpacked of them: what wasn't seen is told. */
static void embedded_beyond_what_is_unpacked(void **state)
{
	static const struct {
		uLong unpacked;
		unsigned found;
	} cases[] = { { MIB, 0 }, { 64u * MIB + 1, WALK_BEYOND } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *zeros = mem_alloc(cases[i].unpacked), *record = mem_alloc(100 * KIB);
		uLongf n = 100 * KIB - 12;
		assert_int_equal(compress2((Bytef *)record + 12, &n, (Bytef *)zeros, cases[i].unpacked, 9), Z_OK);
		memcpy(record, "\x10\0\x11\x10", 4);
		le(record + 4, (uint32_t)n + 4, 4);
		le(record + 8, (uint32_t)cases[i].unpacked, 4);
		struct buf b;
		ole_of(&b, "PowerPoint Document", (struct str){ record, 12 + n });
		size_t room = 512 * KIB; /* so large that what is in it isn't too much for it */
		assert_true(buf_room(&b, room));
		memset(b.ptr + b.len, 0, room);
		b.len += room;
		assert_int_equal(run(buf_view(&b)).found, cases[i].found);
		buf_done(&b);
		mem_free(zeros);
		mem_free(record);
	}
}

/* Made by another program of a text that is no document (seeds/locked): the key fits, but it can't be the one that Office would use. */
static void opened_with_a_key_that_nobody_uses(void **state)
{
	(void)state;
	char path[512];
	const char *top = getenv("TORIDE_SOURCE");
	struct buf file, b;
	buf_init(&file, MIB);
	snprintf(path, sizeof path, "%s/src/scan/seeds/locked/agile", top ? top : ".");
	assert_int_equal(fs_read(path, &file, NULL), 0);
	size_t n = (unsigned char)file.ptr[0] | (size_t)(unsigned char)file.ptr[1] << 8;
	const struct stream streams[] = { { "EncryptionInfo", { file.ptr + 2, n } }, { "EncryptedPackage", { file.ptr + 2 + n, file.len - 2 - n } } };
	ole_of_all(&b, streams, 2);
	assert_int_equal(run_with(buf_view(&b), "ひみつ123").found, WALK_ENCRYPTED);
	buf_done(&b);
	buf_done(&file);
}

/* Excel keeps drawings as zips in records of its old format, cut where a record ends. */
static void a_drawing_is_no_broken_archive(void **state)
{
	(void)state;
	char xls[1024] = { 9, 8, 4, 0, 0, 6, 5, 0, 0x0a, 0, 0, 0 };
	memcpy(xls + 100, "PK\1\2", 4); /* a directory of one file, whose own head isn't where it says */
	le(xls + 120, 5, 4), le(xls + 124, 5, 4), le(xls + 128, 1, 2), le(xls + 142, 1536 + 300, 4);
	xls[146] = 'a';
	memcpy(xls + 147, "PK\5\6\0\0\0\0\1\0\1\0", 12);
	le(xls + 159, 47, 4), le(xls + 163, 1536 + 100, 4);
	assert_int_equal(run_ole("Workbook", (struct str){ xls, sizeof xls }).found, 0);
	memcpy(xls + 1024 - 69, xls + 100, 69);
	le(xls + 1024 - 6, 1536 + 1024 - 69, 4); /* but one put behind it on purpose is an archive, and this one is broken */
	assert_int_equal(run_ole("Workbook", (struct str){ xls, sizeof xls }).found, WALK_BEYOND);
}

static void a_chain_that_bites_its_tail(void **state)
{
	(void)state;
	struct buf b;
	char *stream = mem_alloc(2000);
	ole_of(&b, "Data", (struct str){ stream, 2000 });
	le(b.ptr + 512 + 4 * 3, 2, 4);           /* the stream's second sector leads to its first */
	le(b.ptr + 512 + 4, 1, 4);               /* the directory to itself */
	le(b.ptr + 1024 + 128 + 120, 0x7fffffff, 4); /* and it is said to be endless */
	assert_int_equal(run(buf_view(&b)).found, 0);
	b.len = 700; /* no directory at all */
	assert_int_equal(run(buf_view(&b)).found, WALK_BEYOND);
	buf_done(&b);
	mem_free(stream);
}

/* ---- PDF ---- */

static void attachments_of_a_pdf(void **state)
{
	(void)state;
	struct buf b, program;
	unsigned char packed[1024];
	uLongf n = sizeof packed;
	buf_init(&b, MIB);
	buf_init(&program, MIB);
	put_program(&program, 400);
	compress(packed, &n, (const unsigned char *)program.ptr, program.len);
	buf_puts(&b, "%PDF-1.7\n1 0 obj\n<</Type/EmbeddedFile/Filter/FlateDecode/Length 5>>\nstream\r\n");
	buf_put(&b, packed, n);
	buf_puts(&b, "\nendstream\nendobj\n2 0 obj\n<</Type/Page>>stream\nBT (text) ET\nendstream\n3 0 obj<<>>stream\n");
	buf_put(&b, program.ptr, program.len);
	buf_puts(&b, "\nendstream\n");
	struct walk_result r = run(buf_view(&b));
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.names[0], "stream 1");
	assert_string_equal(seen.names[1], "stream 3");
	assert_int_equal(seen.types[0], TYPE_PE);
	assert_int_equal(r.inside, 1u << GROUP_PROGRAMS);
	buf_done(&program);
	buf_done(&b);
}

/* ---- text ---- */

static void put64(struct buf *b, struct str s, size_t line, const char *joint)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0, k = 0; i < s.len; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)s.ptr[i] << 16 | (uint32_t)(unsigned char)(i + 1 < s.len ? s.ptr[i + 1] : 0) << 8 |
			     (uint32_t)(unsigned char)(i + 2 < s.len ? s.ptr[i + 2] : 0);
		for (int sh = 18; sh >= 0; sh -= 6) {
			buf_putc(b, letters[v >> sh & 63]);
			if (++k % line == 0)
				buf_puts(b, joint);
		}
	}
}

static void expect_program(struct buf *page, const char *name, bool blind)
{
	struct walk_result r = run(buf_view(page));
	if (seen.n != 1 || seen.types[0] != TYPE_PE || strncmp(seen.names[0], name, strlen(name)) != 0 || !(r.inside & 1u << GROUP_PROGRAMS) ||
	    seen.blind[0] != blind)
		fail_msg("%s: %zu members, the first %s", name, seen.n, seen.names[0]);
	buf_done(page);
	buf_init(page, MIB);
}

static void files_smuggled_in_pages(void **state)
{
	(void)state;
	struct buf page, program;
	buf_init(&page, MIB);
	buf_init(&program, MIB);
	put_program(&program, 600);
	buf_puts(&page, "<html><script>var d = atob('");
	put64(&page, buf_view(&program), 1u << 20, "");
	buf_puts(&page, "');</script>");
	expect_program(&page, "base64 at", true);
	buf_puts(&page, "<html><script>var d = \"");
	put64(&page, buf_view(&program), 40, "\" +\n \"");
	buf_puts(&page, "\";</script>");
	expect_program(&page, "base64 at", true);
	buf_puts(&page, "<html><script>var d = \"");
	for (size_t i = 0; i < program.len; i++)
		buf_printf(&page, "%02x", (unsigned char)program.ptr[i]);
	buf_puts(&page, "\";</script>");
	expect_program(&page, "hex at", true);
	buf_puts(&page, "<html><script>new Uint8Array([");
	for (size_t i = 0; i < program.len; i++)
		buf_printf(&page, i % 2 ? "%u, " : "0x%x,", (unsigned char)program.ptr[i]);
	buf_puts(&page, "0])</script>");
	expect_program(&page, "numbers at", true);
	buf_puts(&page, "<html><script>unescape('");
	for (size_t i = 0; i < program.len; i++)
		buf_printf(&page, "%%%02x", (unsigned char)program.ptr[i]);
	buf_puts(&page, "')</script>");
	expect_program(&page, "escapes at", true);
	buf_puts(&page, "From: a@example.jp\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	put64(&page, buf_view(&program), 76, "\r\n");
	expect_program(&page, "base64 at", false);
	buf_done(&program);
	buf_done(&page);
}

/* A page full of pictures written as text has no members: they cost a decoding and nothing else. */
static void pictures_in_pages_are_nothing(void **state)
{
	(void)state;
	struct buf page;
	char picture[900] = "\x89PNG\r\n\x1a\n";
	buf_init(&page, MIB);
	buf_puts(&page, "<html><img src=\"data:image/png;base64,");
	put64(&page, (struct str){ picture, sizeof picture }, 1u << 20, "");
	buf_puts(&page, "\"><p>1, 2, 3, 4</p><a href='%E4%BD%90%E8%B3%80'>x</a>");
	struct walk_result r = run(buf_view(&page));
	assert_int_equal(seen.n, 0);
	assert_int_equal(r.found, 0);
	buf_done(&page);
}

/* ---- uploads ---- */

static void parts_of_a_form(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, MIB);
	buf_puts(&b, "--xyz\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nplain words\r\n--xyz\r\n"
	             "Content-Disposition: form-data; name=\"f\"; filename=\"setup.exe\"\r\nContent-Type: image/png\r\n\r\n");
	put_program(&b, 300);
	buf_puts(&b, "\r\n--xyz\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--xyz--\r\n");
	struct walk_result r = run(buf_view(&b));
	assert_int_equal(r.found, 0);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.names[0], "part 1");
	assert_string_equal(seen.names[1], "setup.exe");
	assert_int_equal(seen.types[1], TYPE_PE);
	assert_true(seen.blind[1]);
	b.len -= 60; /* cut in the middle: what there is of it is looked at */
	run(buf_view(&b));
	assert_int_equal(seen.n, 2);
	buf_done(&b);
}

/* ---- ARJ ---- */

static void put_arj(struct buf *b, const char *name, unsigned flags, unsigned method, struct str data)
{
	char h[34] = { 30 };
	size_t n = strlen(name);
	h[4] = (char)flags, h[5] = (char)method;
	le(h + 12, (uint32_t)data.len, 4);
	char head[4] = { 0x60, (char)0xea, 0, 0 };
	le(head + 2, (uint32_t)(30 + n + 1 + 1), 2);
	buf_put(b, head, 4);
	buf_put(b, h, 30);
	buf_put(b, name, n + 1);
	buf_put(b, "\0\0\0\0\0\0\0", 7); /* comment, CRC, no extension */
	buf_str(b, data);
}

static void arj(void **state)
{
	(void)state;
	struct buf b, program;
	buf_init(&b, MIB);
	buf_init(&program, MIB);
	put_program(&program, 300);
	put_arj(&b, "archive.arj", 0, 0, STR(""));
	size_t head = b.len;
	put_arj(&b, "a.exe", 0, 0, buf_view(&program));
	buf_put(&b, "\x60\xea\0\0", 4);
	struct walk_result r = run(buf_view(&b));
	assert_int_equal(r.found, 0);
	assert_string_equal(seen.names[0], "a.exe");
	assert_int_equal(seen.types[0], TYPE_PE);
	b.ptr[head + 8] = 1;
	assert_int_equal(run(buf_view(&b)).found, WALK_ENCRYPTED);
	b.ptr[head + 8] = 0;
	b.ptr[head + 9] = 1;
	assert_int_equal(run(buf_view(&b)).found, WALK_BEYOND);
	buf_done(&program);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test_setup(a_package_is_taken_out, reset),
		cmocka_unit_test_setup(a_macro_is_read, reset),
		cmocka_unit_test_setup(locked_documents, reset),
		cmocka_unit_test_setup(embedded_beyond_what_is_unpacked, reset),
		cmocka_unit_test_setup(opened_with_a_key_that_nobody_uses, reset),
		cmocka_unit_test_setup(a_drawing_is_no_broken_archive, reset),
		cmocka_unit_test_setup(a_chain_that_bites_its_tail, reset),
		cmocka_unit_test_setup(attachments_of_a_pdf, reset),
		cmocka_unit_test_setup(files_smuggled_in_pages, reset),
		cmocka_unit_test_setup(pictures_in_pages_are_nothing, reset),
		cmocka_unit_test_setup(parts_of_a_form, reset),
		cmocka_unit_test_setup(arj, reset),
	};
	return cmocka_run_group_tests(cases, NULL, NULL);
}
