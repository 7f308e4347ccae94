/* See parts.h. Objects are found by their words, not by the cross-reference table: what a reader would repair is found too. */
#include "scan/parts.h"

#include "base/mem.h"
#include "scan/flate.h"

#include <qpdf/qpdf-c.h>
#include <stdio.h>

#define STREAM_MAX (64u * MIB)
#define DICTIONARY 4096 /* bytes before "stream" that are looked through for its filter */
#define STREAMS 100000u

static bool has(struct str s, const char *what)
{
	return memmem(s.ptr, s.len, what, strlen(what)) != NULL;
}

static void look_at(struct walk *w, struct str dictionary, struct str content, unsigned number)
{
	char name[32];
	struct buf b;
	buf_init(&b, STREAM_MAX);
	if (has(dictionary, "/FlateDecode") || has(dictionary, "/Fl ") || has(dictionary, "/Fl/")) {
		flate_all(content, FLATE_ZLIB, &b); /* as far as it goes: what is broken behind may be meant so */
		content = buf_view(&b);
	}
	snprintf(name, sizeof name, "stream %u", number);
	if (part_matters(part_type(content)))
		walk_member(w, name, content, false);
	buf_done(&b);
}

/* ---- behind a password ---- */

/* Does the name /Encrypt stand anywhere, written plainly or with #XX (7.3.5)? */
static bool says_encrypt(struct str s)
{
	static const char name[] = "Encrypt";
	for (const char *p = s.ptr, *end = s.ptr + s.len; (p = memchr(p, '/', (size_t)(end - p)));) {
		size_t i = 0;
		for (p++; i < sizeof name - 1 && p < end; i++) {
			unsigned char c = (unsigned char)*p;
			size_t n = c == '#' && end - p >= 3 && hex_parse((struct str){ p + 1, 2 }, &c, 1) ? 3 : 1;
			if (c != (unsigned char)name[i])
				break;
			p += n;
		}
		if (i == sizeof name - 1)
			return true;
	}
	return false;
}

enum opened { OPENED, OPEN_PLAIN, OPEN_WRONG, OPEN_FAILED };

/* Written again without encryption and without object streams, by qpdf (revisions 2 to 6). */
static enum opened open_with(struct walk *w, struct str s, const char *password)
{
	qpdf_data q = qpdf_init();
	qpdf_silence_errors(q);
	qpdf_set_suppress_warnings(q, QPDF_TRUE);
	bool failed = qpdf_read_memory(q, "pdf", s.ptr, s.len, password) & QPDF_ERRORS;
	bool wrong = failed && qpdf_has_error(q) && qpdf_get_error_code(q, qpdf_get_error(q)) == qpdf_e_password;
	bool locked = !failed && qpdf_is_encrypted(q);
	if (locked) {
		qpdf_init_write_memory(q);
		qpdf_set_preserve_encryption(q, QPDF_FALSE);
		qpdf_set_object_stream_mode(q, qpdf_o_disable);
		qpdf_set_stream_data_mode(q, qpdf_s_preserve);
		failed = qpdf_write(q) & QPDF_ERRORS;
		if (!failed)
			walk_member(w, "opened.pdf", (struct str){ (const char *)qpdf_get_buffer(q), qpdf_get_buffer_length(q) }, true);
	}
	qpdf_cleanup(&q);
	return wrong ? OPEN_WRONG : failed ? OPEN_FAILED : locked ? OPENED : OPEN_PLAIN;
}

/* What opens with the empty password is open to everybody, and looked at so. What isn't locked as qpdf reads it, though a password was asked
 * for: another program may find the key that it speaks of. */
static void unlock(struct walk *w, struct str s)
{
	enum opened r = open_with(w, s, "");
	if (r == OPEN_WRONG && *walk_password(w))
		r = open_with(w, s, walk_password(w));
	if (r == OPEN_PLAIN && *walk_password(w))
		r = OPEN_WRONG;
	if (r == OPEN_WRONG || r == OPEN_FAILED)
		walk_note(w, r == OPEN_WRONG ? WALK_ENCRYPTED : WALK_BEYOND, r == OPEN_WRONG ? "encrypted" : "broken", NULL);
}

void pdf_prepare(void)
{
	qpdf_data q = qpdf_init();
	qpdf_silence_errors(q);
	qpdf_empty_pdf(q);
	qpdf_cleanup(&q);
}

void pdf_read(struct walk *w, struct str s)
{
	if (says_encrypt(s))
		unlock(w, s);
	const char *at = s.ptr, *end = s.ptr + s.len;
	for (unsigned i = 1; i < STREAMS && !walk_over(w); i++) {
		const char *p = memmem(at, (size_t)(end - at), "stream", 6);
		if (!p)
			return;
		size_t back = (size_t)(p - at) < DICTIONARY ? (size_t)(p - at) : DICTIONARY;
		const char *from = p + 6;
		if (from < end && *from == '\r')
			from++;
		if (from < end && *from == '\n')
			from++;
		const char *stop = memmem(from, (size_t)(end - from), "endstream", 9);
		stop = stop ? stop : end;
		look_at(w, (struct str){ p - back, back }, (struct str){ from, (size_t)(stop - from) }, i);
		if (end - stop < 9)
			return;
		at = stop + 9;
	}
}
