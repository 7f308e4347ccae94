/* Whole changes on a node of files: real generations, journal, link and blocks in a temporary directory; nft, ip and the
 * rest answered by a fake kernel at the env edge. After every failure, of every call, and after every kill, the machine
 * must stand at the old or the new generation in all its parts, and the next try must succeed. The same with the real
 * nft and ip: real_test.c. */
#include "apply/transaction.h"

#include "apply/blocks.h"
#include "apply/ends.h"
#include "apply/frame.h"
#include "apply/verify.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char root[64];
static bool nft_broken;      /* every replacement of the table fails */
static const char *nft_poison; /* … or only of files that hold this */
static unsigned ran;         /* programs */
static unsigned cut_flows;   /* conntrack -D */

/* ---- plain files, outside the counted calls ---- */

static void slurp(const char *path, char *dst, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(dst, 1, size - 1, f) : 0;
	dst[n] = 0;
	if (f)
		fclose(f);
}

static void spew(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static const char *at(const char *name)
{
	static char path[4][256];
	static int i;
	i = (i + 1) % 4;
	snprintf(path[i], sizeof path[i], "%s/%s", root, name);
	return path[i];
}

/* posix_spawn: a fork of a process under ASan costs more than all the rest of a case. */
static void shell(const char *program, const char *a, const char *b, const char *c)
{
	const char *argv[] = { program, a, b, c, NULL };
	pid_t pid;
	int status = -1;
	if (posix_spawnp(&pid, program, NULL, NULL, (char *const *)(uintptr_t)argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		fail_msg("%s: status %d", program, status);
}

/* ---- the fake kernel ---- */

static void list_rules(struct buf *out)
{
	char text[8192];
	slurp(at("kernel/nft"), text, sizeof text);
	buf_puts(out, "{\"nftables\":[{\"metainfo\":{}}");
	for (char *p = text; (p = strstr(p, "comment \"")); p++) {
		char *end = strchr(p + 9, '"');
		buf_printf(out, ",{\"rule\":{\"comment\":\"%.*s\"}}", (int)(end - p - 9), p + 9);
	}
	buf_puts(out, "]}");
}

static int fake_nft(const struct proc_opts *o)
{
	char text[8192];
	const char *const *v = o->argv;
	if (strcmp(v[1], "-c") == 0)
		return 0;
	if (strcmp(v[1], "list") == 0) {
		buf_puts(o->out, access(at("kernel/nft"), F_OK) == 0 ? "table inet toride {\n}\n" : "");
		return 0;
	}
	if (strcmp(v[1], "-j") == 0) {
		if (access(at("kernel/nft"), F_OK) != 0)
			return 1;
		list_rules(o->out);
		return 0;
	}
	if (strcmp(v[2], "-") == 0 && o->input.len && memmem(o->input.ptr, o->input.len, "toride_block", 12)) {
		FILE *f = fopen(at("kernel/blocks"), "w");
		fwrite(o->input.ptr, 1, o->input.len, f);
		fclose(f);
		return 0;
	}
	if (nft_broken)
		return 1;
	if (strcmp(v[2], "-") == 0) {
		unlink(at("kernel/nft"));
		return 0;
	}
	slurp(v[2], text, sizeof text);
	if (nft_poison && strstr(text, nft_poison))
		return 1;
	spew(at("kernel/nft"), text);
	return 0;
}

/* kernel/net holds one "ADDRESS DEV" a line. */
static void net_set(const char *line, bool add)
{
	char text[8192], out[8192] = "", *save = NULL;
	size_t n = 0;
	slurp(at("kernel/net"), text, sizeof text);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		if (strcmp(l, line) != 0)
			n += (size_t)snprintf(out + n, sizeof out - n, "%s\n", l);
	if (add)
		snprintf(out + n, sizeof out - n, "%s\n", line);
	spew(at("kernel/net"), out);
}

static int fake_ip(const struct proc_opts *o)
{
	char text[8192], addr[64], verb[16], dev[32], *save = NULL;
	if (strcmp(o->argv[2], "-force") == 0) {
		snprintf(text, sizeof text, STR_FMT, STR_ARG(o->input));
		for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			char line[128];
			assert_int_equal(sscanf(l, "addr %15s %63s dev %31s", verb, addr, dev), 3);
			snprintf(line, sizeof line, "%s %s", addr, dev);
			net_set(line, strcmp(verb, "replace") == 0);
		}
		return 0;
	}
	buf_puts(o->out, "[");
	if (strcmp(o->argv[1], "-4") == 0 && strcmp(o->argv[3], "addr") == 0) {
		slurp(at("kernel/net"), text, sizeof text);
		for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			unsigned len;
			assert_int_equal(sscanf(l, "%63[^/]/%u %31s", addr, &len, dev), 3);
			buf_printf(o->out, "%s{\"ifname\":\"%s\",\"addr_info\":[{\"local\":\"%s\",\"prefixlen\":%u}]}",
			           o->out->len > 1 ? "," : "", dev, addr, len);
		}
	}
	buf_puts(o->out, "]");
	return 0;
}

static int fake_run(const struct proc_opts *o, struct err *err)
{
	int status = 0;
	ran++;
	if (fs_fault())
		return err_errno(err, o->argv[0], "cannot fork");
	if (strcmp(o->argv[0], "nft") == 0)
		status = fake_nft(o);
	else if (strcmp(o->argv[0], "ip") == 0)
		status = fake_ip(o);
	else if (strcmp(o->argv[0], "conntrack") == 0)
		cut_flows++;
	if (o->ret_status) {
		*o->ret_status = status;
		return 0;
	}
	return status ? err_set(err, E_IO, o->argv[0], "exit code %d", status) : 0;
}

/* ---- two small clouds ---- */

#define RULE_A "{\"comment\":\"412015/a/4\",\"org\":\"412015\",\"zone\":1,\"action\":\"allow\",\"direction\":\"out\"," \
	       "\"family\":4,\"protocol\":6,\"port_low\":25,\"port_high\":25,\"from\":[],\"to\":[\"192.0.2.25/32\"]}"
#define KEY(a) "-4 addr replace " a " dev lo\t-4 addr delete " a " dev lo\n"

static const struct {
	const char *description, *keys, *nft, *rules, *scand;
} clouds[] = {
	{ "{\"cloud\":\"a\"}", KEY("192.0.2.1/32") KEY("192.0.2.2/32"), "common comment \"c\"\nrule comment \"412015/a/4\"\n",
	  "[{\"comment\":\"c\"}," RULE_A "]", "{}" },
	{ "{\"cloud\":\"b\"}", KEY("192.0.2.2/32") KEY("192.0.2.3/32"), "common comment \"c\"\n", "[{\"comment\":\"c\"}]", "{} " },
};
static char hexes[ARRAY_LEN(clouds)][GEN_NAME];

static int fake_compile(const char *hex, struct buf *out, struct err *err)
{
	static const unsigned char zone[46] = { 0, 1, '4', '1', '2', '0', '1', '5', 0, 0, 'o', '4', '1', '2', '0', '1', '5' };
	static const unsigned char never[18] = { 4, 24, 192, 0, 2 };
	char digest[72];
	size_t i = strcmp(hex, hexes[0]) == 0 ? 0 : 1;
	snprintf(digest, sizeof digest, "sha256:%s", hex);
	frame_start(out, digest, 6);
	frame_file(out, "net/keys", str_from(clouds[i].keys));
	frame_file(out, "nft/never.bin", (struct str){ (const char *)never, sizeof never });
	frame_file(out, "nft/rules.json", str_from(clouds[i].rules));
	frame_file(out, "nft/toride.nft", str_from(clouds[i].nft));
	frame_file(out, "nft/zones.bin", (struct str){ (const char *)zone, sizeof zone });
	frame_file(out, "scand.json", str_from(clouds[i].scand));
	return out->failed ? err_set(err, E_NOMEM, "compile", "no memory") : 0;
}

static struct env env = { .run = fake_run, .compile = fake_compile, .sysctl_root = "/nonexistent", .wait_ms = 300 };

/* ---- the node ---- */

static int fresh(void **state)
{
	(void)state;
	char path[256];
	snprintf(root, sizeof root, "/tmp/tr-apply-test.XXXXXX");
	assert_non_null(mkdtemp(root));
	chmod(root, 0755);
	mkdir(at("kernel"), 0755), mkdir(at("state"), 0755), mkdir(at("run"), 0755), mkdir(at("state/submitted"), 0755);
	setenv("TORIDE_STATE", at("state"), 1);
	setenv("TORIDE_RUN", at("run"), 1);
	for (size_t i = 0; i < ARRAY_LEN(clouds); i++) {
		unsigned char sha[SHA256_LEN];
		hash_sha256(clouds[i].description, strlen(clouds[i].description), sha);
		hex_format(sha, sizeof sha, hexes[i]);
		snprintf(path, sizeof path, "state/submitted/%s.json", hexes[i]);
		spew(at(path), clouds[i].description);
	}
	nft_broken = false;
	nft_poison = NULL;
	env.point = NULL;
	return 0;
}

static int sweep(void **state)
{
	(void)state;
	fs_fail_at(0, 0);
	mem_fail_at(0);
	clock_hold(0);
	shell("rm", "-rf", "--", root);
	return 0;
}

static int apply_cloud(int i, uint32_t confirm_s, struct err *err)
{
	return change_run(&env, &(struct change_opts){ .to = hexes[i], .confirm_s = confirm_s, .by = BY_ORDER }, err);
}

static int rollback(struct err *err)
{
	return change_run(&env, &(struct change_opts){ .to = "", .rollback = true, .by = BY_ORDER }, err);
}

/* Which cloud the machine stands at in all its parts; fails the test when they don't agree. -1: none at all. */
static int stands_at(const char *when)
{
	char hex[GEN_NAME], nft[8192], net[8192];
	struct journal_state s;
	assert_int_equal(gen_current(hex, NULL), 0);
	assert_int_equal(journal_load(&s, NULL), 0);
	slurp(at("kernel/nft"), nft, sizeof nft);
	slurp(at("kernel/net"), net, sizeof net);
	if (s.phase != PHASE_IDLE || strcmp(s.current, hex) != 0)
		fail_msg("%s: the journal says phase %d, %.8s; the link %.8s", when, s.phase, s.current, hex);
	if (!*hex) {
		if (*nft || *net)
			fail_msg("%s: no generation, but the kernel has: %s %s", when, nft, net);
		return -1;
	}
	int i = strcmp(hex, hexes[0]) == 0 ? 0 : 1;
	const char *want = i == 0 ? "192.0.2.1/32 lo\n192.0.2.2/32 lo\n" : "192.0.2.2/32 lo\n192.0.2.3/32 lo\n";
	const char *other = i == 0 ? "192.0.2.2/32 lo\n192.0.2.1/32 lo\n" : "192.0.2.3/32 lo\n192.0.2.2/32 lo\n";
	if (strcmp(nft, clouds[i].nft) != 0)
		fail_msg("%s: at %c, but the filter is: %s", when, 'a' + i, nft);
	if (strcmp(net, want) != 0 && strcmp(net, other) != 0)
		fail_msg("%s: at %c, but the addresses are: %s", when, 'a' + i, net);
	return i;
}

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s: %s", err->path, err->msg);
}

/* ---- the straight ways ---- */

static void test_there_and_back(void **state)
{
	(void)state;
	struct err err = { 0 };
	must(apply_cloud(0, 0, &err), &err);
	assert_int_equal(stands_at("first"), 0);
	cut_flows = 0;
	must(apply_cloud(1, 0, &err), &err);
	assert_int_equal(stands_at("second"), 1);
	assert_int_equal(cut_flows, 1); /* the revoked permission */
	unsigned before = ran;
	assert_int_equal(apply_cloud(1, 0, &err), -E_EXISTS);
	assert_int_equal(ran, before); /* a no-op runs nothing */
	must(rollback(&err), &err);
	assert_int_equal(stands_at("back"), 0);
	assert_int_equal(gen_verify(hexes[0], NULL), 0);
}

static void test_order_of_steps(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct gen a, b, none = { 0 };
	struct plan p;
	char name[64], text[512] = "";
	must(apply_cloud(0, 0, &err), &err);
	must(apply_cloud(1, 0, &err), &err);
	must(gen_load(hexes[0], &a, &err), &err);
	must(gen_load(hexes[1], &b, &err), &err);
	static const struct {
		bool opens, closes, first, same;
		const char *steps;
	} cases[] = {
		{ true, false, false, false, "NET_ADD LINK DAEMON scand NFT CUT NET_DEL VERIFY " },
		{ false, true, false, false, "NFT CUT NET_ADD LINK DAEMON scand NET_DEL VERIFY " },
		{ true, true, false, false, "NFT CUT NET_ADD LINK DAEMON scand NET_DEL VERIFY " },
		{ true, false, true, false, "NET_ADD LINK DAEMON scand NFT CUT NET_DEL VERIFY " },
		{ false, false, false, true, "LINK VERIFY " },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct change c = { cases[i].first ? &none : cases[i].same ? &b : &a, &b, cases[i].opens, cases[i].closes };
		plan_make(&c, &p);
		size_t n = 0;
		for (unsigned k = 0; k < p.n; k++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s ", step_name(&p.steps[k], name));
		assert_string_equal(text, cases[i].steps);
	}
	gen_done(&a);
	gen_done(&b);
}

static void test_refusals(void **state)
{
	(void)state;
	struct err err = { 0 };
	char path[256];
	assert_int_equal(rollback(&err), -E_NOT_FOUND);
	assert_int_equal(change_confirm(&err), -E_STATE);
	must(apply_cloud(0, 0, &err), &err);
	snprintf(path, sizeof path, "state/submitted/%s.json", hexes[1]);
	spew(at(path), "{\"cloud\":\"c\"}"); /* another description under that name */
	assert_int_equal(apply_cloud(1, 0, &err), -E_CORRUPT);
	assert_int_equal(stands_at("refused"), 0);
	/* a generation whose file was changed on disk never comes into force */
	spew(at(path), clouds[1].description);
	must(apply_cloud(1, 0, &err), &err);
	snprintf(path, sizeof path, "state/generations/%s/nft/toride.nft", hexes[0]);
	spew(at(path), "common comment \"evil\"\n");
	assert_int_equal(rollback(&err), -E_CORRUPT);
	assert_int_equal(stands_at("corrupt"), 1);
}

static void test_failed_step_is_undone(void **state)
{
	(void)state;
	struct err err = { 0 };
	must(apply_cloud(1, 0, &err), &err);
	nft_poison = "412015/a/4"; /* opening: fails after the link and the daemons */
	assert_int_equal(apply_cloud(0, 0, &err), -E_IO);
	assert_string_equal(err.path, "nft");
	assert_int_equal(stands_at("undone"), 1);
	nft_poison = NULL;
	must(apply_cloud(0, 0, &err), &err);
	assert_int_equal(stands_at("retry"), 0);
}

/* A rule that somebody put in by hand, and one that went missing, are found by verify. */
static void test_verify_undoes(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct gen g;
	must(apply_cloud(0, 0, &err), &err);
	must(gen_load(hexes[0], &g, &err), &err);
	spew(at("kernel/nft"), "common comment \"c\"\nrule comment \"412015/a/4\"\nmore comment \"x\"\n");
	assert_int_equal(verify_generation(&env, &g, &err), -E_CORRUPT);
	spew(at("kernel/nft"), "common comment \"c\"\n");
	assert_int_equal(verify_generation(&env, &g, &err), -E_CORRUPT);
	assert_non_null(strstr(err.msg, "412015/a/4"));
	gen_done(&g);
}

/* ---- confirmation ---- */

static void test_confirm(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct journal_state s;
	clock_hold(1000000);
	must(apply_cloud(0, 0, &err), &err);
	must(apply_cloud(1, 60, &err), &err);
	must(journal_load(&s, &err), &err);
	assert_int_equal(s.deadline_ms, 1060000);
	assert_int_equal(apply_cloud(0, 0, &err), -E_STATE);
	clock_advance(59000);
	must(change_recover(&env, true, &err), &err); /* torided died and came back in time */
	assert_int_equal(stands_at("in time"), 1);
	must(journal_load(&s, &err), &err);
	assert_int_equal(s.deadline_ms, 1060000);
	clock_advance(2000);
	must(change_recover(&env, true, &err), &err); /* … and too late */
	assert_int_equal(stands_at("expired"), 0);
	must(apply_cloud(1, 60, &err), &err);
	must(change_confirm(&err), &err);
	clock_advance(3600000);
	must(change_recover(&env, true, &err), &err);
	assert_int_equal(stands_at("confirmed"), 1);
}

/* torided starts again: what apply_open() does, with our kernel. */
static void restart(void)
{
	struct clock_watch w;
	struct err err = { 0 };
	ends_open(&w);
	must(change_recover(&env, true, &err), &err);
}

/* Five minutes to confirm are five minutes, whatever the wall clock is set to while torided runs or is down. */
static void test_confirm_clock_set(void **state)
{
	static const int64_t set[] = { 6 * 3600000LL, -6 * 3600000LL };
	(void)state;
	struct err err = { 0 };
	struct journal_state s;
	struct clock_watch w;
	int64_t next;
	clock_hold(1000000000);
	must(apply_cloud(0, 0, &err), &err);
	restart();
	for (size_t i = 0; i < 2 * ARRAY_LEN(set); i++) {
		must(apply_cloud(1, 300, &err), &err);
		clock_advance(100000);
		if (i % 2) { /* running */
			ends_open(&w);
			clock_shift(set[i / 2]);
			assert_true(ends_look(&w, &next));
			assert_false(ends_look(&w, &next));
		} else {
			clock_shift(set[i / 2]);
			restart();
		}
		assert_int_equal(stands_at("a step is no time"), 1);
		must(journal_load(&s, &err), &err);
		assert_int_equal(s.deadline_ms - clock_now_ms(), 200000);
		clock_advance(199000);
		restart();
		assert_int_equal(stands_at("still in time"), 1);
		clock_advance(1000);
		restart();
		assert_int_equal(stands_at("its time is over"), 0);
	}
}

/* The same for a block's end, which the file keeps. */
static void test_blocks_clock_set(void **state)
{
	static const int64_t set[] = { -86400000, 30 * 86400000LL };
	(void)state;
	struct err err = { 0 };
	struct blocks b;
	struct block k = { .kind = BLOCK_ADDRESS, .created_ms = 1 };
	int64_t next;
	clock_hold(100 * 86400000LL);
	must(apply_cloud(0, 0, &err), &err);
	restart();
	snprintf(k.id, sizeof k.id, "B-1"), snprintf(k.org, sizeof k.org, "*"), snprintf(k.value, sizeof k.value, "203.0.113.66");
	snprintf(k.author, sizeof k.author, "t"), snprintf(k.reason, sizeof k.reason, "t");
	k.expires_ms = clock_now_ms() + 3600000;
	must(blocks_add(&env, &k, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		clock_shift(set[i]);
		restart();
		must(blocks_load(&b, &err), &err);
		assert_int_equal(b.n, 1);
		assert_int_equal(b.list[0].expires_ms - clock_now_ms(), 3600000);
		blocks_done(&b);
	}
	clock_advance(3600000);
	must(blocks_expire(&env, &next, &err), &err);
	must(blocks_load(&b, &err), &err);
	assert_int_equal(b.n, 0);
	blocks_done(&b);
}

/* A failing rollback of an unconfirmed generation doesn't confirm it. */
static void test_failed_rollback_keeps_deadline(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct journal_state s;
	clock_hold(1000000);
	must(apply_cloud(0, 0, &err), &err);
	must(apply_cloud(1, 60, &err), &err);
	nft_poison = "412015/a/4";
	assert_int_equal(rollback(&err), -E_IO);
	assert_int_equal(stands_at("still"), 1);
	must(journal_load(&s, &err), &err);
	assert_int_equal(s.deadline_ms, 1060000);
	nft_poison = NULL;
	must(rollback(&err), &err);
	assert_int_equal(stands_at("back"), 0);
}

/* ---- undo that fails ---- */

static void test_degraded(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct journal_state s;
	must(apply_cloud(0, 0, &err), &err);
	nft_broken = true; /* the change fails, its undo fails, and so does the new install */
	assert_int_equal(apply_cloud(1, 0, &err), -E_CORRUPT);
	assert_string_equal(err.path, "degraded");
	must(journal_load(&s, &err), &err);
	assert_true(s.degraded);
	assert_string_equal(s.current, hexes[0]);
	assert_int_equal(apply_cloud(1, 0, &err), -E_STATE);
	assert_true(change_recover(&env, true, &err) < 0);
	nft_broken = false;
	must(change_recover(&env, true, &err), &err);
	assert_int_equal(stands_at("recovered"), 0);
	must(apply_cloud(1, 0, &err), &err);
}

/* After a reboot the kernel is empty. */
static void test_reboot(void **state)
{
	(void)state;
	struct err err = { 0 };
	must(apply_cloud(0, 0, &err), &err);
	unlink(at("kernel/nft")), unlink(at("kernel/net")), unlink(at("kernel/blocks"));
	must(change_recover(&env, true, &err), &err);
	assert_int_equal(stands_at("rebooted"), 0);
	assert_int_equal(access(at("kernel/blocks"), F_OK), 0);
	unlink(at("state/journal")); /* a lost journal: the link decides */
	must(change_recover(&env, true, &err), &err);
	assert_int_equal(stands_at("no journal"), 0);
	spew(at("state/journal"), "rubbish");
	must(change_recover(&env, true, &err), &err);
	assert_int_equal(stands_at("broken journal"), 0);
}

/* ---- blocks survive ---- */

static void test_blocks_survive(void **state)
{
	(void)state;
	struct err err = { 0 };
	char text[8192];
	int64_t next;
	clock_hold(1000000);
	struct block k = { .id = "B-1", .org = "412015", .kind = BLOCK_ADDRESS, .value = "203.0.113.66", .author = "toride",
		           .reason = "C&C", .created_ms = 1000000, .expires_ms = 1000000 + 3600000 };
	assert_int_equal(blocks_add(&env, &k, &err), -E_NOT_FOUND); /* no such organisation yet */
	must(apply_cloud(0, 0, &err), &err);
	must(blocks_add(&env, &k, &err), &err);
	must(apply_cloud(1, 0, &err), &err);
	must(rollback(&err), &err);
	must(change_recover(&env, true, &err), &err);
	slurp(at("kernel/blocks"), text, sizeof text);
	assert_non_null(strstr(text, "\"o412015\" . 203.0.113.66 timeout 3600s"));
	snprintf(k.id, sizeof k.id, "B-2"); /* the same thing again: one goes, the other holds */
	must(blocks_add(&env, &k, &err), &err);
	must(blocks_remove(&env, "B-1", &err), &err);
	slurp(at("kernel/blocks"), text, sizeof text);
	assert_non_null(strstr(text, "203.0.113.66"));
	assert_int_equal(blocks_remove(&env, "B-1", &err), -E_NOT_FOUND);
	clock_advance(3600001);
	must(blocks_expire(&env, &next, &err), &err);
	assert_int_equal(next, 0);
	slurp(at("kernel/blocks"), text, sizeof text);
	assert_null(strstr(text, "203.0.113.66"));
	snprintf(k.value, sizeof k.value, "192.0.2.7"); /* in never.bin */
	k.expires_ms += 7200000;
	assert_int_equal(blocks_add(&env, &k, &err), -E_DENIED);
	k.expires_ms = 0;
	assert_int_equal(blocks_add(&env, &k, &err), -E_INVALID);
}

/* ---- everything fails once ---- */

static void snapshot(void)
{
	shell("rm", "-rf", "--", at("saved"));
	mkdir(at("saved"), 0755);
	shell("cp", "-a", at("state"), at("saved"));
	shell("cp", "-a", at("kernel"), at("saved"));
}

static void restore(void)
{
	shell("rm", "-rf", at("state"), at("kernel"));
	shell("cp", "-a", at("saved/state"), root);
	shell("cp", "-a", at("saved/kernel"), root);
}

static void after_fault(int r, int from, int to, const char *when)
{
	struct err err = { 0 };
	struct journal_state s;
	bool rest = journal_load(&s, &err) == 0 && s.phase == PHASE_IDLE && !s.degraded;
	if (!rest)
		must(change_recover(&env, true, &err), &err);
	int now = stands_at(when);
	if (r == 0 ? now != to : now != from && now != to)
		fail_msg("%s: returned %d and stands at %d", when, r, now);
	r = apply_cloud(to, 0, &err);
	if (r < 0 && r != -E_EXISTS)
		fail_msg("%s: the next try fails: %s: %s", when, err.path, err.msg);
	assert_int_equal(stands_at(when), to);
}

static void fail_each(bool memory, int from, int to)
{
	struct err err = { 0 };
	char when[64];
	if (from >= 0)
		must(apply_cloud(from, 0, &err), &err);
	snapshot();
	memory ? mem_fail_at(0) : fs_fail_at(0, 0);
	must(apply_cloud(to, 0, &err), &err);
	long n = memory ? mem_count() : fs_count();
	assert_true(n > 50);
	for (long i = 1; i <= n; i++) {
		restore();
		memory ? mem_fail_at(i) : fs_fail_at(i, i % 2 ? EIO : ENOSPC);
		int r = apply_cloud(to, 0, &err);
		memory ? mem_fail_at(0) : fs_fail_at(0, 0);
		snprintf(when, sizeof when, "%s %ld of %ld", memory ? "allocation" : "call", i, n);
		after_fault(r, from, to, when);
	}
}

static void test_each_call_fails(void **state)
{
	(void)state;
	fail_each(false, 0, 1);
}

static void test_each_call_fails_first(void **state)
{
	(void)state;
	fail_each(false, -1, 0);
}

static void test_each_allocation_fails(void **state)
{
	(void)state;
	fail_each(true, 0, 1);
}

/* ---- kill -9 ---- */

static int points_left;

static void die_at_point(const char *where)
{
	(void)where;
	if (--points_left == 0)
		kill(getpid(), SIGKILL);
}

static int count_points;
static void count_point(const char *where)
{
	(void)where;
	count_points++;
}

static void test_kill_after_each_step(void **state)
{
	(void)state;
	struct err err = { 0 };
	char when[64];
	must(apply_cloud(0, 0, &err), &err);
	snapshot();
	env.point = count_point;
	count_points = 0;
	must(apply_cloud(1, 0, &err), &err);
	assert_true(count_points >= 10);
	for (int i = 1; i <= count_points; i++) {
		int status;
		restore();
		pid_t pid = fork();
		if (pid == 0) {
			points_left = i;
			env.point = die_at_point;
			apply_cloud(1, 0, NULL);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		env.point = NULL;
		must(change_recover(&env, true, &err), &err);
		snprintf(when, sizeof when, "kill at point %d of %d", i, count_points);
		int now = stands_at(when);
		assert_int_equal(now, i == count_points ? 1 : 0); /* only the last is behind the commit */
		int r = apply_cloud(1, 0, &err);
		assert_true(r == 0 || r == -E_EXISTS);
		assert_int_equal(stands_at(when), 1);
	}
}

/* Killed in the undo, then killed in the recovery's undo, then recovered. */
static void test_kill_in_undo(void **state)
{
	(void)state;
	struct err err = { 0 };
	char when[64];
	int status = 0;
	must(apply_cloud(1, 0, &err), &err);
	snapshot();
	nft_poison = "412015/a/4";
	for (int i = 1;; i++) {
		restore();
		for (int again = 0; again < 2; again++) {
			pid_t pid = fork();
			if (pid == 0) {
				points_left = again ? 1 : i;
				env.point = die_at_point;
				again ? change_recover(&env, true, NULL) : apply_cloud(0, 0, NULL);
				_exit(0);
			}
			waitpid(pid, &status, 0);
			if (!again && !WIFSIGNALED(status))
				break;
		}
		if (!WIFSIGNALED(status) && i > 8)
			break;
		must(change_recover(&env, true, &err), &err);
		snprintf(when, sizeof when, "kill in undo, point %d", i);
		assert_int_equal(stands_at(when), 1);
		assert_true(i < 100);
	}
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, fresh, sweep)
	const struct CMUnitTest tests[] = {
		CASE(test_there_and_back), CASE(test_order_of_steps), CASE(test_refusals), CASE(test_failed_step_is_undone),
		CASE(test_verify_undoes), CASE(test_confirm), CASE(test_confirm_clock_set), CASE(test_blocks_clock_set), CASE(test_failed_rollback_keeps_deadline), CASE(test_degraded),
		CASE(test_reboot), CASE(test_blocks_survive), CASE(test_kill_after_each_step), CASE(test_kill_in_undo),
		CASE(test_each_call_fails), CASE(test_each_call_fails_first), CASE(test_each_allocation_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
