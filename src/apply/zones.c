/* See zones.h. Read by blocks.c, which turns "this organisation" into interface, zone and address. */
#include "apply/zones.h"

#include "base/mem.h"
#include "wire/cursor.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define ZONE_SIZE (2 + 8 + 16 + 4 + 16)
#define NEVER_SIZE 18
#define MAY_SIZE 19

static bool word_ok(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == 0;
}

static bool read_zone(struct rd *r, struct zone *z)
{
	z->index = rd_u16(r);
	rd_bytes(r, z->code, 8);
	rd_bytes(r, z->interface, 16);
	rd_bytes(r, z->global4, 4);
	rd_bytes(r, z->global6, 16);
	return z->code[7] == 0 && strlen(z->code) == 6 && word_ok(z->code) && word_ok(z->interface) && z->index;
}

static bool network_ok(const struct network *n)
{
	if ((n->family != 4 && n->family != 6) || n->len > (n->family == 4 ? 32 : 128))
		return false;
	for (unsigned bit = n->len; bit < (n->family == 4 ? 32u : 128u); bit++)
		if (n->addr[bit / 8] >> (7 - bit % 8) & 1)
			return false;
	return true;
}

int zones_parse(struct str zones, struct str never, struct zones *ret, struct err *err)
{
	struct rd r = rd_from(zones.ptr, zones.len), q = rd_from(never.ptr, never.len);
	struct zones z = { 0 };
	size_t n = zones.len / ZONE_SIZE, m = never.len / NEVER_SIZE;
	bool bad = n > ZONES_MAX || m > ZONES_MAX || zones.len % ZONE_SIZE || never.len % NEVER_SIZE;
	if (!bad) {
		z.list = mem_array(n + 1, sizeof *z.list);
		z.never = mem_array(m + 1, sizeof *z.never);
	}
	if (!bad && (!z.list || !z.never)) {
		zones_done(&z);
		return err_set(err, E_NOMEM, "nft/zones.bin", "no memory");
	}
	for (; !bad && z.n < n; z.n++)
		bad = !read_zone(&r, &z.list[z.n]);
	for (; !bad && z.n_never < m; z.n_never++) {
		struct network *k = &z.never[z.n_never];
		k->family = rd_u8(&q);
		k->len = rd_u8(&q);
		rd_bytes(&q, k->addr, 16);
		bad = k->len > (k->family == 4 ? 32 : 128);
	}
	if (bad || rd_end(&r) < 0 || rd_end(&q) < 0) {
		zones_done(&z);
		return err_set(err, E_CORRUPT, "nft/zones.bin", "zones or never-blocked networks are malformed");
	}
	*ret = z;
	return 0;
}

int zones_parse_announced(struct str may, struct zones *z, struct err *err)
{
	struct rd r = rd_from(may.ptr, may.len);
	size_t n = may.len / MAY_SIZE;
	bool bad = n > 16 * ZONES_MAX || may.len % MAY_SIZE;
	z->upstream = true;
	z->announced = bad ? NULL : mem_array(n + 1, sizeof *z->announced);
	if (!bad && !z->announced)
		return err_set(err, E_NOMEM, "bird/may.bin", "no memory");
	for (; !bad && z->n_announced < n; z->n_announced++) {
		struct announced *a = &z->announced[z->n_announced];
		a->index = rd_u16(&r);
		a->net.family = rd_u8(&r);
		a->net.len = a->net.family == 4 ? 32 : 128;
		rd_bytes(&r, a->net.addr, 16);
		bad = a->index == 0 || !network_ok(&a->net);
	}
	return bad || rd_end(&r) < 0 ? err_set(err, E_CORRUPT, "bird/may.bin", "malformed") : 0;
}

int zones_load(const struct gen *g, struct zones *ret, struct err *err)
{
	struct buf z, n, may;
	buf_init(&may, 16 * ZONES_MAX * MAY_SIZE);
	buf_init(&z, ZONES_MAX * ZONE_SIZE);
	buf_init(&n, ZONES_MAX * NEVER_SIZE);
	int r = gen_find(g, "nft/zones.bin") ? gen_read(g, "nft/zones.bin", &z, err) : 0;
	if (r == 0 && gen_find(g, "nft/never.bin"))
		r = gen_read(g, "nft/never.bin", &n, err);
	if (r == 0)
		r = zones_parse(buf_view(&z), buf_view(&n), ret, err);
	if (r == 0 && gen_find(g, "bird/may.bin")) {
		r = gen_read(g, "bird/may.bin", &may, err);
		r = r < 0 ? r : zones_parse_announced(buf_view(&may), ret, err);
		if (r < 0)
			zones_done(ret);
	}
	buf_done(&may);
	buf_done(&z);
	buf_done(&n);
	return r;
}

void zones_done(struct zones *z)
{
	mem_free(z->list);
	mem_free(z->never);
	mem_free(z->announced);
	*z = (struct zones){ 0 };
}

const struct zone *zones_find(const struct zones *z, const char *code)
{
	for (size_t i = 0; i < z->n; i++)
		if (strcmp(z->list[i].code, code) == 0)
			return &z->list[i];
	return NULL;
}

bool network_parse(const char *text, struct network *ret)
{
	struct str rest = str_from(text), head;
	struct network n = { 0 };
	char addr[INET6_ADDRSTRLEN];
	bool has_len = strchr(text, '/') != NULL;
	if (!str_next(&rest, '/', &head) || !str_copy(head, addr, sizeof addr))
		return false;
	n.family = inet_pton(AF_INET, addr, n.addr) == 1 ? 4 : inet_pton(AF_INET6, addr, n.addr) == 1 ? 6 : 0;
	uint64_t len = n.family == 4 ? 32 : 128;
	if (has_len && !str_to_u64(rest, len, &len))
		return false;
	n.len = (uint8_t)len;
	if (!network_ok(&n))
		return false;
	*ret = n;
	return true;
}

bool network_contains(const struct network *outer, const struct network *inner)
{
	if (outer->family != inner->family || outer->len > inner->len)
		return false;
	if (memcmp(outer->addr, inner->addr, outer->len / 8) != 0)
		return false;
	unsigned rest = outer->len % 8;
	return rest == 0 || (outer->addr[outer->len / 8] ^ inner->addr[outer->len / 8]) >> (8 - rest) == 0;
}

bool network_overlaps(const struct network *a, const struct network *b)
{
	return network_contains(a, b) || network_contains(b, a);
}

const char *network_format(const struct network *n, char dst[NETWORK_TEXT])
{
	char addr[INET6_ADDRSTRLEN] = "";
	inet_ntop(n->family == 4 ? AF_INET : AF_INET6, n->addr, addr, sizeof addr);
	if (n->len == (n->family == 4 ? 32 : 128))
		snprintf(dst, NETWORK_TEXT, "%s", addr);
	else
		snprintf(dst, NETWORK_TEXT, "%s/%u", addr, n->len);
	return dst;
}
