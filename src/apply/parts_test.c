/* The parts of apply that read bytes: journal, outset frames, zones, rules, the kernel's answers, DNS answers, blocks. */
#include "apply/announce.h"
#include "apply/blocks.h"
#include "apply/canary.h"
#include "apply/cut.h"
#include "apply/door.h"
#include "apply/frame.h"
#include "apply/journal.h"
#include "apply/lines.h"
#include "apply/pair.h"
#include "apply/suricata_control.h"
#include "apply/verify.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- the journal, torn at each byte ---- */

static int in_directory(void **state)
{
	static char dir[64];
	snprintf(dir, sizeof dir, "/tmp/tr-apply-parts.XXXXXX");
	assert_non_null(mkdtemp(dir));
	setenv("TORIDE_STATE", dir, 1);
	*state = dir;
	return 0;
}

static int remove_directory(void **state)
{
	return fs_rmtree(*state, NULL);
}

static void write_journal(struct buf *ret)
{
	struct journal_state s = { .by = BY_CONSOLE };
	struct journal j;
	struct err err;
	char path[PLACE_MAX];
	memset(s.from, 'a', HEX_LEN);
	memset(s.to, 'b', HEX_LEN);
	plan_add(&s.plan, STEP_LINK, 0, "");
	plan_add(&s.plan, STEP_DAEMON, 0, "scand");
	assert_int_equal(journal_begin(&j, &s, &err), 0);
	assert_int_equal(journal_step_start(&j, 0, &err), 0);
	assert_int_equal(journal_step_start(&j, 1, &err), 0);
	assert_int_equal(journal_undo_start(&j, &err), 0);
	assert_int_equal(journal_step_undone(&j, 1, &err), 0);
	assert_int_equal(journal_step_undone(&j, 0, &err), 0);
	assert_int_equal(journal_undone(&j, &err), 0);
	journal_close(&j);
	buf_init(ret, 64 * KIB);
	assert_int_equal(fs_read(place_in_state(path, sizeof path, "journal"), ret, &err), 0);
}

/* How far a state has come. */
static unsigned rank(const struct journal_state *s)
{
	return s->started[0] + s->started[1] + (s->phase != PHASE_APPLYING) + s->undone[0] + s->undone[1] + (s->phase == PHASE_IDLE);
}

static void test_journal_torn(void **state)
{
	(void)state;
	struct buf b;
	struct journal_state s;
	struct err err;
	uint64_t end;
	unsigned last = 0, steps = 0;
	write_journal(&b);
	assert_int_equal(journal_parse(buf_view(&b), &s, &end, &err), 0);
	assert_int_equal(s.phase, PHASE_IDLE);
	assert_int_equal(s.current[0], 'a');
	bool readable = false;
	for (size_t n = 0; n <= end; n++) {
		/* torn: cut off, and what follows is whatever was on the disk */
		for (int rubbish = 0; rubbish < 2; rubbish++) {
			struct buf t;
			buf_init(&t, 64 * KIB);
			buf_put(&t, b.ptr, n);
			for (int i = 0; rubbish && i < 64; i++)
				buf_putc(&t, (char)0xa5);
			int r = journal_parse(buf_view(&t), &s, NULL, &err);
			buf_done(&t);
			if (r < 0) {
				assert_false(readable); /* never unreadable again once the first record stands */
				continue;
			}
			readable = true;
			assert_int_equal(s.plan.n, 2);
			assert_true(rank(&s) >= last && rank(&s) <= last + 1);
			steps += rank(&s) > last;
			last = rank(&s);
		}
	}
	assert_int_equal(steps, 6);
	buf_done(&b);
}

static void test_journal_flipped(void **state)
{
	(void)state;
	struct buf b;
	struct journal_state s;
	struct err err;
	uint64_t end;
	write_journal(&b);
	assert_int_equal(journal_parse(buf_view(&b), &s, &end, &err), 0);
	for (size_t i = 0; i < end; i++) {
		b.ptr[i] ^= 0x10;
		/* the records before the damaged one at most */
		if (journal_parse(buf_view(&b), &s, NULL, &err) == 0)
			assert_true(s.phase != PHASE_IDLE);
		b.ptr[i] ^= 0x10;
	}
	buf_done(&b);
}

/* ---- frames ---- */

static void test_frames(void **state)
{
	(void)state;
	static const struct {
		const char *paths[3];
		int good; /* files read before the end or the refusal; + 100: refused */
	} cases[] = {
		{ { "a", "b/c", NULL }, 2 },       { { "b", "a", NULL }, 101 },        { { "a", "a", NULL }, 101 },
		{ { "../a", NULL }, 100 },         { { "/a", NULL }, 100 },            { { "a/../b", NULL }, 100 },
		{ { "a//b", NULL }, 100 },         { { ".hidden", NULL }, 100 },       { { "a/.b", NULL }, 100 },
		{ { "a/", NULL }, 100 },           { { "A", NULL }, 100 },             { { "a b", NULL }, 100 },
		{ { "", NULL }, 100 },             { { NULL }, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		struct frame f;
		struct err err;
		struct str data;
		char path[FRAME_PATH_MAX + 1];
		int n = 0, r;
		buf_init(&b, 4 * KIB);
		while (cases[i].paths[n])
			n++;
		frame_start(&b, "sha256:x", (uint32_t)n);
		for (int k = 0; k < n; k++)
			frame_file(&b, cases[i].paths[k], STR("data"));
		/* whole; then cut at each byte: never more files than whole, never a proper end */
		for (size_t len = b.len;; len--) {
			n = 0;
			r = frame_open((struct str){ b.ptr, len }, &f, &err);
			while (r == 0 && (r = frame_next(&f, path, &data, &err)) > 0) {
				assert_true(str_eq(data, STR("data")));
				r = 0;
				n++;
			}
			if (len == b.len)
				assert_int_equal(r < 0 ? 100 + n : n, cases[i].good);
			else
				assert_true(r < 0);
			if (len == 0)
				break;
		}
		buf_done(&b);
	}
}

/* ---- what closes and opens ---- */

#define R(extra) "{\"comment\":\"x\",\"org\":\"412015\",\"zone\":7,\"direction\":\"out\",\"family\":4,\"protocol\":6," extra "}"
#define ALLOW25 R("\"action\":\"allow\",\"port_low\":25,\"port_high\":25,\"from\":[],\"to\":[\"192.0.2.0/24\"]")
#define ALLOW80 R("\"action\":\"allow\",\"port_low\":80,\"port_high\":81,\"from\":[\"10.1.0.0/16\",\"10.2.0.0/16\"],\"to\":[]")
#define DENY80 R("\"action\":\"deny\",\"port_low\":80,\"port_high\":80,\"from\":[],\"to\":[]")
#define PLAIN "{\"comment\":\"y\",\"action\":\"deny\"}"

static void test_cuts(void **state)
{
	(void)state;
	static const struct {
		const char *old, *new;
		bool opens, closes;
		unsigned cuts;
	} cases[] = {
		{ "[" ALLOW25 "]", "[" ALLOW25 "]", false, false, 0 },
		{ "", "[" ALLOW25 "]", true, false, 0 },
		{ "[" ALLOW25 "]", "", false, true, 1 },
		{ "[" ALLOW25 "," ALLOW80 "]", "[" ALLOW25 "]", false, true, 2 },
		{ "[" ALLOW25 "]", "[" ALLOW80 "]", true, true, 1 },
		{ "[" ALLOW80 "]", "[" DENY80 "," ALLOW80 "]", false, true, 1 },
		{ "[" DENY80 "," ALLOW80 "]", "[" ALLOW80 "]", true, false, 0 },
		{ "{\"rules\":[" PLAIN "]}", "[]", false, false, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		struct cuts c;
		struct err err;
		buf_init(&b, MIB);
		assert_int_equal(cuts_diff(str_from(cases[i].old), str_from(cases[i].new), &b, &err), 0);
		assert_int_equal(cuts_parse(buf_view(&b), &c, &err), 0);
		if (c.opens != cases[i].opens || c.closes != cases[i].closes || c.n != cases[i].cuts)
			fail_msg("case %zu: opens %d closes %d cuts %zu", i, c.opens, c.closes, c.n);
		if (c.n)
			assert_int_equal(c.list[0].zone, 7);
		cuts_done(&c);
		for (size_t n = 0; n < b.len; n++)
			assert_int_equal(cuts_parse((struct str){ b.ptr, n }, &c, &err), -E_INVALID);
		buf_done(&b);
	}
	struct buf b;
	struct err err;
	buf_init(&b, KIB);
	assert_int_equal(cuts_diff(STR("[{"), STR("[]"), &b, &err), -E_CORRUPT);
}

static char ran[8][512];
static unsigned n_ran;
static int note_run(const struct proc_opts *o, struct err *err)
{
	(void)err;
	size_t n = 0;
	for (size_t i = 0; o->argv[i]; i++)
		n += (size_t)snprintf(ran[n_ran] + n, sizeof ran[0] - n, "%s%s", i ? " " : "", o->argv[i]);
	n_ran++;
	if (o->ret_status)
		*o->ret_status = 1; /* nothing to delete */
	return 0;
}

static void test_cut_commands(void **state)
{
	(void)state;
	struct env e = { .run = note_run };
	struct err err;
	struct cut c = { .zone = 3, .family = 4, .protocol = 6, .low = 80, .high = 81, .to_len = 24, .to = { 192, 0, 2 } };
	n_ran = 0;
	assert_int_equal(cut_run(&e, &c, &err), 0);
	assert_int_equal(n_ran, 2);
	assert_string_equal(ran[1], "conntrack -D -f ipv4 -w 3 -p tcp --dport 81 -d 192.0.2.0/24");
	c.high = 65535;
	assert_int_equal(cut_run(&e, &c, &err), 0);
	assert_string_equal(ran[2], "conntrack -D -f ipv4 -w 3 -p tcp -d 192.0.2.0/24");
	c = (struct cut){ .family = 6, .from_len = 128, .from = { 0x20, 1, 0xd, 0xb8, [15] = 1 } };
	assert_int_equal(cut_run(&e, &c, &err), 0);
	assert_string_equal(ran[3], "conntrack -D -f ipv6 -s 2001:db8::1/128");
	c = (struct cut){ .zone = 3, .family = 4, .protocol = 6, .low = 22, .high = 22, .to_len = 32, .to = { 10, 1, 0, 6 }, .answers = true };
	assert_int_equal(cut_run(&e, &c, &err), 0);
	assert_string_equal(ran[4], "conntrack -D -f ipv4 -w 3 -p tcp --reply-port-src 22 -r 10.1.0.6/32");
}

/* ---- reading back ---- */

static void test_verify_rules(void **state)
{
	(void)state;
	static const struct {
		const char *rules, *kernel;
		int r;
	} cases[] = {
		{ "[{\"comment\":\"a\"}]", "{\"nftables\":[{\"rule\":{\"comment\":\"a\"}},{\"rule\":{}},{\"set\":{}}]}", 0 },
		{ "{\"rules\":[{\"comment\":\"a\"}]}", "{\"nftables\":[{\"rule\":{\"comment\":\"a\"}}]}", 0 },
		{ "[{\"comment\":\"a\"}]", "{\"nftables\":[]}", -E_CORRUPT },
		{ "[]", "{\"nftables\":[{\"rule\":{\"comment\":\"a\"}}]}", -E_CORRUPT },
		{ "[{\"comment\":\"a\"}]", "", -E_CORRUPT },
		{ "7", "{\"nftables\":[]}", -E_CORRUPT },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(verify_rules(str_from(cases[i].rules), str_from(cases[i].kernel), NULL), cases[i].r);
}

/* With and without a breakout, whose line is the one with number 2 then. */
static void lines_case(bool breakout, uint8_t dead, const char *v4, const char *v6)
{
	static const char bin[] = { 3, 1, 3, 2, 1, 7, 3, 1 }; /* isp 1: both families, 2: IPv4 only, 7: both */
	struct buf out4, out6;
	buf_init(&out4, 4 * KIB);
	buf_init(&out6, 4 * KIB);
	assert_int_equal(lines_rules((struct str){ bin, sizeof bin - !breakout }, dead, &out4, &out6, NULL), 0);
	assert_string_equal(buf_cstr(&out4), v4);
	assert_string_equal(buf_cstr(&out6), v6);
	buf_done(&out4);
	buf_done(&out6);
}

#define DEL(n) "rule delete pref 40000 lookup 90" n "\n"
#define ADD(n) "rule add pref 40000 lookup 90" n "\n"
#define OUT "pref 30000 fwmark 0x10000/0x10000 lookup 90"
#define OUT_DEL(n) "rule delete " OUT n "\n"
#define OUT_ADD(n) "rule add " OUT n "\n"
static void test_lines_rules(void **state)
{
	(void)state;
	static const struct {
		uint8_t dead;
		const char *v4, *v6;
	} cases[] = {
		{ 0, DEL("1") DEL("2") DEL("7"), DEL("1") DEL("7") },
		{ 1, ADD("2") DEL("1") DEL("7"), DEL("1") DEL("7") },
		{ 3, ADD("7") DEL("1") DEL("2"), ADD("7") DEL("1") },
		{ 2, DEL("1") DEL("2") DEL("7"), DEL("1") DEL("7") },
		{ 7, DEL("1") DEL("2") DEL("7"), DEL("1") DEL("7") }, /* none works: the first */
		{ 0xff, DEL("1") DEL("2") DEL("7"), DEL("1") DEL("7") },
	};
	struct buf v4;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char all4[1024], all6[1024];
		snprintf(all4, sizeof all4, "%s" OUT_DEL("1") OUT_DEL("2") OUT_DEL("7"), cases[i].v4);
		snprintf(all6, sizeof all6, "%s" OUT_DEL("1") OUT_DEL("7"), cases[i].v6);
		lines_case(false, cases[i].dead, all4, all6);
	}
	/* what breaks out: by its own line, by the one in use while that is dead, by its own again when all are */
	lines_case(true, 1, ADD("2") DEL("1") DEL("7") OUT_DEL("1") OUT_DEL("2") OUT_DEL("7"), DEL("1") DEL("7") OUT_DEL("1") OUT_DEL("7"));
	lines_case(true, 2, DEL("1") DEL("2") DEL("7") OUT_ADD("1") OUT_DEL("2") OUT_DEL("7"), DEL("1") DEL("7") OUT_ADD("1") OUT_DEL("7"));
	lines_case(true, 3, ADD("7") DEL("1") DEL("2") OUT_ADD("7") OUT_DEL("1") OUT_DEL("2"), ADD("7") DEL("1") OUT_ADD("7") OUT_DEL("1"));
	lines_case(true, 7, DEL("1") DEL("2") DEL("7") OUT_DEL("1") OUT_DEL("2") OUT_DEL("7"), DEL("1") DEL("7") OUT_DEL("1") OUT_DEL("7"));
	buf_init(&v4, 4 * KIB);
	assert_int_equal(lines_rules(STR("\3\1\3\2\1\7"), 0, &v4, &v4, NULL), -E_CORRUPT);
	assert_int_equal(lines_rules(STR("\3\1\3\2\1\7\3\3"), 0, &v4, &v4, NULL), -E_CORRUPT); /* there is no fourth line */
	assert_int_equal(lines_rules((struct str){ "", 0 }, 0, &v4, &v4, NULL), -E_CORRUPT);
	assert_int_equal(lines_rules((struct str){ "\0", 1 }, 0, &v4, &v4, NULL), -E_CORRUPT);
	buf_done(&v4);
}

/* As tc(8) says it, rounded where it rounds. */
static void test_verify_classes(void **state)
{
	(void)state;
	static const char keys[] = "ifb\ttoride-in1\t\nqdisc\tdev wan0 root\thandle 1: htb default fffe r2q 1000\n"
				   "class\tdev wan0 classid 1:5\tparent 1:8005 htb rate 1425300kbit ceil 2000000kbit burst 15140 cburst 15140 quantum 2000\n"
				   "leaf\tdev wan0 parent 1:5\t131072\n";
	static const struct {
		const char *kernel;
		bool fine;
	} cases[] = {
		{ "wan0:\nclass htb 1:5 parent 1:8005 leaf 8001: prio 0 rate 1425Mbit ceil 2Gbit burst 15125b cburst 15125b \n", true },
		{ "wan0:\nclass htb 1:5 parent 1:8005 prio 0 rate 1425300Kbit ceil 2000Mbit burst 15125b cburst 15125b \n", true },
		{ "wan0:\nclass htb 1:5 parent 1:8005 prio 0 rate 1425Mbit ceil 1Gbit burst 15125b cburst 15125b \n", false },
		{ "wan0:\nclass htb 1:5 parent 1:8005 prio 0 rate 1400Mbit ceil 2Gbit burst 15125b cburst 15125b \n", false },
		{ "wan1:\nclass htb 1:5 parent 1:8005 prio 0 rate 1425Mbit ceil 2Gbit burst 15125b cburst 15125b \n", false },
		{ "wan0:\nclass htb 1:6 parent 1:8005 prio 0 rate 1425Mbit ceil 2Gbit burst 15125b cburst 15125b \n", false },
		{ "class htb\n:\nwan0:\nclass htb 1:5\nrate 1425Mbit ceil 2Gbit\n", false },
		{ "", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if ((verify_classes(str_from(keys), str_from(cases[i].kernel), NULL) == 0) != cases[i].fine)
			fail_msg("case %zu", i);
}

static void test_verify_keys(void **state)
{
	(void)state;
	const struct kernel_net k = {
		.addr = { STR("[{\"ifname\":\"o1\",\"addr_info\":[{\"local\":\"100.64.1.1\",\"prefixlen\":24}]}]"),
		          STR("[{\"ifname\":\"lo\",\"addr_info\":[{\"local\":\"2001:db8::1\",\"prefixlen\":128}]}]") },
		.rule = { STR("[{\"priority\":100,\"src\":\"all\",\"fwmark\":\"0x15\",\"table\":\"1021\"},"
		              "{\"priority\":30001,\"src\":\"all\",\"fwmark\":\"0x10000\",\"fwmask\":\"0x10000\",\"table\":\"902\"},"
		              "{\"priority\":101,\"src\":\"all\",\"oif\":\"o1\",\"table\":\"1021\"},"
		              "{\"priority\":102,\"src\":\"100.64.1.0\",\"srclen\":24,\"table\":\"1021\"}]") },
		.route = { STR("[{\"dst\":\"default\",\"gateway\":\"198.51.100.1\",\"dev\":\"wan0\"},"
		               "{\"dst\":\"10.1.0.0/16\",\"gateway\":\"100.64.1.2\",\"dev\":\"o1\",\"table\":\"1021\"},"
		               "{\"dst\":\"10.9.9.9\",\"gateway\":\"100.64.1.2\",\"dev\":\"o1\",\"table\":\"1021\"}]") },
	};
	static const struct {
		const char *line;
		bool there;
	} cases[] = {
		{ "-4 addr replace 100.64.1.1/24 dev o1\tx\n", true },
		{ "-4 addr replace 100.64.1.1/16 dev o1\tx\n", false },
		{ "-4 addr replace 100.64.1.1/24 dev o2\tx\n", false },
		{ "-6 addr replace 2001:db8::1/128 dev lo nodad\tx\n", true },
		{ "-4 rule add pref 100 fwmark 21 lookup 1021\tx\n", true },
		{ "-4 rule add pref 100 fwmark 22 lookup 1021\tx\n", false },
		{ "-4 rule add pref 100 fwmark 21/0xffff lookup 1021\tx\n", false }, /* no mask is another rule */
		{ "-4 rule add pref 30001 fwmark 0x10000/0x10000 lookup 902\tx\n", true },
		{ "-4 rule add pref 30001 fwmark 0x10000 lookup 902\tx\n", false },
		{ "-4 rule add pref 101 oif o1 lookup 1021\tx\n", true },
		{ "-4 rule add pref 102 from 100.64.1.0/24 lookup 1021\tx\n", true },
		{ "-4 rule add pref 102 from 100.64.2.0/24 lookup 1021\tx\n", false },
		{ "-4 route replace default via 198.51.100.1 dev wan0\tx\n", true },
		{ "-4 route replace default via 198.51.100.2 dev wan0\tx\n", false },
		{ "-4 route replace 10.1.0.0/16 via 100.64.1.2 dev o1 table 1021\tx\n", true },
		{ "-4 route replace 10.1.0.0/16 via 100.64.1.2 dev o1 table 1022\tx\n", false },
		{ "-4 route replace 10.9.9.9/32 via 100.64.1.2 dev o1 table 1021\tx\n", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if ((verify_keys(str_from(cases[i].line), &k, NULL) == 0) != cases[i].there)
			fail_msg("%s", cases[i].line);
}

/* ---- blocks ---- */

static struct block block(const char *id, const char *org, uint8_t kind, const char *value, int64_t expires)
{
	struct block k = { .kind = kind, .author = "toride", .reason = "test", .created_ms = 1, .expires_ms = expires };
	snprintf(k.id, sizeof k.id, "%s", id);
	snprintf(k.org, sizeof k.org, "%s", org);
	snprintf(k.value, sizeof k.value, "%s", value);
	return k;
}

static void two_zones(struct zones *z)
{
	static struct zone list[2];
	static struct network never[1];
	list[0] = (struct zone){ .index = 1, .code = "412015", .interface = "o412015", .global4 = { 198, 51, 100, 101 } };
	list[1] = (struct zone){ .index = 2, .code = "412023", .interface = "o412023" };
	assert_true(network_parse("192.0.2.0/24", &never[0]));
	static struct announced announced[2];
	announced[0].index = announced[1].index = 1;
	assert_true(network_parse("198.51.100.101", &announced[0].net));
	assert_true(network_parse("2001:db8:100::65", &announced[1].net));
	*z = (struct zones){ .list = list, .n = 2, .never = never, .n_never = 1, .announced = announced, .n_announced = 2, .upstream = true };
}

static void test_blocks_table(void **state)
{
	(void)state;
	struct zones z;
	struct blocks b = { 0 };
	struct buf out;
	struct err err;
	two_zones(&z);
	const struct block list[] = {
		block("1", "*", BLOCK_ADDRESS, "203.0.113.0/24", 11000), block("2", "*", BLOCK_ADDRESS, "203.0.113.9", 91000),
		block("3", "412015", BLOCK_ADDRESS, "203.0.113.9", 21000), block("4", "412023", BLOCK_TERMINAL, "10.1.0.5", 31000),
		block("5", "412015", BLOCK_ADDRESS, "2001:db8:6::/48", 21000), block("6", "412015", BLOCK_NAME, "c2.example", 21000),
		block("7", "999999", BLOCK_ADDRESS, "203.0.113.10", 21000), block("8", "*", BLOCK_ADDRESS, "203.0.113.77", 900),
	};
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		assert_int_equal(blocks_put(&b, &list[i], &err), 0);
	buf_init(&out, 64 * KIB);
	blocks_nft(&b, &z, 1000, &out);
	const char *text = buf_cstr(&out);
	assert_non_null(strstr(text, "elements = { 203.0.113.0/24 timeout 10s }")); /* the inner one waits its turn */
	assert_non_null(strstr(text, "\"o412015\" . 203.0.113.9 timeout 20s"));
	assert_non_null(strstr(text, "198.51.100.101 . 203.0.113.9 timeout 20s"));
	assert_non_null(strstr(text, "\"o412023\" . 10.1.0.5 timeout 30s"));
	assert_non_null(strstr(text, "\"o412015\" . 2001:db8:6::/48 timeout 20s"));
	assert_null(strstr(text, "c2.example"));
	assert_null(strstr(text, "203.0.113.10 "));
	assert_null(strstr(text, "203.0.113.77"));
	buf_reset(&out);
	blocks_drop(&b, blocks_find(&b, "1")); /* gone: now it stands alone */
	blocks_nft(&b, &z, 1000, &out);
	assert_non_null(strstr(buf_cstr(&out), "elements = { 203.0.113.9 timeout 90s }"));
	assert_int_equal(blocks_next_expiry(&b), 900);
	buf_done(&out);
	blocks_done(&b);
}

static void test_block_check(void **state)
{
	(void)state;
	struct zones z;
	two_zones(&z);
	const struct {
		struct block k;
		int r;
	} cases[] = {
		{ block("1", "*", BLOCK_ADDRESS, "203.0.113.9", 2000), 0 },
		{ block("1", "412015", BLOCK_ADDRESS, "203.0.113.9", 2000), 0 },
		{ block("1", "412031", BLOCK_ADDRESS, "203.0.113.9", 2000), -E_NOT_FOUND },
		{ block("1", "*", BLOCK_ADDRESS, "203.0.113.9", 0), -E_INVALID },
		{ block("1", "*", BLOCK_ADDRESS, "203.0.113.9", 1000), -E_INVALID },
		{ block("", "*", BLOCK_ADDRESS, "203.0.113.9", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_ADDRESS, "192.0.2.77", 2000), -E_DENIED },
		{ block("1", "*", BLOCK_ADDRESS, "192.0.0.0/16", 2000), -E_DENIED },
		{ block("1", "*", BLOCK_ADDRESS, "128.0.0.0/1", 2000), -E_DENIED },
		{ block("1", "*", BLOCK_ADDRESS, "203.0.113.9/24", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_ADDRESS, "203.0.113.9; flush ruleset", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_TERMINAL, "10.1.0.5", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_TERMINAL, "10.1.0.5", 2000), 0 },
		{ block("1", "412015", BLOCK_TERMINAL, "10.1.0.0/16", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_NAME, "c2.example", 2000), 0 },
		{ block("1", "*", BLOCK_NAME, "example", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_NAME, "canary.toride.internal", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_NAME, "toride.internal", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_NAME, "anary.toride.internal", 2000), 0 },
		{ block("1", "*", BLOCK_NAME, "C2.example", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_NAME, "-x.example", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_NAME, "a..example", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://a.example/x", 2000), 0 },
		{ block("1", "*", BLOCK_URL, "https://a.example:8443?q", 2000), 0 },
		{ block("1", "*", BLOCK_URL, "http://192.0.2.7/%41", 2000), 0 },
		{ block("1", "*", BLOCK_URL, "http://[2001:db8::1]:80/x", 2000), 0 },
		{ block("1", "*", BLOCK_URL, "", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "ftp://a.example/x", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http:///x", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://a..example/x", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://u@a.example/x", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://a.example:0/", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://a.example:65536/", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://a.example:80x/", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://[2001:db8::1/x", 2000), -E_INVALID },
		{ block("1", "*", BLOCK_URL, "http://a.example/x y", 2000), -E_INVALID },
		{ block("1", "*", 9, "x", 2000), -E_INVALID },
		/* announced upstream: one address, the organisation's own, not guarded, a day at most */
		{ block("1", "412015", BLOCK_BLACKHOLE, "198.51.100.101", 2000), 0 },
		{ block("1", "412015", BLOCK_BLACKHOLE, "2001:db8:100::65", 2000), 0 },
		{ block("1", "412015", BLOCK_BLACKHOLE, "198.51.100.101", 1001 + ANNOUNCE_MAX_MS), -E_DENIED },
		{ block("1", "412015", BLOCK_BLACKHOLE, "198.51.100.0/24", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_BLACKHOLE, "198.51.100.101/32", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_BLACKHOLE, "198.51.100.102", 2000), -E_DENIED },
		{ block("1", "412023", BLOCK_BLACKHOLE, "198.51.100.101", 2000), -E_DENIED },
		{ block("1", "*", BLOCK_BLACKHOLE, "198.51.100.101", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_BLACKHOLE, "198.51.100.101 blackhole; }", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 udp from-port 53", 2000), 0 },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 from 203.0.113.0/24", 2000), 0 },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 tcp port 80 from 203.0.113.9", 2000), 0 },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.102 udp", 2000), -E_DENIED },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101", 2000), -E_INVALID }, /* all of it is a blackhole */
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.0/24 udp", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "udp from-port 53", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 icmp port 53", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 port 53", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 udp port 0", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 udp udp", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 from 2001:db8::/32", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101 udp; } protocol kernel {", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "to 198.51.100.101  udp", 2000), -E_INVALID },
		{ block("1", "412015", BLOCK_FLOW, "", 2000), -E_INVALID },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };
		int r = block_check(&cases[i].k, &z, 1000, &err);
		if (r != cases[i].r)
			fail_msg("%s %s: %d %s", cases[i].k.org, cases[i].k.value, r, err.msg);
	}
}

static void test_announced(void **state)
{
	static const char *const want[4] = {
		"route 198.51.100.101/32 blackhole { bgp_community.add((65535,666)); bgp_community.add((65535,65281)); };\n", "",
		"route flow4 { dst 198.51.100.101/32; src 203.0.113.0/24; proto = 17; sport = 53; } { bgp_ext_community.add((generic, 0x80060000, 0x0)); };\n",
		"route flow6 { dst 2001:db8:100::65/128; next header = 58; } { bgp_ext_community.add((generic, 0x80060000, 0x0)); };\n",
	};
	struct zones z;
	struct buf out[4];
	const struct block list[] = {
		block("1", "412015", BLOCK_BLACKHOLE, "198.51.100.101", 2000), block("2", "412015", BLOCK_BLACKHOLE, "198.51.100.101", 3000), /* one route */
		block("3", "412015", BLOCK_FLOW, "to 198.51.100.101 udp from-port 53 from 203.0.113.0/24", 2000),
		block("4", "412015", BLOCK_FLOW, "to 2001:db8:100::65 icmp", 2000), block("5", "412015", BLOCK_FLOW, "to 2001:db8:100::65 tcp", 900), /* over */
		block("6", "412023", BLOCK_BLACKHOLE, "198.51.100.102", 2000), /* not in the generation's list any more */
		block("7", "*", BLOCK_ADDRESS, "203.0.113.9", 2000),
	};
	struct block copy[ARRAY_LEN(list)];
	(void)state;
	two_zones(&z);
	memcpy(copy, list, sizeof copy);
	const struct blocks b = { copy, ARRAY_LEN(copy), ARRAY_LEN(copy) };
	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		buf_init(&out[i], 64 * KIB);
	announce_routes(&b, &z, 1000, out);
	for (size_t i = 0; i < ARRAY_LEN(out); i++) {
		assert_string_equal(buf_cstr(&out[i]), want[i]);
		buf_done(&out[i]);
	}
	z = (struct zones){ .list = NULL };
	assert_int_equal(zones_parse_announced((struct str){ "\0\1\4\306\63\144\145\0\0\0\0\0\0\0\0\0\0\0\0", 19 }, &z, NULL), 0);
	assert_true(z.upstream && z.n_announced == 1 && z.announced[0].index == 1 && z.announced[0].net.len == 32);
	zones_done(&z);
	assert_int_equal(zones_parse_announced((struct str){ "\0\1\5\306\63\144\145\0\0\0\0\0\0\0\0\0\0\0\0", 19 }, &z, NULL), -E_CORRUPT);
	zones_done(&z);
	assert_int_equal(zones_parse_announced(STR("\0\1\4"), &z, NULL), -E_CORRUPT);
	zones_done(&z);
}

static void test_blocks_file(void **state)
{
	(void)state;
	struct blocks b = { 0 }, c;
	struct err err;
	struct buf data;
	char path[PLACE_MAX];
	for (int i = 0; i < 3; i++) {
		char id[8];
		snprintf(id, sizeof id, "B-%d", i);
		struct block k = block(id, "*", BLOCK_NAME, "a.example", 5000 + i);
		assert_int_equal(blocks_put(&b, &k, &err), 0);
	}
	assert_int_equal(blocks_save(&b, &err), 0);
	assert_int_equal(blocks_load(&c, &err), 0);
	assert_int_equal(c.n, 3);
	assert_string_equal(c.list[2].id, "B-2");
	blocks_done(&c);
	buf_init(&data, MIB);
	assert_int_equal(fs_read(place_in_state(path, sizeof path, "blocks"), &data, &err), 0);
	for (size_t n = 0; n < data.len; n++)
		assert_int_equal(blocks_parse((struct str){ data.ptr, n }, &c, &err), -E_CORRUPT);
	for (size_t n = 0; n < data.len; n++) {
		data.ptr[n] ^= 1;
		assert_int_equal(blocks_parse(buf_view(&data), &c, &err), -E_CORRUPT);
		data.ptr[n] ^= 1;
	}
	buf_done(&data);
	blocks_done(&b);
}

/* ---- DNS ---- */

static size_t answer(const struct dns_question *q, unsigned rcode, unsigned answers, const char *a, unsigned char dst[DNS_MAX])
{
	size_t n = dns_question_format(q, dst);
	dst[2] = 0x81;
	dst[3] = (unsigned char)(0x80 | rcode);
	dst[7] = (unsigned char)answers;
	for (unsigned i = 0; i < answers; i++) {
		const unsigned char head[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };
		memcpy(dst + n, head, sizeof head);
		n += sizeof head;
		inet_pton(AF_INET, i + 1 == answers ? a : "192.0.2.99", dst + n);
		n += 4;
	}
	return n;
}

static int checked(const unsigned char *msg, size_t n, const struct dns_question *q, const char *expect, char said[DNS_TEXT])
{
	struct dns_msg m;
	int r = dns_answer_open((struct str){ (const char *)msg, n }, q, &m);
	return r < 0 ? r : canary_check(&m, q, expect, said);
}

static void test_canary_answers(void **state)
{
	(void)state;
	struct dns_question q = { .name = "Www.Example.JP", .type = DNS_A, .id = 0x1234 };
	unsigned char msg[DNS_MAX];
	char said[DNS_TEXT];
	size_t n = answer(&q, 0, 2, "192.0.2.1", msg);
	assert_int_equal(checked(msg, n, &q, "192.0.2.1", said), 0);
	assert_int_equal(checked(msg, n, &q, "192.0.2.2", said), -E_NOT_FOUND);
	assert_string_equal(said, "192.0.2.1");
	for (size_t cut = 0; cut < n; cut++)
		assert_true(checked(msg, cut, &q, "192.0.2.1", said) < 0);
	n = answer(&q, 3, 0, "", msg);
	assert_int_equal(checked(msg, n, &q, "NXDOMAIN", said), 0);
	assert_int_equal(checked(msg, n, &q, "192.0.2.1", said), -E_NOT_FOUND);
	n = answer(&q, 0, 0, "", msg);
	assert_int_equal(checked(msg, n, &q, "NODATA", said), 0);
}

/* ---- the door of a pair ---- */

static unsigned all_there(const char *interface)
{
	return strcmp(interface, "o412023") != 0; /* one organisation's cable isn't there yet */
}

#define PAIR_BIN "\1wan0\0\0\0\0\0\0\0\0\0\0\0\0" "\0\2o412015\0\0\0\0\0\0\0\0\0" "o412023\0\0\0\0\0\0\0\0\0" \
	"\2\4\306\63\144\4\0\0\0\0\0\0\0\0\0\0\0\0" "\6\40\1\15\270\1\0\0\0\0\0\0\0\0\0\0\4"

static void test_pair(void **state)
{
	(void)state;
	struct pair_door d;
	struct buf b;
	struct err err;
	static const char bin[] = PAIR_BIN;
	buf_init(&b, 64 * KIB);
	assert_int_equal(pair_parse((struct str){ bin, sizeof bin - 1 }, &d, &err), 0);
	assert_int_equal(d.n_attachments, 2);
	pair_nft(&d, PAIR_STANDBY, all_there, &b);
	assert_non_null(strstr(buf_cstr(&b), "set own4 { type ipv4_addr; elements = { 198.51.100.4 }; }"));
	assert_non_null(strstr(buf_cstr(&b), "set own6 { type ipv6_addr; elements = { 2001:db8:100::4 }; }"));
	assert_non_null(strstr(buf_cstr(&b), "chain attached_out { type filter hook egress devices = { \"o412015\" }"));
	assert_null(strstr(buf_cstr(&b), "timeout 5s; elements"));
	buf_reset(&b);
	pair_nft(&d, PAIR_ACTIVE, all_there, &b);
	assert_non_null(strstr(buf_cstr(&b), "timeout 5s; elements = { \"wan0\", \"o412015\" };"));
	buf_reset(&b);
	pair_hold_nft(&d, all_there, &b);
	assert_string_equal(buf_cstr(&b), "flush set netdev toride_pair open\nadd element netdev toride_pair open { \"wan0\", \"o412015\" }\n");
	pair_done(&d);
	buf_reset(&b);
	pair_nft(&d, PAIR_NONE, all_there, &b); /* no pair any more */
	assert_string_equal(buf_cstr(&b), "table netdev toride_pair\ndelete table netdev toride_pair\n");
	buf_done(&b);
	for (size_t cut = 0; cut < sizeof bin - 1; cut++)
		assert_int_equal(pair_parse((struct str){ bin, cut }, &d, &err), -E_CORRUPT);
	static char bad[] = PAIR_BIN;
	bad[2] = '"'; /* a name that would end nft's string */
	assert_int_equal(pair_parse((struct str){ bad, sizeof bad - 1 }, &d, &err), -E_CORRUPT);
}

/* ---- the door of inspected lines ---- */

#define LINE "wan0\0\0\0\0\0\0\0\0\0\0\0\0i-wan0\0\0\0\0\0\0\0\0\0\0line0\0\0\0\0\0\0\0\0\0\0"

static unsigned index_of(const char *interface)
{
	return strcmp(interface, "line0") == 0 ? 7 : strcmp(interface, "i-wan0") == 0 ? 9 : 0;
}

#define SURICATA "47114" /* USER_SURICATA, in decimal */

static void test_door(void **state)
{
	(void)state;
	static const char head[] = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n",
	                  port[] = "00000000189a5400 3      3    0003   7     1 0      " SURICATA "  591848\n",
	                  inner[] = "00000000189a5401 3      3    0003   9     1 0      " SURICATA "  591849\n",
	                  down[] = "00000000189a5401 3      3    0003   9     0 0      " SURICATA "  591849\n",
	                  other[] = "00000000189a5401 3      3    0003   9     1 0      0      591849\n";
	struct door d;
	struct err err;
	struct buf b;
	char text[512];
	char uid[16];
	snprintf(uid, sizeof uid, "%d", USER_SURICATA);
	assert_string_equal(uid, SURICATA);
	assert_int_equal(door_parse((struct str){ "\1\2" LINE, 50 }, &d, &err), 0);
	assert_true(d.bridge && d.n == 1 && !d.mirror);
	assert_string_equal(d.lines[0].outer, "wan0");
	buf_init(&b, 4096);
	door_nft(&d, false, &b);
	assert_non_null(strstr(buf_cstr(&b), "device \"line0\" priority 0; policy drop;\n  counter fwd to \"i-wan0\""));
	assert_non_null(strstr(buf_cstr(&b), "device \"i-wan0\" priority 0; policy drop;\n  counter fwd to \"line0\""));
	buf_reset(&b);
	door_nft(&d, true, &b);
	assert_null(strstr(buf_cstr(&b), "fwd"));
	d.bridge = false;
	buf_reset(&b);
	door_nft(&d, false, &b);
	assert_null(strstr(buf_cstr(&b), "fwd"));
	assert_null(strstr(buf_cstr(&b), "mirror"));
	/* the copy of what was decrypted goes nowhere, also where lines are a bridge */
	assert_int_equal(door_parse((struct str){ "\3\2" LINE, 50 }, &d, &err), 0);
	assert_true(d.bridge && d.mirror);
	buf_reset(&b);
	door_nft(&d, false, &b);
	assert_non_null(strstr(buf_cstr(&b), "device \"toride-mirror-i\" priority 0; policy drop;\n  counter drop\n }"));
	buf_done(&b);
	const struct {
		const char *rows[3];
		bool captured;
	} cases[] = { { { "", "", "" }, false },       { { port, "", "" }, false },    { { port, inner, "" }, true },
		      { { port, down, "" }, false },   { { port, other, "" }, false }, { { port, other, inner }, true },
		      { { "line0 x\n", "\n", "" }, false } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof text, "%s%s%s%s", head, cases[i].rows[0], cases[i].rows[1], cases[i].rows[2]);
		assert_int_equal(door_captured(&d, str_from(text), index_of), cases[i].captured);
	}
	const struct str bad[] = { { "", 0 }, { "\1", 1 }, { "\1\2", 2 }, { "\4\2" LINE, 50 }, { "\1\2" LINE, 49 }, { "\1\2" LINE "x", 51 },
		                   { "\1\2wan0\"; flush ruleset #" LINE, 50 } };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(door_parse(bad[i], &d, &err), -E_CORRUPT);
}

static void test_suricata_rules(void **state)
{
	(void)state;
	struct suricata_rules r;
	struct err err;
	static const char *const bad[] = { "", "[]", "{}", "[1]", "[{\"rules_loaded\":-1,\"rules_failed\":0}]", "[{\"rules_loaded\":\"5\"}]" };
	assert_int_equal(suricata_rules_parse(STR("[{\"id\":0,\"rules_loaded\":24,\"rules_failed\":1,\"rules_skipped\":2}]"), &r, &err), 0);
	assert_true(r.loaded == 24 && r.failed == 1 && r.skipped == 2);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(suricata_rules_parse(str_from(bad[i]), &r, &err), -E_INVALID);
}

int main(void)
{
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, in_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		IN_DIR(test_journal_torn), IN_DIR(test_journal_flipped), IN_DIR(test_blocks_file),
		cmocka_unit_test(test_frames), cmocka_unit_test(test_cuts), cmocka_unit_test(test_cut_commands),
		cmocka_unit_test(test_verify_rules), cmocka_unit_test(test_verify_classes), cmocka_unit_test(test_lines_rules), cmocka_unit_test(test_verify_keys), cmocka_unit_test(test_blocks_table),
		cmocka_unit_test(test_block_check), cmocka_unit_test(test_announced), cmocka_unit_test(test_canary_answers),
		cmocka_unit_test(test_door), cmocka_unit_test(test_pair), cmocka_unit_test(test_suricata_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
