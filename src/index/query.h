/* What a person asks of the log, read into a typed tree: never a caller's SQL.
 *
 *   invoice                     the word, in any value of the record (letters and digits, small or capital alike)
 *   invoice*                    words that begin so
 *   "GET /admin"  a.b-c         these words next to each other, with just this between them
 *   host:files.example.jp       a column (columns.h); texts are compared whole, small and capital alike
 *   host:*.example.jp           with * for any characters; * alone: whatever, but something
 *   host:evil.jp,bad.jp         one of several
 *   src:10.1.0.21  src:10.1.0.0/16  ip:203.0.113.7          ip: src, via or dst
 *   code:404  code>=500  out>1000000                        numbers
 *   class:http                  a class by number, or http dns network email finding authentication process api lifecycle other (index_tables)
 *   A B   A and B   A or B   not A   -A   ( … )             "and" binds closer than "or"; side by side is "and"
 *
 * Limits: QUERY_MAX bytes, QUERY_NODES parts, QUERY_DEPTH brackets. */
#ifndef INDEX_QUERY_H
#define INDEX_QUERY_H

#include "index/columns.h"

#define QUERY_MAX 4096
#define QUERY_NODES 256
#define QUERY_DEPTH 32

enum query_kind { QUERY_ALL, QUERY_AND, QUERY_OR, QUERY_NOT, QUERY_WORDS, QUERY_TEXT, QUERY_NUMBER, QUERY_IP };
enum query_op { OP_EQ, OP_LT, OP_LE, OP_GT, OP_GE };

struct query_node {
	enum query_kind kind;
	const struct query_node *a, *b; /* AND, OR: both; NOT: a */
	const struct column *column;    /* TEXT, NUMBER, IP; NULL with IP: any of src, via, dst */
	enum query_op op;               /* NUMBER */
	struct str text;                /* WORDS, TEXT: as it stands, without quotes; points into query.text */
	bool pattern;                   /* TEXT: * stands for any characters. WORDS: it ended in *, which is not in text */
	uint64_t number;
	unsigned char low[16], high[16]; /* IP: both ends, inclusive */
};

struct query {
	char text[QUERY_MAX + 1];
	struct query_node nodes[QUERY_NODES + 1]; /* the last one takes what is too much, in a parse that fails */
	size_t n;
	const struct query_node *root;
};

/* -E_INVALID or -E_LIMIT; err.path is "query:N", N the character (from 1) where it goes wrong. An empty text is QUERY_ALL. */
int query_parse(struct str text, struct query *ret, struct err *err);
/* The tree as one condition of ClickHouse's SQL; every value of the caller's is quoted or a number. */
void query_sql(const struct query_node *n, struct buf *b);
/* A text as a literal of ClickHouse's SQL. */
void sql_text(struct buf *b, struct str s);
/* Whose records are meant: a body's code, a prefecture's two digits (all codes that begin so), "" for everyone's. -E_INVALID. */
int sql_scope_check(const char *org, struct err *err);
/* " AND …" of it; nothing for everyone's. */
void sql_scope(struct buf *b, const char *org);

#endif
