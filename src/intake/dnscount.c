/* See dnscount.h. */
#include "intake/dnscount.h"

#include "base/map.h"
#include "base/mem.h"
#include "wire/dns.h"

#include <stdio.h>

#define SERVERS_MAX 8

struct sum {
	const char *server;
	char zone[256], org[8]; /* "" and "service" where we have no such zone */
	uint16_t rcode;
	uint64_t count, untold, bytes;
};

struct dnscount {
	dnscount_fn tell;
	void *user;
	struct map sums;
	int64_t from_ms; /* of the window; 0: there is none */
	struct {
		const char *server;
		int64_t second;
		unsigned told;
	} servers[SERVERS_MAX];
};

struct dnscount *dnscount_create(dnscount_fn tell, void *user)
{
	struct dnscount *c = mem_alloc(sizeof *c);
	if (!c)
		return NULL;
	*c = (struct dnscount){ .tell = tell, .user = user };
	map_init(&c->sums, DNSCOUNT_MAX + SERVERS_MAX * 16);
	return c;
}

static bool may_tell(struct dnscount *c, const char *server, int64_t now_ms)
{
	size_t i = 0;
	while (i < SERVERS_MAX && c->servers[i].server && strcmp(c->servers[i].server, server) != 0)
		i++;
	if (i == SERVERS_MAX)
		return false;
	c->servers[i].server = server;
	if (c->servers[i].second != now_ms / 1000) {
		c->servers[i].second = now_ms / 1000;
		c->servers[i].told = 0;
	}
	return c->servers[i].told++ < DNSCOUNT_TOLD;
}

static struct sum *find(struct dnscount *c, const char *server, const char *zone, const char *org, uint16_t rcode)
{
	char key[320];
	snprintf(key, sizeof key, "%s %u %s", server, rcode, zone);
	struct sum *s = map_get(&c->sums, str_from(key));
	if (s)
		return s;
	if (*zone && c->sums.len >= DNSCOUNT_MAX)
		return find(c, server, "", ORGS_SERVICE, rcode);
	s = mem_alloc(sizeof *s);
	if (!s || map_put(&c->sums, str_from(key), s) < 0) {
		mem_free(s);
		return NULL;
	}
	*s = (struct sum){ .server = server, .rcode = rcode };
	snprintf(s->zone, sizeof s->zone, "%s", zone);
	snprintf(s->org, sizeof s->org, "%s", org);
	return s;
}

bool dnscount_take(struct dnscount *c, const char *server, const struct dnstap *d, const struct orgs *orgs, int64_t now_ms)
{
	struct dns_msg m;
	struct dns_record q;
	const char *zone = NULL;
	const struct orgs_one *one = NULL;
	dnscount_tick(c, now_ms);
	if (!c->from_ms)
		c->from_ms = now_ms;
	if (dns_open(d->response.len ? d->response : d->query, &m) < 0)
		return false;
	if (m.count[0] == 1 && dns_next_question(&m, &q))
		one = orgs_by_zone(orgs, q.name, &zone);
	struct sum *s = find(c, server, zone ? zone : "", one ? one->code : ORGS_SERVICE, m.flags & 15);
	bool told = may_tell(c, server, now_ms);
	if (s) {
		s->count++;
		s->untold += !told;
		s->bytes += d->response.len;
	}
	return told;
}

static void tell(struct dnscount *c, const struct sum *s, int64_t now_ms)
{
	struct buf b;
	char word[16];
	buf_init(&b, 4096);
	buf_puts(&b, "{\"class_uid\":4003");
	json_field_u64(&b, "time", (uint64_t)c->from_ms);
	json_field_s(&b, "org", s->org);
	json_field_s(&b, "product", s->server);
	buf_puts(&b, ",\"src_endpoint\":{},\"query\":{");
	if (s->zone[0])
		json_field_s(&b, "zone", s->zone);
	buf_putc(&b, '}');
	json_field_s(&b, "rcode", dns_rcode_text(s->rcode, word));
	buf_puts(&b, ",\"action\":\"Allowed\",\"disposition\":\"Allowed\"");
	json_field_u64(&b, "count", s->count);
	if (s->untold)
		json_field_u64(&b, "untold", s->untold);
	json_field_u64(&b, "duration", (uint64_t)(now_ms > c->from_ms ? now_ms - c->from_ms : 1));
	buf_printf(&b, ",\"traffic\":{\"bytes_in\":%llu}}", (unsigned long long)s->bytes);
	if (!b.failed)
		c->tell(s->org, buf_view(&b), c->user);
	buf_done(&b);
}

static void end_window(struct dnscount *c, int64_t now_ms)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(&c->sums, &i, &key, &v);) {
		tell(c, v, now_ms);
		map_del(&c->sums, key);
		mem_free(v);
	}
	c->from_ms = 0;
}

void dnscount_tick(struct dnscount *c, int64_t now_ms)
{
	if (c->from_ms && (now_ms - c->from_ms >= DNSCOUNT_WINDOW_MS || now_ms < c->from_ms))
		end_window(c, now_ms);
}

void dnscount_destroy(struct dnscount **c)
{
	if (!*c)
		return;
	end_window(*c, (*c)->from_ms);
	map_done(&(*c)->sums);
	mem_free(*c);
	*c = NULL;
}
