/* See month.h. What was put in force is torided's word (STATE/apply.log), who handed it in and approved it controld's, and who ordered it, with
 * signatures, rules and intelligence, the sealed log's. */
#include "cli/month.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/description.h"
#include "model/diff.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS 60000
#define APPLY_LOG_MAX (64u * MIB)
#define WORDS_MAX (64u * MIB)
#define NEAR_MS (20 * 60000LL) /* an order's record comes when it is over: so long after its line in apply.log at most */

/* Members of the service and of a body; below all of them counts. */
static const char *const members[] = {
	"ips", "black", "deny_categories", "deny_ja4", "tell_medium", "clock", "doh_resolvers", "url", "no_decrypt", "no_decrypt_categories", "decrypt_exceptions", "revocation",
	"scan_fail", "scan_max_mib", "unscannable_allow", "encrypted_allow", "encrypted_ask", "scan_uploads", "inspections", "consent", "log_sources", "registered_only", "options", "dns",
	"address_feeds", "web_source_per_s", "web_connections", "web_new_per_s", "web_attack_per_s", "web_forms_per_min",
};
/* Of a site: what stands behind "sites[…].". */
static const char *const of_site[] = { "waf", "paranoia", "exclusions", "look", "look_every_s" };

static bool begins(const char *s, const char *const *list, size_t n)
{
	size_t len = strcspn(s, ".[");
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i]) == len && strncmp(s, list[i], len) == 0)
			return true;
	return false;
}

bool month_is_policy(const char *path)
{
	static const char *const last = ".min_severity";
	size_t n = strlen(path);
	const char *at = strncmp(path, "orgs[", 5) == 0 ? strstr(path, "].") : strncmp(path, "service.", 8) == 0 ? path + 7 : NULL;
	if (n > strlen(last) && strcmp(path + n - strlen(last), last) == 0) /* of a contact: from which severity up it is told */
		return true;
	if (!at)
		return false;
	at += *at == ']' ? 2 : 1;
	if (strncmp(at, "sites[", 6) == 0)
		return (at = strstr(at, "].")) && begins(at + 2, of_site, ARRAY_LEN(of_site));
	return begins(at, members, ARRAY_LEN(members));
}

struct policy {
	yyjson_mut_doc *doc;
	yyjson_mut_val *changes, *unknown;
	yyjson_doc *generations, *records;
	int64_t from, to;
};

static void unknown(struct policy *p, const char *what, const struct err *err)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(p->doc, p->unknown);
	yyjson_mut_obj_add_strcpy(p->doc, o, "what", what);
	yyjson_mut_obj_add_strcpy(p->doc, o, "why", err->msg);
}

static int asked(struct buf *rq, yyjson_doc **ret, struct err *err)
{
	struct buf reply;
	int r = cli_ask(rq, &reply, WAIT_MS, err);
	*ret = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	buf_done(&reply);
	return r < 0 || *ret ? r : err_set(err, E_CORRUPT, "", "the answer can't be read");
}

static int ask_records(struct policy *p, struct err *err)
{
	struct buf rq;
	cli_request(&rq, "log.search", NULL);
	json_field_s(&rq, "query", "class:api status:Success operation:apply,rollback,ips.rules.import,ips.rules.promote,ips.rules.demote,detect.rules,detect.intel");
	json_field_u64(&rq, "from", (uint64_t)p->from);
	json_field_u64(&rq, "to", (uint64_t)(p->to + NEAR_MS));
	json_field_u64(&rq, "limit", 10000);
	return asked(&rq, &p->records, err);
}

/* ---- a description put in force ---- */

static yyjson_val *generation(const struct policy *p, const char *hex)
{
	size_t i, n;
	yyjson_val *v;
	char digest[80];
	snprintf(digest, sizeof digest, "sha256:%s", hex);
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(p->generations), "generations"), i, n, v)
		if (str_eq(ctl_str(v, "digest"), str_from(digest)))
			return v;
	return NULL;
}

/* Who ordered it: whose record of such an order comes next. NULL: nobody did, or it isn't known. */
static const char *orderer(const struct policy *p, const char *what, const char *hex, int64_t at)
{
	size_t i, n;
	yyjson_val *v;
	const char *who = NULL;
	int64_t best = NEAR_MS;
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(p->records), "records"), i, n, v) {
		yyjson_val *r = yyjson_obj_get(v, "record");
		struct str message = ctl_str(r, "message");
		int64_t after = (int64_t)ctl_u64(r, "time", 0) - at;
		bool same = strcmp(what, "apply") != 0 || (message.ptr && strstr(message.ptr, hex));
		if (str_eq(ctl_str(yyjson_obj_get(r, "api"), "operation"), str_from(what)) && str_eq(ctl_str(r, "product"), STR("controld")) && same && after >= -1000 && after < best) {
			best = after;
			who = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(r, "actor"), "user"));
		}
	}
	return who;
}

static int load(const char *hex, struct model **ret, struct err *err)
{
	char path[PLACE_MAX];
	struct faults f = { 0 };
	place_in_state(path, sizeof path, "generations/%s/description.json", hex);
	int r = cli_load_file(path, ret, &f, err);
	faults_done(&f);
	return r;
}

/* The same lines in both languages: the table of members is one. */
void month_lines(yyjson_mut_doc *doc, yyjson_mut_val *change, struct str ja, struct str en)
{
	struct str a, b;
	uint64_t others = 0, told = 0;
	yyjson_mut_val *what = yyjson_mut_obj_add_arr(doc, change, "what");
	while (str_next(&ja, '\n', &a) && str_next(&en, '\n', &b)) {
		yyjson_doc *j = yyjson_read(a.ptr, a.len, 0), *e = yyjson_read(b.ptr, b.len, 0);
		yyjson_val *v = yyjson_doc_get_root(j);
		const char *path = yyjson_get_str(yyjson_obj_get(v, "path"));
		if (path && month_is_policy(path) && told++ < MONTH_TOLD) {
			yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, what);
			yyjson_mut_obj_add_strcpy(doc, o, "org", yyjson_get_str(yyjson_obj_get(v, "code")));
			yyjson_mut_obj_add_strcpy(doc, o, "ja", yyjson_get_str(yyjson_obj_get(v, "text")));
			yyjson_mut_obj_add_strcpy(doc, o, "en", yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(e), "text")));
		} else if (path && !month_is_policy(path)) {
			others++;
		}
		yyjson_doc_free(j);
		yyjson_doc_free(e);
	}
	yyjson_mut_obj_add_uint(doc, change, "more", told > MONTH_TOLD ? told - MONTH_TOLD : 0);
	yyjson_mut_obj_add_uint(doc, change, "others", others);
}

static int put_difference(struct policy *p, yyjson_mut_val *change, const char *from, const char *to, struct err *err)
{
	struct model *old = NULL, *new = NULL;
	struct buf ja, en;
	buf_init(&ja, WORDS_MAX);
	buf_init(&en, WORDS_MAX);
	int r = *from ? load(from, &old, err) : 0;
	r = r < 0 ? r : load(to, &new, err);
	r = r < 0 ? r : model_diff(old, new, &ja, true, true, err);
	r = r < 0 ? r : model_diff(old, new, &en, false, true, err);
	if (r == 0)
		month_lines(p->doc, change, buf_view(&ja), buf_view(&en));
	buf_done(&ja);
	buf_done(&en);
	model_destroy(&old);
	model_destroy(&new);
	return r;
}

static yyjson_mut_val *put_change(struct policy *p, int64_t at, const char *operation, const char *by)
{
	yyjson_mut_val *c = yyjson_mut_arr_add_obj(p->doc, p->changes);
	yyjson_mut_obj_add_uint(p->doc, c, "time", (uint64_t)at);
	yyjson_mut_obj_add_strcpy(p->doc, c, "operation", operation);
	if (by)
		yyjson_mut_obj_add_strcpy(p->doc, c, "by", by);
	return c;
}

static void put_approvals(struct policy *p, yyjson_mut_val *change, const char *hex)
{
	size_t i, n;
	yyjson_val *v, *g = generation(p, hex), *author = yyjson_obj_get(g, "author");
	if (author)
		yyjson_mut_obj_add_strcpy(p->doc, change, "author", yyjson_get_str(author));
	yyjson_mut_val *approved = yyjson_mut_obj_add_arr(p->doc, change, "approved");
	yyjson_arr_foreach(yyjson_obj_get(g, "approvals"), i, n, v)
		if (yyjson_is_str(yyjson_obj_get(v, "by")))
			yyjson_mut_arr_add_strcpy(p->doc, approved, yyjson_get_str(yyjson_obj_get(v, "by")));
}

static bool hex_of(yyjson_val *line, const char *key, char dst[72])
{
	return str_copy(ctl_str(line, key), dst, 72) && strspn(dst, "0123456789abcdef") == strlen(dst) && (strlen(dst) == 64 || !*dst);
}

/* One line of apply.log: it says of what came in force, in place of what; confirming changes nothing. */
static void put_applied(struct policy *p, yyjson_val *line)
{
	static const char *const kinds[] = { "apply", "rollback", "undo" };
	struct err err = { 0 };
	struct str time = ctl_str(line, "time"), what = ctl_str(line, "do");
	char from[72], to[72];
	int64_t at;
	size_t k = 0;
	while (k < ARRAY_LEN(kinds) && !str_eq(what, str_from(kinds[k])))
		k++;
	if (k == ARRAY_LEN(kinds) || !time.ptr || clock_parse(time.ptr, time.len, &at) < 0 || at < p->from || at >= p->to || !str_eq(ctl_str(line, "result"), STR("ok")) ||
	    !hex_of(line, "from", from) || !hex_of(line, "to", to) || !*to || strcmp(from, to) == 0)
		return;
	bool ordered = str_eq(ctl_str(line, "by"), STR("order"));
	yyjson_mut_val *c = put_change(p, at, kinds[k], ordered ? orderer(p, kinds[k], to, at) : yyjson_get_str(yyjson_obj_get(line, "by")));
	yyjson_mut_obj_add_strcpy(p->doc, c, "digest", to);
	put_approvals(p, c, to);
	if (put_difference(p, c, from, to, &err) < 0)
		unknown(p, to, &err);
}

static int put_all_applied(struct policy *p, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	struct str rest, line;
	buf_init(&b, APPLY_LOG_MAX);
	int r = fs_read(place_in_state(path, sizeof path, "apply.log"), &b, err);
	for (rest = buf_view(&b); r == 0 && str_next(&rest, '\n', &line);) {
		yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
		if (doc)
			put_applied(p, yyjson_doc_get_root(doc));
		yyjson_doc_free(doc);
	}
	buf_done(&b);
	return r;
}

/* ---- signatures, rules, intelligence: as their records say ---- */

static void put_recorded(struct policy *p)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(p->records), "records"), i, n, v) {
		yyjson_val *r = yyjson_obj_get(v, "record");
		const char *operation = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(r, "api"), "operation")), *message = yyjson_get_str(yyjson_obj_get(r, "message"));
		int64_t at = (int64_t)ctl_u64(r, "time", 0);
		if (!operation || (strncmp(operation, "ips.rules.", 10) != 0 && strncmp(operation, "detect.", 7) != 0) || at >= p->to)
			continue;
		yyjson_mut_val *c = put_change(p, at, operation, yyjson_get_str(yyjson_obj_get(yyjson_obj_get(r, "actor"), "user")));
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(p->doc, yyjson_mut_obj_add_arr(p->doc, c, "what"));
		yyjson_mut_obj_add_strcpy(p->doc, o, "ja", message ? message : "");
		yyjson_mut_obj_add_strcpy(p->doc, o, "en", message ? message : "");
		yyjson_mut_obj_add_strcpy(p->doc, o, "record", yyjson_get_str(yyjson_obj_get(v, "name")));
	}
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = yyjson_mut_get_uint(yyjson_mut_obj_get(*(yyjson_mut_val *const *)a, "time")), y = yyjson_mut_get_uint(yyjson_mut_obj_get(*(yyjson_mut_val *const *)b, "time"));
	return x < y ? -1 : x > y;
}

/* Oldest first. */
static int sort(struct policy *p, struct err *err)
{
	size_t i, max, n = yyjson_mut_arr_size(p->changes);
	yyjson_mut_val *v, **list = mem_array(n + 1, sizeof *list);
	if (!list)
		return err_set(err, E_NOMEM, "", "no memory");
	yyjson_mut_arr_foreach(p->changes, i, max, v)
		list[i] = v;
	qsort(list, n, sizeof *list, by_time);
	yyjson_mut_arr_clear(p->changes);
	for (i = 0; i < n; i++)
		yyjson_mut_arr_append(p->changes, list[i]);
	mem_free(list);
	return 0;
}

int month_policy(yyjson_mut_doc *doc, struct err *err)
{
	struct err why = { 0 };
	struct buf rq;
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *policy = yyjson_mut_obj_add_obj(doc, root, "policy");
	struct policy p = { .doc = doc, .from = (int64_t)yyjson_mut_get_uint(yyjson_mut_obj_get(root, "from")), .to = (int64_t)yyjson_mut_get_uint(yyjson_mut_obj_get(root, "to")) };
	p.changes = yyjson_mut_obj_add_arr(doc, policy, "changes");
	p.unknown = yyjson_mut_obj_add_arr(doc, policy, "unknown");
	if (ask_records(&p, &why) < 0)
		unknown(&p, "records", &why);
	else if (ctl_bool(yyjson_doc_get_root(p.records), "incomplete", false) || ctl_bool(yyjson_doc_get_root(p.records), "more", false))
		unknown(&p, "records", &(struct err){ .msg = "not all of the month's records could be searched" });
	cli_request(&rq, "generations", NULL);
	if (asked(&rq, &p.generations, &why) < 0)
		unknown(&p, "generations", &why);
	if (put_all_applied(&p, &why) < 0)
		unknown(&p, "apply.log", &why);
	put_recorded(&p);
	int r = sort(&p, err);
	yyjson_doc_free(p.records);
	yyjson_doc_free(p.generations);
	return r;
}
