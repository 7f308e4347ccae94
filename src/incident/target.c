/* See target.h. Products are joined in the database by their folded names, versions compared here. */
#include "incident/target.h"

#include "asset/asset.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <yyjson.h>

#define WEAK_FROM 70 /* CVSS × 10 */

#define JOINED                                                                                                                \
	" FROM asset a JOIN vuln v ON v.product_key = a.product_key AND (v.vendor_key = a.vendor_key OR v.vendor_key = ''"   \
	" OR a.vendor_key = '')"

static const struct store_sql here = {
	"target_here", "SELECT count(*) FROM asset WHERE org = $1 AND (address IN (SELECT jsonb_array_elements_text($2::jsonb)) OR name IN"
		       " (SELECT jsonb_array_elements_text($2::jsonb)))"
};
static const struct store_sql weak = {
	"target_weak", "SELECT v.cve, v.vfrom, v.from_excluded, v.vto, v.to_excluded, v.score10, a.product, a.version, a.name, a.address" JOINED
		       " WHERE a.org = $1 AND (a.address IN (SELECT jsonb_array_elements_text($2::jsonb)) OR a.name IN"
		       " (SELECT jsonb_array_elements_text($2::jsonb))) AND ($3 = '' OR v.cve = $3) ORDER BY v.score10 DESC, v.cve LIMIT 5000"
};
static const struct store_sql cve_known = { "target_cve", "SELECT 1 FROM vuln WHERE cve = $1 LIMIT 1" };

const char *target_reason(enum target_answer a)
{
	static const char *const codes[] = { NULL, "target_vulnerable", "target_safe", "target_weak" };
	return codes[a];
}

/* What the finding names, as a JSON list. */
static void names_of(const struct finding *f, struct buf *b)
{
	buf_putc(b, '[');
	json_str(b, str_from(f->terminal));
	for (size_t i = 0; i < f->n_observables; i++)
		if (f->observables[i].type == OBSERVABLE_IP || f->observables[i].type == OBSERVABLE_HOSTNAME || f->observables[i].type == OBSERVABLE_TERMINAL) {
			buf_putc(b, ',');
			json_str(b, str_from(f->observables[i].value));
		}
	buf_putc(b, ']');
}

static struct vuln range_at(const struct store_rows *r, int i, int c)
{
	return (struct vuln){ .from = store_col(r, i, c), .from_excluded = store_col_bool(r, i, c + 1), .to = store_col(r, i, c + 2),
		              .to_excluded = store_col_bool(r, i, c + 3) };
}

/* The first that covers; *ret: there is one. */
static int look(struct store *s, const char *org, const char *names, const char *cve, struct target *t, bool *ret, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows r = { 0 };
	store_text(&a, org), store_text(&a, names), store_text(&a, cve);
	int res = store_run(s, &weak, &a, &r, err);
	*ret = false;
	for (int i = 0; res == 0 && i < r.n && !*ret; i++) {
		struct vuln v = range_at(&r, i, 1);
		if (!vuln_covers(&v, store_col(&r, i, 7)) || (!cve[0] && store_col_int(&r, i, 5, 0) < WEAK_FROM))
			continue;
		*ret = true;
		const char *product = store_col(&r, i, 6), *version = store_col(&r, i, 7), *name = store_col(&r, i, 8)[0] ? store_col(&r, i, 8) : store_col(&r, i, 9);
		snprintf(t->detail, sizeof t->detail, "%.23s %.*s %.*s (%.*s)", store_col(&r, i, 0), str_head(product, 100), product, str_head(version, 60), version,
		         str_head(name, 100), name);
	}
	store_rows_done(&r);
	return res;
}

static int any(struct store *s, const struct store_sql *q, const char *a1, const char *a2, bool *ret, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows r = { 0 };
	store_text(&a, a1);
	if (a2)
		store_text(&a, a2);
	int res = store_run(s, q, &a, &r, err);
	*ret = res == 0 && r.n > 0 && store_col_int(&r, 0, 0, 0) > 0;
	store_rows_done(&r);
	return res;
}

struct cves {
	char list[FINDING_CVES + 1][24];
	size_t n;
};

static void put_cve(struct cves *c, const char *text)
{
	char one[24];
	if (!asset_cve(text, one))
		return;
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->list[i], one) == 0)
			return;
	memcpy(c->list[c->n++], one, sizeof one);
}

/* What the rule's tags name, and its title. */
static struct cves cves_of(const struct finding *f)
{
	struct cves c = { 0 };
	for (size_t i = 0; i < f->n_cves; i++)
		put_cve(&c, f->cves[i]);
	put_cve(&c, f->rule.title);
	return c;
}

/* None of them: of each is known which versions it covers, and it is none of those that run there. */
static int all_known(struct store *s, const struct cves *c, struct target *t, struct err *err)
{
	bool known = true;
	int res = 0;
	size_t n = 0;
	for (size_t i = 0; res == 0 && known && i < c->n; i++) {
		res = any(s, &cve_known, c->list[i], NULL, &known, err);
		n += (size_t)snprintf(t->detail + n, sizeof t->detail - n, "%s%s", n ? " " : "", c->list[i]);
	}
	if (res == 0 && known && c->n)
		t->answer = TARGET_SAFE;
	else
		t->detail[0] = 0;
	return res;
}

static int answer(struct store *s, const struct finding *f, const char *names, struct target *t, struct err *err)
{
	struct cves c = cves_of(f);
	bool listed = false, covered = false;
	int res = any(s, &here, f->org, names, &listed, err);
	if (res < 0 || !listed)
		return res;
	for (size_t i = 0; res == 0 && !covered && i < c.n; i++)
		res = look(s, f->org, names, c.list[i], t, &covered, err);
	if (res == 0 && c.n == 0)
		res = look(s, f->org, names, "", t, &covered, err);
	if (res < 0 || covered) {
		t->answer = c.n ? TARGET_VULNERABLE : TARGET_WEAK;
		return res;
	}
	return all_known(s, &c, t, err);
}

int target_of(struct store *s, const struct finding *f, struct target *ret, struct err *err)
{
	struct target t = { 0 };
	struct buf names;
	buf_init(&names, 256 * KIB);
	names_of(f, &names);
	int res = names.failed ? 0 : answer(s, f, buf_cstr(&names), &t, err);
	buf_done(&names);
	if (res == 0)
		*ret = t;
	return res;
}

/* ---- imports ---- */

static const struct store_sql drop_assets = { "asset_drop", "DELETE FROM asset WHERE org = $1" };
static const struct store_sql add_assets = {
	"asset_add", "INSERT INTO asset(org, address, name, vendor, product, version, vendor_key, product_key, added_ms, added_by)"
		     " SELECT $1, h.address, h.name, h.vendor, h.product, h.version, h.vendor_key, h.product_key, $3::bigint, $4 FROM"
		     " jsonb_to_recordset($2::jsonb) AS h(address text, name text, vendor text, product text, version text, vendor_key text,"
		     " product_key text)"
};
static const struct store_sql drop_vulns = { "vuln_drop", "DELETE FROM vuln WHERE list = $1" };
static const struct store_sql add_vulns = {
	"vuln_add", "INSERT INTO vuln(list, cve, vendor_key, product_key, vfrom, from_excluded, vto, to_excluded, score10) SELECT $1, h.cve, h.vendor,"
		    " h.product, h.vfrom, h.from_excluded, h.vto, h.to_excluded, h.score10 FROM jsonb_to_recordset($2::jsonb) AS h(cve text,"
		    " vendor text, product text, vfrom text, from_excluded boolean, vto text, to_excluded boolean, score10 int)"
};

/* A text of the row, checked; "" when absent. */
static bool take(yyjson_val *row, const char *key, bool needed, struct str *ret)
{
	yyjson_val *v = yyjson_obj_get(row, key);
	*ret = yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : STR("");
	return ret->len <= ASSET_FIELD && !memchr(ret->ptr, 0, ret->len) && (ret->len || !needed);
}

static bool put_asset(yyjson_val *row, struct buf *b)
{
	static const char *const keys[] = { "address", "name", "vendor", "product", "version" };
	struct str v[ARRAY_LEN(keys)];
	char vendor[ASSET_FIELD + 1] = "", product[ASSET_FIELD + 1];
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!take(row, keys[i], i == 3, &v[i]))
			return false;
	if ((!v[0].len && !v[1].len) || !asset_fold(v[3], product) || (v[2].len && !asset_fold(v[2], vendor)))
		return false;
	buf_putc(b, '{');
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		json_field(b, keys[i], v[i]);
	json_field_s(b, "vendor_key", vendor);
	json_field_s(b, "product_key", product);
	buf_putc(b, '}');
	return true;
}

static bool put_vuln(yyjson_val *row, struct buf *b)
{
	struct str cve, vendor, product, from, to;
	char ok[24];
	if (!take(row, "cve", true, &cve) || !take(row, "vendor", false, &vendor) || !take(row, "product", true, &product) ||
	    !take(row, "from", false, &from) || !take(row, "to", false, &to) || !asset_vuln_id(cve.ptr, ok) || strlen(ok) != cve.len)
		return false;
	uint64_t score = yyjson_get_uint(yyjson_obj_get(row, "score10"));
	buf_putc(b, '{');
	json_field_s(b, "cve", ok);
	json_field(b, "vendor", vendor), json_field(b, "product", product);
	json_field(b, "vfrom", from), json_field(b, "vto", to);
	json_field_bool(b, "from_excluded", yyjson_get_bool(yyjson_obj_get(row, "from_excluded")));
	json_field_bool(b, "to_excluded", yyjson_get_bool(yyjson_obj_get(row, "to_excluded")));
	json_field_u64(b, "score10", score <= 100 ? score : 0);
	buf_putc(b, '}');
	return true;
}

/* The rows, each checked, as a new list; the first that isn't right refuses all. */
static int check_rows(struct str rows, bool (*put)(yyjson_val *, struct buf *), struct buf *b, int *ret_n, struct err *err)
{
	yyjson_doc *doc = yyjson_read(rows.ptr, rows.len, 0);
	yyjson_val *list = yyjson_doc_get_root(doc), *v;
	size_t i, n;
	int res = yyjson_is_arr(list) ? 0 : err_set(err, E_INVALID, "rows", "not a list");
	buf_putc(b, '[');
	*ret_n = 0;
	if (res == 0)
		yyjson_arr_foreach(list, i, n, v) {
			char at[24];
			snprintf(at, sizeof at, "rows[%zu]", i);
			buf_puts(b, i ? "," : "");
			if (res == 0 && !put(v, b))
				res = err_set(err, E_INVALID, at, "a value is missing or too long");
			++*ret_n;
		}
	buf_putc(b, ']');
	yyjson_doc_free(doc);
	return res < 0 ? res : b->failed ? err_set(err, E_LIMIT, "rows", "too many") : 0;
}

int target_import_assets(struct store *s, const struct target_import *w, struct str rows, int *ret_n, struct err *err)
{
	struct store_args d = { 0 }, a = { 0 };
	struct buf b;
	buf_init(&b, 64 * MIB);
	int res = check_rows(rows, put_asset, &b, ret_n, err);
	store_text(&d, w->org);
	if (res == 0 && w->first)
		res = store_run(s, &drop_assets, &d, NULL, err);
	store_text(&a, w->org), store_text(&a, buf_cstr(&b)), store_int(&a, w->now_ms), store_text(&a, w->by);
	res = res < 0 ? res : store_run(s, &add_assets, &a, NULL, err);
	buf_done(&b);
	return res;
}

int target_import_vulns(struct store *s, const struct target_import *w, struct str rows, int *ret_n, struct err *err)
{
	struct store_args d = { 0 }, a = { 0 };
	struct buf b;
	buf_init(&b, 64 * MIB);
	int res = check_rows(rows, put_vuln, &b, ret_n, err);
	store_text(&d, w->list);
	if (res == 0 && w->first)
		res = store_run(s, &drop_vulns, &d, NULL, err);
	store_text(&a, w->list), store_text(&a, buf_cstr(&b));
	res = res < 0 ? res : store_run(s, &add_vulns, &a, NULL, err);
	buf_done(&b);
	return res;
}

/* ---- shown ---- */

static const struct store_sql list = {
	"asset_list", "SELECT id, org, address, name, vendor, product, version FROM asset ORDER BY org, address, name, product LIMIT 5000"
};
static const struct store_sql of_asset = {
	"asset_vulns", "SELECT v.cve, v.vfrom, v.from_excluded, v.vto, v.to_excluded, v.score10" JOINED " WHERE a.id = $1"
		       " ORDER BY v.score10 DESC, v.cve LIMIT 1000"
};

static int put_vulns(struct store *s, int64_t id, const char *version, struct buf *b, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows r = { 0 };
	char last[24] = "";
	int n = 0;
	store_int(&a, id);
	int res = store_run(s, &of_asset, &a, &r, err);
	json_key(b, "vulnerabilities");
	buf_putc(b, '[');
	for (int i = 0; res == 0 && i < r.n; i++) {
		struct vuln v = range_at(&r, i, 1);
		if (!vuln_covers(&v, version) || strcmp(last, store_col(&r, i, 0)) == 0)
			continue;
		snprintf(last, sizeof last, "%s", store_col(&r, i, 0));
		buf_puts(b, n++ ? ",{" : "{");
		json_field_s(b, "cve", last);
		json_field_u64(b, "score10", (uint64_t)store_col_int(&r, i, 5, 0));
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	store_rows_done(&r);
	return res;
}

int target_format_assets(struct store *s, struct buf *b, struct err *err)
{
	static const char *const keys[] = { "org", "address", "name", "vendor", "product", "version" };
	struct store_rows r = { 0 };
	int res = store_run(s, &list, NULL, &r, err);
	json_key(b, "assets");
	buf_putc(b, '[');
	for (int i = 0; res == 0 && i < r.n; i++) {
		buf_puts(b, i ? ",{" : "{");
		for (int k = 0; k < (int)ARRAY_LEN(keys); k++)
			if (store_col(&r, i, k + 1)[0])
				json_field_s(b, keys[k], store_col(&r, i, k + 1));
		res = put_vulns(s, store_col_int(&r, i, 0, 0), store_col(&r, i, 6), b, err);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	store_rows_done(&r);
	return res;
}
