/* See query.h. Recursive descent; the tree lives in the struct. */
#include "index/query.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <stdio.h>

struct parser {
	struct query *q;
	const char *p, *end;
	unsigned depth;
	struct err *err;
	int failed;
};

static int fault(struct parser *s, const char *at, enum err_code code, const char *why)
{
	char path[32];
	if (s->failed)
		return s->failed;
	size_t n = 1; /* characters, not bytes: it is a person who counts */
	for (const char *c = s->q->text; c < at; c++)
		n += ((unsigned char)*c & 0xc0) != 0x80;
	snprintf(path, sizeof path, "query:%zu", n);
	return s->failed = err_set(s->err, code, path, "%s", why);
}

static struct query_node *node(struct parser *s, enum query_kind kind)
{
	struct query_node *n = &s->q->nodes[s->q->n];
	if (s->q->n < QUERY_NODES)
		s->q->n++;
	else
		fault(s, s->p, E_LIMIT, "the query has too many parts");
	*n = (struct query_node){ .kind = kind };
	return n;
}

static const struct query_node *join(struct parser *s, enum query_kind kind, const struct query_node *a, const struct query_node *b)
{
	struct query_node *n = node(s, kind);
	n->a = a;
	n->b = b;
	return n;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Also the wide space of Japanese keyboards. */
static void skip(struct parser *s)
{
	for (;;) {
		if (s->p < s->end && blank(*s->p))
			s->p++;
		else if (s->end - s->p >= 3 && memcmp(s->p, "\xe3\x80\x80", 3) == 0)
			s->p += 3;
		else
			return;
	}
}

static bool at_break(const struct parser *s, const char *p)
{
	return p == s->end || blank(*p) || *p == '(' || *p == ')' || *p == '"' ||
	       (s->end - p >= 3 && memcmp(p, "\xe3\x80\x80", 3) == 0);
}

static bool keyword(struct parser *s, const char *word)
{
	size_t n = strlen(word);
	struct str here = { s->p, (size_t)(s->end - s->p) };
	if (!str_case_starts(here, (struct str){ word, n }) || !at_break(s, s->p + n))
		return false;
	s->p += n;
	return true;
}

/* A quoted text, or what stands up to the next blank or bracket (in a list: or comma). */
static struct str value(struct parser *s, bool list, bool *ret_quoted)
{
	const char *from = s->p;
	*ret_quoted = s->p < s->end && *s->p == '"';
	if (*ret_quoted) {
		const char *to = memchr(from + 1, '"', (size_t)(s->end - from - 1));
		if (!to) {
			fault(s, from, E_INVALID, "the quotation mark is never closed");
			s->p = s->end;
			return STR("");
		}
		s->p = to + 1;
		return (struct str){ from + 1, (size_t)(to - from - 1) };
	}
	while (!at_break(s, s->p) && !(list && *s->p == ','))
		s->p++;
	return (struct str){ from, (size_t)(s->p - from) };
}

/* ---- terms ---- */

static bool ip_range(struct str v, unsigned char low[16], unsigned char high[16])
{
	char text[64];
	struct str rest = v, address;
	uint64_t bits = 128, given;
	str_next(&rest, '/', &address);
	bool prefix = address.len < v.len;
	if (!str_copy(address, text, sizeof text))
		return false;
	memset(low, 0, 16);
	if (inet_pton(AF_INET, text, low + 12) == 1) {
		low[10] = low[11] = 0xff;
		if (prefix && !str_to_u64(rest, 32, &given))
			return false;
		bits = prefix ? given + 96 : 128;
	} else if (inet_pton(AF_INET6, text, low) == 1) {
		if (prefix && !str_to_u64(rest, 128, &given))
			return false;
		bits = prefix ? given : 128;
	} else {
		return false;
	}
	memcpy(high, low, 16);
	for (size_t i = bits; i < 128; i++) {
		low[i / 8] &= (unsigned char)~(0x80 >> i % 8);
		high[i / 8] |= (unsigned char)(0x80 >> i % 8);
	}
	return true;
}

/* "http", "http_activity": of c4002_http_activity all behind the number, or a word of it that says something. */
static bool names_class(const struct index_table *t, struct str v)
{
	struct str name = str_from(strchr(t->name, '_') + 1), rest = name, word;
	if (str_case_eq(v, name))
		return true;
	while (str_next(&rest, '_', &word))
		if (str_case_eq(v, word) && !str_case_eq(v, STR("activity")))
			return true;
	return false;
}

static bool class_number(struct str v, uint64_t *ret)
{
	if (str_to_u64(v, 999999, ret))
		return true;
	for (size_t i = 0; i < index_table_count(); i++)
		if (names_class(&index_tables[i], v)) {
			*ret = index_tables[i].class_uid;
			return true;
		}
	return false;
}

static const struct query_node *compare(struct parser *s, const struct column *c, enum query_op op)
{
	const char *at = s->p;
	bool quoted;
	struct str v = value(s, true, &quoted);
	struct query_node *n = node(s, c && c->kind != COLUMN_IP ? QUERY_TEXT : QUERY_IP);
	n->column = c;
	n->op = op;
	n->text = v;
	bool number = c && c->kind == COLUMN_NUMBER, range = !number && op != OP_EQ;
	if (v.len == 0 && !quoted)
		fault(s, at, E_INVALID, "a value is missing");
	else if (range)
		fault(s, at, E_INVALID, "only numbers can be compared with < and >");
	else if (c && c->kind == COLUMN_TIME)
		fault(s, at, E_INVALID, "times are given by --from and --to");
	else if (n->kind == QUERY_IP && !ip_range(v, n->low, n->high))
		fault(s, at, E_INVALID, "not an address or a prefix");
	else if (number && strcmp(c->name, "class") == 0 && !class_number(v, &n->number))
		fault(s, at, E_INVALID, "no such class of records");
	else if (number && strcmp(c->name, "class") != 0 && !str_to_u64(v, UINT64_MAX / 2, &n->number))
		fault(s, at, E_INVALID, "not a number");
	if (number)
		n->kind = QUERY_NUMBER;
	n->pattern = !quoted && memchr(v.ptr, '*', v.len);
	return n;
}

static const struct query_node *comparisons(struct parser *s, const struct column *c, enum query_op op)
{
	const struct query_node *n = compare(s, c, op);
	while (!s->failed && s->p < s->end && *s->p == ',') {
		s->p++;
		n = join(s, QUERY_OR, n, compare(s, c, op));
	}
	return n;
}

static bool operator_at(struct parser *s, enum query_op *ret)
{
	static const struct { const char *text; enum query_op op; } ops[] = {
		{ ":", OP_EQ }, { "=", OP_EQ }, { "<=", OP_LE }, { ">=", OP_GE }, { "<", OP_LT }, { ">", OP_GT },
	};
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		size_t n = strlen(ops[i].text);
		if ((size_t)(s->end - s->p) >= n && memcmp(s->p, ops[i].text, n) == 0) {
			s->p += n;
			*ret = ops[i].op;
			return true;
		}
	}
	return false;
}

/* "name:" or "name>" at the front; else nothing is taken. A name nobody knows is a fault only where it looks like one
 * of a column: "10:30" and "http://x" are words. */
static bool column_at(struct parser *s, const struct column **ret, enum query_op *op)
{
	const char *from = s->p;
	while (s->p < s->end && *s->p >= 'a' && *s->p <= 'z')
		s->p++;
	if (s->p - from == 2 && memcmp(from, "ja", 2) == 0 && s->p < s->end && *s->p == '4')
		s->p++;
	struct str name = { from, (size_t)(s->p - from) };
	struct str rest = { s->p, (size_t)(s->end - s->p) };
	bool url = str_starts(rest, STR("://"));
	if (name.len == 0 || url || !operator_at(s, op)) {
		s->p = from;
		return false;
	}
	*ret = str_eq(name, str_from(column_ja4.name)) ? &column_ja4 : column_find(name);
	if (!*ret && !str_eq(name, STR("ip")))
		fault(s, from, E_INVALID, "no such column; in quotation marks it is a word");
	return true;
}

static const struct query_node *term(struct parser *s)
{
	const struct column *c;
	enum query_op op;
	bool quoted;
	if (s->p < s->end && *s->p != '"' && column_at(s, &c, &op))
		return comparisons(s, c, op);
	const char *at = s->p;
	struct query_node *n = node(s, QUERY_WORDS);
	n->text = value(s, false, &quoted);
	if (!quoted && n->text.len > 1 && n->text.ptr[n->text.len - 1] == '*') {
		n->pattern = true;
		n->text.len--;
	}
	if (n->text.len == 0)
		fault(s, at, E_INVALID, quoted ? "nothing stands between the quotation marks" : "a word is missing");
	return n;
}

/* ---- and, or, not ---- */

static const struct query_node *either(struct parser *s);

static const struct query_node *one(struct parser *s)
{
	const struct query_node *n;
	skip(s);
	if (++s->depth > QUERY_DEPTH) {
		fault(s, s->p, E_LIMIT, "too many brackets inside one another");
		return node(s, QUERY_ALL);
	}
	if (keyword(s, "not")) {
		n = join(s, QUERY_NOT, one(s), NULL);
	} else if (s->p < s->end && *s->p == '-' && s->end - s->p > 1 && !blank(s->p[1])) {
		s->p++;
		n = join(s, QUERY_NOT, one(s), NULL);
	} else if (s->p < s->end && *s->p == '(') {
		const char *open = s->p++;
		n = either(s);
		skip(s);
		if (s->p == s->end || *s->p != ')')
			fault(s, open, E_INVALID, "the bracket is never closed");
		else
			s->p++;
	} else {
		n = term(s);
	}
	s->depth--;
	return n;
}

static bool ahead(struct parser *s, const char *word)
{
	const char *p = s->p;
	bool there = keyword(s, word);
	s->p = p;
	return there;
}

static const struct query_node *both(struct parser *s)
{
	const struct query_node *n = one(s);
	for (;;) {
		skip(s);
		if (s->failed || s->p == s->end || *s->p == ')' || ahead(s, "or"))
			return n;
		keyword(s, "and");
		n = join(s, QUERY_AND, n, one(s));
	}
}

static const struct query_node *either(struct parser *s)
{
	const struct query_node *n = both(s);
	while (!s->failed && keyword(s, "or"))
		n = join(s, QUERY_OR, n, both(s));
	return n;
}

int query_parse(struct str text, struct query *ret, struct err *err)
{
	ret->n = 0;
	if (text.len > QUERY_MAX)
		return err_set(err, E_LIMIT, "query", "longer than %d bytes", QUERY_MAX);
	if (!str_copy(text, ret->text, sizeof ret->text) || !str_is_utf8(text))
		return err_set(err, E_INVALID, "query", "not UTF-8 text");
	struct parser s = { .q = ret, .p = ret->text, .end = ret->text + text.len, .err = err };
	skip(&s);
	if (s.p == s.end) {
		ret->root = node(&s, QUERY_ALL);
		return 0;
	}
	ret->root = either(&s);
	if (!s.failed && s.p < s.end)
		fault(&s, s.p, E_INVALID, "a bracket is closed that was never opened");
	return s.failed;
}
