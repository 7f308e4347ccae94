/* A growing byte buffer with a ceiling. Errors stick: write as often as you like, ask once.
 *
 * buf_init() fixes the ceiling; a write that would pass it, or finds no memory, sets buf.failed to
 * -E_LIMIT or -E_NOMEM and leaves the content as it was; later writes do nothing. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

#include <stdarg.h>

struct buf {
	char *ptr; /* owned; not ended by NUL unless buf_cstr() was called */
	size_t len, cap, max;
	int failed; /* 0 or a negative err_code */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees; b may be used again after buf_init */
void buf_wipe(struct buf *b);  /* the same of what held a secret */
void buf_reset(struct buf *b); /* empties, keeps the memory, clears the error */
bool buf_room(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_str(struct buf *b, struct str s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u64(struct buf *b, uint64_t v); /* decimal */
void buf_i64(struct buf *b, int64_t v);
void buf_percent(struct buf *b, struct str s); /* for a URL: what RFC 3986 2.3 calls unreserved as it is, the rest as %XX */
/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);
/* Ends it with a NUL that isn't counted; "" when failed or empty. */
const char *buf_cstr(struct buf *b);
static inline struct str buf_view(const struct buf *b)
{
	return (struct str){ b->ptr ? b->ptr : "", b->len };
}

/* JSON out (RFC 8259). Text that isn't UTF-8 gets U+FFFD in place of its bad bytes. */
void json_str(struct buf *b, struct str s);               /* "…" with quotes */
void json_key(struct buf *b, const char *key);            /* "key": with a comma before it where one is due */
void json_field(struct buf *b, const char *key, struct str value);
void json_field_s(struct buf *b, const char *key, const char *value);
void json_field_u64(struct buf *b, const char *key, uint64_t value);
void json_field_bool(struct buf *b, const char *key, bool value);

#endif
