/* Findings as JSON and as messages between detectd and respondd; see finding.h. */
#include "detect/finding.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <stdio.h>
#include <yyjson.h>

static const char *const levels[] = { "informational", "low", "medium", "high", "critical" };
static const char *const types[] = { "hostname", "ip", "url", "hash", "ja4", "terminal", "mail", "mailbox" };
static const char *const actions[] = { "", "Allowed", "Denied" };

const char *finding_level_name(enum finding_level level)
{
	return levels[level];
}

bool finding_level_parse(struct str s, enum finding_level *ret)
{
	for (unsigned i = 0; i < ARRAY_LEN(levels); i++)
		if (str_eq(s, str_from(levels[i]))) {
			*ret = (enum finding_level)i;
			return true;
		}
	return false;
}

const char *observable_type_name(enum observable_type type)
{
	return types[type];
}

const char *finding_action_name(enum finding_action action)
{
	return actions[action];
}

static void hash_part(struct buf *b, struct str s)
{
	wr_blob(b, s);
}

void finding_uid(struct str rule_id, struct str group, struct str first_record, char dst[FINDING_UID_LEN + 1])
{
	unsigned char h[SHA256_LEN];
	struct buf b;
	buf_init(&b, MIB);
	hash_part(&b, rule_id);
	hash_part(&b, group);
	hash_part(&b, first_record);
	hash_sha256(b.ptr ? b.ptr : "", b.len, h);
	buf_done(&b);
	hex_format(h, sizeof h, dst);
}

/* ---- out */

static void put_list(struct buf *b, const char *key, const char *const *list, size_t n)
{
	json_key(b, key);
	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_putc(b, ',');
		json_str(b, str_from(list[i]));
	}
	buf_putc(b, ']');
}

static void put_observables(struct buf *b, const struct finding *f)
{
	json_key(b, "observables");
	buf_putc(b, '[');
	for (size_t i = 0; i < f->n_observables; i++) {
		if (i)
			buf_putc(b, ',');
		buf_putc(b, '{');
		json_field_s(b, "type", types[f->observables[i].type]);
		json_field_s(b, "value", f->observables[i].value);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

void finding_format(const struct finding *f, struct buf *b)
{
	buf_putc(b, '{');
	json_field_u64(b, "class_uid", 2004);
	json_field_s(b, "uid", f->uid);
	json_field_u64(b, "time", (uint64_t)f->time);
	json_field_s(b, "org", f->org);
	json_key(b, "rule");
	buf_putc(b, '{');
	json_field_s(b, "id", f->rule.id);
	json_field_s(b, "title", f->rule.title);
	json_field_s(b, "level", levels[f->rule.level]);
	if (f->rule.title_ja && *f->rule.title_ja)
		json_field_s(b, "title_ja", f->rule.title_ja);
	buf_putc(b, '}');
	put_list(b, "attacks", f->attacks, f->n_attacks);
	if (f->n_cves)
		put_list(b, "cves", f->cves, f->n_cves);
	json_field_u64(b, "count", f->count);
	json_field_u64(b, "first_time", (uint64_t)f->first_time);
	json_field_u64(b, "last_time", (uint64_t)f->last_time);
	if (f->terminal && *f->terminal)
		json_field_s(b, "terminal", f->terminal);
	put_observables(b, f);
	if (f->action != FINDING_UNKNOWN) {
		json_key(b, "outcome");
		buf_putc(b, '{');
		json_field_s(b, "action", actions[f->action]);
		if (f->http_status)
			json_field_u64(b, "http_status", f->http_status);
		buf_putc(b, '}');
	}
	put_list(b, "records", f->records, f->n_records);
	if (f->incomplete)
		json_field_bool(b, "incomplete", true);
	if (f->block && *f->block)
		json_field_s(b, "block", f->block);
	buf_putc(b, '}');
}

/* ---- in */

struct parser {
	struct arena *a;
	struct err *err;
};

static int refuse(struct parser *p, const char *path, const char *why)
{
	return err_set(p->err, E_INVALID, path, "%s", why);
}

/* NULL and 0 when absent. */
static int text(struct parser *p, yyjson_val *o, const char *key, const char *path, const char **ret)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	*ret = "";
	if (!v)
		return 0;
	if (!yyjson_is_str(v))
		return refuse(p, path, "must be text");
	struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return refuse(p, path, "holds a control character");
	*ret = arena_strdup(p->a, s);
	return *ret ? 0 : err_set(p->err, E_NOMEM, path, "no memory");
}

static int need(struct parser *p, yyjson_val *o, const char *key, const char *path, const char **ret)
{
	int r = text(p, o, key, path, ret);
	return r == 0 && !**ret ? refuse(p, path, "is missing") : r;
}

static int list(struct parser *p, yyjson_val *o, const char *key, size_t max, const char **dst, size_t *ret_n)
{
	yyjson_val *v = yyjson_obj_get(o, key), *kid;
	size_t i, n;
	if (!v)
		return 0;
	if (!yyjson_is_arr(v) || yyjson_arr_size(v) > max)
		return refuse(p, key, "must be a list and not longer than the interface says");
	yyjson_arr_foreach(v, i, n, kid)
	{
		struct str s = { yyjson_get_str(kid), yyjson_get_len(kid) };
		if (!yyjson_is_str(kid) || memchr(s.ptr, 0, s.len) || memchr(s.ptr, '\n', s.len))
			return refuse(p, key, "holds something else than a line of text");
		dst[*ret_n] = arena_strdup(p->a, s);
		if (!dst[*ret_n])
			return err_set(p->err, E_NOMEM, key, "no memory");
		++*ret_n;
	}
	return 0;
}

static int observables(struct parser *p, yyjson_val *o, struct finding *f)
{
	yyjson_val *v = yyjson_obj_get(o, "observables"), *kid;
	size_t i, n;
	if (v && (!yyjson_is_arr(v) || yyjson_arr_size(v) > FINDING_OBSERVABLES))
		return refuse(p, "observables", "must be a list and not longer than the interface says");
	yyjson_arr_foreach(v, i, n, kid)
	{
		const char *type;
		struct observable *d = &f->observables[f->n_observables];
		int r = need(p, kid, "type", "observables.type", &type);
		if (r == 0)
			r = need(p, kid, "value", "observables.value", &d->value);
		if (r < 0)
			return r;
		unsigned t = 0;
		while (t < ARRAY_LEN(types) && strcmp(types[t], type) != 0)
			t++;
		if (t == ARRAY_LEN(types))
			return refuse(p, "observables.type", "is none of hostname, ip, url, hash, ja4, terminal, mail, mailbox");
		d->type = (enum observable_type)t;
		f->n_observables++;
	}
	return 0;
}

static bool org_ok(const char *org)
{
	size_t n = strlen(org);
	return n == 0 || (n == 6 && strspn(org, "0123456789") == 6);
}

static int head(struct parser *p, yyjson_val *o, struct finding *f)
{
	const char *uid, *org, *level;
	unsigned char h[SHA256_LEN];
	yyjson_val *rule = yyjson_obj_get(o, "rule"), *time = yyjson_obj_get(o, "time");
	if (yyjson_get_uint(yyjson_obj_get(o, "class_uid")) != 2004)
		return refuse(p, "class_uid", "must be 2004");
	int r = need(p, o, "uid", "uid", &uid);
	if (r == 0 && !hex_parse(str_from(uid), h, sizeof h))
		r = refuse(p, "uid", "must be 64 hex digits");
	if (r == 0 && (!yyjson_is_uint(time) || yyjson_get_uint(time) > INT64_MAX))
		r = refuse(p, "time", "must be milliseconds since 1970");
	if (r == 0 && !yyjson_is_str(yyjson_obj_get(o, "org")))
		r = refuse(p, "org", "is missing");
	if (r == 0)
		r = text(p, o, "org", "org", &org);
	if (r == 0 && !org_ok(org))
		r = refuse(p, "org", "must be six digits or empty");
	if (r < 0)
		return r;
	hex_format(h, sizeof h, f->uid);
	snprintf(f->org, sizeof f->org, "%s", org);
	f->time = (int64_t)yyjson_get_uint(time);
	r = need(p, rule, "id", "rule.id", &f->rule.id);
	if (r == 0)
		r = need(p, rule, "title", "rule.title", &f->rule.title);
	if (r == 0)
		r = text(p, rule, "title_ja", "rule.title_ja", &f->rule.title_ja);
	if (r == 0)
		r = text(p, rule, "level", "rule.level", &level);
	f->rule.level = FINDING_MEDIUM;
	if (r == 0 && *level && !finding_level_parse(str_from(level), &f->rule.level))
		r = refuse(p, "rule.level", "is no level of Sigma");
	return r;
}

static int64_t time_or(yyjson_val *o, const char *key, int64_t other)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	return yyjson_is_uint(v) && yyjson_get_uint(v) <= INT64_MAX ? (int64_t)yyjson_get_uint(v) : other;
}

static int body(struct parser *p, yyjson_val *o, struct finding *f)
{
	const char *action;
	f->first_time = time_or(o, "first_time", f->time);
	f->last_time = time_or(o, "last_time", f->time);
	f->count = (uint64_t)time_or(o, "count", 1);
	f->incomplete = yyjson_get_bool(yyjson_obj_get(o, "incomplete"));
	int r = text(p, o, "terminal", "terminal", &f->terminal);
	if (r == 0)
		r = text(p, o, "block", "block", &f->block);
	if (r == 0)
		r = text(p, yyjson_obj_get(o, "outcome"), "action", "outcome.action", &action);
	uint64_t status = yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(o, "outcome"), "http_status"));
	f->http_status = status < 1000 ? (unsigned)status : 0;
	for (unsigned i = 0; r == 0 && i < ARRAY_LEN(actions); i++)
		if (strcmp(actions[i], action) == 0)
			f->action = (enum finding_action)i;
	if (r == 0)
		r = list(p, o, "attacks", FINDING_ATTACKS, f->attacks, &f->n_attacks);
	if (r == 0)
		r = list(p, o, "cves", FINDING_CVES, f->cves, &f->n_cves);
	if (r == 0)
		r = list(p, o, "records", FINDING_RECORDS, f->records, &f->n_records);
	return r < 0 ? r : observables(p, o, f);
}

int finding_parse(struct str json, struct arena *a, struct finding *ret, struct err *err)
{
	struct parser p = { a, err };
	struct finding f = { 0 };
	if (json.len > FINDING_JSON_MAX)
		return refuse(&p, "", "larger than 64 KiB");
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int r = yyjson_is_obj(root) ? head(&p, root, &f) : refuse(&p, "", "not a JSON object");
	if (r == 0)
		r = body(&p, root, &f);
	yyjson_doc_free(doc);
	if (r == 0)
		*ret = f;
	return r;
}

/* ---- messages */

void finding_msg_format(const struct finding_msg *m, struct buf *b)
{
	wr_u8(b, m->type);
	wr_u64(b, m->number);
	if (m->type == FINDING_MSG_FINDING || m->type == FINDING_MSG_WATCH)
		wr_blob(b, m->json);
}

int finding_msg_parse(const void *p, size_t n, struct finding_msg *ret)
{
	struct rd r = rd_from(p, n);
	struct finding_msg m = { .type = rd_u8(&r) };
	m.number = rd_u64(&r);
	size_t max = m.type == FINDING_MSG_WATCH ? FINDING_WATCH_MAX : FINDING_JSON_MAX;
	if (m.type == FINDING_MSG_FINDING || m.type == FINDING_MSG_WATCH)
		m.json = rd_blob(&r);
	else if (m.type != FINDING_MSG_HELLO && m.type != FINDING_MSG_ACK)
		return -E_INVALID;
	if (rd_end(&r) < 0 || m.json.len > max)
		return -E_INVALID;
	*ret = m;
	return 0;
}
