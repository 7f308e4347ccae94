/* Verify of addresses, routes and rules: each line of net/keys, brought to a canonical form, must be among what ip(8) says
 * is there. What else the node has (its management network) isn't ours to judge. In the verify child.
 *
 *   addr DEV ADDRESS/LEN      rule PREF fwmark N[/MASK]|oif DEV|from PREFIX [to PREFIX] TABLE      route DST VIA DEV TABLE */
#include "apply/verify.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#define FORM 320
static char present[] = "x";

static void form_add(struct map *m, const char *form, int *res)
{
	int r = map_put(m, str_from(form), present);
	if (r < 0)
		*res = r;
}

static const char *text_of(yyjson_val *obj, const char *key, const char *otherwise)
{
	const char *s = yyjson_get_str(yyjson_obj_get(obj, key));
	return s ? s : otherwise;
}

static void kernel_addr(yyjson_val *link, struct map *m, int *res)
{
	size_t i, max;
	yyjson_val *a;
	char form[FORM];
	yyjson_arr_foreach(yyjson_obj_get(link, "addr_info"), i, max, a) {
		snprintf(form, sizeof form, "addr %s %s/%u", text_of(link, "ifname", ""), text_of(a, "local", ""),
		         (unsigned)yyjson_get_uint(yyjson_obj_get(a, "prefixlen")));
		form_add(m, form, res);
	}
}

static void mark_form(const char *mark, const char *mask, char dst[128])
{
	unsigned long m = strtoul(mark, NULL, 0), k = mask ? strtoul(mask, NULL, 0) : 0xffffffff;
	if (k == 0xffffffff)
		snprintf(dst, 128, "fwmark %lu", m);
	else
		snprintf(dst, 128, "fwmark %lu/%lu", m, k);
}

/* " to PREFIX", without the length of a whole address, or nothing. */
static void rule_to(const char *dst, unsigned len, char ret[80])
{
	unsigned whole = strchr(dst, ':') ? 128 : 32;
	ret[0] = 0;
	if (dst[0] && len && len != whole)
		snprintf(ret, 80, " to %.60s/%u", dst, len);
	else if (dst[0])
		snprintf(ret, 80, " to %.60s", dst);
}

static void kernel_rule(yyjson_val *v, struct map *m, int *res)
{
	char form[FORM], what[128] = "", to[80];
	const char *mark = text_of(v, "fwmark", NULL), *mask = text_of(v, "fwmask", NULL), *oif = text_of(v, "oif", NULL), *src = text_of(v, "src", "all");
	yyjson_val *len = yyjson_obj_get(v, "srclen");
	if (mark)
		mark_form(mark, mask, what);
	else if (oif)
		snprintf(what, sizeof what, "oif %s", oif);
	else if (len)
		snprintf(what, sizeof what, "from %s/%u", src, (unsigned)yyjson_get_uint(len));
	else
		snprintf(what, sizeof what, "from %s", src);
	rule_to(text_of(v, "dst", ""), (unsigned)yyjson_get_uint(yyjson_obj_get(v, "dstlen")), to);
	snprintf(form, sizeof form, "rule %u %s%s %s", (unsigned)yyjson_get_uint(yyjson_obj_get(v, "priority")), what, to, text_of(v, "table", ""));
	form_add(m, form, res);
}

static void kernel_route(yyjson_val *v, struct map *m, int *res)
{
	char form[FORM];
	snprintf(form, sizeof form, "route %s %s %s %s", text_of(v, "dst", ""), text_of(v, "gateway", "-"), text_of(v, "dev", ""),
	         text_of(v, "table", "main"));
	form_add(m, form, res);
}

static int take(struct str json, void (*fn)(yyjson_val *v, struct map *m, int *res), struct map *m, struct err *err)
{
	if (json.len == 0)
		return 0;
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	size_t i, max;
	yyjson_val *v;
	int r = yyjson_is_arr(yyjson_doc_get_root(doc)) ? 0 : -E_CORRUPT;
	yyjson_arr_foreach(yyjson_doc_get_root(doc), i, max, v)
		fn(v, m, &r);
	yyjson_doc_free(doc);
	return r < 0 ? err_set(err, (enum err_code)-r, "ip", "its answer can't be read") : 0;
}

/* The word behind `key` among the line's words, or `otherwise`. */
static void word_after(struct str line, const char *key, const char *otherwise, char dst[64])
{
	struct str word;
	bool next = false;
	snprintf(dst, 64, "%s", otherwise);
	while (line.len && str_next(&line, ' ', &word)) {
		if (next) {
			snprintf(dst, 64, STR_FMT, STR_ARG(word));
			return;
		}
		next = str_eq(word, str_from(key));
	}
}

static void trim_full_length(char *text, bool six)
{
	char *slash = strchr(text, '/');
	if (slash && strcmp(slash, six ? "/128" : "/32") == 0)
		*slash = 0;
}

/* "-4 route replace 10.1.0.0/16 via … dev … table 1001" -> its form. False for what isn't read back. */
static bool key_form(struct str line, char form[FORM])
{
	char a[64], b[64], c[64];
	bool six = str_starts(line, STR("-6"));
	struct str rest = line, family, what, verb;
	str_next(&rest, ' ', &family);
	str_next(&rest, ' ', &what);
	str_next(&rest, ' ', &verb);
	char first[64];
	struct str tail = rest, word = { "", 0 };
	str_next(&tail, ' ', &word);
	snprintf(first, sizeof first, STR_FMT, STR_ARG(word));
	if (str_eq(what, STR("addr"))) {
		word_after(rest, "dev", "", a);
		if (!strchr(first, '/'))
			strncat(first, six ? "/128" : "/32", sizeof first - strlen(first) - 1);
		snprintf(form, FORM, "addr %s %s", a, first);
	} else if (str_eq(what, STR("route"))) {
		trim_full_length(first, six);
		word_after(rest, "via", "-", a);
		word_after(rest, "dev", "", b);
		word_after(rest, "table", "main", c);
		snprintf(form, FORM, "route %s %s %s %s", first, a, b, c);
	} else if (str_eq(what, STR("rule"))) {
		char pref[64], mark[64], oif[64], from[64], sel[128], to[80];
		word_after(rest, "pref", "0", pref);
		word_after(rest, "fwmark", "", mark);
		word_after(rest, "oif", "", oif);
		word_after(rest, "from", "all", from);
		word_after(rest, "lookup", "", c);
		trim_full_length(from, six);
		if (mark[0])
			mark_form(mark, strchr(mark, '/') ? strchr(mark, '/') + 1 : NULL, sel);
		else
			snprintf(sel, sizeof sel, "%s %s", oif[0] ? "oif" : "from", oif[0] ? oif : from);
		word_after(rest, "to", "", a);
		trim_full_length(a, six);
		snprintf(to, sizeof to, "%s%s", a[0] ? " to " : "", a);
		snprintf(form, FORM, "rule %s %s%s %s", pref, sel, to, c);
	} else {
		return false;
	}
	return true;
}

int verify_keys(struct str keys, const struct kernel_net *k, struct err *err)
{
	struct map m;
	char form[FORM];
	struct str line, add;
	int r = 0;
	map_init(&m, 4000000);
	for (int f = 0; f < 2 && r == 0; f++) {
		r = take(k->addr[f], kernel_addr, &m, err);
		if (r == 0)
			r = take(k->rule[f], kernel_rule, &m, err);
		if (r == 0)
			r = take(k->route[f], kernel_route, &m, err);
	}
	while (r == 0 && keys.len && str_next(&keys, '\n', &line)) {
		if (line.len == 0 || !str_next(&line, '\t', &add) || !key_form(add, form))
			continue;
		if (!map_get(&m, str_from(form)))
			r = err_set(err, E_CORRUPT, "net", STR_FMT " is not in the kernel", STR_ARG(add));
	}
	map_done(&m);
	return r;
}

static int ask(const struct env *e, const char *family, const char *what, struct buf *b, struct str *ret, struct err *err)
{
	const char *argv[10] = { "ip", family, "-j", what };
	buf_init(b, 256 * MIB);
	if (strcmp(what, "route") == 0) {
		argv[4] = "show";
		argv[5] = "table";
		argv[6] = "all";
	}
	int r = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 30000, .out = b }, err);
	*ret = buf_view(b);
	return r;
}

int net_verify(const struct verify_input *in, struct err *err)
{
	struct buf b[6];
	struct kernel_net k;
	int n = 0, r = 0;
	if (!in->keys.ptr)
		return 0;
	for (int f = 0; f < 2 && r == 0; f++) {
		const char *family = f ? "-6" : "-4";
		r = ask(in->env, family, "addr", &b[n++], &k.addr[f], err);
		if (r == 0)
			r = ask(in->env, family, "rule", &b[n++], &k.rule[f], err);
		if (r == 0)
			r = ask(in->env, family, "route", &b[n++], &k.route[f], err);
	}
	if (r == 0)
		r = verify_keys(in->keys, &k, err);
	while (n)
		buf_done(&b[--n]);
	return r;
}
