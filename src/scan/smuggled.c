/* See parts.h. HTML smuggling (MITRE T1027.006): the file travels as text and is put together in the browser, behind every
 * gateway that looks at downloads only. */
#include "scan/parts.h"

#include "base/mem.h"

#include <stdio.h>

#define SHORTEST 128 /* bytes that a file written as text has at least */
#define LARGEST (64u * MIB)
#define LINE 40        /* shorter lines are words, not a file that goes on in the next one */

static int value64(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int value16(unsigned char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'' || c == '`';
}

static size_t skip_blank(struct str s, size_t at)
{
	while (at < s.len && (s.ptr[at] == ' ' || s.ptr[at] == '\t' || s.ptr[at] == '\r' || s.ptr[at] == '\n'))
		at++;
	return at;
}

/* Past what stands between two pieces of one text: "…" + "…", line ends, \n and \/ written out. at itself when there is none. */
static size_t skip_joint(struct str s, size_t at)
{
	size_t next = skip_blank(s, at);
	if (next != at)
		return next;
	if (s.ptr[at] == '\\' && at + 1 < s.len && (s.ptr[at + 1] == 'n' || s.ptr[at + 1] == 'r' || s.ptr[at + 1] == '\n' || s.ptr[at + 1] == '/'))
		return s.ptr[at + 1] == '/' ? at + 1 : at + 2;
	if (!is_quote(s.ptr[at]))
		return at;
	next = skip_blank(s, at + 1);
	if (next >= s.len || (s.ptr[next] != '+' && s.ptr[next] != ','))
		return at;
	next = skip_blank(s, next + 1);
	return next < s.len && is_quote(s.ptr[next]) ? next + 1 : at;
}

static void found(struct walk *w, const char *how, size_t at, struct str bytes, bool mail)
{
	char name[48];
	if (bytes.len < SHORTEST || !part_matters(part_type(bytes)))
		return;
	snprintf(name, sizeof name, "%s at %zu", how, at);
	walk_member(w, name, bytes, !mail);
}

/* A run of letters of base64 from `at`, decoded into b (and, while it is, as hexadecimal into hex). Returns its end. */
static size_t read_run(struct str s, size_t at, struct buf *b, struct buf *hex)
{
	uint32_t bits = 0, nibbles = 0;
	unsigned n = 0, half = 0, piece = 0;
	bool is_hex = true;
	while (at < s.len && !b->failed) {
		int v = value64((unsigned char)s.ptr[at]), h = value16((unsigned char)s.ptr[at]);
		if (v < 0) {
			size_t next = skip_joint(s, at);
			if (next == at || (piece < LINE && !is_quote(s.ptr[at])))
				break;
			at = next;
			piece = 0;
			continue;
		}
		at++;
		piece++;
		bits = bits << 6 | (uint32_t)v;
		if (++n % 4 == 0) {
			const unsigned char three[3] = { (unsigned char)(bits >> 16), (unsigned char)(bits >> 8), (unsigned char)bits };
			buf_put(b, three, 3);
		}
		is_hex = is_hex && h >= 0;
		nibbles = nibbles << 4 | (uint32_t)(h >= 0 ? h : 0);
		if (is_hex && ++half % 2 == 0)
			buf_putc(hex, (char)(nibbles & 0xff));
	}
	if (n % 4 == 3) {
		const unsigned char two[2] = { (unsigned char)(bits >> 10), (unsigned char)(bits >> 2) };
		buf_put(b, two, 2);
	} else if (n % 4 == 2) {
		buf_putc(b, (char)(bits >> 4));
	}
	if (!is_hex)
		buf_reset(hex);
	return at;
}

/* "77, 90, 0x90 …" from a digit on. Returns its end. */
static size_t read_numbers(struct str s, size_t at, struct buf *b)
{
	while (at < s.len && !b->failed) {
		unsigned v = 0, digits = 0;
		bool hex = at + 1 < s.len && s.ptr[at] == '0' && (s.ptr[at + 1] | 0x20) == 'x';
		at += hex ? 2 : 0;
		for (; at < s.len && digits < 4; at++, digits++) {
			int d = value16((unsigned char)s.ptr[at]);
			if (d < 0 || (!hex && d > 9))
				break;
			v = v * (hex ? 16 : 10) + (unsigned)d;
		}
		if (digits == 0 || v > 255)
			return at;
		buf_putc(b, (char)v);
		at = skip_blank(s, at);
		if (at >= s.len || s.ptr[at] != ',')
			return at;
		at = skip_blank(s, at + 1);
	}
	return at;
}

/* \x4d\x5a… or %4d%5a… from the mark on. Returns its end. */
static size_t read_escapes(struct str s, size_t at, struct buf *b)
{
	char mark = s.ptr[at];
	size_t lead = mark == '%' ? 1 : 2;
	while (at + lead + 2 <= s.len && s.ptr[at] == mark && (lead == 1 || s.ptr[at + 1] == 'x') && !b->failed) {
		int h = value16((unsigned char)s.ptr[at + lead]), l = value16((unsigned char)s.ptr[at + lead + 1]);
		if (h < 0 || l < 0)
			break;
		buf_putc(b, (char)(h << 4 | l));
		at += lead + 2;
	}
	return at;
}

/* One piece of text; returns where the next begins. */
static size_t read_piece(struct walk *w, struct str s, size_t at, bool mail, struct buf *b, struct buf *hex)
{
	size_t end = at + 1;
	unsigned char c = (unsigned char)s.ptr[at];
	buf_reset(b);
	buf_reset(hex);
	if (c >= '0' && c <= '9') {
		end = read_numbers(s, at, b);
		if (b->len >= SHORTEST) {
			found(w, "numbers", at, buf_view(b), mail);
			return end;
		}
		buf_reset(b);
	}
	if (c == '%' || (c == '\\' && at + 1 < s.len && s.ptr[at + 1] == 'x')) {
		end = read_escapes(s, at, b);
		found(w, "escapes", at, buf_view(b), mail);
		return end > at ? end : at + 1;
	}
	if (value64(c) < 0)
		return at + 1;
	end = read_run(s, at, b, hex);
	found(w, "base64", at, buf_view(b), mail);
	if (hex->len)
		found(w, "hex", at, buf_view(hex), false);
	return end > at ? end : at + 1;
}

void smuggled_read(struct walk *w, struct str s, bool mail)
{
	struct buf b, hex;
	buf_init(&b, LARGEST);
	buf_init(&hex, LARGEST);
	for (size_t at = 0; at < s.len && !walk_over(w);)
		at = read_piece(w, s, at, mail, &b, &hex);
	buf_done(&b);
	buf_done(&hex);
}
