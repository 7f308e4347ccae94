/* See store.h. File: "TRDVLT01", nonce[12], tag[16], ciphertext. */
#include "vault/store.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vault/token.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#define MAGIC "TRDVLT01"
#define NONCE 12
#define TAG 16
#define HEAD (8 + NONCE + TAG)
#define SECRET_MAX (16 * KIB)

static const char *path_of(const struct store *s, const char *name, char dst[600])
{
	snprintf(dst, 600, "%s/%s", s->dir, name);
	return dst;
}

/* fs_write() leaves "NAME.PID.new" when it is killed. */
static int sweep_one(const char *name, void *user)
{
	char path[1024];
	if (str_ends(str_from(name), STR(".new"))) {
		snprintf(path, sizeof path, "%s/%s", (const char *)user, name);
		unlink(path);
	}
	return 0;
}

static int count_secret(const char *name, void *user)
{
	*(bool *)user = *(bool *)user || str_ends(str_from(name), STR(".key"));
	return 0;
}

static int master_make(struct store *s, const char *path, const char *orgs, struct err *err)
{
	bool any = false;
	int r = fs_list(s->dir, count_secret, &any, err);
	if (r == 0)
		r = fs_list(orgs, count_secret, &any, err);
	if (r == 0 && any)
		r = err_set(err, E_CORRUPT, path, "the master key is missing, but keys wrapped with it are there");
	if (r < 0)
		return r;
	rnd_bytes(s->master, sizeof s->master);
	return fs_write(path, (struct str){ (char *)s->master, sizeof s->master }, 0600, err);
}

/* A file of exactly n bytes. */
static int read_exactly(const char *path, unsigned char *dst, size_t n, struct err *err)
{
	struct buf b;
	buf_init(&b, 4096);
	int r = fs_read(path, &b, err);
	if (r == 0 && b.len != n)
		r = err_set(err, E_CORRUPT, path, "it is not %zu bytes", n);
	if (r == 0)
		memcpy(dst, b.ptr, n);
	buf_wipe(&b);
	return r;
}

static int read_token(const struct store *s, struct token *ret, struct err *err)
{
	char path[600];
	struct buf b;
	buf_init(&b, KIB);
	int r = fs_read(path_of(s, "token", path), &b, err);
	r = r < 0 ? r : token_parse(buf_view(&b), ret, err);
	buf_wipe(&b);
	return r;
}

static int write_boxes(const struct store *s, const unsigned char *boxes, size_t n, struct err *err)
{
	char path[600];
	return fs_write(path_of(s, "master.token", path), (struct str){ (const char *)boxes, n * TOKEN_BOX }, 0600, err);
}

/* One box, or two while the key moves from one token to another: the new one's, then the old one's. What is open then is the only one that stays. */
static int open_boxes(struct store *s, const struct token *t, struct err *err)
{
	char path[600];
	unsigned char boxes[2 * TOKEN_BOX];
	struct stat st;
	bool two = stat(path_of(s, "master.token", path), &st) == 0 && st.st_size == sizeof boxes;
	int r = read_exactly(path, boxes, two ? sizeof boxes : TOKEN_BOX, err);
	if (r < 0)
		return r;
	r = token_unwrap(t, boxes, TOKEN_WAIT_MS, s->master, err);
	if (!two || (r < 0 && r != -E_CORRUPT && r != -E_IO)) /* a PIN that is wrong isn't tried twice */
		return r;
	const unsigned char *mine = r == 0 ? boxes : boxes + TOKEN_BOX;
	r = r == 0 ? 0 : token_unwrap(t, mine, TOKEN_WAIT_MS, s->master, err);
	return r < 0 ? r : write_boxes(s, mine, 1, err);
}

/* By the token; then the file that it took the place of goes, if a crash kept it. */
static int master_by_token(struct store *s, const char *file, struct err *err)
{
	struct token t;
	unsigned char old[STORE_KEY];
	int r = read_token(s, &t, err);
	r = r < 0 ? r : token_trusted(&t, err);
	r = r < 0 ? r : open_boxes(s, &t, err);
	OPENSSL_cleanse(&t, sizeof t);
	if (r < 0 || !fs_exists(file))
		return r;
	r = read_exactly(file, old, sizeof old, err);
	if (r == 0 && CRYPTO_memcmp(old, s->master, sizeof old) != 0)
		r = err_set(err, E_CORRUPT, file, "it isn't the master key that the token holds");
	OPENSSL_cleanse(old, sizeof old);
	return r < 0 ? r : store_erase(s, "master.key", err);
}

/* The one place that knows where the master key lives. */
static int master_load(struct store *s, const char *orgs, struct err *err)
{
	char path[600], token[600];
	path_of(s, "master.key", path);
	if (fs_exists(path_of(s, "token", token)))
		return master_by_token(s, path, err);
	if (fs_exists(path))
		return read_exactly(path, s->master, sizeof s->master, err);
	return orgs ? master_make(s, path, orgs, err) : err_set(err, E_NOT_FOUND, path, "there is no master key yet: start Toride once");
}

static int write_token(const struct store *s, const struct token *t, struct err *err)
{
	char path[600];
	struct buf b;
	buf_init(&b, KIB);
	token_format(t, &b);
	int r = fs_write(path_of(s, "token", path), buf_view(&b), 0600, err);
	buf_wipe(&b);
	return r;
}

/* Behind the box there is already, where another token holds the key so far: killed before or after it is said which one does, the one that is said opens its own. */
static int put_box(const struct store *s, const struct token *t, const unsigned char box[TOKEN_BOX], struct err *err)
{
	char path[600];
	unsigned char boxes[2 * TOKEN_BOX];
	bool moves = fs_exists(path_of(s, "token", path));
	memcpy(boxes, box, TOKEN_BOX);
	int r = moves ? read_exactly(path_of(s, "master.token", path), boxes + TOKEN_BOX, TOKEN_BOX, err) : 0;
	r = r < 0 ? r : write_boxes(s, boxes, moves ? 2 : 1, err);
	r = r < 0 ? r : write_token(s, t, err);
	return r < 0 || !moves ? r : write_boxes(s, boxes, 1, err);
}

int store_to_token(struct store *s, const struct token *t, struct err *err)
{
	unsigned char box[TOKEN_BOX], back[STORE_KEY];
	struct token real = *t;
	int r = token_trusted(&real, err);
	r = r < 0 ? r : token_wrap(&real, s->master, TOKEN_WAIT_MS, box, err);
	r = r < 0 ? r : token_unwrap(&real, box, TOKEN_WAIT_MS, back, err);
	OPENSSL_cleanse(&real, sizeof real);
	if (r == 0 && CRYPTO_memcmp(back, s->master, sizeof back) != 0)
		r = err_set(err, E_CORRUPT, "token", "it gives back another key than it was given");
	OPENSSL_cleanse(back, sizeof back);
	r = r < 0 ? r : put_box(s, t, box, err);
	return r < 0 ? r : store_erase(s, "master.key", err);
}

int store_open(struct store *s, const char *dir, struct err *err)
{
	char orgs[600];
	memset(s, 0, sizeof *s);
	s->version = rnd_u64();
	if (!str_copy(str_from(dir), s->dir, sizeof s->dir))
		return err_set(err, E_LIMIT, dir, "path too long");
	char sites[600];
	int r = fs_mkdirs(path_of(s, "sites", sites), 0700, err);
	r = r < 0 ? r : fs_mkdirs(path_of(s, "orgs", orgs), 0700, err);
	if (r == 0)
		r = fs_list(dir, sweep_one, s->dir, err);
	if (r == 0)
		r = fs_list(orgs, sweep_one, orgs, err);
	if (r == 0)
		r = fs_list(sites, sweep_one, sites, err);
	return r < 0 ? r : master_load(s, orgs, err);
}

int store_attach(struct store *s, const char *dir, struct err *err)
{
	memset(s, 0, sizeof *s);
	if (!str_copy(str_from(dir), s->dir, sizeof s->dir))
		return err_set(err, E_LIMIT, dir, "path too long");
	return master_load(s, NULL, err);
}

void store_done(struct store *s)
{
	OPENSSL_cleanse(s->master, sizeof s->master);
}

bool store_has(const struct store *s, const char *name)
{
	char path[600];
	return fs_exists(path_of(s, name, path));
}

static void cipher_free(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}

static bool open_box(const struct store *s, const char *name, const unsigned char *box, size_t n, unsigned char *plain)
{
	int len;
	_cleanup_(cipher_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	return c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->master, box + 8) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(uintptr_t)(box + 8 + NONCE)) == 1 &&
	       EVP_DecryptUpdate(c, NULL, &len, (const unsigned char *)name, (int)strlen(name)) == 1 &&
	       EVP_DecryptUpdate(c, plain, &len, box + HEAD, (int)(n - HEAD)) == 1 &&
	       EVP_DecryptFinal_ex(c, plain + (n - HEAD), &len) == 1;
}

int store_open_box(const struct store *s, const char *name, struct str box, struct buf *b, struct err *err)
{
	unsigned char plain[SECRET_MAX];
	if (box.len <= HEAD || box.len > SECRET_MAX || memcmp(box.ptr, MAGIC, 8) != 0 || !open_box(s, name, (const unsigned char *)box.ptr, box.len, plain))
		return err_set(err, E_CORRUPT, name, "altered, or wrapped with another master key");
	buf_put(b, plain, box.len - HEAD);
	OPENSSL_cleanse(plain, sizeof plain);
	return b->failed;
}

int store_read_box(const struct store *s, const char *name, struct buf *b, struct err *err)
{
	char path[600];
	if (!fs_exists(path_of(s, name, path)))
		return err_set(err, E_NOT_FOUND, path, "no such key");
	return fs_read(path, b, err);
}

int store_get(const struct store *s, const char *name, struct buf *b, struct err *err)
{
	struct buf box;
	buf_init(&box, SECRET_MAX);
	int r = store_read_box(s, name, &box, err);
	r = r < 0 ? r : store_open_box(s, name, buf_view(&box), b, err);
	buf_done(&box);
	return r;
}

static bool close_box(const struct store *s, const char *name, struct str secret, unsigned char *box)
{
	int len;
	_cleanup_(cipher_free) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	memcpy(box, MAGIC, 8);
	rnd_bytes(box + 8, NONCE);
	return c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->master, box + 8) == 1 &&
	       EVP_EncryptUpdate(c, NULL, &len, (const unsigned char *)name, (int)strlen(name)) == 1 &&
	       EVP_EncryptUpdate(c, box + HEAD, &len, (const unsigned char *)secret.ptr, (int)secret.len) == 1 &&
	       EVP_EncryptFinal_ex(c, box + HEAD + secret.len, &len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, box + 8 + NONCE) == 1;
}

int store_box(const struct store *s, const char *name, struct str secret, struct buf *b, struct err *err)
{
	unsigned char box[SECRET_MAX];
	if (secret.len > SECRET_MAX - HEAD)
		return err_set(err, E_LIMIT, name, "secret too large");
	if (!close_box(s, name, secret, box))
		return err_set(err, E_IO, name, "cannot encrypt");
	buf_put(b, box, HEAD + secret.len);
	return b->failed;
}

int store_put(struct store *s, const char *name, struct str secret, struct err *err)
{
	char path[600];
	struct buf box;
	buf_init(&box, SECRET_MAX);
	int r = store_box(s, name, secret, &box, err);
	r = r < 0 ? r : fs_write(path_of(s, name, path), buf_view(&box), 0600, err);
	s->version++;
	buf_done(&box);
	return r;
}

static int overwrite(const char *path, struct err *err)
{
	struct stat st;
	unsigned char noise[1024];
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, path, "cannot open");
	if (fstat(fd, &st) < 0)
		return err_errno(err, path, "cannot look at");
	int r = 0;
	for (off_t left = st.st_size; r == 0 && left > 0; left -= (off_t)sizeof noise) {
		rnd_bytes(noise, sizeof noise);
		r = fs_write_all(fd, noise, left < (off_t)sizeof noise ? (size_t)left : sizeof noise, err);
	}
	if (r == 0 && (fs_fault() || fsync(fd) < 0))
		r = err_errno(err, path, "cannot sync");
	return r;
}

int store_erase(struct store *s, const char *name, struct err *err)
{
	char path[600];
	s->version++;
	int r = overwrite(path_of(s, name, path), err);
	if (r == 0 && (fs_fault() || (unlink(path) < 0 && errno != ENOENT)))
		r = err_errno(err, path, "cannot remove");
	if (r < 0)
		return r;
	*strrchr(path, '/') = 0;
	return fs_sync_dir(path, err);
}
