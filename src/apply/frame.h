/* The outset on its way from the jailed toride-compile to torided: one binary message.
 *
 *   u32 "TOUT", text digest ("sha256:…"), u32 n, n × { text path, blob data }
 * Paths are relative, of [a-z0-9._/-], without "..", at most 200 bytes, strictly ascending (so unique). What comes
 * through here was made by a process that read people's text: the reader believes nothing. */
#ifndef APPLY_FRAME_H
#define APPLY_FRAME_H

#include "base/err.h"
#include "wire/cursor.h"

#define FRAME_MAX (512u * 1024 * 1024)
#define FRAME_FILES_MAX 20000u
#define FRAME_PATH_MAX 200

struct frame {
	char digest[72];
	uint32_t n, seen;
	struct rd rd;
	char last[FRAME_PATH_MAX + 1];
};

void frame_start(struct buf *b, const char *digest, uint32_t n);
void frame_file(struct buf *b, const char *path, struct str data);

/* data is borrowed from msg until the frame is done with. */
int frame_open(struct str msg, struct frame *ret, struct err *err);
/* 1 and a file, 0 at the proper end, or -E_INVALID. */
int frame_next(struct frame *f, char path[FRAME_PATH_MAX + 1], struct str *ret_data, struct err *err);
bool frame_path_ok(const char *path);

#endif
