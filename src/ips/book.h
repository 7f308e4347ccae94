/* What is known of a source's signatures: which act, which are on trial, which were refused and why (M-095).
 *
 * A book is a text file that Suricata can load as it is, STATE/feeds/ips/HEX.rules, named by the SHA-256 of its bytes; the description
 * pins it (service.ips.rules), so a change of any signature's state is a change two people made, and taking it back is a rollback.
 *
 *   # toride-ips 1 SOURCE INPUT BEFORE      SHA-256 (hex) of what it was made from; of the book before it, or "-"
 *   #refused SID REV WHERE WORDS            WHERE is a capture it spoke of, "line-N" of the input, or "engine"
 *   #trial RULE                             as its source wrote it, and below it the copies Suricata reads (rule.h)
 *   #act RULE
 *
 * A signature that is new, or whose text changed, is on trial: it alerts and never drops. What it replaces goes on acting until it may act
 * itself, so both may stand there. Sorted by sid, the acting one first. */
#ifndef IPS_BOOK_H
#define IPS_BOOK_H

#include "ips/rule.h"

#include "base/arena.h"

#define BOOK_FILE_MAX (256u * 1024 * 1024)
#define BOOK_RULES_MAX 200000u
#define BOOK_HEX 65 /* 64 digits and NUL */

struct book_entry {
	struct ips_rule rule;
	enum ips_stage stage;
	uint32_t line; /* of the input; 0: of the book before */
	uint64_t trial_s; /* book_trial_time() */
};
struct book_refusal {
	uint32_t sid, rev; /* 0: unknown */
	const char *where, *words;
};
struct book {
	char source[33], input[BOOK_HEX], before[BOOK_HEX]; /* before "": none */
	struct book_entry *list;
	size_t n;
	struct book_refusal *refused;
	size_t n_refused;
	struct arena arena;
};

/* All of these borrow the texts they are given. Lines of the input that aren't taken are refusals; -E_INVALID when nothing of it is a
 * rule, -E_LIMIT. */
int book_import(struct str input, const char *source, struct book *ret, struct err *err);
int book_parse(struct str text, struct book *ret, struct err *err); /* -E_INVALID: not a book */
void book_done(struct book *b);
bool book_is(struct str text);                /* does it begin as one? */
bool book_source_ok(struct str name);         /* small letters, digits, "-"; 1 to 32 */

/* Stages as in the book before; what acted there and is on trial now goes on acting beside it. -E_NOMEM, -E_LIMIT. */
int book_carry(struct book *b, const struct book *before, const char *before_hex);
void book_format(const struct book *b, struct buf *out);

/* The signatures as they are tried: a line each copy, all of them only alerting for $HOME_NET. */
void book_format_try(const struct book *b, struct buf *out);
/* What Suricata said while loading that ("error parsing signature … at line N"), and what it said of the captures (EVE, with
 * pcap_filename): what it names is refused and taken out. -E_NOMEM. */
int book_judge(struct book *b, struct str said, struct str eve);

struct book_entry *book_find(const struct book *b, uint32_t sid, enum ips_stage stage); /* NULL: none */
/* Adds the seconds this other book was in force to each signature that is on trial in both, word for word; what isn't keeps a mark and
 * gets nothing from books still further back. Call from the newest to the oldest, beginning with the book itself. */
void book_trial_time(struct book *b, const struct book *older, uint64_t seconds);
/* On trial → acting; what it replaces goes. False: it isn't on trial. */
bool book_promote(struct book *b, uint32_t sid);
/* Acting → on trial. False: none acts, or another version is on trial already. */
bool book_demote(struct book *b, uint32_t sid);
size_t book_count(const struct book *b, enum ips_stage stage);

#endif
