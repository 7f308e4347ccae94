/* Sigma strings; see pattern.h. The engine asks pattern_match() only where pattern_literal() was found. */
#include "detect/pattern.h"

#include "base/err.h"

struct builder {
	struct token tokens[PATTERN_TOKENS];
	unsigned n;
	char text[PATTERN_BYTES];
	size_t used, open; /* `open`: bytes of the text token being collected */
	bool full;
};

static void flush(struct builder *b)
{
	if (b->open == 0)
		return;
	if (b->n == PATTERN_TOKENS)
		b->full = true;
	else
		b->tokens[b->n++] = (struct token){ TOKEN_TEXT, { b->text + b->used - b->open, b->open } };
	b->open = 0;
}

static void add_char(struct builder *b, char c)
{
	if (b->used == sizeof b->text) {
		b->full = true;
		return;
	}
	b->text[b->used++] = c;
	b->open++;
}

static void add_wild(struct builder *b, enum token_kind kind)
{
	flush(b);
	if (kind == TOKEN_ANY && b->n && b->tokens[b->n - 1].kind == TOKEN_ANY)
		return;
	if (b->n == PATTERN_TOKENS)
		b->full = true;
	else
		b->tokens[b->n++] = (struct token){ kind, { "", 0 } };
}

/* Length of the dash-like character at s (windash's set), 0 when it is none. */
static size_t dash_len(struct str s)
{
	if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '/'))
		return 1;
	if (s.len >= 3 && (memcmp(s.ptr, "\xe2\x80\x93", 3) == 0 || memcmp(s.ptr, "\xe2\x80\x94", 3) == 0 ||
	                   memcmp(s.ptr, "\xe2\x80\x95", 3) == 0))
		return 3;
	return 0;
}

static struct str from(struct str s, size_t i)
{
	return (struct str){ s.ptr + i, s.len - i };
}

/* One character of the value; returns how many bytes it took. */
static size_t add_next(struct builder *b, struct str rest, const struct pattern_opts *o)
{
	char c = rest.ptr[0];
	size_t dash = o->windash ? dash_len(rest) : 0;
	if (dash) {
		add_wild(b, TOKEN_DASH);
		return dash;
	}
	if (!o->plain && c == '\\' && rest.len > 1 && strchr("\\*?", rest.ptr[1]) && rest.ptr[1]) {
		add_char(b, rest.ptr[1]);
		return 2;
	}
	if (!o->plain && (c == '*' || c == '?'))
		add_wild(b, c == '*' ? TOKEN_ANY : TOKEN_ONE);
	else
		add_char(b, c);
	return 1;
}

int pattern_parse(struct str value, const struct pattern_opts *o, struct arena *a, struct pattern *ret)
{
	struct builder b = { 0 };
	if (o->open_start)
		add_wild(&b, TOKEN_ANY);
	for (size_t i = 0; i < value.len && !b.full;)
		i += add_next(&b, from(value, i), o);
	if (o->open_end)
		add_wild(&b, TOKEN_ANY);
	flush(&b);
	if (b.full)
		return -E_LIMIT;
	if (!o->cased)
		pattern_fold(b.text, b.used);
	struct token *t = arena_array(a, b.n + 1u, sizeof *t);
	char *text = arena_strdup(a, (struct str){ b.text, b.used });
	if (!t || !text)
		return -E_NOMEM;
	for (unsigned i = 0; i < b.n; i++) {
		t[i] = b.tokens[i];
		if (t[i].kind == TOKEN_TEXT)
			t[i].text.ptr = text + (b.tokens[i].text.ptr - b.text);
	}
	*ret = (struct pattern){ t, b.n, o->cased };
	return 0;
}

void pattern_fold(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
}

struct str pattern_literal(const struct pattern *p)
{
	struct str best = { "", 0 };
	for (unsigned i = 0; i < p->n; i++)
		if (p->tokens[i].text.len > best.len)
			best = p->tokens[i].text;
	return best;
}

bool pattern_is_exact(const struct pattern *p)
{
	return p->n == 0 || (p->n == 1 && p->tokens[0].kind == TOKEN_TEXT);
}

bool pattern_is_contains(const struct pattern *p)
{
	return p->n == 3 && p->tokens[0].kind == TOKEN_ANY && p->tokens[1].kind == TOKEN_TEXT &&
	       p->tokens[2].kind == TOKEN_ANY;
}

/* Bytes of the UTF-8 character at s; a broken one counts as one byte. */
static size_t char_len(struct str s)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1, n = 1;
	while (n < want && n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
		n++;
	return n == want ? n : 1;
}

/* Tokens without ANY at exactly this place. Returns the bytes taken, or -1. */
static ptrdiff_t match_here(const struct token *t, unsigned n, struct str s)
{
	size_t at = 0;
	for (unsigned i = 0; i < n; i++) {
		struct str rest = from(s, at);
		size_t take = 0;
		if (t[i].kind == TOKEN_TEXT)
			take = rest.len >= t[i].text.len && memcmp(rest.ptr, t[i].text.ptr, t[i].text.len) == 0 ? t[i].text.len : 0;
		else if (rest.len)
			take = t[i].kind == TOKEN_DASH ? dash_len(rest) : char_len(rest);
		if (take == 0)
			return -1;
		at += take;
	}
	return (ptrdiff_t)at;
}

/* First place at or behind `at` where the tokens match; with to_end only where they reach the end. */
static ptrdiff_t search(const struct token *t, unsigned n, struct str s, size_t at, bool to_end, size_t *ret_len)
{
	for (; at <= s.len; at++) {
		if (t[0].kind == TOKEN_TEXT) {
			const char *hit = memmem(s.ptr + at, s.len - at, t[0].text.ptr, t[0].text.len);
			if (!hit)
				return -1;
			at = (size_t)(hit - s.ptr);
		} else if (at < s.len && ((unsigned char)s.ptr[at] & 0xc0) == 0x80) {
			continue; /* `?` never starts inside a character */
		}
		ptrdiff_t len = match_here(t, n, from(s, at));
		if (len >= 0 && (!to_end || at + (size_t)len == s.len)) {
			*ret_len = (size_t)len;
			return (ptrdiff_t)at;
		}
	}
	return -1;
}

static unsigned run(const struct pattern *p, unsigned i)
{
	unsigned n = 0;
	while (i + n < p->n && p->tokens[i + n].kind != TOKEN_ANY)
		n++;
	return n;
}

bool pattern_match(const struct pattern *p, struct str text)
{
	unsigned i = run(p, 0);
	ptrdiff_t head = match_here(p->tokens, i, text);
	if (head < 0 || i == p->n)
		return head >= 0 && (size_t)head == text.len;
	size_t at = (size_t)head;
	while (i < p->n) {
		i++; /* the ANY */
		unsigned n = run(p, i);
		if (n == 0)
			return true;
		size_t len = 0;
		bool last = i + n == p->n;
		if (last && n == 1 && p->tokens[i].kind == TOKEN_TEXT)
			return text.len - at >= p->tokens[i].text.len && str_ends(text, p->tokens[i].text);
		ptrdiff_t hit = search(p->tokens + i, n, text, at, last, &len);
		if (hit < 0)
			return false;
		at = (size_t)hit + len;
		i += n;
	}
	return true;
}
