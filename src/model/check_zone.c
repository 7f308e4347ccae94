/* Zones of the authoritative name servers: what a record says against the others of its zone, and a zone against those of all
 * organisations. What name servers load without a word and the Internet then reads otherwise than it was meant is a fault here.
 *
 * RFC 1034 section 3.6.2 (CNAME), RFC 2181 sections 5.2 (one TTL a set) and 10.3 (MX and NS name hosts, not aliases),
 * RFC 1912 section 2.3 (glue), RFC 4035 section 2.4 (DS stands at a delegation), RFC 4592 section 4.2 (NS at a wildcard). */
#include "model/check.h"

#include "base/map.h"
#include "model/mail_text.h"
#include "model/rdata.h"
#include "model/schema.h"

#include <stdio.h>

#define NAME_MAX_TEXT 512

struct owner { /* what stands at one name of the zone */
	const struct zone_record *first[2]; /* CNAME; anything else */
	bool ns, ds, address;
};

struct whose {
	const struct org *org;
	const struct dns_zone *zone;
};

struct zone_check {
	struct check *c;
	const struct dns_zone *z;
	const struct map *zones; /* all hosted ones: name -> struct whose */
	struct map owners; /* whole name -> struct owner */
	bool complete;     /* every record could be read */
	struct map sets;   /* "name mail KIND", "name type" -> its first record; "name type data" -> the record */
};

/* The whole name of a record. */
static struct str whole(const struct dns_zone *z, const struct zone_record *r, char dst[NAME_MAX_TEXT])
{
	bool apex = strcmp(r->name, "@") == 0;
	int n = snprintf(dst, NAME_MAX_TEXT, "%s%s%s", apex ? "" : r->name, apex ? "" : ".", z->name);
	return (struct str){ dst, n > 0 && n < NAME_MAX_TEXT ? (size_t)n : 0 };
}

/* Is `name` this zone's own, or below it? */
static bool within(const struct dns_zone *z, struct str name)
{
	struct str zone = str_from(z->name);
	return zone.len && str_ends(name, zone) && (name.len == zone.len || name.ptr[name.len - zone.len - 1] == '.');
}

/* The name without its first label; "" at the end. */
static struct str parent(struct str name)
{
	const char *dot = name.len ? memchr(name.ptr, '.', name.len) : NULL;
	return dot ? (struct str){ dot + 1, name.len - (size_t)(dot + 1 - name.ptr) } : STR("");
}

/* The hosted zone below this one that the name belongs to, or NULL. */
static const struct whose *hosted_below(const struct map *zones, const struct dns_zone *z, struct str name)
{
	for (struct str n = name; n.len > strlen(z->name); n = parent(n)) {
		const struct whose *w = map_get(zones, n);
		if (w)
			return w;
	}
	return NULL;
}

static bool name_server(const struct service *s, struct str name)
{
	for (size_t i = 0; i < s->n_name_servers; i++)
		if (str_eq(str_from(s->name_servers[i].name), name))
			return true;
	return false;
}

static const struct zone_record *no_cname(const struct owner *o)
{
	return o ? o->first[1] : NULL;
}

/* ---- one record by itself */

static bool inside_address(const struct zone_record *r)
{
	static const struct str nets[] = { { "0.0.0.0/8", 9 }, { "10.0.0.0/8", 10 }, { "100.64.0.0/10", 13 }, { "127.0.0.0/8", 11 },
		                           { "169.254.0.0/16", 14 }, { "172.16.0.0/12", 13 }, { "192.168.0.0/16", 14 }, { "224.0.0.0/3", 11 },
		                           { "::/96", 5 }, { "::ffff:0:0/96", 13 }, { "fc00::/7", 8 }, { "fe80::/10", 9 }, { "ff00::/8", 8 } };
	struct prefix p, net;
	if ((r->type != ZONE_A && r->type != ZONE_AAAA) || prefix_parse(str_from(r->data), &p) < 0)
		return false;
	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
		if (prefix_parse(nets[i], &net) == 0 && prefix_contains(&net, &p))
			return true;
	return false;
}

static void check_name(struct zone_check *k, const struct zone_record *r, struct str name)
{
	bool apex = strcmp(r->name, "@") == 0;
	struct check *c = k->c;
	if (name.len == 0 || name.len > 253)
		CHECK_FAULT(c, ".name", "is too long together with the zone's name", "ゾーン名と合わせると長すぎます");
	else if (apex && r->type == ZONE_NS)
		CHECK_FAULT(c, ".type", "the zone's own name servers are written by the cloud", "ゾーン自身の NS はクラウドが書きます");
	else if (apex && r->type == ZONE_DS)
		CHECK_FAULT(c, ".type", "a DS record stands in the parent's zone", "DS レコードは親ゾーンに置きます");
	else if (apex && r->type == ZONE_CNAME)
		CHECK_FAULT(c, ".type", "the zone itself can't be an alias (RFC 1034 section 3.6.2)", "ゾーン自身を別名にはできません (RFC 1034 3.6.2)");
	else if (r->name[0] == '*' && r->type == ZONE_NS)
		CHECK_FAULT(c, ".name", "a wildcard can't be delegated (RFC 4592 section 4.2)", "ワイルドカードは委任できません (RFC 4592 4.2)");
	else if (name_server(&c->m->service, name))
		CHECK_FAULT(c, ".name", "is a name server of the cloud, which writes its addresses", "クラウドの DNS サーバの名前です (アドレスはクラウドが書きます)");
	else if (strcmp(r->name, "_toride") == 0)
		CHECK_FAULT(c, ".name", "is the cloud's own, to read the zone back by", "クラウドが反映の確認に使う名前です");
}

static void check_data(struct zone_check *k, const struct zone_record *r)
{
	struct check *c = k->c;
	const struct text2 *why = rdata_check(r->type, str_from(r->data));
	if (!why && r->type == ZONE_TXT)
		why = mail_text_check(str_from(r->name), str_from(r->data));
	if (why)
		fault_add2(c->faults, check_path(c, ".data").s, why);
	else if (inside_address(r))
		CHECK_FAULT(c, ".data", "isn't an address of the Internet", "インターネットのアドレスではありません");
}

/* ---- one name */

static void check_set(struct zone_check *k, size_t i, struct str name, int *ret)
{
	const struct zone_record *r = &k->z->records[i];
	struct check *c = k->c;
	char key[NAME_MAX_TEXT + 4100];
	int n = snprintf(key, sizeof key, STR_FMT " %d", STR_ARG(name), r->type);
	const struct zone_record *first = map_get(&k->sets, str_from(key));
	if (first && r->ttl != first->ttl)
		CHECK_FAULT(c, ".ttl", "must be that of records[%zu]: records of one name and type share their TTL (RFC 2181 section 5.2)",
		            "同じ名前・種類の records[%zu] と同じ TTL にしてください (RFC 2181 5.2)", (size_t)(first - k->z->records));
	if (first && r->type == ZONE_CNAME)
		CHECK_FAULT(c, ".type", "a name has one alias only", "1 つの名前に CNAME は 1 つだけです");
	if (!first)
		*ret = map_put(&k->sets, str_from(key), (void *)(uintptr_t)r);
	snprintf(key + n, sizeof key - (size_t)n, " %s", r->data);
	if (map_get(&k->sets, str_from(key)))
		CHECK_FAULT(c, ".data", "stands here twice", "同じレコードが 2 回あります");
	else if (*ret == 0)
		*ret = map_put(&k->sets, str_from(key), (void *)(uintptr_t)r);
}

/* Two SPF or two DMARC records of a name count as none (RFC 7208 section 3.2, RFC 7489 section 6.6.3). */
static void check_mail_text(struct zone_check *k, const struct zone_record *r, struct str name, int *ret)
{
	struct check *c = k->c;
	char key[NAME_MAX_TEXT + 16];
	enum mail_text kind = r->type == ZONE_TXT ? mail_text_kind(str_from(r->name), str_from(r->data)) : MAIL_TEXT_NONE;
	if (kind == MAIL_TEXT_NONE)
		return;
	snprintf(key, sizeof key, STR_FMT " mail %d", STR_ARG(name), kind);
	const struct zone_record *first = map_get(&k->sets, str_from(key));
	if (first)
		CHECK_FAULT(c, ".data", "is the second record of its kind at this name, beside records[%zu]: mail hosts then heed neither",
		            "同じ名前に同じ種類のレコード records[%zu] があり、どちらも無視されます", (size_t)(first - k->z->records));
	else if (*ret == 0)
		*ret = map_put(&k->sets, str_from(key), (void *)(uintptr_t)r);
}

static int note_owner(struct zone_check *k, const struct zone_record *r, struct str name)
{
	struct owner *o = map_get(&k->owners, name);
	int res = 0;
	if (!o) {
		o = arena_alloc(&k->c->arena, sizeof *o);
		res = o ? map_put(&k->owners, name, o) : -E_NOMEM;
	}
	if (res < 0)
		return res;
	const struct zone_record **first = &o->first[r->type != ZONE_CNAME];
	if (!*first)
		*first = r;
	o->ns |= r->type == ZONE_NS;
	o->ds |= r->type == ZONE_DS;
	o->address |= r->type == ZONE_A || r->type == ZONE_AAAA;
	return 0;
}

static void check_alias(struct zone_check *k, const struct zone_record *r, const struct owner *o)
{
	if (r->type == ZONE_CNAME && no_cname(o))
		CHECK_FAULT(k->c, ".type", "is an alias beside records[%zu] of the same name (RFC 1034 section 3.6.2)",
		            "別名 (CNAME) と同じ名前に records[%zu] があります (RFC 1034 3.6.2)", (size_t)(no_cname(o) - k->z->records));
}

/* ---- delegations */

/* The delegation of this zone that `name` stands at or below; "" when there is none. */
static struct str cut_of(const struct zone_check *k, struct str name)
{
	struct str found = STR("");
	for (struct str n = name; n.len > strlen(k->z->name); n = parent(n)) {
		const struct owner *o = map_get(&k->owners, n);
		if (o && o->ns)
			found = n;
	}
	return found;
}

static void check_cut(struct zone_check *k, const struct zone_record *r, struct str name, const struct owner *o)
{
	struct check *c = k->c;
	struct str cut = cut_of(k, name);
	bool address = r->type == ZONE_A || r->type == ZONE_AAAA;
	if (r->type == ZONE_DS && !o->ns && !hosted_below(k->zones, k->z, name))
		CHECK_FAULT(c, ".type", "there is no delegation (NS) of this name", "この名前の委任 (NS) がありません");
	else if (cut.len && !address && !(str_eq(cut, name) && (r->type == ZONE_NS || r->type == ZONE_DS)))
		CHECK_FAULT(c, ".name", "lies below the delegation of " STR_FMT ": only its name servers' addresses may stand there",
		            STR_FMT " の委任の下にあります (置けるのは DNS サーバのアドレスだけです)", STR_ARG(cut));
}

/* ---- where it leads to */

static bool wildcard_covers(const struct zone_check *k, struct str name)
{
	char star[NAME_MAX_TEXT];
	for (struct str p = parent(name); p.len >= strlen(k->z->name); p = parent(p)) {
		snprintf(star, sizeof star, "*." STR_FMT, STR_ARG(p));
		if (map_get(&k->owners, str_from(star)))
			return true;
	}
	return false;
}

static void check_target(struct zone_check *k, const struct zone_record *r)
{
	struct check *c = k->c;
	struct str t = rdata_target(r->type, str_from(r->data));
	const struct owner *o = map_get(&k->owners, t);
	struct str cut = t.len ? cut_of(k, t) : STR("");
	if (t.len == 0 || !within(k->z, t) || name_server(&c->m->service, t) || hosted_below(k->zones, k->z, t))
		return;
	if (r->type != ZONE_CNAME && r->type != ZONE_PTR && o && o->first[0])
		CHECK_FAULT(c, ".data", "leads to an alias (CNAME); it must name a host (RFC 2181 section 10.3)",
		            "別名 (CNAME) を指しています。ホスト自身の名前を書いてください (RFC 2181 10.3)");
	else if (!k->complete)
		return; /* it may be the one that couldn't be read */
	else if (r->type == ZONE_NS && !(o && o->address))
		CHECK_FAULT(c, ".data", "needs its address (A or AAAA) here too: nobody could find it otherwise (glue)",
		            "この DNS サーバのアドレス (A または AAAA、グルー) もここに必要です");
	else if (!o && !cut.len && !wildcard_covers(k, t))
		CHECK_FAULT(c, ".data", "leads to a name that isn't in the zone", "ゾーンにない名前を指しています");
}

#define CHAIN_MAX 8 /* more than resolvers follow gladly */
static void check_chain(struct zone_check *k, const struct zone_record *r)
{
	struct str at = str_from(r->data);
	for (int i = 0; i < CHAIN_MAX; i++) {
		const struct owner *o = map_get(&k->owners, at);
		if (!o || !o->first[0])
			return;
		at = str_from(o->first[0]->data);
	}
	CHECK_FAULT(k->c, ".data", "leads in a circle, or through more than %d aliases", "循環しているか、別名が %d 段を超えています", CHAIN_MAX);
}

/* ---- a zone */

static size_t push_record(struct zone_check *k, size_t i)
{
	return path_push(&k->c->path, ".records[%zu]", i);
}

static bool readable(const struct zone_record *r)
{
	return r->name[0] && r->type && r->data[0];
}

static int first_pass(struct zone_check *k)
{
	int res = 0;
	for (size_t i = 0; res == 0 && i < k->z->n_records; i++) {
		const struct zone_record *r = &k->z->records[i];
		char text[NAME_MAX_TEXT];
		if (!readable(r)) {
			k->complete = false;
			continue;
		}
		struct str name = whole(k->z, r, text);
		size_t back = push_record(k, i);
		check_name(k, r, name);
		check_data(k, r);
		check_set(k, i, name, &res);
		check_mail_text(k, r, name, &res);
		path_pop(&k->c->path, back);
		if (res == 0)
			res = note_owner(k, r, name);
	}
	return res;
}

static void second_pass(struct zone_check *k)
{
	for (size_t i = 0; i < k->z->n_records; i++) {
		const struct zone_record *r = &k->z->records[i];
		char text[NAME_MAX_TEXT];
		struct str name = whole(k->z, r, text);
		const struct owner *o = readable(r) ? map_get(&k->owners, name) : NULL;
		size_t back = push_record(k, i);
		if (o && check_sound(k->c, "")) {
			check_alias(k, r, o);
			check_cut(k, r, name, o);
			check_target(k, r);
		}
		if (o && r->type == ZONE_CNAME && check_sound(k->c, ""))
			check_chain(k, r);
		path_pop(&k->c->path, back);
	}
}

static int check_records(struct check *c, const struct map *zones, const struct dns_zone *z)
{
	struct zone_check k = { .c = c, .z = z, .zones = zones, .complete = true };
	map_init(&k.owners, z->n_records + 1);
	map_init(&k.sets, 3 * z->n_records + 1);
	int r = first_pass(&k);
	if (r == 0)
		second_pass(&k);
	map_done(&k.owners);
	map_done(&k.sets);
	return r;
}

/* ---- zones among each other */

/* A name of a hosted zone may not be said by the zone above it: the delegation there is the cloud's, by the zone itself. Only
 * its DS record is put down here, as at a registry. */
static void check_above(struct check *c, const struct map *zones, const struct dns_zone *z)
{
	for (size_t i = 0; i < z->n_records; i++) {
		char text[NAME_MAX_TEXT], at[64];
		struct str name = whole(z, &z->records[i], text);
		const struct whose *w = hosted_below(zones, z, name);
		if (!w || (z->records[i].type == ZONE_DS && str_eq(name, str_from(w->zone->name))))
			continue;
		snprintf(at, sizeof at, ".records[%zu].name", i);
		CHECK_FAULT(c, at, "belongs to the zone %s of organisation %s", "ゾーン %s (団体 %s) の名前です", w->zone->name, w->org->code);
	}
}

/* Whose key it is must be plain: a number belongs to one address. */
struct secret_of {
	struct check *c;
	const struct zone_secondary *by[SECONDARY_SECRETS + 1];
};

static void check_secondaries(struct secret_of *k, const struct dns_zone *z)
{
	for (size_t i = 0; i < z->n_secondaries; i++) {
		const struct zone_secondary *s = &z->secondaries[i];
		if (s->secret < 1 || s->secret > SECONDARY_SECRETS || !s->name[0] || !prefix_is_set(&s->address))
			continue; /* a fault already */
		const struct zone_secondary *first = k->by[s->secret];
		size_t back = path_push(&k->c->path, ".secondaries[%zu]", i);
		if (first && memcmp(&first->address, &s->address, sizeof s->address) != 0)
			CHECK_FAULT(k->c, ".secret", "is that of %s too, another server", "別のサーバ %s の番号と同じです", first->name);
		else
			k->by[s->secret] = s;
		for (size_t r = 0; r < z->n_records; r++) {
			char text[NAME_MAX_TEXT];
			if (str_eq(whole(z, &z->records[r], text), str_from(s->name)))
				CHECK_FAULT(k->c, ".name", "is also that of records[%zu]: its address is written from here", "records[%zu] にもあります (アドレスはここから書かれます)", r);
		}
		for (size_t n = 0; n < k->c->m->service.n_name_servers; n++)
			if (strcmp(k->c->m->service.name_servers[n].name, s->name) == 0)
				CHECK_FAULT(k->c, ".name", "is one of service.name_servers", "service.name_servers にあります");
		path_pop(&k->c->path, back);
	}
}

static int note_zone(struct check *c, struct map *zones, const struct org *o, const struct dns_zone *z)
{
	struct whose *w = map_get(zones, str_from(z->name));
	if (w)
		CHECK_FAULT(c, ".name", "is also a zone of organisation %s", "団体 %s のゾーンと同じです", w->org->code);
	if (w || !z->name[0])
		return 0;
	w = arena_alloc(&c->arena, sizeof *w);
	if (!w)
		return -E_NOMEM;
	*w = (struct whose){ o, z };
	return map_put(zones, str_from(z->name), w);
}

static void check_servers(struct check *c, bool zones)
{
	const struct name_server *s = c->m->service.name_servers;
	size_t n = c->m->service.n_name_servers;
	path_push(&c->path, "service.name_servers");
	if ((zones || n) && n < 2 && c->m->service.name[0] && check_sound(c, ""))
		CHECK_FAULT(c, "", "must be two: there are zones (RFC 2182 section 5)", "ゾーンがあるため 2 台必要です (RFC 2182 5)");
	if (n == 2 && s[0].name[0] && strcmp(s[0].name, s[1].name) == 0)
		CHECK_FAULT(c, "[1].name", "is also that of name_servers[0]", "name_servers[0] と同じです");
	if (n == 2 && prefix_is_set(&s[0].addr4) && memcmp(s[0].addr4.addr, s[1].addr4.addr, 4) == 0)
		CHECK_FAULT(c, "[1].addr4", "is also that of name_servers[0]", "name_servers[0] と同じです");
	if (n == 2 && prefix_is_set(&s[0].addr6) && memcmp(s[0].addr6.addr, s[1].addr6.addr, 16) == 0)
		CHECK_FAULT(c, "[1].addr6", "is also that of name_servers[0]", "name_servers[0] と同じです");
	path_pop(&c->path, 0);
}

int check_zones(struct check *c)
{
	struct map zones;
	size_t n = 0;
	int r = 0;
	struct secret_of secrets = { .c = c };
	map_init(&zones, 1000u * ORGS_MAX);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < c->m->n_orgs; i++)
			for (size_t j = 0; r == 0 && j < c->m->orgs[i].n_zones; j++) {
				const struct org *o = &c->m->orgs[i];
				size_t back = path_push(&c->path, "orgs[%s].zones[%zu]", c->labels[i], j);
				if (pass == 0)
					r = note_zone(c, &zones, o, &o->zones[j]);
				else if (o->zones[j].name[0])
					r = check_records(c, &zones, &o->zones[j]);
				if (pass == 1) {
					check_above(c, &zones, &o->zones[j]);
					check_secondaries(&secrets, &o->zones[j]);
				}
				n++;
				path_pop(&c->path, back);
			}
	check_servers(c, n > 0);
	map_done(&zones);
	return r;
}
