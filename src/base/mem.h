/* Heap memory that can be made to fail in tests. raw malloc doesn't build elsewhere (tools/bans). */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <unistd.h>

#define KIB 1024u
#define MIB (1024u * 1024u)

void *mem_alloc(size_t size);             /* zeroed; NULL when there is none; free with mem_free */
void *mem_array(size_t n, size_t size);   /* zeroed; NULL on overflow too */
void *mem_grow(void *p, size_t size);     /* realloc; the new part isn't zeroed; NULL leaves p valid */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
void mem_free(void *p);

/* Tests: the n-th allocation from now (1 = the next) fails, once; 0 switches that off. */
void mem_fail_at(long n);
/* Allocations counted since the last mem_fail_at(). */
long mem_count(void);

static inline void cleanup_free(void *p)
{
	mem_free(*(void **)p);
}
static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_fd_ _cleanup_(cleanup_fd)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
