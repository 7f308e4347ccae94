/* The protocol's messages, the cache, what clamd's replies mean, and when signatures count as new. */
#include "scan/cache.h"
#include "scan/clamd.h"
#include "scan/signatures.h"
#include "scan/verdict.h"

#include "base/err.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void requests_go_and_come(void **state)
{
	struct verdict_request rq = { .op = VERDICT_SCAN, .id = 7, .org = "412015", .content_type = "text/html",
		                      .name = "a\nb\x01.exe", .timeout_ms = 5000, .password = "open sesame" }, got;
	struct buf b;
	buf_init(&b, VERDICT_MESSAGE_MAX);
	verdict_request_write(&b, &rq);
	assert_int_equal(verdict_request_read(b.ptr, b.len, &got), 0);
	assert_string_equal(got.name, "a?b?.exe");
	assert_string_equal(got.org, "412015");
	assert_int_equal(got.timeout_ms, 5000);
	assert_string_equal(got.password, "open sesame");
	for (size_t n = 0; n < b.len; n++) /* any shorter message is refused */
		assert_int_equal(verdict_request_read(b.ptr, n, &got), -E_INVALID);
	buf_putc(&b, 0);
	assert_int_equal(verdict_request_read(b.ptr, b.len, &got), -E_INVALID);
	buf_reset(&b);
	memcpy(rq.org, "41x015", 7);
	verdict_request_write(&b, &rq);
	assert_int_equal(verdict_request_read(b.ptr, b.len, &got), -E_INVALID);
	buf_done(&b);
}

static void longest_texts_fit_a_message(void **state)
{
	struct verdict_request rq = { .op = VERDICT_SCAN }, got;
	struct verdict v = { .kind = VERDICT_MALICIOUS }, back;
	uint64_t id;
	struct buf b;
	memset(rq.content_type, 'x', sizeof rq.content_type);
	memset(rq.name, 'y', sizeof rq.name);
	memset(v.malware, 'z', sizeof v.malware);
	buf_init(&b, VERDICT_MESSAGE_MAX);
	verdict_request_write(&b, &rq);
	assert_int_equal(verdict_request_read(b.ptr, b.len, &got), 0);
	assert_int_equal(strlen(got.name), VERDICT_NAME_MAX - 1);
	buf_reset(&b);
	verdict_answer_write(&b, 9, &v);
	assert_int_equal(verdict_answer_read(b.ptr, b.len, &id, &back), 0);
	assert_int_equal(id, 9);
	assert_int_equal(strlen(back.malware), sizeof v.malware - 1);
	buf_done(&b);
}

static const struct {
	const char *reply;
	enum clamd_result result;
	const char *name;
} replies[] = {
	{ "fd[10]: OK", CLAMD_CLEAN, NULL },
	{ "fd[10]: Eicar-Test-Signature FOUND", CLAMD_FOUND, "Eicar-Test-Signature" },
	{ "fd[10]: Toride.Test.UNOFFICIAL FOUND", CLAMD_FOUND, "Toride.Test" },
	{ "fd[10]: Heuristics.Limits.Exceeded.MaxFileSize FOUND", CLAMD_BEYOND, "Heuristics.Limits.Exceeded.MaxFileSize" },
	{ "fd[10]: Heuristics.Encrypted.Zip FOUND", CLAMD_ENCRYPTED, "Heuristics.Encrypted.Zip" },
	{ "fd[10]: Can't allocate memory ERROR", CLAMD_FAILED, NULL },
	{ "COMMAND READ TIMED OUT", CLAMD_FAILED, NULL },
	{ "", CLAMD_FAILED, NULL },
	{ " FOUND", CLAMD_FAILED, NULL },
	{ "fd: FOUND", CLAMD_FAILED, NULL },
	{ "fd:  FOUND", CLAMD_FAILED, NULL },
	{ "OK", CLAMD_FAILED, NULL },
};

static void replies_have_one_meaning(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		struct str name;
		if (clamd_reply(str_from(replies[i].reply), &name) != replies[i].result)
			fail_msg("%s", replies[i].reply);
		if (replies[i].name)
			assert_true(str_eq(name, str_from(replies[i].name)));
	}
}

static struct verdict verdict_of(unsigned n, uint8_t kind, uint64_t generation)
{
	struct verdict v = { .kind = kind, .generation = generation, .type = "pdf" };
	for (size_t i = 0; i < VERDICT_SHA; i++)
		v.sha256[i] = (uint8_t)((n * 2654435761u) >> (i % 4 * 8)) ^ (uint8_t)(n >> (i % 3));
	memcpy(v.sha256, &n, sizeof n);
	snprintf(v.malware, sizeof v.malware, "%s", kind == VERDICT_MALICIOUS ? "Bad" : "");
	return v;
}

static void cache_holds_only_what_it_may(void **state)
{
	_Atomic uint64_t generation = 5;
	struct verdict_cache c;
	struct verdict v, got;
	assert_int_equal(verdict_cache_init(&c, 64, 10000, &generation), 0);
	for (uint8_t kind = VERDICT_UNKNOWN; kind <= VERDICT_ERROR; kind++) {
		v = verdict_of(kind, kind, 5);
		verdict_cache_put(&c, &v, 1000);
		assert_int_equal(verdict_cache_get(&c, v.sha256, 1000, &got), kind == VERDICT_CLEAN || kind == VERDICT_MALICIOUS);
	}
	v = verdict_of(2, VERDICT_MALICIOUS, 5);
	assert_true(verdict_cache_get(&c, v.sha256, 1000, &got));
	assert_string_equal(got.malware, "Bad");
	assert_string_equal(got.type, "pdf");
	assert_true(got.cached);
	v = verdict_of(1, VERDICT_CLEAN, 5);
	assert_false(verdict_cache_get(&c, v.sha256, 20000, &got)); /* clean ages */
	v = verdict_of(50, VERDICT_CLEAN, 4);
	verdict_cache_put(&c, &v, 1000); /* made with older signatures */
	assert_false(verdict_cache_get(&c, v.sha256, 1000, &got));
	generation = 6;
	v = verdict_of(2, VERDICT_MALICIOUS, 5);
	assert_false(verdict_cache_get(&c, v.sha256, 1000, &got)); /* newer signatures: all must be asked again */
	generation = 0;
	v = verdict_of(60, VERDICT_CLEAN, 0);
	verdict_cache_put(&c, &v, 1000);
	assert_false(verdict_cache_get(&c, v.sha256, 1000, &got)); /* no scanner ever: nothing is known */
	verdict_cache_done(&c);
}

static void cache_is_bounded_and_keeps_the_used(void **state)
{
	_Atomic uint64_t generation = 1;
	struct verdict_cache c;
	struct verdict v, got, hot = verdict_of(999999, VERDICT_CLEAN, 1);
	size_t there = 0;
	assert_int_equal(verdict_cache_init(&c, 1024, 0, &generation), 0);
	verdict_cache_put(&c, &hot, 0);
	for (unsigned i = 0; i < 20000; i++) {
		v = verdict_of(i, VERDICT_CLEAN, 1);
		verdict_cache_put(&c, &v, i);
		assert_true(verdict_cache_get(&c, hot.sha256, i, &got)); /* asked for again and again */
	}
	for (unsigned i = 0; i < 20000; i++) {
		v = verdict_of(i, VERDICT_CLEAN, 1);
		there += verdict_cache_get(&c, v.sha256, 0, &got);
	}
	assert_in_range(there, 512, 1024);
	verdict_cache_done(&c);
}

static void signatures_change_with_their_directory(void **state)
{
	char dir[] = "/tmp/toride-sig-XXXXXX", file[64];
	_Atomic uint64_t generation = 41;
	struct signatures s;
	assert_non_null(mkdtemp(dir));
	signatures_init(&s, dir, &generation);
	assert_int_equal(generation, 42);
	assert_false(signatures_tick(&s, 1000));
	assert_int_equal(generation, 42);
	usleep(20000);
	snprintf(file, sizeof file, "%s/new.ndb", dir);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	fclose(f);
	assert_true(signatures_tick(&s, 2000));
	assert_int_equal(generation, 43);
	assert_false(signatures_tick(&s, 3000));
	assert_int_equal(generation, 43);
	signatures_tick(&s, 23000); /* what was scanned while they loaded goes too */
	assert_int_equal(generation, 44);
	signatures_tick(&s, 300000);
	assert_int_equal(generation, 46);
	signatures_tick(&s, 900000);
	assert_int_equal(generation, 46);
	unlink(file);
	rmdir(dir);
}

static void version_tells_the_age(void **state)
{
	_Atomic uint64_t generation = 1;
	struct signatures s;
	signatures_init(&s, "/nonexistent", &generation);
	assert_int_equal(signatures_age_s(&s, 1000), 0);
	signatures_version(&s, STR("ClamAV 1.4.6/27812/Sat Nov 21 08:24:03 2026"));
	assert_true(s.clamd_up);
	assert_int_equal(s.version, 27812);
	assert_int_equal(signatures_age_s(&s, 1795249443000 + 3600000), 3600);
	uint64_t before = generation;
	signatures_version(&s, STR("ClamAV 1.4.6/27813/Sun Nov 22 08:24:03 2026"));
	assert_int_equal(generation, before + 1);
	signatures_version(&s, STR("ClamAV 1.4.6"));
	assert_true(s.clamd_up);
	signatures_version(&s, (struct str){ NULL, 0 });
	assert_false(s.clamd_up);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_go_and_come),
		cmocka_unit_test(longest_texts_fit_a_message),
		cmocka_unit_test(replies_have_one_meaning),
		cmocka_unit_test(cache_holds_only_what_it_may),
		cmocka_unit_test(cache_is_bounded_and_keeps_the_used),
		cmocka_unit_test(signatures_change_with_their_directory),
		cmocka_unit_test(version_tells_the_age),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
