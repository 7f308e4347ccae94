/* Has a description read and checked, and seals the result: sorted, canonical, with its digest. From canonical JSON here; from
 * a directory in load_dir.c. */
#include "model/load.h"

#include "base/map.h"
#include "base/mem.h"
#include "model/check.h"
#include "model/write.h"

#include <stdlib.h>

#define ARENA_MAX (512u * MIB)

static void derive_name(const char **en, const char *name)
{
	if (!**en)
		*en = name;
}

static void derive_org(struct loader *l, struct org *o)
{
	derive_name(&o->name_en, o->name);
	for (size_t i = 0; !o->prefecture && i < l->m->n_prefectures; i++)
		if (strncmp(l->m->prefectures[i].code, o->code, 2) == 0)
			o->prefecture = &l->m->prefectures[i];
}

static void begin(struct loader *l, struct model *m, struct faults *f, struct err *err)
{
	*l = (struct loader){ .m = m, .r = { .arena = &m->arena, .faults = f, .model = m }, .err = err };
}

void load_service(struct loader *l, yyjson_val *v)
{
	size_t before = path_push(&l->r.path, "service");
	read_object(&l->r, &schema_service, v, &l->m->service);
	derive_name(&l->m->service.name_en, l->m->service.name);
	path_pop(&l->r.path, before);
}

void load_prefecture(struct loader *l, size_t i, yyjson_val *v, const char *label)
{
	struct prefecture *p = &l->m->prefectures[i];
	size_t before = path_push(&l->r.path, "prefectures[%s]", label);
	read_object(&l->r, &schema_prefecture, v, p);
	derive_name(&p->name_en, p->name);
	path_pop(&l->r.path, before);
}

void load_org(struct loader *l, size_t i, yyjson_val *v, const char *label)
{
	size_t before = path_push(&l->r.path, "orgs[%s]", label);
	l->labels[i] = label;
	read_object(&l->r, &schema_org, v, &l->m->orgs[i]);
	derive_org(l, &l->m->orgs[i]);
	path_pop(&l->r.path, before);
}

int load_room(struct loader *l, size_t n_prefectures, size_t n_orgs)
{
	struct model *m = l->m;
	if (n_prefectures == 0)
		fault_add(l->r.faults, "prefectures", "there is none", "1 件もありません");
	if (n_orgs == 0)
		fault_add(l->r.faults, "orgs", "there is none", "1 件もありません");
	m->prefectures = arena_array(&m->arena, n_prefectures + 1, sizeof *m->prefectures);
	m->orgs = arena_array(&m->arena, n_orgs + 1, sizeof *m->orgs);
	l->labels = arena_array(&m->arena, n_orgs + 1, sizeof *l->labels);
	if (!m->prefectures || !m->orgs || !l->labels)
		return err_set(l->err, E_NOMEM, "", "no memory for %zu organisations", n_orgs);
	m->n_prefectures = n_prefectures;
	m->n_orgs = n_orgs;
	return 0;
}

static int by_code(const void *a, const void *b)
{
	return strcmp(((const struct org *)a)->code, ((const struct org *)b)->code);
}

static int by_pref_code(const void *a, const void *b)
{
	return strcmp(((const struct prefecture *)a)->code, ((const struct prefecture *)b)->code);
}

static int by_order(const void *a, const void *b)
{
	return ((const struct contact *)a)->order - ((const struct contact *)b)->order;
}

static int by_priority(const void *a, const void *b)
{
	return ((const struct uplink *)a)->priority - ((const struct uplink *)b)->priority;
}

static void sort_contacts(struct contact *c, size_t n)
{
	if (n)
		qsort(c, n, sizeof *c, by_order);
}


void load_sort_prefectures(struct model *m)
{
	for (size_t i = 0; i < m->n_prefectures; i++)
		if (!m->prefectures[i].code[0])
			return; /* a fault; its place is its only name */
	qsort(m->prefectures, m->n_prefectures, sizeof *m->prefectures, by_pref_code);
}

static int seal(struct model *m, struct err *err)
{
	struct buf b;
	unsigned char sum[SHA256_LEN];
	buf_init(&b, TOTAL_MAX_BYTES);
	write_model(&b, m);
	if (b.failed) {
		int code = b.failed;
		buf_done(&b);
		return err_set(err, (enum err_code)-code, "", "the description is larger than %u bytes", TOTAL_MAX_BYTES);
	}
	m->canonical = arena_strdup(&m->arena, buf_view(&b));
	m->canonical_len = b.len;
	hash_sha256(b.ptr, b.len, sum);
	memcpy(m->digest, "sha256:", 7);
	hex_format(sum, sizeof sum, m->digest + 7);
	buf_done(&b);
	return m->canonical ? 0 : err_set(err, E_NOMEM, "", "no memory");
}

/* Checks what was read, and seals it when nothing is wrong. */
int load_finish(struct loader *l)
{
	struct model *m = l->m;
	struct faults *f = l->r.faults;
	int r = l->r.failed;
	if (r == 0)
		r = resolve_model(m, l->labels, f);
	if (r == 0)
		r = check_model(m, l->labels, f);
	if (r < 0 || f->lost)
		return err_set(l->err, r < 0 ? (enum err_code)-r : E_NOMEM, "", "no memory for the description");
	if (f->n)
		return err_set(l->err, E_INVALID, f->list[0].path, "%s", f->list[0].msg);
	for (size_t i = 0; i < m->n_orgs; i++)
		sort_contacts(m->orgs[i].contacts, m->orgs[i].n_contacts);
	for (size_t i = 0; i < m->n_prefectures; i++)
		sort_contacts(m->prefectures[i].contacts, m->prefectures[i].n_contacts);
	qsort(m->orgs, m->n_orgs, sizeof *m->orgs, by_code);
	qsort(m->service.uplinks, m->service.n_uplinks, sizeof *m->service.uplinks, by_priority);
	return seal(m, l->err);
}

/* ---- canonical JSON */

/* What stands in the path for element i: its code when it is a plain one, else its number. */
static const char *label_of(struct loader *l, yyjson_val *v, size_t i)
{
	yyjson_val *code = yyjson_obj_get(v, "code");
	struct str s = { yyjson_get_str(code), yyjson_get_len(code) };
	bool plain = s.len > 0 && s.len <= 16;
	for (size_t k = 0; plain && k < s.len; k++)
		plain = (s.ptr[k] >= '0' && s.ptr[k] <= '9') || (s.ptr[k] >= 'a' && s.ptr[k] <= 'z');
	const char *p = plain ? arena_strdup(l->r.arena, s) : arena_printf(l->r.arena, "%zu", i);
	if (!p)
		l->r.failed = -E_NOMEM;
	return p ? p : "?";
}

static yyjson_val *root_list(struct loader *l, yyjson_val *root, const char *name, size_t max)
{
	yyjson_val *v = yyjson_obj_get(root, name);
	if (!yyjson_is_arr(v))
		fault_add(l->r.faults, name, "must be a list […]", "リスト […] で書いてください");
	else if (yyjson_arr_size(v) > max)
		fault_add(l->r.faults, name, "holds more than %zu entries", "%zu 件を超えています", max);
	else
		return v;
	return NULL;
}

static void check_root(struct loader *l, yyjson_val *root)
{
	static const char *const names[] = { "format", "service", "prefectures", "orgs" };
	size_t i, n;
	yyjson_val *key, *val;
	unsigned seen = 0;
	yyjson_obj_foreach(root, i, n, key, val) {
		size_t k = 0;
		while (k < ARRAY_LEN(names) && !yyjson_equals_str(key, names[k]))
			k++;
		if (k == ARRAY_LEN(names))
			fault_add(l->r.faults, "", "unknown member of the canonical form", "正規形に知らない項目があります");
		else if (seen & 1u << k)
			fault_add(l->r.faults, names[k], "stands here twice", "同じ項目が 2 回あります");
		seen |= 1u << k;
	}
	if (yyjson_get_uint(yyjson_obj_get(root, "format")) != MODEL_FORMAT)
		fault_add(l->r.faults, "format", "must be %d", "%d で書いてください", MODEL_FORMAT);
}

static int load_root(struct loader *l, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *v;
	check_root(l, root);
	yyjson_val *prefectures = root_list(l, root, "prefectures", PREFECTURES_MAX), *orgs = root_list(l, root, "orgs", ORGS_MAX);
	int r = prefectures && orgs ? load_room(l, yyjson_arr_size(prefectures), yyjson_arr_size(orgs)) : 0;
	if (!prefectures || !orgs || r < 0)
		return r < 0 ? r : err_set(l->err, E_INVALID, l->r.faults->list ? l->r.faults->list[0].path : "", "not a description");
	v = yyjson_obj_get(root, "service");
	if (!v)
		fault_add(l->r.faults, "service", "is missing", "必要な項目がありません");
	load_service(l, v);
	yyjson_arr_foreach(prefectures, i, n, v)
		load_prefecture(l, i, v, label_of(l, v, i));
	load_sort_prefectures(l->m);
	yyjson_arr_foreach(orgs, i, n, v)
		load_org(l, i, v, label_of(l, v, i));
	return load_finish(l);
}

static int load_text(struct loader *l, struct str json)
{
	if (json.len > TOTAL_MAX_BYTES)
		return err_set(l->err, E_LIMIT, "", "the description is larger than %u bytes", TOTAL_MAX_BYTES);
	yyjson_doc *doc = read_parse(&l->r, "description.json", json, true);
	int r = !doc && l->r.failed ? err_set(l->err, E_NOMEM, "", "no memory")
	        : !doc              ? err_set(l->err, E_INVALID, "description.json", "not readable JSON")
	                            : 0;
	if (doc && !yyjson_is_obj(yyjson_doc_get_root(doc))) {
		fault_add(l->r.faults, "", "must be an object {…}", "オブジェクト {…} で書いてください");
		r = err_set(l->err, E_INVALID, "", "must be an object");
	}
	if (r == 0)
		r = load_root(l, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return r;
}

/* ---- the interface */

static int model_create(struct model **ret, struct err *err)
{
	struct model *m = mem_alloc(sizeof *m);
	if (!m)
		return err_set(err, E_NOMEM, "", "no memory");
	arena_init(&m->arena, ARENA_MAX);
	*ret = m;
	return 0;
}

static int give(int r, struct model *m, struct model **ret)
{
	if (r < 0)
		model_destroy(&m);
	else
		*ret = m;
	return r;
}

int model_load(const char *dir, struct model **ret, struct faults *faults, struct err *err)
{
	struct model *m = NULL;
	struct loader l;
	int r = model_create(&m, err);
	if (r < 0)
		return r;
	begin(&l, m, faults, err);
	l.dir = dir;
	return give(load_dir(&l), m, ret);
}

int model_load_canonical(struct str json, struct model **ret, struct faults *faults, struct err *err)
{
	struct model *m = NULL;
	struct loader l;
	int r = model_create(&m, err);
	if (r < 0)
		return r;
	begin(&l, m, faults, err);
	return give(load_text(&l, json), m, ret);
}

void model_destroy(struct model **m)
{
	if (!*m)
		return;
	arena_done(&(*m)->arena);
	mem_free(*m);
	*m = NULL;
}

static int code_cmp(const void *key, const void *org)
{
	return strcmp(key, ((const struct org *)org)->code);
}

const struct org *model_org(const struct model *m, const char *code)
{
	return m->n_orgs ? bsearch(code, m->orgs, m->n_orgs, sizeof *m->orgs, code_cmp) : NULL;
}

const char *service_cold_store(const struct service *s, char ret[COLD_STORE_MAX])
{
	const char *url = s->cold.url;
	size_t n = strlen(url);
	*ret = 0;
	if (n)
		snprintf(ret, COLD_STORE_MAX, "%.*s/%s", (int)(url[n - 1] == '/' ? n - 1 : n), url, s->cold.bucket);
	return ret;
}
