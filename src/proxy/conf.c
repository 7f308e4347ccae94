/* proxyd.json into a snapshot; see conf.h. The file is compiled by us, but it is read like any other input. */
#include "proxy/conf.h"

#include "ips/mirror.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/guard.h"
#include "proxy/hold.h"
#include "proxy/login.h"
#include "scan/type.h"
#include "wire/ctl.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct load {
	struct conf *c;
	struct err *err;
	char path[128];
};

static int bad(struct load *l, const char *key, const char *what)
{
	char path[256];
	snprintf(path, sizeof path, "%s%s", l->path, key);
	return err_set(l->err, E_INVALID, path, "%s", what);
}

static int no_memory(struct load *l)
{
	return err_set(l->err, E_NOMEM, l->path, "no memory");
}

static int get_text(struct load *l, yyjson_val *obj, const char *key, const char **ret)
{
	struct str s = ctl_str(obj, key);
	*ret = arena_strdup(&l->c->arena, s.ptr ? s : STR(""));
	return *ret ? 0 : no_memory(l);
}

static int get_fixed(struct load *l, yyjson_val *obj, const char *key, char *dst, size_t size)
{
	struct str s = ctl_str(obj, key);
	return s.ptr && str_copy(s, dst, size) ? 0 : bad(l, key, "a text is missing or too long");
}

static int get_prefix(struct load *l, yyjson_val *obj, const char *key, struct prefix *ret)
{
	struct str s = ctl_str(obj, key);
	*ret = (struct prefix){ 0 };
	return s.len == 0 || prefix_parse(s, ret) == 0 ? 0 : bad(l, key, "not an address");
}

static int get_prefixes(struct load *l, yyjson_val *obj, const char *key, struct prefix **ret, size_t *ret_n)
{
	yyjson_val *a = yyjson_obj_get(obj, key), *v;
	size_t i, max, n = yyjson_arr_size(a);
	if (n == 0)
		return 0;
	struct prefix *p = arena_array(&l->c->arena, n, sizeof *p);
	if (!p)
		return no_memory(l);
	yyjson_arr_foreach(a, i, max, v)
	{
		if (!yyjson_is_str(v) || prefix_parse((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, &p[i]) < 0)
			return bad(l, key, "not a prefix");
	}
	*ret = p;
	*ret_n = n;
	return 0;
}

static int get_ports(struct load *l, yyjson_val *root, const char *key, uint16_t ret[32], size_t *ret_n)
{
	yyjson_val *a = yyjson_obj_get(root, key), *v;
	size_t i, max;
	if (yyjson_arr_size(a) > 32)
		return bad(l, key, "too many ports");
	yyjson_arr_foreach(a, i, max, v)
	{
		uint64_t port = yyjson_get_uint(v);
		if (!yyjson_is_uint(v) || port == 0 || port > 65535)
			return bad(l, key, "not a port");
		ret[(*ret_n)++] = (uint16_t)port;
	}
	return 0;
}

/* ---- trust ---- */

static int add_der(struct load *l, const char *text)
{
	size_t n = strlen(text);
	unsigned char *der = mem_alloc(n + 1);
	int len = der ? EVP_DecodeBlock(der, (const unsigned char *)text, (int)n) : -1;
	const unsigned char *p = der;
	X509 *x = len > 0 ? d2i_X509(NULL, &p, len) : NULL;
	if (x)
		X509_STORE_add_cert(l->c->store, x);
	int r = x ? 0 : bad(l, "origin_ca", "not a certificate in base64");
	X509_free(x);
	mem_free(der);
	return r;
}

/* PEM, or "base64:" and DER on one line. A file's name is what a description may hold: nothing can be read from it
 * here, so that authority isn't trusted, and the log says so. */
static int add_authority(struct load *l, const char *pem)
{
	if (strncmp(pem, "base64:", 7) == 0)
		return add_der(l, pem + 7);
	if (!strstr(pem, "-----BEGIN")) {
		log_warn("", pem, "an authority by file name isn't trusted: its certificate must stand in the generation");
		return 0;
	}
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x;
	size_t n = 0;
	while (bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		X509_STORE_add_cert(l->c->store, x);
		X509_free(x);
		n++;
	}
	BIO_free(bio);
	return n ? 0 : bad(l, "origin_ca", "no certificate in it");
}

static int get_trust(struct load *l, yyjson_val *root, STACK_OF(X509) *system_ca)
{
	struct conf *c = l->c;
	yyjson_val *a = yyjson_obj_get(root, "origin_ca"), *v;
	size_t i, max;
	c->store = X509_STORE_new();
	if (!c->store)
		return no_memory(l);
	for (int k = 0; system_ca && k < sk_X509_num(system_ca); k++)
		X509_STORE_add_cert(c->store, sk_X509_value(system_ca, k));
	yyjson_arr_foreach(a, i, max, v)
	{
		if (!yyjson_is_str(v))
			return bad(l, "origin_ca", "not a text");
		if (add_authority(l, yyjson_get_str(v)) < 0)
			return bad(l, "origin_ca", "no certificate in it");
	}
	ERR_clear_error(); /* the end of a PEM text is an error to OpenSSL */
	return 0;
}

/* ---- organisations ---- */

static int get_timed(struct load *l, yyjson_val *v, const char *key, size_t most, struct conf_timed **ret, size_t *ret_n)
{
	yyjson_val *list = yyjson_obj_get(v, key), *item;
	size_t i, max, n = yyjson_arr_size(list);
	char path[192];
	*ret = arena_array(&l->c->arena, n + 1, sizeof **ret);
	if (!*ret)
		return no_memory(l);
	if (n > most)
		return bad(l, key, "too many of them");
	yyjson_arr_foreach(list, i, max, item)
	{
		struct conf_timed *b = &(*ret)[i];
		*b = (struct conf_timed){ .expires_ms = yyjson_get_sint(yyjson_obj_get(item, "expires_ms")) };
		snprintf(path, sizeof path, "%s%s[%zu].names", l->path, key, i);
		int r = url_set_build(yyjson_obj_get(item, "names"), path, &b->names, l->err);
		if (r < 0)
			return r;
		(*ret_n)++;
		yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(item, "names"));
		b->name = arena_strdup(&l->c->arena, (struct str){ yyjson_get_str(first), yyjson_get_len(first) });
		r = get_text(l, item, "owner", &b->owner);
		if (r < 0 || !b->name)
			return no_memory(l);
	}
	return 0;
}

static int get_kinds(struct load *l, yyjson_val *item, struct conf_inspection *n)
{
	yyjson_val *v;
	size_t i, max;
	yyjson_arr_foreach(yyjson_obj_get(item, "kinds"), i, max, v)
	{
		struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
		unsigned bit = 0;
		for (unsigned g = 0; s.ptr && g < GROUP_COUNT; g++)
			bit |= str_eq(s, str_from(file_group_name(g))) ? 1u << g : 0;
		n->groups |= bit;
		n->documents = n->documents || (s.ptr && str_eq(s, STR("documents")));
		n->all = n->all || (s.ptr && str_eq(s, STR("all")));
		if (!s.ptr || (!bit && !n->documents && !n->all))
			return bad(l, "inspections", "not a kind of files");
	}
	return 0;
}

static int get_inspections(struct load *l, yyjson_val *v, struct conf_org *o)
{
	yyjson_val *list = yyjson_obj_get(v, "inspections"), *item;
	size_t i, max;
	char text[PREFIX_TEXT], authority[PREFIX_TEXT + 16];
	int r = 0;
	o->inspections = arena_array(&l->c->arena, yyjson_arr_size(list) + 1, sizeof *o->inspections);
	if (!o->inspections)
		return no_memory(l);
	yyjson_arr_foreach(list, i, max, item)
	{
		struct conf_inspection *n = &o->inspections[i];
		uint64_t port = ctl_u64(item, "port", 1344), timeout = ctl_u64(item, "timeout_s", 60);
		r = r < 0 ? r : get_text(l, item, "name", &n->name);
		r = r < 0 ? r : get_text(l, item, "path", &n->path);
		r = r < 0 ? r : get_prefix(l, item, "address", &n->address);
		r = r < 0 ? r : get_kinds(l, item, n);
		if (r < 0 || !prefix_is_set(&n->address) || !port || port > 65535 || !timeout || timeout > 600)
			return bad(l, "inspections", "not a server, or not a time");
		n->port = (uint16_t)port;
		n->timeout_ms = (int64_t)timeout * 1000;
		snprintf(authority, sizeof authority, n->address.family == 6 ? "[%s]:%u" : "%s:%u", prefix_format_addr(&n->address, text), n->port);
		n->authority = arena_strdup(&l->c->arena, str_from(authority));
		if (!n->authority)
			return no_memory(l);
		o->n_inspections++;
	}
	return r;
}

static int get_users(struct load *l, yyjson_val *v, struct conf_org *o)
{
	yyjson_val *users = yyjson_obj_get(v, "users"), *list = yyjson_obj_get(users, "exempt_destinations");
	char path[192];
	if (!users)
		return 0;
	struct conf_users *u = arena_array(&l->c->arena, 1, sizeof *u);
	if (!u)
		return no_memory(l);
	*u = (struct conf_users){ .clear = ctl_bool(users, "clear", false), .tickets = ctl_bool(users, "tickets", false),
		                   .passwords = ctl_bool(users, "passwords", true), .fail = str_eq(ctl_str(users, "fail"), STR("open")) ? FAIL_OPEN : FAIL_CLOSED };
	o->users = u;
	snprintf(path, sizeof path, "%susers.exempt_destinations", l->path);
	int r = get_text(l, users, "realm", &u->realm);
	r = r < 0 ? r : get_prefixes(l, users, "exempt_terminals", &u->exempt_terminals, &u->n_exempt_terminals);
	return r < 0 || !list ? r : url_set_build(list, path, &u->exempt_destinations, l->err);
}

/* Plain words; an empty list is none. */
static int get_words(struct load *l, yyjson_val *v, const char *key, const char ***ret, size_t *ret_n)
{
	yyjson_val *list = yyjson_obj_get(v, key), *item;
	size_t i, max;
	*ret = arena_array(&l->c->arena, yyjson_arr_size(list) + 1, sizeof **ret);
	if (!*ret)
		return no_memory(l);
	yyjson_arr_foreach(list, i, max, item)
	{
		const char *word = arena_strdup(&l->c->arena, (struct str){ yyjson_get_str(item), yyjson_get_len(item) });
		if (!word || !yyjson_is_str(item))
			return bad(l, key, "not a name");
		(*ret)[(*ret_n)++] = word;
	}
	return 0;
}

static int get_sets(struct load *l, yyjson_val *v, struct conf_org *o)
{
	char path[192];
	static const char empty[] = "{}";
	yyjson_doc *doc = NULL;
	yyjson_val *policy = yyjson_obj_get(v, "url"), *list = yyjson_obj_get(v, "no_decrypt");
	if (!policy) {
		doc = yyjson_read(empty, 2, 0);
		policy = yyjson_doc_get_root(doc);
	}
	l->c->categories |= yyjson_arr_size(yyjson_obj_get(policy, "categories")) || yyjson_arr_size(yyjson_obj_get(policy, "deny_categories"));
	snprintf(path, sizeof path, "%surl", l->path);
	int r = url_policy_build(policy, path, l->c->common, &o->url, l->err);
	yyjson_doc_free(doc);
	snprintf(path, sizeof path, "%sno_decrypt", l->path);
	if (r == 0 && list)
		r = url_set_build(list, path, &o->no_decrypt, l->err);
	list = yyjson_obj_get(v, "websockets");
	snprintf(path, sizeof path, "%swebsockets", l->path);
	if (r == 0 && list)
		r = url_set_build(list, path, &o->websockets, l->err);
	r = r < 0 ? r : get_inspections(l, v, o);
	r = r < 0 ? r : get_users(l, v, o);
	r = r < 0 ? r : get_words(l, v, "no_decrypt_categories", &o->no_decrypt_categories, &o->n_no_decrypt_categories);
	l->c->categories |= o->n_no_decrypt_categories > 0;
	r = r < 0 ? r : get_words(l, v, "deny_ja4", &o->deny_ja4, &o->n_deny_ja4);
	r = r < 0 ? r : get_timed(l, v, "no_decrypt_until", CONF_UNDECRYPTED, &o->undecrypted, &o->n_undecrypted);
	return r < 0 ? r : get_timed(l, v, "breakout", CONF_BREAKOUTS, &o->breakouts, &o->n_breakouts);
}

static int get_numbers(struct load *l, yyjson_val *v, struct conf_org *o, uint16_t def_port)
{
	uint64_t index = ctl_u64(v, "index", 0), port = ctl_u64(v, "port", def_port), mib = ctl_u64(v, "scan_max_mib", 64), after = ctl_u64(v, "progress_after_s", 5);
	if (index == 0 || index > 65535)
		return bad(l, "index", "not a number of an organisation");
	if (port == 0 || port > 65535)
		return bad(l, "port", "not a port");
	if (mib == 0 || mib > 4096)
		return bad(l, "scan_max_mib", "not between 1 and 4096");
	uint64_t trickle = ctl_u64(v, "trickle_after_s", 0);
	if (trickle > 300)
		return bad(l, "trickle_after_s", "not between 0 and 300");
	o->trickle_after = (int64_t)trickle * 1000;
	if (after > 60)
		return bad(l, "progress_after_s", "not between 0 and 60");
	o->progress_after = (int64_t)after * 1000;
	uint64_t mirror = ctl_u64(v, "mirror", 0);
	if (mirror > MIRROR_VLAN_MAX)
		return bad(l, "mirror", "not a VLAN");
	o->index = (uint16_t)index;
	o->mirror = (uint16_t)mirror;
	o->port = (uint16_t)port;
	o->scan_max = mib * MIB;
	struct str fail = ctl_str(v, "scan_fail");
	o->scan_fail = str_eq(fail, STR("open")) ? FAIL_OPEN : FAIL_CLOSED;
	struct str revocation = ctl_str(v, "revocation");
	o->revocation = str_eq(revocation, STR("off")) ? REVOCATION_OFF : str_eq(revocation, STR("hard")) ? REVOCATION_HARD : REVOCATION_SOFT;
	o->tls_decryption = ctl_bool(v, "tls_decryption", false);
	o->transparent = ctl_bool(v, "transparent", false);
	o->registered_only = ctl_bool(v, "registered_only", false);
	o->unscannable_allow = ctl_bool(v, "unscannable_allow", false);
	o->encrypted_allow = ctl_bool(v, "encrypted_allow", false);
	o->encrypted_ask = ctl_bool(v, "encrypted_ask", false);
	o->scan_uploads = ctl_bool(v, "scan_uploads", true);
	return 0;
}

static int get_org(struct load *l, yyjson_val *v, struct conf_org *o, const struct conf_org *service)
{
	int r = get_fixed(l, v, "code", o->code, sizeof o->code);
	if (r == 0)
		snprintf(l->path, sizeof l->path, "orgs[%s].", o->code);
	o->listen4 = service->listen4;
	o->listen6 = service->listen6;
	r = r < 0 ? r : get_fixed(l, v, "interface", o->interface, sizeof o->interface);
	r = r < 0 ? r : get_text(l, v, "name", &o->name);
	r = r < 0 ? r : get_text(l, v, "name_en", &o->name_en);
	r = r < 0 ? r : get_prefix(l, v, "global4", &o->global4);
	r = r < 0 ? r : get_prefix(l, v, "global6", &o->global6);
	r = r < 0 ? r : get_prefix(l, v, "resolver", &o->resolver);
	r = r < 0 ? r : get_prefix(l, v, "resolver_from", &o->resolver_from);
	r = r < 0 ? r : get_prefixes(l, v, "terminals", &o->terminals, &o->n_terminals);
	r = r < 0 ? r : get_prefixes(l, v, "prefixes", &o->prefixes, &o->n_prefixes);
	r = r < 0 ? r : get_prefixes(l, v, "child_proxies", &o->child_proxies, &o->n_child_proxies);
	r = r < 0 ? r : get_prefixes(l, v, "terminal_servers", &o->terminal_servers, &o->n_terminal_servers);
	r = r < 0 ? r : get_text(l, v, "pac", &o->pac);
	r = r < 0 ? r : get_text(l, v, "release_mail", &o->release_mail);
	r = r < 0 ? r : get_numbers(l, v, o, service->port);
	if (r == 0 && adjust_parse(v, &l->c->arena, &o->adjust) < 0)
		r = bad(l, "", "safe_search, upload_max_mib, deny_downloads, deny_uploads or tenants");
	if (r == 0 && l->c->dev && o->interface[0])
		r = bad(l, "interface", "development mode is for loopback only: no interface may be named");
	return r < 0 ? r : get_sets(l, v, o);
}

static int by_code(const void *a, const void *b)
{
	return strcmp(((const struct conf_org *)a)->code, ((const struct conf_org *)b)->code);
}

static int get_orgs(struct load *l, yyjson_val *root)
{
	struct conf *c = l->c;
	struct conf_org service = { 0 };
	yyjson_val *a = yyjson_obj_get(root, "orgs"), *proxy = yyjson_obj_get(root, "proxy"), *v;
	size_t i, max, n = yyjson_arr_size(a);
	int r = get_prefix(l, proxy, "addr4", &service.listen4);
	r = r < 0 ? r : get_prefix(l, proxy, "addr6", &service.listen6);
	service.port = (uint16_t)ctl_u64(proxy, "port", 8080);
	if (r < 0)
		return r;
	if (n > CONF_MAX_ORGS)
		return bad(l, "orgs", "too many organisations");
	c->orgs = arena_array(&c->arena, n + 1, sizeof *c->orgs);
	if (!c->orgs)
		return no_memory(l);
	yyjson_arr_foreach(a, i, max, v)
	{
		snprintf(l->path, sizeof l->path, "orgs[#%zu].", i);
		c->n_orgs++;
		r = get_org(l, v, &c->orgs[i], &service);
		if (r < 0)
			return r;
	}
	qsort(c->orgs, n, sizeof *c->orgs, by_code);
	for (i = 1; i < n; i++)
		if (by_code(&c->orgs[i - 1], &c->orgs[i]) == 0)
			return err_set(l->err, E_INVALID, "orgs", "%s is there twice", c->orgs[i].code);
	return 0;
}

static int get_dev(struct load *l, yyjson_val *root)
{
	struct conf *c = l->c;
	yyjson_val *dev = yyjson_obj_get(root, "dev"), *a = yyjson_obj_get(dev, "hosts"), *v;
	size_t i, max, n = yyjson_arr_size(a);
	c->verdict_ms = CONF_VERDICT_MS;
	c->held_max = CONF_HELD;
	c->held_ms = HOLD_GRACE_MS;
	c->asked_ms = CONF_ASKED_MS;
	c->dev = yyjson_is_obj(dev);
	if (!c->dev)
		return 0;
	int r = get_prefixes(l, dev, "except", &c->except, &c->n_except);
	uint64_t ms = yyjson_get_uint(yyjson_obj_get(dev, "verdict_ms"));
	if (ms > 0 && ms < CONF_VERDICT_MS)
		c->verdict_ms = (int)ms;
	ms = yyjson_get_uint(yyjson_obj_get(dev, "held_ms"));
	if (ms > 0 && ms < HOLD_GRACE_MS)
		c->held_ms = (int64_t)ms;
	ms = yyjson_get_uint(yyjson_obj_get(dev, "asked_ms"));
	if (ms > 0 && ms <= 600000)
		c->asked_ms = (int)ms;
	uint64_t mib = yyjson_get_uint(yyjson_obj_get(dev, "held_mib"));
	if (mib > 0 && mib < CONF_HELD / MIB)
		c->held_max = mib * MIB;
	c->hosts = arena_array(&c->arena, n + 1, sizeof *c->hosts);
	if (!c->hosts)
		return no_memory(l);
	yyjson_arr_foreach(a, i, max, v)
	{
		r = r < 0 ? r : get_text(l, v, "name", &c->hosts[i].name);
		r = r < 0 ? r : get_prefix(l, v, "addr", &c->hosts[i].addr);
		c->n_hosts++;
	}
	return r;
}

/* Most organisations' prefixes are private ones, refused anyway: the list that is walked gets short. */
static void drop_special(struct conf *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->n_refuse; i++)
		if (!guard_special(&c->refuse[i]))
			c->refuse[n++] = c->refuse[i];
	c->n_refuse = n;
}

static int get_all(struct load *l, yyjson_val *root, STACK_OF(X509) *system_ca)
{
	struct conf *c = l->c;
	yyjson_val *service = yyjson_obj_get(root, "service"), *black = yyjson_obj_get(root, "black");
	if (!yyjson_is_obj(root) || ctl_u64(root, "v", 0) != 1)
		return bad(l, "v", "not version 1 of proxyd.json");
	uint64_t threads = ctl_u64(root, "threads", 1);
	c->threads = (unsigned)(threads < 1 ? 1 : threads > CONF_MAX_THREADS ? CONF_MAX_THREADS : threads);
	int r = get_text(l, service, "name", &c->service);
	r = r < 0 ? r : get_text(l, yyjson_obj_get(root, "proxy"), "name", &c->proxy_name);
	r = r < 0 ? r : get_ports(l, root, "connect_ports", c->connect_ports, &c->n_connect_ports);
	r = r < 0 ? r : get_ports(l, root, "http_ports", c->http_ports, &c->n_http_ports);
	r = r < 0 ? r : get_prefixes(l, root, "refuse", &c->refuse, &c->n_refuse);
	drop_special(c);
	r = r < 0 ? r : get_trust(l, root, system_ca);
	r = r < 0 ? r : get_dev(l, root);
	if (r == 0 && black)
		r = url_set_build(black, "service.black", &c->common, l->err);
	r = r < 0 ? r : get_words(l, root, "deny_ja4", &c->deny_ja4, &c->n_deny_ja4);
	return r < 0 ? r : get_orgs(l, root);
}

int conf_parse(struct str json, STACK_OF(X509) *system_ca, struct conf **ret, struct err *err)
{
	struct conf *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	c->refs = 1;
	arena_init(&c->arena, CONF_MAX_JSON);
	struct load l = { .c = c, .err = err };
	yyjson_doc *doc = json.len <= CONF_MAX_JSON ? yyjson_read(json.ptr, json.len, 0) : NULL;
	int r = doc ? get_all(&l, yyjson_doc_get_root(doc), system_ca) : err_set(err, E_INVALID, "proxyd.json", "not JSON");
	yyjson_doc_free(doc);
	if (r < 0)
		conf_unref(&c);
	else
		*ret = c;
	return r;
}

struct conf *conf_ref(struct conf *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void conf_unref(struct conf **p)
{
	struct conf *c = *p;
	*p = NULL;
	if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < c->n_orgs; i++) {
		url_policy_destroy(&c->orgs[i].url);
		url_set_destroy(&c->orgs[i].no_decrypt);
		url_set_destroy(&c->orgs[i].websockets);
		if (c->orgs[i].users)
			url_set_destroy(&c->orgs[i].users->exempt_destinations);
		for (size_t k = 0; k < c->orgs[i].n_undecrypted; k++)
			url_set_destroy(&c->orgs[i].undecrypted[k].names);
		for (size_t k = 0; k < c->orgs[i].n_breakouts; k++)
			url_set_destroy(&c->orgs[i].breakouts[k].names);
	}
	url_set_destroy(&c->common);
	X509_STORE_free(c->store);
	arena_done(&c->arena);
	mem_free(c);
}

const struct conf_org *conf_org(const struct conf *c, const char *code)
{
	struct conf_org key = { 0 };
	snprintf(key.code, sizeof key.code, "%s", code);
	return bsearch(&key, c->orgs, c->n_orgs, sizeof key, by_code);
}

static bool port_in(const uint16_t *list, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == port)
			return true;
	return false;
}

bool conf_port_allowed(const struct conf *c, uint16_t port)
{
	return port_in(c->connect_ports, c->n_connect_ports, port) || (c->n_connect_ports == 0 && port == 443);
}

bool conf_http_port_allowed(const struct conf *c, uint16_t port)
{
	static const uint16_t usual[] = { 80, 8080, 8000, 8008, 8888 };
	if (port == 443)
		return false;
	return c->n_http_ports ? port_in(c->http_ports, c->n_http_ports, port) : port_in(usual, ARRAY_LEN(usual), port);
}

bool conf_timed_match(const struct conf_timed *t, size_t n, const char *host)
{
	for (size_t i = 0; i < n; i++)
		if (clock_now_ms() < t[i].expires_ms && url_set_match_host(t[i].names, str_from(host), NULL))
			return true;
	return false;
}

bool conf_undecrypted(const struct conf_org *o, const char *host)
{
	return !o->tls_decryption || url_set_match_host(o->no_decrypt, str_from(host), NULL) || conf_timed_match(o->undecrypted, o->n_undecrypted, host);
}

static bool word_among(const char *const *list, size_t n, const char *word, size_t *ret)
{
	for (*ret = 0; *ret < n; ++*ret)
		if (strcmp(list[*ret], word) == 0)
			return true;
	return false;
}

bool conf_ja4_denied(const struct conf *c, const struct conf_org *o, const char *ja4, char rule[CONF_RULE])
{
	size_t at;
	bool common = word_among(c->deny_ja4, c->n_deny_ja4, ja4, &at);
	if (!ja4[0] || (!common && !word_among(o->deny_ja4, o->n_deny_ja4, ja4, &at)))
		return false;
	snprintf(rule, CONF_RULE, "%s.deny_ja4[%zu]", common ? "service" : "url", at);
	return true;
}

bool conf_is_child_proxy(const struct conf_org *o, const struct prefix *address)
{
	return prefix_among(o->child_proxies, o->n_child_proxies, address);
}

bool conf_is_terminal_server(const struct conf_org *o, const struct prefix *address)
{
	return prefix_among(o->terminal_servers, o->n_terminal_servers, address);
}

bool conf_terminal_ok(const struct conf_org *o, const struct prefix *terminal)
{
	return !o->registered_only || prefix_among(o->terminals, o->n_terminals, terminal);
}

const struct prefix *conf_host(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_hosts; i++) {
		const char *h = c->hosts[i].name;
		size_t n = strlen(name), m = strlen(h);
		if (strcmp(h, name) == 0 || (h[0] == '.' && n > m && strcmp(name + n - m, h) == 0))
			return &c->hosts[i].addr;
	}
	return NULL;
}
