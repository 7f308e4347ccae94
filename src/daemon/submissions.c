/* See submissions.h. The four-eyes rule lives here: who handed in can't approve. */
#include "daemon/submissions.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/model.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>
#include <yyjson.h>

#define HEX 64

bool digest_ok(const char *digest)
{
	return strlen(digest) == 7 + HEX && strncmp(digest, "sha256:", 7) == 0 &&
	       strspn(digest + 7, "0123456789abcdef") == HEX;
}

static const char *path_of(char dst[PLACE_MAX], const char *digest, const char *ending)
{
	return place_in_state(dst, PLACE_MAX, "submitted/%s%s", digest + 7, ending);
}

void submission_format(const struct submission *s, struct buf *b)
{
	json_field_s(b, "digest", s->digest);
	json_field_s(b, "author", s->author);
	json_field_s(b, "time", s->time);
	json_key(b, "approvals");
	buf_putc(b, '[');
	for (size_t i = 0; i < s->n; i++) {
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "by", s->approvals[i].by);
		json_field_s(b, "time", s->approvals[i].time);
		if (s->approvals[i].over[0])
			json_field_s(b, "over", s->approvals[i].over);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static int save(const struct submission *s, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 16 * KIB);
	buf_putc(&b, '{');
	submission_format(s, &b);
	buf_puts(&b, "}\n");
	int r = b.failed ? err_set(err, (enum err_code)-b.failed, s->digest, "cannot write the record") :
	                   fs_write(path_of(path, s->digest, ".meta.json"), buf_view(&b), 0644, err);
	buf_done(&b);
	return r;
}

static bool field(yyjson_val *v, const char *key, char *dst, size_t size)
{
	yyjson_val *f = yyjson_obj_get(v, key);
	struct str s = { yyjson_get_str(f), yyjson_get_len(f) };
	return s.ptr && str_copy(s, dst, size);
}

static bool parse_approval(yyjson_val *v, struct approval *ret)
{
	return field(v, "by", ret->by, IDENTITY_MAX) && field(v, "time", ret->time, sizeof ret->time) &&
	       (!yyjson_obj_get(v, "over") || field(v, "over", ret->over, sizeof ret->over));
}

static int parse(struct str json, const char *digest, struct submission *ret, struct err *err)
{
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *a;
	struct submission s = { 0 };
	size_t i, max;
	bool ok = field(root, "author", s.author, sizeof s.author) && field(root, "time", s.time, sizeof s.time);
	snprintf(s.digest, sizeof s.digest, "%s", digest);
	yyjson_arr_foreach(yyjson_obj_get(root, "approvals"), i, max, a) {
		ok = ok && s.n < APPROVALS_MAX && parse_approval(a, &s.approvals[s.n]);
		s.n += ok;
	}
	yyjson_doc_free(doc);
	if (!ok)
		return err_set(err, E_CORRUPT, digest, "the record of its author can't be read");
	*ret = s;
	return 0;
}

int submission_get(const char *digest, struct submission *ret, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	if (!digest_ok(digest))
		return err_set(err, E_INVALID, "digest", "not of the form sha256: and 64 hexadecimal digits");
	if (!fs_exists(path_of(path, digest, ".meta.json")))
		return err_set(err, E_NOT_FOUND, digest, "no such description was handed in");
	buf_init(&b, 16 * KIB);
	int r = fs_read(path, &b, err);
	if (r == 0)
		r = parse(buf_view(&b), digest, ret, err);
	buf_done(&b);
	return r;
}

static int count(const char *name, void *user)
{
	*(size_t *)user += str_ends(str_from(name), STR(".meta.json"));
	return 0;
}

static int store(const struct model *m, const char *author, struct submission *ret, struct err *err)
{
	char path[PLACE_MAX], dir[PLACE_MAX];
	struct submission s = { 0 };
	size_t n = 0;
	if (submission_get(m->digest, ret, NULL) == 0)
		return 0;
	int r = fs_list(place_in_state(dir, sizeof dir, "submitted"), count, &n, err);
	if (r == 0 && n >= SUBMISSIONS_MAX)
		r = err_set(err, E_LIMIT, "submitted", "%d descriptions are kept already: remove old ones", SUBMISSIONS_MAX);
	if (r < 0)
		return r;
	snprintf(s.digest, sizeof s.digest, "%s", m->digest);
	snprintf(s.author, sizeof s.author, "%s", author);
	clock_format_utc(clock_now_ms(), s.time);
	r = fs_write(path_of(path, s.digest, ".json"), (struct str){ m->canonical, m->canonical_len }, 0644, err);
	if (r == 0)
		r = save(&s, err);
	if (r == 0)
		*ret = s;
	return r;
}

int submission_put(struct str description, const char *author, struct submission *ret, struct err *err)
{
	struct model *m = NULL;
	struct faults faults = { 0 };
	int r = model_load_canonical(description, &m, &faults, err);
	if (r < 0 && faults.n)
		r = err_set(err, E_INVALID, faults.list[0].path, "%s%s", faults.list[0].msg, faults.n > 1 ? " (and more)" : "");
	if (r == 0)
		r = store(m, author, ret, err);
	faults_done(&faults);
	model_destroy(&m);
	return r;
}

static int take(const struct model *m, struct str meta, const char *digest, struct submission *ret, struct err *err)
{
	char path[PLACE_MAX];
	struct submission s;
	if (strcmp(m->digest, digest) != 0)
		return err_set(err, E_INVALID, "digest", "isn't that of the description");
	if (submission_get(digest, ret, NULL) == 0 && submission_approved(ret))
		return 0;
	int r = parse(meta, digest, &s, err);
	if (r == 0 && !submission_approved(&s))
		r = err_set(err, E_DENIED, digest, "nobody but its author %s has seen it on the other node", s.author);
	r = r < 0 ? r : fs_write(path_of(path, digest, ".json"), (struct str){ m->canonical, m->canonical_len }, 0644, err);
	r = r < 0 ? r : save(&s, err);
	if (r == 0)
		*ret = s;
	return r;
}

int submission_take(struct str description, struct str meta, const char *digest, struct submission *ret, struct err *err)
{
	struct model *m = NULL;
	struct faults faults = { 0 };
	int r = model_load_canonical(description, &m, &faults, err);
	r = r < 0 ? r : take(m, meta, digest, ret, err);
	faults_done(&faults);
	model_destroy(&m);
	return r;
}

int submission_approve(const char *digest, const char *by, const char *over, struct submission *ret, struct err *err)
{
	struct submission s;
	size_t i = 0;
	int r = submission_get(digest, &s, err);
	if (r < 0)
		return r;
	if (identity_same(s.author, by))
		return err_set(err, E_DENIED, digest, "%s handed it in: another person must approve it", by);
	while (i < s.n && !identity_same(s.approvals[i].by, by))
		i++;
	if (i < s.n && (!s.approvals[i].over[0] || strcmp(s.approvals[i].over, over) == 0))
		return err_set(err, E_EXISTS, digest, "%s has approved it already", by);
	if (i == APPROVALS_MAX)
		return err_set(err, E_LIMIT, digest, "%d approvals are enough", APPROVALS_MAX);
	s.n += i == s.n;
	snprintf(s.approvals[i].by, IDENTITY_MAX, "%s", by);
	snprintf(s.approvals[i].over, sizeof s.approvals[i].over, "%s", over);
	clock_format_utc(clock_now_ms(), s.approvals[i].time);
	r = save(&s, err);
	if (r == 0)
		*ret = s;
	return r;
}

static bool approved(const struct submission *s, bool any, const char *current)
{
	for (size_t i = 0; i < s->n; i++) {
		const char *over = s->approvals[i].over;
		bool holds = any || !*over || (current && strcmp(over, *current ? current : APPROVED_OVER_NONE) == 0);
		if (holds && !identity_same(s->approvals[i].by, s->author))
			return true;
	}
	return false;
}

bool submission_approved(const struct submission *s)
{
	return approved(s, true, NULL);
}

bool submission_approved_over(const struct submission *s, const char *current)
{
	return approved(s, false, current);
}

struct listing {
	void (*fn)(const struct submission *s, void *user);
	void *user;
};

static int list_one(const char *name, void *user)
{
	struct listing *l = user;
	struct submission s;
	char digest[72];
	if (strlen(name) != HEX + strlen(".meta.json") || !str_ends(str_from(name), STR(".meta.json")))
		return 0;
	snprintf(digest, sizeof digest, "sha256:%.64s", name);
	if (submission_get(digest, &s, NULL) == 0)
		l->fn(&s, l->user);
	return 0;
}

int submission_list(void (*fn)(const struct submission *s, void *user), void *user, struct err *err)
{
	char dir[PLACE_MAX];
	struct listing l = { fn, user };
	return fs_list(place_in_state(dir, sizeof dir, "submitted"), list_one, &l, err);
}
