/* cmocka and what it wants before it; the first include of every x_test.c. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define assert_str(s, lit)                                  \
	do {                                                \
		struct str got_ = (s);                      \
		assert_int_equal(got_.len, strlen(lit));    \
		assert_memory_equal(got_.ptr, lit, got_.len); \
	} while (0)

#endif
