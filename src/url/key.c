/* Keys of the index; see key.h. On the way of each request: no branch on secrets, no allocation. */
#include "url/key.h"

#include "url/set.h"

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(struct url_sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct url_sip *s, uint64_t w)
{
	s->v3 ^= w;
	sip_round(s);
	s->v0 ^= w;
}

void url_sip_init(struct url_sip *s, const uint64_t secret[2])
{
	*s = (struct url_sip){ secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
		               secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u };
}

/* The length stands in the first word: no two series of texts give the same words. */
void url_sip_text(struct url_sip *s, const char *p, size_t n)
{
	size_t k = n < 6 ? n : 6;
	sip_word(s, url_word(p, k) | (uint64_t)n << 48);
	for (p += k, n -= k; n; p += k, n -= k) {
		k = n < 8 ? n : 8;
		sip_word(s, url_word(p, k));
	}
}

void url_sip_host(struct url_sip *s, const struct url_target *t, size_t n_labels, struct url_sip *ret)
{
	size_t end = t->host_len;
	for (size_t i = 0; i < n_labels; i++) {
		size_t from = t->at[i];
		url_sip_text(s, t->host + from, end - from);
		if (ret)
			ret[i] = *s;
		end = from ? from - 1 : 0;
	}
}

void url_sip_port(struct url_sip *s, uint16_t port)
{
	sip_word(s, port);
}

void url_key_end(const struct url_sip *from, enum url_kind kind, struct url_key *ret)
{
	struct url_sip s = *from;
	s.v2 ^= kind;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	ret->hi = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
	s.v1 ^= 0xdd;
	sip_round(&s);
	sip_round(&s);
	ret->lo = (uint32_t)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
	ret->kind = (uint16_t)kind;
	ret->at = 0;
}

void url_key_addr(const uint64_t secret[2], const uint8_t addr[16], unsigned len, struct url_key *ret)
{
	struct url_sip s;
	uint8_t a[16] = { 0 };
	memcpy(a, addr, (len + 7) / 8);
	if (len % 8)
		a[len / 8] &= (uint8_t)(0xff00u >> (len % 8));
	url_sip_init(&s, secret);
	sip_word(&s, url_word((const char *)a, 8));
	sip_word(&s, url_word((const char *)a + 8, 8));
	sip_word(&s, len);
	url_key_end(&s, URL_KIND_ADDR, ret);
	ret->at = (uint16_t)len;
}

size_t url_path_keys(const struct url_sip *host, struct str path, struct url_key ret[URL_PATH_KEYS])
{
	struct url_sip s = *host;
	struct url_key up[URL_PATH_KEYS];
	size_t n = 0, i = 1;
	while (i < path.len && n < URL_PATH_KEYS) {
		size_t end = i;
		while (end < path.len && path.ptr[end] != '/')
			end++;
		url_sip_text(&s, path.ptr + i, end - i);
		url_key_end(&s, URL_KIND_PATH, &up[n]);
		up[n++].at = (uint16_t)end;
		i = end + 1;
	}
	for (i = 0; i < n; i++)
		ret[i] = up[n - 1 - i];
	return n;
}

size_t url_bare_labels(const struct url_target *t)
{
	return t->n_labels > 2 && memcmp(t->host, "www.", 4) == 0 ? t->n_labels - 1u : t->n_labels;
}
