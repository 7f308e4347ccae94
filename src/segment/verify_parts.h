/* What verify_store.c and verify_export.c share. Private to them. */
#ifndef SEGMENT_VERIFY_PARTS_H
#define SEGMENT_VERIFY_PARTS_H

#include "segment/checkpoint.h"
#include "segment/verify.h"
#include "segment/witness.h"

struct signed_head {
	char org[8], series[16];
	uint32_t segment;
	bool sealed, ended;
	uint64_t count, checkpoint;
	int64_t time_ms;
	unsigned char root[SEGMENT_HASH], chain[SEGMENT_HASH];
};

struct verify {
	const struct verify_opts *o;
	struct verify_report *report;
	struct sha sha;
	struct witnesses witnesses;
	struct signed_head *heads; /* sorted by organisation, series, segment, count, checkpoint */
	size_t n, cap;
	/* the chain of checkpoints while they are read */
	bool in_export, any;
	uint64_t next_number;
	unsigned char prev[SEGMENT_HASH];
};

/* Adds a fault; record may be NULL. */
int verify_fault(struct verify *v, const struct segment_name *record, const char *file, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int verify_open(struct verify *v, const struct verify_opts *o, struct verify_report *report, struct err *err);
void verify_close(struct verify *v);
/* For checkpoint_each(): one line. Faults go into the report. */
int verify_checkpoint_line(struct str line, const char *file, uint64_t line_number, void *verify);
void verify_sort(struct verify *v);
/* After the last line: was the witness's checkpoint among them? */
void verify_witness(struct verify *v, const char *file);

/* The heads of one segment, while its leaves are added: feed it after each. */
struct head_walk {
	const struct signed_head *at, *end;
	uint64_t good; /* records covered by heads that fitted */
	bool bad;      /* a head didn't fit: said once */
};
struct head_walk verify_heads(const struct verify *v, const char *org, const char *series, uint32_t segment);
/* tree has tree->n leaves now. chain: at this place; NULL in the middle of a block, and in exports. Call it before the
 * first leaf too. */
void verify_heads_at(struct verify *v, struct head_walk *w, const struct merkle *tree, const unsigned char *chain,
                     const char *file);
/* No more leaves. sealed: the end mark was there (exports don't show it). */
void verify_heads_end(struct verify *v, struct head_walk *w, const struct merkle *tree, bool sealed,
                      const unsigned char *chain, const struct segment_name *segment, const char *file);

#endif
