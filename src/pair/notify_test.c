/* What keepalived's words make of a node. */
#include "base/test.h"

#include "pair/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each word: a path's first letter and its new state (M B F), or a number of milliseconds that pass; then what the node does. */
static void test_roles(void **state)
{
	(void)state;
	static const struct {
		const char *steps;
	} cases[] = {
		{ "sB- wB- sM- wM+" },              /* a start alone: it takes over when nobody is heard on any path */
		{ "sB- wB- sM- 9000- wM+" },
		{ "sB- wB- 9000-" },                /* a start beside one that carries the traffic */
		{ "sM+ wM+ sF+ 5000+ sB+ 300+ sM+" }, /* the link between the two is cut and comes back */
		{ "sB- wB- sF- 5000- sB-" },        /* the same at the other node: it hears the first on the line */
		{ "sM+ wM+ sB+ wB-" },              /* the other is worth more */
		{ "sM+ wM+ wF+ sB-" },              /* its line's cable is out */
		{ "sM+ wM+ sB+ 900-" },             /* a better one that stays on one path */
		{ "sM+ wM+ sF+ wF-" },              /* alone: nobody would reach it */
		{ "sM+ wM+ sF+ wF- sB- wB- sM- wM+" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct notify n = { 0 };
		struct str rest = str_from(cases[i].steps), word;
		bool active = false;
		int64_t now = 1000;
		while (rest.len && str_next(&rest, ' ', &word)) {
			bool want = word.ptr[word.len - 1] == '+';
			char line[64];
			if (word.ptr[0] >= '0' && word.ptr[0] <= '9') {
				now += strtol(word.ptr, NULL, 10);
			} else {
				snprintf(line, sizeof line, "INSTANCE \"%c\" %s 150\n", word.ptr[0],
				         word.ptr[1] == 'M' ? "MASTER" : word.ptr[1] == 'B' ? "BACKUP" : "FAULT");
				assert_false(notify_take(&n, str_from(line), now));
			}
			active = notify_active(&n, active, 600, now);
			if (active != want)
				fail_msg("%s: at %.*s", cases[i].steps, (int)word.len, word.ptr);
		}
	}
}

static void test_words(void **state)
{
	(void)state;
	struct notify n = { 0 };
	char longest[2 * NOTIFY_LINE];
	memset(longest, 'x', sizeof longest);
	assert_false(notify_take(&n, STR("INSTANCE \"a\" MAS"), 1));
	assert_false(notify_active(&n, false, 1, 1));
	assert_false(notify_take(&n, STR("TER 150\nGROUP \"b\" MASTER 0\nINSTANCE a MASTER\nINSTANCE \"0123456789abcdef\" BACKUP 1\n\n"), 1));
	assert_int_equal(n.n, 1);
	assert_true(notify_active(&n, false, 1, 1));
	assert_true(notify_take(&n, STR("INSTANCE \"a\" MASTER_RX_LOWER_PRI 150\n"), 1));
	assert_false(notify_take(&n, (struct str){ longest, sizeof longest }, 1)); /* too long: all of it is left out */
	assert_false(notify_take(&n, STR("\nINSTANCE \"a\" STOP 150\n"), 1));
	assert_false(notify_active(&n, true, 1, 1));
	for (unsigned i = 0; i < 2 * NOTIFY_PATHS; i++) {
		char line[64];
		snprintf(line, sizeof line, "INSTANCE \"p%u\" BACKUP 1\n", i);
		notify_take(&n, str_from(line), 1);
	}
	assert_int_equal(n.n, NOTIFY_PATHS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_roles), cmocka_unit_test(test_words) };
	return cmocka_run_group_tests_name("pair/notify", tests, NULL, NULL);
}
