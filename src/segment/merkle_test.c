/* The tree against the known answers of RFC 6962's reference implementation (the eight inputs of its test suite). */
#include "segment/merkle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const char *const inputs[8] = { "",
	                               "00",
	                               "10",
	                               "2021",
	                               "3031",
	                               "40414243",
	                               "5051525354555657",
	                               "606162636465666768696a6b6c6d6e6f" };
static const char *const roots[9] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void leaves_of(struct sha *s, unsigned char leaves[8][SEGMENT_HASH])
{
	for (size_t i = 0; i < 8; i++) {
		char data[16];
		struct str hex = { inputs[i], strlen(inputs[i]) };
		assert_true(hex_parse(hex, data, hex.len / 2));
		merkle_plain_leaf(s, (struct str){ data, hex.len / 2 }, leaves[i]);
	}
}

static void test_known_roots(void **state)
{
	struct sha s;
	struct merkle m = { .n = 0 };
	unsigned char leaves[8][SEGMENT_HASH], root[SEGMENT_HASH];
	char hex[65];
	(void)state;
	assert_int_equal(sha_open(&s), 0);
	leaves_of(&s, leaves);
	for (size_t i = 0; i <= 8; i++) {
		merkle_root(&m, &s, root);
		hex_format(root, sizeof root, hex);
		assert_string_equal(hex, roots[i]);
		if (i < 8)
			merkle_add(&m, &s, leaves[i]);
	}
	sha_close(&s);
}

/* RFC 6962 §2.1.3's tree of seven: the path of d3 is c, g, l there; and of leaf 0 among 8 the reference's path. */
static void test_known_path(void **state)
{
	static const char *const path0[3] = { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
		                              "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
		                              "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" };
	struct sha s;
	unsigned char leaves[8][SEGMENT_HASH], path[MERKLE_PATH][SEGMENT_HASH];
	(void)state;
	assert_int_equal(sha_open(&s), 0);
	leaves_of(&s, leaves);
	assert_int_equal(merkle_path(&s, leaves[0], 8, 0, path), 3);
	for (size_t i = 0; i < 3; i++) {
		char hex[65];
		hex_format(path[i], SEGMENT_HASH, hex);
		assert_string_equal(hex, path0[i]);
	}
	sha_close(&s);
}

static void test_every_path(void **state)
{
	struct sha s;
	unsigned char leaves[65][SEGMENT_HASH], root[SEGMENT_HASH], path[MERKLE_PATH][SEGMENT_HASH];
	(void)state;
	assert_int_equal(sha_open(&s), 0);
	struct merkle m = { .n = 0 };
	for (size_t n = 1; n <= 65; n++) {
		merkle_plain_leaf(&s, (struct str){ (const char *)&n, sizeof n }, leaves[n - 1]);
		merkle_add(&m, &s, leaves[n - 1]);
		merkle_root(&m, &s, root);
		for (size_t i = 0; i < n; i++) {
			size_t len = merkle_path(&s, leaves[0], n, i, path);
			assert_true(merkle_path_ok(&s, leaves[i], i, n, path[0], len, root));
			assert_false(merkle_path_ok(&s, leaves[(i + 1) % n], i, n, path[0], len, root) && n > 1);
			assert_false(merkle_path_ok(&s, leaves[i], i, n + 1, path[0], len, root) && len == 0 && n > 1);
			assert_false(merkle_path_ok(&s, leaves[i], n, n, path[0], len, root));
			if (len) {
				path[len - 1][0] ^= 1;
				assert_false(merkle_path_ok(&s, leaves[i], i, n, path[0], len, root));
				assert_false(merkle_path_ok(&s, leaves[i], i, n, path[0], len - 1, root));
			}
		}
	}
	sha_close(&s);
}

static void test_salt_hides(void **state)
{
	struct sha s;
	unsigned char a[SEGMENT_HASH], b[SEGMENT_HASH], salt[SEGMENT_SALT] = { 0 };
	(void)state;
	assert_int_equal(sha_open(&s), 0);
	merkle_leaf(&s, salt, STR("x"), a);
	salt[15] = 1;
	merkle_leaf(&s, salt, STR("x"), b);
	assert_memory_not_equal(a, b, SEGMENT_HASH);
	sha_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_roots),
		cmocka_unit_test(test_known_path),
		cmocka_unit_test(test_every_path),
		cmocka_unit_test(test_salt_hides),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("merkle", tests, NULL, NULL);
}
