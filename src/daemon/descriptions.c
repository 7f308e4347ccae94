/* Descriptions, beside controld.c: handed in, compared with what is in force, approved, listed. What is kept of them is submissions.c's. */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "daemon/controld.h"
#include "daemon/submissions.h"
#include "model/diff.h"
#include "model/model.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int descriptions_digest(const struct ctl_request *rq, bool needed, char dst[72], struct err *err)
{
	struct str s = ctl_str(rq->root, "digest");
	dst[0] = 0;
	if (!s.ptr && !needed)
		return 0;
	if (!s.ptr || !str_copy(s, dst, 72) || !digest_ok(dst)) {
		dst[0] = 0;
		return err_set(err, E_INVALID, "digest", "not of the form sha256: and 64 hexadecimal digits");
	}
	return 0;
}

struct listing {
	struct buf *b;
	char current[72], previous[72];
	uint64_t confirm_until;
	bool degraded, changing, any;
};

/* What torided says of itself: names of generations become digests. */
static int apply_status(struct listing *l, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 64 * KIB);
	int r = fs_read(place_in_run(path, sizeof path, "apply-status.json"), &b, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(doc);
	struct str current = ctl_str(root, "current"), previous = ctl_str(root, "previous");
	if (current.len)
		snprintf(l->current, sizeof l->current, "sha256:%.64s", current.ptr);
	if (previous.len)
		snprintf(l->previous, sizeof l->previous, "sha256:%.64s", previous.ptr);
	l->confirm_until = ctl_u64(root, "confirm_until", 0);
	l->degraded = ctl_bool(root, "degraded", false);
	l->changing = ctl_bool(root, "changing", false);
	yyjson_doc_free(doc);
	buf_done(&b);
	return r;
}

/* Somebody of one prefecture saw the difference to what was in force then. Where that is something else by now, applying would also take back
 * what came between, of whatever body: it is looked at once more. */
int descriptions_may_apply(const char *digest, struct err *err)
{
	struct submission s;
	struct listing now = { 0 };
	int r = submission_get(digest, &s, err);
	if (r == 0 && !submission_approved(&s))
		return err_set(err, E_DENIED, digest, "nobody but its author %s has seen it: it must be approved first", s.author);
	if (r < 0 || submission_approved_over(&s, NULL))
		return r;
	r = apply_status(&now, err);
	if (r == 0 && strcmp(now.current, digest) != 0 && !submission_approved_over(&s, now.current))
		r = err_set(err, E_STATE, digest, "it was approved by one prefecture while another description was in force: it must be approved again"
		                                  " (承認のあとに別の変更が反映されました。もう一度承認が必要です)");
	return r;
}

int descriptions_submit(const struct ctl_request *rq, const char *actor, struct buf *b, char digest[72], struct err *err)
{
	struct submission s;
	size_t n;
	yyjson_val *v = yyjson_obj_get(rq->root, "description");
	char *text = yyjson_is_obj(v) ? yyjson_val_write(v, 0, &n) : NULL;
	if (!text)
		return err_set(err, E_INVALID, "description", "missing, or not an object");
	int r = submission_put((struct str){ text, n }, actor, &s, err);
	free(text); /* yyjson's own allocation */
	if (r < 0)
		return r;
	snprintf(digest, 72, "%s", s.digest);
	submission_format(&s, b);
	return 0;
}

static void list_one(const struct submission *s, void *user)
{
	struct listing *l = user;
	char path[PLACE_MAX];
	const char *state = strcmp(s->digest, l->current) == 0                                                    ? "current" :
	                    strcmp(s->digest, l->previous) == 0                                                   ? "previous" :
	                    fs_exists(place_in_state(path, sizeof path, "generations/%s/files.bin", s->digest + 7)) ? "compiled" :
	                    s->n                                                                                  ? "approved" :
	                                                                                                            "submitted";
	buf_puts(l->b, l->any ? ",{" : "{");
	l->any = true;
	submission_format(s, l->b);
	json_field_s(l->b, "state", state);
	buf_putc(l->b, '}');
}

static int load_kept(const char *digest, struct model **ret, struct err *err)
{
	char path[PLACE_MAX];
	struct faults faults = { 0 };
	struct buf b;
	buf_init(&b, CTL_REQUEST_MAX);
	int r = fs_read(place_in_state(path, sizeof path, "submitted/%s.json", digest + 7), &b, err);
	if (r == 0)
		r = model_load_canonical(buf_view(&b), ret, &faults, err);
	faults_done(&faults);
	buf_done(&b);
	return r;
}

static void put_diff(struct job *j, const char *key, const struct model *old, const struct model *new, bool ja)
{
	struct buf words;
	buf_init(&words, 4 * MIB);
	if (model_diff_of(old, new, j->who.scope, &words, ja, false, &j->err) == 0)
		json_field(&j->fields, key, buf_view(&words));
	buf_done(&words);
}

/* The description of that digest and the one in force: NULL when there is none yet. */
static int load_both(const char *digest, struct listing *now, struct model **ret_old, struct model **ret_new, struct err *err)
{
	int r = apply_status(now, err);
	r = r < 0 ? r : load_kept(digest, ret_new, err);
	return r == 0 && now->current[0] ? load_kept(now->current, ret_old, err) : r;
}

/* What a description would change against the one in force, in words, for whoever is to approve it. */
static void run_diff(struct job *j)
{
	struct listing now = { .b = &j->fields };
	struct model *old = NULL, *new = NULL;
	struct submission s;
	bool elsewhere = false;
	int r = submission_get(j->digest, &s, &j->err);
	r = r < 0 ? r : load_both(j->digest, &now, &old, &new, &j->err);
	if (r == 0 && j->who.scope[0])
		r = model_diff_elsewhere(old, new, j->who.scope, &elsewhere, &j->err);
	if (r == 0) {
		buf_puts(&j->fields, ",\"current\":"); /* the answer's head stands before it */
		json_str(&j->fields, str_from(now.current));
		submission_format(&s, &j->fields);
		json_field_bool(&j->fields, "approved", submission_approved_over(&s, now.current));
		json_field_bool(&j->fields, "elsewhere", elsewhere);
		put_diff(j, "words_ja", old, new, true);
		put_diff(j, "words", old, new, false);
	}
	model_destroy(&old);
	model_destroy(&new);
}

int descriptions_diff(struct controld *c, const struct ctl_request *rq, const struct asker *who, char digest[72], struct err *err)
{
	int r = descriptions_digest(rq, true, digest, err);
	struct job *j = r < 0 ? NULL : job_make(c, rq, "change.diff", who, false, run_diff);
	if (!j)
		return r < 0 ? r : err_set(err, E_NOMEM, "", "no memory");
	snprintf(j->digest, sizeof j->digest, "%s", digest);
	return job_start(j, err);
}

/* An approver of one prefecture: does the change touch another's bodies? */
static void run_within(struct job *j)
{
	struct listing now = { 0 };
	struct model *old = NULL, *new = NULL;
	bool elsewhere = false;
	int r = load_both(j->digest, &now, &old, &new, &j->err);
	r = r < 0 ? r : model_diff_elsewhere(old, new, j->who.scope, &elsewhere, &j->err);
	if (r == 0 && elsewhere)
		err_set(&j->err, E_DENIED, j->digest, "it changes bodies of another prefecture than %s", j->who.scope);
	snprintf(j->over, sizeof j->over, "%s", now.current[0] ? now.current : APPROVED_OVER_NONE);
	model_destroy(&old);
	model_destroy(&new);
}

/* Back in the loop, where approvals are written one after the other. */
static void within_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct submission s;
	if (status == 0 && !j->err.code && submission_approve(j->digest, j->who.name, j->over, &s, &j->err) == 0) {
		buf_puts(&j->fields, ",\"scope\":"); /* the answer's head stands before it */
		json_str(&j->fields, str_from(j->who.scope));
		submission_format(&s, &j->fields);
	}
	job_answer(w, status);
}

int descriptions_approve(struct controld *c, const struct ctl_request *rq, const struct asker *who, struct buf *b, char digest[72], struct err *err)
{
	struct submission s;
	int r = descriptions_digest(rq, true, digest, err);
	if (r == 0 && strlen(who->scope) > 2)
		r = err_set(err, E_DENIED, "", "not for somebody of one body");
	r = r < 0 ? r : submission_get(digest, &s, err);
	if (r == 0 && who->scope[0]) {
		struct job *j = job_make(c, rq, "approve", who, true, run_within);
		if (!j)
			return err_set(err, E_NOMEM, "", "no memory");
		snprintf(j->digest, sizeof j->digest, "%s", digest);
		return job_queue(j, within_done, err);
	}
	r = r < 0 ? r : submission_approve(digest, who->name, "", &s, err);
	if (r == 0)
		submission_format(&s, b);
	return r;
}

void descriptions_list(struct job *j)
{
	struct listing l = { .b = &j->fields };
	if (apply_status(&l, &j->err) < 0)
		return;
	buf_puts(&j->fields, ",\"current\":");
	json_str(&j->fields, str_from(l.current));
	json_field_s(&j->fields, "previous", l.previous);
	json_field_u64(&j->fields, "confirm_until", l.confirm_until);
	json_field_bool(&j->fields, "degraded", l.degraded);
	json_field_bool(&j->fields, "changing", l.changing);
	json_key(&j->fields, "generations");
	buf_putc(&j->fields, '[');
	submission_list(list_one, &l, &j->err);
	buf_putc(&j->fields, ']');
}
