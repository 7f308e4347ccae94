/* What was bundled comes out, whole; nothing that was altered, or would lead elsewhere. */
#include "pair/bundle.h"

#include "base/err.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const unsigned char key[BUNDLE_KEY] = "the same at both nodes";
#define PEM "keys/keys/4df917949ddb6425cb92c352a938f5eaa7311e7f.pem"

static int note(const char *name, struct str bytes, void *user)
{
	struct buf *b = user;
	buf_printf(b, "%s=%.*s;", name, (int)bytes.len, bytes.ptr);
	return 0;
}

static void make(struct buf *sealed)
{
	struct buf plain;
	struct err err = { 0 };
	buf_init(&plain, 64 * KIB);
	buf_init(sealed, 64 * KIB);
	bundle_add(&plain, "knot_backup.label", STR("label"));
	bundle_add(&plain, "keys/data.mdb", (struct str){ "\0\1\2", 0 });
	bundle_add(&plain, PEM, STR("key"));
	bundle_finish(&plain);
	assert_int_equal(bundle_seal(key, buf_view(&plain), sealed, &err), 0);
	buf_done(&plain);
}

static void it_comes_out_as_it_went_in(void **state)
{
	struct buf sealed, plain, said;
	struct err err = { 0 };
	(void)state;
	make(&sealed);
	buf_init(&plain, 64 * KIB);
	buf_init(&said, 64 * KIB);
	assert_null(memmem(sealed.ptr, sealed.len, "label", 5));
	assert_int_equal(bundle_open(key, buf_view(&sealed), &plain, &err), 0);
	assert_int_equal(bundle_each(buf_view(&plain), note, &said), 0);
	assert_string_equal(buf_cstr(&said), "knot_backup.label=label;keys/data.mdb=;" PEM "=key;");
	buf_done(&sealed), buf_done(&plain), buf_done(&said);
}

static void nothing_altered_is_opened(void **state)
{
	static const unsigned char other[BUNDLE_KEY] = "another";
	struct buf sealed, plain;
	struct err err = { 0 };
	(void)state;
	make(&sealed);
	buf_init(&plain, 64 * KIB);
	assert_int_equal(bundle_open(other, buf_view(&sealed), &plain, &err), -E_DENIED);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.ptr[i] ^= 1;
		assert_int_equal(bundle_open(key, buf_view(&sealed), &plain, &err), -E_DENIED);
		assert_int_equal(plain.len, 0);
		sealed.ptr[i] ^= 1;
	}
	for (size_t n = 0; n < sealed.len; n++)
		assert_true(bundle_open(key, (struct str){ sealed.ptr, n }, &plain, &err) < 0);
	buf_done(&sealed), buf_done(&plain);
}

static void no_name_leads_elsewhere(void **state)
{
	static const char *const bad[] = { "", "/etc/passwd", "../x", "keys/keys/../../x.pem", "keys/keys/4df917949ddb6425cb92c352a938f5eaa7311e7f.pem/x",
		                           "keys/keys/4df9.pem", "keys/data.mdb2", "keys/lock.mdb" };
	struct buf plain, said;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		buf_init(&plain, 64 * KIB);
		buf_init(&said, 64 * KIB);
		bundle_add(&plain, "keys/data.mdb", STR("x"));
		bundle_add(&plain, bad[i], STR("x"));
		bundle_finish(&plain);
		assert_int_equal(bundle_each(buf_view(&plain), note, &said), -E_INVALID);
		assert_int_equal(said.len, 0); /* not even what comes before it */
		buf_done(&plain), buf_done(&said);
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(it_comes_out_as_it_went_in),
		cmocka_unit_test(nothing_altered_is_opened),
		cmocka_unit_test(no_name_leads_elsewhere),
	};
	return cmocka_run_group_tests(cases, NULL, NULL);
}
