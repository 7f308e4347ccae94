/* The hidden primary of the zones: Knot reads what the description says, signs it, and gives it to the two name servers that
 * the Internet asks (nsd.c). It listens on the node's loopback alone.
 *
 * knot/knot.conf         the server, and to whom it hands zones on
 * knot/zones.conf        which zones there are, and how they are signed (included)
 * knot/zones/NAME.zone   one a zone: a change of one body's zone is one file, and only that zone is loaded again
 * zones.json             what the name servers must say when the generation is in force (read back by apply/nsd.c)
 *
 * Signing: ECDSA P-256 with SHA-256 (RFC 6605), on CRYPTREC's list of recommended ciphers; NSEC3 without iterations or salt
 * (RFC 9276). Zone keys roll each 30 days by themselves. The key-signing key rolls each year where the zone's parents are known:
 * CDS and CDNSKEY (RFC 7344) stand in the zone, and the new key counts once every parent shows its DS.
 * The keys are made and kept by Knot in STATE/knot and are no part of a generation: an undo must not take back a key.
 * A zone file that is loaded becomes the difference to what is served and gets the time as its serial, so that going back to an
 * older generation is a step forward for the secondaries. M-019, F-04. */
#include "compile/catalog.h"
#include "compile/emit.h"

#include "base/map.h"
#include "base/mem.h"
#include "model/rdata.h"

#include <stdio.h>

/* ---- the server */

static void server(struct buf *b, const struct service *s)
{
	buf_printf(b, "server:\n    rundir: \"%s/knot\"\n    listen: [ " PRIMARY_ADDRESS "@%d ]\n    version: \"\"\n    identity: \"\"\n",
	           s->run_dir, PRIMARY_PORT);
	buf_puts(b, "    background-workers: 2\n    udp-workers: 1\n    tcp-workers: 2\n    tcp-reuseport: off\n");
	buf_printf(b, "log:\n  - target: stderr\n    any: notice\ndatabase:\n    storage: \"%s/knot\"\n    journal-db-max-size: 1G\n",
	           s->state_dir);
	buf_printf(b, "include: \"%s/knot/tsig.conf\"\n", s->run_dir); /* the TSIG key, from the vault */
}

/* Their NOTIFY goes to the address they serve at. */
static void secondaries(struct buf *b, const struct service *s)
{
	char text[PREFIX_TEXT];
	buf_puts(b, "remote:\n");
	for (size_t i = 0; i < s->n_name_servers; i++)
		buf_printf(b, "  - id: ns%zu\n    address: %s@53\n    via: " PRIMARY_ADDRESS "\n    key: " TRANSFER_KEY "\n", i + 1,
		           prefix_format_addr(&s->name_servers[i].addr4, text));
	buf_puts(b, "acl:\n  - id: transfer\n    address: [ " PRIMARY_ADDRESS);
	for (size_t i = 0; i < s->n_name_servers; i++) /* they ask from there where they tell others (nsd.c) */
		buf_printf(b, ", %s", prefix_format_addr(&s->name_servers[i].addr4, text));
	buf_puts(b, " ]\n    key: " TRANSFER_KEY "\n    action: transfer\n");
}

static bool same_parents(const struct dns_zone *a, const struct dns_zone *b)
{
	if (a->n_parents != b->n_parents)
		return false;
	for (size_t i = 0; i < a->n_parents; i++)
		if (a->parents[i].family != b->parents[i].family || memcmp(a->parents[i].addr, b->parents[i].addr, 16) != 0)
			return false;
	return true;
}

/* Zones with the same parents share a policy; it is named by the first of them. */
static size_t policy_of(const struct zone_list *l, size_t i)
{
	size_t k = 0;
	while (!same_parents(l->list[k].zone, l->list[i].zone))
		k++;
	return k;
}

static void parents(struct buf *b, const struct dns_zone *z, size_t id)
{
	char text[PREFIX_TEXT];
	buf_printf(b, "remote:\n  - id: parents%zu\n    address: [", id);
	for (size_t i = 0; i < z->n_parents; i++)
		buf_printf(b, "%s %s@53", i ? "," : "", prefix_format_addr(&z->parents[i], text));
	buf_printf(b, " ]\nsubmission:\n  - id: parents%zu\n    parent: parents%zu\n    check-interval: 1h\n", id, id);
}

static void policy(struct buf *b, const struct dns_zone *z, size_t id)
{
	buf_printf(b, "policy:\n  - id: policy%zu\n    algorithm: ecdsap256sha256\n    zsk-lifetime: 30d\n    ksk-lifetime: %s\n", id,
	           z->n_parents ? "365d" : "0");
	if (z->n_parents)
		buf_printf(b, "    ksk-submission: parents%zu\n", id);
	buf_puts(b, "    cds-cdnskey-publish: always\n    propagation-delay: 1h\n    dnskey-ttl: 1h\n    zone-max-ttl: 1d\n"
	            "    rrsig-lifetime: 14d\n    rrsig-refresh: 7d\n    reproducible-signing: on\n"
	            "    nsec3: on\n    nsec3-iterations: 0\n    nsec3-salt-length: 0\n");
}

static void policies(struct buf *b, const struct zone_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (policy_of(l, i) != i)
			continue;
		if (l->list[i].zone->n_parents)
			parents(b, l->list[i].zone, i);
		policy(b, l->list[i].zone, i);
	}
}

static void templates(struct buf *b, const struct service *s)
{
	buf_printf(b, "template:\n  - id: hosted\n    storage: \"%s/current/knot/zones\"\n    file: \"%%s.zone\"\n    zonefile-sync: -1\n"
	              "    zonefile-load: difference-no-serial\n    journal-content: all\n    serial-policy: unixtime\n"
	              "    semantic-checks: on\n    dnssec-signing: on\n    notify: [ ns1, ns2 ]\n    acl: transfer\n", s->state_dir);
	buf_printf(b, "  - id: catalog\n    storage: \"%s/current/knot/zones\"\n    file: \"%%s.zone\"\n    zonefile-sync: -1\n"
	              "    zonefile-load: difference-no-serial\n    journal-content: all\n    serial-policy: unixtime\n"
	              "    notify: [ ns1, ns2 ]\n    acl: transfer\n", s->state_dir);
}

static void zones(struct buf *b, const struct zone_list *l, const struct catalogs *k)
{
	buf_puts(b, "zone:\n");
	for (size_t i = 0; i < l->n; i++)
		buf_printf(b, "  - domain: %s.\n    template: hosted\n    dnssec-policy: policy%zu\n", l->list[i].zone->name, policy_of(l, i));
	for (size_t i = 0; i < k->n; i++)
		buf_printf(b, "  - domain: %s.\n    template: catalog\n", k->list[i].name);
}

/* ---- a zone */

static void own_servers(struct buf *b, const struct service *s, const struct dns_zone *of)
{
	for (size_t i = 0; i < s->n_name_servers; i++)
		buf_printf(b, "%s. NS %s.\n", of->name, s->name_servers[i].name);
	for (size_t i = 0; i < of->n_secondaries; i++)
		buf_printf(b, "%s. NS %s.\n", of->name, of->secondaries[i].name);
}

/* Of those whose names lie in the zone that is written: its own, or glue of one below it. */
static void secondary_addresses(struct buf *b, const struct dns_zone *written, const struct dns_zone *of)
{
	char text[PREFIX_TEXT];
	for (size_t i = 0; i < of->n_secondaries; i++)
		if (zone_holds(written, of->secondaries[i].name) && (written == of || zone_holds(of, of->secondaries[i].name)))
			buf_printf(b, "%s. %s %s\n", of->secondaries[i].name, of->secondaries[i].address.family == 4 ? "A" : "AAAA",
			           prefix_format_addr(&of->secondaries[i].address, text));
}

/* Where the servers' names lie in the zone, or below a delegation of it: then it is glue. */
static void server_addresses(struct buf *b, const struct service *s, const struct dns_zone *z)
{
	char text[PREFIX_TEXT];
	for (size_t i = 0; i < s->n_name_servers; i++) {
		const struct name_server *n = &s->name_servers[i];
		if (!zone_holds(z, n->name))
			continue;
		buf_printf(b, "%s. A %s\n", n->name, prefix_format_addr(&n->addr4, text));
		if (prefix_is_set(&n->addr6))
			buf_printf(b, "%s. AAAA %s\n", n->name, prefix_format_addr(&n->addr6, text));
	}
}

static void record(struct buf *b, const struct dns_zone *z, const struct zone_record *r)
{
	bool apex = strcmp(r->name, "@") == 0;
	buf_printf(b, "%s%s%s. ", apex ? "" : r->name, apex ? "" : ".", z->name);
	if (r->ttl)
		buf_printf(b, "%u ", r->ttl);
	buf_printf(b, "%s ", rdata_type(r->type));
	rdata_write(b, r->type, str_from(r->data));
	buf_putc(b, '\n');
}

/* The serial stands still: Knot puts the time in its place. hostmaster@ is RFC 2142's. */
static void zone_file(struct buf *b, const struct model *m, const struct zone_list *l, struct zone_entry *e)
{
	const struct dns_zone *z = e->zone;
	unsigned char sum[SHA256_LEN];
	buf_printf(b, "$TTL %u\n%s. SOA %s. hostmaster.%s. 1 3600 600 1209600 300\n", z->ttl, z->name,
	           m->service.name_servers[0].name, z->name);
	own_servers(b, &m->service, z);
	server_addresses(b, &m->service, z);
	secondary_addresses(b, z, z);
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].above == e) {
			own_servers(b, &m->service, l->list[i].zone);
			secondary_addresses(b, z, l->list[i].zone);
		}
	for (size_t i = 0; i < z->n_records; i++)
		record(b, z, &z->records[i]);
	hash_sha256(b->ptr, b->len, sum);
	hex_format(sum, 16, e->digest);
	buf_printf(b, ZONE_DIGEST "%s. 60 TXT \"%s\"\n", z->name, e->digest);
}

static int emit_zone(const char *name, struct buf *b, struct outset *out, struct err *err)
{
	char path[300];
	snprintf(path, sizeof path, "knot/zones/%s.zone", name);
	return emit(out, path, b, err);
}

static int zone_files(const struct model *m, struct zone_list *l, struct catalogs *k, struct outset *out, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < l->n; i++) {
		struct buf b;
		buf_init(&b, 16 * MIB);
		zone_file(&b, m, l, &l->list[i]);
		r = emit_zone(l->list[i].zone->name, &b, out, err);
	}
	for (size_t i = 0; r == 0 && i < k->n; i++) {
		struct buf b;
		buf_init(&b, 16 * MIB);
		catalog_file(&b, &k->list[i], l);
		r = emit_zone(k->list[i].name, &b, out, err);
	}
	return r;
}

/* ---- what is read back */

/* at: the label whose text is its digest, where it isn't ZONE_DIGEST. */
static void expected(struct buf *b, const char *zone, const char *at, const char *digest, bool first)
{
	char name[CATALOG_NAME + 16];
	buf_puts(b, first ? "\n{" : ",\n{");
	json_field_s(b, "zone", zone);
	if (at) {
		snprintf(name, sizeof name, "%s%s", at, zone);
		json_field_s(b, "name", name);
	}
	json_field_s(b, "expect", digest);
	buf_putc(b, '}');
}

static void readback(struct buf *b, const struct service *s, const struct zone_list *l, const struct catalogs *k)
{
	char text[PREFIX_TEXT];
	buf_printf(b, "{\"servers\":[\"" PRIMARY_ADDRESS "@%d\"", PRIMARY_PORT);
	for (size_t i = 0; i < s->n_name_servers; i++) {
		buf_printf(b, ",\"%s\"", prefix_format_addr(&s->name_servers[i].addr4, text));
		if (prefix_is_set(&s->name_servers[i].addr6))
			buf_printf(b, ",\"%s\"", prefix_format_addr(&s->name_servers[i].addr6, text));
	}
	buf_puts(b, "],\n\"zones\":[");
	for (size_t i = 0; i < l->n; i++)
		expected(b, l->list[i].zone->name, NULL, l->list[i].digest, i == 0);
	for (size_t i = 0; i < k->n; i++)
		expected(b, k->list[i].name, CATALOG_DIGEST, k->list[i].digest, false);
	buf_puts(b, "\n]}\n");
}

static int emit_all(const struct model *m, struct zone_list *l, struct outset *out, struct err *err)
{
	struct buf conf, list, back;
	struct catalogs k;
	catalogs_of(m, l, &k);
	int r = zone_files(m, l, &k, out, err);
	if (r < 0)
		return r;
	buf_init(&conf, 16 * MIB);
	buf_init(&list, 16 * MIB);
	buf_init(&back, 16 * MIB);
	server(&conf, &m->service);
	secondaries(&conf, &m->service);
	templates(&conf, &m->service);
	buf_printf(&conf, "include: \"%s/current/knot/zones.conf\"\n", m->service.state_dir);
	policies(&list, l);
	zones(&list, l, &k);
	readback(&back, &m->service, l, &k);
	int res[] = { emit(out, "knot/knot.conf", &conf, err), emit(out, "knot/zones.conf", &list, err), emit(out, "zones.json", &back, err) };
	for (size_t i = 0; i < ARRAY_LEN(res); i++)
		r = r < 0 ? r : res[i];
	return r;
}

int compile_knot(const struct model *m, struct outset *out, struct err *err)
{
	struct zone_list l;
	int r = zone_list_init(m, &l, err);
	if (r == 0 && l.n)
		r = emit_all(m, &l, out, err);
	zone_list_done(&l);
	return r;
}
