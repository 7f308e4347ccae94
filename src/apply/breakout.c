/* See breakout.h. */
#include "apply/breakout.h"

#include "apply/feeds.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <arpa/inet.h>
#include <stdio.h>

#define LISTS_MAX 50

int breakout_parse(struct str bin, int (*fn)(unsigned number, const char *hex, void *user), void *user, struct err *err)
{
	struct rd rd = rd_from(bin.ptr, bin.len);
	unsigned n = rd_u16(&rd);
	int r = 0;
	bool ok = n <= LISTS_MAX;
	for (unsigned i = 0; i < n && ok && !rd.bad && r == 0; i++) {
		char hex[65] = { 0 };
		unsigned number = rd_u16(&rd);
		rd_bytes(&rd, hex, sizeof hex);
		ok = !rd.bad && number > 0 && strnlen(hex, sizeof hex) == 64 && strspn(hex, "0123456789abcdef") == 64;
		if (ok)
			r = fn(number, hex, user);
	}
	if (r < 0)
		return r;
	return rd_end(&rd) < 0 || !ok ? err_set(err, E_CORRUPT, "nft/breakout.bin", "malformed") : 0;
}

struct fill {
	struct buf *nft;
	struct err *err;
};

static void put_set(struct buf *b, unsigned number, const struct feed *f, uint8_t family)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct prefix *p = &f->list[i];
		char text[INET6_ADDRSTRLEN];
		if (p->family != family)
			continue;
		inet_ntop(family == 4 ? AF_INET : AF_INET6, p->addr, text, sizeof text);
		if (n++ == 0)
			buf_printf(b, "add element inet toride saas%u_%u { ", number, family);
		else
			buf_puts(b, ", ");
		buf_printf(b, "%s/%u", text, p->len);
	}
	if (n)
		buf_puts(b, " }\n");
}

static int fill(unsigned number, const char *hex, void *user)
{
	struct fill *t = user;
	struct feed_ref ref = { 0 };
	struct feed f = { 0 };
	snprintf(ref.name, sizeof ref.name, "breakout-%u", number);
	snprintf(ref.hex, sizeof ref.hex, "%s", hex);
	int r = feed_load(&ref, &f, t->err);
	if (r == 0 && f.n > BREAKOUT_MAX)
		r = err_set(t->err, E_LIMIT, ref.name, "the list has %zu entries: %u at most for a breakout", f.n, BREAKOUT_MAX);
	for (uint8_t family = 4; r == 0 && family <= 6; family += 2)
		put_set(t->nft, number, &f, family);
	feed_done(&f);
	return r;
}

int breakout_elements(const struct gen *g, struct buf *nft, struct err *err)
{
	struct buf bin;
	struct fill t = { nft, err };
	if (!gen_find(g, "nft/breakout.bin"))
		return 0;
	buf_init(&bin, 64 * KIB);
	int r = gen_read(g, "nft/breakout.bin", &bin, err);
	r = r < 0 ? r : breakout_parse(buf_view(&bin), fill, &t, err);
	buf_done(&bin);
	return r;
}
