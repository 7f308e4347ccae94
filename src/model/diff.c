/* Differences in words, by the schema table; see diff.h. Approvers read this: a change that isn't shown here would be approved
 * unseen, so every member of the table is compared by its canonical bytes, and the order of lists too. */
#include "model/diff.h"

#include "base/map.h"
#include "base/mem.h"
#include "model/faults.h"
#include "model/moves.h"
#include "model/rdata.h"
#include "model/write.h"

#include <stdio.h>

struct differ {
	struct buf *out;
	bool ja, json;
	const char *prefecture; /* "" : all are told of */
	bool others;            /* all but that one, and not the service */
	const char *scope, *code, *name; /* what the changes are about */
	bool headed;                     /* its heading is written */
	struct path path;                /* "orgs[412015].fw[r1].to" */
	struct path label;               /* "ファイアウォール r1 宛先" */
	int failed;                      /* -E_NOMEM */
};

struct change {
	const char *kind; /* set, add, remove, order */
	const struct field *f;
	const void *old, *new; /* values; NULL where there is none */
};

/* ---- words */

static void words_of_object(struct buf *b, const struct object *o, const void *at, bool ja);

static void words_of_value(struct buf *b, const struct field *f, const void *at, bool ja)
{
	struct buf raw;
	if (f->type == FIELD_BOOL) {
		bool v = *(const bool *)at;
		buf_puts(b, ja ? (v ? "あり" : "なし") : v ? "yes" : "no");
		return;
	}
	if (f->type == FIELD_ENUM) {
		const struct word *w = word_of_value(f->words, (int)uint_get(f, at));
		buf_puts(b, !w ? "?" : ja ? w->label.ja : w->label.en);
		return;
	}
	if (f->type == FIELD_OBJECT) {
		words_of_object(b, f->sub, at, ja);
		return;
	}
	buf_init(&raw, 64 * KIB);
	write_value(&raw, f, at);
	struct str s = buf_view(&raw);
	if (s.len >= 2 && s.ptr[0] == '"')
		s = (struct str){ s.ptr + 1, s.len - 2 };
	if (s.len == 0)
		s = ja ? STR("(なし)") : STR("(none)");
	buf_str(b, s);
	if (raw.failed)
		b->failed = raw.failed;
	buf_done(&raw);
}

/* Is the member as good as not there? Those are left out of the words about something new. */
static bool blank(const struct field *f, const void *object)
{
	struct buf b;
	if (f->type == FIELD_OBJECT && !f->list) {
		SCHEMA_EACH(member, f->sub)
			if (!blank(member, field_at(f, object)))
				return false;
		return true;
	}
	buf_init(&b, 16 * MIB);
	write_member(&b, f, object);
	struct str s = buf_view(&b);
	bool r = str_eq(s, STR("\"\"")) || str_eq(s, STR("[]")) || str_eq(s, STR("0")) || str_eq(s, STR("false"));
	buf_done(&b);
	return r;
}

static void words_of_object(struct buf *b, const struct object *o, const void *at, bool ja)
{
	char label[64];
	bool any = false;
	SCHEMA_EACH(f, o) {
		size_t n;
		const char *items = field_items(f, at, &n);
		if (blank(f, at) || (o->key && strcmp(f->name, o->key) == 0))
			continue;
		buf_puts(b, !any ? "" : ja ? "、" : ", ");
		any = true;
		buf_puts(b, ja ? f->label_ja : label_en(f, label));
		for (size_t i = 0; i < n; i++) {
			buf_puts(b, i ? "/" : " ");
			words_of_value(b, f, items + i * f->size, ja);
		}
	}
}

static void sentence(struct differ *d, struct buf *b, const struct change *c)
{
	buf_str(b, (struct str){ d->label.s, d->label.n });
	if (strcmp(c->kind, "order") == 0) {
		buf_puts(b, d->ja ? ": 順序が変わります" : ": the order changes");
	} else if (strcmp(c->kind, "set") == 0) {
		buf_puts(b, ": ");
		words_of_value(b, c->f, c->old, d->ja);
		buf_puts(b, " → ");
		words_of_value(b, c->f, c->new, d->ja);
	} else {
		bool add = c->new != NULL;
		buf_puts(b, d->ja ? (add ? ": 追加 " : ": 削除 ") : add ? ": added " : ": removed ");
		words_of_value(b, c->f, add ? c->new : c->old, d->ja);
	}
}

static void heading(struct differ *d)
{
	if (!d->headed && d->code[0])
		buf_printf(d->out, "%s %s\n", d->code, d->name);
	else if (!d->headed)
		buf_printf(d->out, "%s\n", d->name);
	d->headed = true;
}

static void json_head(struct differ *d, const char *kind)
{
	buf_putc(d->out, '{');
	json_field_s(d->out, "scope", d->scope);
	json_field_s(d->out, "code", d->code);
	json_field_s(d->out, "name", d->name);
	json_field_s(d->out, "path", d->path.s);
	json_field_s(d->out, "change", kind);
}

static void report(struct differ *d, const struct change *c)
{
	struct buf text;
	buf_init(&text, 16 * MIB);
	sentence(d, &text, c);
	if (text.failed && !d->failed)
		d->failed = text.failed;
	if (d->json) {
		json_head(d, c->kind);
		if (c->old) {
			json_key(d->out, "old");
			write_value(d->out, c->f, c->old);
		}
		if (c->new) {
			json_key(d->out, "new");
			write_value(d->out, c->f, c->new);
		}
		json_field(d->out, "text", buf_view(&text));
		buf_puts(d->out, "}\n");
	} else {
		heading(d);
		buf_puts(d->out, "  ");
		buf_str(d->out, buf_view(&text));
		buf_putc(d->out, '\n');
	}
	buf_done(&text);
}

/* ---- comparing */

static void diff_object(struct differ *d, const struct object *o, const void *old, const void *new);

static bool same(struct differ *d, const struct field *f, const void *old, const void *new)
{
	struct buf a, b;
	buf_init(&a, TOTAL_MAX_BYTES);
	buf_init(&b, TOTAL_MAX_BYTES);
	write_member(&a, f, old);
	write_member(&b, f, new);
	if (a.failed || b.failed)
		d->failed = a.failed ? a.failed : b.failed;
	bool r = str_eq(buf_view(&a), buf_view(&b));
	buf_done(&a);
	buf_done(&b);
	return r;
}

/* What tells an element apart in its list: the key member or the value itself, and the how-manieth of that name it is. */
static void element_key(struct differ *d, const struct field *f, const void *at, struct map *counts, struct buf *b)
{
	const struct field *key = f->sub && f->sub->key ? schema_field(f->sub, str_from(f->sub->key)) : NULL;
	buf_reset(b);
	write_value(b, key ? key : f, key ? field_at(key, at) : at);
	uintptr_t count = (uintptr_t)map_get(counts, buf_view(b)) + 1;
	int r = map_put(counts, buf_view(b), (void *)count);
	if (count > 1)
		buf_printf(b, "#%zu", (size_t)count);
	if (r < 0 || b->failed)
		d->failed = r < 0 ? r : b->failed;
}

struct list {
	const char *items;
	size_t n;
	bool *used;
	struct map by_key; /* key -> element + 1 */
};

static void index_old(struct differ *d, const struct field *f, struct list *l, struct buf *key)
{
	struct map counts;
	map_init(&counts, LIST_MAX);
	for (size_t i = 0; i < l->n && !d->failed; i++) {
		element_key(d, f, l->items + i * f->size, &counts, key);
		if (map_put(&l->by_key, buf_view(key), (void *)(uintptr_t)(i + 1)) < 0)
			d->failed = -E_NOMEM;
	}
	map_done(&counts);
}

static void diff_element(struct differ *d, const struct field *f, struct str key, const void *old, const void *new)
{
	struct path path = d->path, label = d->label;
	if (key.len >= 2 && key.ptr[0] == '"')
		key = (struct str){ key.ptr + 1, key.len - 2 };
	path_push(&d->path, "[" STR_FMT "]", STR_ARG(key));
	path_push(&d->label, " " STR_FMT, STR_ARG(key));
	if (old && new)
		diff_object(d, f->sub, old, new);
	else
		report(d, &(struct change){ old ? "remove" : "add", f, old, new });
	d->path = path;
	d->label = label;
}

static void diff_items(struct differ *d, const struct field *f, struct list *old, const char *items, size_t n, struct buf *key)
{
	struct map counts;
	size_t last = 0;
	bool moved = false;
	map_init(&counts, LIST_MAX);
	for (size_t i = 0; i < n && !d->failed; i++) {
		const char *at = items + i * f->size;
		element_key(d, f, at, &counts, key);
		uintptr_t was = (uintptr_t)map_get(&old->by_key, buf_view(key));
		if (was) {
			old->used[was - 1] = true;
			moved |= was < last;
			last = was;
		}
		if (was && f->sub)
			diff_element(d, f, buf_view(key), old->items + (was - 1) * f->size, at);
		else if (!was && f->sub)
			diff_element(d, f, buf_view(key), NULL, at);
		else if (!was)
			report(d, &(struct change){ "add", f, NULL, at });
	}
	map_done(&counts);
	if (moved)
		report(d, &(struct change){ "order", f, NULL, NULL });
}

static void removed_items(struct differ *d, const struct field *f, const struct list *old, struct buf *key)
{
	struct map counts;
	map_init(&counts, LIST_MAX);
	for (size_t i = 0; i < old->n && !d->failed; i++) {
		const char *at = old->items + i * f->size;
		element_key(d, f, at, &counts, key);
		if (!old->used[i] && f->sub)
			diff_element(d, f, buf_view(key), at, NULL);
		else if (!old->used[i])
			report(d, &(struct change){ "remove", f, at, NULL });
	}
	map_done(&counts);
}

static void diff_list(struct differ *d, const struct field *f, const void *old, const void *new)
{
	struct list l;
	struct buf key;
	size_t n;
	const char *items = field_items(f, new, &n);
	l.items = field_items(f, old, &l.n);
	l.used = mem_array(l.n + 1, sizeof *l.used);
	if (!l.used) {
		d->failed = -E_NOMEM;
		return;
	}
	map_init(&l.by_key, LIST_MAX);
	buf_init(&key, 64 * KIB);
	index_old(d, f, &l, &key);
	diff_items(d, f, &l, items, n, &key);
	removed_items(d, f, &l, &key);
	buf_done(&key);
	map_done(&l.by_key);
	mem_free(l.used);
}

static void diff_object(struct differ *d, const struct object *o, const void *old, const void *new)
{
	char text[64];
	SCHEMA_EACH(f, o) {
		if (same(d, f, old, new) || d->failed)
			continue;
		struct path path = d->path, label = d->label;
		path_push(&d->path, ".%s", f->name);
		path_push(&d->label, "%s%s", label.n ? " " : "", d->ja ? f->label_ja : label_en(f, text));
		if (f->list)
			diff_list(d, f, old, new);
		else if (f->type == FIELD_OBJECT)
			diff_object(d, f->sub, field_at(f, old), field_at(f, new));
		else
			report(d, &(struct change){ "set", f, field_at(f, old), field_at(f, new) });
		d->path = path;
		d->label = label;
	}
}

/* ---- the three levels */

/* Someone comes or goes. */
static void whole(struct differ *d, const struct object *o, const void *old, const void *new)
{
	bool add = new != NULL;
	const char *words = d->ja ? (add ? "加わります" : "なくなります") : add ? "is added" : "is removed";
	if (!d->json) {
		heading(d);
		buf_printf(d->out, "  %s%s%s\n", d->ja ? o->title.ja : o->title.en, d->ja ? "が" : " ", words);
		return;
	}
	json_head(d, add ? "add" : "remove");
	json_key(d->out, add ? "new" : "old");
	write_object(d->out, o, add ? new : old);
	json_key(d->out, "text");
	buf_printf(d->out, "\"%s%s%s\"}\n", d->ja ? o->title.ja : o->title.en, d->ja ? "が" : " ", words);
}

static void about(struct differ *d, const struct object *o, const char *code, const char *name, const void *old, const void *new)
{
	d->scope = o->name;
	d->code = code;
	d->name = name;
	d->headed = false;
	d->path = d->label = (struct path){ 0 };
	path_push(&d->path, code[0] ? "%ss[%s]" : "%s", o->name, code);
	if (old && new)
		diff_object(d, o, old, new);
	else
		whole(d, o, old, new);
}

static void say_notice(struct differ *d, struct str words)
{
	if (d->json) {
		json_head(d, "notice");
		json_field(d->out, "text", words);
		buf_puts(d->out, "}\n");
	} else {
		heading(d);
		buf_printf(d->out, "  " STR_FMT "\n", STR_ARG(words));
	}
}

#define MOVES_MAX 100

/* What an approver should know beside the difference: who moves a name now is found at its old place for a while yet. */
static void say_move(struct differ *d, const struct move *m)
{
	struct buf b;
	const char *type = rdata_type(m->record->type);
	buf_init(&b, 4 * KIB);
	if (d->ja)
		buf_printf(&b, "注意: %s の %s (%s) は移動後も最長 %u 秒、古い値 %s が使われます。先に TTL を 300 に下げ、%u 秒待ってから移してください", m->zone->name,
		           m->record->name, type, m->ttl, m->record->data, m->ttl);
	else
		buf_printf(&b, "notice: %s %s (%s) moves, but its old value %s may be used for %u seconds yet; lower the TTL to 300 first, wait %u seconds, then move",
		           m->zone->name, m->record->name, type, m->record->data, m->ttl, m->ttl);
	say_notice(d, buf_view(&b));
	if (b.failed && !d->failed)
		d->failed = b.failed;
	buf_done(&b);
}

static void say_moves(struct differ *d, const struct org *old, const struct org *new)
{
	struct move list[MOVES_MAX];
	size_t n = moves_find(old, new, list, MOVES_MAX);
	for (size_t i = 0; i < n; i++)
		say_move(d, &list[i]);
}

static unsigned own_days(const struct org *o, enum record_class class)
{
	for (size_t i = 0; i < o->n_retention; i++)
		if (o->retention[i].class == class)
			return o->retention[i].days;
	return 0;
}

/* What an approver should know: what would have been kept ends, and nobody can bring it back. */
static void say_ends(struct differ *d, const char *class, unsigned before, unsigned after)
{
	char text[400];
	if (d->ja)
		snprintf(text, sizeof text, "注意: 記録%s%s%sの保存が %u 日から %u 日になります。%u 日より古いものは適用から 1 時間以内に消え始め、戻せません (保全中のものは残ります)", *class ? " (" : "", class,
		         *class ? ") " : "", before, after, after);
	else
		snprintf(text, sizeof text, "notice: %s%srecords are kept %u days in place of %u; older ones are destroyed from within an hour of the apply on, for good (what is held stays)",
		         class, *class ? " " : "", after, before);
	say_notice(d, str_from(text));
}

static void say_begins(struct differ *d, const char *class, unsigned before, unsigned after)
{
	char text[400];
	if (d->ja)
		snprintf(text, sizeof text, "注意: これから取り込む記録 (%s) は %u 日で消え、戻せません。これまでのものは %u 日のままです", class, after, before);
	else
		snprintf(text, sizeof text, "notice: %s records that come from now on are destroyed after %u days; those that are there keep their %u", class, after, before);
	say_notice(d, str_from(text));
}

/* A class's own days count for what is sealed once they are in force (orgs_series()): the records before it go by the body's. */
static void say_retention(struct differ *d, const struct org *old, const struct org *new)
{
	if (new->retention_days < old->retention_days)
		say_ends(d, "", old->retention_days, new->retention_days);
	for (const struct word *w = schema_field(&schema_org, STR("retention"))->sub->fields->words; w->word; w++) {
		unsigned before = own_days(old, (enum record_class)w->value), after = own_days(new, (enum record_class)w->value);
		unsigned then = after ? after : new->retention_days;
		if (before && then < before)
			say_ends(d, w->word, before, then);
		else if (!before && after && after < new->retention_days)
			say_begins(d, w->word, new->retention_days, after);
	}
}

/* Records that went on to a store are where that store is, and nowhere else. */
static void say_left_store(struct differ *d, const struct service *old, const struct service *new)
{
	char text[900];
	char was[COLD_STORE_MAX], is[COLD_STORE_MAX];
	if (!*service_cold_store(old, was) || strcmp(was, service_cold_store(new, is)) == 0)
		return;
	if (d->ja)
		snprintf(text, sizeof text, "注意: 保管先 %s を使わなくなります。そこにある記録は検索も検証もできなくなり、保存日数が過ぎても消されません。記録が残るあいだは、この名前を cold_left に書くまで適用されません", was);
	else
		snprintf(text, sizeof text, "notice: the store %s isn't used any more; what lies there can't be searched or verified, and isn't deleted there when its days are over. "
		         "While records lie there this is put in force only with that name in cold_left", was);
	say_notice(d, str_from(text));
}

static const char *named(const struct differ *d, const char *ja, const char *en)
{
	return d->ja ? ja : en;
}

/* Is this one to be told of? Both kinds of code begin with the prefecture's number. */
static bool concerns(const struct differ *d, const char *code)
{
	return !d->prefecture[0] || (strncmp(code, d->prefecture, 2) == 0) != d->others;
}

static void diff_prefectures(struct differ *d, const struct model *old, const struct model *new)
{
	size_t i = 0, k = 0, n = old ? old->n_prefectures : 0;
	while (i < n || k < new->n_prefectures) {
		const struct prefecture *a = i < n ? &old->prefectures[i] : NULL;
		const struct prefecture *b = k < new->n_prefectures ? &new->prefectures[k] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->code, b->code);
		const struct prefecture *p = order < 0 ? a : b;
		if (concerns(d, p->code))
			about(d, &schema_prefecture, p->code, named(d, p->name, p->name_en), order <= 0 ? a : NULL, order >= 0 ? b : NULL);
		i += order <= 0;
		k += order >= 0;
	}
}

static void diff_orgs(struct differ *d, const struct model *old, const struct model *new)
{
	size_t i = 0, k = 0, n = old ? old->n_orgs : 0;
	while (i < n || k < new->n_orgs) {
		const struct org *a = i < n ? &old->orgs[i] : NULL, *b = k < new->n_orgs ? &new->orgs[k] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->code, b->code);
		const struct org *o = order < 0 ? a : b;
		if (concerns(d, o->code))
			about(d, &schema_org, o->code, named(d, o->name, o->name_en), order <= 0 ? a : NULL, order >= 0 ? b : NULL);
		if (order == 0 && concerns(d, o->code)) {
			say_moves(d, a, b);
			say_retention(d, a, b);
		}
		i += order <= 0;
		k += order >= 0;
	}
}

static int run(struct differ *d, const struct model *old, const struct model *new, struct err *err)
{
	if (old && strcmp(old->digest, new->digest) == 0)
		return 0;
	if (!d->others)
		about(d, &schema_service, "", named(d, new->service.name, new->service.name_en), old ? &old->service : NULL, &new->service);
	if (!d->others && old)
		say_left_store(d, &old->service, &new->service);
	diff_prefectures(d, old, new);
	diff_orgs(d, old, new);
	if (d->failed || d->out->failed)
		return err_set(err, (enum err_code)-(d->failed ? d->failed : d->out->failed), "", "the differences don't fit in memory");
	return 0;
}

int model_diff_of(const struct model *old, const struct model *new, const char *prefecture, struct buf *out, bool japanese, bool json, struct err *err)
{
	struct differ d = { .prefecture = prefecture, .out = out, .ja = japanese, .json = json };
	return run(&d, old, new, err);
}

int model_diff(const struct model *old, const struct model *new, struct buf *out, bool japanese, bool json, struct err *err)
{
	return model_diff_of(old, new, "", out, japanese, json, err);
}

int model_diff_elsewhere(const struct model *old, const struct model *new, const char *prefecture, bool *ret, struct err *err)
{
	struct buf out;
	struct differ d = { .prefecture = prefecture, .others = true, .out = &out };
	buf_init(&out, 64 * MIB);
	int r = run(&d, old, new, err);
	*ret = out.len > 0;
	buf_done(&out);
	return r;
}
