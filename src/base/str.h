/* A piece of somebody's text: pointer and length, not ended by NUL, never owned.
 * Outside text stays a struct str until it is validated into a type of its own. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr;
	size_t len;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline struct str str_from(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
bool str_case_eq(struct str a, struct str b); /* ASCII case only */
bool str_starts(struct str s, struct str head);
bool str_ends(struct str s, struct str tail);
bool str_case_starts(struct str s, struct str head);
bool str_case_ends(struct str s, struct str tail);
struct str str_trim(struct str s); /* spaces and tabs at both ends */
/* Takes what stands before the first `sep` out of *s; the whole rest when there is none.
 * False when *s was empty and nothing is left to take (ptr is NULL then). */
bool str_next(struct str *s, char sep, struct str *ret);
/* Decimal without sign or blanks, the whole of it, at most max. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *ret);
/* Writes a NUL-ended copy; false when it doesn't fit or holds a NUL. */
bool str_copy(struct str s, char *dst, size_t size);
/* As much of a text as fits, ended by NUL: snprintf("%s") without the price of a format (a fifth of a microsecond, a dozen
 * times a request). */
void str_clip(const char *s, char *dst, size_t size);
/* An IPv4 address in decimal and dots. By hand: inet_ntop() goes by way of sprintf(), which each request paid four times. */
void ip4_format(const uint8_t addr[4], char dst[16]);
/* Valid UTF-8 (RFC 3629), without NUL. */
bool str_is_utf8(struct str s);
/* How many bytes of it, at most max, so that no letter of UTF-8 is cut in two: printf("%.*s", str_head(s, 100), s). */
int str_head(const char *s, size_t max);
/* Lower-case hex of n bytes; dst holds 2n+1. */
void hex_format(const void *src, size_t n, char *dst);
bool hex_parse(struct str s, void *dst, size_t n);

#endif
