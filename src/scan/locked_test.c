/* Documents behind a password, made by another program (officecrypto-tool 0.0.19) of a text of 4,500 bytes: agile and standard. */
#include "scan/locked.h"

#include "base/fs.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD "ひみつ123"

static struct buf file;

static struct str load(const char *name, struct str *ret_package)
{
	char path[512];
	const char *top = getenv("TORIDE_SOURCE");
	snprintf(path, sizeof path, "%s/src/scan/seeds/locked/%s", top ? top : ".", name);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	buf_init(&file, MIB);
	char chunk[4096];
	for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
		buf_put(&file, chunk, n);
	fclose(f);
	size_t n = (unsigned char)file.ptr[0] | (size_t)(unsigned char)file.ptr[1] << 8;
	*ret_package = (struct str){ file.ptr + 2 + n, file.len - 2 - n };
	return (struct str){ file.ptr + 2, n };
}

static void expect_text(struct str s)
{
	char text[5000] = "PK";
	size_t n = 2;
	for (int i = 0; n < 4500; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, " line %d", i);
	assert_int_equal(s.len, 4512); /* whole blocks */
	assert_memory_equal(s.ptr, text, 4500);
}

static void opens(const char *name)
{
	struct str package, info = load(name, &package);
	struct buf out;
	buf_init(&out, MIB);
	assert_int_equal(locked_open(info, package, PASSWORD, &out), LOCKED_OPENED);
	expect_text(buf_view(&out));
	buf_reset(&out);
	assert_int_equal(locked_open(info, package, "wrong", &out), LOCKED_WRONG);
	assert_int_equal(locked_open(info, package, "", &out), LOCKED_WRONG);
	assert_int_equal(out.len, 0);
	/* cut anywhere: never more than there was, never a fault */
	for (size_t n = 0; n < info.len; n += 97)
		locked_open((struct str){ info.ptr, n }, (struct str){ package.ptr, n % 50 }, PASSWORD, &out);
	package.len = 4096; /* the last segment is missing */
	assert_int_equal(locked_open(info, package, PASSWORD, &out), LOCKED_UNKNOWN);
	buf_done(&out);
	buf_done(&file);
}

static void agile(void **state)
{
	opens("agile");
}

static void standard(void **state)
{
	opens("standard");
}

/* A document can't make us turn for minutes. */
static void too_many_turns(void **state)
{
	struct str package, info = load("agile", &package);
	struct buf out;
	char *at = memmem(info.ptr, info.len, "spinCount=\"100000\"", 18);
	buf_init(&out, MIB);
	assert_non_null(at);
	memcpy(at, "spinCount=\"9999999\"", 18); /* and the quote is gone: the number goes on */
	assert_int_equal(locked_open(info, package, PASSWORD, &out), LOCKED_UNKNOWN);
	memcpy(at, "spinCount=\"000000\"", 18);
	assert_int_equal(locked_open(info, package, PASSWORD, &out), LOCKED_UNKNOWN);
	buf_done(&out);
	buf_done(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(agile), cmocka_unit_test(standard), cmocka_unit_test(too_many_turns) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
