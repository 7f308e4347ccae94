/* See mime.h. */
#include "respond/mime.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <time.h>

#define WORD_BYTES 45 /* of UTF-8 in one encoded word: 60 base64 digits + 12 = 72 ≤ 75 (RFC 2047, 2) */
#define LINE_BYTES 57 /* 76 base64 digits a line (RFC 2045, 6.8) */

static bool is_atom(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(".!#$%&'*+/=?^_`{|}~-", c));
}

bool mime_is_address(const char *s)
{
	size_t n = strlen(s), local = strcspn(s, "@");
	if (n > 254 || local == 0 || local > 64 || local + 1 >= n)
		return false;
	for (size_t i = 0; i < local; i++)
		if (!is_atom(s[i]))
			return false;
	for (const char *p = s + local + 1; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '.' || *p == '-'))
			return false;
	return true;
}

static void put_base64(struct buf *b, const void *p, size_t n)
{
	unsigned char out[4 * ((LINE_BYTES + 2) / 3) + 4];
	int len = EVP_EncodeBlock(out, p, (int)n);
	buf_put(b, out, (size_t)len);
}

/* How many bytes of s (≤ max) end at a character's end. */
static size_t whole_chars(struct str s, size_t max)
{
	if (s.len <= max)
		return s.len;
	while (max && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
		max--;
	return max ? max : 1;
}

/* Words in a header: encoded words, folded; control characters become spaces. */
static void put_words(struct buf *b, const char *words)
{
	char clean[1024];
	size_t n = 0;
	for (const char *p = words; *p && n < sizeof clean; p++)
		clean[n++] = (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p;
	n = whole_chars(str_from(words), n);
	for (struct str rest = { clean, n }; rest.len;) {
		size_t k = whole_chars(rest, WORD_BYTES);
		buf_puts(b, rest.ptr == clean ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
		put_base64(b, rest.ptr, k);
		buf_puts(b, "?=");
		rest.ptr += k;
		rest.len -= k;
	}
}

static void put_date(struct buf *b, int64_t ms)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t t = (time_t)(ms / 1000) + 9 * 3600;
	struct tm tm;
	gmtime_r(&t, &tm);
	buf_printf(b, "Date: %s, %d %s %d %02d:%02d:%02d +0900\r\n", days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	           tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void put_mailbox(struct buf *b, const char *header, const char *name, const char *address)
{
	buf_printf(b, "%s: ", header);
	if (name[0]) {
		put_words(b, name);
		buf_puts(b, "\r\n ");
	}
	buf_printf(b, "<%s>\r\n", address);
}

/* Text lines end in CR LF before they are encoded (RFC 2045, 6.8). */
static void put_body(struct buf *b, const char *body)
{
	struct buf text;
	buf_init(&text, 256 * KIB);
	for (const char *p = body; *p; p++) {
		if (*p == '\n' && (p == body || p[-1] != '\r'))
			buf_putc(&text, '\r');
		buf_putc(&text, *p);
	}
	for (size_t i = 0; i < text.len; i += LINE_BYTES) {
		put_base64(b, text.ptr + i, text.len - i < LINE_BYTES ? text.len - i : LINE_BYTES);
		buf_puts(b, "\r\n");
	}
	if (text.failed && !b->failed)
		b->failed = text.failed;
	buf_done(&text);
}

static bool is_reference(const char *s)
{
	return *s && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(s);
}

int mime_format(const struct mime_mail *m, struct buf *b, struct err *err)
{
	if (!mime_is_address(m->from) || !mime_is_address(m->to))
		return err_set(err, E_INVALID, mime_is_address(m->from) ? "to" : "from", "not a mail address");
	if (!is_reference(m->reference))
		return err_set(err, E_INVALID, "reference", "not a reference");
	put_date(b, m->date_ms);
	put_mailbox(b, "From", m->from_name, m->from);
	put_mailbox(b, "To", m->to_name, m->to);
	buf_puts(b, "Subject: ");
	put_words(b, m->subject);
	buf_printf(b, "\r\nMessage-ID: <%s%s>\r\n", m->reference, strchr(m->from, '@'));
	buf_printf(b, "X-Toride-Reference: %s\r\nAuto-Submitted: auto-generated\r\n", m->reference);
	buf_puts(b, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	put_body(b, m->body);
	return b->failed ? err_set(err, (enum err_code)-b->failed, "mail", "too large") : 0;
}
