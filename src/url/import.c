/* Lists of others into an index; see import.h. A line at a time, so that a list may be larger than memory. */
#include "url/import.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/category.h"
#include "url/puny.h"
#include "url/set.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#define CHUNK (1024 * 1024u)

struct list {
	struct url_import *im;
	const char *path;
	enum url_format format;
	int category;             /* -1: each line says its own */
	uint64_t line, entries;
	char origin[256];         /* rpz: "$ORIGIN", without dots at its ends */
	int target_column, category_column; /* csv; -1: not known yet, or none */
	bool in_soa;              /* rpz: between the parentheses of a record */
	struct url_target t;      /* scratch */
	struct err *err;
};

static const char *const format_words[] = { "auto", "plain", "hosts", "rpz", "ut1", "csv" };

bool url_format_parse(const char *word, enum url_format *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(format_words); i++)
		if (strcmp(word, format_words[i]) == 0) {
			*ret = (enum url_format)i;
			return true;
		}
	return false;
}

static int bad_line(struct list *l, const char *why)
{
	l->im->bad_lines++;
	if (l->im->bad)
		l->im->bad(l->path, l->line, why, l->im->user);
	return 0;
}

/* ---- one entry ---- */

static int add(struct list *l, const struct url_entry *e)
{
	int r = url_build_add(l->im->build, e);
	if (r == -E_INVALID)
		return bad_line(l, "the path is too long or too deep");
	if (r < 0)
		return err_set(l->err, (enum err_code)-r, l->path, r == -E_LIMIT ? "too many entries" : "no memory");
	l->entries++;
	return 0;
}

static bool beyond_ascii(struct str s)
{
	unsigned char all = 0;
	for (size_t i = 0; i < s.len; i++)
		all |= (unsigned char)s.ptr[i];
	return all >= 0x80;
}

static int add_addr(struct list *l, unsigned len, int category)
{
	return add(l, &(struct url_entry){ .kind = URL_KIND_ADDR, .t = &l->t, .len = len, .category = category });
}

static int add_name(struct list *l, struct str name, enum url_kind kind, bool below_only, int category)
{
	char ascii[256];
	if (beyond_ascii(name) && url_host_from_utf8(name, ascii) == 0)
		name = str_from(ascii);
	const struct url_query q = { .scheme = STR("http"), .host = name };
	if (url_target_from(&q, &l->t) < 0)
		return bad_line(l, "not a name, address or URL");
	if (l->t.is_addr)
		return below_only ? bad_line(l, "an address has nothing below it") : add_addr(l, 128, category);
	if (l->t.n_labels == 1)
		return bad_line(l, "a name of one label would hold for a whole top-level domain");
	return add(l, &(struct url_entry){ .kind = kind, .t = &l->t, .below_only = below_only, .category = category });
}

/* "192.0.2.0/24": true when it is one, good or bad. */
static bool add_cidr(struct list *l, struct str s, int category, int *ret)
{
	struct url_pattern p;
	const char *slash = memchr(s.ptr, '/', s.len);
	struct str tail = { slash + 1, (size_t)(s.ptr + s.len - slash - 1) }, head = { s.ptr, (size_t)(slash - s.ptr) };
	uint8_t a[16];
	uint64_t n;
	bool v6 = memchr(head.ptr, ':', head.len);
	if (!str_to_u64(tail, 128, &n) || (v6 ? url_addr6_parse(head, a) < 0 : url_addr4_parse(head, a) != 1))
		return false;
	if (url_pattern_parse(s, &p, NULL) < 0 || p.kind != KEY_ADDR)
		*ret = bad_line(l, "not a CIDR prefix with its host bits 0");
	else if ((uint8_t)p.key[16] < (v6 ? 8 : 96 + 4))
		*ret = bad_line(l, "the prefix is too wide: at most a /4 by IPv4, a /8 by IPv6");
	else {
		memcpy(l->t.addr, p.key, 16);
		*ret = add_addr(l, (uint8_t)p.key[16], category);
	}
	return true;
}

/* Host with path; a scheme may stand before it. */
static int add_url(struct list *l, struct str s, int category)
{
	char text[URL_PATTERN_MAX + 16];
	struct url_query q = { 0 };
	bool scheme = str_case_starts(s, STR("http://")) || str_case_starts(s, STR("https://"));
	if (s.len > URL_PATTERN_MAX)
		return bad_line(l, "the URL is too long");
	int n = snprintf(text, sizeof text, "%s%.*s", scheme ? "" : "http://", (int)s.len, s.ptr);
	const char *hash = memchr(text, '#', (size_t)n);
	if (url_split((struct str){ text, hash ? (size_t)(hash - text) : (size_t)n }, &q) < 0)
		return bad_line(l, "not a URL");
	char ascii[256];
	if (beyond_ascii(q.host) && url_host_from_utf8(q.host, ascii) == 0)
		q.host = str_from(ascii);
	if (url_target_from(&q, &l->t) < 0)
		return bad_line(l, "not a URL");
	if (q.path.len == 0 || str_eq(q.path, STR("/")))
		return add_name(l, q.host, URL_KIND_HOST, false, category);
	const struct url_entry e = { .kind = memchr(q.path.ptr, '?', q.path.len) ? URL_KIND_QUERY : URL_KIND_PATH, .t = &l->t, .port = q.port,
		                     .category = category };
	return add(l, &e);
}

static int add_target(struct list *l, struct str s, int category)
{
	int r = 0;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= 0x20 || s.ptr[i] == 0x7f)
			return bad_line(l, "blanks and control characters have no place in a name");
	if (str_starts(s, STR("*.")))
		return add_name(l, (struct str){ s.ptr + 2, s.len - 2 }, URL_KIND_DOMAIN, true, category);
	if (s.len && s.ptr[0] == '.')
		return add_name(l, (struct str){ s.ptr + 1, s.len - 1 }, URL_KIND_DOMAIN, false, category);
	if (!memchr(s.ptr, '/', s.len))
		return add_name(l, s, URL_KIND_DOMAIN, false, category);
	if (add_cidr(l, s, category, &r))
		return r;
	return add_url(l, s, category);
}

/* A line's own category; below 0 and not -E_INVALID: the build can't go on. */
static int category_of(struct list *l, struct str name, int *ret)
{
	char canonical[URL_CATEGORY_NAME];
	if (url_category_name(name, canonical) < 0)
		return -E_INVALID;
	*ret = url_build_category(l->im->build, str_from(canonical));
	if (*ret == -E_LIMIT)
		return err_set(l->err, E_LIMIT, l->path, "more than %d categories", URL_CATEGORIES);
	return *ret < 0 ? *ret : 0;
}

/* ---- lines of each format ---- */

static bool take_word(struct str *s, struct str *ret)
{
	*s = str_trim(*s);
	size_t n = 0;
	while (n < s->len && s->ptr[n] != ' ' && s->ptr[n] != '\t')
		n++;
	*ret = (struct str){ s->ptr, n };
	*s = (struct str){ s->ptr + n, s->len - n };
	return n > 0;
}

static int plain_line(struct list *l, struct str s)
{
	struct str word;
	if (s.ptr[0] == '#' || s.ptr[0] == ';' || s.ptr[0] == '!' || !take_word(&s, &word))
		return 0;
	s = str_trim(s);
	if (s.len && s.ptr[0] != '#' && s.ptr[0] != ';')
		return bad_line(l, "more than one thing on the line");
	return add_target(l, word, l->category);
}

static bool hosts_noise(struct str name)
{
	static const char *const own[] = { "localhost", "localhost.localdomain", "local", "broadcasthost", "ip6-localhost",
		                           "ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters",
		                           "ip6-allhosts", "0.0.0.0" };
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (str_eq(name, str_from(own[i])))
			return true;
	return false;
}

static int hosts_line(struct list *l, struct str s)
{
	struct str word;
	uint8_t a[16];
	int r = 0;
	if (s.ptr[0] == '#' || !take_word(&s, &word))
		return 0;
	if (url_addr4_parse(word, a) != 1 && url_addr6_parse(word, a) < 0)
		return bad_line(l, "a hosts file's line begins with an address");
	while (r == 0 && take_word(&s, &word) && word.ptr[0] != '#') {
		const char *end = memchr(word.ptr, '#', word.len);
		if (end)
			word.len = (size_t)(end - word.ptr);
		if (!hosts_noise(word))
			r = add_name(l, word, URL_KIND_HOST, false, l->category);
		if (end)
			break;
	}
	return r;
}

/* 24.0.2.0.192.rpz-ip and 64.zz.db8.2001.rpz-ip into an address prefix. */
static bool rpz_addr(struct str s, uint8_t ret[16], unsigned *ret_len)
{
	struct str part[10], rest = s;
	size_t n = 0;
	uint64_t len, v;
	while (n < 10 && str_next(&rest, '.', &part[n]))
		n++;
	if (rest.ptr || n < 3 || !str_to_u64(part[0], 128, &len))
		return false;
	bool v4 = n == 5 && !str_eq(part[1], STR("zz")) && !str_eq(part[2], STR("zz")) && !str_eq(part[3], STR("zz"));
	char text[64] = "";
	size_t at = 0;
	for (size_t i = n - 1; i >= 1; i--) {
		if (v4 ? !str_to_u64(part[i], 255, &v) : part[i].len == 0 || part[i].len > 4)
			return false;
		bool zz = str_eq(part[i], STR("zz"));
		if (zz) /* "::", of which the part before has written one already */
			at += (size_t)snprintf(text + at, sizeof text - at, "%s", i == n - 1 ? "::" : ":");
		else
			at += (size_t)snprintf(text + at, sizeof text - at, "%.*s%s", (int)part[i].len, part[i].ptr, i > 1 ? v4 ? "." : ":" : "");
	}
	struct str t = str_from(text);
	*ret_len = (unsigned)len + (v4 ? 96 : 0);
	return *ret_len <= 128 && (v4 ? url_addr4_parse(t, ret) == 1 : url_addr6_parse(t, ret) == 0);
}

static int rpz_owner(struct list *l, struct str owner, int category)
{
	bool absolute = str_ends(owner, STR("."));
	struct str origin = str_from(l->origin);
	if (absolute)
		owner.len--;
	if (absolute && origin.len && str_case_ends(owner, origin) && owner.len > origin.len && owner.ptr[owner.len - origin.len - 1] == '.')
		owner.len -= origin.len + 1;
	if (str_case_ends(owner, STR(".rpz-ip"))) {
		unsigned len = 0;
		owner.len -= 7;
		if (!rpz_addr(owner, l->t.addr, &len) || len < 8)
			return bad_line(l, "not an address of rpz-ip");
		return add_addr(l, len, category);
	}
	if (str_case_ends(owner, STR(".rpz-client-ip")) || str_case_ends(owner, STR(".rpz-nsip")) || str_case_ends(owner, STR(".rpz-nsdname"))) {
		l->im->left_out++;
		return 0;
	}
	if (str_starts(owner, STR("*.")))
		return add_name(l, (struct str){ owner.ptr + 2, owner.len - 2 }, URL_KIND_DOMAIN, true, category);
	return add_name(l, owner, URL_KIND_HOST, false, category);
}

static void set_origin(struct list *l, struct str s)
{
	struct str word;
	if (!take_word(&s, &word))
		return;
	if (str_ends(word, STR(".")))
		word.len--;
	str_copy(word, l->origin, sizeof l->origin);
}

static bool is_ttl_or_class(struct str w)
{
	return (w.len && w.ptr[0] >= '0' && w.ptr[0] <= '9') || str_case_eq(w, STR("IN"));
}

static int rpz_line(struct list *l, struct str s)
{
	struct str owner, type, value;
	bool opens = memchr(s.ptr, '(', s.len), closes = memchr(s.ptr, ')', s.len);
	if (l->in_soa || opens) {
		l->in_soa = !closes;
		return 0;
	}
	if (s.ptr[0] == ';' || s.ptr[0] == ' ' || s.ptr[0] == '\t')
		return 0;
	take_word(&s, &owner);
	if (str_case_eq(owner, STR("$ORIGIN")))
		set_origin(l, s);
	if (owner.ptr[0] == '$' || owner.ptr[0] == '@')
		return 0;
	do {
		if (!take_word(&s, &type))
			return bad_line(l, "a record without a type");
	} while (is_ttl_or_class(type));
	take_word(&s, &value);
	if (str_case_eq(type, STR("CNAME")))
		return rpz_owner(l, owner, str_case_eq(value, STR("rpz-passthru.")) ? -1 : l->category);
	if (str_case_eq(type, STR("A")) || str_case_eq(type, STR("AAAA")))
		return rpz_owner(l, owner, l->category);
	l->im->left_out += !str_case_eq(type, STR("SOA")) && !str_case_eq(type, STR("NS"));
	return 0;
}

/* RFC 4180, but a quoted field ends with its line. */
static bool csv_field(struct str *s, struct str *ret, char *room, size_t size)
{
	if (!s->ptr)
		return false;
	*s = str_trim(*s);
	if (s->len == 0 || s->ptr[0] != '"') {
		struct str rest = *s;
		bool more = memchr(s->ptr, ',', s->len);
		if (!str_next(&rest, ',', ret))
			*ret = (struct str){ "", 0 };
		*s = more ? rest : (struct str){ NULL, 0 };
		*ret = str_trim(*ret);
		return true;
	}
	size_t i = 1, n = 0;
	for (; i < s->len; i++) {
		if (s->ptr[i] == '"' && !(i + 1 < s->len && s->ptr[i + 1] == '"'))
			break;
		i += s->ptr[i] == '"';
		if (n < size)
			room[n++] = s->ptr[i];
	}
	*ret = (struct str){ room, n };
	while (i < s->len && s->ptr[i] != ',')
		i++;
	*s = i < s->len ? (struct str){ s->ptr + i + 1, s->len - i - 1 } : (struct str){ NULL, 0 };
	return true;
}

static bool column_named(struct str f, const char *const *names)
{
	for (; *names; names++)
		if (str_case_eq(f, str_from(*names)))
			return true;
	return false;
}

/* True when the line names columns. */
static bool csv_header(struct list *l, struct str s)
{
	static const char *const targets[] = { "url", "domain", "host", "hostname", "ip", "target", "pattern", "indicator", NULL };
	static const char *const categories[] = { "category", "threat", "type", "class", NULL };
	char room[256];
	struct str f;
	int target = -1, category = -1;
	for (int i = 0; i < 64 && csv_field(&s, &f, room, sizeof room); i++) {
		if (target < 0 && column_named(f, targets))
			target = i;
		else if (category < 0 && column_named(f, categories))
			category = i;
	}
	if (target < 0)
		return false;
	l->target_column = target;
	l->category_column = category;
	return true;
}

static int csv_line(struct list *l, struct str s)
{
	char room[2][URL_PATTERN_MAX];
	struct str f, target = { NULL, 0 }, category = { NULL, 0 };
	int number = l->category;
	if (s.ptr[0] == '#') { /* the header of some is a remark */
		if (l->target_column < 0)
			csv_header(l, str_trim((struct str){ s.ptr + 1, s.len - 1 }));
		return 0;
	}
	if (l->target_column < 0) {
		if (csv_header(l, s))
			return 0;
		l->target_column = 0;
		l->category_column = 1;
	}
	for (int i = 0; i <= l->target_column || i <= l->category_column; i++) {
		bool wanted = i == l->target_column || i == l->category_column;
		if (!csv_field(&s, &f, room[i == l->target_column ? 0 : 1], URL_PATTERN_MAX))
			break;
		if (wanted)
			*(i == l->target_column ? &target : &category) = f;
	}
	if (!target.len)
		return bad_line(l, "the column of names is empty");
	if (number < 0) {
		int r = category_of(l, category, &number);
		if (r == -E_INVALID)
			return bad_line(l, "no category, or not a category's name");
		if (r < 0)
			return r;
	}
	return add_target(l, target, number);
}

static int one_line(struct list *l, struct str s)
{
	l->line++;
	l->im->lines++;
	if (s.len && s.ptr[s.len - 1] == '\r')
		s.len--;
	if (l->line == 1 && str_starts(s, STR("\xef\xbb\xbf")))
		s = (struct str){ s.ptr + 3, s.len - 3 };
	if (str_trim(s).len == 0)
		return 0;
	if (s.len > IMPORT_LINE_MAX)
		return bad_line(l, "the line is too long");
	switch (l->format) {
	case URL_FORMAT_HOSTS: return hosts_line(l, s);
	case URL_FORMAT_RPZ: return rpz_line(l, s);
	case URL_FORMAT_CSV: return csv_line(l, str_trim(s));
	default: return plain_line(l, str_trim(s));
	}
}

/* ---- which format ---- */

static enum url_format guess_line(struct str s)
{
	struct str word, first;
	uint8_t a[16];
	if (!take_word(&s, &first) || first.ptr[0] == '#' || first.ptr[0] == ';' || first.ptr[0] == '!')
		return URL_FORMAT_AUTO;
	if (first.ptr[0] == '$' || first.ptr[0] == '@')
		return URL_FORMAT_RPZ;
	bool addr = url_addr4_parse(first, a) == 1 || url_addr6_parse(first, a) == 0;
	while (take_word(&s, &word)) {
		if (addr)
			return URL_FORMAT_HOSTS;
		if (str_case_eq(word, STR("CNAME")) || str_case_eq(word, STR("SOA")))
			return URL_FORMAT_RPZ;
	}
	return memchr(first.ptr, ',', first.len) ? URL_FORMAT_CSV : URL_FORMAT_PLAIN;
}

static enum url_format guess(const char *path, struct str head)
{
	struct str line, name = str_from(path);
	if (str_case_ends(name, STR(".csv")))
		return URL_FORMAT_CSV;
	if (str_case_ends(name, STR(".rpz")) || str_case_ends(name, STR(".zone")))
		return URL_FORMAT_RPZ;
	for (int i = 0; i < 1000 && str_next(&head, '\n', &line); i++) {
		enum url_format f = guess_line(line);
		if (f != URL_FORMAT_AUTO)
			return f;
	}
	return URL_FORMAT_PLAIN;
}

/* "feeds/phishing.txt" → phishing */
static struct str stem(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strchr(name, '.');
	return (struct str){ name, dot && dot > name ? (size_t)(dot - name) : strlen(name) };
}

static int begin(struct list *l, struct str head, const char *category)
{
	struct str name = category ? str_from(category) : stem(l->path);
	if (l->format == URL_FORMAT_AUTO)
		l->format = guess(l->path, head);
	l->category = l->target_column = l->category_column = -1;
	if (!category && l->format == URL_FORMAT_CSV)
		return 0;
	int r = category_of(l, name, &l->category);
	return r == -E_INVALID ? err_set(l->err, E_INVALID, l->path, "not a category's name: " STR_FMT " (name it: CATEGORY=FILE)", STR_ARG(name)) : r;
}

static int end(struct list *l, const char *category, const unsigned char sha[32])
{
	struct url_index_source s = { .entries = l->entries };
	size_t n = strlen(l->path);
	snprintf(s.name, sizeof s.name, "%s", n < sizeof s.name ? l->path : l->path + n - (sizeof s.name - 1));
	if (category || l->category >= 0)
		url_category_name(category ? str_from(category) : stem(l->path), s.category);
	memcpy(s.sha256, sha, 32);
	l->im->entries += l->entries;
	return url_build_source(l->im->build, &s) < 0 ? err_set(l->err, E_LIMIT, l->path, "too many lists") : 0;
}

/* ---- reading ---- */

static int lines_of(struct list *l, struct str text, size_t *ret_used)
{
	int r = 0;
	size_t at = 0;
	while (r == 0 && at < text.len) {
		const char *nl = memchr(text.ptr + at, '\n', text.len - at);
		if (!nl)
			break;
		r = one_line(l, (struct str){ text.ptr + at, (size_t)(nl - text.ptr) - at });
		at = (size_t)(nl - text.ptr) + 1;
	}
	*ret_used = at;
	return r;
}

int url_import_text(struct url_import *im, const char *name, struct str text, enum url_format format, const char *category,
                    struct err *err)
{
	struct list l = { .im = im, .path = name, .format = format, .err = err };
	static const unsigned char none[32];
	size_t used = 0;
	int r = begin(&l, text, category);
	r = r < 0 ? r : lines_of(&l, text, &used);
	if (r == 0 && used < text.len)
		r = one_line(&l, (struct str){ text.ptr + used, text.len - used });
	return r < 0 ? r : end(&l, category, none);
}

/* All of the file, a chunk at a time; what follows the last newline is carried over. A line longer than the chunk is
 * refused with the file: no list has one. */
static int read_lines(struct list *l, FILE *f, char *room, EVP_MD_CTX *md, const char *category)
{
	size_t have = 0, used = 0;
	bool begun = false;
	for (;;) {
		size_t n = fread(room + have, 1, CHUNK - have, f);
		EVP_DigestUpdate(md, room + have, n);
		have += n;
		int r = begun ? 0 : begin(l, (struct str){ room, have }, category);
		begun = true;
		r = r < 0 ? r : lines_of(l, (struct str){ room, have }, &used);
		if (r < 0)
			return r;
		memmove(room, room + used, have - used);
		have -= used;
		if (have == CHUNK)
			return err_set(l->err, E_INVALID, l->path, "line %llu has no end", (unsigned long long)l->line + 1);
		if (n == 0)
			break;
	}
	if (ferror(f))
		return err_errno(l->err, l->path, "can't read");
	return have ? one_line(l, (struct str){ room, have }) : 0;
}

static int import_file(struct url_import *im, const char *path, enum url_format format, const char *category, struct err *err)
{
	struct list *l = mem_alloc(sizeof *l);
	char *room = mem_alloc(CHUNK);
	FILE *f = fopen(path, "re");
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sha[32];
	int r = !f ? err_errno(err, path, "can't open") : !l || !room || !md ? err_set(err, E_NOMEM, path, "no memory") : 0;
	if (r == 0) {
		*l = (struct list){ .im = im, .path = path, .format = format, .err = err };
		EVP_DigestInit_ex(md, EVP_sha256(), NULL);
		r = read_lines(l, f, room, md, category);
		EVP_DigestFinal_ex(md, sha, NULL);
	}
	r = r < 0 ? r : end(l, category, sha);
	EVP_MD_CTX_free(md);
	if (f)
		fclose(f);
	mem_free(room);
	mem_free(l);
	return r;
}

struct directory {
	struct url_import *im;
	const char *path, *category;
	struct err *err;
	unsigned files;
};

static int ut1_category(const char *name, void *user)
{
	struct directory *d = user;
	static const char *const files[] = { "domains", "urls" };
	char path[4096];
	struct stat st;
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof path, "%s/%s/%s", d->path, name, files[i]);
		if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		d->files++;
		r = import_file(d->im, path, URL_FORMAT_PLAIN, d->category ? d->category : name, d->err);
	}
	return r;
}

int url_import_list(struct url_import *im, const char *path, enum url_format format, const char *category, struct err *err)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return err_errno(err, path, "can't read");
	if (!S_ISDIR(st.st_mode) && format != URL_FORMAT_UT1)
		return import_file(im, path, format, category, err);
	struct directory d = { .im = im, .path = path, .category = category, .err = err };
	int r = fs_list(path, ut1_category, &d, err);
	if (r == 0 && d.files == 0)
		return err_set(err, E_INVALID, path, "no CATEGORY/domains or CATEGORY/urls in this directory");
	return r;
}
