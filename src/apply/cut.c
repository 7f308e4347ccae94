/* See cut.h. Between the plan (what closes?) and the kernel's flow table. */
#include "apply/cut.h"

#include "apply/child.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#define RULES_MAX (256u * MIB)

static yyjson_val *rules_of(yyjson_doc *doc)
{
	yyjson_val *root = yyjson_doc_get_root(doc);
	return yyjson_is_arr(root) ? root : yyjson_obj_get(root, "rules");
}

/* A rule that speaks of an organisation's flows: it has a zone. */
static bool has_flows(yyjson_val *rule)
{
	return yyjson_get_uint(yyjson_obj_get(rule, "zone")) != 0;
}

static bool allows(yyjson_val *rule)
{
	return yyjson_equals_str(yyjson_obj_get(rule, "action"), "allow");
}

/* The set of rules by all their facts. */
static int index_rules(yyjson_val *rules, struct map *m, struct err *err)
{
	size_t i, max;
	yyjson_val *rule;
	map_init(m, 2000000);
	yyjson_arr_foreach(rules, i, max, rule) {
		size_t n;
		char *key = has_flows(rule) ? yyjson_val_write(rule, 0, &n) : NULL;
		if (!has_flows(rule))
			continue;
		int r = key ? map_put(m, (struct str){ key, n }, rule) : -E_NOMEM;
		free(key); /* yyjson's own allocation */
		if (r < 0)
			return err_set(err, (enum err_code)-r, "nft/rules.json", "too many rules");
	}
	return 0;
}

static bool put_prefix(struct buf *b, yyjson_val *v, unsigned family)
{
	char text[64];
	unsigned char addr[16] = { 0 };
	uint64_t len = family == 4 ? 32 : 128;
	struct str rest = { yyjson_get_str(v), yyjson_get_len(v) }, head;
	if (v && (!rest.ptr || !str_next(&rest, '/', &head) || !str_copy(head, text, sizeof text) ||
	          inet_pton(family == 4 ? AF_INET : AF_INET6, text, addr) != 1 || (rest.len && !str_to_u64(rest, len, &len))))
		return false;
	wr_u8(b, v ? (uint8_t)len : 0);
	buf_put(b, addr, 16);
	return true;
}

static void put_cut(struct buf *b, yyjson_val *rule, yyjson_val *from, yyjson_val *to, uint32_t *n)
{
	size_t at = b->len;
	unsigned family = (unsigned)yyjson_get_uint(yyjson_obj_get(rule, "family"));
	wr_u16(b, (uint16_t)yyjson_get_uint(yyjson_obj_get(rule, "zone")));
	wr_u8(b, (uint8_t)family);
	wr_u8(b, (uint8_t)yyjson_get_uint(yyjson_obj_get(rule, "protocol")));
	wr_u16(b, (uint16_t)yyjson_get_uint(yyjson_obj_get(rule, "port_low")));
	wr_u16(b, (uint16_t)yyjson_get_uint(yyjson_obj_get(rule, "port_high")));
	if (put_prefix(b, from, family) && put_prefix(b, to, family)) {
		wr_u8(b, yyjson_is_true(yyjson_obj_get(rule, "answers")));
		++*n;
	} else {
		b->len = at; /* a prefix of the other family says nothing here */
	}
}

/* Each pair of the rule's prefixes; of the whole zone when there would be too many. */
static void put_cuts(struct buf *b, yyjson_val *rule, uint32_t *n)
{
	yyjson_val *from = yyjson_obj_get(rule, "from"), *to = yyjson_obj_get(rule, "to");
	size_t nf = yyjson_arr_size(from), nt = yyjson_arr_size(to);
	if (*n + (nf ? nf : 1) * (nt ? nt : 1) > CUT_MAX - 1024) {
		if (*n < CUT_MAX)
			put_cut(b, rule, NULL, NULL, n);
		return;
	}
	for (size_t i = 0; i < (nf ? nf : 1); i++)
		for (size_t k = 0; k < (nt ? nt : 1); k++)
			put_cut(b, rule, nf ? yyjson_arr_get(from, i) : NULL, nt ? yyjson_arr_get(to, k) : NULL, n);
}

/* Rules of `a` that `b` lacks: which of allow and deny, and the cuts for those of `cut_allow`'s kind. */
static void lacking(const struct map *a, const struct map *b, bool cut_allow, bool *ret_allow, bool *ret_deny,
                    struct buf *out, uint32_t *n)
{
	struct str key;
	void *rule;
	for (size_t i = 0; map_next(a, &i, &key, &rule);) {
		if (map_get(b, key))
			continue;
		*(allows(rule) ? ret_allow : ret_deny) = true;
		if (allows(rule) == cut_allow)
			put_cuts(out, rule, n);
	}
}

int cuts_diff(struct str old_rules, struct str new_rules, struct buf *out, struct err *err)
{
	yyjson_doc *old = old_rules.len ? yyjson_read(old_rules.ptr, old_rules.len, 0) : NULL;
	yyjson_doc *new = new_rules.len ? yyjson_read(new_rules.ptr, new_rules.len, 0) : NULL;
	struct map was = { 0 }, is = { 0 };
	struct buf list;
	uint32_t n = 0;
	bool allow_gone = false, deny_gone = false, allow_new = false, deny_new = false;
	buf_init(&list, RULES_MAX);
	int r = (old_rules.len && !old) || (new_rules.len && !new) ? err_set(err, E_CORRUPT, "nft/rules.json", "not JSON") : 0;
	if (r == 0)
		r = index_rules(rules_of(old), &was, err);
	if (r == 0)
		r = index_rules(rules_of(new), &is, err);
	if (r == 0) {
		lacking(&was, &is, true, &allow_gone, &deny_gone, &list, &n);
		lacking(&is, &was, false, &allow_new, &deny_new, &list, &n);
		wr_u8(out, allow_new || deny_gone);
		wr_u8(out, allow_gone || deny_new);
		wr_u32(out, n);
		buf_str(out, buf_view(&list));
		r = out->failed || list.failed ? err_set(err, E_NOMEM, "nft/rules.json", "no memory") : 0;
	}
	map_done(&was);
	map_done(&is);
	buf_done(&list);
	yyjson_doc_free(old);
	yyjson_doc_free(new);
	return r;
}

int cuts_parse(struct str data, struct cuts *ret, struct err *err)
{
	struct rd r = rd_from(data.ptr, data.len);
	struct cuts c = { .opens = rd_u8(&r) == 1, .closes = rd_u8(&r) == 1 };
	uint32_t n = rd_u32(&r);
	if (r.bad || n > CUT_MAX)
		return err_set(err, E_INVALID, "cut", "the child's answer is malformed");
	c.list = mem_array(n ? n : 1, sizeof *c.list);
	if (!c.list)
		return err_set(err, E_NOMEM, "cut", "no memory");
	for (; c.n < n; c.n++) {
		struct cut *k = &c.list[c.n];
		k->zone = rd_u16(&r);
		k->family = rd_u8(&r);
		k->protocol = rd_u8(&r);
		k->low = rd_u16(&r);
		k->high = rd_u16(&r);
		k->from_len = rd_u8(&r);
		rd_bytes(&r, k->from, 16);
		k->to_len = rd_u8(&r);
		rd_bytes(&r, k->to, 16);
		k->answers = rd_u8(&r) == 1;
		uint8_t full = k->family == 4 ? 32 : 128;
		if ((k->family != 4 && k->family != 6) || k->zone == 0 || k->from_len > full || k->to_len > full)
			r.bad = true;
	}
	if (rd_end(&r) < 0) {
		cuts_done(&c);
		return err_set(err, E_INVALID, "cut", "the child's answer is malformed");
	}
	*ret = c;
	return 0;
}

void cuts_done(struct cuts *c)
{
	mem_free(c->list);
	*c = (struct cuts){ 0 };
}

struct both {
	struct buf old, new;
};

static int diff_in_child(void *arg, struct buf *out, struct err *err)
{
	struct both *b = arg;
	return cuts_diff(buf_view(&b->old), buf_view(&b->new), out, err);
}

int cuts_read(const struct gen *from, const struct gen *to, struct cuts *ret, struct err *err)
{
	struct both b;
	struct buf out;
	buf_init(&b.old, RULES_MAX);
	buf_init(&b.new, RULES_MAX);
	buf_init(&out, MIB);
	int r = gen_find(from, "nft/rules.json") ? gen_read(from, "nft/rules.json", &b.old, err) : 0;
	if (r == 0 && gen_find(to, "nft/rules.json"))
		r = gen_read(to, "nft/rules.json", &b.new, err);
	if (r == 0)
		r = child_call(0, diff_in_child, &b, 30000, &out, err);
	if (r == 0)
		r = cuts_parse(buf_view(&out), ret, err);
	buf_done(&b.old);
	buf_done(&b.new);
	buf_done(&out);
	return r;
}

/* conntrack(8) knows single ports only: a wide range cuts the protocol's flows of the pair, which is more than needed
 * but never less. Exit code 1 means that there was no such flow. */
#define PORTS_MAX 16

static int delete_flows(const struct env *e, const struct cut *c, unsigned port, struct err *err)
{
	char zone[8], from[64], to[64], ports[8], addr[INET6_ADDRSTRLEN];
	const char *argv[20] = { "conntrack", "-D", "-f", c->family == 4 ? "ipv4" : "ipv6" };
	int n = 4, status = 0, af = c->family == 4 ? AF_INET : AF_INET6;
	struct buf out;
	if (c->zone) {
		snprintf(zone, sizeof zone, "%u", c->zone);
		argv[n++] = "-w";
		argv[n++] = zone;
	}
	if (c->protocol) {
		argv[n++] = "-p";
		argv[n++] = c->protocol == IPPROTO_TCP ? "tcp" : c->protocol == IPPROTO_UDP ? "udp" :
		            c->family == 4 ? "icmp" : "icmpv6";
	}
	if (port) {
		snprintf(ports, sizeof ports, "%u", port);
		argv[n++] = c->answers ? "--reply-port-src" : "--dport";
		argv[n++] = ports;
	}
	if (c->from_len) {
		snprintf(from, sizeof from, "%s/%u", inet_ntop(af, c->from, addr, sizeof addr), c->from_len);
		argv[n++] = "-s";
		argv[n++] = from;
	}
	if (c->to_len) {
		snprintf(to, sizeof to, "%s/%u", inet_ntop(af, c->to, addr, sizeof addr), c->to_len);
		argv[n++] = c->answers ? "-r" : "-d";
		argv[n++] = to;
	}
	buf_init(&out, MIB);
	int r = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 20000, .out = &out, .ret_status = &status }, err);
	if (r == 0 && status > 1)
		r = err_set(err, E_IO, "conntrack", "exit code %d: %.300s", status, buf_cstr(&out));
	buf_done(&out);
	return r;
}

int cut_run(const struct env *e, const struct cut *c, struct err *err)
{
	bool ported = c->low && (c->protocol == IPPROTO_TCP || c->protocol == IPPROTO_UDP) && c->high >= c->low &&
	              c->high - c->low < PORTS_MAX;
	if (!ported)
		return delete_flows(e, c, 0, err);
	int r = 0;
	for (unsigned p = c->low; p <= c->high && r == 0; p++)
		r = delete_flows(e, c, p, err);
	return r;
}
