/* Asking the index; see index.h. Keys of all that may hold are computed first and their buckets called for, so that one
 * question waits for memory once, not five times. */
#include "url/index_file.h"

#include "url/set.h"

#include "base/err.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>

struct url_index {
	atomic_uint refs;
	void *map; /* owned, or NULL */
	size_t size;
	struct index_header h; /* a copy: what was checked stays what it was */
	const struct url_index_source *sources;
	const uint64_t *sets;
	const uint64_t *filter;
	const struct bucket *table;
	uint64_t buckets;
	unsigned n_lens;
	uint8_t lens[129]; /* longest first */
};

_Static_assert(sizeof(struct slot) == 16 && sizeof(struct bucket) == 64, "the file's layout");
_Static_assert(sizeof(struct index_header) <= INDEX_PAGE && sizeof(struct url_index_source) == 168, "the file's layout");

/* ---- opening ---- */

static int corrupt(struct err *err, const char *what)
{
	return err_set(err, E_CORRUPT, "", "not a usable URL index: %s", what);
}

bool index_category_ok(struct str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return name.len > 0 && name.len < URL_CATEGORY_NAME;
}

static bool part_ok(uint64_t at, uint64_t n, uint64_t each, uint64_t align, uint64_t size)
{
	return at >= INDEX_PAGE && at <= size && at % align == 0 && n <= (size - at) / each;
}

static const char *header_fault(const struct index_header *h, size_t size)
{
	if (memcmp(h->magic, INDEX_MAGIC, 8) != 0)
		return "another kind or version of file";
	if (h->size != size)
		return "its length isn't what it says";
	if (h->n_categories > URL_CATEGORIES || h->n_sets == 0 || h->n_sets > INDEX_SETS || h->n_sources > INDEX_SOURCES)
		return "too many categories, sets or sources";
	if (h->homes == 0 || h->homes > INDEX_SIZE_MAX / sizeof(struct bucket) ||
	    !part_ok(h->at_sources, h->n_sources, sizeof(struct url_index_source), 8, size) ||
	    !part_ok(h->at_sets, h->n_sets, 8, 8, size) || h->words == 0 || !part_ok(h->at_filter, h->words, 8, 8, size) ||
	    !part_ok(h->at_table, h->homes + INDEX_REACH, sizeof(struct bucket), INDEX_PAGE, size))
		return "a part lies outside the file";
	for (uint32_t i = 0; i < h->n_categories; i++)
		if (!memchr(h->category[i], 0, URL_CATEGORY_NAME) || !index_category_ok(str_from(h->category[i])))
			return "a category's name";
	return NULL;
}

static uint64_t checksum(const char *bytes, size_t size)
{
	static const char zero[8];
	size_t at = offsetof(struct index_header, crc);
	uLong c = crc32_z(0, (const Bytef *)bytes, at);
	c = crc32_z(c, (const Bytef *)zero, 8);
	return crc32_z(c, (const Bytef *)bytes + at + 8, size - at - 8);
}

static inline const uint64_t *filter_word(const struct url_index *x, uint64_t hi)
{
	return x->filter + index_home(hi, x->h.words);
}

static inline bool may_hold(const struct url_index *x, uint64_t hi, uint32_t lo)
{
	uint64_t bits = index_filter_bits(lo);
	return (*filter_word(x, hi) & bits) == bits;
}

static bool bucket_ok(const struct url_index *x, uint64_t b, uint64_t *gap)
{
	bool empty = false;
	for (size_t i = 0; i < 4; i++) {
		const struct slot *s = &x->table[b].slot[i];
		if (s->kind == URL_KIND_NONE) {
			empty = true;
			continue;
		}
		uint64_t home = index_home(s->hi, x->h.homes);
		if (empty || s->kind >= URL_KIND_COUNT || s->set >= x->h.n_sets || (s->flags & ~SLOT_FLAGS) || home > b ||
		    b - home >= INDEX_REACH || (home < b && *gap > home) || !may_hold(x, s->hi, s->lo))
			return false;
	}
	if (empty)
		*gap = b + 1;
	return true;
}

static const char *contents_fault(const struct url_index *x, const char *bytes)
{
	if (checksum(bytes, x->size) != x->h.crc)
		return "its checksum is wrong";
	for (uint32_t i = 0; i < x->h.n_sources; i++)
		if (!memchr(x->sources[i].name, 0, sizeof x->sources[i].name) || !memchr(x->sources[i].category, 0, URL_CATEGORY_NAME))
			return "a source's name";
	for (uint32_t i = 0; i < x->h.n_sets && x->h.n_categories < 64; i++)
		if (x->sets[i] >> x->h.n_categories)
			return "a set names a category that isn't there";
	uint64_t gap = 0;
	for (uint64_t b = 0; b < x->buckets; b++)
		if (!bucket_ok(x, b, &gap))
			return "an entry is out of place";
	return gap == x->buckets ? NULL : "the table has no end";
}

static const char *take(struct url_index *x, const char *bytes, size_t size)
{
	if (size < INDEX_PAGE)
		return "too short";
	memcpy(&x->h, bytes, sizeof x->h);
	const char *fault = header_fault(&x->h, size);
	if (fault)
		return fault;
	x->size = size;
	x->sources = (const void *)(bytes + x->h.at_sources);
	x->sets = (const void *)(bytes + x->h.at_sets);
	x->filter = (const void *)(bytes + x->h.at_filter);
	x->table = (const void *)(bytes + x->h.at_table);
	x->buckets = x->h.homes + INDEX_REACH;
	for (unsigned len = 129; len-- > 0;)
		if (x->h.lens[len])
			x->lens[x->n_lens++] = (uint8_t)len;
	return contents_fault(x, bytes);
}

int url_index_from(const void *bytes, size_t size, struct url_index **ret, struct err *err)
{
	struct url_index *x = mem_alloc(sizeof *x);
	if (!x)
		return err_set(err, E_NOMEM, "", "no memory");
	x->refs = 1;
	const char *fault = take(x, bytes, size);
	if (fault) {
		mem_free(x);
		return corrupt(err, fault);
	}
	*ret = x;
	return 0;
}

int url_index_open(const char *path, struct url_index **ret, struct err *err)
{
	struct stat st;
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, path, "can't open the URL index");
	if (!S_ISREG(st.st_mode) || st.st_size < INDEX_PAGE || (uint64_t)st.st_size > INDEX_SIZE_MAX)
		return err_set(err, E_CORRUPT, path, "not a usable URL index: its size");
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return err_errno(err, path, "can't map the URL index");
	int r = url_index_from(map, (size_t)st.st_size, ret, err);
	if (r < 0) {
		munmap(map, (size_t)st.st_size);
		if (err)
			snprintf(err->path, sizeof err->path, "%s", path);
		return r;
	}
	(*ret)->map = map;
	return 0;
}

struct url_index *url_index_ref(struct url_index *x)
{
	if (x)
		atomic_fetch_add_explicit(&x->refs, 1, memory_order_relaxed);
	return x;
}

void url_index_unref(struct url_index **p)
{
	struct url_index *x = *p;
	*p = NULL;
	if (!x || atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (x->map)
		munmap(x->map, x->size);
	mem_free(x);
}

/* ---- asking ---- */

static inline const struct bucket *home_of(const struct url_index *x, const struct url_key *k)
{
	return x->table + index_home(k->hi, x->h.homes);
}

static const struct slot *probe(const struct url_index *x, const struct url_key *k)
{
	const struct bucket *b = home_of(x, k), *end = b + INDEX_REACH;
	for (; k->kind && b < end; b++)
		for (size_t i = 0; i < 4; i++) {
			const struct slot *s = &b->slot[i];
			if (s->hi == k->hi && s->lo == k->lo && s->kind == k->kind)
				return s;
			if (s->kind == URL_KIND_NONE)
				return NULL;
		}
	return NULL;
}

/* The keys of all that may hold but paths, and their words of the filter called for. First the host without "www." (for paths), then
 * what holds, the most exact first. */
static size_t make_keys(const struct url_index *x, const struct url_target *t, struct url_key *k)
{
	struct url_sip s, states[URL_LABELS];
	size_t n = 0, last = t->n_labels - 1u;
	url_sip_init(&s, x->h.secret);
	url_sip_host(&s, t, t->n_labels, states);
	url_key_end(&states[url_bare_labels(t) - 1], URL_KIND_HOST, &k[n++]);
	url_key_end(&states[last], URL_KIND_HOST, &k[n++]);
	for (size_t i = t->n_labels; i-- > (x->h.any_top ? 0 : 1) && !t->is_addr;) {
		url_key_end(&states[i], URL_KIND_DOMAIN, &k[n]);
		k[n++].at = t->at[i];
	}
	for (size_t i = 0; i < x->n_lens && t->is_addr; i++)
		url_key_addr(x->h.secret, t->addr, x->lens[i], &k[n++]);
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(filter_word(x, k[i].hi));
	return n;
}

/* Who can't be in the table is struck off; the others' buckets are called for. */
static void strike_off(const struct url_index *x, struct url_key *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (may_hold(x, k[i].hi, k[i].lo))
			__builtin_prefetch(home_of(x, &k[i]));
		else
			k[i].kind = URL_KIND_NONE;
}

/* What is done with each entry that holds; false: no further. */
struct search {
	uint64_t categories;
	struct url_reason *reasons; /* NULL: nobody asks */
	size_t n_reasons, max;
	const struct url_target *t;
};

static void entry_text(const struct search *f, const struct url_key *k, struct str path, char *dst, size_t size)
{
	static const char *const words[URL_KIND_COUNT] = { "", "host", "domain", "path", "url", "address" };
	char addr[64];
	const struct url_target *t = f->t;
	if (k->kind == URL_KIND_ADDR) {
		url_addr_format(t->addr, addr);
		snprintf(dst, size, "%s %s/%u", words[k->kind], addr, url_addr_is4(t->addr) && k->at >= 96 ? k->at - 96u : k->at);
	} else if (k->kind == URL_KIND_PATH || k->kind == URL_KIND_QUERY) {
		size_t n = k->kind == URL_KIND_PATH ? k->at : path.len;
		snprintf(dst, size, "%s %s%.*s", words[k->kind], t->host + t->at[url_bare_labels(t) - 1], (int)(n < 300 ? n : 300), path.ptr);
	} else {
		snprintf(dst, size, "%s %s", words[k->kind], t->host + k->at);
	}
}

static bool hold(const struct url_index *x, struct search *f, const struct url_key *k, const struct slot *s, struct str path)
{
	uint64_t set = x->sets[s->set < x->h.n_sets ? s->set : 0];
	f->categories |= set;
	if (f->reasons && f->n_reasons < f->max && (set || (s->flags & SLOT_EXEMPT))) {
		struct url_reason *r = &f->reasons[f->n_reasons++];
		r->categories = set;
		entry_text(f, k, path, r->entry, sizeof r->entry);
	}
	return !(s->flags & SLOT_EXEMPT);
}

/* Entries for paths, of one port or of any. */
static bool find_paths_of(const struct url_index *x, struct search *f, const struct url_sip *host, uint16_t port, struct str bare, struct str whole)
{
	struct url_sip s = *host, q;
	struct url_key k[URL_PATH_KEYS + 1];
	size_t n = 0;
	url_sip_port(&s, port);
	if (whole.ptr) {
		q = s;
		url_sip_text(&q, whole.ptr, whole.len);
		url_key_end(&q, URL_KIND_QUERY, &k[n++]);
	}
	n += url_path_keys(&s, bare, k + n);
	for (size_t i = 0; i < n; i++) {
		const struct slot *e = probe(x, &k[i]);
		if (e && !hold(x, f, &k[i], e, k[i].kind == URL_KIND_PATH ? bare : whole))
			return false;
	}
	return true;
}

/* Paths below a host that has some. Rare: only here is the path brought into one form. */
static bool find_paths(const struct url_index *x, struct search *f)
{
	const struct url_target *t = f->t;
	struct url_sip s;
	char loose[URL_PATH_MAX + 1], text[3 * URL_PATH_MAX + 2];
	struct str bare = { loose, url_path_loose(t->path, loose) }, whole = { NULL, 0 };
	if (memchr(t->path.ptr, '?', t->path.len))
		whole = (struct str){ text, url_path_normalise(t->path, true, text, sizeof text) };
	url_sip_init(&s, x->h.secret);
	url_sip_host(&s, t, url_bare_labels(t), NULL);
	return find_paths_of(x, f, &s, t->port, bare, whole) && find_paths_of(x, f, &s, 0, bare, whole);
}

static void resolve(const struct url_index *x, const struct url_key *k, size_t n, struct search *f, struct url_hit *ret)
{
	const struct slot *paths = probe(x, &k[0]);
	*ret = (struct url_hit){ 0 };
	if (paths && (paths->flags & SLOT_PATHS)) {
		ret->wants_path = !f->t->path.ptr;
		if (f->t->path.ptr && !find_paths(x, f))
			n = 0;
	}
	for (size_t i = 1; i < n; i++) {
		const struct slot *s = probe(x, &k[i]);
		if (!s || (s->kind == URL_KIND_DOMAIN && k[i].at == 0 && !(s->flags & SLOT_SELF)))
			continue;
		if (!hold(x, f, &k[i], s, (struct str){ "", 0 }))
			break;
	}
	ret->categories = f->categories;
}

void url_index_find(const struct url_index *x, const struct url_target *t, struct url_hit *ret)
{
	url_index_find_many(x, &t, 1, ret);
}

#define POOL 512
void url_index_find_many(const struct url_index *x, const struct url_target *const t[], size_t n, struct url_hit ret[])
{
	struct url_key pool[POOL];
	size_t first[POOL / 3 + 1];
	size_t done = 0;
	if (!x)
		memset(ret, 0, n * sizeof *ret);
	while (x && done < n) {
		size_t k = 0, used = 0;
		for (; done + k < n && used + URL_KEYS_MAX <= POOL && k < POOL / 3; k++) {
			first[k] = used;
			used += t[done + k]->n_labels ? make_keys(x, t[done + k], pool + used) : 0;
		}
		first[k] = used;
		strike_off(x, pool, used);
		for (size_t i = 0; i < k; i++) {
			struct search f = { .t = t[done + i] };
			if (first[i] == first[i + 1])
				ret[done + i] = (struct url_hit){ 0 };
			else
				resolve(x, pool + first[i], first[i + 1] - first[i], &f, &ret[done + i]);
		}
		done += k;
	}
}

size_t url_index_explain(const struct url_index *x, const struct url_target *t, struct url_reason *ret, size_t max)
{
	struct url_key k[URL_KEYS_MAX];
	struct url_hit hit;
	struct search f = { .t = t, .reasons = ret, .max = max };
	if (x && t->n_labels) {
		size_t n = make_keys(x, t, k);
		strike_off(x, k, n);
		resolve(x, k, n, &f, &hit);
	}
	return f.n_reasons;
}

/* ---- what it is ---- */

uint64_t url_index_mask(const struct url_index *x, struct str category)
{
	for (unsigned i = 0; x && i < x->h.n_categories; i++)
		if (str_eq(str_from(x->h.category[i]), category))
			return 1ull << i;
	return 0;
}

const char *url_index_category(const struct url_index *x, unsigned n)
{
	return x && n < x->h.n_categories ? x->h.category[n] : "";
}

void url_index_info(const struct url_index *x, struct url_index_info *ret)
{
	*ret = (struct url_index_info){ .entries = x->h.entries, .size = x->size, .built_ms = x->h.built_ms,
		                        .n_categories = x->h.n_categories, .n_sources = x->h.n_sources };
}

const struct url_index_source *url_index_source(const struct url_index *x, size_t n)
{
	return n < x->h.n_sources ? &x->sources[n] : NULL;
}
