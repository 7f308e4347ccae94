/* The lab's Internet: signed name servers (root, TLD, domains), web sites, a mail host that keeps what it gets.
 * Their configurations are files of lab/internet/, copied with @DIR@ replaced. */
#include "lab/lab.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <unistd.h>

static const struct role {
	const char *name, *listen;
	const char *zones[8];
} roles[] = {
	{ "root", "203.0.113.1@53", { "." } },
	{ "tld", "203.0.113.2@53", { "example." } },
	{ "hosting", "203.0.113.3@53",
	  { "news.example.", "bank.example.", "phish.example.", "bogus.example.", "hosting.example." } },
};

static const char *role_conf(const struct lab *l, const struct role *r, char dst[512])
{
	return lab_path(l, dst, "internet/knot-%s.conf", r->name);
}

static bool is_signed(const char *zone)
{
	return strcmp(zone, ".") == 0 || strcmp(zone, "example.") == 0 || strcmp(zone, "news.example.") == 0 ||
	       strcmp(zone, "bogus.example.") == 0;
}

static int write_conf(const struct lab *l, const struct role *r, struct err *err)
{
	char from[512], to[512], dir[512];
	const char *pairs[] = { "@DIR@", l->dir, "@ROLE@", r->name, "@LISTEN@", r->listen, NULL };
	snprintf(from, sizeof from, "%s/lab/internet/knot.conf", l->source);
	int res = lab_copy(from, role_conf(l, r, to), pairs, err);
	res = res < 0 ? res : fs_mkdirs(lab_path(l, dir, "internet/knot-%s", r->name), 0777, err);
	struct buf b;
	buf_init(&b, MIB);
	if (res == 0)
		res = fs_read(to, &b, err);
	for (size_t i = 0; i < ARRAY_LEN(r->zones) && r->zones[i]; i++) {
		const char *zone = r->zones[i], *file = strcmp(zone, ".") == 0 ? "root" : zone;
		buf_printf(&b, "  - domain: %s\n    file: %.*s.zone\n", zone, (int)strlen(file) - (file == zone), file);
		if (is_signed(zone))
			buf_puts(&b, "    dnssec-signing: on\n    dnssec-policy: manual\n");
	}
	res = res < 0 ? res : fs_write(to, buf_view(&b), 0644, err);
	buf_done(&b);
	return res;
}

/* Makes the zone's keys and takes its SHA-256 DS record: "example. DS 1234 13 2 abcd…". */
static int make_keys(const struct lab *l, const struct role *r, const char *zone, char ds[256], struct err *err)
{
	char conf[512];
	const char *gen[] = { "keymgr", "-c", role_conf(l, r, conf), zone, "generate", "algorithm=ECDSAP256SHA256",
		              "ksk=yes", "zsk=yes", NULL };
	const char *show[] = { "keymgr", "-c", conf, zone, "ds", NULL };
	struct buf out;
	buf_init(&out, 64 * KIB);
	int res = lab_run_in(l, NULL, gen, NULL, err);
	res = res < 0 ? res : lab_run_in(l, NULL, show, &out, err);
	struct str rest = buf_view(&out), row;
	ds[0] = 0;
	while (res == 0 && str_next(&rest, '\n', &row))
		if (row.len && memmem(row.ptr, row.len, " 13 2 ", 6))
			str_copy(row, ds, 256);
	if (res == 0 && !ds[0])
		res = err_set(err, E_IO, zone, "keymgr gave no DS record: %s", buf_cstr(&out));
	buf_done(&out);
	return res;
}

static int append(const char *path, const char *row, struct err *err)
{
	struct buf b;
	buf_init(&b, MIB);
	int r = fs_read(path, &b, err);
	buf_printf(&b, "%s\n", row);
	r = r < 0 ? r : fs_write(path, buf_view(&b), 0644, err);
	buf_done(&b);
	return r;
}

/* The DS goes into the parent's zone; the root's becomes the cloud's trust anchor; bogus.example gets a wrong one. */
static int publish_ds(const struct lab *l, const char *zone, const char *ds, struct err *err)
{
	char path[512];
	if (strcmp(zone, ".") == 0)
		return fs_write(lab_path(l, path, "internet/root.ds"), str_from(ds), 0644, err);
	if (strcmp(zone, "bogus.example.") == 0)
		ds = "bogus.example. DS 4711 13 2 "
		     "0000000000000000000000000000000000000000000000000000000000000000";
	return append(lab_path(l, path, "internet/zones/%s.zone", strcmp(zone, "example.") == 0 ? "root" : "example"), ds, err);
}

static int copy_zones(const struct lab *l, struct err *err)
{
	static const char *const names[] = { "root", "example", "news.example", "bank.example", "phish.example",
		                             "bogus.example", "hosting.example" };
	const char *pairs[] = { NULL };
	char from[512], to[512];
	int r = fs_mkdirs(lab_path(l, to, "internet/zones"), 0755, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(names); i++) {
		snprintf(from, sizeof from, "%.400s/lab/internet/zones/%s.zone", l->source, names[i]);
		r = lab_copy(from, lab_path(l, to, "internet/zones/%s.zone", names[i]), pairs, err);
	}
	return r;
}

/* The description's zones, as a registry has them: delegated; a zone inside another is its parent's matter. */
static bool registered(const struct lab *l, const char *name)
{
	size_t n = strlen(name);
	if (n < 8 || strcmp(name + n - 8, ".example") != 0)
		return false;
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		for (size_t i = 0; i < l->model->n_orgs; i++)
			for (size_t k = 0; k < l->model->orgs[i].n_zones; k++)
				if (strcmp(l->model->orgs[i].zones[k].name, dot + 1) == 0)
					return false;
	return true;
}

static void each_registered(const struct lab *l, void (*fn)(const struct lab *, const char *, struct buf *), struct buf *b)
{
	for (size_t i = 0; i < l->model->n_orgs; i++)
		for (size_t k = 0; k < l->model->orgs[i].n_zones; k++)
			if (registered(l, l->model->orgs[i].zones[k].name))
				fn(l, l->model->orgs[i].zones[k].name, b);
}

static void delegation(const struct lab *l, const char *zone, struct buf *b)
{
	for (size_t i = 0; i < l->model->service.n_name_servers; i++)
		buf_printf(b, "%s. NS %s.\n", zone, l->model->service.name_servers[i].name);
}

static int delegate(const struct lab *l, struct err *err)
{
	char path[512];
	struct buf b;
	buf_init(&b, 4 * MIB);
	each_registered(l, delegation, &b);
	int r = b.len ? append(lab_path(l, path, "internet/zones/example.zone"), buf_cstr(&b), err) : 0;
	buf_done(&b);
	return r;
}

static void name_of(const struct lab *l, const char *zone, struct buf *b)
{
	(void)l;
	buf_printf(b, "%s CDS\n", zone);
}

/* "ZONE TTL IN CDS …" -> "ZONE DS …" */
static void take_ds(struct str answer, struct buf *ds)
{
	struct str row;
	while (str_next(&answer, '\n', &row)) {
		const char *name_end = row.len ? memchr(row.ptr, '\t', row.len) : NULL, *at = row.len ? memmem(row.ptr, row.len, "CDS", 3) : NULL;
		if (name_end && at)
			buf_printf(ds, STR_FMT " DS" STR_FMT "\n", (int)(name_end - row.ptr), row.ptr, (int)(row.ptr + row.len - at - 3), at + 3);
	}
}

/* What a registry does that looks for CDS records (RFC 7344 section 6; the first time as RFC 8078 section 3.3: taken on trust):
 * their DS records go into the parent. */
int lab_registry(const struct lab *l, struct err *err)
{
	char server[80], text[PREFIX_TEXT], names[512], path[512], sock[512];
	struct buf b, out, ds;
	if (!l->model->service.n_name_servers)
		return 0;
	buf_init(&b, 4 * MIB);
	buf_init(&out, 4 * MIB);
	buf_init(&ds, 4 * MIB);
	snprintf(server, sizeof server, "@%s", prefix_format_addr(&l->model->service.name_servers[0].addr4, text));
	each_registered(l, name_of, &b);
	const char *ask[] = { "dig", server, "+noall", "+answer", "+tcp", "-f", lab_path(l, names, "internet/registered"), NULL };
	const char *load[] = { "knotc", "-s", lab_path(l, sock, "internet/knot-tld/knot.sock"), "zone-reload", "example.", NULL };
	int r = fs_write(names, buf_view(&b), 0644, err);
	if (r == 0 && b.len)
		r = lab_run_in(l, "inet", ask, &out, err);
	take_ds(buf_view(&out), &ds);
	if (r == 0 && ds.len) {
		r = append(lab_path(l, path, "internet/zones/example.zone"), buf_cstr(&ds), err);
		r = r < 0 ? r : lab_run_in(l, "inet", load, NULL, err);
	}
	buf_done(&b);
	buf_done(&out);
	buf_done(&ds);
	return r;
}

static int name_servers(const struct lab *l, struct err *err)
{
	int r = copy_zones(l, err);
	r = r < 0 ? r : delegate(l, err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(roles); i++)
		r = write_conf(l, &roles[i], err);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(roles); i++)
		for (size_t k = 0; r == 0 && k < ARRAY_LEN(roles[i].zones) && roles[i].zones[k]; k++) {
			char ds[256];
			if (!is_signed(roles[i].zones[k]))
				continue;
			r = make_keys(l, &roles[i], roles[i].zones[k], ds, err);
			r = r < 0 ? r : publish_ds(l, roles[i].zones[k], ds, err);
		}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(roles); i++) {
		char conf[512], name[32];
		const char *argv[] = { "knotd", "-c", role_conf(l, &roles[i], conf), NULL };
		snprintf(name, sizeof name, "knot-%s", roles[i].name);
		r = lab_spawn(l, "inet", name, argv, NULL, err);
	}
	return r;
}

/* ---- web ---- */

static int file_of(const struct lab *l, const char *path, struct str data, struct err *err)
{
	char to[512], dir[512];
	lab_path(l, to, "internet/www/%s", path);
	snprintf(dir, sizeof dir, "%s", to);
	*strrchr(dir, '/') = 0;
	int r = fs_mkdirs(dir, 0755, err);
	return r < 0 ? r : fs_write(to, data, 0644, err);
}

/* The EICAR test file, put together here so that this source isn't taken for one. */
static int eicar(const struct lab *l, const char *path, struct err *err)
{
	char text[80];
	snprintf(text, sizeof text, "%s%s", "X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
	return file_of(l, path, str_from(text), err);
}

static int sized(const struct lab *l, const char *path, size_t n, struct err *err)
{
	struct buf b;
	buf_init(&b, n);
	if (buf_room(&b, n)) {
		b.len = n;
		memset(b.ptr, 'a', n);
	}
	int r = file_of(l, path, buf_view(&b), err);
	buf_done(&b);
	return r;
}

static int contents(const struct lab *l, struct err *err)
{
	int r = file_of(l, "news/index.html", STR("<!doctype html><title>news</title><p>today's news</p>\n"), err);
	r = r < 0 ? r : file_of(l, "bank/index.html", STR("<!doctype html><title>bank</title>\n"), err);
	r = r < 0 ? r : file_of(l, "phish/index.html", STR("<!doctype html><title>login</title><a href=/invoice.pdf.exe>invoice</a>\n"), err);
	r = r < 0 ? r : eicar(l, "phish/eicar.com", err);
	r = r < 0 ? r : eicar(l, "phish/invoice.pdf.exe", err);
	r = r < 0 ? r : file_of(l, "phish/photo.png", STR("MZ........This program cannot be run in DOS mode.\r\n$ and so on\n"), err);
	r = r < 0 ? r : sized(l, "news/10k.bin", 10 * KIB, err);
	r = r < 0 ? r : sized(l, "news/131k.bin", 131 * KIB, err);
	r = r < 0 ? r : sized(l, "news/1m.bin", MIB, err);
	return r < 0 ? r : sized(l, "c2/slow", MIB, err);
}

/* A certificate authority of the lab's Internet, and one certificate for all its sites. */
static int certificates(const struct lab *l, struct err *err)
{
	char key[512], ca[512], skey[512], csr[512], pem[512], ext[512];
	lab_path(l, key, "internet/ca.key");
	lab_path(l, ca, "internet/ca.pem");
	lab_path(l, skey, "internet/site.key");
	lab_path(l, csr, "internet/site.csr");
	lab_path(l, pem, "internet/site.pem");
	int r = fs_write(lab_path(l, ext, "internet/site.ext"),
	                 STR("subjectAltName=DNS:www.news.example,DNS:static.news.example,DNS:www.bank.example,DNS:saas.example,"
	                     "DNS:sns.example,DNS:login.phish.example,DNS:c2.example\nextendedKeyUsage=serverAuth\n"), 0644, err);
	const char *make_ca[] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		                  "-keyout", key, "-out", ca, "-days", "30", "-subj", "/CN=Lab Internet CA", NULL };
	const char *request[] = { "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
		                  skey, "-out", csr, "-subj", "/CN=www.news.example", NULL };
	const char *sign[] = { "openssl", "x509", "-req", "-in", csr, "-CA", ca, "-CAkey", key, "-CAcreateserial", "-out", pem,
		               "-days", "30", "-extfile", ext, NULL };
	r = r < 0 ? r : lab_run_in(l, NULL, make_ca, NULL, err);
	r = r < 0 ? r : lab_run_in(l, NULL, request, NULL, err);
	return r < 0 ? r : lab_run_in(l, NULL, sign, NULL, err);
}

static int web(const struct lab *l, struct err *err)
{
	char from[512], to[512], tmp[512];
	const char *pairs[] = { "@DIR@", l->dir, NULL };
	snprintf(from, sizeof from, "%.400s/lab/internet/nginx.conf", l->source);
	int r = lab_copy(from, lab_path(l, to, "internet/nginx.conf"), pairs, err);
	r = r < 0 ? r : fs_mkdirs(lab_path(l, tmp, "internet/tmp"), 0777, err);
	r = r < 0 ? r : contents(l, err);
	r = r < 0 ? r : certificates(l, err);
	const char *argv[] = { "nginx", "-c", to, "-p", l->dir, "-e", "/dev/stderr", NULL };
	return r < 0 ? r : lab_spawn(l, "inet", "web", argv, NULL, err);
}

static int mail_host(const struct lab *l, struct err *err)
{
	char pattern[512];
	const char *argv[] = { "/usr/sbin/smtp-sink", "-u", "root", "-d", lab_path(l, pattern, "mail/%%M."), "-h", "mail.toride.example",
		               "203.0.113.25:25", "100", NULL };
	return lab_spawn(l, "inet", "mail", argv, NULL, err);
}

/* internet/NAME.key and NAME.pem: a server's certificate by the lab's authority. */
static int certify(const struct lab *l, const char *name, const char *alt_name, struct err *err)
{
	char key[512], csr[512], pem[512], ext[512], ca[512], ca_key[512], text[256], subject[80];
	const char *request[] = { "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
		                  lab_path(l, key, "internet/%s.key", name), "-out", lab_path(l, csr, "internet/%s.csr", name), "-subj", subject, NULL };
	const char *sign[] = { "openssl", "x509", "-req", "-in", csr, "-CA", lab_path(l, ca, "internet/ca.pem"), "-CAkey",
		               lab_path(l, ca_key, "internet/ca.key"), "-CAcreateserial", "-out", lab_path(l, pem, "internet/%s.pem", name), "-days", "30",
		               "-extfile", lab_path(l, ext, "internet/%s.ext", name), NULL };
	snprintf(subject, sizeof subject, "/CN=%s", name);
	snprintf(text, sizeof text, "subjectAltName=%s\nextendedKeyUsage=serverAuth\n", alt_name);
	int r = fs_write(ext, str_from(text), 0644, err);
	r = r < 0 ? r : lab_run_in(l, NULL, request, NULL, err);
	return r < 0 ? r : lab_run_in(l, NULL, sign, NULL, err);
}

/* The time service: chronyd with NTS (RFC 8915); it doesn't touch the clock. */
static int time_server(const struct lab *l, struct err *err)
{
	char conf[512], from[512];
	const char *pairs[] = { "@DIR@", l->dir, NULL };
	int r = certify(l, "time", "IP:203.0.113.123", err);
	snprintf(from, sizeof from, "%.400s/lab/internet/chrony.conf", l->source);
	r = r < 0 ? r : lab_copy(from, lab_path(l, conf, "internet/chrony.conf"), pairs, err);
	const char *argv[] = { "chronyd", "-d", "-x", "-f", conf, NULL };
	return r < 0 ? r : lab_spawn(l, "inet", "time", argv, NULL, err);
}

/* The certificate authority by ACME (RFC 8555): Pebble, which refuses some nonces on purpose. It asks a name server of its own
 * kind that leads every name to the public sites' address. */
static int acme_server(const struct lab *l, struct err *err)
{
	char conf[512], from[512], web[PREFIX_TEXT];
	const char *pairs[] = { "@DIR@", l->dir, NULL };
	if (!*l->model->service.acme)
		return 0;
	int r = certify(l, "acme", "DNS:ca.hosting.example", err);
	snprintf(from, sizeof from, "%.400s/lab/internet/pebble.json", l->source);
	r = r < 0 ? r : lab_copy(from, lab_path(l, conf, "internet/pebble.json"), pairs, err);
	const char *dns[] = { "pebble-challtestsrv", "-dns01", "203.0.113.14:8053", "-http01", "", "-https01", "", "-tlsalpn01", "", "-management",
		              "127.0.0.1:8055", "-defaultIPv4", prefix_format_addr(&l->model->service.web4, web), "-defaultIPv6", "", NULL };
	const char *ca[] = { "env", "PEBBLE_WFE_NONCEREJECT=20", "PEBBLE_VA_NOSLEEP=1", "pebble", "-strict", "-config", conf, "-dnsserver", "203.0.113.14:8053", NULL };
	r = r < 0 ? r : lab_spawn(l, "inet", "acme-dns", dns, NULL, err);
	return r < 0 ? r : lab_spawn(l, "inet", "acme", ca, NULL, err);
}

int lab_internet_up(const struct lab *l, struct err *err)
{
	int r = name_servers(l, err);
	r = r < 0 ? r : web(l, err);
	r = r < 0 ? r : time_server(l, err);
	r = r < 0 ? r : acme_server(l, err);
	r = r < 0 ? r : lab_upstream(l, err);
	return r < 0 ? r : mail_host(l, err);
}

/* ---- the organisations' own servers ---- */

/* Squid calls itself, and its shared memory, PREFIXCODEproxyN: letters and digits only, and two labs never meet. */
static int child_proxy(const struct lab *l, const struct org *o, size_t k, struct err *err)
{
	char host[64], name[64], dir[512], from[512], to[512], listen[96], parent[PREFIX_TEXT], port[8], addr[PREFIX_TEXT],
		dns[PREFIX_TEXT];
	snprintf(host, sizeof host, "%s-proxy%zu", o->code, k + 1);
	snprintf(from, sizeof from, "%.400s/lab/org/squid.conf", l->source);
	snprintf(listen, sizeof listen, "%s:3128", prefix_format_addr(&o->child_proxies[k], addr));
	snprintf(port, sizeof port, "%u", l->model->service.proxy_port);
	prefix_format_addr(&l->model->service.proxy4, parent);
	prefix_format_addr(&l->model->service.dns4, dns);
	int r = fs_mkdirs(lab_path(l, dir, "org/%s", host), 0777, err);
	const char *pairs[] = { "@DIR@", dir, "@LISTEN@", listen, "@PARENT@", parent, "@PORT@", port, "@DNS@", dns, NULL };
	r = r < 0 ? r : lab_copy(from, lab_path(l, to, "org/%s/squid.conf", host), pairs, err);
	const char *own[] = { "chown", "-R", "proxy:proxy", dir, NULL };
	r = r < 0 ? r : lab_run_in(l, NULL, own, NULL, err);
	const char *argv[] = { "squid", "-N", "-n", name, "-f", to, NULL };
	snprintf(name, sizeof name, "%s%sproxy%zu", l->prefix, o->code, k + 1);
	return r < 0 ? r : lab_spawn(l, host, host, argv, NULL, err);
}

static void web_server(struct buf *b, const struct site *s, const struct site_origin *g, const char *dir)
{
	char addr[PREFIX_TEXT];
	bool v6 = g->addr.family == 6;
	buf_printf(b, "    server { listen %s%s%s:%u; server_name %s; root %s/www; include %s/site.conf; }\n", v6 ? "[" : "",
	           prefix_format_addr(&g->addr, addr), v6 ? "]" : "", g->port, s->name, dir, dir);
}

/* One nginx for all origins of an organisation. */
static int web_origins(const struct lab *l, const struct org *o, struct err *err)
{
	char host[64], dir[512], from[512], to[512], www[512];
	struct buf servers;
	buf_init(&servers, MIB);
	snprintf(host, sizeof host, "%s-web", o->code);
	lab_path(l, dir, "org/%s", host);
	for (size_t i = 0; i < o->n_sites; i++)
		for (size_t k = 0; k < o->sites[i].n_origins; k++)
			web_server(&servers, &o->sites[i], &o->sites[i].origins[k], dir);
	int r = fs_mkdirs(lab_path(l, www, "org/%s/www", host), 0777, err);
	const char *pairs[] = { "@SERVERS@", buf_cstr(&servers), "@DIR@", dir, "@CODE@", o->code, NULL };
	snprintf(from, sizeof from, "%.400s/lab/org/web.conf", l->source);
	r = r < 0 ? r : lab_copy(from, lab_path(l, to, "org/%s/nginx.conf", host), pairs, err);
	snprintf(from, sizeof from, "%.400s/lab/org/site.conf", l->source);
	r = r < 0 ? r : lab_copy(from, lab_path(l, www, "org/%s/site.conf", host), pairs, err);
	const char *argv[] = { "nginx", "-c", to, "-p", dir, "-e", "/dev/stderr", NULL };
	r = r < 0 ? r : lab_spawn(l, o->code, host, argv, NULL, err);
	buf_done(&servers);
	return r;
}

int lab_orgs_up(const struct lab *l, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < l->model->n_orgs; i++)
		r = l->model->orgs[i].n_sites ? web_origins(l, &l->model->orgs[i], err) : 0;
	for (size_t i = 0; r == 0 && i < l->model->n_orgs; i++)
		for (size_t k = 0; r == 0 && k < l->model->orgs[i].n_child_proxies; k++)
			r = child_proxy(l, &l->model->orgs[i], k, err);
	return r;
}

static int remove_shared(const char *name, void *user)
{
	const struct lab *l = user;
	size_t n = strlen(l->prefix);
	char path[300];
	if (strncmp(name, l->prefix, n) != 0 || strspn(name + n, "0123456789") != 6 || strncmp(name + n + 6, "proxy", 5) != 0)
		return 0;
	if (snprintf(path, sizeof path, "/dev/shm/%s", name) < (int)sizeof path)
		unlink(path);
	return 0;
}

/* A Squid that was killed leaves its shared memory. */
void lab_orgs_down(const struct lab *l)
{
	fs_list("/dev/shm", remove_shared, (void *)(uintptr_t)l, NULL);
}
