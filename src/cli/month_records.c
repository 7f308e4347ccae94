/* See month.h. The counts are stored's; days are Japan's. */
#include "cli/month.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "wire/ctl.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNTS_WAIT_MS 60000
#define DAY_MS 86400000LL
#define RULES 10

static const struct table {
	const char *group, *key;
	size_t most; /* 0: all */
} tables[] = { { "class", "class", 0 }, { "disposition", "disposition", 0 }, { "rule", "rules", RULES } };

struct months {
	yyjson_mut_doc *doc;
	int64_t from, to;
	const char *org;
};

/* *ret: to be freed; counts[{value, value2, records}]. */
static int counts(const struct months *m, const char *group, bool by_body, yyjson_doc **ret, struct err *err)
{
	struct buf rq, reply;
	cli_request(&rq, "log.counts", NULL);
	json_field_s(&rq, "group", group);
	if (by_body)
		json_field_s(&rq, "beside", "org");
	if (m->org)
		json_field_s(&rq, "org", m->org);
	json_field_u64(&rq, "from", (uint64_t)m->from);
	json_field_u64(&rq, "to", (uint64_t)m->to);
	int r = cli_ask(&rq, &reply, COUNTS_WAIT_MS, err);
	*ret = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	buf_done(&reply);
	return r < 0 || *ret ? r : err_set(err, E_CORRUPT, "log.counts", "its answer can't be read");
}

/* Whose: value2 is this body's, or nobody is asked for one by one. */
static bool of(yyjson_val *v, const char *code)
{
	return !code || str_eq(ctl_str(v, "value2"), str_from(code));
}

static void put_days(const struct months *m, yyjson_mut_val *records, yyjson_val *list, const char *code)
{
	uint64_t n[31] = { 0 }, sum = 0;
	size_t i, max, days = (size_t)((m->to - m->from) / DAY_MS);
	yyjson_val *v;
	yyjson_arr_foreach(list, i, max, v) {
		struct str day = ctl_str(v, "value");
		uint64_t d;
		if (!of(v, code) || day.len != 10 || !str_to_u64((struct str){ day.ptr + 8, 2 }, 31, &d) || d < 1 || d > days)
			continue;
		n[d - 1] += ctl_u64(v, "records", 0);
		sum += ctl_u64(v, "records", 0);
	}
	yyjson_mut_obj_add_uint(m->doc, records, "sum", sum);
	yyjson_mut_val *a = yyjson_mut_obj_add_arr(m->doc, records, "days");
	for (i = 0; a && i < days && i < 31; i++)
		yyjson_mut_arr_add_uint(m->doc, a, n[i]);
}

static void put_table(const struct months *m, yyjson_mut_val *records, const struct table *t, yyjson_val *list, const char *code)
{
	size_t i, max, put = 0;
	yyjson_val *v;
	yyjson_mut_val *a = yyjson_mut_obj_add_arr(m->doc, records, t->key);
	yyjson_arr_foreach(list, i, max, v) {
		struct str value = ctl_str(v, "value");
		if (!a || !of(v, code) || !value.len || (t->most && put == t->most))
			continue;
		put++;
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(m->doc, a);
		yyjson_mut_obj_add_strncpy(m->doc, o, "value", value.ptr, value.len);
		yyjson_mut_obj_add_uint(m->doc, o, "records", ctl_u64(v, "records", 0));
	}
}

struct answers {
	yyjson_doc *days, *table[ARRAY_LEN(tables)];
};

static int ask_all(const struct months *m, bool by_body, struct answers *ret, struct err *err)
{
	int r = counts(m, "day", by_body, &ret->days, err);
	for (size_t i = 0; i < ARRAY_LEN(tables) && r == 0; i++)
		r = counts(m, tables[i].group, by_body, &ret->table[i], err);
	return r;
}

static void put(const struct months *m, yyjson_mut_val *part, const struct answers *a, const char *code)
{
	yyjson_mut_val *records = yyjson_mut_obj_add_obj(m->doc, part, "records");
	put_days(m, records, yyjson_obj_get(yyjson_doc_get_root(a->days), "counts"), code);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		put_table(m, records, &tables[i], yyjson_obj_get(yyjson_doc_get_root(a->table[i]), "counts"), code);
}

static void answers_done(struct answers *a)
{
	yyjson_doc_free(a->days);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		yyjson_doc_free(a->table[i]);
}

int month_records(yyjson_mut_doc *doc, const char *org, struct err *err)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *v;
	struct months m = { doc, (int64_t)yyjson_mut_get_uint(yyjson_mut_obj_get(root, "from")), (int64_t)yyjson_mut_get_uint(yyjson_mut_obj_get(root, "to")), org };
	struct answers all = { 0 }, each = { 0 };
	size_t i, n;
	int r = ask_all(&m, false, &all, err);
	r = r < 0 ? r : ask_all(&m, true, &each, err);
	if (r == 0) {
		put(&m, yyjson_mut_obj_get(root, "all"), &all, NULL);
		yyjson_mut_arr_foreach(yyjson_mut_obj_get(root, "orgs"), i, n, v)
			put(&m, v, &each, yyjson_mut_get_str(yyjson_mut_obj_get(v, "org")));
	}
	answers_done(&all);
	answers_done(&each);
	return r;
}
