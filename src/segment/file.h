/* Walking through one segment file on disk, block by block. Used by recovery, reader, verifier and export. */
#ifndef SEGMENT_FILE_H
#define SEGMENT_FILE_H

#include "segment/format.h"

struct seg_file {
	int fd;
	struct seg_header header;
	uint64_t offset;                   /* of the next block */
	unsigned char chain[SEGMENT_HASH]; /* at that place */
	uint64_t next;                     /* index of the next record */
	bool sealed;                       /* the footer was seen */
	struct buf bytes;                  /* of the current block */
};

/* The path of a segment below dir. */
const char *seg_path(const char *dir, const char *org, const char *series, uint32_t number, char *dst, size_t size);
/* Opens and reads the header. -E_AGAIN: the header isn't complete yet; -E_NOT_FOUND; -E_CORRUPT. */
int seg_file_open(const char *path, struct sha *s, struct seg_file *ret, struct err *err);
void seg_file_close(struct seg_file *f);
/* The next block or footer with chain and index checked, valid until the next call. -E_AGAIN: no whole block there
 * (the file ends, or is being written); -E_CORRUPT with *err saying what is wrong (offset stays before the bad block). */
int seg_file_next(struct seg_file *f, struct sha *s, struct seg_block *ret, struct err *err);
/* The same without any check but the shape; for looking behind a fault. */
int seg_file_peek(struct seg_file *f, struct seg_block *ret);

/* Calls fn for every series below dir that has segments: org, series. Missing dir: none. */
int seg_each_series(const char *dir, int (*fn)(const char *org, const char *series, void *user), void *user,
                    struct err *err);
/* The numbers of the segments that are there, ascending. *ret is freed by the caller with mem_free. */
int seg_numbers(const char *dir, const char *org, const char *series, uint32_t **ret, size_t *ret_n, struct err *err);

#endif
