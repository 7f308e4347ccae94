/* detectd.json: what detection has to know of the organisations. Its format and reader: detect/facts.h. */
#include "compile/emit.h"

#include "base/mem.h"

static void separate(struct buf *b)
{
	if (b->len && b->ptr[b->len - 1] != '[')
		buf_putc(b, ',');
}

/* Only names can be hosts of events: "http://…" forms and addresses are left out. */
static bool is_host(const char *s)
{
	struct prefix p;
	return !strstr(s, "://") && prefix_parse(str_from(s), &p) < 0;
}

static void put_prefixes(struct buf *b, const char *key, const struct prefix *list, size_t n)
{
	char text[PREFIX_TEXT];
	json_key(b, key);
	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		separate(b);
		json_str(b, str_from(prefix_format(&list[i], text)));
	}
	buf_putc(b, ']');
}

static void put_org(struct buf *b, const struct org *o)
{
	separate(b);
	buf_puts(b, "\n{");
	json_field_s(b, "code", o->code);
	put_prefixes(b, "child_proxies", o->child_proxies, o->n_child_proxies);
	put_prefixes(b, "prefixes", o->prefixes, o->n_prefixes);
	json_key(b, "white");
	buf_putc(b, '[');
	for (size_t i = 0; i < o->url.n_white; i++)
		if (is_host(o->url.white[i])) {
			separate(b);
			json_str(b, str_from(o->url.white[i]));
		}
	buf_puts(b, "]}");
}

int compile_detectd(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 64 * MIB);
	buf_puts(&b, "{\"v\":1,\"orgs\":[");
	for (size_t i = 0; i < m->n_orgs; i++)
		put_org(&b, &m->orgs[i]);
	buf_puts(&b, "\n]}\n");
	return emit(out, "detectd.json", &b, err);
}
