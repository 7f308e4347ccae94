/* See announce.h. */
#include "apply/announce.h"

#include "apply/engine.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>

struct flow {
	struct network to, from;  /* from.family 0: any */
	uint8_t protocol;         /* 0: any */
	uint16_t port, from_port; /* 0: any; only of TCP and UDP */
};

static bool host(const struct network *n)
{
	return n->len == (n->family == 4 ? 32 : 128);
}

static bool is_host(const char *text, struct network *ret)
{
	return !strchr(text, '/') && network_parse(text, ret) && host(ret);
}

/* ---- "to A from B udp port 53" */

static bool word_network(struct str *rest, struct network *ret)
{
	char text[NETWORK_TEXT];
	struct str word = { "", 0 };
	return str_next(rest, ' ', &word) && str_copy(word, text, sizeof text) && network_parse(text, ret);
}

static bool word_port(struct str *rest, uint16_t *ret)
{
	uint64_t v = 0;
	struct str word = { "", 0 };
	if (*ret || !str_next(rest, ' ', &word) || !str_to_u64(word, 65535, &v) || v == 0)
		return false;
	*ret = (uint16_t)v;
	return true;
}

static bool word_protocol(struct str word, struct flow *f)
{
	uint8_t p = str_eq(word, STR("tcp")) ? IPPROTO_TCP : str_eq(word, STR("udp")) ? IPPROTO_UDP : str_eq(word, STR("icmp")) ? IPPROTO_ICMP : 0;
	if (p == 0 || f->protocol)
		return false;
	f->protocol = p;
	return true;
}

static bool flow_parse(const char *text, struct flow *ret)
{
	struct flow f = { 0 };
	struct str rest = str_from(text), word;
	bool ok = true;
	while (ok && rest.len) {
		str_next(&rest, ' ', &word);
		if (str_eq(word, STR("to")))
			ok = !f.to.family && word_network(&rest, &f.to);
		else if (str_eq(word, STR("from")))
			ok = !f.from.family && word_network(&rest, &f.from);
		else if (str_eq(word, STR("port")))
			ok = word_port(&rest, &f.port);
		else if (str_eq(word, STR("from-port")))
			ok = word_port(&rest, &f.from_port);
		else
			ok = word_protocol(word, &f);
	}
	if (!ok || !f.to.family || !host(&f.to) || (f.from.family && f.from.family != f.to.family))
		return false;
	if ((f.port || f.from_port) && f.protocol != IPPROTO_TCP && f.protocol != IPPROTO_UDP)
		return false;
	if (!f.from.family && !f.protocol)
		return false; /* all packets to it: that is a blackhole */
	if (f.protocol == IPPROTO_ICMP && f.to.family == 6)
		f.protocol = IPPROTO_ICMPV6;
	*ret = f;
	return true;
}

/* ---- may it be announced */

static bool may(const struct zones *z, const char *org, const struct network *n)
{
	const struct zone *own = zones_find(z, org);
	for (size_t i = 0; own && i < z->n_announced; i++)
		if (z->announced[i].index == own->index && z->announced[i].net.family == n->family && memcmp(z->announced[i].net.addr, n->addr, sizeof n->addr) == 0)
			return true;
	return false;
}

static bool target(const struct block *k, struct flow *ret)
{
	*ret = (struct flow){ .protocol = 0 };
	return k->kind == BLOCK_FLOW ? flow_parse(k->value, ret) : is_host(k->value, &ret->to);
}

int announce_check(const struct block *k, const struct zones *z, int64_t now_ms, struct err *err)
{
	struct flow f;
	if (!z->upstream)
		return err_set(err, E_STATE, k->value, "the description names no upstream that takes announcements");
	if (!target(k, &f))
		return err_set(err, E_INVALID, k->value, k->kind == BLOCK_FLOW ? "not \"to ADDRESS [from NETWORK] [tcp|udp|icmp] [port N] [from-port N]\""
		                                                               : "not one address");
	if (k->expires_ms > now_ms + ANNOUNCE_MAX_MS)
		return err_set(err, E_DENIED, k->value, "an announcement lasts 24 hours at most");
	if (!may(z, k->org, &f.to))
		return err_set(err, E_DENIED, k->value, "isn't an address of the organisation's that may be announced");
	return 0;
}

/* ---- routes */

static void hole(struct buf *b, const struct network *n)
{
	char text[NETWORK_TEXT];
	buf_printf(b, "route %s/%u blackhole { bgp_community.add((65535,666)); bgp_community.add((65535,65281)); };\n", network_format(n, text),
	           n->len);
}

static void part(struct buf *b, const char *what, const struct network *n)
{
	char text[NETWORK_TEXT];
	buf_printf(b, " %s %s", what, network_format(n, text));
	if (host(n))
		buf_printf(b, "/%u", n->len);
	buf_putc(b, ';');
}

static void flow(struct buf *b, const struct flow *f)
{
	buf_printf(b, "route flow%u {", f->to.family);
	part(b, "dst", &f->to);
	if (f->from.family)
		part(b, "src", &f->from);
	if (f->protocol)
		buf_printf(b, " %s %u;", f->to.family == 4 ? "proto =" : "next header =", f->protocol);
	if (f->port)
		buf_printf(b, " dport = %u;", f->port);
	if (f->from_port)
		buf_printf(b, " sport = %u;", f->from_port);
	/* traffic-rate 0 (RFC 8955, section 7.3) */
	buf_puts(b, " } { bgp_ext_community.add((generic, 0x80060000, 0x0)); };\n");
}

/* Two orders of the same are one route. */
static bool said(const struct blocks *b, size_t n, int64_t now_ms)
{
	for (size_t i = 0; i < n; i++)
		if (b->list[i].kind == b->list[n].kind && b->list[i].expires_ms > now_ms && strcmp(b->list[i].value, b->list[n].value) == 0 &&
		    strcmp(b->list[i].org, b->list[n].org) == 0)
			return true;
	return false;
}

void announce_routes(const struct blocks *b, const struct zones *z, int64_t now_ms, struct buf out[4])
{
	size_t n = 0;
	for (size_t i = 0; i < b->n && n < ANNOUNCE_ROUTES; i++) {
		const struct block *k = &b->list[i];
		struct flow f;
		if (!block_is_announced(k->kind) || k->expires_ms <= now_ms || !target(k, &f) || !may(z, k->org, &f.to) || said(b, i, now_ms))
			continue;
		n++;
		if (k->kind == BLOCK_BLACKHOLE)
			hole(&out[f.to.family == 6], &f.to);
		else
			flow(&out[2 + (f.to.family == 6)], &f);
	}
}

/* ---- files */

static int write_changed(const char *name, struct str text, bool *ret_changed, struct err *err)
{
	char path[PLACE_MAX];
	struct buf have;
	place_in_run(path, sizeof path, "bird/%s.conf", name);
	buf_init(&have, MIB);
	bool same = fs_exists(path) && fs_read(path, &have, NULL) == 0 && str_eq(buf_view(&have), text);
	buf_done(&have);
	int r = same ? 0 : fs_write(path, text, 0644, err);
	*ret_changed |= !same && r == 0;
	return r;
}

int announce_install(const struct blocks *b, const struct zones *z, struct err *err)
{
	static const char *const names[] = { "hole4", "hole6", "flow4", "flow6" };
	struct buf out[ARRAY_LEN(names)];
	bool changed = false;
	int r = 0;
	if (!z->upstream)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		buf_init(&out[i], MIB);
	announce_routes(b, z, clock_now_ms(), out);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(out); i++)
		r = out[i].failed ? err_set(err, E_NOMEM, "bird", "no memory") : write_changed(names[i], buf_view(&out[i]), &changed, err);
	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		buf_done(&out[i]);
	/* one that doesn't run reads them when it starts */
	pid_t pid = changed ? process_pid("bird") : 0;
	if (r == 0 && pid > 0 && kill(pid, SIGHUP) < 0 && errno != ESRCH)
		r = err_errno(err, "bird", "cannot be told");
	return r;
}
