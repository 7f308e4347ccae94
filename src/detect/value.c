/* "field|modifier|…: value(s)" -> predicates (Sigma modifiers appendix 2.1); second stage of reading a rule. */
#include "detect/rule.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

enum encoding { ENC_BASE64, ENC_BASE64OFFSET, ENC_UTF16LE, ENC_UTF16BE, ENC_UTF16 };
#define ENC_MAX 4
#define VALUE_BYTES 4096 /* of one value, encoded */

struct modifiers {
	bool contains, startswith, endswith, all, cased, exists, expand, fieldref, neq, windash, cidr, re, re_i, re_m, re_s, cmp;
	enum compare compare;
	enum date_part part;
	enum encoding enc[ENC_MAX];
	unsigned n_enc;
};

struct items { /* the values of one field, being collected */
	struct rule_parser *p;
	const char *field;
	const struct modifiers *m;
	unsigned line;
	struct expr **list;
	unsigned n, cap;
	int failed;
	struct str head, tail; /* around a placeholder */
	size_t done;           /* bytes of head that came from values: plain percent signs there need no backslash */
	unsigned expanded;     /* placeholders of this value that have their value already */
};

static bool set_flag(struct modifiers *m, struct str name)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "contains", &m->contains }, { "startswith", &m->startswith }, { "endswith", &m->endswith }, { "all", &m->all },
		{ "cased", &m->cased }, { "exists", &m->exists }, { "expand", &m->expand }, { "fieldref", &m->fieldref },
		{ "neq", &m->neq }, { "windash", &m->windash }, { "cidr", &m->cidr }, { "re", &m->re },
	};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (str_eq(name, str_from(flags[i].name))) {
			*flags[i].flag = true;
			return true;
		}
	return false;
}

static bool set_compare(struct modifiers *m, struct str name)
{
	static const char *const names[] = { "lt", "lte", "gt", "gte" };
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, str_from(names[i]))) {
			m->cmp = true;
			m->compare = (enum compare)i;
			return true;
		}
	return false;
}

/* `hour` alone means equal; a comparison may stand beside it. */
static bool set_part(struct modifiers *m, struct str name)
{
	enum date_part part = date_part_named(name);
	if (part == DATE_NONE || m->part != DATE_NONE)
		return false;
	m->part = part;
	if (!m->cmp)
		m->compare = COMPARE_EQ;
	return true;
}

static bool set_encoding(struct modifiers *m, struct str name)
{
	static const struct {
		const char *name;
		enum encoding enc;
	} names[] = { { "base64", ENC_BASE64 }, { "base64offset", ENC_BASE64OFFSET }, { "utf16le", ENC_UTF16LE },
		      { "wide", ENC_UTF16LE }, { "utf16be", ENC_UTF16BE }, { "utf16", ENC_UTF16 } };
	for (size_t i = 0; i < ARRAY_LEN(names) && m->n_enc < ENC_MAX; i++)
		if (str_eq(name, str_from(names[i].name))) {
			m->enc[m->n_enc++] = names[i].enc;
			return true;
		}
	return false;
}

static bool set_re_flag(struct modifiers *m, struct str name)
{
	bool *flag = name.len != 1 ? NULL : *name.ptr == 'i' ? &m->re_i : *name.ptr == 'm' ? &m->re_m : *name.ptr == 's' ? &m->re_s : NULL;
	if (!m->re || !flag)
		return false;
	*flag = true;
	return true;
}

static int read_modifiers(struct rule_parser *p, struct str s, unsigned line, struct modifiers *m)
{
	struct str name;
	while (str_next(&s, '|', &name)) {
		bool text_before = m->contains || m->startswith || m->endswith;
		if (set_re_flag(m, name) || set_flag(m, name) || set_compare(m, name) || set_part(m, name))
			continue;
		if (!set_encoding(m, name))
			return rule_fault(p, line, "modifier '" STR_FMT "' is not supported", STR_ARG(name));
		if (text_before)
			return rule_fault(p, line, "modifier '" STR_FMT "' must stand before contains, startswith and endswith",
			                  STR_ARG(name));
	}
	m->cmp |= m->part != DATE_NONE;
	unsigned kinds = m->re + m->cidr + m->exists + m->cmp;
	bool text = m->contains || m->startswith || m->endswith || m->n_enc || m->windash;
	if (kinds > 1 || (kinds && (text || m->fieldref)) || (m->re && m->cased))
		return rule_fault(p, line, "these modifiers can't be used together");
	if (m->fieldref && (m->n_enc || m->windash || m->expand))
		return rule_fault(p, line, "these modifiers can't be used together");
	if (m->windash && m->n_enc)
		return rule_fault(p, line, "windash can't be used together with an encoding");
	return 0;
}

static int add_pred(struct items *it, const struct pred *like)
{
	struct rule_parser *p = it->p;
	if (++p->values > RULE_VALUES)
		return rule_fault(p, it->line, "more than %u values in one rule", RULE_VALUES);
	struct expr *e = expr_new(p, EXPR_PRED, 0);
	struct pred *d = arena_alloc(p->arena, sizeof *d);
	if (it->n == it->cap) {
		unsigned cap = it->cap ? it->cap * 2 : 8;
		struct expr **list = arena_array(p->arena, cap, sizeof *list);
		if (list && it->n)
			memcpy(list, it->list, it->n * sizeof *list);
		it->list = list;
		it->cap = cap;
	}
	if (!e || !d || !it->list)
		return rule_fault(p, it->line, "no memory");
	*d = *like;
	d->field = it->field;
	d->line = it->line;
	d->next = p->rule->preds;
	p->rule->preds = d;
	e->pred = d;
	it->list[it->n++] = e;
	return 0;
}

static int add_pattern(struct items *it, struct str text, bool plain, bool keyword)
{
	const struct modifiers *m = it->m;
	struct pred d = { .op = PRED_MATCH };
	struct pattern_opts o = { .plain = plain, .cased = m->cased, .windash = m->windash,
		.open_start = m->contains || m->endswith || keyword, .open_end = m->contains || m->startswith || keyword };
	int r = pattern_parse(text, &o, it->p->arena, &d.pattern);
	if (r == -E_LIMIT)
		return rule_fault(it->p, it->line, "value longer than %u bytes or with too many wildcards", PATTERN_BYTES);
	return r < 0 ? rule_fault(it->p, it->line, "no memory") : add_pred(it, &d);
}

/* Sigma escapes out: what stands there, literally. Wildcards can't be encoded. */
static int unescape(struct items *it, struct str s, struct buf *b)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '\\' && i + 1 < s.len && (s.ptr[i + 1] == '\\' || s.ptr[i + 1] == '*' || s.ptr[i + 1] == '?'))
			c = s.ptr[++i];
		else if (c == '*' || c == '?')
			return rule_fault(it->p, it->line, "a wildcard can't be encoded");
		buf_putc(b, c);
	}
	return 0;
}

static uint32_t next_char(const char *s, size_t n, size_t *i)
{
	unsigned char c = (unsigned char)s[(*i)++];
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	uint32_t v = more == 3 ? c & 7 : more == 2 ? c & 15 : more == 1 ? c & 31 : c;
	while (more-- && *i < n)
		v = v << 6 | ((unsigned char)s[(*i)++] & 63);
	return v;
}

static void put_unit(struct buf *b, uint32_t u, bool big)
{
	buf_putc(b, (char)(big ? u >> 8 : u));
	buf_putc(b, (char)(big ? u : u >> 8));
}

static void utf16(const struct buf *in, struct buf *out, enum encoding enc)
{
	bool big = enc == ENC_UTF16BE;
	if (enc == ENC_UTF16)
		put_unit(out, 0xfeff, false);
	for (size_t i = 0; i < in->len;) {
		uint32_t c = next_char(in->ptr, in->len, &i);
		if (c >= 0x10000) {
			put_unit(out, 0xd800 + ((c - 0x10000) >> 10), big);
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		put_unit(out, c, big);
	}
}

/* Base64 of `shift` blanks and the bytes, without the ends that depend on what stands around. shift < 0: all of it. */
static void base64(const struct buf *in, struct buf *out, int shift)
{
	static const size_t skip[] = { 0, 2, 3 };
	unsigned char src[VALUE_BYTES + 3], dst[VALUE_BYTES * 4 / 3 + 16];
	size_t pad = shift < 0 ? 0 : (size_t)shift, n = in->len > VALUE_BYTES ? VALUE_BYTES : in->len;
	memset(src, ' ', pad);
	if (n)
		memcpy(src + pad, in->ptr, n);
	size_t len = (size_t)EVP_EncodeBlock(dst, src, (int)(n + pad)), from = skip[pad], over = (n + pad) % 3;
	if (shift >= 0)
		len -= over == 1 ? 3 : over == 2 ? 2 : 0;
	if (len > from)
		buf_put(out, dst + from, len - from);
}

static int encode(struct items *it, struct buf *text, unsigned step)
{
	if (text->failed || text->len > VALUE_BYTES / 2)
		return rule_fault(it->p, it->line, "value too long to be encoded");
	if (step == it->m->n_enc)
		return add_pattern(it, buf_view(text), true, false);
	enum encoding enc = it->m->enc[step];
	int r = 0;
	for (int shift = 0; r == 0 && shift < (enc == ENC_BASE64OFFSET ? 3 : 1); shift++) {
		struct buf out;
		buf_init(&out, VALUE_BYTES * 2);
		if (enc == ENC_BASE64 || enc == ENC_BASE64OFFSET)
			base64(text, &out, enc == ENC_BASE64 ? -1 : shift);
		else
			utf16(text, &out, enc);
		r = encode(it, &out, step + 1);
		buf_done(&out);
	}
	return r;
}

static int add_encoded(struct items *it, struct str text)
{
	struct buf b;
	buf_init(&b, VALUE_BYTES);
	int r = unescape(it, text, &b);
	if (r == 0)
		r = encode(it, &b, 0);
	buf_done(&b);
	return r;
}

static int add_regex(struct items *it, struct str text)
{
	const struct modifiers *m = it->m;
	int code;
	PCRE2_SIZE at;
	PCRE2_UCHAR words[120];
	uint32_t o = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | (m->re_i ? PCRE2_CASELESS : 0) | (m->re_m ? PCRE2_MULTILINE : 0) |
	             (m->re_s ? PCRE2_DOTALL : 0);
	if (text.len > PATTERN_BYTES)
		return rule_fault(it->p, it->line, "regular expression longer than %u bytes", PATTERN_BYTES);
	pcre2_code *re = pcre2_compile((PCRE2_SPTR)text.ptr, text.len, o, &code, &at, NULL);
	if (!re) {
		pcre2_get_error_message(code, words, sizeof words);
		return rule_fault(it->p, it->line, "regular expression: %s at character %zu", (char *)words, (size_t)at + 1);
	}
	pcre2_jit_compile(re, PCRE2_JIT_COMPLETE); /* where it can't, the interpreter does the same */
	int r = add_pred(it, &(struct pred){ .op = PRED_REGEX, .re = re });
	if (r < 0)
		pcre2_code_free(re);
	return r;
}

static bool to_number(struct str s, double *ret)
{
	char d[64], *end;
	if (!s.len || !str_copy(s, d, sizeof d) || strspn(d, "0123456789+-.eE") != s.len)
		return false;
	*ret = strtod(d, &end);
	return *end == 0;
}

static int add_text(struct items *it, struct str text)
{
	const struct modifiers *m = it->m;
	struct pred d = { .op = PRED_MATCH };
	if (m->re)
		return add_regex(it, text);
	if (m->cidr) {
		d.op = PRED_CIDR;
		return prefix_parse(text, &d.prefix) == 0
		               ? add_pred(it, &d)
		               : rule_fault(it->p, it->line, "'" STR_FMT "' is not a network (the bits behind its length must be 0)", STR_ARG(text));
	}
	if (m->cmp) {
		d.op = PRED_COMPARE;
		d.compare = m->compare;
		d.part = m->part;
		return to_number(text, &d.number) ? add_pred(it, &d)
		                                  : rule_fault(it->p, it->line, "'" STR_FMT "' is not a number", STR_ARG(text));
	}
	if (m->n_enc)
		return add_encoded(it, text);
	return add_pattern(it, text, false, !it->field);
}

/* The first `%name%` that isn't escaped; false when there is none. */
static bool find_placeholder(struct str s, struct str *head, struct str *name, struct str *tail)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '\\') {
			i++;
			continue;
		}
		const char *end = s.ptr[i] == '%' ? memchr(s.ptr + i + 1, '%', s.len - i - 1) : NULL;
		if (!end)
			continue;
		*head = (struct str){ s.ptr, i };
		*name = (struct str){ s.ptr + i + 1, (size_t)(end - s.ptr) - i - 1 };
		*tail = (struct str){ end + 1, s.len - (size_t)(end + 1 - s.ptr) };
		return true;
	}
	return false;
}

/* What stood in the rule: `\%` is a plain percent sign, any other backslash stays for pattern_parse(). */
static void put_plain(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		bool escape = s.ptr[i] == '\\' && i + 1 < s.len;
		if (escape && s.ptr[i + 1] != '%')
			buf_putc(b, s.ptr[i]);
		buf_putc(b, s.ptr[escape ? ++i : i]);
	}
}

static int add_expanded(struct items *it, struct str text, size_t done);

static void add_placeholder_value(struct str value, void *to)
{
	struct items *it = to;
	struct str head = it->head, tail = it->tail;
	size_t done = it->done;
	struct buf b;
	if (it->failed)
		return;
	buf_init(&b, VALUE_BYTES);
	buf_put(&b, head.ptr, done);
	put_plain(&b, (struct str){ head.ptr + done, head.len - done });
	buf_str(&b, value);
	size_t n = b.len;
	buf_str(&b, tail);
	int r = b.failed ? rule_fault(it->p, it->line, "value too long") : add_expanded(it, buf_view(&b), n);
	buf_done(&b);
	it->head = head; /* the next one of this list: what stood behind may have been expanded meanwhile */
	it->tail = tail;
	it->done = done;
	it->failed = r;
}

static int add_last(struct items *it, struct str text, size_t done)
{
	struct buf b;
	buf_init(&b, VALUE_BYTES);
	buf_put(&b, text.ptr, done);
	put_plain(&b, (struct str){ text.ptr + done, text.len - done });
	int r = b.failed ? rule_fault(it->p, it->line, "value too long") : add_text(it, buf_view(&b));
	buf_done(&b);
	return r;
}

/* Placeholders from byte `done` on: what a value put there isn't looked at again. */
static int add_expanded(struct items *it, struct str text, size_t done)
{
	const struct rule_opts *o = it->p->opts;
	struct str name, rest = { text.ptr + done, text.len - done };
	if (!find_placeholder(rest, &it->head, &name, &it->tail))
		return add_last(it, text, done);
	it->head = (struct str){ text.ptr, done + it->head.len };
	it->done = done;
	if (++it->expanded > RULE_PLACEHOLDERS)
		return rule_fault(it->p, it->line, "more than %d placeholders in a value", RULE_PLACEHOLDERS);
	it->failed = 0;
	if (!o || !o->placeholder || !o->placeholder(name, add_placeholder_value, it, o->user))
		return rule_fault(it->p, it->line, "placeholder '%%" STR_FMT "%%' has no value here", STR_ARG(name));
	it->expanded--;
	return it->failed;
}

static int add_fieldref(struct items *it, struct str text)
{
	const struct modifiers *m = it->m;
	struct pred d = { .op = PRED_FIELDREF, .cased = m->cased, .open_start = m->contains || m->endswith,
		.open_end = m->contains || m->startswith };
	char *name = arena_strdup(it->p->arena, text);
	if (!name)
		return rule_fault(it->p, it->line, "no memory");
	d.other.name = name; /* resolved with the rest, when the log source is known */
	return add_pred(it, &d);
}

static int add_value(struct items *it, const struct yml *y, bool in_list)
{
	const struct modifiers *m = it->m;
	it->line = y->line;
	if (y->kind != YML_SCALAR)
		return rule_fault(it->p, y->line, "a value must be text, a number or null");
	if (m->exists) {
		struct pred d = { .op = PRED_EXISTS };
		return yml_bool(y, &d.flag) && !in_list ? add_pred(it, &d)
		                                        : rule_fault(it->p, y->line, "exists takes true or false");
	}
	if (yml_is_null(y) && it->field) {
		if (in_list)
			return rule_fault(it->p, y->line, "null can't be one of several values");
		if (m->contains || m->startswith || m->endswith || m->re || m->cidr || m->cmp || m->n_enc || m->fieldref || m->windash)
			return rule_fault(it->p, y->line, "null can't have this modifier");
		return add_pred(it, &(struct pred){ .op = PRED_NULL });
	}
	if (memchr(y->text.ptr, 0, y->text.len) || !str_is_utf8(y->text))
		return rule_fault(it->p, y->line, "a value holds NUL");
	if (m->fieldref)
		return add_fieldref(it, y->text);
	it->expanded = 0;
	return m->expand ? add_expanded(it, y->text, 0) : add_text(it, y->text);
}

/* What one value gave (several when it was expanded): linked by OR, whatever links the values themselves. */
static int fold_value(struct items *it, unsigned from)
{
	unsigned n = it->n - from;
	if (n == 1)
		return 0;
	struct expr *e = expr_new(it->p, EXPR_OR, n);
	if (!e)
		return rule_fault(it->p, it->line, "no memory");
	memcpy(e->kids, it->list + from, n * sizeof *e->kids);
	if (n == 0)
		return rule_fault(it->p, it->line, "the placeholder's list of values is empty");
	it->list[from] = e;
	it->n = from + 1;
	return 0;
}

static int add_all_values(struct items *it, const struct yml *y)
{
	bool list = y->kind == YML_LIST;
	if (list && y->n == 0)
		return rule_fault(it->p, y->line, "an empty list of values");
	for (const struct yml *v = list ? y->first : y; v; v = list ? v->next : NULL) {
		unsigned from = it->n;
		int r = add_value(it, v, list && y->n > 1);
		if (r == 0)
			r = fold_value(it, from);
		if (r < 0)
			return r;
	}
	return 0;
}

int value_parse(struct rule_parser *p, struct str key, const struct yml *y, struct expr **ret)
{
	struct modifiers m = { 0 };
	struct str rest = key, name;
	if (!str_next(&rest, '|', &name))
		name = (struct str){ "", 0 };
	int r = read_modifiers(p, rest, y->line, &m);
	if (r < 0)
		return r;
	if (!name.len && (m.contains || m.startswith || m.endswith || m.exists || m.fieldref || m.cmp || m.cidr || m.neq))
		return rule_fault(p, y->line, "this modifier needs a field");
	if (m.all && (y->kind != YML_LIST || y->n < 2))
		return rule_fault(p, y->line, "the modifier 'all' needs a list of several values");
	struct items it = { .p = p, .m = &m, .line = y->line };
	it.field = name.len ? arena_strdup(p->arena, name) : NULL;
	if (name.len && !it.field)
		return rule_fault(p, y->line, "no memory");
	r = add_all_values(&it, y);
	if (r < 0)
		return r;
	struct expr *e = it.list[0];
	if (it.n > 1) {
		e = expr_new(p, m.all ? EXPR_AND : EXPR_OR, it.n);
		if (!e)
			return rule_fault(p, y->line, "no memory");
		memcpy(e->kids, it.list, it.n * sizeof *e->kids);
	}
	if (m.neq) {
		struct expr *not = expr_new(p, EXPR_NOT, 1);
		if (!not)
			return rule_fault(p, y->line, "no memory");
		not->kids[0] = e;
		e = not;
	}
	*ret = e;
	return 0;
}
