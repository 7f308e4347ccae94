/* The lab's wires: namespaces, cables, addresses. One `ip -batch` makes all hosts and cables, then one a host
 * gives it its addresses. */
#include "lab/lab.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int batch(const char *netns, struct buf *b, struct err *err)
{
	const char *argv[] = { "ip", "-batch", "-", NULL, NULL, NULL };
	if (netns) {
		argv[1] = "-n";
		argv[2] = netns;
		argv[3] = "-batch";
		argv[4] = "-";
	}
	int r = b->failed ? err_set(err, E_NOMEM, "ip", "no memory")
	                  : proc_run(&(struct proc_opts){ .argv = argv, .input = buf_view(b), .timeout_ms = 60000 }, err);
	buf_done(b);
	return r;
}

static bool is_pair(const struct lab *l)
{
	return l->model->service.pair.n_nodes > 0;
}

/* Calls fn for each host name of the lab. */
static int each_host(const struct lab *l, int (*fn)(const struct lab *, const char *, void *), void *user)
{
	int r = fn(l, "inet", user);
	if (r == 0)
		r = fn(l, "gw1", user);
	if (r == 0 && is_pair(l))
		r = fn(l, "gw2", user);
	if (r == 0 && is_pair(l))
		r = fn(l, "sw", user);
	for (size_t i = 0; r == 0 && i < l->model->n_orgs; i++) {
		const struct org *o = &l->model->orgs[i];
		char host[64];
		r = fn(l, o->code, user);
		for (size_t k = 0; r == 0 && k < o->n_terminals; k++) {
			snprintf(host, sizeof host, "%s-%s", o->code, o->terminals[k].name);
			r = fn(l, host, user);
		}
		for (size_t k = 0; r == 0 && k < o->n_child_proxies; k++) {
			snprintf(host, sizeof host, "%s-proxy%zu", o->code, k + 1);
			r = fn(l, host, user);
		}
	}
	return r;
}

static int add_host(const struct lab *l, const char *host, void *user)
{
	char ns[64];
	buf_printf(user, "netns add %s\n", lab_netns(l, host, ns));
	return 0;
}

/* Both ends made in their namespaces at once, so that names never meet. */
static void cable(struct buf *b, const struct lab *l, const char *host_a, const char *dev_a, const char *host_b,
                  const char *dev_b)
{
	char a[64], c[64];
	buf_printf(b, "link add name %s netns %s type veth peer name %s netns %s\n", dev_a, lab_netns(l, host_a, a), dev_b,
	           lab_netns(l, host_b, c));
}

/* From a node to what it is connected with: a cable, or of a pair a switch between both nodes and that: bridge NAME in sw, its ports NAMEo
 * (the other side), NAME1 and NAME2 (the nodes). */
static void node_cable(struct buf *b, const struct lab *l, const char *dev, const char *name, const char *host, const char *host_dev)
{
	char port[3][16];
	if (!is_pair(l)) {
		cable(b, l, "gw1", dev, host, host_dev);
		return;
	}
	snprintf(port[0], sizeof port[0], "%.14so", name);
	snprintf(port[1], sizeof port[1], "%.14s1", name);
	snprintf(port[2], sizeof port[2], "%.14s2", name);
	cable(b, l, "sw", port[0], host, host_dev);
	cable(b, l, "sw", port[1], "gw1", dev);
	cable(b, l, "sw", port[2], "gw2", dev);
}

static void switch_of(struct buf *b, const char *name)
{
	buf_printf(b, "link add %s type bridge forward_delay 0 mcast_snooping 0\nlink set %s up\n", name, name);
	for (const char *port = "o12"; *port; port++)
		buf_printf(b, "link set %s%c master %s up\n", name, *port, name);
}

static int switch_up(const struct lab *l, struct err *err)
{
	char ns[64], name[16];
	struct buf b;
	buf_init(&b, MIB);
	for (size_t i = 0; i < l->model->service.n_uplinks; i++) {
		snprintf(name, sizeof name, "w%zu", i);
		switch_of(&b, name);
	}
	for (size_t i = 0; i < l->model->n_orgs; i++)
		switch_of(&b, l->model->orgs[i].code);
	return batch(lab_netns(l, "sw", ns), &b, err);
}

static void org_cables(struct buf *b, const struct lab *l, const struct org *o)
{
	char host[64], port[16];
	node_cable(b, l, o->interface, o->code, o->code, "eth0");
	for (size_t k = 0; k < o->n_terminals; k++) {
		snprintf(host, sizeof host, "%s-%s", o->code, o->terminals[k].name);
		snprintf(port, sizeof port, "p%zu", k);
		cable(b, l, o->code, port, host, "eth0");
	}
	for (size_t k = 0; k < o->n_child_proxies; k++) {
		snprintf(host, sizeof host, "%s-proxy%zu", o->code, k + 1);
		snprintf(port, sizeof port, "c%zu", k);
		cable(b, l, o->code, port, host, "eth0");
	}
}

/* Duplicate address detection would make each IPv6 address wait a second. */
static int quick_ipv6(const struct lab *l, const char *host, void *user)
{
	const char *argv[] = { "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0",
		               "net.ipv6.conf.default.router_solicitations=0", "net.ipv6.conf.default.keep_addr_on_down=1",
		               "net.ipv4.conf.default.ignore_routes_with_linkdown=1", "net.ipv6.conf.default.ignore_routes_with_linkdown=1", NULL };
	return lab_run_in(l, host, argv, NULL, user);
}

static const struct prefix *first_prefix(const struct org *o, int family)
{
	for (size_t i = 0; i < o->n_prefixes; i++)
		if (o->prefixes[i].family == family)
			return &o->prefixes[i];
	return NULL;
}

/* Address number n of a prefix. */
static const char *nth(const struct prefix *p, uint8_t n, char dst[PREFIX_TEXT])
{
	struct prefix a = *p;
	a.addr[p->family == 4 ? 3 : 15] = n;
	return prefix_format_addr(&a, dst);
}

/* The network an address with its length stands in. */
static struct prefix network_of(struct prefix p)
{
	for (unsigned bit = p.len; bit < (p.family == 4 ? 32u : 128u); bit++)
		p.addr[bit / 8] &= (uint8_t)~(0x80u >> (bit % 8));
	return p;
}

static int inet_addresses(const struct lab *l, struct err *err)
{
	static const int hosts[] = { 1, 2, 3, 10, 11, 12, 14, 25, 40, 50, 51, 53, 66, 67, 77, 123 };
	char ns[64], gw[PREFIX_TEXT];
	struct buf b;
	buf_init(&b, MIB);
	buf_puts(&b, "link set lo up\n");
	for (size_t i = 0; i < l->model->service.n_uplinks; i++) {
		const struct uplink *u = &l->model->service.uplinks[i];
		buf_printf(&b, "link set eth%zu up\naddr add %s/%u dev eth%zu\n", i, prefix_format_addr(&u->gateway4, gw), u->addr4.len, i);
		if (prefix_is_set(&u->gateway6))
			buf_printf(&b, "addr add %s/%u dev eth%zu nodad\n", prefix_format_addr(&u->gateway6, gw), u->addr6.len, i);
	}
	/* What a provider's routing does: the networks of a line whose cable is out are reached by another. */
	for (size_t i = 0; i < l->model->service.n_uplinks; i++)
		for (size_t k = 0; k < l->model->service.n_uplinks; k++) {
			const struct uplink *u = &l->model->service.uplinks[i];
			struct prefix n4 = network_of(u->addr4), n6 = network_of(u->addr6);
			if (k != i)
				buf_printf(&b, "route add %s dev eth%zu metric %zu\n", prefix_format(&n4, gw), k, 2000 + k);
			if (k != i && prefix_is_set(&n6))
				buf_printf(&b, "route add %s dev eth%zu metric %zu\n", prefix_format(&n6, gw), k, 2000 + k);
		}
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		buf_printf(&b, "addr add 203.0.113.%d/32 dev lo\naddr add 2001:db8:113::%d/128 dev lo nodad\n", hosts[i], hosts[i]);
	return batch(lab_netns(l, "inet", ns), &b, err);
}

/* Where the line is plugged in. */
static const char *socket_of(const struct uplink *u)
{
	return u->port[0] ? u->port : u->interface;
}

/* A real line brings packets of its own size with their checksums; a virtual cable leaves both to whoever looks next. */
static int as_on_a_wire(const struct lab *l, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < l->model->service.n_uplinks; i++) {
		char port[16];
		snprintf(port, sizeof port, "eth%zu", i);
		const char *argv[] = { "ethtool", "-K", port, "tx", "off", "tso", "off", "gso", "off", "gro", "off", NULL };
		if (l->model->service.uplinks[i].port[0])
			r = lab_run_in(l, "inet", argv, NULL, err);
	}
	return r;
}

static int node_addresses(const struct lab *l, const char *node, struct err *err)
{
	char ns[64];
	struct buf b;
	buf_init(&b, MIB);
	buf_puts(&b, "link set lo up\n");
	for (size_t i = 0; i < l->model->service.n_uplinks; i++)
		buf_printf(&b, "link set %s up\n", socket_of(&l->model->service.uplinks[i]));
	for (size_t i = 0; i < l->model->n_orgs; i++)
		buf_printf(&b, "link set %s up\n", l->model->orgs[i].interface);
	if (is_pair(l))
		buf_printf(&b, "link set %s up\n", l->model->service.pair.interface);
	return batch(lab_netns(l, node, ns), &b, err);
}

/* The servers of its public sites stand in the router's own namespace. */
static void web_addresses(struct buf *b, const struct org *o, const struct prefix *net)
{
	char text[PREFIX_TEXT];
	for (size_t i = 0; i < o->n_sites; i++)
		for (size_t k = 0; k < o->sites[i].n_origins; k++)
			if (prefix_contains(net, &o->sites[i].origins[k].addr))
				buf_printf(b, "addr replace %s/%u dev br0%s\n", prefix_format_addr(&o->sites[i].origins[k].addr, text),
				           net->family == 6 ? 64u : net->len, net->family == 6 ? " nodad" : "");
}

static int router_addresses(const struct lab *l, const struct org *o, struct err *err)
{
	const struct prefix *p4 = first_prefix(o, 4), *p6 = first_prefix(o, 6);
	const char *forward[] = { "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
		                  /* A careless router: it forwards source-routed packets, so that the node is seen to refuse them. */
		                  "net.ipv4.conf.all.accept_source_route=1", "net.ipv4.conf.default.accept_source_route=1", NULL };
	char ns[64], text[PREFIX_TEXT];
	struct prefix gw;
	struct buf b;
	buf_init(&b, MIB);
	buf_puts(&b, "link set lo up\nlink add br0 type bridge\nlink set br0 up\nlink set eth0 up\n");
	for (size_t k = 0; k < o->n_terminals; k++)
		buf_printf(&b, "link set p%zu master br0 up\n", k);
	for (size_t k = 0; k < o->n_child_proxies; k++)
		buf_printf(&b, "link set c%zu master br0 up\n", k);
	if (p4) {
		buf_printf(&b, "addr add %s/%u dev br0\n", nth(p4, 1, text), p4->len);
		buf_printf(&b, "addr add %s/24 dev eth0\n", prefix_format_addr(&o->router4, text));
		web_addresses(&b, o, p4);
		gw = o->router4;
		buf_printf(&b, "route add default via %s\n", nth(&gw, 1, text));
	}
	if (p6) {
		buf_printf(&b, "addr add %s/64 dev br0 nodad\n", nth(p6, 1, text));
		web_addresses(&b, o, p6);
		buf_printf(&b, "addr add %s/64 dev eth0 nodad\n", prefix_format_addr(&o->router6, text));
		gw = o->router6;
		buf_printf(&b, "route add default via %s\n", nth(&gw, 1, text));
	}
	int r = lab_run_in(l, o->code, forward, NULL, err);
	if (r == 0)
		return batch(lab_netns(l, o->code, ns), &b, err);
	buf_done(&b);
	return r;
}

static int lan_host(const struct lab *l, const struct org *o, const char *host, const struct prefix *addr, struct err *err)
{
	const struct prefix *p4 = first_prefix(o, 4), *p6 = first_prefix(o, 6);
	char ns[64], text[PREFIX_TEXT];
	struct buf b;
	buf_init(&b, MIB);
	buf_puts(&b, "link set lo up\nlink set eth0 up\n");
	buf_printf(&b, "addr add %s/%u dev eth0\n", prefix_format_addr(addr, text), p4 ? p4->len : 24);
	if (p4)
		buf_printf(&b, "route add default via %s\n", nth(p4, 1, text));
	if (p6) {
		buf_printf(&b, "addr add %s/64 dev eth0 nodad\n", nth(p6, addr->addr[3], text));
		buf_printf(&b, "route add default via %s\n", nth(p6, 1, text));
	}
	return batch(lab_netns(l, host, ns), &b, err);
}

static int org_addresses(const struct lab *l, const struct org *o, struct err *err)
{
	char host[64];
	int r = router_addresses(l, o, err);
	for (size_t k = 0; r == 0 && k < o->n_terminals; k++) {
		snprintf(host, sizeof host, "%s-%s", o->code, o->terminals[k].name);
		r = lan_host(l, o, host, &o->terminals[k].addr, err);
	}
	for (size_t k = 0; r == 0 && k < o->n_child_proxies; k++) {
		snprintf(host, sizeof host, "%s-proxy%zu", o->code, k + 1);
		r = lan_host(l, o, host, &o->child_proxies[k], err);
	}
	return r;
}

int lab_net_up(const struct lab *l, struct err *err)
{
	struct buf hosts, cables;
	buf_init(&hosts, MIB);
	buf_init(&cables, MIB);
	each_host(l, add_host, &hosts);
	for (size_t i = 0; i < l->model->service.n_uplinks; i++) {
		char port[16], name[16];
		snprintf(port, sizeof port, "eth%zu", i);
		snprintf(name, sizeof name, "w%zu", i);
		node_cable(&cables, l, socket_of(&l->model->service.uplinks[i]), name, "inet", port);
	}
	if (is_pair(l))
		cable(&cables, l, "gw1", l->model->service.pair.interface, "gw2", l->model->service.pair.interface);
	for (size_t i = 0; i < l->model->n_orgs; i++)
		org_cables(&cables, l, &l->model->orgs[i]);
	int r = batch(NULL, &hosts, err);
	r = r < 0 ? r : each_host(l, quick_ipv6, err);
	if (r == 0)
		r = batch(NULL, &cables, err);
	else
		buf_done(&cables);
	r = r < 0 ? r : inet_addresses(l, err);
	r = r < 0 ? r : as_on_a_wire(l, err);
	r = r < 0 || !is_pair(l) ? r : switch_up(l, err);
	r = r < 0 ? r : node_addresses(l, "gw1", err);
	r = r < 0 || !is_pair(l) ? r : node_addresses(l, "gw2", err);
	for (size_t i = 0; r == 0 && i < l->model->n_orgs; i++)
		r = org_addresses(l, &l->model->orgs[i], err);
	return r;
}

#define SWEEP_MAX 8192

struct sweep {
	const struct lab *l;
	struct buf b; /* "netns del …" */
	size_t n;
	struct net_id {
		dev_t dev;
		ino_t ino;
	} nets[SWEEP_MAX];
};

static int sweep_one(const char *name, void *user)
{
	struct sweep *s = user;
	size_t n = strlen(s->l->prefix);
	char path[300];
	struct stat st;
	if (strncmp(name, s->l->prefix, n) != 0 || name[n] != '-')
		return 0;
	snprintf(path, sizeof path, "/run/netns/%s", name);
	if (s->n == SWEEP_MAX || stat(path, &st) < 0)
		return 0;
	s->nets[s->n++] = (struct net_id){ st.st_dev, st.st_ino };
	buf_printf(&s->b, "netns del %s\n", name);
	return 0;
}

/* What still runs in one of our namespaces was started there by us. One walk through /proc: `ip netns pids` would make
 * one for each of the lab's hosts. */
static int end_inside(const char *name, void *user)
{
	const struct sweep *s = user;
	uint64_t pid;
	char path[64];
	struct stat st;
	if (!str_to_u64(str_from(name), INT32_MAX, &pid) || pid < 2 || (pid_t)pid == getpid())
		return 0;
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	if (stat(path, &st) < 0)
		return 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->nets[i].dev == st.st_dev && s->nets[i].ino == st.st_ino)
			kill((pid_t)pid, SIGKILL);
	return 0;
}

int lab_net_down(const struct lab *l, struct err *err)
{
	struct sweep *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	s->l = l;
	buf_init(&s->b, MIB);
	if (fs_exists("/run/netns"))
		fs_list("/run/netns", sweep_one, s, NULL);
	if (s->n)
		fs_list("/proc", end_inside, s, NULL);
	int r = s->n ? batch(NULL, &s->b, err) : 0;
	buf_done(&s->b);
	mem_free(s);
	return r;
}
