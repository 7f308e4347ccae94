/* A description from its directory: service.json, prefectures/NN.json, orgs/CODE.json. The only part of the model that touches
 * the disk. A file that can't be read is a fault; the others are read and checked all the same. */
#include "model/load.h"

#include "base/fs.h"

#include <stdio.h>

struct names {
	struct loader *l;
	const char *sub; /* "orgs" */
	const char **stem;
	size_t n, max, digits;
};

static int take_name(const char *name, void *user)
{
	struct names *t = user;
	struct reader *r = &t->l->r;
	struct str s = str_from(name);
	char path[256];
	if (name[0] == '.')
		return 0;
	bool ok = s.len == t->digits + 5 && str_ends(s, STR(".json"));
	for (size_t i = 0; ok && i < t->digits; i++)
		ok = name[i] >= '0' && name[i] <= '9';
	if (!ok) {
		snprintf(path, sizeof path, "%s/%s", t->sub, form_line.check(s) || !str_is_utf8(s) ? "?" : name);
		fault_add(r->faults, path, "no file of the description: its name must be the %zu-digit code and .json",
		          "記述のファイルではありません (%zu 桁のコードと .json の名前にしてください)", t->digits);
		return 0;
	}
	if (t->n == t->max) {
		fault_add(r->faults, t->sub, "holds more than %zu files", "ファイルが %zu 件を超えています", t->max);
		return -E_LIMIT;
	}
	t->stem[t->n] = arena_strdup(r->arena, (struct str){ name, t->digits });
	if (!t->stem[t->n++])
		r->failed = -E_NOMEM;
	return r->failed;
}

static int list_names(struct loader *l, const char *sub, size_t digits, size_t max, struct names *t)
{
	char path[1024];
	*t = (struct names){ .l = l, .sub = sub, .max = max, .digits = digits };
	t->stem = arena_array(l->r.arena, max, sizeof *t->stem);
	if (!t->stem)
		return err_set(l->err, E_NOMEM, "", "no memory");
	snprintf(path, sizeof path, "%s/%s", l->dir, sub);
	if (!fs_exists(path))
		return 0;
	int r = fs_list(path, take_name, t, l->err);
	return r == -E_LIMIT ? 0 : r;
}

/* The file's JSON, or NULL with a fault or l->r.failed. */
static yyjson_doc *load_file(struct loader *l, const char *name)
{
	char path[1024];
	struct buf b;
	struct err e;
	yyjson_doc *doc = NULL;
	buf_init(&b, FILE_MAX_BYTES);
	snprintf(path, sizeof path, "%s/%s", l->dir, name);
	int r = fs_read(path, &b, &e);
	l->total += b.len;
	if (r == -E_NOMEM)
		l->r.failed = r;
	else if (r == -E_LIMIT)
		fault_add(l->r.faults, name, "is larger than 4 MiB", "4 MiB を超えています");
	else if (r < 0)
		fault_add(l->r.faults, name, "can't be read: %s", "読めません: %s", e.msg);
	else if (l->total > TOTAL_MAX_BYTES)
		fault_add(l->r.faults, name, "all files together are larger than 64 MiB", "全ファイルの合計が 64 MiB を超えています");
	else
		doc = read_parse(&l->r, name, buf_view(&b), false);
	buf_done(&b);
	return doc;
}

/* Its path ends in the name of the file: "orgs[412015].code". */
static void same_code(struct loader *l, const char *object, const char *label, const char *code)
{
	char path[256];
	snprintf(path, sizeof path, "%s[%s].code", object, label);
	if (code[0] && strcmp(code, label) != 0 && !fault_under(l->r.faults, path))
		fault_add(l->r.faults, path, "is %s, but the file's name says %s", "%s ですが、ファイル名は %s です", code, label);
}

static void load_files(struct loader *l, const struct names *prefectures, const struct names *orgs)
{
	char name[32];
	yyjson_doc *doc = load_file(l, "service.json");
	load_service(l, doc ? yyjson_doc_get_root(doc) : NULL);
	yyjson_doc_free(doc);
	for (size_t i = 0; i < prefectures->n && !l->r.failed; i++) {
		snprintf(name, sizeof name, "prefectures/%s.json", prefectures->stem[i]);
		doc = load_file(l, name);
		load_prefecture(l, i, doc ? yyjson_doc_get_root(doc) : NULL, prefectures->stem[i]);
		same_code(l, "prefectures", prefectures->stem[i], l->m->prefectures[i].code);
		yyjson_doc_free(doc);
	}
	load_sort_prefectures(l->m);
	for (size_t i = 0; i < orgs->n && !l->r.failed; i++) {
		snprintf(name, sizeof name, "orgs/%s.json", orgs->stem[i]);
		doc = load_file(l, name);
		load_org(l, i, doc ? yyjson_doc_get_root(doc) : NULL, orgs->stem[i]);
		same_code(l, "orgs", orgs->stem[i], l->m->orgs[i].code);
		yyjson_doc_free(doc);
	}
}

int load_dir(struct loader *l)
{
	struct names prefectures, orgs;
	if (!fs_exists(l->dir))
		return err_set(l->err, E_NOT_FOUND, l->dir, "no such directory");
	int r = list_names(l, "prefectures", 2, PREFECTURES_MAX, &prefectures);
	if (r == 0)
		r = list_names(l, "orgs", 6, ORGS_MAX, &orgs);
	if (r == 0)
		r = load_room(l, prefectures.n, orgs.n);
	if (r < 0)
		return l->r.failed ? err_set(l->err, E_NOMEM, "", "no memory") : r;
	load_files(l, &prefectures, &orgs);
	return load_finish(l);
}
