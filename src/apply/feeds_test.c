/* Lists of addresses towards the kernel: what nft is given for the first load, for a difference, for a list that goes; and that
 * nothing is touched when a list is missing or was changed. */
#include "base/test.h"

#include "apply/feeds.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];
static struct buf given; /* to nft -f */
static bool table, broken;

static int fake_run(const struct proc_opts *o, struct err *err)
{
	if (strcmp(o->argv[1], "add") == 0) {
		*o->ret_status = table ? 0 : 1;
		return 0;
	}
	if (broken)
		return err_set(err, E_IO, "nft", "broken");
	buf_str(&given, o->input);
	table = true;
	return 0;
}

static const struct env env = { .run = fake_run };

/* A list of this text on the node; its digest in hex. */
static void put_list(const char *text, char hex[65])
{
	struct feed_text t = { .lines = 0 };
	struct buf b;
	unsigned char sum[SHA256_LEN];
	char path[PLACE_MAX];
	buf_init(&b, MIB);
	assert_int_equal(feed_read(&t, "x", str_from(text)), 0);
	feed_sort(&t.feed);
	assert_int_equal(feed_format(&t.feed, &b), 0);
	hash_sha256(b.ptr, b.len, sum);
	hex_format(sum, sizeof sum, hex);
	place_in_state(path, sizeof path, "feeds/addr/%s", hex);
	assert_int_equal(fs_write(path, buf_view(&b), 0644, NULL), 0);
	feed_done(&t.feed);
	buf_done(&b);
}

/* A generation that pins these lists: name and hex each, ended by NULL. */
static void generation(struct gen *g, const char *const *lists)
{
	struct buf b;
	char name[33], hex[65], path[PLACE_MAX];
	static struct gen_file file = { .path = "nft/feeds.bin" };
	uint8_t n = 0;
	while (lists[2 * n])
		n++;
	buf_init(&b, MIB);
	buf_put(&b, "\1wan0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);
	buf_putc(&b, (char)n);
	for (uint8_t i = 0; i < n; i++) {
		memset(name, 0, sizeof name);
		memset(hex, 0, sizeof hex);
		snprintf(name, sizeof name, "%s", lists[2 * i]);
		snprintf(hex, sizeof hex, "%s", lists[2 * i + 1]);
		buf_put(&b, name, sizeof name);
		buf_put(&b, hex, sizeof hex);
	}
	hash_sha256(b.ptr, b.len, file.sha);
	*g = (struct gen){ .files = &file, .n = 1 };
	memset(g->hex, 'a', 64);
	place_in_state(path, sizeof path, "generations/%s/nft/feeds.bin", g->hex);
	assert_int_equal(fs_write(path, buf_view(&b), 0644, NULL), 0);
	buf_done(&b);
}

static int begin(void **state)
{
	char path[PLACE_MAX], hex[65];
	(void)state;
	snprintf(root, sizeof root, "/tmp/toride-feeds-test.%d", (int)getpid());
	setenv("TORIDE_STATE", root, 1);
	memset(hex, 'a', 64);
	hex[64] = 0;
	buf_init(&given, MIB);
	fs_mkdirs(place_in_state(path, sizeof path, "generations/%s/nft", hex), 0755, NULL);
	return fs_mkdirs(place_in_state(path, sizeof path, "feeds/addr"), 0755, NULL);
}

static int end(void **state)
{
	(void)state;
	buf_done(&given);
	return fs_rmtree(root, NULL);
}

static void install(const char *const *lists, int want)
{
	struct gen g;
	struct err err = { 0 };
	generation(&g, lists);
	buf_reset(&given);
	int r = feeds_install(&env, &g, &err);
	if (r != want)
		fail_msg("%d: %s: %s", r, err.path, err.msg);
}

static void has(const char *text)
{
	if (!strstr(buf_cstr(&given), text))
		fail_msg("no \"%s\" in:\n%s", text, buf_cstr(&given));
}

static void lacks(const char *text)
{
	if (strstr(buf_cstr(&given), text))
		fail_msg("\"%s\" in:\n%s", text, buf_cstr(&given));
}

static void test_install(void **state)
{
	char a[65], b[65], c[65], gone[65];
	(void)state;
	put_list("203.0.113.9\n203.0.113.10\n198.51.100.0/24\n", a);
	put_list("203.0.113.9\n203.0.113.11\n2001:db8:66::/48\n", b);
	put_list("192.0.2.7\n", c);
	memset(gone, 'd', 64);
	gone[64] = 0;
	install((const char *[]){ NULL }, 0); /* none wanted, none there: nothing runs */
	assert_int_equal(given.len, 0);
	install((const char *[]){ "rep", a, NULL }, 0);
	has("delete table inet toride_feed\n");
	has("add element inet toride_feed uplinks { \"wan0\" }\n");
	has(" set rep_4_24 { type ipv4_addr; }\n");
	has("add rule inet toride_feed arriving iifname @uplinks ct state new ip saddr & 255.255.255.0 @rep_4_24 goto from_rep\n");
	has("add rule inet toride_feed leaving oifname @uplinks ct state new ip daddr @rep_4_32 goto to_rep\n");
	has("add element inet toride_feed rep_4_32 { 203.0.113.9, 203.0.113.10 }\n");
	install((const char *[]){ "rep", a, NULL }, 0); /* the same again touches nothing */
	assert_int_equal(given.len, 0);
	install((const char *[]){ "rep", b, "geo", c, NULL }, 0); /* differences alone */
	lacks("delete table");
	has("delete element inet toride_feed rep_4_32 { 203.0.113.10 }\n");
	has("add element inet toride_feed rep_4_32 { 203.0.113.11 }\n");
	has("add element inet toride_feed rep_6_48 { 2001:db8:66:: }\n");
	has("add rule inet toride_feed arriving iifname @uplinks ct state new ip6 saddr & ffff:ffff:ffff:: @rep_6_48 goto from_rep\n");
	has("delete set inet toride_feed rep_4_24\n");
	lacks("203.0.113.9,");
	has("add element inet toride_feed geo_4_32 { 192.0.2.7 }\n");
	install((const char *[]){ "rep", b, "geo", a, NULL }, 0); /* the list beside it keeps its rules, and no entry of it is touched */
	has("add rule inet toride_feed arriving iifname @uplinks ct state new ip6 saddr & ffff:ffff:ffff:: @rep_6_48 goto from_rep\n");
	has("add element inet toride_feed geo_4_24 { 198.51.100.0 }\n");
	lacks("element inet toride_feed rep_");
	lacks("delete set inet toride_feed rep_");
	install((const char *[]){ "rep", b, "geo", c, NULL }, 0);
	install((const char *[]){ "rep", b, "geo", gone, NULL }, -E_NOT_FOUND); /* and nothing was touched */
	assert_int_equal(given.len, 0);
	install((const char *[]){ "rep", b, "geo", c, NULL }, 0);
	assert_int_equal(given.len, 0);
	broken = true; /* half a load: the next one begins anew */
	install((const char *[]){ "rep", a, NULL }, -E_IO);
	broken = false;
	install((const char *[]){ "rep", b, NULL }, 0);
	has("delete table inet toride_feed\n");
	install((const char *[]){ "geo", c, NULL }, 0);
	has("delete chain inet toride_feed from_rep\n");
	has("delete set inet toride_feed rep_4_32\n");
	table = false; /* a reboot */
	install((const char *[]){ "geo", c, NULL }, 0);
	has("add element inet toride_feed geo_4_32 { 192.0.2.7 }\n");
}

static void test_changed_on_disk(void **state)
{
	char a[65], path[PLACE_MAX];
	(void)state;
	put_list("203.0.113.77\n", a);
	place_in_state(path, sizeof path, "feeds/addr/%s", a);
	assert_int_equal(fs_write(path, STR("TADR\0\0\0\0"), 0644, NULL), 0);
	install((const char *[]){ "rep", a, NULL }, -E_CORRUPT);
	assert_int_equal(given.len, 0);
}

static void test_parse(void **state)
{
	static const char good[] = "\1wan0\0\0\0\0\0\0\0\0\0\0\0\0\0\1rep\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct str s = { good, sizeof good };
	struct feeds f;
	char bad[sizeof good];
	(void)state;
	assert_int_equal(feeds_parse(s, &f, NULL), 0);
	assert_string_equal(f.list[0].name, "rep");
	for (size_t n = 1; n < s.len; n++)
		assert_int_equal(feeds_parse((struct str){ good, n }, &f, NULL), -E_CORRUPT);
	memcpy(bad, good, sizeof good);
	bad[19] = ';'; /* a name that nft would read as something else */
	assert_int_equal(feeds_parse((struct str){ bad, sizeof good }, &f, NULL), -E_CORRUPT);
	memcpy(bad, good, sizeof good);
	bad[53] = '/'; /* a digest that leads elsewhere */
	assert_int_equal(feeds_parse((struct str){ bad, sizeof good }, &f, NULL), -E_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_install, begin, end),
		                            cmocka_unit_test_setup_teardown(test_changed_on_disk, begin, end), cmocka_unit_test(test_parse) };
	return cmocka_run_group_tests_name("apply/feeds", tests, NULL, NULL);
}
