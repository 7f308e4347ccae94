/* Reads respondd.json; see config.h. Our own compiler wrote it, so a fault here is a bug or damage: it is
 * refused as a whole, and the configuration in force stays. */
#include "incident/config.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

struct reader {
	struct arena *a;
	struct err *err;
	int failed;
};

static void fault(struct reader *r, const char *path, const char *what)
{
	if (!r->failed)
		r->failed = err_set(r->err, E_INVALID, path, "%s", what);
}

static const char *text(struct reader *r, yyjson_val *o, const char *key)
{
	struct str s = ctl_str(o, key);
	char *p = s.ptr && !memchr(s.ptr, 0, s.len) ? arena_strdup(r->a, s) : NULL;
	if (!p)
		fault(r, key, "missing, or not a text");
	return p ? p : "";
}

static void code(struct reader *r, yyjson_val *o, const char *key, char *dst, size_t size)
{
	if (!str_copy(ctl_str(o, key), dst, size) || !dst[0])
		fault(r, key, "missing, or too long");
}

static uint64_t number(struct reader *r, yyjson_val *o, const char *key, uint64_t max)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) > max) {
		fault(r, key, "missing, or not a number in its range");
		return 0;
	}
	return yyjson_get_uint(v);
}

/* An array of n elements of `size` bytes for the JSON array `key`; NULL (and *ret_n 0) when it is empty. */
static void *array(struct reader *r, yyjson_val *o, const char *key, size_t size, yyjson_val **ret_arr, size_t *ret_n)
{
	*ret_arr = yyjson_obj_get(o, key);
	*ret_n = 0;
	if (!yyjson_is_arr(*ret_arr)) {
		fault(r, key, "missing, or not a list");
		return NULL;
	}
	size_t n = yyjson_arr_size(*ret_arr);
	void *p = n ? arena_array(r->a, n, size) : NULL;
	if (n && !p)
		fault(r, key, "no memory");
	*ret_n = p ? n : 0;
	return p;
}

static const char **texts(struct reader *r, yyjson_val *o, const char *key, size_t *ret_n)
{
	yyjson_val *arr;
	const char **list = array(r, o, key, sizeof *list, &arr, ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		yyjson_val *v = yyjson_arr_get(arr, i);
		list[i] = yyjson_is_str(v) ? arena_strdup(r->a, str_from(yyjson_get_str(v))) : NULL;
		if (!list[i])
			fault(r, key, "an entry is not a text");
	}
	return list;
}

static struct prefix *prefixes(struct reader *r, yyjson_val *o, const char *key, size_t *ret_n)
{
	yyjson_val *arr;
	struct prefix *list = array(r, o, key, sizeof *list, &arr, ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		yyjson_val *v = yyjson_arr_get(arr, i);
		if (!yyjson_is_str(v) || prefix_parse(str_from(yyjson_get_str(v)), &list[i]) < 0)
			fault(r, key, "an entry is not a prefix");
	}
	return list;
}

static struct contact *contacts(struct reader *r, yyjson_val *o, size_t *ret_n)
{
	yyjson_val *arr;
	struct contact *list = array(r, o, "contacts", sizeof *list, &arr, ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		yyjson_val *v = yyjson_arr_get(arr, i);
		list[i] = (struct contact){ .name = text(r, v, "name"), .mail = text(r, v, "mail"), .phone = text(r, v, "phone"),
		                            .sms = text(r, v, "sms"), .voice = text(r, v, "voice"), .webhook = text(r, v, "webhook") };
		list[i].min_severity = (uint8_t)number(r, v, "min_severity", 3);
		list[i].order = (uint8_t)number(r, v, "order", 255);
	}
	return list;
}

static struct terminal *terminals(struct reader *r, yyjson_val *o, size_t *ret_n)
{
	yyjson_val *arr;
	struct terminal *list = array(r, o, "terminals", sizeof *list, &arr, ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		yyjson_val *v = yyjson_arr_get(arr, i);
		list[i].name = text(r, v, "name");
		if (prefix_parse(ctl_str(v, "addr"), &list[i].addr) < 0)
			fault(r, "terminals", "an address is malformed");
	}
	return list;
}

static void read_org(struct reader *r, yyjson_val *v, struct desk_org *o)
{
	code(r, v, "code", o->code, sizeof o->code);
	code(r, v, "prefecture", o->prefecture, sizeof o->prefecture);
	o->name = text(r, v, "name");
	o->name_en = text(r, v, "name_en");
	o->contacts = contacts(r, v, &o->n_contacts);
	o->terminals = terminals(r, v, &o->n_terminals);
	o->white = texts(r, v, "white", &o->n_white);
	o->shared = prefixes(r, v, "shared", &o->n_shared);
	o->announce = prefixes(r, v, "announce", &o->n_announce);
	yyjson_val *c = yyjson_obj_get(v, "consent"), *k = yyjson_obj_get(v, "calendar");
	o->consent = (struct consent){ ctl_bool(c, "given", false), (uint8_t)number(r, c, "min_severity", 3), text(r, c, "by"),
		                       text(r, c, "date") };
	o->calendar.closed = texts(r, k, "closed", &o->calendar.n_closed);
	o->calendar.open_minute = (uint16_t)number(r, k, "open_minute", 1440);
	o->calendar.close_minute = (uint16_t)number(r, k, "close_minute", 1440);
}

static void read_lists(struct reader *r, yyjson_val *root, struct desk *d)
{
	yyjson_val *arr;
	d->gateways = array(r, root, "gateways", sizeof *d->gateways, &arr, &d->n_gateways);
	for (size_t i = 0; i < d->n_gateways; i++)
		d->gateways[i] = (struct desk_gateway){ text(r, yyjson_arr_get(arr, i), "name"), text(r, yyjson_arr_get(arr, i), "kind") };
	d->orgs = array(r, root, "orgs", sizeof *d->orgs, &arr, &d->n_orgs);
	for (size_t i = 0; i < d->n_orgs; i++)
		read_org(r, yyjson_arr_get(arr, i), &d->orgs[i]);
	d->prefectures = array(r, root, "prefectures", sizeof *d->prefectures, &arr, &d->n_prefectures);
	for (size_t i = 0; i < d->n_prefectures; i++) {
		yyjson_val *v = yyjson_arr_get(arr, i);
		code(r, v, "code", d->prefectures[i].code, sizeof d->prefectures[i].code);
		d->prefectures[i].name = text(r, v, "name");
		d->prefectures[i].contacts = contacts(r, v, &d->prefectures[i].n_contacts);
	}
}

static void read_root(struct reader *r, yyjson_val *root, struct desk *d)
{
	yyjson_val *c = yyjson_obj_get(root, "clock"), *m = yyjson_obj_get(root, "mail"), *n = yyjson_obj_get(root, "never");
	d->service = text(r, root, "service");
	d->service_en = text(r, root, "service_en");
	d->page_url = yyjson_obj_get(root, "page_url") ? text(r, root, "page_url") : ""; /* a generation of before it */
	d->tell_medium = yyjson_is_true(yyjson_obj_get(root, "tell_medium"));
	d->clock.notice_ms = (int64_t)number(r, c, "notice_s", 86400) * 1000;
	d->clock.escalate1_ms = (int64_t)number(r, c, "escalate1_s", 86400) * 1000;
	d->clock.escalate2_ms = (int64_t)number(r, c, "escalate2_s", 86400) * 1000;
	d->clock.block_ms = (int64_t)number(r, c, "block_hours", 8784) * 3600 * 1000;
	d->clock.day_minute = (unsigned)number(r, c, "day_minute", 1440);
	d->clock.night_minute = (unsigned)number(r, c, "night_minute", 1440);
	d->mail.host = text(r, m, "host");
	d->mail.from = text(r, m, "from");
	d->mail.port = (uint16_t)number(r, m, "port", 65535);
	d->never_names = texts(r, n, "names", &d->n_never_names);
	d->never = prefixes(r, n, "prefixes", &d->n_never);
	read_lists(r, root, d);
}

int desk_parse(struct str json, struct desk **ret, struct err *err)
{
	struct desk *d = mem_alloc(sizeof *d);
	if (!d)
		return err_set(err, E_NOMEM, "", "no memory");
	arena_init(&d->arena, 4 * CONFIG_MAX);
	struct reader r = { &d->arena, err, 0 };
	yyjson_doc *doc = json.len <= CONFIG_MAX ? yyjson_read(json.ptr, json.len, 0) : NULL;
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		fault(&r, "respondd.json", "not a JSON object");
	else
		read_root(&r, yyjson_doc_get_root(doc), d);
	yyjson_doc_free(doc);
	if (r.failed)
		desk_destroy(&d);
	else
		*ret = d;
	return r.failed;
}

void desk_destroy(struct desk **d)
{
	if (!*d)
		return;
	arena_done(&(*d)->arena);
	mem_free(*d);
	*d = NULL;
}

const struct desk_org *desk_org(const struct desk *d, const char *c)
{
	for (size_t i = 0; i < d->n_orgs; i++)
		if (strcmp(d->orgs[i].code, c) == 0)
			return &d->orgs[i];
	return NULL;
}

const struct desk_prefecture *desk_prefecture(const struct desk *d, const char *c)
{
	for (size_t i = 0; i < d->n_prefectures; i++)
		if (strcmp(d->prefectures[i].code, c) == 0)
			return &d->prefectures[i];
	return NULL;
}

const char *desk_gateway(const struct desk *d, const char *kind, const char *name, size_t nth)
{
	size_t n = 0;
	for (size_t i = 0; i < d->n_gateways; i++)
		n += strcmp(d->gateways[i].kind, kind) == 0;
	for (size_t i = 0, k = 0; i < d->n_gateways; i++)
		if (strcmp(d->gateways[i].kind, kind) == 0 && (strcmp(kind, "webhook") == 0 ? strcmp(d->gateways[i].name, name) == 0 : k++ == nth % n))
			return d->gateways[i].name;
	return NULL;
}

const char *desk_terminal_name(const struct desk_org *o, const char *address)
{
	struct prefix p;
	if (!o || prefix_parse(str_from(address), &p) < 0)
		return "";
	for (size_t i = 0; i < o->n_terminals; i++)
		if (prefix_contains(&o->terminals[i].addr, &p))
			return o->terminals[i].name;
	return "";
}

bool desk_is_shared(const struct desk *d, const struct desk_org *o, const char *address)
{
	struct prefix p;
	if (prefix_parse(str_from(address), &p) < 0)
		return false;
	for (size_t i = 0; o && i < o->n_shared; i++)
		if (prefix_contains(&o->shared[i], &p))
			return true;
	for (size_t i = 0; i < d->n_never; i++)
		if (prefix_contains(&d->never[i], &p) && d->never[i].len == (p.family == 4 ? 32 : 128))
			return true;
	return false;
}
