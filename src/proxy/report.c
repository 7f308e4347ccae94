/* One event a request (4002 HTTP Activity, doc/interfaces), and the counters of the organisation. */
#include "proxy/conn.h"

#include "base/clock.h"
#include "base/mem.h"

static void open_object(struct buf *b, const char *key)
{
	json_key(b, key);
	buf_putc(b, '{');
}

static void put_addr(struct buf *b, const char *key, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	if (p->family)
		json_field_s(b, key, prefix_format_addr(p, text));
}

static void put_text(struct buf *b, const char *key, struct str s, size_t max)
{
	if (s.len == 0)
		return;
	if (s.len > max)
		s.len = max;
	json_field(b, key, s);
}

static void put_ends(struct buf *b, const struct txn *t)
{
	const struct conn *c = t->c;
	open_object(b, "src_endpoint");
	put_addr(b, "ip", &t->terminal);
	if (!t->via)
		json_field_u64(b, "port", c->peer_port);
	if (t->via)
		put_addr(b, "via", &c->peer);
	buf_putc(b, '}');
	if (!t->target.host[0])
		return;
	open_object(b, "dst_endpoint");
	json_field_s(b, "hostname", t->target.host);
	put_addr(b, "ip", &t->origin_addr);
	json_field_u64(b, "port", t->target.port);
	buf_putc(b, '}');
}

/* "social,blog" as a list. */
static void put_categories(struct buf *b, const char *names)
{
	struct str rest = str_from(names), name;
	if (!names[0])
		return;
	json_key(b, "categories");
	for (char open = '['; str_next(&rest, ',', &name); open = ',') {
		buf_putc(b, open);
		json_str(b, name);
	}
	buf_putc(b, ']');
}

static void put_request(struct buf *b, const struct txn *t)
{
	open_object(b, "http_request");
	json_field_s(b, "http_method", t->tunnel ? "CONNECT" : llhttp_method_name((llhttp_method_t)t->method));
	put_text(b, "user_agent", t->user_agent, 512);
	put_text(b, "referrer", t->referrer, 1024);
	if (t->target.host[0]) {
		open_object(b, "url");
		put_text(b, "url_string", t->url, 4096);
		json_field_s(b, "scheme", t->target.https ? "https" : "http");
		json_field_s(b, "hostname", t->target.host);
		put_text(b, "path", t->path, 4096);
		put_categories(b, t->categories);
		buf_putc(b, '}');
	}
	buf_putc(b, '}');
}

static void put_response(struct buf *b, const struct txn *t)
{
	if (t->status) {
		open_object(b, "http_response");
		json_field_u64(b, "code", t->status);
		put_text(b, "content_type", t->type, 200);
		if (t->body_size)
			json_field_u64(b, "length", t->body_size);
		buf_putc(b, '}');
	}
	open_object(b, "traffic");
	json_field_u64(b, "bytes_in", t->bytes_in);
	json_field_u64(b, "bytes_out", t->bytes_out);
	buf_putc(b, '}');
	json_field_u64(b, "duration", (uint64_t)(clock_mono_ms() - t->begin_ms));
}

static void put_certificate(struct buf *b, const struct origin_cert *x)
{
	if (!x->sha256[0])
		return;
	open_object(b, "certificate");
	json_field_s(b, "fingerprint", x->sha256);
	json_field_s(b, "issuer", x->issuer);
	json_field_u64(b, "expiration_time", (uint64_t)x->ends_s * 1000);
	buf_putc(b, '}');
}

static void put_tls(struct buf *b, const struct txn *t)
{
	const struct conn *c = t->c;
	if (!t->target.https && !c->proxy_ja4[0])
		return;
	open_object(b, "tls");
	if (c->proxy_ja4[0])
		json_field_s(b, "proxy_ja4", c->proxy_ja4);
	if (!t->target.https) { /* TLS to the proxy is all there is */
		buf_putc(b, '}');
		return;
	}
	if (t->tls_version)
		json_field_s(b, "version", t->tls_version == 0x0304 ? "1.3" : "1.2");
	put_certificate(b, &c->cert);
	if (c->name[0])
		json_field_s(b, "sni", c->name);
	if (c->ja4[0])
		json_field_s(b, "ja4", c->ja4);
	if (t->wants_cert)
		json_field_s(b, "client_certificate", "asked");
	json_field_bool(b, "intercepted", c->intercepted);
	buf_putc(b, '}');
}

/* As OCSF's user object: its name in the directory, and the groups of it that the description knows. */
static void put_user(struct buf *b, const struct user *u)
{
	struct str rest = str_from(u->groups), name;
	if (!u->name[0])
		return;
	open_object(b, "user");
	json_field_s(b, "name", u->name);
	json_key(b, "groups");
	buf_putc(b, '[');
	for (bool more = false; rest.len && str_next(&rest, ',', &name); more = true) {
		buf_puts(b, more ? ",{" : "{");
		json_field(b, "name", name);
		buf_putc(b, '}');
	}
	buf_puts(b, "]}");
}

/* Left open. */
static void put_file(struct buf *b, const char *key, const unsigned char *sha, const char *type, uint64_t size)
{
	char hex[2 * SHA256_LEN + 1];
	hex_format(sha, SHA256_LEN, hex);
	open_object(b, key);
	json_field_s(b, "hash", hex);
	if (type[0])
		json_field_s(b, "type", type);
	json_field_u64(b, "size", size);
}

static void put_verdict(struct buf *b, const struct txn *t)
{
	if (t->hashed) {
		put_file(b, "file", t->replaced ? t->original : t->hold.sha, t->replaced ? t->original_type : t->file_type, t->replaced ? t->original_size : t->file_size);
		if (t->file_member[0])
			json_field_s(b, "path", t->file_member);
		buf_putc(b, '}');
	}
	if (t->replaced) { /* OCSF: what became of it */
		put_file(b, "file_result", t->hold.sha, t->file_type, t->file_size);
		buf_putc(b, '}');
	}
	if (t->verdict)
		json_field_s(b, "verdict", t->verdict);
	if (t->malware[0]) {
		open_object(b, "malware");
		json_field_s(b, "name", t->malware);
		buf_putc(b, '}');
	}
}

static void count(const struct txn *t)
{
	struct org_rt *o = t->c->org;
	org_count(o, STAT_REQUESTS, 1);
	org_count(o, STAT_BYTES_IN, t->bytes_in);
	org_count(o, STAT_BYTES_OUT, t->bytes_out);
	if (strcmp(t->action, "Denied") == 0)
		org_count(o, STAT_DENIED, 1);
	if (strcmp(t->disposition, "Error") == 0)
		org_count(o, STAT_ERRORS, 1);
	if (t->verdict && strcmp(t->verdict, "malicious") == 0)
		org_count(o, STAT_MALICIOUS, 1);
	if (t->verdict && strcmp(t->verdict, "error") == 0)
		org_count(o, STAT_UNJUDGED, 1);
	if (t->cache_hit)
		org_count(o, STAT_CACHE_HITS, 1);
	if (t->tunnel || t->switched)
		org_count(o, STAT_TUNNELS, 1);
}

void report_txn(struct txn *t)
{
	struct worker *w = t->c->w;
	struct buf *b = &w->json;
	if (t->silent)
		return;
	t->silent = true;
	count(t);
	buf_reset(b);
	buf_puts(b, "{\"class_uid\":4002");
	json_field_u64(b, "time", (uint64_t)t->begin_wall);
	json_field_s(b, "org", t->c->org->code);
	json_field_s(b, "product", "proxyd");
	if (t->ref[0])
		json_field_s(b, "ref", t->ref);
	put_ends(b, t);
	put_request(b, t);
	put_response(b, t);
	put_tls(b, t);
	put_user(b, &t->user);
	json_field_s(b, "action", t->action);
	json_field_s(b, "disposition", t->disposition);
	if (t->rule[0]) {
		open_object(b, "rule");
		json_field_s(b, "uid", t->rule);
		if (t->rule_name[0])
			json_field_s(b, "name", t->rule_name);
		buf_putc(b, '}');
	}
	if (t->reason[0])
		json_field_s(b, "message", t->reason);
	put_verdict(b, t);
	buf_putc(b, '}');
	if (!b->failed)
		events_put(w->events, str_from(t->c->org->code), buf_view(b));
	w->reported = true; /* handed over at the end of this turn, with all of the turn's others */
}
