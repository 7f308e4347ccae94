/* See html.h. The table `holes` is the only way from a value into a page. */
#include "portal/html.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

static const char *const words[][2] = {
#define X(name, ja, en) { en, ja },
	WORDS(X)
#undef X
};

const char *html_word(enum word w, bool ja)
{
	if ((unsigned)w >= WORD_COUNT)
		bug("word %d", (int)w);
	return words[w][ja];
}

void html_init(struct html *h, bool ja)
{
	buf_init(&h->b, HTML_MAX);
	h->ja = ja;
}

void html_done(struct html *h)
{
	buf_done(&h->b);
}

/* Text and double-quoted attributes need the same five (HTML Standard, 13.1.2.3 and 13.1.2.4). */
static void escape(struct buf *b, const char *s)
{
	if (!str_is_utf8(str_from(s)))
		s = "\xef\xbf\xbd";
	for (; *s; s++)
		switch (*s) {
		case '&':
			buf_puts(b, "&amp;");
			break;
		case '<':
			buf_puts(b, "&lt;");
			break;
		case '>':
			buf_puts(b, "&gt;");
			break;
		case '"':
			buf_puts(b, "&quot;");
			break;
		case '\'':
			buf_puts(b, "&#39;");
			break;
		default:
			if ((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t')
				buf_puts(b, "\xef\xbf\xbd");
			else
				buf_putc(b, *s);
		}
}

static void put_number(struct buf *b, int64_t v)
{
	char digits[24];
	struct buf t;
	buf_init(&t, 24);
	buf_u64(&t, (uint64_t)(v < 0 ? -v : v));
	str_copy(buf_view(&t), digits, sizeof digits);
	buf_done(&t);
	size_t n = strlen(digits);
	if (v < 0)
		buf_putc(b, '-');
	for (size_t i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			buf_putc(b, ',');
		buf_putc(b, digits[i]);
	}
}

static void put_date(struct buf *b, int64_t ms)
{
	char t[CLOCK_TEXT];
	if (!ms) {
		buf_putc(b, '-');
		return;
	}
	clock_format_jst(ms, t);
	t[10] = ' ';
	buf_put(b, t, 19);
}

static void hole_text(struct html *h, va_list *ap)
{
	escape(&h->b, va_arg(*ap, const char *));
}

static void hole_url(struct html *h, va_list *ap)
{
	buf_percent(&h->b, str_from(va_arg(*ap, const char *)));
}

/* A path of ours: what stands between the slashes is escaped. */
static void hole_path(struct html *h, va_list *ap)
{
	for (const char *s = va_arg(*ap, const char *); *s; s++)
		if (*s == '/')
			buf_putc(&h->b, '/');
		else
			buf_percent(&h->b, (struct str){ s, 1 });
}

static void hole_word(struct html *h, va_list *ap)
{
	escape(&h->b, html_word((enum word)va_arg(*ap, int), h->ja));
}

static void hole_number(struct html *h, va_list *ap)
{
	put_number(&h->b, va_arg(*ap, int64_t));
}

static void hole_date(struct html *h, va_list *ap)
{
	put_date(&h->b, va_arg(*ap, int64_t));
}

static void (*const holes[128])(struct html *, va_list *) = {
	['t'] = hole_text, ['a'] = hole_text, ['u'] = hole_url, ['p'] = hole_path, ['w'] = hole_word, ['n'] = hole_number, ['d'] = hole_date,
};

void html_put(struct html *h, const char *tmpl, ...)
{
	va_list ap;
	va_start(ap, tmpl);
	for (const char *p = tmpl; *p; p++) {
		if (*p != '{') {
			buf_putc(&h->b, *p);
			continue;
		}
		if (p[1] <= 0 || p[2] != '}' || !holes[(unsigned char)p[1]])
			bug("template: %s", tmpl);
		holes[(unsigned char)p[1]](h, &ap);
		p += 2;
	}
	va_end(ap);
}
