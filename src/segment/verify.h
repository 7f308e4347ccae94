/* Is the log what was written? Names the first record of each segment that was altered, removed, reordered or
 * duplicated, in which file, and why that is known.
 *
 * verify_store()   on STATE/segments itself. Without keys: every byte by the chain, order and number of the records, the
 *                  signatures. With keys also every record against its leaf, which names the one altered record in a
 *                  block; without, its block.
 * verify_export()  on a directory of export.h, anywhere, with nothing else: records against leaves, leaves against the
 *                  signed roots, signatures.
 *
 * A segment that isn't there because its time was over is no fault: its end was signed (checkpoint.h), with the very head
 * it had been sealed with, and the next segment follows that.
 *
 * What it can't show: that records were never written, or that the very end was cut together with the checkpoints
 * about it. The last checkpoint's number and hash are told so that they can be compared with what an outside witness
 * keeps; give that (witness.h: one or many) as `witness` and it is done here. The public key stands in what is checked: compare it, or
 * give it as `key`, else somebody with a key of his own could have signed everything anew. */
#ifndef SEGMENT_VERIFY_H
#define SEGMENT_VERIFY_H

#include "segment/segment.h"

struct verify_opts {
	const char *dir;
	segment_key_fn get_key;   /* NULL: without keys; store only */
	void *user;
	const unsigned char *key; /* the public key to insist on, 32 bytes; or NULL */
	const char *org;          /* only this one; NULL: all; store only */
	struct str witness;       /* what is kept elsewhere (witness.h), or empty */
};

struct verify_fault {
	char record[SEGMENT_NAME_TEXT]; /* the first record concerned, or "" */
	char file[512];
	char why[256];
};

#define VERIFY_FAULTS 1000

struct verify_report {
	struct verify_fault *faults; /* owned */
	size_t n, cap;
	bool more_faults; /* there were more than VERIFY_FAULTS */
	uint64_t series, segments, records, checkpoints;
	uint64_t decrypted;  /* records compared with their leaves */
	uint64_t unsigned_records; /* behind the last checkpoint about them */
	uint64_t without_key; /* segments whose key couldn't be had */
	uint64_t ended, ended_records; /* segments whose time was over (retention), and what they held; gone, and no fault */
	int64_t ended_after_ms;        /* the shortest time one of them was kept after it was sealed */
	uint64_t packets;    /* export: in its capture, made again from its records */
	uint64_t outside;    /* export: records of its segments that it leaves out (its time range) */
	uint64_t last_number; /* of the last checkpoint */
	int64_t last_ms;
	unsigned char last_hash[SEGMENT_HASH], key[32];
	uint64_t witnesses, witnesses_agree; /* given, with a good signature; and the same as here */
	bool witness_found; /* one at least, and all of them agree */
};

/* 0: done, see report.n; another code: couldn't. report is the caller's, zeroed; verify_report_done() frees. */
int verify_store(const struct verify_opts *o, struct verify_report *report, struct err *err);
int verify_export(const struct verify_opts *o, struct verify_report *report, struct err *err);
void verify_report_done(struct verify_report *r);
bool verify_is_export(const char *dir);

#endif
