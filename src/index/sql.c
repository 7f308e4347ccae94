/* A query's tree as SQL; see query.h. Two rules: a text goes out through sql_text() only, and whatever narrows a search by
 * the index of words (hasAllTokens) is true of every record that the exact condition beside it is true of;
 * but for a word alone, of which it is exact (hasToken). */
#include "index/query.h"

#include "base/err.h"
#include "base/mem.h"
#include "index/words.h"
#include "segment/segment.h"

#include <arpa/inet.h>
#include <stdio.h>

void sql_text(struct buf *b, struct str s)
{
	buf_putc(b, '\'');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '\'' || c == '\\' || c < 0x20 || c == 0x7f)
			buf_printf(b, "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
	buf_putc(b, '\'');
}

static bool prefecture_ok(const char *org)
{
	return strlen(org) == 2 && strspn(org, "0123456789") == 2;
}

int sql_scope_check(const char *org, struct err *err)
{
	return !*org || segment_org_ok(org) || prefecture_ok(org) ? 0 :
	                                                            err_set(err, E_INVALID, "org", "not a body's code of six digits, or a prefecture's of two");
}

void sql_scope(struct buf *b, const char *org)
{
	if (!*org)
		return;
	buf_puts(b, prefecture_ok(org) ? " AND startsWith(org, " : " AND org = (");
	sql_text(b, str_from(org));
	buf_putc(b, ')');
}

static bool in_token(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* In small letters; for LIKE with its own signs quoted and % for *. */
static void like(struct buf *b, struct str s, bool pattern)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (pattern && (c == '%' || c == '_' || c == '\\'))
			buf_putc(b, '\\');
		buf_putc(b, pattern && c == '*' ? '%' : c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
	}
}

/* Writes hasAllTokens(words, [...]) AND of the whole tokens of a folded text; nothing when there are none. With an open end the
 * last token may be the beginning of a longer one; one that isn't ASCII may be a part of one, for Japanese has no blanks. */
static void narrow(struct buf *b, struct str s, bool open_end)
{
	bool any = false;
	for (size_t i = 0; i < s.len;) {
		size_t from = i;
		while (i < s.len && in_token(s.ptr[i]))
			i++;
		if (i == from) {
			i++;
			continue;
		}
		if ((unsigned char)s.ptr[from] >= 0x80 || (open_end && i == s.len))
			continue;
		buf_puts(b, any ? "," : "hasAllTokens(words, [");
		any = true;
		sql_text(b, (struct str){ s.ptr + from, i - from });
	}
	if (any)
		buf_puts(b, "]) AND ");
}

static bool word_sign(char c)
{
	return in_token(c) && (unsigned char)c < 0x80;
}

/* One word in letters of ASCII and nothing else: the index of words alone tells, without `words` being read. */
static bool lone(struct str s)
{
	size_t i = 0;
	while (i < s.len && word_sign(s.ptr[i]))
		i++;
	return i == s.len;
}

/* These words, with just this between them. A word in letters of ASCII is whole; Japanese is looked for anywhere. */
static void words_sql(const struct query_node *n, struct buf *b)
{
	char room[2 * QUERY_MAX + WORDS_ROOM], re_room[8 * QUERY_MAX + 64];
	struct buf folded = { .ptr = room, .cap = sizeof room, .max = sizeof room };
	struct buf re = { .ptr = re_room, .cap = sizeof re_room, .max = sizeof re_room };
	words_fold(&folded, n->text);
	struct str s = buf_view(&folded);
	if (!n->pattern && lone(s)) {
		buf_puts(b, "(hasToken(words, ");
		sql_text(b, s);
		buf_puts(b, "))");
		return;
	}
	buf_putc(b, '(');
	narrow(b, s, n->pattern);
	if (word_sign(s.ptr[0]))
		buf_puts(&re, "(?:^|[^0-9a-z])");
	buf_puts(&re, "\\Q");
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '\\')
			buf_puts(&re, "\\E\\\\\\Q");
		else
			buf_putc(&re, s.ptr[i]);
	buf_puts(&re, "\\E");
	if (!n->pattern && word_sign(s.ptr[s.len - 1]))
		buf_puts(&re, "(?:$|[^0-9a-z])");
	buf_puts(b, "match(words, ");
	sql_text(b, buf_view(&re));
	buf_puts(b, "))");
}

static bool simple(struct str s) /* stands in `words` as it stands here */
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20)
			return false;
	return true;
}

/* In the record itself, of those that hold its words; a pattern is looked for in all of the span. */
static void ja4_sql(const struct query_node *n, struct buf *b)
{
	static const char *const keys[] = { "ja4", "proxy_ja4" };
	char room[2 * QUERY_MAX + WORDS_ROOM], value_room[2 * QUERY_MAX + 1];
	struct buf folded = { .ptr = room, .cap = sizeof room, .max = sizeof room };
	struct buf v = { .ptr = value_room, .cap = sizeof value_room, .max = sizeof value_room };
	bool any = n->pattern && str_eq(n->text, STR("*"));
	words_fold(&folded, n->text);
	like(&v, n->text, n->pattern);
	buf_putc(b, '(');
	if (!n->pattern && simple(n->text))
		narrow(b, buf_view(&folded), false);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		buf_printf(b, "%slower(simpleJSONExtractString(raw, '%s')) %s ", i ? " OR " : "(", keys[i], any ? "!=" : n->pattern ? "LIKE" : "=");
		sql_text(b, any ? STR("") : buf_view(&v));
	}
	buf_puts(b, "))");
}

static void text_sql(const struct query_node *n, struct buf *b)
{
	char room[2 * QUERY_MAX + WORDS_ROOM], value_room[2 * QUERY_MAX + 1];
	struct buf folded = { .ptr = room, .cap = sizeof room, .max = sizeof room };
	struct buf v = { .ptr = value_room, .cap = sizeof value_room, .max = sizeof value_room };
	const char *name = n->column->name;
	words_fold(&folded, n->text);
	like(&v, n->text, n->pattern);
	if (n->pattern && str_eq(n->text, STR("*"))) { /* anything, but something */
		buf_printf(b, "(`%s` != '')", name);
		return;
	}
	buf_putc(b, '(');
	/* `org` is not in the words where the record lacks it: it comes from the series */
	if (!n->pattern && simple(n->text) && strcmp(name, "org") != 0)
		narrow(b, buf_view(&folded), false);
	buf_printf(b, "lower(`%s`) %s ", name, n->pattern ? "LIKE" : "=");
	sql_text(b, buf_view(&v));
	buf_putc(b, ')');
}

static void ip_one(struct buf *b, const char *column, const struct query_node *n)
{
	char low[INET6_ADDRSTRLEN], high[INET6_ADDRSTRLEN];
	inet_ntop(AF_INET6, n->low, low, sizeof low);
	inet_ntop(AF_INET6, n->high, high, sizeof high);
	buf_printf(b, "(`%s` >= toIPv6('%s') AND `%s` <= toIPv6('%s'))", column, low, column, high);
}

static void ip_sql(const struct query_node *n, struct buf *b)
{
	if (n->column) {
		ip_one(b, n->column->name, n);
		return;
	}
	buf_putc(b, '(');
	ip_one(b, "src", n);
	buf_puts(b, " OR ");
	ip_one(b, "via", n);
	buf_puts(b, " OR ");
	ip_one(b, "dst", n);
	buf_putc(b, ')');
}

static void joined(const struct query_node *n, const char *word, struct buf *b)
{
	buf_putc(b, '(');
	query_sql(n->a, b);
	buf_puts(b, word);
	query_sql(n->b, b);
	buf_putc(b, ')');
}

void query_sql(const struct query_node *n, struct buf *b)
{
	static const char *const ops[] = { "=", "<", "<=", ">", ">=" };
	switch (n->kind) {
	case QUERY_ALL: buf_puts(b, "1"); break;
	case QUERY_AND: joined(n, " AND ", b); break;
	case QUERY_OR: joined(n, " OR ", b); break;
	case QUERY_NOT:
		buf_puts(b, "(NOT ");
		query_sql(n->a, b);
		buf_putc(b, ')');
		break;
	case QUERY_WORDS: words_sql(n, b); break;
	case QUERY_TEXT: n->column == &column_ja4 ? ja4_sql(n, b) : text_sql(n, b); break;
	case QUERY_NUMBER: buf_printf(b, "(`%s` %s %llu)", n->column->name, ops[n->op], (unsigned long long)n->number); break;
	case QUERY_IP: ip_sql(n, b); break;
	}
}
