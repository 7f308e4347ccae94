/* Through a container, what is in it, and what is in that: every contained file gets its real type and its SHA-256, is
 * matched against our rules and shown to the caller.
 *
 * One budget for the whole walk, whatever is nested in what: files, bytes unpacked, their ratio to the file's own size, depth
 * and time. Sizes that a container announces are never believed and nothing is written anywhere: names are only text.
 * Runs in a throw-away worker (scan/worker.h); pure otherwise, so tests and fuzz targets call it directly.
 * Sources: APPNOTE.TXT 6.3.10 (zip), MS-CFB, ISO 32000-1; issue 5 "Verdicts"; requirements F-09, F-11. */
#ifndef SCAN_WALK_H
#define SCAN_WALK_H

#include "scan/type.h"

#define WALK_NAME 256
#define WALK_REASON 72
#define WALK_PASSWORD 64

struct walk_limits {
	unsigned depth;      /* 1: what is in the file itself */
	uint64_t files;
	uint64_t bytes;      /* unpacked, all together */
	uint64_t ratio;      /* unpacked bytes for each of the file's own, past WALK_RATIO_FROM */
	int64_t deadline_ms; /* clock_mono_ms(); 0: none */
};
#define WALK_RATIO_FROM (32u * 1024 * 1024)
#define WALK_LIMITS ((struct walk_limits){ .depth = 16, .files = 10000, .bytes = 1024u * 1024 * 1024, .ratio = 250 })

struct walk_member {
	const char *name;  /* "inner.zip/report.exe": UTF-8 without controls, cut in front when it is long */
	unsigned depth;
	enum file_type type;
	struct str bytes;  /* valid during the call, as is fd */
	int fd;            /* a sealed memfd with the same */
	bool blind;        /* clamd can't get at it through what it is in (which clamd has been, or will be, given) */
	uint8_t sha256[32];
};

/* What was found out besides harmless; more than one may hold. */
#define WALK_MALICIOUS 1u /* a rule matched, or the caller's member() said so */
#define WALK_ENCRYPTED 2u /* something can't be read without a password */
#define WALK_BEYOND 4u    /* over the budget, broken, or of a kind that nobody here opens */

struct walk_result {
	unsigned found;            /* bits above; 0: all of it was looked at and is harmless */
	char reason[WALK_REASON];  /* of the worst: the rule's name, "ratio", "encrypted" … */
	char where[WALK_NAME];     /* the member it is about; "": the file itself */
	unsigned inside;           /* bits of enum file_group, of what is contained */
	uint64_t files, bytes;
};

struct walk_ops {
	/* 1: a rule matches, ret_rule names it; 0: none; negative: it couldn't be found out. name: a member's, or the file's. */
	int (*match)(struct str bytes, enum file_type type, const char *name, char ret_rule[WALK_REASON], void *user);
	/* A member. 0: go on; otherwise the walk ends as malicious. */
	int (*member)(const struct walk_member *m, void *user);
	void *user;
};

/* Once, before the process is confined: libraries look for their data then. */
void walk_prepare(void);
struct walk_about {
	const char *name;     /* what the file was called; "": unknown */
	const char *password; /* for containers that ask for one; "": none */
};
void walk(struct str file, const struct walk_about *about, const struct walk_limits *limits, const struct walk_ops *ops, struct walk_result *ret);

/* ---- for the readers of formats (archive.c, …) ---- */

struct walk;

/* A member's bytes come in pieces: begin, put …, then end (looks at it, and into it) or drop. */
int walk_member_begin(struct walk *w, const char *name, size_t n, bool blind); /* negative: stop, the budget is used up */
int walk_member_put(struct walk *w, const void *p, size_t n);
int walk_member_end(struct walk *w);
void walk_member_drop(struct walk *w);
/* One whole member. */
int walk_member(struct walk *w, const char *name, struct str bytes, bool blind);
/* Notes WALK_ENCRYPTED or WALK_BEYOND about the container being read, or its member `name` (NULL: itself). */
void walk_note(struct walk *w, unsigned what, const char *reason, const char *name);
bool walk_over(const struct walk *w); /* no use to go on */
const char *walk_password(const struct walk *w); /* UTF-8 */
/* As Japanese tools for zip write it (CP932). False: it can't be, or is the same. */
bool walk_password_cp932(const struct walk *w, char dst[WALK_PASSWORD]);

#endif
