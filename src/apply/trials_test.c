/* How long files of signatures were in force: only while the lines were inspected, by the clock nobody sets, over restarts. */
#include "base/test.h"

#include "apply/trials.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>

static char root[64];

static void pin(struct trials *t, const char *shas)
{
	static struct gen_file file = { .path = "suricata/feeds.bin" };
	struct gen g = { .files = &file, .n = 1 };
	struct buf b;
	char path[PLACE_MAX];
	buf_init(&b, 4 * KIB);
	for (; *shas; shas++)
		for (int i = 0; i < SHA256_LEN; i++)
			buf_putc(&b, *shas);
	hash_sha256(buf_view(&b).ptr, b.len, file.sha);
	memset(g.hex, 'a', HEX_LEN);
	place_in_state(path, sizeof path, "generations/%s/suricata/feeds.bin", g.hex);
	assert_int_equal(fs_write(path, buf_view(&b), 0644, NULL), 0);
	trials_take(t, &g);
	assert_int_equal(t->n, b.len / SHA256_LEN);
	buf_done(&b);
}

static uint64_t seconds(char c)
{
	unsigned char sha[SHA256_LEN];
	uint64_t n = 99;
	memset(sha, c, sizeof sha);
	assert_int_equal(trials_seconds(sha, &n, NULL), 0);
	return n;
}

static void pass(struct trials *t, int64_t ms, bool inspecting)
{
	for (; ms > 0; ms -= 100) {
		clock_advance(100);
		assert_int_equal(trials_look(t, inspecting, NULL), 0);
	}
}

static void test_counts(void **state)
{
	(void)state;
	struct trials t = { .n = 0 };
	clock_hold(1764288000000);
	pass(&t, 20000, true); /* none is in force */
	assert_int_equal(seconds('a'), 0);
	pin(&t, "ab");
	pass(&t, 20000, false);
	assert_int_equal(seconds('a'), 0);
	pass(&t, 20100, true);
	assert_int_equal(seconds('a'), 20);
	clock_shift(-86400000);
	pass(&t, 5000, true);
	clock_shift(30 * 86400000LL);
	pass(&t, 5000, true);
	assert_int_equal(seconds('a'), 30);
	assert_int_equal(seconds('c'), 0);
	pin(&t, "bc");
	pass(&t, 10000, true);
	assert_int_equal(seconds('a'), 30);
	assert_int_equal(seconds('b'), 40);
	assert_int_equal(seconds('c'), 10);
	/* torided starts again */
	t = (struct trials){ .n = 0 };
	pin(&t, "c");
	pass(&t, 10100, true);
	assert_int_equal(seconds('c'), 20);
	/* while it isn't inspected nothing passes, also not in one go */
	pass(&t, 60000, false);
	pass(&t, 5100, true);
	assert_int_equal(seconds('c'), 25);
	clock_hold(0);
}

static void test_kept(void **state)
{
	(void)state;
	struct trials t = { .n = 0 };
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 64 * KIB);
	for (int i = 0; i < TRIALS_KEPT; i++)
		for (int k = 0; k < SHA256_LEN + 8; k++)
			buf_putc(&b, (char)(k < SHA256_LEN ? (k ? i : 1) : 0));
	assert_int_equal(b.len, TRIALS_KEPT * (SHA256_LEN + 8));
	assert_int_equal(fs_write(place_in_state(path, sizeof path, "feeds/ips/trials"), buf_view(&b), 0644, NULL), 0);
	clock_hold(1764288000000);
	pin(&t, "z");
	pass(&t, 5100, true);
	assert_int_equal(seconds('z'), 5);
	buf_reset(&b);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	assert_int_equal(b.len, TRIALS_KEPT * (SHA256_LEN + 8));
	/* what can't be read: trials begin anew */
	assert_int_equal(fs_write(path, STR("short"), 0644, NULL), 0);
	pass(&t, 5000, true);
	assert_int_equal(seconds('z'), 5);
	clock_hold(0);
	buf_done(&b);
}

int main(void)
{
	char dir[PLACE_MAX];
	snprintf(root, sizeof root, "/tmp/toride-trials.XXXXXX");
	if (!mkdtemp(root))
		return 1;
	setenv("TORIDE_STATE", root, 1);
	snprintf(dir, sizeof dir, "%s/generations/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/suricata", root);
	if (fs_mkdirs(dir, 0755, NULL) < 0)
		return 1;
	snprintf(dir, sizeof dir, "%s/feeds/ips", root);
	if (fs_mkdirs(dir, 0755, NULL) < 0)
		return 1;
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_counts), cmocka_unit_test(test_kept) };
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	fs_rmtree(root, NULL);
	return r;
}
