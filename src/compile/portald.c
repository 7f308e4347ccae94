/* portald.json: names of the bodies for the page; nginx/nginx.conf: the server in front of it. torided starts nginx
 * with `-p RUN/nginx` (logs and temporary files lie there) and `-g "daemon off;"`. It listens on the page's own
 * loopback address and nothing else, takes GET, HEAD and POST only, and speaks SCGI to portald over a UNIX socket. */
#include "compile/compile.h"

#include "base/err.h"
#include "base/mem.h"
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
	"      scgi_param HTTP_HOST $http_host;\n"
	"      scgi_param HTTP_COOKIE $http_cookie;\n"
	"      scgi_param HTTP_ORIGIN $http_origin;\n"
	"      scgi_param HTTP_SEC_FETCH_SITE $http_sec_fetch_site;\n"
	"      scgi_param HTTP_ACCEPT_LANGUAGE $http_accept_language;\n";

static int put_nginx(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf b;
	if (!is_plain(s->page) || !is_plain(s->run_dir))
		return err_set(err, E_INVALID, "service.page", "not fit for nginx's configuration");
	buf_init(&b, 64 * KIB);
	buf_printf(&b,
	           "# Written by toride compile. The page of %s.\n"
	           "worker_processes 1;\npid nginx.pid;\nerror_log stderr warn;\npcre_jit off;\n"
	           "events { worker_connections 256; }\n"
	           "http {\n"
	           "  server_tokens off;\n  access_log off;\n  default_type application/octet-stream;\n"
	           "  client_body_temp_path body;\n  proxy_temp_path proxy;\n  fastcgi_temp_path fastcgi;\n"
	           "  uwsgi_temp_path uwsgi;\n  scgi_temp_path scgi;\n"
	           "  client_max_body_size 32k;\n  client_header_timeout 10s;\n  client_body_timeout 10s;\n  send_timeout 10s;\n"
	           "  keepalive_timeout 30s;\n  large_client_header_buffers 4 8k;\n"
	           "  server {\n    listen %s;\n    server_name _;\n"
	           "    add_header X-Content-Type-Options nosniff always;\n"
	           "    add_header X-Frame-Options DENY always;\n"
	           "    add_header Referrer-Policy same-origin always;\n"
	           "    add_header Cross-Origin-Resource-Policy same-origin always;\n"
	           "    add_header Cross-Origin-Opener-Policy same-origin always;\n"
	           "    if ($request_method !~ ^(GET|HEAD|POST)$) { return 405; }\n"
	           "    location / {\n      scgi_pass unix:%s/portal.sock;\n      scgi_read_timeout 30s;\n      scgi_request_buffering on;\n"
	           "      scgi_pass_request_headers off;\n%s    }\n  }\n}\n",
	           m->digest[0] ? m->digest : "this generation", s->page, s->run_dir, params);
	return emit(out, "nginx/nginx.conf", &b, err);
}

/* Accounts are no part of a description: who may sign in is said at the node, and stays when a generation goes. */
static int put_authd(struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 64);
	buf_puts(&b, "{\"v\":1}\n");
	return emit(out, "authd.json", &b, err);
}

int compile_portald(const struct model *m, struct outset *out, struct err *err)
{
	int r = put_json(m, out, err);
	r = r < 0 ? r : put_authd(out, err);
	return r < 0 ? r : put_nginx(m, out, err);
}
