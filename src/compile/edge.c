/* The reverse proxy of the public sites: nginx with the WAF, on the outside. M-014, M-020, F-14; S-07.
 *
 * edge/nginx.conf    the server. check.conf is the same with other listeners, for the dry run by a user who may bind neither
 *                    low ports nor an address that isn't there yet
 * edge/waf.conf      the WAF (edge_waf.c)
 * edge/certs/NAME.pem  a site's certificates; its key stays in the vault (daemon/engine.c)
 * edge/acme          names of the sites whose certificate is got by ACME (daemon/acmed.c): they lie in STATE/acme/live, outside of generations
 * edge/none.pem      what stands there until there is one: a certificate whose key nobody has
 * edge/stores        "NAME ORG STORE STALE_S" a line: which site's pages are kept where, and how long after they ceased to be fresh
 *                    (0: nothing that isn't is shown; daemon/purged.c)
 * edge/pages/        what a visitor sees when no page can be had
 * edge/generation    a digest of these, which the server answers on RUN/edge/status.sock: a reload of nginx says nothing
 * edge/canary.conf   a question to each site from its organisation's reserved address, as a configuration of curl
 * edge/canary.expect the answers, byte by byte
 *
 * One address serves all; the name decides. An origin inside an organisation is asked from 100.64.INDEX.1, whose routing
 * table leads to that body alone, so that two bodies' servers may both be 10.1.0.80. Nothing a client says about itself
 * (X-Forwarded-For and the like) goes on to the origin or into a record. */
#include "compile/edge.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

struct edge_out {
	const struct model *m;
	bool dry; /* check.conf */
	struct buf *b;
	char digest[2 * SHA256_LEN + 1];
};

/* Made once, its key never written down: nginx wants a file before the authority has been asked, and a handshake with it fails. */
static const char no_certificate[] =
	"base64:MIIBjjCCATSgAwIBAgIUCJfRlv8WALIQTtrZrZSXVo92kJ8wCgYIKoZIzj0EAwIwHTEbMBkGA1UEAwwSbm8gY2VydGlmaWNhdGUgeWV0MCAXDTI2MTEyOTAx"
	"MjEyNVoYDzIxMjYxMTA1MDEyMTI1WjAdMRswGQYDVQQDDBJubyBjZXJ0aWZpY2F0ZSB5ZXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT/BUL9rZmFYPEy"
	"zm1NMM38sAW61gX1+dfjVtIxktKuuhTyBxv83QW95V1EW4pPGG9Tsai+4gdjP6HfukAy+ohro1AwTjAdBgNVHQ4EFgQUWZqUk9cC6k0mb0/+dt+UjrP2TtUw"
	"HwYDVR0jBBgwFoAUWZqUk9cC6k0mb0/+dt+UjrP2TtUwDAYDVR0TAQH/BAIwADAKBggqhkjOPQQDAgNIADBFAiEA74aPu43oB3X66ScnW8FsOogbtrrJIyYg"
	"kSfATgeqdUcCIH6jOSQldS3k6uzFlJgZoqto/t1VnpVgWPgYi+R7Ge5d";

bool edge_any(const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		if (m->orgs[i].n_sites)
			return true;
	return false;
}

static bool has_tls(const struct site *s)
{
	return s->n_certificate || s->acme;
}

static void line(struct edge_out *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void line(struct edge_out *e, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_puts(e->b, text);
	buf_putc(e->b, '\n');
}

/* "198.51.100.3", "[2001:db8::3]" */
static const char *host_of(const struct prefix *p, char dst[PREFIX_TEXT + 2])
{
	char text[PREFIX_TEXT];
	snprintf(dst, PREFIX_TEXT + 2, p->family == 6 ? "[%s]" : "%s", prefix_format_addr(p, text));
	return dst;
}

static void listeners(struct edge_out *e, unsigned port, const char *options)
{
	const struct prefix *web[] = { &e->m->service.web4, &e->m->service.web6 };
	char text[PREFIX_TEXT + 2];
	if (e->dry) {
		line(e, "    listen 127.0.0.1:%u%s;", 18000 + port, options);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(web); i++)
		if (prefix_is_set(web[i]))
			line(e, "    listen %s:%u%s;", host_of(web[i], text), port, options);
}

/* ---- a site ---- */

/* Slow start. nginx takes a third of its weight from an origin that fails, and gives it back by one a request of the group: with the
 * largest weight at 200, one that is back gets its whole share after 200 requests, and with the weights as people write them (1 : 1) it
 * would at once. */
#define WEIGHT_TOP 200

static unsigned weight(const struct site *s, const struct site_origin *g)
{
	unsigned top = 1;
	for (size_t i = 0; i < s->n_origins; i++)
		top = s->origins[i].weight > top ? s->origins[i].weight : top;
	return s->n_origins > 1 ? g->weight * WEIGHT_TOP / top : g->weight;
}

/* Whom the server asks for the origin: over an inspected leg the place that stands for it. */
static const struct prefix *asked_at(const struct leg_origin *leg, size_t n, const struct prefix *addr)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_contains(&leg[i].addr, addr))
			return &leg[i].place;
	return addr;
}

/* Of several origins the workers share what they know (zone). An origin closes what is idle when it likes (Apache after 5 s), and a form
 * that is being sent just then can't be sent again: we close first. */
static void upstream(struct edge_out *e, const struct org *o, size_t n)
{
	const struct site *s = &o->sites[n];
	struct leg_origin leg[LEG_ORIGINS_MAX];
	size_t n_leg = leg_origins(e->m, o, leg);
	char text[PREFIX_TEXT + 2];
	line(e, "  upstream %s_%zu {", o->code, n);
	if (s->n_origins > 1)
		line(e, "    zone up_%s_%zu 32k;", o->code, n);
	for (size_t i = 0; i < s->n_origins; i++) {
		const struct site_origin *g = &s->origins[i];
		line(e, "    server %s:%u weight=%u max_fails=3 fail_timeout=10s%s;", host_of(asked_at(leg, n_leg, &g->addr), text), g->port, weight(s, g),
		     g->backup ? " backup" : "");
	}
	line(e, "    keepalive 8;\n    keepalive_timeout 4s;%s\n  }", s->cache_s ? "\n    kept;" : "");
}

/* The node's own address towards the organisation: it names the routing table, or the leg. */
static void from_address(struct edge_out *e, const struct org *o, const struct site *s)
{
	char text[PREFIX_TEXT];
	struct leg_origin leg[LEG_ORIGINS_MAX];
	const struct prefix *first = &s->origins[0].addr;
	bool over_leg = asked_at(leg, leg_origins(e->m, o, leg), first) != first;
	uint8_t host = over_leg ? INTERNAL_LEG : INTERNAL_GATEWAY;
	struct prefix from = first->family == 4 ? internal4(e->m, o, host) : internal6(o, host);
	if (over_leg || origin_inside(o, first))
		line(e, "      proxy_bind %s;", prefix_format_addr(&from, text));
}

static void names(struct edge_out *e, const struct site *s)
{
	buf_printf(e->b, "    server_name %s", s->name);
	for (size_t i = 0; i < s->n_aliases; i++)
		buf_printf(e->b, " %s", s->aliases[i]);
	buf_puts(e->b, ";\n");
}

static void canary_answer(struct edge_out *e, const struct org *o, const struct site *s)
{
	line(e, "    location = /.well-known/toride-canary {\n      modsecurity off;\n      access_log off;\n      if ($from_node = 0) { return 404; }\n"
	        "      return 200 \"%s %s %s\\n\";\n    }", o->code, s->name, e->digest);
}

/* Who asks in the clear is led to the same place in TLS; the canary and certificate authorities (RFC 8555 section 8.3) aren't. */
static void plain_server(struct edge_out *e, const struct org *o, const struct site *s)
{
	line(e, "  server {");
	listeners(e, 80, "");
	names(e, s);
	line(e, "    modsecurity off;\n    set $org %s;\n    set $site %s;", o->code, s->name);
	if (s->acme) {
		line(e, "    location /.well-known/acme-challenge/ { alias %s/acme/challenge/; default_type application/octet-stream; }", e->m->service.state_dir);
		canary_answer(e, o, s);
	}
	line(e, "    location / { return 301 https://$host$request_uri; }\n  }");
}

/* The resolver is asked for the certificate authority's OCSP server (RFC 6960), whose answer is stapled. */
static void certificate(struct edge_out *e, const struct org *o, const struct site *s)
{
	char text[PREFIX_TEXT];
	struct prefix dns = internal4(e->m, o, INTERNAL_RESOLVER);
	char file[PREFIX_TEXT + 300];
	snprintf(file, sizeof file, !s->acme ? "current/edge/certs/%s.pem" : e->dry ? "current/edge/none.pem" : "acme/live/%s.pem", s->name);
	line(e, "    ssl_certificate %s/%s;", e->m->service.state_dir, file);
	line(e, "    ssl_certificate_key \"engine:toride:%s/%s\";", e->m->service.state_dir, file);
	line(e, "    resolver %s;", prefix_format_addr(&dns, text));
}

/* What a stranger sees while more ask than are answered (daemon/crowd_module.c); once in eight seconds of him is a record. It costs nothing: no WAF, and
 * of the limits that of forms alone, which lets a GET be. */
static void held(struct edge_out *e)
{
	const struct service *s = &e->m->service;
	line(e, "    location = /.toride/held.html {\n      internal;\n      modsecurity off;\n      alias %s/current/edge/pages/held.html;", s->state_dir);
	line(e, "      limit_req zone=form burst=%u nodelay;\n      access_log %s/edge/log/access held if=$crowd_told;", s->web_forms_per_min, s->state_dir);
	line(e, "      add_header Set-Cookie $crowd_cookie always;\n      add_header Refresh $crowd_refresh always;\n      add_header Retry-After 1 always;\n"
	        "      add_header Cache-Control no-store always;\n    }");
}

static void site(struct edge_out *e, const struct org *o, size_t n)
{
	const struct site *s = &o->sites[n];
	upstream(e, o, n);
	if (has_tls(s))
		plain_server(e, o, s);
	line(e, "  server {");
	listeners(e, has_tls(s) ? 443 : 80, has_tls(s) ? " ssl http2" : "");
	names(e, s);
	if (has_tls(s))
		certificate(e, o, s);
	line(e, "    crowd %s %u;", s->name, e->m->service.web_source_per_s);
	line(e, "    client_max_body_size %um;\n    set $org %s;\n    set $site %s;", s->body_max_mib, o->code, s->name);
	/* What a location said here would replace all the headers that are said for every site. */
	line(e, "    set $cookies %s;\n    set $credentials %s;\n    set $codings %s;", s->disaster ? "\"\"" : "$http_cookie",
	     s->disaster ? "\"\"" : "$http_authorization", s->disaster ? "\"\"" : "$http_accept_encoding");
	line(e, "    modsecurity_transaction_id \"%s-$request_id\";", o->code);
	buf_puts(e->b, "    modsecurity_rules '\n");
	edge_waf_site(e->b, s);
	line(e, "    ';");
	line(e, "    location / {\n      proxy_pass http://%s_%zu;", o->code, n);
	from_address(e, o, s);
	edge_cache_site(e->b, o, n);
	/* RFC 6797; half a year. Here, since a location's own header lines replace those of its server. */
	if (has_tls(s))
		line(e, "      add_header Strict-Transport-Security \"max-age=15768000\" always;");
	line(e, "    }");
	canary_answer(e, o, s);
	line(e, "    location /.toride/ { internal; alias %s/current/edge/pages/; }", e->m->service.state_dir);
	held(e);
	line(e, "  }");
}

/* ---- the server ---- */

static void directories(struct edge_out *e)
{
	static const char *const names_of[] = { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" };
	for (size_t i = 0; i < ARRAY_LEN(names_of); i++)
		line(e, "  %s_temp_path %s/edge/%s;", names_of[i], e->m->service.run_dir, names_of[i]);
}

static void log_format(struct edge_out *e, const char *name, const char *cache)
{
	line(e, "  log_format %s escape=json '{\"t\":\"$msec\",\"org\":\"$org\",\"site\":\"$site\",\"ref\":\"$request_id\",\"src\":\"$remote_addr\","
	        "\"port\":\"$remote_port\",\"method\":\"$request_method\",\"uri\":\"$request_uri\",\"status\":\"$status\",\"in\":\"$request_length\","
	        "\"out\":\"$bytes_sent\",\"took\":\"$request_time\",\"ua\":\"$http_user_agent\",\"referrer\":\"$http_referer\","
	        "\"cache\":\"%s\",\"ustatus\":\"$upstream_status\"}';", name, cache);
}

static void head(struct edge_out *e)
{
	const struct service *s = &e->m->service;
	line(e, "# Written by toride compile. The public sites, as the Internet reaches them.");
	line(e, "load_module /usr/lib/nginx/modules/ngx_http_modsecurity_module.so;");
	line(e, "worker_processes 2;\nworker_rlimit_nofile 65536;\nworker_shutdown_timeout 60s;");
	line(e, "pid %s/edge/%s.pid;\nerror_log stderr crit;", s->run_dir, e->dry ? "check" : "nginx");
	/* One accept a round of the loop is a few a second while hundreds of connections ask (seen in a flood: no new visitor was answered). */
	line(e, "events { worker_connections 16384; multi_accept on; }\nhttp {");
	directories(e);
	/* A client that asks many things at once over HTTP/2 loses one when its connection is ended by their number (seen with curl, at nginx's
	 * default of 1,000): that is to be rare. A slow client holds a connection, not a worker: header and body each within seconds of silence, RFC 9112 section 9.8. */
	log_format(e, "record", "$upstream_cache_status");
	log_format(e, "held", "HELD");
	line(e, "  access_log %s/edge/log/access record;\n  log_subrequest off;", s->state_dir);
	line(e, "  server_tokens off;\n  default_type application/octet-stream;\n  types { text/html html; }\n"
	        "  client_header_timeout 10s;\n  client_body_timeout 10s;\n  send_timeout 20s;\n  keepalive_timeout 30s;\n  keepalive_requests 10000;\n"
	        "  reset_timedout_connection on;\n  large_client_header_buffers 4 16k;\n  server_names_hash_bucket_size 256;\n"
	        "  variables_hash_max_size 2048;");
	line(e, "  modsecurity on;\n  modsecurity_rules_file %s/current/edge/waf.conf;", s->state_dir);
}

/* What the origin is told is ours to say. */
static void towards_origins(struct edge_out *e)
{
	line(e, "  proxy_http_version 1.1;\n  proxy_set_header Connection \"\";\n  proxy_set_header Host $host;\n"
	        "  proxy_set_header X-Forwarded-For $remote_addr;\n  proxy_set_header X-Forwarded-Proto $scheme;\n"
	        "  proxy_set_header X-Forwarded-Host $host;\n  proxy_set_header X-Real-IP $remote_addr;\n"
	        "  proxy_set_header X-Request-ID $request_id;\n  proxy_set_header Forwarded \"\";\n  proxy_set_header Via \"\";\n"
	        "  proxy_set_header Cookie $cookies;\n  proxy_set_header Authorization $credentials;\n"
	        "  proxy_set_header Accept-Encoding $codings;\n  proxy_set_header Proxy \"\";\n  proxy_set_header X-Original-URL \"\";\n  proxy_set_header X-Rewrite-URL \"\";\n"
	        "  proxy_set_header True-Client-IP \"\";\n  proxy_set_header Client-IP \"\";\n  proxy_set_header X-Client-IP \"\";\n"
	        /* A kept page may depend on nothing but its key. */
	        "  proxy_set_header X-Forwarded-Port \"\";\n  proxy_set_header X-Forwarded-Server \"\";\n  proxy_set_header X-Forwarded-Prefix \"\";\n"
	        "  proxy_set_header X-Forwarded-Scheme \"\";\n  proxy_set_header X-Host \"\";\n  proxy_set_header X-HTTP-Method-Override \"\";\n"
	        "  proxy_set_header X-HTTP-Method \"\";\n  proxy_set_header X-Method-Override \"\";\n  proxy_set_header X-Forwarded-Protocol \"\";\n"
	        "  proxy_set_header X-Forwarded-Ssl \"\";\n  proxy_set_header X-Url-Scheme \"\";\n  proxy_set_header Front-End-Https \"\";\n"
	        "  proxy_set_header X-Original-Host \"\";\n  proxy_set_header X-Forwarded-Path \"\";\n  proxy_set_header X-Cluster-Client-IP \"\";\n"
	        /* Sizes that no sender's blocks add up to: when what waits fills the buffers exactly, nginx 1.22 sets no timer for
	         * the rest, and a worker that shuts down takes a connection without a timer for a finished one (seen: a download
	         * of 4096-byte blocks cut at a reload). */
	        "  proxy_buffer_size 8155;\n  proxy_buffers 16 8155;\n  proxy_busy_buffers_size 16310;\n"
	        /* No files of what a visitor doesn't take: with them each of a thousand slow readers has his whole download fetched and written
	         * down at once (seen: nobody else was answered), in the run directory, which is memory. */
	        "  proxy_max_temp_file_size 0;\n"
	        "  proxy_connect_timeout 5s;\n  proxy_read_timeout 60s;\n  proxy_send_timeout 20s;\n"
	        "  proxy_next_upstream error timeout http_502 http_503 http_504;\n  proxy_next_upstream_tries 3;\n"
	        "  proxy_next_upstream_timeout 15s;");
	line(e, "  error_page 403 =403 /.toride/refused.html;\n  error_page 413 =413 /.toride/large.html;\n  error_page 429 =429 /.toride/busy.html;\n"
	        "  error_page 502 503 504 =503 /.toride/waiting.html;\n  error_page 599 =503 /.toride/held.html;");
}

static void tls(struct edge_out *e)
{
	buf_puts(e->b, TLS_GUIDE);
	line(e, "  ssl_stapling on;");
}

static void common(struct edge_out *e)
{
	char text[PREFIX_TEXT];
	struct prefix inside = e->m->service.internal4;
	line(e, "  geo $from_node { default 0; %s 1; }", prefix_format(&inside, text));
	towards_origins(e);
	tls(e);
	edge_cache_http(e->b, e->m);
	edge_limits_http(e->b, e->m);
	line(e, "  server {");
	listeners(e, 80, " default_server backlog=4096");
	listeners(e, 443, " ssl http2 default_server backlog=4096");
	line(e, "    ssl_reject_handshake on;");
	line(e, "    server_name _;\n    modsecurity off;\n    set $org \"\";\n    set $site \"\";\n    return 421;\n  }");
	if (!e->dry)
		line(e, "  server {\n    listen unix:%s/edge/status.sock;\n    server_name status;\n    access_log off;\n    modsecurity off;\n"
		        "    location = /generation { return 200 \"%s\\n\"; }\n    location = /status { stub_status; }\n  }",
		     e->m->service.run_dir, e->digest);
}

static void server(struct edge_out *e)
{
	head(e);
	common(e);
	for (size_t i = 0; i < e->m->n_orgs; i++)
		for (size_t k = 0; k < e->m->orgs[i].n_sites; k++)
			site(e, &e->m->orgs[i], k);
	line(e, "}");
}

/* ---- pages ---- */

struct page {
	const char *path, *title_ja, *words_ja, *title_en, *words_en;
};
static const struct page pages[] = {
	{ "edge/pages/waiting.html", "ただいまつながりにくくなっています",
	  "このサイトのサーバーが応答していません。しばらくしてから、もう一度お試しください。お急ぎのときは、役所へお電話ください。",
	  "This site can't be reached just now", "Its server doesn't answer. Please try again in a while." },
	{ "edge/pages/held.html", "ただいまアクセスが集中しています",
	  "このページは 1 秒後に自動で開きます。そのままお待ちください。開かないときは、もう一度読み込んでください。送ろうとした内容は、もう一度送ってください。お急ぎのときは、役所へお電話ください。",
	  "Very many people are asking just now", "This page opens by itself in a second. If it doesn't, load it again. What you wanted to send, please send again." },
	{ "edge/pages/refused.html", "この操作は受け付けられませんでした",
	  "送られた内容が、サイトを守る仕組みに止められました。ふつうの操作でこの画面が出たときは、時刻を添えて役所へお知らせください。",
	  "This request was refused", "What was sent was stopped by the protection of this site. If you did nothing unusual, please tell the office when it happened." },
	{ "edge/pages/busy.html", "短い間に多くの操作がありました", "少し待ってから、もう一度お試しください。", "Too many requests in a short time",
	  "Please wait a moment and try again." },
	{ "edge/pages/large.html", "送られたファイルが大きすぎます", "ファイルを小さくするか、分けて送ってください。", "What was sent is too large",
	  "Please make the file smaller, or send it in parts." },
};

static int put_page(const struct page *p, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_printf(&b,
	           "<!doctype html>\n<html lang=\"ja\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
	           "<meta name=\"robots\" content=\"noindex\">\n<title>%s</title>\n<style>body{font-family:sans-serif;max-width:40em;"
	           "margin:3em auto;padding:0 1em;line-height:1.8;color:#1a1a1c}</style></head>\n<body>\n<h1>%s</h1>\n<p>%s</p>\n"
	           "<div lang=\"en\"><h2>%s</h2>\n<p>%s</p></div>\n</body>\n</html>\n",
	           p->title_ja, p->title_ja, p->words_ja, p->title_en, p->words_en);
	return emit(out, p->path, &b, err);
}

/* ---- canaries ---- */

static void canary(struct buf *conf, struct buf *expect, const struct edge_out *e, const struct org *o, const struct site *s)
{
	char from[PREFIX_TEXT], to[PREFIX_TEXT];
	struct prefix inside = internal4(e->m, o, INTERNAL_GATEWAY);
	bool tls = s->n_certificate; /* one that is got by ACME may not be there yet: its watch is acmed's */
	unsigned port = tls ? 443 : 80;
	buf_printf(conf, "%surl = \"%s://%s/.well-known/toride-canary\"\nresolve = \"%s:%u:%s\"\n", conf->len ? "next\n" : "",
	           tls ? "https" : "http", s->name, s->name, port, prefix_format_addr(&e->m->service.web4, to));
	buf_printf(conf, "interface = \"%s\"\nnoproxy = \"*\"\nmax-time = 10\nsilent\n", prefix_format_addr(&inside, from));
	/* Whether browsers trust it is its authority's matter; here the vault has to sign. */
	if (tls)
		buf_puts(conf, "insecure\n");
	buf_printf(expect, "%s %s %s\n", o->code, s->name, e->digest);
}

static int put_certificates(const struct model *m, struct outset *out, struct err *err)
{
	int r = 0;
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; r == 0 && k < m->orgs[i].n_sites; k++) {
			const struct site *s = &m->orgs[i].sites[k];
			char path[300];
			struct buf b;
			if (!s->n_certificate)
				continue;
			buf_init(&b, 256 * KIB);
			for (size_t j = 0; j < s->n_certificate; j++)
				put_pem(&b, s->certificate[j]);
			snprintf(path, sizeof path, "edge/certs/%s.pem", s->name);
			r = emit(out, path, &b, err);
		}
	return r;
}

static int put_canaries(const struct edge_out *e, struct outset *out, struct err *err)
{
	struct buf conf, expect;
	buf_init(&conf, 16 * MIB);
	buf_init(&expect, 4 * MIB);
	for (size_t i = 0; i < e->m->n_orgs; i++)
		for (size_t k = 0; k < e->m->orgs[i].n_sites; k++)
			canary(&conf, &expect, e, &e->m->orgs[i], &e->m->orgs[i].sites[k]);
	int r = emit(out, "edge/canary.conf", &conf, err);
	int r2 = emit(out, "edge/canary.expect", &expect, err);
	return r < 0 ? r : r2;
}

/* The same bytes with no digest in them give the digest that then stands in them. */
static int put_server(struct edge_out *e, const char *path, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 64 * MIB);
	e->b = &b;
	server(e);
	return emit(out, path, &b, err);
}

static void digest_of(struct edge_out *e, const struct buf *waf)
{
	unsigned char sum[SHA256_LEN];
	struct buf b;
	buf_init(&b, 64 * MIB);
	e->b = &b;
	server(e);
	buf_put(&b, waf->ptr, waf->len);
	for (size_t i = 0; i < e->m->n_orgs; i++)
		for (size_t k = 0; k < e->m->orgs[i].n_sites; k++)
			for (size_t j = 0; j < e->m->orgs[i].sites[k].n_certificate; j++)
				buf_puts(&b, e->m->orgs[i].sites[k].certificate[j]);
	hash_sha256(b.ptr, b.len, sum);
	hex_format(sum, sizeof sum, e->digest);
	buf_done(&b);
}

static int put_stores(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 16 * MIB);
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_sites; k++) {
			const struct site *s = &m->orgs[i].sites[k];
			for (size_t j = 0; s->cache_s && j <= s->n_aliases; j++)
				buf_printf(&b, "%s %s %s_%zu %u\n", j ? s->aliases[j - 1] : s->name, m->orgs[i].code, m->orgs[i].code, k, s->disaster ? s->stale_s : 0);
		}
	if (b.len)
		return emit(out, "edge/stores", &b, err);
	buf_done(&b);
	return 0;
}

static int put_acme(const struct model *m, struct outset *out, struct err *err)
{
	struct buf names, none;
	buf_init(&names, 4 * MIB);
	buf_init(&none, 4 * KIB);
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_sites; k++)
			if (m->orgs[i].sites[k].acme)
				buf_printf(&names, "%s\n", m->orgs[i].sites[k].name);
	put_pem(&none, no_certificate);
	if (!names.len) {
		buf_done(&names);
		buf_done(&none);
		return 0;
	}
	int r = emit(out, "edge/acme", &names, err);
	int r2 = emit(out, "edge/none.pem", &none, err);
	return r < 0 ? r : r2;
}

int compile_edge(const struct model *m, struct outset *out, struct err *err)
{
	struct edge_out e = { .m = m };
	struct buf waf, generation;
	if (!edge_any(m))
		return 0;
	buf_init(&waf, MIB);
	buf_init(&generation, KIB);
	edge_waf_base(&waf, m);
	digest_of(&e, &waf);
	buf_printf(&generation, "%s\n", e.digest);
	int r[] = { emit(out, "edge/waf.conf", &waf, err), emit(out, "edge/generation", &generation, err),
		    put_server(&e, "edge/nginx.conf", out, err), put_canaries(&e, out, err), put_certificates(m, out, err), put_acme(m, out, err), put_stores(m, out, err) };
	e.dry = true;
	int res = put_server(&e, "edge/check.conf", out, err);
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		res = res < 0 ? res : r[i];
	for (size_t i = 0; res == 0 && i < ARRAY_LEN(pages); i++)
		res = put_page(&pages[i], out, err);
	return res;
}
