/* Generations on disk: STATE/generations/HEX, written once, synced, renamed into place, never changed.
 *
 * Beside the compiled files each holds description.json (the canonical description, whose SHA-256 is HEX) and files.bin,
 * what root reads instead of manifest.json:
 *   u32 "TGEN", text version, u32 n, n × { text path, 32 bytes SHA-256 }, 32 bytes SHA-256 of all before it */
#ifndef APPLY_GENERATION_H
#define APPLY_GENERATION_H

#include "apply/env.h"
#include "base/arena.h"
#include "base/map.h"

struct gen_file {
	const char *path;
	unsigned char sha[SHA256_LEN];
};

struct gen {
	char hex[GEN_NAME];
	struct arena arena;
	struct gen_file *files; /* sorted by path */
	size_t n;
};

/* "sha256:HEX" -> HEX. -E_INVALID when it isn't one. */
int gen_name(const char *digest, char hex[GEN_NAME], struct err *err);
/* Path of a file of a generation; dies on overflow. */
const char *gen_path(char *dst, size_t size, const char *hex, const char *file);

/* Reads files.bin; hex "" gives an empty generation. gen_done() takes a zeroed one too. */
int gen_load(const char *hex, struct gen *ret, struct err *err);
void gen_done(struct gen *g);
const struct gen_file *gen_find(const struct gen *g, const char *path);
/* Reads a file of it and compares with its hash: -E_CORRUPT when the disk has changed it. b is initialised. */
int gen_read(const struct gen *g, const char *path, struct buf *b, struct err *err);
bool gen_exists(const char *hex);
/* All files against their hashes. */
int gen_verify(const char *hex, struct err *err);

/* Compiles the submitted description HEX in the jailed child and stores the generation. Nothing to do when it is there.
 * The submitted file's SHA-256 must be HEX, and the child must say the same digest. */
int gen_make(const struct env *e, const char *hex, struct err *err);

/* Does any file whose path starts with `head` differ between the two? */
bool gen_differs(const struct gen *a, const struct gen *b, const char *head);

/* STATE/current: which generation is in force ("" = none), and the atomic switch ("" removes it). */
int gen_current(char hex[GEN_NAME], struct err *err);
int gen_switch(const char *hex, struct err *err);

#endif
