/* See token.h. */
#include "vault/token.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <p11-kit/pkcs11.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 64
#define NONCE 12
#define TAG_BITS 128
#define AAD "toride master key v1"

/* ---- how it is told ---- */

static bool take_line(struct str *rest, char *dst, size_t size)
{
	struct str line;
	return str_next(rest, '\n', &line) && line.len && str_copy(line, dst, size);
}

int token_parse(struct str text, struct token *ret, struct err *err)
{
	struct token t = { .module = "" };
	bool ok = take_line(&text, t.module, sizeof t.module) && take_line(&text, t.name, sizeof t.name) && take_line(&text, t.pin, sizeof t.pin);
	if (!ok || text.len || t.module[0] != '/')
		return err_set(err, E_INVALID, "token", "three lines are wanted: the library's absolute path, the token's label (up to 32 bytes), its user's PIN (up to 64)");
	*ret = t;
	return 0;
}

void token_format(const struct token *t, struct buf *b)
{
	buf_printf(b, "%s\n%s\n%s\n", t->module, t->name, t->pin);
}

static bool is_roots(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

int token_trusted(struct token *t, struct err *err)
{
	char path[PATH_MAX], real[PATH_MAX];
	bool ok = realpath(t->module, path) != NULL;
	if (!ok)
		return err_set(err, E_NOT_FOUND, t->module, "there is no such library");
	snprintf(real, sizeof real, "%s", path);
	for (char *slash; ok && (slash = strrchr(path, '/')); *slash = 0)
		ok = is_roots(slash == path ? "/" : path) && is_roots(path);
	if (!ok)
		return err_set(err, E_DENIED, t->module, "others than root may write it, or a directory above it");
	return str_copy(str_from(real), t->module, sizeof t->module) ? 0 : err_set(err, E_LIMIT, t->module, "the path it stands for is too long");
}

/* ---- in the child ---- */

struct talk {
	CK_FUNCTION_LIST *p11;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	struct err *err;
};

static int failed(const struct talk *k, const char *what, CK_RV rv)
{
	int code = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID ? E_DENIED
	           : rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE ? E_CORRUPT : E_IO;
	return err_set(k->err, code, "token", "%s: 0x%lx", what, (unsigned long)rv);
}

static int load(struct talk *k, const struct token *t)
{
	void *lib = dlopen(t->module, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList list = NULL;
	CK_RV rv;
	if (!lib)
		return err_set(k->err, E_NOT_FOUND, t->module, "%s", dlerror());
	*(void **)&list = dlsym(lib, "C_GetFunctionList");
	if (!list)
		return err_set(k->err, E_INVALID, t->module, "it is no PKCS#11 library");
	rv = list(&k->p11);
	if (rv == CKR_OK)
		rv = k->p11->C_Initialize(NULL);
	return rv == CKR_OK ? 0 : failed(k, "C_Initialize", rv);
}

/* Labels are padded with blanks (PKCS #11 3.2). */
static bool is_named(const CK_TOKEN_INFO *i, const char *name)
{
	char want[32];
	size_t n = strlen(name);
	memset(want, ' ', sizeof want);
	memcpy(want, name, n < sizeof want ? n : sizeof want);
	return memcmp(i->label, want, sizeof want) == 0;
}

/* Two tokens of one name: nobody could tell which. */
static int log_in(struct talk *k, const struct token *t)
{
	CK_SLOT_ID slots[SLOTS], found = 0;
	CK_ULONG n = SLOTS, hits = 0;
	CK_RV rv = k->p11->C_GetSlotList(CK_TRUE, slots, &n);
	if (rv != CKR_OK)
		return failed(k, "C_GetSlotList", rv);
	for (CK_ULONG i = 0; i < n && i < SLOTS; i++) {
		CK_TOKEN_INFO info;
		if (k->p11->C_GetTokenInfo(slots[i], &info) == CKR_OK && is_named(&info, t->name)) {
			found = slots[i];
			hits++;
		}
	}
	if (hits != 1)
		return err_set(k->err, E_NOT_FOUND, t->name, hits ? "more than one token has this label" : "no token has this label");
	rv = k->p11->C_OpenSession(found, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &k->session);
	if (rv != CKR_OK)
		return failed(k, "C_OpenSession", rv);
	rv = k->p11->C_Login(k->session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)t->pin, strlen(t->pin));
	return rv == CKR_OK ? 0 : failed(k, "C_Login", rv);
}

static int find_key(struct talk *k)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_ATTRIBUTE want[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type }, { CKA_LABEL, (char[]){ TOKEN_LABEL }, sizeof TOKEN_LABEL - 1 } };
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	CK_RV rv = k->p11->C_FindObjectsInit(k->session, want, ARRAY_LEN(want));
	if (rv == CKR_OK) {
		rv = k->p11->C_FindObjects(k->session, found, 2, &n);
		k->p11->C_FindObjectsFinal(k->session);
	}
	if (rv != CKR_OK)
		return failed(k, "C_FindObjects", rv);
	if (n != 1)
		return err_set(k->err, n ? E_INVALID : E_NOT_FOUND, TOKEN_LABEL, n ? "the token has more than one such key" : "the token has no such key");
	k->key = found[0];
	return 0;
}

static int make_key(struct talk *k)
{
	CK_MECHANISM how = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG size = 32;
	CK_ATTRIBUTE key[] = { { CKA_TOKEN, &yes, sizeof yes }, { CKA_PRIVATE, &yes, sizeof yes }, { CKA_SENSITIVE, &yes, sizeof yes }, { CKA_EXTRACTABLE, &no, sizeof no },
		               { CKA_ENCRYPT, &yes, sizeof yes }, { CKA_DECRYPT, &yes, sizeof yes }, { CKA_VALUE_LEN, &size, sizeof size },
		               { CKA_LABEL, (char[]){ TOKEN_LABEL }, sizeof TOKEN_LABEL - 1 } };
	CK_RV rv = k->p11->C_GenerateKey(k->session, &how, key, ARRAY_LEN(key), &k->key);
	return rv == CKR_OK ? 0 : failed(k, "C_GenerateKey", rv);
}

static int transform(struct talk *k, bool encrypt, const unsigned char *nonce, const unsigned char *in, size_t n, unsigned char *out, size_t want)
{
	CK_GCM_PARAMS p = { (unsigned char *)(uintptr_t)nonce, NONCE, NONCE * 8, (unsigned char *)(uintptr_t)AAD, sizeof AAD - 1, TAG_BITS };
	CK_MECHANISM how = { CKM_AES_GCM, &p, sizeof p };
	unsigned char room[TOKEN_BOX + 64], *from = (unsigned char *)(uintptr_t)in;
	CK_ULONG len = sizeof room;
	CK_RV rv = encrypt ? k->p11->C_EncryptInit(k->session, &how, k->key) : k->p11->C_DecryptInit(k->session, &how, k->key);
	if (rv != CKR_OK)
		return failed(k, encrypt ? "C_EncryptInit" : "C_DecryptInit", rv);
	rv = encrypt ? k->p11->C_Encrypt(k->session, from, n, room, &len) : k->p11->C_Decrypt(k->session, from, n, room, &len);
	if (rv != CKR_OK || len != want)
		return rv == CKR_OK || (!encrypt && rv == CKR_GENERAL_ERROR) ? err_set(k->err, E_CORRUPT, "token", "it isn't what the token's key encrypted")
		                                                              : failed(k, encrypt ? "C_Encrypt" : "C_Decrypt", rv);
	memcpy(out, room, want);
	OPENSSL_cleanse(room, sizeof room);
	return 0;
}

struct work {
	const struct token *token;
	const unsigned char *in;
	bool wrap;
};

static int talk(const struct work *w, unsigned char out[TOKEN_BOX], struct err *err)
{
	struct talk k = { .err = err };
	int r = load(&k, w->token);
	r = r < 0 ? r : log_in(&k, w->token);
	r = r < 0 ? r : find_key(&k);
	if (r == -E_NOT_FOUND && w->wrap && k.session) {
		*err = (struct err){ 0 };
		r = make_key(&k);
	}
	if (r == 0 && w->wrap) {
		rnd_bytes(out, NONCE);
		r = transform(&k, true, out, w->in, TOKEN_KEY, out + NONCE, TOKEN_BOX - NONCE);
	} else if (r == 0) {
		r = transform(&k, false, w->in, w->in + NONCE, TOKEN_BOX - NONCE, out, TOKEN_KEY);
	}
	if (k.p11)
		k.p11->C_Finalize(NULL);
	return r;
}

/* ---- the child and what it hands over, by memory that both share ---- */

struct shared {
	int r;
	bool done;
	struct err err;
	unsigned char out[TOKEN_BOX];
};

/* Its end, or the time; then it is gone. */
static int wait_for(pid_t pid, int wait_ms, struct err *err)
{
	int64_t until = clock_mono_ms() + wait_ms;
	struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	for (int64_t left; p.fd >= 0 && !p.revents && (left = until - clock_mono_ms()) > 0;)
		poll(&p, 1, (int)left);
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (p.fd < 0)
		return err_set(err, E_IO, "token", "no descriptor for its process");
	close(p.fd);
	return p.revents ? 0 : err_set(err, E_TIMEOUT, "token", "the token doesn't answer");
}

static int in_child(const struct work *w, int wait_ms, struct shared *s, struct err *err)
{
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(err, "token", "no process");
	if (pid == 0) {
		s->r = talk(w, s->out, &s->err);
		s->done = true;
		_exit(0);
	}
	int r = wait_for(pid, wait_ms, err);
	if (r < 0)
		return r;
	if (!s->done)
		return err_set(err, E_IO, w->token->module, "the token's library ended its process");
	s->err.path[sizeof s->err.path - 1] = s->err.msg[sizeof s->err.msg - 1] = 0;
	return s->r == 0 ? 0 : err_set(err, s->r < 0 && s->r >= -E_AGAIN ? (enum err_code)-s->r : E_IO, s->err.path, "%s", s->err.msg);
}

static int run(const struct work *w, int wait_ms, unsigned char *ret, size_t n, struct err *err)
{
	struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return err_errno(err, "token", "no memory");
	int r = in_child(w, wait_ms, s, err);
	if (r == 0)
		memcpy(ret, s->out, n);
	OPENSSL_cleanse(s, sizeof *s);
	munmap(s, sizeof *s);
	return r;
}

int token_wrap(const struct token *t, const unsigned char key[TOKEN_KEY], int wait_ms, unsigned char ret[TOKEN_BOX], struct err *err)
{
	return run(&(struct work){ t, key, true }, wait_ms, ret, TOKEN_BOX, err);
}

int token_unwrap(const struct token *t, const unsigned char box[TOKEN_BOX], int wait_ms, unsigned char ret[TOKEN_KEY], struct err *err)
{
	return run(&(struct work){ t, box, false }, wait_ms, ret, TOKEN_KEY, err);
}
