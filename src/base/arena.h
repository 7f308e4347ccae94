/* Memory for one unit of work (a compile, a mail, a request), freed by one call. Has a ceiling. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;
struct arena {
	struct arena_block *last;
	size_t used, max; /* bytes handed out; the ceiling */
};

void arena_init(struct arena *a, size_t max);
void arena_done(struct arena *a);                            /* frees everything; a is empty and usable */
void *arena_alloc(struct arena *a, size_t size);             /* zeroed, aligned to 16; NULL past the ceiling */
void *arena_array(struct arena *a, size_t n, size_t size);   /* NULL on overflow too */
char *arena_strdup(struct arena *a, struct str s);           /* ended by NUL */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
