/* portald.json: names of the bodies for the page; authd.json: who may sign in from whose network; nginx/nginx.conf: the server in front
 * of the page, nginx/tls.names: the name that its certificate is made for (daemon/tls.h), empty where bodies don't reach it. torided starts nginx
 * with `-p RUN/nginx` (logs and temporary files lie there) and `-g "daemon off;"`. It listens on the page's own loopback address, in TLS on the
 * address that each body's questions to service.desk are rewritten to (nft.c), and nowhere else; that address says which body's network somebody
 * comes by. It takes GET, HEAD and POST only, and speaks SCGI to portald over a UNIX socket. */
#include "compile/compile.h"

#include "base/err.h"
#include "base/mem.h"
#include "compile/edge.h"
#include "compile/emit.h"

static const char *state_name(enum org_state s)
{
	static const char *const names[] = { "preparing", "migrating", "live", "watched", "leaving" };
	return names[s];
}

static int put_json(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 4 * MIB);
	buf_puts(&b, "{\"v\":1");
	json_field_s(&b, "service", m->service.name);
	json_field_s(&b, "service_en", m->service.name_en);
	json_key(&b, "orgs");
	buf_putc(&b, '[');
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		buf_puts(&b, i ? ",\n{" : "\n{");
		json_field_s(&b, "code", o->code);
		json_field_s(&b, "name", o->name);
		json_field_s(&b, "name_en", o->name_en);
		json_field_s(&b, "state", state_name(o->state));
		buf_putc(&b, '}');
	}
	buf_puts(&b, "]}\n");
	return emit(out, "portald.json", &b, err);
}

/* These words go into a configuration language: only what can't end a word there. */
static bool is_plain(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:[]-") == strlen(s);
}

static const char params[] =
	"      scgi_param SCGI 1;\n"
	"      scgi_param REQUEST_METHOD $request_method;\n"
	"      scgi_param DOCUMENT_URI $document_uri;\n"
	"      scgi_param QUERY_STRING $query_string;\n"
	"      scgi_param CONTENT_LENGTH $content_length;\n"
	"      scgi_param CONTENT_TYPE $content_type;\n"
	"      scgi_param REMOTE_ADDR $remote_addr;\n"
	"      scgi_param HTTPS $https;\n"
	"      scgi_param HTTP_HOST $http_host;\n"
	"      scgi_param HTTP_COOKIE $http_cookie;\n"
	"      scgi_param HTTP_ORIGIN $http_origin;\n"
	"      scgi_param HTTP_SEC_FETCH_SITE $http_sec_fetch_site;\n"
	"      scgi_param HTTP_ACCEPT_LANGUAGE $http_accept_language;\n";

/* What both servers say and do. way: by which somebody came; more: headers of TLS alone (a location's own would replace them all). */
static void put_location(struct buf *b, const struct service *s, const char *way, const char *more)
{
	buf_printf(b,
	           "    add_header X-Content-Type-Options nosniff always;\n"
	           "    add_header X-Frame-Options DENY always;\n"
	           "    add_header Referrer-Policy same-origin always;\n"
	           "    add_header Cross-Origin-Resource-Policy same-origin always;\n"
	           "    add_header Cross-Origin-Opener-Policy same-origin always;\n%s"
	           "    if ($request_method !~ ^(GET|HEAD|POST)$) { return 405; }\n"
	           "    location / {\n      scgi_pass unix:%s/portal.sock;\n      scgi_read_timeout 30s;\n      scgi_request_buffering on;\n"
	           "      scgi_pass_request_headers off;\n      scgi_param TORIDE_WAY %s;\n%s    }\n  }\n",
	           more, s->run_dir, way, params);
}

/* Calls put for each body's address of the desk. */
static void each_way(struct buf *b, const struct model *m, void (*put)(struct buf *b, const char *addr, const char *code))
{
	for (size_t i = 0; i < m->n_orgs; i++)
		for (int family = 4; family <= 6; family += 2) {
			struct prefix p = internal_served(m, &m->orgs[i], family, INTERNAL_DESK);
			char text[PREFIX_TEXT];
			if (prefix_is_set(&p))
				put(b, prefix_format_addr(&p, text), m->orgs[i].code);
		}
}

static void put_way(struct buf *b, const char *addr, const char *code)
{
	buf_printf(b, "    %s %s;\n", addr, code);
}

static void put_listener(struct buf *b, const char *addr, const char *code)
{
	(void)code;
	buf_printf(b, strchr(addr, ':') ? "    listen [%s]:443 ssl http2;\n" : "    listen %s:443 ssl http2;\n", addr);
}

/* The settings of the public sites (edge.c), from the CRYPTREC and IPA guide. Another name than the desk's gets no handshake. */
static void put_tls(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	buf_printf(b, "  ssl_certificate %s/nginx/tls.pem;\n  ssl_certificate_key %s/nginx/tls.key;\n", s->run_dir, s->run_dir);
	buf_puts(b, TLS_GUIDE);
	buf_puts(b, "  server {\n");
	each_way(b, m, put_listener);
	buf_printf(b, "    server_name _;\n    ssl_reject_handshake on;\n  }\n  server {\n");
	each_way(b, m, put_listener);
	buf_printf(b, "    server_name %s;\n", s->desk.name);
	/* RFC 6797; half a year */
	put_location(b, s, "$way", "    add_header Strict-Transport-Security \"max-age=15768000\" always;\n");
}

static int put_nginx(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf b;
	if (!is_plain(s->page) || !is_plain(s->run_dir) || (desk_served(s) && !is_plain(s->desk.name)))
		return err_set(err, E_INVALID, "service.page", "not fit for nginx's configuration");
	buf_init(&b, 4 * MIB);
	buf_printf(&b,
	           "# Written by toride compile. The page of %s.\n"
	           "worker_processes 1;\nworker_rlimit_nofile 16384;\npid nginx.pid;\nerror_log stderr warn;\npcre_jit off;\n"
	           "events { worker_connections 8192; }\n"
	           "http {\n"
	           "  server_tokens off;\n  access_log off;\n  default_type application/octet-stream;\n"
	           "  client_body_temp_path body;\n  proxy_temp_path proxy;\n  fastcgi_temp_path fastcgi;\n"
	           "  uwsgi_temp_path uwsgi;\n  scgi_temp_path scgi;\n"
	           "  client_max_body_size 32k;\n  client_header_timeout 10s;\n  client_body_timeout 10s;\n  send_timeout 10s;\n"
	           "  keepalive_timeout 30s;\n  large_client_header_buffers 4 8k;\n"
	           "  map_hash_max_size 16384;\n  map $server_addr $way {\n    default \"\";\n" /* one that isn't known is nobody's (account/way.h) */,
	           m->digest[0] ? m->digest : "this generation");
	each_way(&b, m, put_way);
	buf_printf(&b, "  }\n  server {\n    listen %s;\n    server_name _;\n", s->page);
	put_location(&b, s, "node", "");
	if (desk_served(s))
		put_tls(&b, m);
	buf_puts(&b, "}\n");
	return emit(out, "nginx/nginx.conf", &b, err);
}

static int put_names(const struct service *s, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, KIB);
	if (desk_served(s))
		buf_printf(&b, "%s\n", s->desk.name);
	return emit(out, "nginx/tls.names", &b, err);
}

/* Accounts are no part of a description: who has one is said at the node, and stays when a generation goes. From where they may sign in is:
 * each body's network has a say, the node's own loopback (a tunnel) none. */
static int put_authd(const struct model *m, struct outset *out, struct err *err)
{
	static const char *const people[] = { [DESK_OFF] = "off", [DESK_OWN] = "own", [DESK_ALL] = "all" };
	struct buf b;
	buf_init(&b, MIB);
	buf_puts(&b, "{\"v\":1");
	json_field_s(&b, "name", desk_served(&m->service) ? m->service.desk.name : ""); /* what passkeys are for */
	json_key(&b, "ways");
	buf_putc(&b, '[');
	for (size_t i = 0; i < m->n_orgs; i++) {
		buf_puts(&b, i ? ",\n{" : "\n{");
		json_field_s(&b, "org", m->orgs[i].code);
		json_field_s(&b, "people", people[m->orgs[i].desk]);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "]}\n");
	return emit(out, "authd.json", &b, err);
}

int compile_portald(const struct model *m, struct outset *out, struct err *err)
{
	int r = put_json(m, out, err);
	r = r < 0 ? r : put_authd(m, out, err);
	r = r < 0 ? r : put_names(&m->service, out, err);
	return r < 0 ? r : put_nginx(m, out, err);
}
