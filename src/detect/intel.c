/* The store of values and the looking; see intel.h. By hash of kind and value, so that a long list costs an event nothing;
 * networks by one more look for each length that occurs. */
#include "detect/intel.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/suffix.h"
#include "url/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NONE UINT32_MAX
#define KEY_MAX (URL_PATH_MAX + 320)
#define DAY_MS (86400 * 1000LL)
#define ARENA_BYTES (1024u * 1024 * 1024)

struct intel {
	struct arena arena;
	struct intel_item *list;
	uint64_t *hashes;    /* beside list */
	uint32_t n, cap;
	uint32_t *table, table_cap; /* hash -> item + 1 */
	bool allowed;        /* the file being read is the allow-list */
	bool any_allowed, any[INTEL_JA4 + 1]; /* any: values of this kind that aren't allowed ones */
	int confidence;      /* of the file being read */
	int64_t days;
	bool lengths[2][129]; /* networks by family and length that occur */
	const char *feeds[INTEL_FILES];
	uint16_t n_feeds;
	int64_t now_ms;
	uint64_t seed[2];
	int failed;
	struct intel_stats stats;
};

/* Allowed values are kept as kinds of their own. */
#define ALLOWED_KIND(kind) ((uint8_t)((kind) + 16))

static uint64_t hash_of(const struct intel *i, uint8_t kind, const void *value, size_t n)
{
	char key[KEY_MAX + 1];
	if (n > KEY_MAX)
		return 0;
	key[0] = (char)kind;
	memcpy(key + 1, value, n);
	uint64_t h = hash_sip(i->seed, key, n + 1);
	return h ? h : 1;
}

static uint32_t find(const struct intel *i, uint64_t hash)
{
	if (!i->table_cap || !hash)
		return NONE;
	for (uint32_t at = (uint32_t)hash & (i->table_cap - 1); i->table[at]; at = (at + 1) & (i->table_cap - 1))
		if (i->hashes[i->table[at] - 1] == hash)
			return i->table[at] - 1;
	return NONE;
}

static void table_put(uint32_t *table, uint32_t cap, uint64_t hash, uint32_t item)
{
	uint32_t at = (uint32_t)hash & (cap - 1);
	while (table[at])
		at = (at + 1) & (cap - 1);
	table[at] = item + 1;
}

static bool room(struct intel *i)
{
	if (i->n < i->cap)
		return true;
	uint32_t cap = i->cap ? i->cap * 2 : 1024, table_cap = cap * 2;
	struct intel_item *list = mem_grow(i->list, cap * sizeof *list);
	if (list)
		i->list = list;
	uint64_t *hashes = mem_grow(i->hashes, cap * sizeof *hashes);
	if (hashes)
		i->hashes = hashes;
	uint32_t *table = mem_array(table_cap, sizeof *table);
	if (!list || !hashes || !table) {
		mem_free(table);
		return false;
	}
	/* Only the first entry of a value stands in the table; the others hang on it. */
	for (uint32_t at = 0; at < i->table_cap; at++)
		if (i->table[at])
			table_put(table, table_cap, i->hashes[i->table[at] - 1], i->table[at] - 1);
	mem_free(i->table);
	i->table = table;
	i->table_cap = table_cap;
	i->cap = cap;
	return true;
}

void intel_refuse(struct intel *i, enum intel_refused why)
{
	i->stats.refused[why]++;
}

void intel_set_defaults(struct intel *i, int confidence, int64_t days)
{
	i->confidence = confidence;
	i->days = days;
}

static int64_t end_of(const struct intel *i, enum intel_kind kind, const struct intel_entry *e)
{
	int64_t days = i->days ? i->days : kind == INTEL_ADDRESS ? INTEL_ADDRESS_DAYS : INTEL_NAME_DAYS;
	if (e->until_ms)
		return e->until_ms;
	if (i->allowed || (kind == INTEL_HASH && !i->days))
		return INT64_MAX;
	return (e->from_ms ? e->from_ms : i->now_ms) + days * DAY_MS;
}

static const char *keep_text(struct intel *i, struct str s, size_t max)
{
	size_t n = s.len < max ? s.len : max;
	if (n == 0)
		return "";
	char *p = arena_strdup(&i->arena, (struct str){ s.ptr, n });
	for (char *c = p; c && *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	if (!p)
		i->failed = -E_NOMEM;
	return p ? p : "";
}

static void store(struct intel *i, enum intel_kind kind, uint64_t hash, struct str value, const struct intel_entry *e)
{
	int64_t until = end_of(i, kind, e);
	if (until <= i->now_ms) {
		intel_refuse(i, INTEL_EXPIRED);
		return;
	}
	if (i->n >= INTEL_MAX || !room(i)) {
		i->failed = i->n >= INTEL_MAX ? -E_LIMIT : -E_NOMEM;
		return;
	}
	int confidence = e->confidence >= 0 ? e->confidence : i->confidence >= 0 ? i->confidence : INTEL_CONFIDENCE;
	uint32_t first = find(i, hash), at = i->n++;
	i->list[at] = (struct intel_item){ .kind = kind, .confidence = (uint8_t)(confidence > 100 ? 100 : confidence), .next = NONE,
		.feed = (uint16_t)(i->n_feeds - 1), .from_ms = e->from_ms, .until_ms = until, .value = keep_text(i, value, 1000),
		.uid = keep_text(i, e->uid, 100), .name = keep_text(i, e->name, 200) };
	i->hashes[at] = hash;
	i->stats.items += !i->allowed;
	i->any[kind] |= !i->allowed;
	if (first == NONE) {
		table_put(i->table, i->table_cap, hash, at);
		return;
	}
	i->list[at].next = i->list[first].next;
	i->list[first].next = at;
}

/* ---- addresses */

/* IANA special-purpose registries: nobody's address on the Internet. Documentation prefixes stay in: the lab is made of them. */
#define V4(a, b, c, d, n) { 4, n, { a, b, c, d } }
static const struct prefix reserved[] = {
	V4(0, 0, 0, 0, 8),     V4(10, 0, 0, 0, 8),   V4(100, 64, 0, 0, 10),  V4(127, 0, 0, 0, 8),   V4(169, 254, 0, 0, 16),
	V4(172, 16, 0, 0, 12), V4(192, 0, 0, 0, 24), V4(192, 168, 0, 0, 16), V4(198, 18, 0, 0, 15), V4(224, 0, 0, 0, 3),
	{ 6, 127, { 0 } },     { 6, 7, { 0xfc } },   { 6, 10, { 0xfe, 0x80 } }, { 6, 8, { 0xff } },
};
#undef V4

static bool is_reserved(const struct prefix *p)
{
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (prefix_contains(&reserved[i], p) || prefix_contains(p, &reserved[i]))
			return true;
	return false;
}

static size_t address_key(const struct prefix *p, unsigned len, unsigned char dst[18])
{
	dst[0] = p->family;
	dst[1] = (unsigned char)len;
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = len > i * 8 ? len - i * 8 : 0;
		dst[2 + i] = bits >= 8 ? p->addr[i] : (unsigned char)(p->addr[i] & ~(0xffu >> bits));
	}
	return 18;
}

static void put_address(struct intel *i, const struct intel_entry *e)
{
	struct prefix p;
	unsigned char key[18];
	char text[PREFIX_TEXT];
	if (prefix_parse(e->value, &p) < 0) {
		intel_refuse(i, INTEL_UNREADABLE);
		return;
	}
	if (!i->allowed && is_reserved(&p)) {
		intel_refuse(i, INTEL_RESERVED);
		return;
	}
	if (!i->allowed && p.len < (p.family == 4 ? 16 : 32)) {
		intel_refuse(i, INTEL_TOO_WIDE);
		return;
	}
	i->lengths[p.family == 6][p.len] = true;
	size_t n = address_key(&p, p.len, key);
	bool whole = p.len == (p.family == 4 ? 32 : 128);
	struct str shown = str_from(whole ? prefix_format_addr(&p, text) : prefix_format(&p, text));
	store(i, INTEL_ADDRESS, hash_of(i, i->allowed ? ALLOWED_KIND(INTEL_ADDRESS) : INTEL_ADDRESS, key, n), shown, e);
}

/* ---- names, URLs, hashes */

/* "*.evil.example", ".evil.example": what is below is meant by the name anyway. */
static struct str bare_name(struct str v)
{
	size_t skip = str_starts(v, STR("*.")) ? 2 : str_starts(v, STR(".")) ? 1 : 0;
	return (struct str){ v.ptr + skip, v.len - skip };
}

static void put_name(struct intel *i, const struct intel_entry *e)
{
	char host[256];
	if (url_host_normalise(bare_name(e->value), host) < 0) {
		intel_refuse(i, INTEL_UNREADABLE);
		return;
	}
	if (!i->allowed && suffix_of(str_from(host)) == SUFFIX_REGISTRY) { /* it would hit all bodies at once */
		intel_refuse(i, INTEL_TOO_WIDE);
		return;
	}
	struct str s = str_from(host);
	store(i, INTEL_NAME, hash_of(i, i->allowed ? ALLOWED_KIND(INTEL_NAME) : INTEL_NAME, s.ptr, s.len), s, e);
}

static void put_url(struct intel *i, const struct intel_entry *e)
{
	struct url_query q = { 0 };
	char key[KEY_MAX];
	if (url_split(e->value, &q) < 0) {
		intel_refuse(i, INTEL_UNREADABLE);
		return;
	}
	if (q.path.len && memchr(q.path.ptr, '?', q.path.len)) {
		intel_refuse(i, INTEL_HAS_QUERY);
		return;
	}
	if (q.path.len <= 1) { /* a whole site: that is its name */
		struct intel_entry host = *e;
		struct prefix p;
		host.value = q.host;
		if (prefix_parse(q.host, &p) == 0)
			put_address(i, &host);
		else
			put_name(i, &host);
		return;
	}
	size_t n = url_loose_key(&q, key, KEY_MAX - 16);
	if (n == 0)
		intel_refuse(i, INTEL_UNREADABLE);
	else
		store(i, INTEL_URL, hash_of(i, i->allowed ? ALLOWED_KIND(INTEL_URL) : INTEL_URL, key, n), e->value, e);
}

static bool is_hash(struct str s)
{
	unsigned char raw[32];
	return (s.len == 32 || s.len == 40 || s.len == 64) && hex_parse(s, raw, s.len / 2);
}

static uint64_t hash_key(const struct intel *i, uint8_t kind, struct str hex)
{
	unsigned char raw[32];
	hex_parse(hex, raw, hex.len / 2);
	return hash_of(i, kind, raw, hex.len / 2);
}

static void put_hash(struct intel *i, const struct intel_entry *e)
{
	if (!is_hash(e->value)) {
		intel_refuse(i, INTEL_UNREADABLE);
		return;
	}
	store(i, INTEL_HASH, hash_key(i, i->allowed ? ALLOWED_KIND(INTEL_HASH) : INTEL_HASH, e->value), e->value, e);
}

/* "t13d1516h2_8daaf6152771_e5627efa2ab1" (proxy/ja4.h); "q" and "d" (QUIC, DTLS) are right too, and found where somebody records them. */
static bool is_ja4(struct str s)
{
	static const char shape[] = "pvvsnnnnaa_xxxxxxxxxxxx_xxxxxxxxxxxx";
	static const char *const signs[128] = { ['p'] = "tqd", ['v'] = "0123sd", ['s'] = "di", ['n'] = "0123456789", ['_'] = "_", ['x'] = "0123456789abcdef",
		['a'] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" };
	if (s.len != sizeof shape - 1)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!s.ptr[i] || !strchr(signs[(unsigned char)shape[i]], s.ptr[i]))
			return false;
	return true;
}

static void put_ja4(struct intel *i, const struct intel_entry *e)
{
	if (!is_ja4(e->value)) {
		intel_refuse(i, INTEL_UNREADABLE);
		return;
	}
	store(i, INTEL_JA4, hash_of(i, i->allowed ? ALLOWED_KIND(INTEL_JA4) : INTEL_JA4, e->value.ptr, e->value.len), e->value, e);
}

void intel_put(struct intel *i, enum intel_kind kind, const struct intel_entry *e)
{
	static void (*const put[])(struct intel *, const struct intel_entry *) = { put_name, put_address, put_url, put_hash, put_ja4 };
	put[kind](i, e);
	i->any_allowed |= i->allowed;
}

bool intel_kind_of(struct str v, enum intel_kind *ret)
{
	struct prefix p;
	char host[256];
	if (str_case_starts(v, STR("http://")) || str_case_starts(v, STR("https://")))
		*ret = INTEL_URL;
	else if (is_hash(v))
		*ret = INTEL_HASH;
	else if (is_ja4(v))
		*ret = INTEL_JA4;
	else if (prefix_parse(v, &p) == 0)
		*ret = INTEL_ADDRESS;
	else if (memchr(v.ptr, '.', v.len) && url_host_normalise(bare_name(v), host) == 0)
		*ret = INTEL_NAME;
	else
		return false;
	return true;
}

/* ---- looking */

static const struct intel_item *best(const struct intel *i, uint64_t hash, int64_t now)
{
	const struct intel_item *b = NULL;
	for (uint32_t at = find(i, hash); at != NONE; at = i->list[at].next) {
		const struct intel_item *x = &i->list[at];
		if (x->from_ms <= now && now < x->until_ms && (!b || x->confidence > b->confidence))
			b = x;
	}
	return b;
}

static const struct intel_item *name_or_above(const struct intel *i, uint8_t kind, struct str host, int64_t now)
{
	while (host.len) {
		const struct intel_item *x = best(i, hash_of(i, kind, host.ptr, host.len), now);
		const char *dot = x ? NULL : memchr(host.ptr, '.', host.len);
		if (x || !dot)
			return x;
		host = (struct str){ dot + 1, host.len - (size_t)(dot + 1 - host.ptr) };
	}
	return NULL;
}

static const struct intel_item *address(const struct intel *i, uint8_t kind, const struct prefix *p, int64_t now)
{
	unsigned char key[18];
	for (int len = p->len; len >= 0; len--) {
		if (!i->lengths[p->family == 6][len])
			continue;
		const struct intel_item *x = best(i, hash_of(i, kind, key, address_key(p, (unsigned)len, key)), now);
		if (x)
			return x;
	}
	return NULL;
}

const struct intel_item *intel_name(const struct intel *i, struct str host, int64_t now)
{
	char lower[256];
	if (intel_empty(i) || !i->any[INTEL_NAME] || !host.len || host.len >= sizeof lower)
		return NULL;
	if (host.ptr[host.len - 1] == '.')
		host.len--;
	for (size_t k = 0; k < host.len; k++)
		lower[k] = (char)(host.ptr[k] >= 'A' && host.ptr[k] <= 'Z' ? host.ptr[k] + 32 : host.ptr[k]);
	struct str s = { lower, host.len };
	const struct intel_item *x = name_or_above(i, INTEL_NAME, s, now);
	return x && !name_or_above(i, ALLOWED_KIND(INTEL_NAME), s, now) ? x : NULL;
}

/* A name isn't worth parsing as an address. */
static bool may_be_address(struct str s)
{
	return s.len && ((s.ptr[s.len - 1] >= '0' && s.ptr[s.len - 1] <= '9') || memchr(s.ptr, ':', s.len));
}

const struct intel_item *intel_address(const struct intel *i, struct str text, int64_t now)
{
	struct prefix p;
	if (intel_empty(i) || !i->any[INTEL_ADDRESS] || !may_be_address(text) || prefix_parse(text, &p) < 0)
		return NULL;
	const struct intel_item *x = address(i, INTEL_ADDRESS, &p, now);
	return x && !address(i, ALLOWED_KIND(INTEL_ADDRESS), &p, now) ? x : NULL;
}

const struct intel_item *intel_url(const struct intel *i, struct str url, int64_t now)
{
	struct url_query q = { 0 };
	char key[KEY_MAX];
	if (intel_empty(i) || !i->any[INTEL_URL] || !url.len || url_split(url, &q) < 0)
		return NULL;
	size_t n = url_loose_key(&q, key, KEY_MAX - 16);
	const struct intel_item *x = n ? best(i, hash_of(i, INTEL_URL, key, n), now) : NULL;
	if (!x || best(i, hash_of(i, ALLOWED_KIND(INTEL_URL), key, n), now))
		return NULL;
	char host[256];
	if (i->any_allowed && url_host_normalise(q.host, host) == 0 && name_or_above(i, ALLOWED_KIND(INTEL_NAME), str_from(host), now))
		return NULL;
	return x;
}

const struct intel_item *intel_hash(const struct intel *i, struct str hex, int64_t now)
{
	if (intel_empty(i) || !i->any[INTEL_HASH] || !is_hash(hex))
		return NULL;
	const struct intel_item *x = best(i, hash_key(i, INTEL_HASH, hex), now);
	return x && !best(i, hash_key(i, ALLOWED_KIND(INTEL_HASH), hex), now) ? x : NULL;
}

const struct intel_item *intel_ja4(const struct intel *i, struct str fingerprint, int64_t now)
{
	if (intel_empty(i) || !i->any[INTEL_JA4] || !is_ja4(fingerprint))
		return NULL;
	const struct intel_item *x = best(i, hash_of(i, INTEL_JA4, fingerprint.ptr, fingerprint.len), now);
	return x && !best(i, hash_of(i, ALLOWED_KIND(INTEL_JA4), fingerprint.ptr, fingerprint.len), now) ? x : NULL;
}

/* ---- files */

static int read_any(struct intel *i, struct str text, const char *name, struct err *err)
{
	struct str s = str_trim(text);
	while (s.len && (*s.ptr == '\n' || *s.ptr == '\r'))
		s = str_trim((struct str){ s.ptr + 1, s.len - 1 });
	if (!s.len || *s.ptr != '{' || i->allowed)
		return intel_read_list(i, text, name, err);
	return memmem(s.ptr, s.len < 65536 ? s.len : 65536, "\"bundle\"", 8) ? intel_read_stix(i, text, name, err)
	                                                                      : intel_read_misp(i, text, name, err);
}

int intel_add(struct intel *i, struct str text, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	if (text.len > INTEL_FILE_BYTES)
		return err_set(err, E_LIMIT, name, "larger than %u MiB", INTEL_FILE_BYTES >> 20);
	if (i->n_feeds == INTEL_FILES)
		return err_set(err, E_LIMIT, name, "more than %u files", INTEL_FILES);
	i->feeds[i->n_feeds] = keep_text(i, str_from(base), 200);
	i->n_feeds++;
	i->stats.files++;
	i->allowed = str_case_starts(str_from(base), STR("allow"));
	intel_set_defaults(i, -1, 0);
	int r = read_any(i, text, name, err);
	if (r == 0 && i->failed == -E_LIMIT)
		r = err_set(err, E_LIMIT, name, "more than %u values in all files", INTEL_MAX);
	else if (i->failed == -E_NOMEM)
		r = err_set(err, E_NOMEM, name, "no memory");
	return r;
}

struct loading {
	struct intel *i;
	const char *dir;
	void (*on_fault)(const struct err *err, void *user);
	void *user;
	struct err *err;
};

static int load_file(struct loading *l, const char *path)
{
	struct buf b;
	struct err e = { 0 };
	buf_init(&b, INTEL_FILE_BYTES + 1);
	int r = fs_read(path, &b, &e);
	if (r == 0)
		r = intel_add(l->i, buf_view(&b), path, &e);
	buf_done(&b);
	if (r < 0 && l->on_fault)
		l->on_fault(&e, l->user);
	return r == -E_NOMEM ? err_set(l->err, E_NOMEM, path, "no memory") : 0;
}

static int load_entry(const char *name, void *user)
{
	static const char *const ends[] = { ".json", ".txt", ".csv", ".list" };
	struct loading *l = user;
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/%s", l->dir, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(l->err, E_LIMIT, l->dir, "path too long");
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (name[0] != '.' && str_ends(str_from(name), str_from(ends[i])))
			return load_file(l, path);
	return 0;
}

int intel_load(struct intel *i, const char *path, void (*on_fault)(const struct err *err, void *user), void *user, struct err *err)
{
	struct loading l = { i, path, on_fault, user, err };
	struct stat st;
	if (stat(path, &st) < 0)
		return err_errno(err, path, "cannot read the intelligence");
	return S_ISDIR(st.st_mode) ? fs_list(path, load_entry, &l, err) : load_file(&l, path);
}

bool intel_empty(const struct intel *i)
{
	return !i || i->stats.items == 0;
}

void intel_stats(const struct intel *i, struct intel_stats *ret)
{
	*ret = i->stats;
}

const char *intel_refused_name(enum intel_refused why)
{
	static const char *const names[] = { "unreadable", "unsupported", "too_wide", "reserved", "has_query", "expired", "revoked" };
	return names[why];
}

const char *intel_feed_name(const struct intel *i, uint16_t feed)
{
	return feed < i->n_feeds ? i->feeds[feed] : "";
}

int intel_create(int64_t now_ms, struct intel **ret, struct err *err)
{
	struct intel *i = mem_alloc(sizeof *i);
	if (!i)
		return err_set(err, E_NOMEM, "", "no memory");
	i->now_ms = now_ms;
	arena_init(&i->arena, ARENA_BYTES);
	rnd_bytes(i->seed, sizeof i->seed);
	*ret = i;
	return 0;
}

void intel_destroy(struct intel **ip)
{
	struct intel *i = *ip;
	if (!i)
		return;
	mem_free(i->list);
	mem_free(i->hashes);
	mem_free(i->table);
	arena_done(&i->arena);
	mem_free(i);
	*ip = NULL;
}
