/* Inside src/url: keys of the index. What is looked for is never kept as text but as 96 bits of a keyed hash: SipHash-1-3
 * over the labels of the host from the right, so that one pass over a name gives the keys of all domains above it; then
 * port and path, segment by segment. The key of the hash is random for each index: nobody outside can look for a name of
 * his own that shares a bank's entry. At ten million entries one wrong match is expected in 10^22 questions. */
#ifndef URL_KEY_H
#define URL_KEY_H

#include "url/url.h"

enum url_kind {
	URL_KIND_NONE,
	URL_KIND_HOST,   /* this very name */
	URL_KIND_DOMAIN, /* it and all below it */
	URL_KIND_PATH,   /* host, port and path: this and all below it */
	URL_KIND_QUERY,  /* exactly this, with its query */
	URL_KIND_ADDR,   /* an address prefix */
	URL_KIND_COUNT,
};

struct url_sip {
	uint64_t v0, v1, v2, v3;
};

struct url_key {
	uint64_t hi;
	uint32_t lo;
	uint16_t kind;
	uint16_t at; /* for who explains a match: offset in the host, bytes of the path, or length of the prefix */
};

#define URL_PATH_KEYS 32 /* segments of a path that are looked at; no entry has more */
#define URL_KEYS_MAX (129 + 3)

void url_sip_init(struct url_sip *s, const uint64_t secret[2]);
/* Labels of t's host from the right; ret (may be NULL) gets the state behind each, at most URL_LABELS. */
void url_sip_host(struct url_sip *s, const struct url_target *t, size_t n_labels, struct url_sip *ret);
void url_sip_port(struct url_sip *s, uint16_t port); /* 0: of entries for any port */
void url_sip_text(struct url_sip *s, const char *p, size_t n);
void url_key_end(const struct url_sip *s, enum url_kind kind, struct url_key *ret);
void url_key_addr(const uint64_t secret[2], const uint8_t addr[16], unsigned len, struct url_key *ret);
/* The keys of a normalised path (without query) below the host whose state s is, longest first: their number. */
size_t url_path_keys(const struct url_sip *s, struct str path, struct url_key ret[URL_PATH_KEYS]);
/* Labels of t that URL entries are kept under: without a "www." in front, which servers answer alike. */
size_t url_bare_labels(const struct url_target *t);

#endif
