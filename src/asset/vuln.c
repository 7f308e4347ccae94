/* Vulnerability lists: NVD's JSON and CSAF, and what all have in common; see asset.h. */
#include "asset/parts.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <yyjson.h>

static struct str text_at(yyjson_val *o, const char *key)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : STR("");
}

const char *vuln_keep(struct reading *r, struct str s)
{
	bool fits = s.len <= ASSET_FIELD;
	for (size_t i = 0; i < s.len; i++)
		fits = fits && (unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != 0x7f;
	return fits ? arena_strdup(r->a, s) : NULL;
}

void vuln_add(struct reading *r, const char *id, struct str vendor, struct str product, const struct vuln *range)
{
	char v[ASSET_FIELD + 1] = "", p[ASSET_FIELD + 1], ok[24];
	if (!asset_vuln_id(id, ok) || !asset_fold(product, p) || (vendor.len && !asset_fold(vendor, v))) {
		r->left_out++;
		return;
	}
	if (r->n == VULN_MAX) {
		r->full = true;
		return;
	}
	struct vuln *w = &r->list[r->n];
	*w = *range;
	w->cve = vuln_keep(r, str_from(ok)), w->vendor = vuln_keep(r, str_from(v)), w->product = vuln_keep(r, str_from(p));
	if (w->cve && w->vendor && w->product && w->from && w->to)
		r->n++;
	else
		r->left_out++;
}

/* The nth field (from 0) of "cpe:2.3:a:apache:http_server:2.4.58:…": "\:" is no end. */
static struct str cpe_field(struct str cpe, int nth)
{
	const char *p = cpe.ptr, *end = cpe.ptr + cpe.len, *from = p;
	for (; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (*p == ':') {
			if (nth-- == 0)
				break;
			from = p + 1;
		}
	}
	return nth <= 0 && p <= end ? (struct str){ from, (size_t)(p - from) } : STR("");
}

static unsigned score10(yyjson_val *v)
{
	double s = yyjson_is_num(v) ? yyjson_get_num(v) : 0;
	return s > 0 && s <= 10 ? (unsigned)(s * 10 + 0.5) : 0;
}

/* ---- NVD ---- */

static unsigned nvd_score(yyjson_val *cve)
{
	static const char *const kinds[] = { "cvssMetricV40", "cvssMetricV31", "cvssMetricV30", "cvssMetricV2" };
	yyjson_val *metrics = yyjson_obj_get(cve, "metrics");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		unsigned s = score10(yyjson_obj_get(yyjson_obj_get(yyjson_arr_get_first(yyjson_obj_get(metrics, kinds[i])), "cvssData"), "baseScore"));
		if (s)
			return s;
	}
	return 0;
}

static void nvd_match(struct reading *r, const char *cve, unsigned score, yyjson_val *m)
{
	struct str cpe = text_at(m, "criteria"), version = cpe_field(cpe, 5);
	struct str from = text_at(m, "versionStartIncluding"), from_ex = text_at(m, "versionStartExcluding");
	struct str to = text_at(m, "versionEndIncluding"), to_ex = text_at(m, "versionEndExcluding");
	yyjson_val *vulnerable = yyjson_obj_get(m, "vulnerable");
	if (yyjson_is_bool(vulnerable) && !yyjson_get_bool(vulnerable))
		return; /* only where it runs: an operating system beside the product */
	bool one = version.len && !str_eq(version, STR("*")) && !str_eq(version, STR("-"));
	struct vuln v = { .from = vuln_keep(r, one ? version : from.len ? from : from_ex), .to = vuln_keep(r, one ? version : to.len ? to : to_ex), .score10 = score };
	v.from_excluded = !one && !from.len && from_ex.len;
	v.to_excluded = !one && !to.len && to_ex.len;
	vuln_add(r, cve, cpe_field(cpe, 3), cpe_field(cpe, 4), &v);
}

static void read_nvd(struct reading *r, yyjson_val *list)
{
	size_t i, n, k, m, j, l, x, y;
	yyjson_val *v, *conf, *node, *match;
	yyjson_arr_foreach(list, i, n, v) {
		yyjson_val *cve = yyjson_obj_get(v, "cve");
		struct str id = text_at(cve, "id");
		unsigned score = nvd_score(cve);
		yyjson_arr_foreach(yyjson_obj_get(cve, "configurations"), k, m, conf)
			yyjson_arr_foreach(yyjson_obj_get(conf, "nodes"), j, l, node)
				yyjson_arr_foreach(yyjson_obj_get(node, "cpeMatch"), x, y, match)
					nvd_match(r, id.len ? id.ptr : "", score, match);
	}
}

/* ---- CSAF ---- */

struct product {
	struct str id, vendor, name, version;
	bool range; /* version is one: "vers:generic/>=1.0|<2.0", "<2.0" */
};

struct tree {
	struct arena *a;
	struct product *list;
	size_t n, max;
};

static void walk(struct tree *t, yyjson_val *branches, struct product at, unsigned depth)
{
	size_t i, n;
	yyjson_val *b;
	if (depth > VULN_DEPTH)
		return;
	yyjson_arr_foreach(branches, i, n, b) {
		struct product p = at;
		struct str category = text_at(b, "category"), name = text_at(b, "name");
		if (str_eq(category, STR("vendor")))
			p.vendor = name;
		else if (str_eq(category, STR("product_name")))
			p.name = name;
		else if (str_eq(category, STR("product_version")) || str_eq(category, STR("product_version_range")))
			p.version = name, p.range = category.len > strlen("product_version");
		p.id = text_at(yyjson_obj_get(b, "product"), "product_id");
		if (p.id.len && p.name.len && t->n < t->max)
			t->list[t->n++] = p;
		walk(t, yyjson_obj_get(b, "branches"), p, depth + 1);
	}
}

/* ">=1.0|<2.0", "< 2.0", "vers:generic/<=1.9"; false when it says something else. */
static bool range_of(struct reading *r, struct str s, struct vuln *v)
{
	struct str one;
	const char *slash = str_starts(s, STR("vers:")) ? memchr(s.ptr, '/', s.len) : NULL;
	if (slash)
		s = (struct str){ slash + 1, s.len - (size_t)(slash + 1 - s.ptr) };
	while (str_next(&s, '|', &one)) {
		one = str_trim(one);
		bool low = str_starts(one, STR(">")), high = str_starts(one, STR("<"));
		size_t n = low || high ? 1 : 0;
		bool equal = n && one.len > 1 && one.ptr[1] == '=';
		one = str_trim((struct str){ one.ptr + n + equal, one.len - n - equal });
		if (!n || !one.len)
			return false;
		if (low)
			v->from = vuln_keep(r, one), v->from_excluded = !equal;
		else
			v->to = vuln_keep(r, one), v->to_excluded = !equal;
	}
	return v->from && v->to;
}

static void csaf_affected(struct reading *r, const struct tree *t, const char *cve, unsigned score, struct str id)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct product *p = &t->list[i];
		struct vuln v = { .from = "", .to = "", .score10 = score };
		if (!str_eq(p->id, id))
			continue;
		bool ok = p->range ? range_of(r, p->version, &v) : true;
		if (!p->range && p->version.len)
			v.from = v.to = vuln_keep(r, p->version);
		if (ok)
			vuln_add(r, cve, p->vendor, p->name, &v);
		else
			r->left_out++;
		return;
	}
	r->left_out++;
}

static int read_csaf(struct reading *r, yyjson_val *root, struct err *err)
{
	size_t i, n, k, m;
	yyjson_val *v, *id;
	struct tree t = { .a = r->a, .max = VULN_MAX };
	t.list = arena_array(r->a, t.max, sizeof *t.list);
	if (!t.list)
		return err_set(err, E_NOMEM, "", "no memory");
	walk(&t, yyjson_obj_get(yyjson_obj_get(root, "product_tree"), "branches"), (struct product){ .vendor = STR(""), .name = STR(""), .version = STR("") }, 0);
	yyjson_arr_foreach(yyjson_obj_get(root, "vulnerabilities"), i, n, v) {
		struct str cve = text_at(v, "cve");
		unsigned score = score10(yyjson_obj_get(yyjson_obj_get(yyjson_arr_get_first(yyjson_obj_get(v, "scores")), "cvss_v3"), "baseScore"));
		yyjson_arr_foreach(yyjson_obj_get(yyjson_obj_get(v, "product_status"), "known_affected"), k, m, id)
			if (yyjson_is_str(id))
				csaf_affected(r, &t, cve.len ? cve.ptr : "", score, str_from(yyjson_get_str(id)));
	}
	return 0;
}

static int read_json(struct reading *r, struct str json, struct err *err)
{
	yyjson_read_err why;
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, 0, NULL, &why);
	yyjson_val *root = yyjson_doc_get_root(doc), *list = yyjson_obj_get(root, "vulnerabilities");
	int res = 0;
	if (!doc)
		res = err_set(err, E_INVALID, "vulnerabilities", "byte %zu: %s", why.pos, why.msg);
	else if (!yyjson_is_arr(list))
		res = err_set(err, E_INVALID, "vulnerabilities", "neither NVD's JSON (2.0) nor CSAF: no list of vulnerabilities");
	else if (yyjson_obj_get(root, "document"))
		res = read_csaf(r, root, err);
	else
		read_nvd(r, list);
	yyjson_doc_free(doc);
	return res;
}

static bool is_xml(struct str s)
{
	if (str_starts(s, STR("\xef\xbb\xbf")))
		s = (struct str){ s.ptr + 3, s.len - 3 };
	while (s.len && (unsigned char)*s.ptr <= ' ')
		s.ptr++, s.len--;
	return s.len && *s.ptr == '<';
}

int vuln_parse(struct str text, struct arena *a, struct vuln **ret, size_t *ret_n, size_t *ret_left_out, struct err *err)
{
	struct reading r = { .a = a };
	if (text.len > VULN_FILE_BYTES)
		return err_set(err, E_LIMIT, "vulnerabilities", "larger than %u bytes", VULN_FILE_BYTES);
	if (!(r.list = arena_array(a, VULN_MAX, sizeof *r.list)))
		return err_set(err, E_NOMEM, "", "no memory");
	int res = is_xml(text) ? vuln_read_jvn(&r, text, err) : read_json(&r, text, err);
	if (res == 0 && r.full)
		res = err_set(err, E_LIMIT, "vulnerabilities", "more than %u entries", VULN_MAX);
	if (res < 0)
		return res;
	*ret = r.list, *ret_n = r.n, *ret_left_out = r.left_out;
	return 0;
}
