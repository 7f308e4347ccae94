/* The only signed thing of the log. Writer makes them, verifier and export read them. */
#include "segment/checkpoint.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <yyjson.h>

void checkpoint_done(struct checkpoint *c)
{
	mem_free(c->heads);
	c->heads = NULL;
	c->n_heads = 0;
}

static void put_hex(struct buf *b, const void *p, size_t n)
{
	char t[2 * SEGMENT_SIGNATURE + 1];
	hex_format(p, n, t);
	buf_puts(b, t);
}

void checkpoint_body(const struct checkpoint *c, struct buf *b)
{
	buf_printf(b, "toride checkpoint v1\n%llu\n%lld\n", (unsigned long long)c->number, (long long)c->time_ms);
	put_hex(b, c->prev, SEGMENT_HASH);
	buf_printf(b, "\n%llu\n", (unsigned long long)c->n);
	put_hex(b, c->root, SEGMENT_HASH);
	buf_putc(b, '\n');
}

int checkpoint_hash(const struct checkpoint *c, struct sha *s, unsigned char ret[SEGMENT_HASH])
{
	struct buf b;
	buf_init(&b, 1024);
	checkpoint_body(c, &b);
	int r = b.failed;
	sha_begin(s);
	sha_add(s, b.ptr, b.len);
	sha_end(s, ret);
	buf_done(&b);
	return r;
}

static void head_leaf(const struct head *h, struct sha *s, unsigned char ret[SEGMENT_HASH])
{
	char t[320], root[65], chain[65];
	hex_format(h->root, SEGMENT_HASH, root);
	hex_format(h->chain, SEGMENT_HASH, chain);
	int n = snprintf(t, sizeof t, "%s/%s/%06u %llu %s %s %s\n", h->org, h->series, h->segment,
	                 (unsigned long long)h->count, root, chain, h->ended ? "ended" : h->sealed ? "sealed" : "open");
	merkle_plain_leaf(s, (struct str){ t, (size_t)n }, ret);
}

void checkpoint_leaves(const struct checkpoint *c, struct sha *s, struct buf *b)
{
	unsigned char leaf[SEGMENT_HASH];
	for (size_t i = 0; i < c->n_heads; i++) {
		head_leaf(&c->heads[i], s, leaf);
		buf_put(b, leaf, sizeof leaf);
	}
}

void checkpoint_root(const struct checkpoint *c, struct sha *s, unsigned char ret[SEGMENT_HASH])
{
	struct merkle m = { .n = 0 };
	unsigned char leaf[SEGMENT_HASH];
	for (size_t i = 0; i < c->n_heads; i++) {
		head_leaf(&c->heads[i], s, leaf);
		merkle_add(&m, s, leaf);
	}
	merkle_root(&m, s, ret);
}

static void json_hex(struct buf *b, const char *key, const void *p, size_t n)
{
	char t[2 * SEGMENT_SIGNATURE + 1];
	hex_format(p, n, t);
	json_field_s(b, key, t);
}

static void head_format(const struct head *h, struct buf *b)
{
	buf_putc(b, '{');
	json_field_s(b, "org", h->org);
	json_field_s(b, "series", h->series);
	json_field_u64(b, "segment", h->segment);
	json_field_u64(b, "count", h->count);
	json_hex(b, "root", h->root, SEGMENT_HASH);
	json_hex(b, "chain", h->chain, SEGMENT_HASH);
	json_field_bool(b, "sealed", h->sealed);
	if (h->ended)
		json_field_bool(b, "ended", true);
	if (h->has_path) {
		json_field_u64(b, "at", h->at);
		buf_puts(b, ",\"path\":[");
		for (size_t i = 0; i < h->path_len; i++) {
			buf_puts(b, i ? ",\"" : "\"");
			put_hex(b, h->path[i], SEGMENT_HASH);
			buf_putc(b, '"');
		}
		buf_putc(b, ']');
	}
	buf_putc(b, '}');
}

void checkpoint_format(const struct checkpoint *c, struct buf *b)
{
	buf_puts(b, "{\"v\":1");
	json_field_u64(b, "number", c->number);
	json_field_u64(b, "time_ms", (uint64_t)c->time_ms);
	json_hex(b, "prev", c->prev, SEGMENT_HASH);
	json_field_u64(b, "n", c->n);
	json_hex(b, "root", c->root, SEGMENT_HASH);
	json_hex(b, "key", c->key, sizeof c->key);
	json_hex(b, "sig", c->sig, sizeof c->sig);
	buf_puts(b, ",\"heads\":[");
	for (size_t i = 0; i < c->n_heads; i++) {
		if (i)
			buf_putc(b, ',');
		head_format(&c->heads[i], b);
	}
	buf_puts(b, "]}\n");
}

static bool get_hex(yyjson_val *o, const char *key, void *dst, size_t n)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	return yyjson_is_str(v) && hex_parse((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, dst, n);
}

static bool get_u64(yyjson_val *o, const char *key, uint64_t max, uint64_t *ret)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	*ret = yyjson_get_uint(v);
	return yyjson_is_uint(v) && *ret <= max;
}

static bool get_text(yyjson_val *o, const char *key, char *dst, size_t size)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	return yyjson_is_str(v) && str_copy((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, dst, size);
}

static bool path_parse(yyjson_val *o, struct head *h)
{
	yyjson_val *path = yyjson_obj_get(o, "path"), *v;
	yyjson_arr_iter it;
	if (!path)
		return true;
	h->has_path = true;
	if (!yyjson_is_arr(path) || !get_u64(o, "at", CHECKPOINT_HEADS_MAX, &h->at) || yyjson_arr_size(path) > 14)
		return false;
	yyjson_arr_iter_init(path, &it);
	while ((v = yyjson_arr_iter_next(&it)))
		if (!yyjson_is_str(v) ||
		    !hex_parse((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, h->path[h->path_len++], SEGMENT_HASH))
			return false;
	return true;
}

static bool head_parse(yyjson_val *o, struct head *h)
{
	uint64_t segment;
	if (!yyjson_is_obj(o) || !get_text(o, "org", h->org, sizeof h->org) || !segment_org_ok(h->org) ||
	    !get_text(o, "series", h->series, sizeof h->series) || !segment_series_ok(h->series) ||
	    !get_u64(o, "segment", UINT32_MAX, &segment) || segment == 0 || !get_u64(o, "count", INT64_MAX, &h->count) ||
	    !get_hex(o, "root", h->root, SEGMENT_HASH) || !get_hex(o, "chain", h->chain, SEGMENT_HASH))
		return false;
	h->segment = (uint32_t)segment;
	h->sealed = yyjson_is_true(yyjson_obj_get(o, "sealed"));
	h->ended = yyjson_is_true(yyjson_obj_get(o, "ended"));
	if (h->ended && !h->sealed)
		return false;
	return path_parse(o, h);
}

static int heads_parse(yyjson_val *arr, struct checkpoint *c)
{
	size_t n = yyjson_arr_size(arr);
	if (!yyjson_is_arr(arr) || n > CHECKPOINT_HEADS_MAX || n > c->n)
		return -E_CORRUPT;
	c->heads = mem_array(n, sizeof *c->heads);
	if (!c->heads)
		return -E_NOMEM;
	yyjson_arr_iter it;
	yyjson_arr_iter_init(arr, &it);
	for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)); c->n_heads++)
		if (!head_parse(v, &c->heads[c->n_heads]))
			return -E_CORRUPT;
	return 0;
}

int checkpoint_parse(struct str line, struct checkpoint *ret)
{
	uint64_t v, time_ms = 0;
	*ret = (struct checkpoint){ 0 };
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *o = yyjson_doc_get_root(doc);
	int r = yyjson_is_obj(o) && get_u64(o, "v", 1, &v) && v == 1 && get_u64(o, "number", INT64_MAX, &ret->number) &&
	                        get_u64(o, "time_ms", INT64_MAX, &time_ms) && get_hex(o, "prev", ret->prev, SEGMENT_HASH) &&
	                        get_u64(o, "n", CHECKPOINT_HEADS_MAX, &ret->n) && get_hex(o, "root", ret->root, SEGMENT_HASH) &&
	                        get_hex(o, "key", ret->key, 32) && get_hex(o, "sig", ret->sig, SEGMENT_SIGNATURE)
	                ? heads_parse(yyjson_obj_get(o, "heads"), ret)
	                : -E_CORRUPT;
	ret->time_ms = (int64_t)time_ms;
	yyjson_doc_free(doc);
	if (r < 0)
		checkpoint_done(ret);
	return r;
}

bool checkpoint_signed(const struct checkpoint *c)
{
	struct buf b;
	buf_init(&b, 1024);
	checkpoint_body(c, &b);
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, c->key, sizeof c->key);
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	bool ok = key && x && !b.failed && EVP_DigestVerifyInit(x, NULL, NULL, NULL, key) == 1 &&
	          EVP_DigestVerify(x, c->sig, sizeof c->sig, (const unsigned char *)b.ptr, b.len) == 1;
	EVP_MD_CTX_free(x);
	EVP_PKEY_free(key);
	buf_done(&b);
	return ok;
}

static bool heads_ok(const struct checkpoint *c, struct sha *s)
{
	unsigned char h[SEGMENT_HASH];
	if (c->n_heads == c->n && (c->n == 0 || !c->heads[0].has_path)) {
		checkpoint_root(c, s, h);
		return memcmp(h, c->root, SEGMENT_HASH) == 0;
	}
	for (size_t i = 0; i < c->n_heads; i++) {
		const struct head *k = &c->heads[i];
		head_leaf(k, s, h);
		if (!k->has_path || !merkle_path_ok(s, h, k->at, c->n, k->path[0], k->path_len, c->root))
			return false;
	}
	return true;
}

int checkpoint_check(const struct checkpoint *c, struct sha *s, const unsigned char *key, struct err *err)
{
	char path[64];
	snprintf(path, sizeof path, "checkpoint %llu", (unsigned long long)c->number);
	if (key && memcmp(key, c->key, sizeof c->key) != 0)
		return err_set(err, E_CORRUPT, path, "signed with another key");
	if (!checkpoint_signed(c))
		return err_set(err, E_CORRUPT, path, "the signature is wrong");
	if (!heads_ok(c, s))
		return err_set(err, E_CORRUPT, path, "its heads are not what was signed");
	return 0;
}

int checkpoint_each_line(const char *path, int (*fn)(struct str line, const char *file, uint64_t line_number, void *user),
                         void *user, struct checkpoint_file *ret, struct err *err)
{
	*ret = (struct checkpoint_file){ 0 };
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, path, "cannot open");
	struct buf b;
	buf_init(&b, CHECKPOINT_LINE_MAX + 64 * KIB);
	int r = 0;
	for (uint64_t line = 1; r == 0;) {
		char *nl = b.len ? memchr(b.ptr, '\n', b.len) : NULL;
		if (nl) {
			size_t n = (size_t)(nl - b.ptr);
			ret->whole_bytes += n + 1;
			r = fn((struct str){ b.ptr, n }, path, line++, user);
			buf_drop(&b, n + 1);
			continue;
		}
		if (!buf_room(&b, 64 * KIB)) {
			r = err_set(err, (enum err_code)-b.failed, path, "line %llu is too long", (unsigned long long)line);
			break;
		}
		ssize_t k = fs_fault() ? -1 : read(fd, b.ptr + b.len, 64 * KIB);
		if (k < 0)
			r = err_errno(err, path, "cannot read");
		if (k <= 0)
			break;
		b.len += (size_t)k;
	}
	ret->torn_bytes = b.len;
	buf_done(&b);
	return r;
}

struct walk {
	const char *dir;
	int (*fn)(struct str, const char *, uint64_t, void *);
	void *user;
};

static int older_file(const char *name, void *user)
{
	struct walk *w = user;
	char path[1024];
	struct checkpoint_file f;
	if (!str_starts(str_from(name), STR("checkpoints.")) || strspn(name + 12, "0123456789") != strlen(name + 12))
		return 0;
	snprintf(path, sizeof path, "%s/%s", w->dir, name);
	return checkpoint_each_line(path, w->fn, w->user, &f, NULL);
}

int checkpoint_each(const char *dir, bool newest_file_only,
                    int (*fn)(struct str line, const char *file, uint64_t line_number, void *user), void *user,
                    struct checkpoint_file *ret_current, struct err *err)
{
	char path[1024];
	struct walk w = { dir, fn, user };
	struct checkpoint_file f;
	int r = newest_file_only || !fs_exists(dir) ? 0 : fs_list(dir, older_file, &w, err);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s/checkpoints", dir);
	return checkpoint_each_line(path, fn, user, ret_current ? ret_current : &f, err);
}
