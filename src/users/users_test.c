/* Messages, what browsers send, and what is remembered of right and wrong passwords. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "users/keytab.h"
#include "users/tries.h"

#include <stdio.h>

static struct users_request ask(const char *org, const char *name, const char *password, const char *terminal)
{
	struct users_request r = { .id = 7 };
	str_copy(str_from(org), r.org, sizeof r.org);
	str_copy(str_from(name), r.name, sizeof r.name);
	str_copy(str_from(password), r.password, sizeof r.password);
	assert_int_equal(prefix_parse(str_from(terminal), &r.terminal), 0);
	return r;
}

static void messages_go_and_come(void **state)
{
	struct users_request rq = ask("412015", "tarō", "a b:c", "10.1.0.5"), got;
	struct users_answer a = { .id = 9, .result = USERS_OK, .user = { "taro", "soumu,zaisei" } }, back;
	struct buf b;
	buf_init(&b, USERS_MESSAGE_MAX);
	users_request_write(&b, &rq);
	assert_int_equal(users_request_read(b.ptr, b.len, &got), 0);
	assert_string_equal(got.name, "tarō");
	assert_string_equal(got.password, "a b:c");
	assert_memory_equal(&got.terminal, &rq.terminal, sizeof got.terminal);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(users_request_read(b.ptr, n, &got), -E_INVALID);
	buf_reset(&b);
	rq.password[0] = 0; /* would be anonymous to a directory */
	users_request_write(&b, &rq);
	assert_int_equal(users_request_read(b.ptr, b.len, &got), -E_INVALID);
	buf_reset(&b);
	users_answer_write(&b, &a);
	assert_int_equal(users_answer_read(b.ptr, b.len, &back), 0);
	assert_string_equal(back.user.groups, "soumu,zaisei");
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(users_answer_read(b.ptr, n, &back), -E_INVALID);
	buf_reset(&b);
	a.user.name[0] = 0; /* right, but nobody */
	users_answer_write(&b, &a);
	assert_int_equal(users_answer_read(b.ptr, b.len, &back), -E_INVALID);
	buf_done(&b);
}

static void what_browsers_send(void **state)
{
	static const struct {
		const char *header, *name, *password;
		int r;
	} cases[] = {
		{ "Basic dGFybzpwYXNz", "taro", "pass", 0 },
		{ "basic  dGFybzpwYXNz ", "taro", "pass", 0 },
		{ "Basic dGFybzpwOmE=", "taro", "p:a", 0 },
		{ "Basic dGFybzpwYQ==", "taro", "pa", 0 },
		{ "Basic 5aSq6YOOOnBhc3M=", "太郎", "pass", 0 },
		{ "Basic dGFybzo=", "", "", -E_INVALID },         /* no password */
		{ "Basic OnBhc3M=", "", "", -E_INVALID },         /* no name */
		{ "Basic dGFyb3Bhc3M=", "", "", -E_INVALID },     /* no colon */
		{ "Basic KjpwYXNz", "", "", -E_INVALID },         /* * */
		{ "Basic YSkodWlkPSo6eA==", "", "", -E_INVALID }, /* a)(uid=* */
		{ "Basic IGE6eA==", "", "", -E_INVALID },         /* blank before it */
		{ "Basic IzA0MDE2MTp4", "", "", -E_INVALID },     /* #040161: "a", as a DN may write it */
		{ "Basic YSM6eA==", "a#", "x", 0 },
		{ "Basic YQpiOng=", "", "", -E_INVALID },         /* a newline in it */
		{ "Basic YTp4Cnk=", "", "", -E_INVALID },         /* a newline in the password */
		{ "Basic YTp4AHk=", "", "", -E_INVALID },         /* a NUL */
		{ "Basic ////", "", "", -E_INVALID },
		{ "Basic dGFybzpwYXN", "", "", -E_INVALID },
		{ "Basic ", "", "", -E_NOT_FOUND },
		{ "Basic", "", "", -E_NOT_FOUND },
		{ "Negotiate dGFybzpwYXNz", "", "", -E_NOT_FOUND },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct users_request r = { 0 };
		assert_int_equal(users_basic(str_from(cases[i].header), &r), cases[i].r);
		if (cases[i].r < 0)
			continue;
		assert_string_equal(r.name, cases[i].name);
		assert_string_equal(r.password, cases[i].password);
	}
}

static void tickets_go_unread(void **state)
{
	struct users_request r = { .org = "412015" }, got;
	struct buf b;
	assert_int_equal(prefix_parse(STR("10.1.0.5"), &r.terminal), 0);
	assert_int_equal(users_negotiate(STR("negotiate  YIIabc+/ "), &r), 0);
	assert_string_equal(r.ticket, "YIIabc+/");
	buf_init(&b, USERS_REQUEST_MAX);
	users_request_write(&b, &r);
	assert_int_equal(users_request_read(b.ptr, b.len, &got), 0);
	assert_string_equal(got.ticket, "YIIabc+/");
	users_request_wipe(&got);
	assert_null(got.ticket);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(users_request_read(b.ptr, n, &got), -E_INVALID);
	buf_reset(&b);
	str_copy(STR("taro"), r.name, sizeof r.name); /* either one or the other */
	users_request_write(&b, &r);
	assert_int_equal(users_request_read(b.ptr, b.len, &got), -E_INVALID);
	users_request_wipe(&r);
	buf_done(&b);
}

static void what_is_no_ticket(void **state)
{
	static const struct {
		const char *header;
		int r;
	} cases[] = {
		{ "Basic dGFybzpwYXNz", -E_NOT_FOUND }, { "Negotiate", -E_NOT_FOUND }, { "Negotiate  ", -E_NOT_FOUND }, { "Negotiate YII", -E_INVALID },
		{ "Negotiate YI I", -E_INVALID }, { "Negotiate YII=YII=", -E_INVALID }, { "Negotiate YI==", 0 }, { "Negotiate Y===", -E_INVALID },
		{ "Negotiate YII\x01", -E_INVALID }, { "Negotiate YIIa, Basic dGFybzpwYXNz", -E_INVALID },
	};
	struct users_request r = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(users_negotiate(str_from(cases[i].header), &r), cases[i].r);
		users_request_wipe(&r);
	}
	struct buf b;
	buf_init(&b, 2 * USERS_TICKET_MAX);
	buf_puts(&b, "Negotiate ");
	for (size_t i = 0; i < USERS_TICKET_MAX + 4; i++)
		buf_putc(&b, 'A');
	assert_int_equal(users_negotiate(buf_view(&b), &r), -E_INVALID);
	buf_done(&b);
}

/* ---- keytabs ---- */

/* As ktutil writes them: of RC4 one, of another name one, a hole, and two of AES for us (the second with its long version). */
static const char some_keys[] = "\5\2"
	"\0\0\0\x34\0\2\0\4CITY\0\4HTTP\0\7proxy.x\0\0\0\1\0\0\0\0\3\0\x17\0\x10" "0123456789abcdef"
	"\0\0\0\x34\0\2\0\4CITY\0\4HTTP\0\7other.x\0\0\0\1\0\0\0\0\3\0\x11\0\x10" "0123456789abcdef"
	"\xff\xff\xff\xfe" "zz"
	"\0\0\0\x34\0\2\0\4CITY\0\4http\0\7Proxy.X\0\0\0\1\0\0\0\0\3\0\x11\0\x10" "0123456789abcdef"
	"\0\0\0\x48\0\2\0\4CITY\0\4HTTP\0\7proxy.x\0\0\0\1\0\0\0\0\4\0\x12\0\x20" "0123456789abcdef0123456789abcdef\0\0\1\4";

static void keys_of_a_keytab(void **state)
{
	struct keytab k = { 0 }, again;
	struct err err = { 0 };
	struct buf b;
	size_t n = sizeof some_keys - 1;
	assert_int_equal(keytab_read(some_keys, n, "HTTP", "proxy.x", &k, &err), 0);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.left_out, 2);
	assert_int_equal(k.keys[0].type, 17);
	assert_int_equal(k.keys[0].number, 3);
	assert_string_equal(k.keys[1].realm, "CITY");
	assert_int_equal(k.keys[1].number, 260);
	assert_memory_equal(k.keys[1].key, "0123456789abcdef0123456789abcdef", 32);
	buf_init(&b, KEYTAB_FILE_MAX);
	keytab_write(&k, &b);
	assert_int_equal(keytab_read(b.ptr, b.len, "HTTP", "proxy.x", &again, &err), 0);
	assert_int_equal(again.n, 2);
	assert_int_equal(again.keys[1].number, 260);
	for (size_t i = 0; i < b.len; i++) { /* cut anywhere: no keytab, or the keys before the cut */
		int r = keytab_read(b.ptr, i, "HTTP", "proxy.x", &again, &err);
		assert_true(r == -E_INVALID || (r == -E_NOT_FOUND && i == 2) || (r == 0 && again.n == 1));
	}
	assert_int_equal(keytab_read(some_keys, n, "HTTP", "none.x", &again, &err), -E_NOT_FOUND);
	assert_int_equal(keytab_read("\5\1", 2, "HTTP", "proxy.x", &again, &err), -E_INVALID);
	buf_done(&b);
}

/* ---- tries ---- */

static const struct users_answer right = { .result = USERS_OK, .user = { "taro", "soumu" } }, wrong = { .result = USERS_WRONG };

static enum users_result look(struct tries *t, const struct users_request *r, int64_t now)
{
	struct users_answer a;
	return tries_look(t, r, now, &a) ? a.result : USERS_RESULTS;
}
#define ASKED USERS_RESULTS /* the directory is */

static int make(void **state)
{
	struct tries *t = NULL;
	int r = tries_create(&t);
	*state = t;
	return r;
}

static int end(void **state)
{
	struct tries *t = *state;
	tries_destroy(&t);
	return 0;
}

static void right_ones_are_kept(void **state)
{
	struct tries *t = *state;
	struct tries_news news;
	struct users_answer a;
	struct users_request r = ask("412015", "taro", "p", "10.1.0.5"), other = ask("412023", "taro", "p", "10.1.0.5"), typo = ask("412015", "taro", "q", "10.1.0.5");
	assert_int_equal(look(t, &r, 1000), ASKED);
	tries_note(t, &r, &right, 1000, &news);
	assert_true(news.first);
	assert_int_equal(look(t, &r, 1000 + TRIES_FRESH_MS - 1), USERS_OK);
	assert_int_equal(look(t, &other, 1001), ASKED); /* another body's taro is somebody else */
	assert_int_equal(look(t, &typo, 1001), ASKED);
	assert_int_equal(look(t, &r, 1000 + TRIES_FRESH_MS), ASKED);
	assert_true(tries_stale(t, &r, 1000 + TRIES_STALE_MS - 1, &a));
	assert_string_equal(a.user.groups, "soumu");
	assert_false(tries_stale(t, &r, 1000 + TRIES_STALE_MS, &a));
	tries_note(t, &r, &right, 1000 + TRIES_FRESH_MS, &news);
	assert_false(news.first); /* he was here all the time */
	tries_note(t, &r, &wrong, 1000 + TRIES_FRESH_MS + 1, &news); /* it was changed */
	assert_int_equal(look(t, &r, 1000 + TRIES_FRESH_MS + 2), USERS_WRONG);
	assert_false(tries_stale(t, &r, 1000 + TRIES_FRESH_MS + 2, &a));
	tries_note(t, &r, &right, 5000, &news);
	tries_forget(t, "412023");
	assert_int_equal(look(t, &r, 5001), USERS_OK);
	tries_forget(t, "412015");
	assert_int_equal(look(t, &r, 5001), ASKED);
}

/* Wrong passwords one by one; how many were asked until it was locked. */
static unsigned guess(struct tries *t, const char *name, const char *terminal, int64_t now, unsigned max, const char **ret_what)
{
	char password[16];
	struct tries_news news;
	for (unsigned i = 0; i < max; i++) {
		snprintf(password, sizeof password, "p%lld-%u", (long long)now, i);
		struct users_request r = ask("412015", name, password, terminal);
		if (look(t, &r, now) == USERS_LOCKED)
			return i;
		tries_note(t, &r, &wrong, now, &news);
		if (news.locked)
			*ret_what = news.what;
	}
	return max;
}

static void guessing_ends(void **state)
{
	struct tries *t = *state;
	const char *what = "";
	struct tries_news news;
	struct users_request good = ask("412015", "jiro", "good", "10.1.0.5"), there = ask("412015", "jiro", "good", "10.1.0.6");
	assert_int_equal(guess(t, "Jiro", "10.1.0.5", 1, 9, &what), TRIES_PAIR);
	assert_string_equal(what, "name at terminal");
	assert_int_equal(look(t, &good, 1), USERS_LOCKED); /* case doesn't matter */
	assert_int_equal(look(t, &there, 1), ASKED);
	tries_note(t, &there, &right, 1, &news);
	assert_int_equal(look(t, &good, 1), USERS_OK); /* the same name and password: known to be right */
	assert_int_equal(guess(t, "jiro", "10.1.0.5", TRIES_LOCK_MS, 9, &what), 0);
	assert_int_equal(guess(t, "jiro", "10.1.0.5", TRIES_LOCK_MS + 2, 9, &what), TRIES_PAIR);
}

/* Whoever works isn't locked out by others' guesses at his name, as long as his password stays what it was. */
static void who_works_goes_on(void **state)
{
	struct tries *t = *state;
	const char *what = "";
	char text[32];
	struct tries_news news;
	struct users_request good = ask("412015", "jiro", "good", "10.1.0.5"), elsewhere = ask("412015", "jiro", "new", "10.1.0.5");
	tries_note(t, &good, &right, 1, &news);
	for (unsigned i = 0; strcmp(what, "name") != 0; i++) {
		snprintf(text, sizeof text, "10.1.7.%u", i);
		guess(t, "jiro", text, TRIES_FRESH_MS, 1, &what);
	}
	assert_int_equal(look(t, &elsewhere, TRIES_FRESH_MS), USERS_LOCKED);
	assert_int_equal(look(t, &good, 1 + TRIES_FRESH_MS), ASKED);
	tries_note(t, &good, &right, 1 + TRIES_FRESH_MS, &news);
	assert_int_equal(look(t, &good, 2 + TRIES_FRESH_MS), USERS_OK);
	assert_int_equal(look(t, &good, 1 + 2 * TRIES_FRESH_MS), ASKED);
	tries_note(t, &good, &wrong, 1 + 2 * TRIES_FRESH_MS, &news);
	assert_int_equal(look(t, &good, 2 + 2 * TRIES_FRESH_MS), USERS_LOCKED); /* it was changed: a guess like any other */
}

static void the_same_wrong_one_counts_once(void **state)
{
	struct tries *t = *state;
	struct tries_news news;
	struct users_request r = ask("412015", "jiro", "old", "10.1.0.5");
	tries_note(t, &r, &wrong, 1, &news);
	for (int64_t now = 2; now < 1 + TRIES_WRONG_MS; now += 100)
		assert_int_equal(look(t, &r, now), USERS_WRONG);
	assert_int_equal(look(t, &r, 1 + TRIES_WRONG_MS), ASKED); /* it might be right by now */
}

static void a_success_begins_anew_at_that_terminal(void **state)
{
	struct tries *t = *state;
	const char *what = "";
	struct tries_news news;
	struct users_request good = ask("412015", "jiro", "good", "10.1.0.5");
	assert_int_equal(guess(t, "jiro", "10.1.0.5", 1, TRIES_PAIR - 1, &what), TRIES_PAIR - 1);
	tries_note(t, &good, &right, 1, &news);
	assert_int_equal(guess(t, "jiro", "10.1.0.5", 2, TRIES_PAIR - 1, &what), TRIES_PAIR - 1);
	assert_string_equal(what, "");
}

/* A ticket: not a guess, whatever others have guessed by his name; and not known by what a password was right for. */
static void a_ticket_is_no_guess(void **state)
{
	struct tries *t = *state;
	struct tries_news news;
	struct users_request guess = ask("412015", "taro", "x", "10.1.0.5"), ticket = ask("412015", "taro", "", "10.1.0.5"), nobody = ask("412015", "nemo", "", "10.1.0.5");
	ticket.proven = nobody.proven = true;
	for (int i = 0; i < TRIES_PAIR; i++) {
		guess.password[0] = (char)('a' + i);
		tries_note(t, &guess, &wrong, 1000, &news);
	}
	assert_true(news.locked);
	assert_int_equal(look(t, &ticket, 1000), ASKED);
	tries_note(t, &ticket, &right, 1000, &news);
	assert_true(news.first);
	assert_int_equal(look(t, &ticket, 2000), USERS_OK);
	guess.password[0] = 'z';
	assert_int_equal(look(t, &guess, 2000), USERS_LOCKED);
	for (int i = 0; i < 2 * TRIES_TERMINAL; i++)
		tries_note(t, &nobody, &wrong, 3000 + i * TRIES_WRONG_MS, &news);
	assert_false(news.locked);
}

static void many_names_or_many_terminals(void **state)
{
	struct tries *t = *state;
	const char *what = "";
	char text[32];
	unsigned n = 0;
	for (unsigned i = 0; i < 100 && strcmp(what, "terminal") != 0; i++, n++) {
		snprintf(text, sizeof text, "u%u", i);
		assert_int_equal(guess(t, text, "10.1.0.5", 1, 1, &what), 1);
	}
	assert_int_equal(n, TRIES_TERMINAL);
	struct users_request fresh = ask("412015", "new", "x", "10.1.0.5");
	assert_int_equal(look(t, &fresh, 2), USERS_LOCKED);
	for (n = 0; n < 100 && strcmp(what, "name") != 0; n++) {
		snprintf(text, sizeof text, "10.1.7.%u", n);
		assert_int_equal(guess(t, "saburo", text, 1, 1, &what), 1);
	}
	assert_int_equal(n, TRIES_NAME);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(messages_go_and_come), cmocka_unit_test(what_browsers_send), cmocka_unit_test(tickets_go_unread),
		cmocka_unit_test(what_is_no_ticket), cmocka_unit_test(keys_of_a_keytab), cmocka_unit_test_setup_teardown(a_ticket_is_no_guess, make, end),
		cmocka_unit_test_setup_teardown(right_ones_are_kept, make, end), cmocka_unit_test_setup_teardown(guessing_ends, make, end),
		cmocka_unit_test_setup_teardown(who_works_goes_on, make, end),
		cmocka_unit_test_setup_teardown(the_same_wrong_one_counts_once, make, end),
		cmocka_unit_test_setup_teardown(a_success_begins_anew_at_that_terminal, make, end),
		cmocka_unit_test_setup_teardown(many_names_or_many_terminals, make, end),
	};
	return cmocka_run_group_tests(all, NULL, NULL);
}
