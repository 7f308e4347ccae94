/* Bandwidth: what each organisation is promised of a line, what it may use of it for long and for a moment, inbound and
 * outbound each by itself.
 *
 * shape/keys         one object a line: what<TAB>which<TAB>how, a parent before its children (apply/shape.c reads it)
 * shape/inbound.nft  table netdev toride_shape: what a line brings is sent through its toride-inN, where it can queue
 *
 * One htb tree a line and direction:
 *
 *   1:ffff  the line (LINE_GIVEN percent of it)
 *     1:fffe  the node's own traffic, and what nobody owns
 *     1:8000+INDEX  a body for long: rate guaranteed, ceil ceiling, its credit lets burst_s seconds of the burst through
 *       1:INDEX       a body at once: rate guaranteed, ceil burst
 *     1:C000+INDEX  what it sends by the breakout (nft_breakout.c) for long, on each line: guaranteed on the breakout's own
 *       1:4000+INDEX  … at once
 *
 * Why two levels: htb's ceil is one bucket, and a bucket deep enough for ten seconds lets all of it pass at the line's
 * speed. The inner class holds the deep bucket, the leaf in it holds the speed. What is guaranteed is served before
 * anything borrowed (htb serves green classes first), so a burst costs nobody else what he was promised; what is left is
 * shared by promise (quantum). A packet's class is its priority, set by the packet filter from its mark (outbound,
 * nft.c) or from its address (inbound, here): no classifier of tc's, of which kernels have different ones.
 *
 * Sources: tc-htb(8); M. Devera, HTB theory (2002). Rows M-003 M-006. */
#include "compile/emit.h"

#include "base/mem.h"

#include <stdio.h>

#define CLASS_LINE 0xffffu
#define CLASS_NODE 0xfffeu
#define CLASS_LONG 0x8000u

struct tree {
	struct buf *b;
	char dev[16];
	uint64_t line_kbit; /* what is given out */
	uint64_t promised_kbit, promisable_kbit;
};

/* Two milliseconds at that rate, and ten full packets at least: less would cost speed, more would show as jitter. */
static uint64_t bucket(uint64_t kbit)
{
	return kbit / 4 > 15140 ? kbit / 4 : 15140;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void put_class(const struct tree *t, unsigned id, unsigned parent, uint64_t rate, uint64_t ceil, uint64_t credit)
{
	uint64_t quantum = rate / 5; /* bytes, by promise: 2,000 for 10 Mbps */
	buf_printf(t->b, "class\tdev %s classid 1:%x\tparent 1:", t->dev, id);
	if (parent)
		buf_printf(t->b, "%x", parent);
	buf_printf(t->b, " htb rate %llukbit ceil %llukbit burst %llu cburst %llu quantum %llu\n", (unsigned long long)rate,
	           (unsigned long long)ceil, (unsigned long long)bucket(rate), (unsigned long long)(credit > bucket(ceil) ? credit : bucket(ceil)),
	           (unsigned long long)(quantum < 1514 ? 1514 : quantum > 200000 ? 200000 : quantum));
}

/* How much may stand in a leaf: 50 ms of its burst, two of the largest packets a card merges at least. */
static void put_leaf(const struct tree *t, unsigned id, uint64_t kbit)
{
	uint64_t bytes = kbit * 50 / 8;
	buf_printf(t->b, "leaf\tdev %s parent 1:%x\t%llu\n", t->dev, id,
	           (unsigned long long)(bytes < 128 * KIB ? 128 * KIB : bytes > 8 * MIB ? 8 * MIB : bytes));
}

/* Bytes above the ceiling that burst_s seconds of the burst are. The kernel keeps a bucket as a time at the ceiling in
 * 32 bits of 64 ns: 250 s at most. */
static uint64_t burst_credit(uint64_t ceiling, uint64_t burst, uint32_t seconds)
{
	return least((burst - ceiling) * 125 * seconds, least(ceiling * 125 * 250, 4000000000u));
}

struct share {
	uint64_t rate_kbit; /* guaranteed */
	uint32_t ceiling_mbps, burst_mbps, burst_s;
};

static void put_share(const struct tree *t, unsigned id, const struct share *s)
{
	uint64_t rate = s->rate_kbit ? s->rate_kbit : 1, ceiling = least((uint64_t)s->ceiling_mbps * 1000, t->line_kbit),
		 burst = least((uint64_t)s->burst_mbps * 1000, t->line_kbit);
	ceiling = ceiling > rate ? ceiling : rate;
	burst = burst > ceiling ? burst : ceiling;
	put_class(t, CLASS_LONG | id, CLASS_LINE, rate, ceiling, burst_credit(ceiling, burst, s->burst_s));
	put_class(t, id, CLASS_LONG | id, rate, burst, 0);
	put_leaf(t, id, burst);
}

static void put_org(const struct tree *t, const struct org *o)
{
	uint64_t rate = (uint64_t)o->guaranteed_mbps * 1000;
	if (t->promised_kbit > t->promisable_kbit) /* a spare line smaller than the first: to each the same share */
		rate = rate * t->promisable_kbit / t->promised_kbit;
	put_share(t, o->index, &(struct share){ rate, o->ceiling_mbps, o->burst_mbps, o->burst_s });
}

/* Nothing is promised of the other lines, which it uses while its own doesn't work: it gets what the others leave. */
static void put_breakout(const struct tree *t, const struct org *o, bool own_line)
{
	const struct org_breakout *k = &o->breakout;
	if (k->n_services)
		put_share(t, o->index | CLASS_BREAKOUT,
		          &(struct share){ own_line ? (uint64_t)k->guaranteed_mbps * 1000 : 1, k->ceiling_mbps, k->burst_mbps, k->burst_s });
}

static void put_tree(struct buf *b, const struct model *m, const struct uplink *u, const char *dev, uint32_t mbps)
{
	bool own_line = u == breakout_line(&m->service);
	uint64_t broken_out = 0;
	struct tree t = { .b = b, .line_kbit = (uint64_t)mbps * 10 * LINE_GIVEN, .promisable_kbit = (uint64_t)mbps * 10 * LINE_ORGS };
	str_copy(str_from(dev), t.dev, sizeof t.dev);
	for (size_t i = 0; i < m->n_orgs; i++)
		t.promised_kbit += (uint64_t)m->orgs[i].guaranteed_mbps * 1000;
	for (size_t i = 0; own_line && i < m->n_orgs; i++)
		broken_out += m->orgs[i].breakout.n_services ? (uint64_t)m->orgs[i].breakout.guaranteed_mbps * 1000 : 0;
	t.promisable_kbit -= least(broken_out, t.promisable_kbit);
	buf_printf(b, "qdisc\tdev %s root\thandle 1: htb default %x r2q 1000\n", dev, CLASS_NODE);
	put_class(&t, CLASS_LINE, 0, t.line_kbit, t.line_kbit, 0);
	put_class(&t, CLASS_NODE, CLASS_LINE, (uint64_t)mbps * 10 * LINE_NODE, t.line_kbit, 0);
	put_leaf(&t, CLASS_NODE, t.line_kbit);
	for (size_t i = 0; i < m->n_orgs; i++) {
		put_org(&t, &m->orgs[i]);
		put_breakout(&t, &m->orgs[i], own_line);
	}
}

static bool of_breakout(const struct org *o, const struct prefix *p)
{
	return memcmp(p, &o->breakout.global4, sizeof *p) == 0 || memcmp(p, &o->breakout.global6, sizeof *p) == 0;
}

static void put_class_map(struct buf *b, const struct model *m, int family)
{
	char text[PREFIX_TEXT];
	size_t n = 0;
	buf_printf(b, " map class%d { type %s : classid;", family, family == 4 ? "ipv4_addr" : "ipv6_addr");
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		for (size_t k = 0; k < o->n_publics; k++)
			if (o->publics[k].family == family)
				buf_printf(b, "%s%s : 1:%x", n++ ? ",\n    " : "\n  elements = {\n    ", prefix_format_addr(&o->publics[k], text),
				           o->index | (of_breakout(o, &o->publics[k]) ? CLASS_BREAKOUT : 0));
	}
	buf_puts(b, n ? "\n  }\n }\n" : " }\n");
}

static void put_inbound(struct buf *b, const struct model *m)
{
	buf_puts(b, "table netdev toride_shape\ndelete table netdev toride_shape\ntable netdev toride_shape {\n");
	put_class_map(b, m, 4);
	put_class_map(b, m, 6);
	for (size_t i = 0; i < m->service.n_uplinks; i++) {
		const struct uplink *u = &m->service.uplinks[i];
		buf_printf(b, " chain in%u { type filter hook ingress device \"%s\" priority filter; policy accept;\n", u->priority, u->interface);
		buf_puts(b, "  meta priority set ip daddr map @class4\n  meta priority set ip6 daddr map @class6\n");
		buf_printf(b, "  fwd to \"" SHAPE_IN "%u\"\n }\n", u->priority);
	}
	buf_puts(b, "}\n");
}

int compile_shape(const struct model *m, struct outset *out, struct err *err)
{
	struct buf keys, inbound;
	buf_init(&keys, 64 * MIB);
	buf_init(&inbound, 16 * MIB);
	for (size_t i = 0; i < m->service.n_uplinks; i++) {
		const struct uplink *u = &m->service.uplinks[i];
		char dev[16];
		snprintf(dev, sizeof dev, SHAPE_IN "%u", u->priority);
		buf_printf(&keys, "ifb\t%s\t\n", dev);
		put_tree(&keys, m, u, dev, u->in_mbps);
		put_tree(&keys, m, u, u->interface, u->out_mbps);
	}
	put_inbound(&inbound, m);
	int r = emit(out, "shape/keys", &keys, err), r2 = emit(out, "shape/inbound.nft", &inbound, err);
	return r < 0 ? r : r2;
}
