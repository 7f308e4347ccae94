/* recvd.json: which devices each body has, and how their logs are written. Its format and reader: recv/conf.h. recvd/tls.names: the
 * service's own addresses that they send to. */
#include "compile/compile.h"

#include "base/mem.h"
#include "compile/emit.h"

static void address(struct buf *b, const char *key, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	if (prefix_is_set(p))
		json_field_s(b, key, prefix_format_addr(p, text));
}

static void source(struct buf *b, const struct log_source *s)
{
	static const char *const formats[] = { "auto", "syslog", "json", "cef", "leef", "fortigate", "paloalto", "asa", "squid", "windows", "linux" };
	json_field_s(b, "name", s->name);
	address(b, "addr", &s->addr);
	if (s->hostname && *s->hostname)
		json_field_s(b, "hostname", s->hostname);
	json_field_s(b, "format", formats[s->format]);
	json_field_u64(b, "zone_s", s->zone == LOG_JST ? 9 * 3600 : 0);
	json_field_u64(b, "silent_s", s->silent_s);
	json_field_s(b, "certificate", s->certificate);
	buf_putc(b, '}');
}

static void org(struct buf *b, const struct org *o)
{
	json_field_s(b, "code", o->code);
	json_field_s(b, "interface", o->interface);
	json_key(b, "sources");
	buf_putc(b, '[');
	for (size_t i = 0; i < o->n_log_sources; i++) {
		buf_puts(b, i ? ",\n {" : "\n {");
		source(b, &o->log_sources[i]);
	}
	buf_puts(b, "]}");
}

/* What the certificate of syslog over TLS names (daemon/tls.h). */
static int names(const struct model *m, struct outset *out, struct err *err)
{
	const struct prefix *p[] = { &m->service.log4, &m->service.log6 };
	char text[PREFIX_TEXT];
	struct buf b;
	buf_init(&b, KIB);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		if (prefix_is_set(p[i]))
			buf_printf(&b, "%s\n", prefix_format_addr(p[i], text));
	return emit(out, "recvd/tls.names", &b, err);
}

int compile_recvd(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 64 * MIB);
	buf_puts(&b, "{\"v\":1");
	address(&b, "addr4", &m->service.log4);
	address(&b, "addr6", &m->service.log6);
	json_field_u64(&b, "port", LOG_PORT);
	json_field_u64(&b, "tls_port", LOG_TLS_PORT);
	json_key(&b, "orgs");
	buf_putc(&b, '[');
	for (size_t i = 0; i < m->n_orgs; i++) {
		buf_puts(&b, i ? ",\n{" : "\n{");
		org(&b, &m->orgs[i]);
	}
	buf_puts(&b, "]}\n");
	int r = emit(out, "recvd.json", &b, err);
	return r < 0 ? r : names(m, out, err);
}
