/* See mem.h. The one file that may call malloc and free. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_long fail_at;
static atomic_long counted;

static int must_fail(void)
{
	long n = atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed) + 1;
	return n == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

void mem_fail_at(long n)
{
	atomic_store(&counted, 0);
	atomic_store(&fail_at, n);
}

long mem_count(void)
{
	return atomic_load(&counted);
}

void *mem_alloc(size_t size)
{
	return must_fail() ? NULL : calloc(1, size ? size : 1);
}

void *mem_array(size_t n, size_t size)
{
	if (size && n > SIZE_MAX / size)
		return NULL;
	return mem_alloc(n * size);
}

void *mem_grow(void *p, size_t size)
{
	return must_fail() ? NULL : realloc(p, size ? size : 1);
}

char *mem_strndup(const char *s, size_t n)
{
	char *p = mem_alloc(n + 1);
	if (p && n)
		memcpy(p, s, n);
	return p;
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

void mem_free(void *p)
{
	free(p);
}
