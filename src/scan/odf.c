/* See odf.h; called by archive.c in a worker. */
#include "scan/odf.h"

#include "base/mem.h"
#include "scan/crypt.h"
#include "scan/flate.h"

#include <expat.h>
#include <openssl/evp.h>

#define SPACE "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0|"

struct reading {
	struct odf *o;
	struct odf_entry now;
	unsigned depth;
	XML_Parser parser;
};

static const char *attribute(const XML_Char **a, const char *name)
{
	for (; *a; a += 2)
		if (strncmp(*a, SPACE, sizeof SPACE - 1) == 0 && strcmp(*a + sizeof SPACE - 1, name) == 0)
			return a[1];
	return "";
}

static bool ends(const char *s, struct str with)
{
	return str_case_ends(str_from(s), with);
}

static uint32_t number(const char *s, uint32_t max)
{
	uint64_t v;
	return str_to_u64(str_from(s), max, &v) ? (uint32_t)v : 0;
}

/* Each has its place (4.2); elsewhere, or a second time in the same entry, one program would take it and another not. */
static bool is_placed(const struct reading *r, const char *n)
{
	static const struct {
		const char *name;
		unsigned depth;
	} places[] = { { "file-entry", 2 }, { "encryption-data", 3 }, { "algorithm", 4 }, { "start-key-generation", 4 }, { "key-derivation", 4 } };
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strcmp(places[i].name, n) == 0)
			return r->depth == places[i].depth && (i != 1 || !r->now.locked);
	return true;
}

static void on_begin(void *user, const XML_Char *name, const XML_Char **a)
{
	struct reading *r = user;
	struct odf_entry *e = &r->now;
	const char *n = strrchr(name, '|');
	n = n ? n + 1 : name;
	r->depth++;
	r->o->more |= !is_placed(r, n);
	if (strcmp(n, "file-entry") == 0) {
		*e = (struct odf_entry){ 0 };
		r->o->more |= (size_t)snprintf(e->path, sizeof e->path, "%s", attribute(a, "full-path")) >= sizeof e->path;
	} else if (strcmp(n, "encryption-data") == 0) {
		e->locked = e->known = e->sha1 = true;
		e->key_size = 16;
		e->sum_sha1 = strcasestr(attribute(a, "checksum-type"), "sha1") != NULL;
		e->n_sum = (unsigned)crypt_base64(str_from(attribute(a, "checksum")), e->sum, sizeof e->sum);
	} else if (strcmp(n, "algorithm") == 0) {
		e->known = e->known && (ends(attribute(a, "algorithm-name"), STR("#aes256-cbc")) || ends(attribute(a, "algorithm-name"), STR("#aes128-cbc")));
		e->n_iv = (unsigned)crypt_base64(str_from(attribute(a, "initialisation-vector")), e->iv, sizeof e->iv);
	} else if (strcmp(n, "start-key-generation") == 0) {
		e->sha1 = !ends(attribute(a, "start-key-generation-name"), STR("sha256"));
	} else if (strcmp(n, "key-derivation") == 0) {
		e->known = e->known && strcmp(attribute(a, "key-derivation-name"), "PBKDF2") == 0;
		e->key_size = *attribute(a, "key-size") ? number(attribute(a, "key-size"), 32) : e->key_size;
		e->turns = number(attribute(a, "iteration-count"), ODF_TURNS);
		e->n_salt = (unsigned)crypt_base64(str_from(attribute(a, "salt")), e->salt, sizeof e->salt);
	}
}

static void on_end(void *user, const XML_Char *name)
{
	struct reading *r = user;
	const char *n = strrchr(name, '|');
	r->depth--;
	if (strcmp(n ? n + 1 : name, "file-entry") != 0 || !r->now.locked)
		return;
	r->o->more |= odf_find(r->o, r->now.path) != NULL;
	struct odf_entry *grown = r->o->n < ODF_ENTRIES ? mem_grow(r->o->entries, (r->o->n + 1) * sizeof *grown) : NULL;
	if (!grown) {
		r->o->more = true;
		return;
	}
	r->o->entries = grown;
	grown[r->o->n++] = r->now;
}

bool odf_read(struct str manifest, struct odf *ret)
{
	struct reading r = { .o = ret, .parser = XML_ParserCreateNS(NULL, '|') };
	*ret = (struct odf){ 0 };
	if (!r.parser || manifest.len > INT32_MAX) {
		ret->more = true;
		return true;
	}
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_begin, on_end);
	/* What can't be read to its end may be read elsewhere by somebody less strict, or who knows its encoding. */
	if (XML_Parse(r.parser, manifest.ptr, (int)manifest.len, 1) != XML_STATUS_OK)
		ret->more = true;
	XML_ParserFree(r.parser);
	return ret->n || ret->more;
}

struct odf_entry *odf_find(const struct odf *o, const char *path)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(o->entries[i].path, path) == 0)
			return &o->entries[i];
	return NULL;
}

bool odf_all_seen(const struct odf *o)
{
	for (size_t i = 0; i < o->n; i++)
		if (!o->entries[i].seen)
			return false;
	return true;
}

void odf_done(struct odf *o)
{
	mem_free(o->entries);
	*o = (struct odf){ 0 };
}

/* ---- one member ---- */

/* Of the first KiB of what is packed; without it nobody can tell a wrong password. */
static bool sum_fits(const struct odf_entry *e, struct str packed)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = e->sum_sha1 ? 20 : 32;
	return e->n_sum == n && EVP_Digest(packed.ptr, packed.len < 1024 ? packed.len : 1024, sum, NULL, e->sum_sha1 ? EVP_sha1() : EVP_sha256(), NULL) &&
	       memcmp(sum, e->sum, n) == 0;
}

enum locked odf_open(const struct odf_entry *e, struct str content, const char *password, struct buf *out)
{
	unsigned char start[EVP_MAX_MD_SIZE], key[32];
	struct buf plain;
	if (!e->known || !e->turns || !e->n_salt || e->n_iv != 16 || !e->n_sum || !crypt_aes_key(e->key_size) || content.len % 16 || !content.len)
		return LOCKED_UNKNOWN;
	if (!EVP_Digest(password, strlen(password), start, NULL, e->sha1 ? EVP_sha1() : EVP_sha256(), NULL) ||
	    !PKCS5_PBKDF2_HMAC_SHA1((const char *)start, e->sha1 ? 20 : 32, e->salt, (int)e->n_salt, (int)e->turns, (int)e->key_size, key))
		return LOCKED_UNKNOWN;
	buf_init(&plain, content.len);
	enum locked r = LOCKED_UNKNOWN;
	if (buf_room(&plain, content.len) && crypt_aes(key, e->key_size, e->iv, content.ptr, content.len, (unsigned char *)plain.ptr)) {
		size_t pad = (unsigned char)plain.ptr[content.len - 1];
		struct str packed = { plain.ptr, pad >= 1 && pad <= 16 ? content.len - pad : 0 };
		r = packed.len && sum_fits(e, packed) && flate_all(packed, FLATE_BARE, out) ? LOCKED_OPENED : LOCKED_WRONG;
	}
	buf_done(&plain);
	return r;
}
