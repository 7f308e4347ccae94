/* Our shipped rules: each fires on its case and is silent on its other one (test/yara/RULE.fires, RULE.silent: a line `type`,
 * a line `filename`, then the bytes). Faults are told with file and line. */
#include "base/test.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "scan/rules.h"
#include "scan/yara.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char *source(const char *rest, char dst[512])
{
	const char *s = getenv("TORIDE_SOURCE");
	snprintf(dst, 512, "%s/%s", s ? s : "../..", rest);
	return dst;
}

static void read_file(const char *path, struct buf *b)
{
	struct err err = { 0 };
	buf_init(b, MIB);
	if (fs_read(path, b, &err) < 0)
		fail_msg("%s: %s", path, err.msg);
}

static struct yara_rules *shipped(void)
{
	char dir[512];
	const char *dirs[] = { source("rules/yara", dir) };
	struct err err = { 0 };
	struct yara_rules *rules;
	struct stat st;
	int fd;
	assert_int_equal(rules_bundle(dirs, 1, &fd, &err), 0);
	assert_int_equal(fstat(fd, &st), 0);
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (yara_compile((struct str){ map, (size_t)st.st_size }, &rules, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	munmap(map, (size_t)st.st_size);
	close(fd);
	return rules;
}

/* What matches the case, "" nothing. */
static void run_case(struct yara_scanner *s, const char *path, char ret[64])
{
	struct buf b;
	struct str rest, type, name;
	char t[16], n[256];
	read_file(path, &b);
	rest = buf_view(&b);
	assert_true(str_next(&rest, '\n', &type) && str_next(&rest, '\n', &name) && rest.ptr);
	assert_true(str_copy(type, t, sizeof t) && str_copy(name, n, sizeof n));
	ret[0] = 0;
	int r = yara_match(s, rest, t, n, 10, ret, 64);
	assert_true(r >= 0);
	if (r == 0)
		ret[0] = 0;
	buf_done(&b);
}

struct coverage {
	struct yara_scanner *scanner;
	unsigned cases;
};

static int on_case(const char *file, void *user)
{
	struct coverage *c = user;
	char dir[512], path[800], got[64];
	snprintf(path, sizeof path, "%s/%s", source("test/yara", dir), file);
	run_case(c->scanner, path, got);
	const char *dot = strrchr(file, '.');
	assert_non_null(dot);
	size_t n = (size_t)(dot - file);
	if (strcmp(dot, ".fires") == 0 && (strlen(got) != n || strncmp(got, file, n) != 0))
		fail_msg("%s: %s", file, got[0] ? got : "nothing matches");
	if (strcmp(dot, ".silent") == 0 && got[0])
		fail_msg("%s: %s matches", file, got);
	c->cases++;
	return 0;
}

static void each_fires_and_is_silent(void **state)
{
	(void)state;
	char dir[512];
	struct coverage c = { 0 };
	struct yara_rules *rules = shipped();
	assert_int_equal(yara_scanner_open(rules, &c.scanner), 0);
	assert_int_equal(fs_list(source("test/yara", dir), on_case, &c, NULL), 0);
	assert_int_equal(c.cases, 2 * yara_count(rules)); /* no rule without its two */
	yara_scanner_close(&c.scanner);
	yara_destroy(&rules);
}

static void as_bytes_and_back(void **state)
{
	(void)state;
	char rule[64];
	struct yara_rules *rules = shipped(), *again;
	struct yara_scanner *s;
	int fd = memfd_create("rules", 0);
	assert_int_equal(yara_save(rules, fd), 0);
	assert_int_equal(yara_load(fd, &again), 0);
	assert_int_equal(yara_count(again), yara_count(rules));
	assert_int_equal(yara_scanner_open(again, &s), 0);
	assert_int_equal(yara_match(s, STR("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"), "data", "", 10, rule, sizeof rule), 1);
	assert_string_equal(rule, "EICAR_Test_File");
	assert_int_equal(yara_match(s, STR("harmless"), "text", "", 10, rule, sizeof rule), 0);
	yara_scanner_close(&s);
	yara_destroy(&again);
	yara_destroy(&rules);
	close(fd);
}

static void faults_have_a_place(void **state)
{
	(void)state;
	static const struct {
		const char *source, *place, *words;
	} rows[] = {
		{ "rule a { condition: nosuch }", "bad.yar:1", "undefined identifier" },
		{ "\n\nrule a { strings: $a = \"x\" condition: $b }", "bad.yar:3", "undefined string" },
		{ "include \"/etc/passwd\"", "bad.yar:1", "include" },
		{ "rule a { condition: true } rule a { condition: true }", "bad.yar:1", "duplicated identifier" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct yara_rules *rules;
		struct err err = { 0 };
		struct buf b;
		buf_init(&b, MIB);
		yara_bundle_add(&b, "bad.yar", str_from(rows[i].source));
		assert_int_equal(yara_compile(buf_view(&b), &rules, &err), -E_INVALID);
		if (strcmp(err.path, rows[i].place) != 0 || !strstr(err.msg, rows[i].words))
			fail_msg("row %zu: %s: %s", i, err.path, err.msg);
		buf_done(&b);
	}
}

static void takes_no_longer_than_it_may(void **state)
{
	(void)state;
	static const char slow[] = "rule slow { strings: $a = /a.*b.*c.*d.*e.*f.*g.*h.*z/s condition: for all i in (1..100000000) : ( $a in (0..i) or i > 0 ) }";
	struct yara_rules *rules;
	struct yara_scanner *s;
	struct err err = { 0 };
	struct buf b;
	char rule[64];
	buf_init(&b, MIB);
	yara_bundle_add(&b, "slow.yar", str_from(slow));
	if (yara_compile(buf_view(&b), &rules, &err) < 0)
		fail_msg("%s", err.msg);
	buf_done(&b);
	assert_int_equal(yara_scanner_open(rules, &s), 0);
	char *text = mem_alloc(MIB);
	memset(text, 'a', MIB);
	assert_int_equal(yara_match(s, (struct str){ text, MIB }, "text", "", 1, rule, sizeof rule), -E_TIMEOUT);
	mem_free(text);
	yara_scanner_close(&s);
	yara_destroy(&rules);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(each_fires_and_is_silent),
		cmocka_unit_test(as_bytes_and_back),
		cmocka_unit_test(faults_have_a_place),
		cmocka_unit_test(takes_no_longer_than_it_may),
	};
	return cmocka_run_group_tests(cases, NULL, NULL);
}
