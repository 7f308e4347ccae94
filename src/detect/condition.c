/* The condition grammar of Sigma (rules specification 2.1, "Condition") -> expression; precedence or < and < not < of.
 * Conditions are short; recursion is bounded by RULE_EXPR_DEPTH. */
#include "detect/rule.h"

#include "base/err.h"
#include "base/mem.h"

#define CONDITION_OPERANDS 256

struct scan {
	struct rule_parser *p;
	struct str rest, word; /* word: the token looked at; empty at the end */
	unsigned line, depth;
	const struct named_expr *names;
	unsigned n;
};

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	       c == '*' || c == '.' || (unsigned char)c >= 0x80;
}

static void next(struct scan *s)
{
	while (s->rest.len && strchr(" \t\r\n", *s->rest.ptr) && *s->rest.ptr)
		s->rest = (struct str){ s->rest.ptr + 1, s->rest.len - 1 };
	size_t n = 0;
	while (n < s->rest.len && is_word_char(s->rest.ptr[n]))
		n++;
	if (n == 0 && s->rest.len)
		n = 1;
	s->word = (struct str){ s->rest.ptr, n };
	s->rest = (struct str){ s->rest.ptr + n, s->rest.len - n };
}

static bool take(struct scan *s, const char *word)
{
	if (!s->word.len || !str_case_eq(s->word, str_from(word)))
		return false;
	next(s);
	return true;
}

/* `*` anywhere stands for any run of characters. */
static bool name_matches(struct str pat, struct str name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, mark = 0;
	while (n < name.len) {
		if (p < pat.len && pat.ptr[p] == '*') {
			star = p++;
			mark = n;
		} else if (p < pat.len && pat.ptr[p] == name.ptr[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++mark;
		} else {
			return false;
		}
	}
	while (p < pat.len && pat.ptr[p] == '*')
		p++;
	return p == pat.len;
}

static int gather(struct scan *s, struct str pat, enum expr_kind kind, struct expr **ret)
{
	bool them = str_case_eq(pat, STR("them"));
	struct expr *e = expr_new(s->p, kind, s->n);
	if (!e)
		return rule_fault(s->p, s->line, "no memory");
	e->n = 0;
	for (unsigned i = 0; i < s->n; i++)
		if (them ? s->names[i].name.ptr[0] != '_' : name_matches(pat, s->names[i].name))
			e->kids[e->n++] = s->names[i].expr;
	if (e->n == 0)
		return rule_fault(s->p, s->line, "condition: '" STR_FMT "' matches no search identifier", STR_ARG(pat));
	*ret = e;
	return 0;
}

static int parse_of(struct scan *s, struct str count, struct expr **ret)
{
	next(s); /* "of" */
	if (!str_case_eq(count, STR("1")) && !str_case_eq(count, STR("any")) && !str_case_eq(count, STR("all")))
		return rule_fault(s->p, s->line, "condition: '" STR_FMT " of' is not supported (1 of, any of, all of)", STR_ARG(count));
	if (!s->word.len || !is_word_char(*s->word.ptr))
		return rule_fault(s->p, s->line, "condition: a name or pattern is missing behind 'of'");
	struct str pat = s->word;
	next(s);
	return gather(s, pat, str_case_eq(count, STR("all")) ? EXPR_AND : EXPR_OR, ret);
}

static int parse_or(struct scan *s, struct expr **ret);

static int parse_operand(struct scan *s, struct expr **ret)
{
	if (take(s, "(")) {
		int r = parse_or(s, ret);
		if (r == 0 && !take(s, ")"))
			r = rule_fault(s->p, s->line, "condition: ')' is missing");
		return r;
	}
	struct str word = s->word;
	if (!word.len)
		return rule_fault(s->p, s->line, "condition: it ends where a search identifier is expected");
	if (*word.ptr == '|')
		return rule_fault(s->p, s->line, "condition: aggregations behind '|' are obsolete; use a correlation rule");
	if (!is_word_char(*word.ptr) || str_case_eq(word, STR("and")) || str_case_eq(word, STR("or")))
		return rule_fault(s->p, s->line, "condition: '" STR_FMT "' where a search identifier is expected", STR_ARG(word));
	next(s);
	if (str_case_eq(s->word, STR("of")))
		return parse_of(s, word, ret);
	for (unsigned i = 0; i < s->n; i++)
		if (str_eq(s->names[i].name, word)) {
			*ret = s->names[i].expr;
			return 0;
		}
	return rule_fault(s->p, s->line, "condition: there is no search identifier '" STR_FMT "'", STR_ARG(word));
}

static int parse_not(struct scan *s, struct expr **ret)
{
	struct expr *e;
	bool negate = false;
	while (take(s, "not"))
		negate = !negate;
	int r = parse_operand(s, &e);
	if (r < 0)
		return r;
	*ret = e;
	if (!negate)
		return 0;
	*ret = expr_new(s->p, EXPR_NOT, 1);
	if (!*ret)
		return rule_fault(s->p, s->line, "no memory");
	(*ret)->kids[0] = e;
	return 0;
}

static int parse_chain(struct scan *s, const char *word, enum expr_kind kind,
                       int (*operand)(struct scan *, struct expr **), struct expr **ret)
{
	struct expr *list[CONDITION_OPERANDS] = { 0 };
	unsigned n = 0;
	do {
		if (n == CONDITION_OPERANDS)
			return rule_fault(s->p, s->line, "condition: more than %d operands", CONDITION_OPERANDS);
		int r = operand(s, &list[n++]);
		if (r < 0)
			return r;
	} while (take(s, word));
	*ret = list[0];
	if (n == 1)
		return 0;
	*ret = expr_new(s->p, kind, n);
	if (!*ret)
		return rule_fault(s->p, s->line, "no memory");
	memcpy((*ret)->kids, list, n * sizeof *list);
	return 0;
}

static int parse_and(struct scan *s, struct expr **ret)
{
	return parse_chain(s, "and", EXPR_AND, parse_not, ret);
}

static int parse_or(struct scan *s, struct expr **ret)
{
	if (++s->depth > RULE_EXPR_DEPTH)
		return rule_fault(s->p, s->line, "condition: nested too deeply");
	int r = parse_chain(s, "or", EXPR_OR, parse_and, ret);
	s->depth--;
	return r;
}

int condition_parse(struct rule_parser *p, struct str text, unsigned line, const struct named_expr *names, unsigned n,
                    struct expr **ret)
{
	struct scan s = { .p = p, .rest = text, .line = line, .names = names, .n = n };
	next(&s);
	int r = parse_or(&s, ret);
	if (r < 0)
		return r;
	if (s.word.len && *s.word.ptr == '|')
		return rule_fault(p, line, "condition: aggregations behind '|' are obsolete; use a correlation rule");
	if (s.word.len)
		return rule_fault(p, line, "condition: '" STR_FMT "' is left over", STR_ARG(s.word));
	return 0;
}
