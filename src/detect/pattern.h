/* A Sigma string with its wildcards (Sigma rules specification 2.1, "String Wildcard" and "Escape Character").
 *
 * `*` any run of characters, `?` exactly one (a whole UTF-8 character), `\*` `\?` `\\` the plain ones; a backslash
 * before anything else is itself. Matching is of the whole text. Case is ignored for ASCII letters only unless
 * `cased`: a pattern that ignores case holds lower-case text and is matched against text folded by pattern_fold(). */
#ifndef DETECT_PATTERN_H
#define DETECT_PATTERN_H

#include "base/arena.h"

#define PATTERN_TOKENS 256
#define PATTERN_BYTES 4096

enum token_kind {
	TOKEN_TEXT,
	TOKEN_ANY,  /* * */
	TOKEN_ONE,  /* ? */
	TOKEN_DASH, /* one of - / – — ― (modifier windash) */
};

struct token {
	enum token_kind kind;
	struct str text;
};

struct pattern {
	struct token *tokens; /* no two TEXT and no two ANY side by side */
	unsigned n;
	bool cased;
};

struct pattern_opts {
	bool plain;      /* take it literally, no wildcards and escapes */
	bool open_start; /* * before it */
	bool open_end;   /* * behind it */
	bool windash;
	bool cased;
};

/* 0, -E_LIMIT (PATTERN_TOKENS, PATTERN_BYTES) or -E_NOMEM. */
int pattern_parse(struct str value, const struct pattern_opts *o, struct arena *a, struct pattern *ret);
bool pattern_match(const struct pattern *p, struct str text);
/* The longest piece of text every matching text must hold; empty when there is none. */
struct str pattern_literal(const struct pattern *p);
bool pattern_is_exact(const struct pattern *p);    /* plain text or nothing, no wildcard */
bool pattern_is_contains(const struct pattern *p); /* *text* */
void pattern_fold(char *p, size_t n);              /* ASCII lower case in place */

#endif
