/* The index: what holds for what, what is said about it, and that no byte of a file can lead astray. */
#include "base/test.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "url/import.h"
#include "url/index_file.h"
#include "url/set.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>

struct made {
	struct buf file;
	struct url_index *x;
	uint64_t entries;
};

static void make(struct made *m, const char *csv)
{
	struct url_import im = { 0 };
	assert_int_equal(url_build_create(&im.build, NULL), 0);
	assert_int_equal(url_import_text(&im, "test.csv", str_from(csv), URL_FORMAT_CSV, NULL, NULL), 0);
	assert_int_equal(im.bad_lines, 0);
	buf_init(&m->file, 64 * MIB);
	assert_int_equal(url_build_finish(im.build, 1000, &m->file, &m->entries, NULL), 0);
	url_build_destroy(&im.build);
	assert_int_equal(url_index_from(m->file.ptr, m->file.len, &m->x, NULL), 0);
}

static void drop(struct made *m)
{
	url_index_unref(&m->x);
	buf_done(&m->file);
}

/* "a+b" of the categories in alphabetical order of this index. */
static void words_of(const struct url_index *x, uint64_t mask, char dst[256])
{
	dst[0] = 0;
	for (unsigned i = 0; i < URL_CATEGORIES; i++)
		if (mask >> i & 1) {
			size_t n = strlen(dst);
			snprintf(dst + n, 256 - n, "%s%s", n ? "+" : "", url_index_category(x, i));
		}
}

static const char list[] =
	"adult.example,adult\n"
	"games.example,games\n"
	"blog.games.example,blog\n"
	"*.below.example,social\n"
	"http://exact.example/,news\n"
	"192.0.2.0/24,malware\n"
	"192.0.2.7,c2\n"
	"2001:db8::/32,phishing\n"
	"files.example/warez,warez\n"
	"files.example/warez/deep/x.exe,malware\n"
	"http://www.quiz.example/q?id=7,gambling\n"
	"http://198.51.100.9:8080/bin.sh,malware\n"
	"adult.example,video\n";

static const struct {
	const char *url; /* path NULL: "CONNECT host" */
	const char *categories;
	bool wants_path;
} asked[] = {
	{ "http://adult.example/", "adult+video", false },
	{ "https://WWW.Adult.Example./x", "adult+video", false },
	{ "http://a.b.c.adult.example/", "adult+video", false },
	{ "http://notadult.example/", "", false },
	{ "http://example/", "", false },
	{ "http://blog.games.example/", "games+blog", false },
	{ "http://x.games.example/", "games", false },
	{ "http://below.example/", "", false },
	{ "http://x.below.example/", "social", false },
	{ "http://exact.example/a/b", "news", false },
	{ "http://www.exact.example/", "", false },
	{ "http://192.0.2.9/", "malware", false },
	{ "http://0xc0000207/", "malware+c2", false },
	{ "http://[::ffff:192.0.2.7]/", "malware+c2", false },
	{ "http://192.0.3.7/", "", false },
	{ "http://[2001:db8:1::1]/", "phishing", false },
	{ "http://files.example/", "", false },
	{ "http://files.example/warez", "warez", false },
	{ "https://files.example/warez/", "warez", false },
	{ "http://files.example/warezz", "", false },
	{ "http://files.example/warez/a/b?c", "warez", false },
	{ "http://www.files.example/warez/deep/x.exe", "malware+warez", false },
	{ "http://files.example/a/../warez", "warez", false },
	{ "http://files.example//%77arez", "warez", false },
	{ "http://files.example/\\warez", "warez", false },
	{ "http://files.example/a%2f..%2fwarez", "warez", false },
	{ "http://files.example:8080/warez", "warez", false },
	{ "http://x.files.example/warez", "", false },
	{ "CONNECT files.example", "", true },
	{ "CONNECT www.files.example", "", true },
	{ "CONNECT adult.example", "adult+video", false },
	{ "http://quiz.example/q?id=7", "gambling", false },
	{ "http://quiz.example/q?id=77", "", false },
	{ "http://quiz.example/q", "", false },
	{ "http://198.51.100.9:8080/bin.sh", "malware", false },
	{ "http://198.51.100.9/bin.sh", "", false },
};

static bool target_of(const char *url, struct url_target *t)
{
	struct url_query q = { .scheme = STR("https") };
	if (strncmp(url, "CONNECT ", 8) == 0)
		q.host = str_from(url + 8);
	else if (url_split(str_from(url), &q) < 0)
		return false;
	return url_target_from(&q, t) == 0;
}

static void categories_are_found(void **state)
{
	struct made m;
	struct url_target t[ARRAY_LEN(asked)];
	const struct url_target *all[ARRAY_LEN(asked)];
	struct url_hit hit, hits[ARRAY_LEN(asked)];
	char got[256];
	make(&m, list);
	assert_int_equal(m.entries, 12);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		assert_true(target_of(asked[i].url, &t[i]));
		all[i] = &t[i];
		url_index_find(m.x, &t[i], &hit);
		words_of(m.x, hit.categories, got);
		if (strcmp(got, asked[i].categories) != 0 || hit.wants_path != asked[i].wants_path)
			fail_msg("%s: %s %d", asked[i].url, got, hit.wants_path);
	}
	url_index_find_many(m.x, all, ARRAY_LEN(asked), hits);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		url_index_find(m.x, &t[i], &hit);
		assert_int_equal(hit.categories, hits[i].categories);
		assert_int_equal(hit.wants_path, hits[i].wants_path);
	}
	url_index_find(NULL, &t[0], &hit);
	assert_int_equal(hit.categories, 0);
	drop(&m);
}

static void reasons_name_the_entry(void **state)
{
	static const struct {
		const char *url, *first, *second;
	} cases[] = {
		{ "http://blog.games.example/", "domain blog.games.example", "domain games.example" },
		{ "http://www.files.example/warez/deep/x.exe?y", "path files.example/warez/deep/x.exe", "path files.example/warez" },
		{ "http://quiz.example/q?id=7", "url quiz.example/q?id=7", NULL },
		{ "http://192.0.2.7/", "address 192.0.2.7/32", "address 192.0.2.7/24" },
		{ "http://exact.example/", "host exact.example", NULL },
		{ "http://nothing.example/", NULL, NULL },
	};
	struct made m;
	make(&m, list);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct url_reason r[4];
		struct url_target t;
		assert_true(target_of(cases[i].url, &t));
		size_t n = url_index_explain(m.x, &t, r, 4);
		assert_int_equal(n, !cases[i].first ? 0 : cases[i].second ? 2 : 1);
		if (n > 0)
			assert_string_equal(r[0].entry, cases[i].first);
		if (n > 1)
			assert_string_equal(r[1].entry, cases[i].second);
	}
	drop(&m);
}

/* 30,000 names with 50 categories: each is found with its own, no neighbour is; the file stays below 40 bytes an entry. */
static void large_indexes_stay_exact(void **state)
{
	enum { N = 30000 };
	struct url_import im = { 0 };
	struct buf file, text;
	struct url_index *x;
	struct url_target t;
	struct url_hit hit;
	uint64_t entries;
	char name[64], got[256], want[32];
	buf_init(&text, 16 * MIB);
	buf_init(&file, 16 * MIB);
	for (int i = 0; i < N; i++)
		buf_printf(&text, "n%d.d%d.example,x-c%d\n", i, i % 97, i % 50);
	assert_int_equal(url_build_create(&im.build, NULL), 0);
	assert_int_equal(url_import_text(&im, "x.csv", buf_view(&text), URL_FORMAT_CSV, NULL, NULL), 0);
	assert_int_equal(url_build_finish(im.build, 1, &file, &entries, NULL), 0);
	assert_int_equal(entries, N);
	assert_true(file.len < 40 * N);
	assert_int_equal(url_index_from(file.ptr, file.len, &x, NULL), 0);
	for (int i = 0; i < N; i++) {
		const struct url_query q = { .scheme = STR("http"), .host = { name, (size_t)snprintf(name, sizeof name, "n%d.d%d.example", i, i % 97) } };
		assert_int_equal(url_target_from(&q, &t), 0);
		url_index_find(x, &t, &hit);
		words_of(x, hit.categories, got);
		snprintf(want, sizeof want, "x-c%d", i % 50);
		assert_string_equal(got, want);
		const struct url_query no = { .scheme = STR("http"), .host = { name, (size_t)snprintf(name, sizeof name, "n%d.d%d.example", i, (i + 1) % 97) } };
		assert_int_equal(url_target_from(&no, &t), 0);
		url_index_find(x, &t, &hit);
		assert_int_equal(hit.categories, 0);
	}
	url_index_unref(&x);
	url_build_destroy(&im.build);
	buf_done(&text);
	buf_done(&file);
}

/* Any byte changed, any length: refused. */
static void damaged_files_are_refused(void **state)
{
	struct made m;
	struct url_index *x = NULL;
	make(&m, list);
	for (size_t i = 0; i < m.file.len; i += i < 512 ? 1 : 61) {
		m.file.ptr[i] ^= 0x41;
		assert_int_equal(url_index_from(m.file.ptr, m.file.len, &x, NULL), -E_CORRUPT);
		m.file.ptr[i] ^= 0x41;
	}
	for (size_t n = 0; n < m.file.len; n += 509)
		assert_int_equal(url_index_from(m.file.ptr, n, &x, NULL), -E_CORRUPT);
	drop(&m);
}

static void seal(struct buf *b)
{
	struct index_header *h = (struct index_header *)(void *)b->ptr;
	h->crc = 0;
	h->crc = crc32_z(0, (const unsigned char *)b->ptr, b->len);
}

/* Files whose checksum is right but whose contents lie. */
static void lying_files_are_refused(void **state)
{
	struct made m;
	make(&m, list);
	const struct index_header good = *(struct index_header *)(void *)m.file.ptr;
	struct url_index *x = NULL;
	for (int i = 0; i < 14; i++) {
		struct index_header h = good;
		switch (i) {
		case 0: h.homes = UINT64_MAX / 64; break;
		case 1: h.homes++; break;
		case 2: h.at_table += 64; break;
		case 3: h.at_sets = UINT64_MAX - 7; break;
		case 4: h.n_sets = 1; break;
		case 5: h.n_sets = 0; break;
		case 6: h.n_categories = 65; break;
		case 7: h.n_categories = 1; break;
		case 8: h.n_sources = 4096; break;
		case 9: memset(h.category[0], 'x', sizeof h.category[0]); break;
		case 11: h.words = 0; break;
		case 12: h.words = UINT64_MAX / 8; break;
		case 13: h.at_filter += INDEX_PAGE; break;
		case 10: h.category[1][0] = '<'; break;
		}
		memcpy(m.file.ptr, &h, sizeof h);
		seal(&m.file);
		if (url_index_from(m.file.ptr, m.file.len, &x, NULL) != -E_CORRUPT)
			fail_msg("lie %d was believed", i);
	}
	memcpy(m.file.ptr, &good, sizeof good);
	struct slot *s = (struct slot *)(void *)(m.file.ptr + good.at_table);
	size_t n = (good.homes + INDEX_REACH) * 4;
	for (size_t i = 0; i < n; i++)
		if (s[i].kind) { /* to where it will never be found */
			struct slot moved = s[i];
			s[i] = (struct slot){ 0 };
			s[n - 4] = moved;
			break;
		}
	seal(&m.file);
	assert_int_equal(url_index_from(m.file.ptr, m.file.len, &x, NULL), -E_CORRUPT);
	drop(&m);
}

static void a_new_file_leaves_the_old_one_whole(void **state)
{
	char dir[] = "/tmp/index-test.XXXXXX", path[64];
	struct made a, b;
	struct url_index *old, *new;
	struct url_target t;
	struct url_hit hit;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/x", dir);
	make(&a, "one.example,adult\n");
	make(&b, "two.example,games\n");
	assert_int_equal(fs_write(path, buf_view(&a.file), 0644, NULL), 0);
	assert_int_equal(url_index_open(path, &old, NULL), 0);
	assert_int_equal(fs_write(path, buf_view(&b.file), 0644, NULL), 0);
	assert_int_equal(url_index_open(path, &new, NULL), 0);
	assert_true(target_of("http://one.example/", &t));
	url_index_find(old, &t, &hit);
	assert_int_equal(hit.categories, url_index_mask(old, STR("adult")));
	url_index_find(new, &t, &hit);
	assert_int_equal(hit.categories, 0);
	url_index_unref(&old);
	url_index_unref(&new);
	struct err err;
	assert_int_equal(fs_write(path, STR("no"), 0644, NULL), 0);
	assert_int_equal(url_index_open(path, &new, &err), -E_CORRUPT);
	assert_string_equal(err.path, path);
	assert_int_equal(fs_rmtree(dir, NULL), 0);
	assert_int_equal(url_index_open(path, &new, &err), -E_IO);
	drop(&a);
	drop(&b);
}

static void memory_may_run_out(void **state)
{
	for (long n = 1;; n++) {
		struct url_import im = { 0 };
		struct buf file;
		struct url_index *x = NULL;
		uint64_t entries;
		buf_init(&file, 1 * MIB);
		mem_fail_at(n);
		int r = url_build_create(&im.build, NULL);
		r = r < 0 ? r : url_import_text(&im, "x.csv", str_from(list), URL_FORMAT_CSV, NULL, NULL);
		r = r < 0 ? r : url_build_finish(im.build, 1, &file, &entries, NULL);
		r = r < 0 ? r : url_index_from(file.ptr, file.len, &x, NULL);
		mem_fail_at(0);
		url_index_unref(&x);
		url_build_destroy(&im.build);
		buf_done(&file);
		if (r == 0) {
			assert_true(n > 8);
			break;
		}
		assert_true(r == -E_NOMEM || r == -E_LIMIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(categories_are_found),      cmocka_unit_test(reasons_name_the_entry),
		cmocka_unit_test(large_indexes_stay_exact),  cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(lying_files_are_refused),   cmocka_unit_test(a_new_file_leaves_the_old_one_whole),
		cmocka_unit_test(memory_may_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
