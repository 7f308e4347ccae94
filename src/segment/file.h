/* Walking through one segment file on disk, block by block. Used by recovery, reader, verifier and export. */
#ifndef SEGMENT_FILE_H
#define SEGMENT_FILE_H

#include "segment/format.h"

#include <sys/types.h>

struct seg_file {
	int fd;
	struct seg_header header;
	uint64_t offset;                   /* of the next block */
	unsigned char chain[SEGMENT_HASH]; /* at that place */
	uint64_t next;                     /* index of the next record */
	bool sealed;                       /* the footer was seen */
	bool unchained;                    /* seg_file_next() leaves the chain to others (reader.h) */
	struct buf bytes;                  /* of the current block, and perhaps behind it */
	size_t last;                       /* bytes of the block before: the next will have about as many */
};

/* The path of a segment below dir: where it is written; where it lies once it is in cold storage (cold.c), DIR-cold/…; and what is left in its
 * place then, so that a disk that isn't mounted is no segment that was removed. */
const char *seg_path(const char *dir, const char *org, const char *series, uint32_t number, char *dst, size_t size);
const char *seg_cold_path(const char *dir, const char *org, const char *series, uint32_t number, char *dst, size_t size);
const char *seg_mark_path(const char *dir, const char *org, const char *series, uint32_t number, char *dst, size_t size);
/* Where a segment goes on from there to a store of objects (cold/keeper.h): its end mark, by the name of each stage. */
#define SEG_GOING "going" /* it is being sent */
#define SEG_END "end"     /* it is there */
#define SEG_ENDED "ended" /* it has had its time */
const char *seg_store_path(const char *dir, const char *org, const char *series, uint32_t number, const char *stage, char *dst, size_t size);
/* Who brings such a segment back to where seg_cold_path() says, of this process: 0, or an error. Once, before anything is read. */
typedef int (*seg_fetch_fn)(const char *org, const char *series, uint32_t number, struct err *err);
void seg_fetch_by(seg_fetch_fn fn);
/* For reading. A disk that others had in their hands may hold what isn't a file: a pipe would keep us for ever. */
#define SEG_OPEN (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define SEG_COLD "-cold" /* behind dir: STATE/segments-cold */
bool seg_is_there(const char *dir, const char *org, const char *series, uint32_t number); /* in either place, mounted or not */
bool seg_cold_disk(const char *dir, const char *below); /* another disk is mounted there, and has that directory: "", or "/ORG/SERIES" */
bool seg_cold_away(const char *dir, const char *org, const char *series, uint32_t number); /* its mark is there, itself nowhere */
/* Opens and reads the header. -E_AGAIN: the header isn't complete yet; -E_NOT_FOUND; -E_CORRUPT. */
int seg_file_open(const char *path, struct sha *s, struct seg_file *ret, struct err *err);
/* The same of a segment wherever it lies; path gets where. Besides: -E_IO, it is in cold storage, which isn't there. */
int seg_file_find(const char *dir, const char *org, const char *series, uint32_t number, struct sha *s, struct seg_file *ret, char path[1024],
                  struct err *err);
/* The cipher of its blocks, if it is the segment of that name and the key is its own. -E_IO: the key can't be had now. */
int seg_file_unlock(const struct seg_file *f, const struct segment_name *n, segment_key_fn key, void *user, struct sha *s, struct seg_cipher *ret,
                    struct err *err);
void seg_file_close(struct seg_file *f);
/* Up to n bytes from the offset into b. Returns how many, or an error. */
ssize_t seg_read_at(int fd, struct buf *b, size_t n, uint64_t offset);
/* The next block or footer with chain and index checked, valid until the next call. -E_AGAIN: no whole block there
 * (the file ends, or is being written); -E_CORRUPT with *err saying what is wrong (offset stays before the bad block). */
int seg_file_next(struct seg_file *f, struct sha *s, struct seg_block *ret, struct err *err);
/* The same without any check but the shape; for looking behind a fault. */
int seg_file_peek(struct seg_file *f, struct seg_block *ret);

/* Calls fn for every series below dir that has segments: org, series. Missing dir: none. */
int seg_each_series(const char *dir, int (*fn)(const char *org, const char *series, void *user), void *user,
                    struct err *err);
/* The numbers of the segments that are there, those in cold storage too, ascending. *ret is freed by the caller with mem_free. */
int seg_numbers(const char *dir, const char *org, const char *series, uint32_t **ret, size_t *ret_n, struct err *err);

#endif
