/* userd.json: each organisation's directory, as toride-userd asks it (users/directory.h reads it), userd/CODE.pem: who may certify the
 * directory's name, and userd/krb5.conf for all (users/ticket.h). Organisations without one aren't in it. */
#include "compile/compile.h"

#include "base/map.h"
#include "base/mem.h"
#include "compile/emit.h"
#include "model/own.h"

#include <stdio.h>

uint16_t users_port(const struct proxy_users *u)
{
	bool ldaps = strncmp(u->directory, "ldaps://", 8) == 0;
	const char *colon = strrchr(u->directory, ':');
	uint64_t port;
	if (colon && str_to_u64(str_from(colon + 1), 65535, &port))
		return (uint16_t)port;
	return ldaps ? 636 : 389;
}

static void put_host(struct buf *b, const struct proxy_users *u)
{
	struct str rest = str_from(strstr(u->directory, "://") + 3), host;
	str_next(&rest, ':', &host);
	json_field_bool(b, "ldaps", strncmp(u->directory, "ldaps://", 8) == 0);
	json_field(b, "host", host);
	json_field_u64(b, "port", users_port(u));
}

static void put_lists(struct buf *b, const struct proxy_users *u)
{
	char text[PREFIX_TEXT];
	json_key(b, "servers");
	for (size_t i = 0; i < u->n_servers; i++) {
		buf_putc(b, i ? ',' : '[');
		json_str(b, str_from(prefix_format_addr(&u->servers[i], text)));
	}
	buf_puts(b, "]");
	json_key(b, "groups");
	buf_putc(b, '[');
	for (size_t i = 0; i < u->n_groups; i++) {
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "name", u->groups[i].name);
		json_field_s(b, "dn", u->groups[i].dn);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static int authorities(const struct org *o, struct outset *out, char ret_digest[2 * SHA256_LEN + 1], struct err *err)
{
	struct buf b;
	char path[32];
	unsigned char sum[SHA256_LEN];
	buf_init(&b, 256 * KIB);
	for (size_t i = 0; i < o->proxy_users.n_ca; i++)
		put_pem(&b, o->proxy_users.ca[i]);
	hash_sha256(b.ptr, b.len, sum);
	hex_format(sum, sizeof sum, ret_digest);
	snprintf(path, sizeof path, "userd/%s.pem", o->code);
	return emit(out, path, &b, err);
}

static int directory(struct buf *b, const struct model *m, const struct org *o, struct outset *out, struct err *err)
{
	const struct proxy_users *u = &o->proxy_users;
	struct prefix from4 = internal4(m, o, INTERNAL_GATEWAY), from6 = internal6(o, INTERNAL_GATEWAY);
	char ca[2 * SHA256_LEN + 1];
	int r = authorities(o, out, ca, err);
	json_field_s(b, "code", o->code);
	field_addr(b, "from4", &from4);
	field_addr(b, "from6", &from6);
	put_host(b, u);
	put_lists(b, u);
	json_field_s(b, "ca", ca); /* so that another authority is another userd.json */
	json_field_s(b, "base", u->base);
	json_field_s(b, "filter", u->filter);
	json_field_s(b, "name", u->name_attribute);
	json_field_s(b, "groups_attribute", u->groups_attribute);
	json_field_s(b, "bind_dn", u->bind_dn);
	json_field_s(b, "bind_secret", u->bind_secret);
	json_field_s(b, "bind_as", u->bind_as);
	json_field_s(b, "keytab", u->keytab);
	json_field_s(b, "proxy", u->keytab[0] ? m->service.proxy_name : "");
	return r;
}

bool users_asked(const struct org *o)
{
	return o->proxy_users.directory && o->proxy_users.directory[0];
}

/* For tickets that are read, not asked for: no realm's server, no other realm, nothing of the machine's; AES alone. */
static int kerberos(struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	buf_puts(&b, "[libdefaults]\n"
	             "dns_lookup_realm = false\n"
	             "dns_lookup_kdc = false\n"
	             "dns_canonicalize_hostname = false\n"
	             "clockskew = 300\n"
	             "permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96 aes256-cts-hmac-sha384-192 aes128-cts-hmac-sha256-128\n");
	return emit(out, "userd/krb5.conf", &b, err);
}

int compile_userd(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	int r = 0;
	size_t n = 0;
	bool tickets = false;
	buf_init(&b, 64 * MIB);
	buf_puts(&b, "{\"v\":1,\"orgs\":[");
	for (size_t i = 0; i < m->n_orgs && r == 0; i++) {
		if (!users_asked(&m->orgs[i]))
			continue;
		buf_puts(&b, n++ ? ",\n{" : "\n{");
		r = directory(&b, m, &m->orgs[i], out, err);
		tickets = tickets || m->orgs[i].proxy_users.keytab[0];
		buf_putc(&b, '}');
	}
	buf_puts(&b, "]}\n");
	if (r < 0) {
		buf_done(&b);
		return r;
	}
	r = emit(out, "userd.json", &b, err);
	return r < 0 || !tickets ? r : kerberos(out, err);
}
