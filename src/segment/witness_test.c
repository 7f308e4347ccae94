/* What a witness keeps comes back as a mail does, and says only what was signed. */
#include "segment/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "segment/fake_vault.h"

#include <stdio.h>

static char text[3][1024]; /* checkpoints 1 to 3, as a witness gets them */

static void make(uint64_t number, char *dst)
{
	struct checkpoint c = { .number = number, .n = 2, .time_ms = 1795386357000 + (int64_t)number };
	struct buf body, out;
	memset(c.prev, (int)number, sizeof c.prev);
	memset(c.root, 7, sizeof c.root);
	buf_init(&body, 4096);
	buf_init(&out, 4096);
	checkpoint_body(&c, &body);
	assert_int_equal(fake_seal(buf_view(&body), c.sig, c.key, NULL, NULL), 0);
	witness_format(&c, &out);
	snprintf(dst, 1024, "%s", buf_cstr(&out));
	buf_done(&out);
	buf_done(&body);
}

static int make_all(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		make((uint64_t)i + 1, text[i]);
	return 0;
}

static struct witnesses parse(const char *mail)
{
	struct witnesses w;
	assert_int_equal(witnesses_parse(str_from(mail), &w), 0);
	return w;
}

static void test_mail(void **state)
{
	char mail[8192] = "From: soc@toride.example\r\nSubject: witness\r\n\r\nPlease keep this.\r\n";
	size_t n = strlen(mail);
	(void)state;
	for (int i = 2; i >= 0; i--) { /* the newest on top, quoted, with a mail's line ends */
		struct str rest = str_from(text[i]), line;
		while (rest.len && str_next(&rest, '\n', &line))
			n += (size_t)snprintf(mail + n, sizeof mail - n, "> " STR_FMT "\r\n", STR_ARG(line));
		n += (size_t)snprintf(mail + n, sizeof mail - n, "\r\n-- \r\n");
	}
	struct witnesses w = parse(mail);
	assert_int_equal(w.n, 3);
	assert_int_equal(w.bad, 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(w.list[i].number, i + 1);
		assert_int_equal(w.list[i].time_ms, 1795386357001 + (int64_t)i);
	}
	assert_memory_not_equal(w.list[0].hash, w.list[1].hash, SEGMENT_HASH);
	witnesses_done(&w);
}

static void test_altered(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = { { "\n1\n", "\n9\n" }, { "1795386357001", "1795386357002" }, { "0707", "0807" }, { "\n2\n", "\n3\n" }, { "\nkey ", "\nkey 0" }, { "\nsig", "\nSig" } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char changed[1100];
		const char *at = strstr(text[0], cases[i].from);
		assert_non_null(at);
		snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text[0]), text[0], cases[i].to, at + strlen(cases[i].from));
		struct witnesses w = parse(changed);
		if (w.n != 0 || w.bad != 1)
			fail_msg("case %zu", i);
		witnesses_done(&w);
	}
}

static void test_cut_short(void **state)
{
	(void)state;
	struct witnesses w = parse("toride checkpoint v1\n1\n");
	assert_int_equal(w.n, 0);
	assert_int_equal(w.bad, 1);
	w = parse("nothing of the kind\n{\"v\":1}\n");
	assert_int_equal(w.n, 0);
	assert_int_equal(w.bad, 0);
	w = parse("");
	assert_int_equal(w.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_mail), cmocka_unit_test(test_altered), cmocka_unit_test(test_cut_short) };
	return cmocka_run_group_tests(tests, make_all, NULL);
}
