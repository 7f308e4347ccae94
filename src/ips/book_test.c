/* Books of signatures: what a source becomes, stages over releases, what a trial by captures takes out, how long one was on trial. */
#include "base/test.h"

#include "base/mem.h"
#include "ips/book.h"
#include "ips/clean.h"

#include <stdio.h>

#define R(sid, rev, what) "alert tcp any any -> $HOME_NET 80 (msg:\"" what "\"; content:\"" what "\"; sid:" #sid "; rev:" #rev ";)\n"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct book import(const char *text)
{
	struct book b;
	struct err err = { 0 };
	if (book_import(str_from(text), "et-open", &b, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	return b;
}

/* "7/1 act, 7/2 trial" */
static const char *stages(const struct book *b)
{
	static char text[512];
	size_t n = 0;
	text[0] = 0;
	for (size_t i = 0; i < b->n && n < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%u/%u %s", i ? ", " : "", b->list[i].rule.sid, b->list[i].rule.rev,
		                      b->list[i].stage == IPS_STAGE_DROP ? "act" : "trial");
	return text;
}

static void test_import(void **state)
{
	(void)state;
	struct book b = import("# comment\r\n\n" R(9, 1, "b") "#" R(3, 1, "off") R(7, 2, "a") "pass tcp any any -> any any (sid:8;)\n" R(7, 3, "again")
	                       R(9100001, 1, "ours") "alert http any any -> any any (lua:x; sid:11; rev:4;)\n");
	assert_string_equal(stages(&b), "7/2 trial, 9/1 trial");
	assert_int_equal(b.n_refused, 4);
	struct err err;
	struct buf text;
	buf_init(&text, MIB);
	book_format(&b, &text);
	assert_non_null(strstr(buf_cstr(&text), "# toride-ips 1 et-open "));
	assert_non_null(strstr(buf_cstr(&text), "\n#refused 0 0 line-6 the action \"pass\" isn't taken: only alert, drop or reject\n"));
	assert_non_null(strstr(buf_cstr(&text), "\n#refused 9100001 1 line-8 its sid is one of those that are kept"));
	assert_non_null(strstr(buf_cstr(&text), "\n#refused 7 3 line-7 its sid is another rule's\n"));
	assert_non_null(strstr(buf_cstr(&text), "\n#trial alert tcp any any -> $HOME_NET 80 (msg:\"a\"; content:\"a\"; sid:7; rev:2;)\n"
	                                        "alert tcp any any -> $HOME_NET 80 (msg:\"a\"; content:\"a\"; sid:7; rev:2; gid:3;)\n"));
	assert_null(strstr(buf_cstr(&text), "\nreject"));
	struct book c;
	assert_int_equal(book_parse(buf_view(&text), &c, &err), 0);
	assert_string_equal(stages(&c), stages(&b));
	assert_int_equal(c.n_refused, 4);
	assert_string_equal(c.refused[0].where, b.refused[0].where);
	assert_string_equal(c.input, b.input);
	book_done(&b);
	book_done(&c);
	buf_done(&text);
	assert_int_equal(book_import(STR("pass ip any any -> any any (sid:1;)\n"), "x", &b, &err), -E_INVALID);
	book_done(&b);
}

static void test_carry(void **state)
{
	(void)state;
	struct book one = import(R(1, 1, "a") R(2, 1, "b") R(3, 1, "c") R(4, 1, "d"));
	for (uint32_t sid = 1; sid <= 3; sid++)
		assert_true(book_promote(&one, sid));
	assert_false(book_promote(&one, 1));
	assert_false(book_promote(&one, 5));
	assert_string_equal(stages(&one), "1/1 act, 2/1 act, 3/1 act, 4/1 trial");
	/* 1 as it was, 2 changed, 3 gone, 4 as it was, 5 new */
	struct book two = import(R(1, 1, "a") R(2, 2, "bb") R(4, 1, "d") R(5, 1, "e"));
	assert_int_equal(book_carry(&two, &one, A64), 0);
	assert_string_equal(stages(&two), "1/1 act, 2/1 act, 2/2 trial, 4/1 trial, 5/1 trial");
	struct buf text;
	buf_init(&text, MIB);
	book_format(&two, &text);
	assert_non_null(strstr(buf_cstr(&text), " " A64 "\n"));
	assert_non_null(strstr(buf_cstr(&text), "rejectboth tcp any any -> $PREVENT_NET 80 (msg:\"b\"; content:\"b\"; sid:2; rev:1; tag:session,16,packets; gid:1;)"));
	assert_non_null(strstr(buf_cstr(&text), "alert tcp any any -> $HOME_NET 80 (msg:\"bb\"; content:\"bb\"; sid:2; rev:2; gid:3;)"));
	/* what it replaces goes when it acts */
	assert_false(book_demote(&two, 2));
	assert_true(book_promote(&two, 2));
	assert_true(book_demote(&two, 1));
	assert_string_equal(stages(&two), "1/1 trial, 2/2 act, 4/1 trial, 5/1 trial");
	buf_done(&text);
	book_done(&one);
	book_done(&two);
}

static void test_trial_time(void **state)
{
	(void)state;
	struct book newest = import(R(1, 1, "a") R(2, 2, "bb") R(3, 1, "c") R(4, 1, "d")), middle = import(R(1, 1, "a") R(2, 1, "b") R(3, 1, "c")),
	            oldest = import(R(1, 1, "a") R(2, 2, "bb") R(3, 1, "c"));
	assert_true(book_promote(&middle, 3)); /* it acted, and was put back on trial since */
	book_trial_time(&newest, &newest, 10);
	book_trial_time(&newest, &middle, 100);
	book_trial_time(&newest, &oldest, 1000);
	assert_int_equal(book_find(&newest, 1, IPS_STAGE_TRIAL)->trial_s, 1110);
	assert_int_equal(book_find(&newest, 2, IPS_STAGE_TRIAL)->trial_s, 10);
	assert_int_equal(book_find(&newest, 3, IPS_STAGE_TRIAL)->trial_s, 10);
	assert_int_equal(book_find(&newest, 4, IPS_STAGE_TRIAL)->trial_s, 10);
	book_done(&newest);
	book_done(&middle);
	book_done(&oldest);
}

static void test_judge(void **state)
{
	(void)state;
	/* 1 stands twice, so what is said of line 4 is of 3 */
	struct book b = import("alert tcp any any -> any any (content:\"a\"; sid:1;)\n" R(2, 1, "b") R(3, 1, "c") R(4, 1, "d") R(5, 1, "e"));
	struct buf text;
	assert_true(book_promote(&b, 5));
	buf_init(&text, MIB);
	book_format_try(&b, &text);
	struct str rest = buf_view(&text), line;
	size_t lines = 0;
	while (rest.len && str_next(&rest, '\n', &line)) {
		lines++;
		assert_true(str_starts(line, STR("alert tcp ")));
		assert_non_null(memmem(line.ptr, line.len, "$HOME_NET", 9));
	}
	assert_int_equal(lines, 6);
	int r = book_judge(&b, STR("i: suricata: This is\nE: detect-parse: unknown rule keyword 'c'.\nE: detect: error parsing signature \"alert \" at line 1\" from file x at line 4\n"
	                           "E: detect: error parsing signature \"alert\" from file x at line 99\n"),
	                   STR("{\"event_type\":\"alert\",\"pcap_filename\":\"/x/up dates.pcap\",\"alert\":{\"gid\":6,\"signature_id\":1}}\nbroken\n"
	                       "{\"event_type\":\"alert\",\"alert\":{\"gid\":2,\"signature_id\":5}}\n{\"event_type\":\"alert\",\"alert\":{\"gid\":2,\"signature_id\":4}}\n"
	                       "{\"event_type\":\"alert\",\"pcap_filename\":\"x\",\"alert\":{\"gid\":3,\"signature_id\":1}}\n{\"event_type\":\"stats\"}\n"));
	assert_int_equal(r, 0);
	assert_string_equal(stages(&b), "2/1 trial, 4/1 trial");
	assert_int_equal(b.n_refused, 3);
	assert_int_equal(b.refused[0].sid, 3);
	assert_string_equal(b.refused[0].where, "engine");
	assert_string_equal(b.refused[0].words, "detect-parse: unknown rule keyword 'c'.");
	assert_int_equal(b.refused[1].sid, 1);
	assert_string_equal(b.refused[1].where, "up_dates.pcap");
	assert_int_equal(b.refused[2].sid, 5);
	book_done(&b);
	buf_done(&text);
}

static const struct {
	const char *text, *why;
} bad[] = {
	{ "", "not a book" },
	{ R(1, 1, "a"), "not a book" },
	{ "# toride-ips 1 x " A64 "\n", "head" },
	{ "# toride-ips 1 X " A64 " -\n", "head" },
	{ "# toride-ips 1 x " A64 " b\n", "head" },
	{ "# toride-ips 1 x " A64 " - y\n", "head" },
	{ "# toride-ips 1 x " A64 " -\n#refused 1 x\n", "refusal" },
	{ "# toride-ips 1 x " A64 " -\n#act pass ip any any -> any any (sid:1;)\n", "action" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct book b;
		struct err err = { 0 };
		if (book_parse(str_from(bad[i].text), &b, &err) != -E_INVALID || !strstr(err.msg, bad[i].why))
			fail_msg("%s: said \"%s\"", bad[i].text, err.msg);
		book_done(&b);
	}
	assert_false(book_source_ok(STR("")));
	assert_false(book_source_ok(STR("a/b")));
	assert_true(book_source_ok(STR("et-open-2")));
}

static void test_memory(void **state)
{
	(void)state;
	static const char text[] = R(1, 1, "a") R(2, 1, "b") "pass x\n";
	for (long n = 1; n < 40; n++) {
		struct book b, before = import(R(1, 1, "a"));
		struct err err;
		mem_fail_at(n);
		int r = book_import(STR(text), "x", &b, &err);
		r = r < 0 ? r : book_carry(&b, &before, A64);
		r = r < 0 ? r : book_judge(&b, STR(""), STR(""));
		mem_fail_at(0);
		assert_true(r == 0 || r == -E_NOMEM || r == -E_LIMIT);
		book_done(&b);
		book_done(&before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_import), cmocka_unit_test(test_carry), cmocka_unit_test(test_trial_time),
		                            cmocka_unit_test(test_judge), cmocka_unit_test(test_bad), cmocka_unit_test(test_memory) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
