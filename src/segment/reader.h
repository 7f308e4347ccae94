/* Reading every series under a directory record by record, as it grows (for detectd, and later the index).
 *
 *   struct reader *r;
 *   reader_open(&(struct reader_opts){ .dir = "STATE/segments", .key = from_vault, .user = v }, &r, &err);
 *   reader_restore(r, saved, &err);                  once, before the first reader_next(); "" = everything from the start
 *   for (;;) {
 *           int x = reader_next(r, &rec, &err);      0: rec is one record, valid until the next call
 *           if (x == -E_AGAIN) { poll(reader_fd(r), 200 ms); continue; }
 *           if (x < 0) { log err; continue; }        one series has a fault (said once a second); the others go on
 *           … rec.data, rec.name …
 *   }
 *   reader_save(r, &b)                               where we are: what was returned by reader_next() counts as read
 *
 * New organisations, new segments and rotation are followed. Records of one series come in order; series take turns
 * block by block. Whole blocks only: the part of a write that isn't complete yet is not seen. Each block is checked
 * (chain and tag, which covers the leaves) before a record of it is returned. A block may be seen before it is synced; after a power cut
 * such a record may be gone and its name used again, so effects that must not repeat need their own identity.
 * No network, no writing. Opens files only below dir. Not for threads. */
#ifndef SEGMENT_READER_H
#define SEGMENT_READER_H

#include "segment/segment.h"

struct reader;
struct reader_opts {
	const char *dir;
	segment_key_fn key;
	void *user;
	const char *org;    /* only this organisation; NULL: all */
	const char *series; /* only this series; NULL: all */
	const char *except; /* all series but these, between "|"; NULL: all */
	/* The chain isn't computed: of what can be told with the key it adds nothing, since the tag covers all of a block but the chain behind it, the
	 * segment's header and the block's place, and who writes a file without the key can write a chain that fits. What is left to log verify is
	 * a chain, or a footer, that was damaged by itself. SHA-256 over all bytes is half of what reading costs who follows (0.6 CPU-s for a million
	 * records of 1,150). */
	bool tag_only;
};
struct reader_record {
	struct segment_name name; /* segment_name_format() gives the text */
	struct str data;          /* the JSON object */
	int64_t time_ms;          /* when its block was closed */
	const unsigned char *salt, *leaf;
};

/* The directory need not exist yet. */
int reader_open(const struct reader_opts *o, struct reader **ret, struct err *err);
void reader_close(struct reader **r);
/* 0 and a record; -E_AGAIN: nothing more for now; another code: a fault of one series, named in *err. */
int reader_next(struct reader *r, struct reader_record *ret, struct err *err);
/* Readable when something grew (inotify; reader_next() empties it); -1 where there is none: poll by time. */
int reader_fd(const struct reader *r);
/* Cursors as text: a line "ORG/SERIES/SEGMENT/INDEX" a series, the next record to read. */
void reader_save(const struct reader *r, struct buf *b);
int reader_restore(struct reader *r, struct str saved, struct err *err);
/* Instead of from the start: of every series that is there now, from the segment in which a block that was closed at since_ms would stand. What
 * can't be looked at is read from its start. */
int reader_since(struct reader *r, int64_t since_ms, struct err *err);
/* Sets one series. From where it stands, or where it will stand once it exists. */
int reader_seek(struct reader *r, const struct segment_name *next, struct err *err);

#endif
