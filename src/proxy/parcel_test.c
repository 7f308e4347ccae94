/* What a person waits for: whose token, once, how many, how long. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/parcel.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct parcel_for who(const char *org, const char *terminal)
{
	struct parcel_for f = { .org = org, .origin = "https://files.example", .user = "taro" };
	assert_int_equal(prefix_parse(str_from(terminal), &f.terminal), 0);
	return f;
}

static struct parcel *make(const struct parcel_for *f)
{
	struct parcel *p = NULL;
	assert_int_equal(parcel_create(f, STR("a.zip"), "P-1", 1000, &p), 0);
	return p;
}

static struct parcel_goods goods(void)
{
	struct parcel_goods g = { .head = mem_alloc(4), .head_len = 4, .fd = open("/dev/null", O_RDONLY), .size = 7, .status = 200 };
	assert_true(g.head && g.fd >= 0);
	return g;
}

static void a_token_is_one_terminals_at_one_origin(void **state)
{
	const struct parcel_for f = who("412015", "10.1.0.5");
	struct parcel_for others[] = { who("412023", "10.1.0.5"), who("412015", "10.1.0.6"), who("412015", "10.1.0.5"),
		                                                                    who("412015", "10.1.0.5"), who("412015", "10.1.0.5") };
	struct parcel *p = make(&f);
	struct parcel_view v;
	struct parcel_goods g = goods();
	snprintf(others[2].origin, sizeof others[2].origin, "https://bank.example"); /* a site that knows its own token leads the browser there */
	snprintf(others[3].origin, sizeof others[3].origin, "http://files.example");
	snprintf(others[4].user, sizeof others[4].user, "hanako"); /* who sits down there next */
	struct str token = str_from(parcel_token(p));
	assert_int_equal(token.len, PARCEL_TOKEN - 1);
	parcel_progress(p, 3, 7, false);
	assert_int_equal(parcel_look(token, &f, 1000, &v), 0);
	assert_int_equal(v.state, PARCEL_COMING);
	assert_int_equal(v.received, 3);
	assert_string_equal(v.name, "a.zip");
	assert_int_equal(parcel_take(token, &f, &g), -E_NOT_FOUND); /* not before it is judged */
	parcel_finish(p, false, &g, 1000);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		assert_int_equal(parcel_look(token, &others[i], 1000, &v), -E_NOT_FOUND);
		assert_int_equal(parcel_take(token, &others[i], &g), -E_NOT_FOUND);
		assert_int_equal(parcel_size(token, &others[i]), 0);
	}
	assert_int_equal(parcel_look((struct str){ token.ptr, token.len - 1 }, &f, 1000, &v), -E_NOT_FOUND);
	parcel_leave(&p);
	assert_null(p);
}

static void it_is_handed_over_once(void **state)
{
	const struct parcel_for f = who("412015", "10.1.0.5");
	struct parcel *p = make(&f);
	struct parcel_view v;
	struct parcel_goods g = goods(), got;
	struct str token = str_from(parcel_token(p));
	parcel_finish(p, false, &g, 1000);
	assert_int_equal(parcel_size(token, &f), 7);
	assert_int_equal(parcel_look(token, &f, 1000, &v), 0);
	assert_int_equal(v.state, PARCEL_READY);
	assert_true(parcel_wanted(p, 1000));
	assert_int_equal(parcel_take(token, &f, &got), 0);
	assert_int_equal(got.fd, g.fd);
	assert_int_equal(got.size, 7);
	assert_int_equal(parcel_take(token, &f, &g), -E_NOT_FOUND);
	assert_int_equal(parcel_look(token, &f, 1000, &v), -E_NOT_FOUND);
	assert_false(parcel_wanted(p, 1000));
	close(got.fd);
	mem_free(got.head);
	parcel_leave(&p);
}

static void nobody_asks(void **state)
{
	const struct parcel_for f = who("412015", "10.1.0.5");
	struct parcel *p = make(&f);
	struct parcel_view v;
	struct parcel_goods g = goods();
	struct str token = str_from(parcel_token(p));
	assert_true(parcel_wanted(p, 1000 + PARCEL_SILENT_MS));
	assert_false(parcel_wanted(p, 1001 + PARCEL_SILENT_MS));
	assert_int_equal(parcel_look(token, &f, 5000, &v), 0); /* a look keeps it */
	assert_true(parcel_wanted(p, 1001 + PARCEL_SILENT_MS));
	parcel_finish(p, false, &g, 5000);
	assert_int_equal(parcel_look(token, &f, 5001 + PARCEL_KEEP_MS, &v), 0);
	assert_false(parcel_wanted(p, 5001 + PARCEL_KEEP_MS)); /* but not for ever */
	parcel_leave(&p);
	assert_int_equal(fcntl(g.fd, F_GETFD), -1); /* what nobody fetched is closed */
}

static void a_terminal_has_so_many(void **state)
{
	const struct parcel_for f = who("412015", "10.1.0.5"), other = who("412015", "10.1.0.6");
	struct parcel *p[PARCEL_TERMINAL], *more, *others;
	for (size_t i = 0; i < PARCEL_TERMINAL; i++)
		p[i] = make(&f);
	assert_int_equal(parcel_create(&f, STR("x"), "P-1", 1000, &more), -E_LIMIT);
	assert_null(more);
	others = make(&other);
	parcel_leave(&p[0]);
	p[0] = make(&f);
	for (size_t i = 0; i < PARCEL_TERMINAL; i++)
		parcel_leave(&p[i]);
	parcel_leave(&others);
}

static void an_organisation_leaves_room_for_others(void **state)
{
	struct parcel_for f = who("412015", "10.1.0.5");
	const struct parcel_for other = who("412023", "10.1.0.5");
	struct parcel *p[PARCEL_ORG], *more, *others;
	for (size_t i = 0; i < PARCEL_ORG; i++) {
		f.terminal.addr[2] = (uint8_t)(i / PARCEL_TERMINAL);
		p[i] = make(&f);
	}
	f.terminal.addr[2] = 200;
	assert_int_equal(parcel_create(&f, STR("x"), "P-1", 1000, &more), -E_LIMIT);
	others = make(&other);
	for (size_t i = 0; i < PARCEL_ORG; i++)
		parcel_leave(&p[i]);
	parcel_leave(&others);
}

static void a_password_is_given_once(void **state)
{
	const struct parcel_for f = who("412015", "10.1.0.5"), other = who("412015", "10.1.0.6");
	struct parcel *p = make(&f);
	struct parcel_view v;
	char password[PARCEL_PASSWORD];
	struct str token = str_from(parcel_token(p));
	assert_int_equal(parcel_unlock(token, &f, "secret"), -E_NOT_FOUND); /* nobody asked */
	parcel_lock(p, 2, 1000);
	assert_int_equal(parcel_look(token, &f, 1000, &v), 0);
	assert_int_equal(v.state, PARCEL_LOCKED);
	assert_int_equal(v.wrong, 2);
	assert_false(parcel_password(p, password));
	assert_int_equal(parcel_unlock(token, &other, "secret"), -E_NOT_FOUND);
	assert_int_equal(parcel_unlock(token, &f, ""), -E_NOT_FOUND);
	assert_int_equal(parcel_unlock(token, &f, "secret"), 0);
	assert_int_equal(parcel_unlock(token, &f, "other"), -E_NOT_FOUND);
	assert_true(parcel_password(p, password));
	assert_string_equal(password, "secret");
	assert_false(parcel_password(p, password));
	parcel_leave(&p);
}

/* Who goes on looking doesn't hold the file for ever. */
static void nobody_gives_the_password(void **state)
{
	const struct parcel_for f = who("412015", "10.1.0.5");
	struct parcel *p = make(&f);
	struct parcel_view v;
	parcel_lock(p, 0, 5000);
	assert_int_equal(parcel_look(str_from(parcel_token(p)), &f, 5001 + PARCEL_KEEP_MS, &v), 0);
	assert_true(parcel_wanted(p, 5000 + PARCEL_KEEP_MS));
	assert_false(parcel_wanted(p, 5001 + PARCEL_KEEP_MS));
	parcel_leave(&p);
}

static void requests(void **state)
{
	static const struct {
		const char *path;
		int code;
		bool get;
	} cases[] = {
		{ "/.toride-wait?t=abc", 0, false }, { "/.toride-wait?t=abc&get", 0, true }, { "/.toride-wait?t=", 0, false },
		{ "/.toride-wait", -E_INVALID, false }, { "/.toride-wait?get", -E_INVALID, false }, { "/.toride-wait?t=a&got", -E_INVALID, false },
		{ "/.toride-waits?t=abc", -E_NOT_FOUND, false }, { "/x/.toride-wait?t=abc", -E_NOT_FOUND, false }, { "", -E_NOT_FOUND, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str token = { NULL, 0 };
		bool get = false;
		assert_int_equal(parcel_request_parse(str_from(cases[i].path), &token, &get), cases[i].code);
		assert_true(get == cases[i].get || cases[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_one_terminals_at_one_origin), cmocka_unit_test(it_is_handed_over_once), cmocka_unit_test(nobody_asks),
		cmocka_unit_test(a_terminal_has_so_many), cmocka_unit_test(an_organisation_leaves_room_for_others), cmocka_unit_test(a_password_is_given_once),
		cmocka_unit_test(nobody_gives_the_password), cmocka_unit_test(requests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
