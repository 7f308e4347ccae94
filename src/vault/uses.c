/* See uses.h. */
#include "vault/uses.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <arpa/inet.h>
#include <stdio.h>

#define ADDRESSES "addresses"
#define OWN_NAMES "own names"

struct rule {
	uid_t uid;
	uint8_t op;
	uint32_t rate, burst; /* a second; at once */
	const char *domain;   /* SEAL: what the message begins with; LEAF: ADDRESSES, no name of a web site, or OWN_NAMES, those of the generation in force; TSIG, WRAP: the name; NULL: anything */
};

/* A row of uid 0 is for root alone: the console, tests, offline tools. */
static const struct rule rules[] = {
	{ USER_PROXY, VAULT_LEAF, 5000, 5000, NULL },
	{ USER_PROXY, VAULT_PUBLIC, 5, 20, NULL },
	{ USER_INTAKE, VAULT_SEAL, 20, 60, VAULT_DOMAIN_CHECKPOINT },
	{ USER_INTAKE, VAULT_SEGKEY, 500, 8192, NULL }, /* a start opens one segment an organisation */
	{ USER_INTAKE, VAULT_PUBLIC, 5, 20, NULL },
	{ USER_DETECT, VAULT_SEGKEY, 500, 8192, NULL },
	{ USER_DETECT, VAULT_PUBLIC, 5, 20, NULL },
	{ USER_STORED, VAULT_SEGKEY, 500, 8192, NULL },
	{ USER_CONTROL, VAULT_PUBLIC, 5, 20, NULL },
	{ USER_CONTROL, VAULT_SITE_KEY, 5, 100, NULL },
	{ USER_PORTAL, VAULT_PUBLIC, 5, 20, NULL },
	{ USER_KNOT, VAULT_TSIG, 1, 20, "transfer" }, /* once a start */
	{ USER_KNOT, VAULT_TSIG, 1, 20, "dnssec" }, /* what seals its keys for the other node of a pair */
	{ USER_NSD1, VAULT_TSIG, 1, 20, "transfer" },
	{ USER_NSD2, VAULT_TSIG, 1, 20, "transfer" },
	{ USER_NSD1, VAULT_TSIG, 1, 20, "outside" },
	{ USER_NSD2, VAULT_TSIG, 1, 20, "outside" },
	{ USER_PAIR, VAULT_TSIG, 1, 20, "pair" },
	{ USER_BGP, VAULT_TSIG, 1, 20, "bgp" },
	{ USER_REPLICA, VAULT_TSIG, 1, 20, "replica" },
	{ USER_PAIR, VAULT_BOX_NAMES, 50, 1000, NULL }, /* one a second, and a few where something is new */
	{ USER_PAIR, VAULT_BOX_GET, 5000, 40000, NULL }, /* all of them when the other node begins to follow */
	{ USER_PAIR, VAULT_BOX_PUT, 5000, 40000, NULL },
	{ USER_UNBOUND, VAULT_LEAF, 1, 20, ADDRESSES }, /* DNS over TLS and HTTPS, at the service's own addresses */
	{ USER_UNBOUND, VAULT_PUBLIC, 1, 20, NULL },
	{ USER_RECV, VAULT_LEAF, 1, 20, ADDRESSES }, /* syslog over TLS, at the service's own addresses */
	{ USER_RECV, VAULT_PUBLIC, 1, 20, NULL },
	{ USER_WEB, VAULT_LEAF, 1, 20, OWN_NAMES }, /* the desk, at its own name */
	{ USER_WEB, VAULT_PUBLIC, 1, 20, NULL },
	{ USER_EDGE, VAULT_SITE_SIGN, 5000, 5000, NULL }, /* one a TLS handshake */
	{ USER_AUTH, VAULT_WRAP, 200, 10000, "totp" }, /* one an account that is set up, and once all that lay about unwrapped */
	{ USER_AUTH, VAULT_UNWRAP, 10, 100, "totp" }, /* one a sign-in: who takes authd over doesn't take all of them along at once */
	{ USER_USERS, VAULT_UNWRAP, 10, 100, "directory" }, /* one a body, and again where its directory didn't answer */
	{ USER_USERS, VAULT_UNWRAP, 10, 100, "keytab" },
	{ USER_ACME, VAULT_SITE_KEY, 1, 50, NULL },
	{ USER_ACME, VAULT_ACME_SIGN, 50, 500, NULL }, /* five to ten a certificate */
	{ 0, VAULT_LEAF, 5000, 5000, NULL },
	{ 0, VAULT_SEAL, 20, 60, "toride " },
	{ 0, VAULT_SEGKEY, 500, 8192, NULL },
	{ 0, VAULT_DESTROY, 1, 64, NULL }, /* nobody else's: what two people and a record have to stand before is in toride vault destroy */
	{ 0, VAULT_PUBLIC, 5, 20, NULL },
	{ 0, VAULT_TSIG, 1, 20, NULL },
	{ 0, VAULT_SITE_KEY, 5, 100, NULL },
	{ 0, VAULT_WRAP, 1, 50, "directory" }, /* toride directory secret */
	{ 0, VAULT_UNWRAP, 10, 100, "directory" }, /* as userd does, where a test runs it */
	{ 0, VAULT_WRAP, 1, 50, "keytab" }, /* toride directory keytab */
	{ 0, VAULT_UNWRAP, 10, 100, "keytab" },
};

struct bucket {
	uint64_t milli; /* thousandths of a use that are left */
	int64_t at_ms;
};

struct uses {
	const char *own_names; /* the file of OWN_NAMES; NULL: none */
	struct bucket buckets[ARRAY_LEN(rules)];
};

int uses_open(const char *own_names, struct uses **ret, struct err *err)
{
	struct uses *u = mem_alloc(sizeof *u);
	if (!u)
		return err_set(err, E_NOMEM, "", "no memory");
	u->own_names = own_names;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		u->buckets[i] = (struct bucket){ rules[i].burst * 1000ull, -1 };
	*ret = u;
	return 0;
}

void uses_close(struct uses **u)
{
	mem_free(*u);
	*u = NULL;
}

static bool take(struct bucket *b, const struct rule *r, int64_t now_ms)
{
	uint64_t full = r->burst * 1000ull, gone = b->at_ms >= 0 && now_ms > b->at_ms ? (uint64_t)(now_ms - b->at_ms) : 0;
	if (gone > 3600 * 1000ull)
		gone = 3600 * 1000ull;
	b->milli += gone * r->rate;
	if (b->milli > full)
		b->milli = full;
	b->at_ms = now_ms;
	if (b->milli < 1000)
		return false;
	b->milli -= 1000;
	return true;
}

static bool only_addresses(const struct vault_request *rq)
{
	unsigned char ip[16];
	for (size_t i = 0; i < rq->leaf.n; i++)
		if (inet_pton(AF_INET, rq->leaf.names[i], ip) != 1 && inet_pton(AF_INET6, rq->leaf.names[i], ip) != 1)
			return false;
	return true;
}

/* One a line. */
static bool stands_in(struct str list, const char *name)
{
	struct str row;
	while (str_next(&list, '\n', &row))
		if (row.len && str_eq(row, str_from(name)))
			return true;
	return false;
}

static bool only_own_names(const struct uses *u, const struct vault_request *rq)
{
	struct buf b;
	bool all = rq->leaf.n > 0;
	buf_init(&b, 4 * KIB);
	if (!u->own_names || fs_read(u->own_names, &b, NULL) < 0)
		all = false;
	for (size_t i = 0; all && i < rq->leaf.n; i++)
		all = stands_in(buf_view(&b), rq->leaf.names[i]);
	buf_done(&b);
	return all;
}

static bool in_domain(const struct uses *u, const struct rule *r, const struct vault_request *rq)
{
	if (rq->op == VAULT_LEAF)
		return strcmp(r->domain, OWN_NAMES) == 0 ? only_own_names(u, rq) : only_addresses(rq);
	if (rq->op == VAULT_TSIG || rq->op == VAULT_WRAP || rq->op == VAULT_UNWRAP)
		return strcmp(rq->series, r->domain) == 0;
	return str_starts(rq->message, str_from(r->domain));
}

int uses_take(struct uses *u, uid_t uid, const struct vault_request *rq, int64_t now_ms)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const struct rule *r = &rules[i];
		if (r->uid != uid || r->op != rq->op || (r->domain && !in_domain(u, r, rq)))
			continue; /* another row of his may name it */
		return take(&u->buckets[i], r, now_ms) ? 0 : -E_LIMIT;
	}
	return -E_DENIED;
}

const char *uses_caller(uid_t uid, char dst[32])
{
	static const struct {
		uid_t uid;
		const char *name;
	} known[] = { { 0, "root" }, { USER_PROXY, "proxyd" }, { USER_INTAKE, "intaked" }, { USER_DETECT, "detectd" }, { USER_STORED, "stored" },
		      { USER_CONTROL, "controld" }, { USER_PORTAL, "portald" }, { USER_AUTH, "authd" }, { USER_KNOT, "knot" },
		      { USER_NSD1, "nsd1" },
		      { USER_NSD2, "nsd2" }, { USER_UNBOUND, "unbound" }, { USER_EDGE, "edge" }, { USER_WEB, "nginx" }, { USER_RECV, "recvd" },
		      { USER_ACME, "acmed" }, { USER_PAIR, "paird" }, { USER_BGP, "bird" }, { USER_USERS, "userd" },
		      { USER_REPLICA, "replicad" } };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].uid == uid)
			return known[i].name;
	snprintf(dst, 32, "uid-%u", (unsigned)uid);
	return dst;
}
