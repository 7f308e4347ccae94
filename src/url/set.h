/* Inside src/url: hosts, addresses and paths in one form, and searching a set with a condition. */
#ifndef URL_SET_H
#define URL_SET_H

#include "url/url.h"

/* Text (no brackets, lower case, no final dot) that ends in a number is an address or nothing (WHATWG URL,
 * "ends in a number checker"). 1: address in ret, 0: not an address, -E_INVALID: neither. */
int url_addr4_parse(struct str s, uint8_t ret[16]);
int url_addr6_parse(struct str s, uint8_t ret[16]); /* 0 or -E_INVALID */
void url_addr_format(const uint8_t addr[16], char dst[64]);
bool url_addr_is4(const uint8_t addr[16]);

/* The normalised path (with_query: and "?query") into dst. Bytes written, or 0 when it doesn't fit. */
size_t url_path_normalise(struct str path, bool with_query, char *dst, size_t size);

/* The loose form of a path without its query (url_loose_key() says what that is); dst has room for path.len + 1. */
size_t url_path_loose(struct str path, char *dst);

/* n ≤ 8 bytes as a number, without reading past them. */
static inline uint64_t url_word(const char *p, size_t n)
{
	uint64_t w = 0;
	uint32_t low, high;
	if (n == 8) {
		memcpy(&w, p, 8);
	} else if (n >= 4) {
		memcpy(&low, p, 4);
		memcpy(&high, p + n - 4, 4);
		w = low | (uint64_t)high << (8 * (n - 4));
	} else if (n) {
		w = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << (8 * (n / 2)) |
		    (uint64_t)(unsigned char)p[n - 1] << (8 * (n - 1));
	}
	return w;
}

/* Right-to-left hash of host suffixes, the same for all sets of a process. */
uint64_t url_suffix_hash(const char *host, size_t len);
void url_target_labels(struct url_target *t);

enum url_key_kind { KEY_HOST, KEY_URL, KEY_ADDR };
enum { CHAIN_EXACT, CHAIN_BELOW }; /* KEY_HOST: "host" and ".host"; others use the first */

struct url_pattern {
	enum url_key_kind kind;
	int chain;
	char key[64 + 256 + URL_PATTERN_MAX]; /* host · url_key_write() · 16 bytes of address and its length */
	size_t key_len;
	char host[256]; /* KEY_URL: its host, a key of its own */
};

int url_pattern_parse(struct str s, struct url_pattern *ret, struct err *err);
/* "https www.example.jp 443 /path". Bytes written, 0 when it doesn't fit. */
size_t url_key_write(char *dst, size_t size, bool https, const char *host, uint16_t port, struct str path, bool query);

typedef bool (*url_accept)(size_t index, const void *user);
bool url_set_find(const struct url_set *s, const struct url_target *t, url_accept accept, const void *user,
                  size_t *ret_index);

#endif
