/* See page.h. One pass over the bytes; no tree is made, since none is needed and a hostile page would decide its size. */
#include "look/page.h"

#include "base/map.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>

#define LETTERS 5 /* in a row */
#define ELEMENTS 3

struct reading {
	const char *own;
	struct look_page *page;
	struct {
		char *ptr;
		size_t len, max;
	} text;
	uint64_t row[ELEMENTS];
	unsigned n_row;
	const char *skip; /* inside "script": nothing is text until its end */
	bool title;
};

/* ---- MinHash ---- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30, x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27, x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t hash_of(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * 0x100000001b3u;
	return mix(h);
}

static void least(uint32_t mins[LOOK_HASHES], uint64_t h)
{
	uint32_t a = (uint32_t)h, b = (uint32_t)(h >> 32) | 1;
	for (uint32_t i = 0; i < LOOK_HASHES; i++) {
		uint32_t v = a + i * b;
		v ^= v >> 15, v *= 0x2c1b3c6du, v ^= v >> 13;
		mins[i] = v < mins[i] ? v : mins[i];
	}
}

/* ---- text ---- */

static void put(struct reading *r, char c)
{
	bool blank = (unsigned char)c <= ' ';
	if (r->text.len == r->text.max || (blank && (r->text.len == 0 || r->text.ptr[r->text.len - 1] == ' ')))
		return;
	r->text.ptr[r->text.len++] = blank ? ' ' : c;
}

static void put_title(struct reading *r, char c)
{
	size_t n = strlen(r->page->title);
	bool blank = (unsigned char)c <= ' ';
	if (n + 1 < sizeof r->page->title && !(blank && (n == 0 || r->page->title[n - 1] == ' ')))
		r->page->title[n] = blank ? ' ' : c;
}

static bool begins_letter(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

static void hash_words(struct reading *r)
{
	const char *p = r->text.ptr;
	size_t at[LETTERS + 1] = { 0 }, n = 0;
	for (size_t i = 0; i <= r->text.len; i++) {
		if (i < r->text.len && !begins_letter(p[i]))
			continue;
		memmove(at, at + 1, LETTERS * sizeof *at);
		at[LETTERS] = i;
		if (n++ >= LETTERS)
			least(r->page->words, hash_of(p + at[0], at[LETTERS] - at[0]));
	}
	if (n <= LETTERS)
		least(r->page->words, hash_of(p, r->text.len)); /* hardly a word */
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static void find_mocking(struct reading *r)
{
	static const char *const words[] = { "hacked by", "h4cked by", "defaced by", "owned by", "0wned by", "pwned by", "hacked_by", "was hacked", "got hacked" };
	for (size_t i = 0; i < r->text.len; i++)
		for (size_t k = 0; k < ARRAY_LEN(words); k++)
			if (lower(r->text.ptr[i]) == words[k][0] && str_case_starts((struct str){ r->text.ptr + i, r->text.len - i }, str_from(words[k])))
				r->page->mocks = true;
	for (size_t k = 0; k < ARRAY_LEN(words); k++)
		r->page->mocks = r->page->mocks || strcasestr(r->page->title, words[k]);
}

/* The first n bytes that end with a whole letter. */
static void copy_begin(char *dst, size_t size, const char *p, size_t n)
{
	if (n >= size)
		for (n = size - 1; n && !begins_letter(p[n]); n--)
			;
	memcpy(dst, p, n);
	dst[n] = 0;
}

/* ---- elements ---- */

struct tag {
	struct str name, rest;
	bool end;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '/';
}

/* name="value" out of the rest of an element, the value without its quotes, as browsers read it (HTML section 13.2.5.32 and on): where they see
 * an element's end otherwise than we do, a script can be hidden from us. False: s begins with the ">", or is at its end. */
static bool next_attribute(struct str *s, struct str *name, struct str *value)
{
	while (s->len && is_blank(*s->ptr))
		s->ptr++, s->len--;
	size_t n = 0;
	if (s->len == 0 || *s->ptr == '>')
		return false;
	do /* a stray "=" begins one */
		n++;
	while (n < s->len && !is_blank(s->ptr[n]) && s->ptr[n] != '=' && s->ptr[n] != '>');
	*name = (struct str){ s->ptr, n };
	*s = (struct str){ s->ptr + n, s->len - n };
	*value = STR("");
	while (s->len && is_blank(*s->ptr) && *s->ptr != '/')
		s->ptr++, s->len--;
	if (!s->len || *s->ptr != '=')
		return true;
	do
		s->ptr++, s->len--;
	while (s->len && is_blank(*s->ptr) && *s->ptr != '/');
	char quote = s->len && (*s->ptr == '"' || *s->ptr == '\'') ? *s->ptr : 0;
	if (quote)
		s->ptr++, s->len--;
	for (n = 0; n < s->len && (quote ? s->ptr[n] != quote : s->ptr[n] != '>' && (!is_blank(s->ptr[n]) || s->ptr[n] == '/')); n++)
		;
	*value = (struct str){ s->ptr, n };
	n += quote && n < s->len;
	*s = (struct str){ s->ptr + n, s->len - n };
	return true;
}

/* "&#x2f;" and "&sol;" behind the "&": what can hide where a URL leads. '&': none of those. */
static char character(struct str *url)
{
	static const struct {
		const char *name;
		char c;
	} names[] = { { "sol;", '/' }, { "bsol;", '\\' }, { "colon;", ':' }, { "commat;", '@' }, { "period;", '.' }, { "Tab;", '\t' }, { "NewLine;", '\n' } };
	struct str at = { url->ptr + 1, url->len - 1 };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_starts(*url, str_from(names[i].name))) {
			*url = (struct str){ url->ptr + strlen(names[i].name), url->len - strlen(names[i].name) };
			return names[i].c;
		}
	if (!url->len || *url->ptr != '#')
		return '&';
	unsigned n = 0, base = at.len && lower(*at.ptr) == 'x' ? 16 : 10;
	at = (struct str){ at.ptr + (base == 16), at.len - (base == 16) };
	for (; at.len && isxdigit((unsigned char)*at.ptr) && (base == 16 || *at.ptr <= '9'); at.ptr++, at.len--)
		n = n > 0xffff ? n : n * base + (unsigned)(*at.ptr <= '9' ? *at.ptr - '0' : lower(*at.ptr) - 'a' + 10);
	*url = at.len && *at.ptr == ';' ? (struct str){ at.ptr + 1, at.len - 1 } : at;
	return n && n < 0x80 ? (char)n : '?';
}

/* A URL's next byte as browsers read it (WHATWG URL, sections 4.1 and 4.4): tabs and line ends are none, "\\" is "/". 0: none is left. */
static char url_next(struct str *url)
{
	while (url->len) {
		char c = *url->ptr;
		*url = (struct str){ url->ptr + 1, url->len - 1 };
		if (c == '&')
			c = character(url);
		if (c != '\t' && c != '\n' && c != '\r')
			return c == '\\' ? '/' : c ? c : '?';
	}
	return 0;
}

static bool url_takes(struct str *url, const char *what)
{
	struct str at = *url;
	for (; *what; what++)
		if (lower(url_next(&at)) != *what)
			return false;
	*url = at;
	return true;
}

/* The host of an absolute URL, in small letters, of a long one its end, which says whose it is; false for others. */
static bool host_of(struct str url, char dst[LOOK_HOST])
{
	size_t n = 0;
	char c;
	while (url.len && (unsigned char)*url.ptr <= ' ')
		url = (struct str){ url.ptr + 1, url.len - 1 };
	/* Behind a scheme slashes may be left out where it isn't the page's own. */
	if (!url_takes(&url, "https:") && !url_takes(&url, "http:") && !url_takes(&url, "//"))
		return false;
	while (url_takes(&url, "/")) /* however many */
		;
	while ((c = url_next(&url)) && !strchr("/?#", c)) {
		if (c == '@') { /* what stood before it was a name and a password */
			n = 0;
			continue;
		}
		if (n == LOOK_HOST - 1)
			memmove(dst, dst + 1, --n);
		dst[n++] = (unsigned char)c <= ' ' ? '?' : lower(c);
	}
	dst[n] = 0;
	char *port = dst[0] == '[' ? NULL : strchr(dst, ':');
	if (port)
		*port = 0;
	return *dst;
}

bool look_is_own(const char *names, const char *host)
{
	struct str rest = str_from(names), one;
	while (str_next(&rest, ' ', &one))
		if (str_case_eq(one, str_from(host)))
			return true;
	return false;
}

static void note_host(struct reading *r, struct str url)
{
	char host[LOOK_HOST];
	struct look_page *p = r->page;
	if (!host_of(url, host) || look_is_own(r->own, host))
		return;
	for (uint32_t i = 0; i < p->n_hosts; i++)
		if (strcmp(p->hosts[i], host) == 0)
			return;
	if (p->n_hosts < LOOK_HOSTS)
		memcpy(p->hosts[p->n_hosts++], host, LOOK_HOST);
}

/* <meta http-equiv="refresh" content="0; url=https://…"> */
static void note_away(struct reading *r, struct str content)
{
	for (size_t i = 0; i + 4 < content.len; i++) {
		struct str at = { content.ptr + i, content.len - i };
		char host[LOOK_HOST];
		if (!str_case_starts(at, STR("url=")))
			continue;
		at = (struct str){ at.ptr + 4, at.len - 4 };
		if (at.len && (*at.ptr == '\'' || *at.ptr == '"'))
			at.ptr++, at.len--;
		if (host_of(at, host) && !look_is_own(r->own, host))
			snprintf(r->page->away, sizeof r->page->away, "%s", host);
		return;
	}
}

static bool brings(struct str tag, struct str attribute)
{
	static const struct {
		const char *tag, *attribute;
	} list[] = { { "script", "src" }, { "script", "href" }, { "script", "xlink:href" }, { "iframe", "src" }, { "frame", "src" }, { "embed", "src" }, { "object", "data" }, { "form", "action" }, { "base", "href" },
		     { "link", "href" } };
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (str_case_eq(tag, str_from(list[i].tag)) && str_case_eq(attribute, str_from(list[i].attribute)))
			return true;
	return false;
}

static void on_tag(struct reading *r, const struct tag *t)
{
	struct str rest = t->rest, name, value, refresh = STR("");
	bool refreshes = false, rel = !str_case_eq(t->name, STR("link"));
	struct str href = STR("");
	uint64_t h = hash_of(t->name.ptr, t->name.len);
	while (next_attribute(&rest, &name, &value)) {
		if (str_case_eq(name, STR("class")))
			h = mix(h ^ hash_of(value.ptr, value.len));
		else if (str_case_eq(name, STR("http-equiv")))
			refreshes = str_case_eq(value, STR("refresh"));
		else if (str_case_eq(name, STR("content")))
			refresh = value;
		else if (str_case_eq(name, STR("rel")))
			rel = rel || str_case_starts(value, STR("stylesheet")); /* others bring nothing: canonical, alternate, … */
		else if (brings(t->name, name))
			href = value;
	}
	if (href.len && rel)
		note_host(r, href);
	if (refreshes && str_case_eq(t->name, STR("meta")))
		note_away(r, refresh);
	memmove(r->row, r->row + 1, (ELEMENTS - 1) * sizeof *r->row);
	r->row[ELEMENTS - 1] = h;
	if (++r->n_row >= ELEMENTS)
		least(r->page->shape, hash_of(r->row, sizeof r->row));
}

static const char *skipped(struct str name)
{
	static const char *const list[] = { "script", "style", "noscript", "template" };
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (str_case_eq(name, str_from(list[i])))
			return list[i];
	return NULL;
}

static bool is_letter(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

/* An element at s; how many bytes it takes. 0: only a "<". A quoted ">" ends none. */
static size_t take_tag(struct str s, struct tag *ret)
{
	struct str rest, name, value;
	size_t i = 1, from;
	*ret = (struct tag){ .end = s.len > 1 && s.ptr[1] == '/' };
	from = i += ret->end;
	if (i >= s.len || !is_letter(s.ptr[i]))
		return 0;
	while (i < s.len && !is_blank(s.ptr[i]) && s.ptr[i] != '>')
		i++;
	ret->name = (struct str){ s.ptr + from, i - from };
	rest = ret->rest = (struct str){ s.ptr + i, s.len - i };
	while (next_attribute(&rest, &name, &value))
		;
	ret->rest.len -= rest.len;
	return s.len - rest.len + (rest.len > 0);
}

/* "</script" within a script: nothing else is an element there. */
static bool ends_skip(const struct reading *r, struct str s)
{
	size_t n = strlen(r->skip);
	return s.len > n + 2 && s.ptr[1] == '/' && str_case_starts((struct str){ s.ptr + 2, s.len - 2 }, str_from(r->skip)) &&
	       (is_blank(s.ptr[n + 2]) || s.ptr[n + 2] == '>');
}

/* "<!-- … -->", which "<!-->" and "--!>" end as well, "<!DOCTYPE …>", "<?…>". */
static size_t take_other(struct str s)
{
	const char *end = memchr(s.ptr, '>', s.len);
	if (!str_starts(s, STR("<!--")))
		return end ? (size_t)(end - s.ptr) + 1 : s.len;
	for (; end; end = memchr(end + 1, '>', s.len - (size_t)(end + 1 - s.ptr))) {
		size_t n = (size_t)(end - s.ptr);
		if (n == 4 || (n >= 5 && memcmp(end - 2, "--", 2) == 0) || (n >= 7 && memcmp(end - 3, "--!", 3) == 0))
			return n + 1;
	}
	return s.len;
}

static size_t one_step(struct reading *r, struct str s)
{
	struct tag t;
	size_t n;
	if (*s.ptr != '<') {
		char c = *s.ptr >= '0' && *s.ptr <= '9' ? '0' : *s.ptr;
		if (r->title)
			put_title(r, *s.ptr);
		else if (!r->skip)
			put(r, c);
		return 1;
	}
	if (!r->skip && s.len > 1 && (s.ptr[1] == '!' || s.ptr[1] == '?'))
		return take_other(s);
	n = r->skip && !ends_skip(r, s) ? 0 : take_tag(s, &t);
	if (n == 0)
		return 1;
	put(r, ' ');
	r->skip = t.end ? NULL : skipped(t.name);
	if (str_case_eq(t.name, STR("title")))
		r->title = !t.end && !*r->page->title;
	if (!t.end)
		on_tag(r, &t);
	return n;
}

void look_page_read(struct str html, const char *own, struct look_page *ret)
{
	struct reading r = { .own = own, .page = ret };
	memset(ret, 0, sizeof *ret);
	memset(ret->words, 0xff, sizeof ret->words);
	memset(ret->shape, 0xff, sizeof ret->shape);
	if (html.len > LOOK_BYTES)
		html.len = LOOK_BYTES;
	hash_sha256(html.ptr, html.len, ret->sum);
	r.text.max = html.len;
	r.text.ptr = mem_array(html.len + 1, 1);
	for (struct str s = html; r.text.ptr && s.len;) {
		size_t n = one_step(&r, s);
		s = (struct str){ s.ptr + n, s.len - n };
	}
	if (r.text.ptr) {
		hash_words(&r);
		find_mocking(&r);
		copy_begin(ret->begin, sizeof ret->begin, r.text.ptr, r.text.len);
	}
	copy_begin(ret->title, sizeof ret->title, ret->title, strlen(ret->title));
	mem_free(r.text.ptr);
}

static unsigned equal(const uint32_t *a, const uint32_t *b)
{
	unsigned n = 0;
	for (unsigned i = 0; i < LOOK_HASHES; i++)
		n += a[i] == b[i];
	return n;
}

/* Words count twice: templates are shared by pages that say other things. */
unsigned look_page_like(const struct look_page *a, const struct look_page *b)
{
	return (2 * equal(a->words, b->words) + equal(a->shape, b->shape)) * 100 / (3 * LOOK_HASHES);
}

static void harmless(char *s, size_t size)
{
	s[size - 1] = 0;
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
}

void look_page_harmless(struct look_page *p)
{
	p->n_hosts = p->n_hosts > LOOK_HOSTS ? LOOK_HOSTS : p->n_hosts;
	for (uint32_t i = 0; i < LOOK_HOSTS; i++)
		harmless(p->hosts[i], sizeof p->hosts[i]);
	harmless(p->title, sizeof p->title);
	harmless(p->begin, sizeof p->begin);
	harmless(p->away, sizeof p->away);
}
