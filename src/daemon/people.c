/* The people at the page, beside controld.c. The page is nobody: each of its requests carries a person's session, and authd, not portald,
 * says whose it is; what that person may ask stands in account/role.c, and whoever belongs to one body asks for that body alone. */
#include "account/role.h"
#include "base/fs.h"
#include "base/mem.h"
#include "daemon/controld.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHO_MS 3000

static void run_who(struct job *j)
{
	char path[PLACE_MAX];
	struct buf ask;
	yyjson_doc *doc = yyjson_read(j->request.ptr, j->request.len, 0);
	buf_init(&ask, 4 * KIB);
	buf_puts(&ask, "{\"v\":1,\"do\":\"session\"");
	json_field(&ask, "session", ctl_str(yyjson_doc_get_root(doc), "session"));
	json_field_bool(&ask, "touch", false); /* the page has said already that somebody is there */
	buf_putc(&ask, '}');
	if (ask.failed)
		err_set(&j->err, E_INVALID, "session", "too long");
	else
		ctl_call(place_in_run(path, sizeof path, SOCK_AUTH), buf_view(&ask), &j->fields, WHO_MS, &j->err);
	buf_done(&ask);
	yyjson_doc_free(doc);
}

bool people_sees(const char *scope, struct str org)
{
	return !scope[0] || (org.len == 6 && str_starts(org, str_from(scope)));
}

/* authd's word: the name, and the body or prefecture ("" for all). */
static bool read_person(yyjson_val *root, struct asker *who, enum role *role)
{
	char name[16];
	return str_copy(ctl_str(root, "name"), who->name, sizeof who->name) && str_copy(ctl_str(root, "role"), name, sizeof name) && role_parse(name, role) &&
	       str_copy(ctl_str(root, "org"), who->scope, sizeof who->scope) && role_of_one_body(*role) == (who->scope[0] != 0) &&
	       (who->scope[0] || str_copy(ctl_str(root, "prefecture"), who->scope, sizeof who->scope));
}

static int read_who(yyjson_val *root, const char *what, struct asker *who, struct err *err)
{
	enum role role;
	if (!read_person(root, who, &role))
		return err_set(err, E_CORRUPT, SOCK_AUTH, "its answer can't be read");
	if (!str_eq(ctl_str(root, "stage"), STR("full")))
		return err_set(err, E_DENIED, "session", "a password of one's own comes first");
	return role_may(role, what) ? 0 : err_set(err, E_DENIED, "", "not for this role: %s", what);
}

/* The request as that person may make it: of their own body only, or of one of their prefecture's, whatever it says. */
static yyjson_doc *own_request(struct str text, const char *scope)
{
	yyjson_doc *doc = yyjson_read(text.ptr, text.len, 0), *own = NULL;
	yyjson_mut_doc *m = doc ? yyjson_doc_mut_copy(doc, NULL) : NULL;
	yyjson_mut_val *root = m ? yyjson_mut_doc_get_root(m) : NULL;
	static const char *const never[] = { "session", "as", "by" }, *const not_theirs[] = { "state", "report" }; /* a note is words: where an incident stands is the watch's to say */
	for (size_t i = 0; root && i < ARRAY_LEN(never); i++)
		yyjson_mut_obj_remove_key(root, never[i]);
	for (size_t i = 0; root && strlen(scope) == 6 && i < ARRAY_LEN(not_theirs); i++)
		yyjson_mut_obj_remove_key(root, not_theirs[i]);
	if (root && *scope && !people_sees(scope, ctl_str(yyjson_doc_get_root(doc), "org"))) {
		yyjson_mut_obj_remove_key(root, "org");
		yyjson_mut_obj_add_strcpy(m, root, "org", scope);
	}
	own = m ? yyjson_mut_doc_imut_copy(m, NULL) : NULL;
	yyjson_mut_doc_free(m);
	yyjson_doc_free(doc);
	return own;
}

/* What was asked is done in that person's name and sight, and answered. */
static void go_on(struct job *j, const struct asker *who, int refused)
{
	struct buf b;
	yyjson_doc *own = refused == 0 ? own_request(buf_view(&j->request), who->scope) : NULL;
	struct ctl_request rq = { j->uid, yyjson_doc_get_root(own), j->peer };
	if (refused == 0 && !own)
		refused = err_set(&j->err, E_NOMEM, "", "no memory");
	buf_init(&b, CTL_MAX);
	buf_puts(&b, ",\"by\":"); /* the answer's head stands before it */
	json_str(&b, str_from(who->name));
	j->c->jobs--;
	int r = controld_answer(j->c, &rq, j->what, who, refused, &b, &j->err);
	if (r != -E_AGAIN)
		ctl_reply(j->c->server, j->peer, buf_view(&b), &j->err);
	buf_done(&b);
	yyjson_doc_free(own);
	job_free(j);
}

static void who_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct asker who = { .name = "portald" };
	yyjson_doc *doc = j->err.code || status < 0 ? NULL : yyjson_read(j->fields.ptr, j->fields.len, 0);
	int r = doc ? read_who(yyjson_doc_get_root(doc), j->what, &who, &j->err) : j->err.code ? -j->err.code : -E_CLOSED;
	yyjson_doc_free(doc);
	go_on(j, &who, r);
}

/* The request is kept beside what is asked of authd. */
static int ask_first(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, void (*run)(struct job *j), uv_after_work_cb done,
                     struct err *err)
{
	size_t n;
	struct job *j = job_make(c, rq, what, who, false, run);
	char *text = j ? yyjson_val_write(rq->root, 0, &n) : NULL;
	if (text)
		buf_put(&j->request, text, n);
	free(text); /* yyjson's own allocation */
	if (!text || j->request.failed) {
		if (j)
			job_free(j);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	j->uid = rq->uid;
	return job_queue(j, done, err);
}

int people_ask(struct controld *c, const struct ctl_request *rq, const char *what, struct err *err)
{
	static const struct asker link = { .name = "link" }, nobody = { 0 };
	if (strncmp(what, "ack.", 4) == 0) /* the link says who it is */
		return controld_forward(c, rq, what, &link, err);
	if (!ctl_str(rq->root, "session").ptr)
		return err_set(err, E_DENIED, "session", "nobody is signed in");
	return ask_first(c, rq, what, &nobody, run_who, who_done, err);
}

/* ---- root in somebody's name ---- */

static void run_named(struct job *j)
{
	char path[PLACE_MAX];
	struct buf ask;
	struct err err = { 0 };
	buf_init(&ask, 4 * KIB);
	buf_puts(&ask, "{\"v\":1,\"do\":\"person\"");
	json_field_s(&ask, "name", j->who.name);
	buf_putc(&ask, '}');
	/* before the first generation authd doesn't run, and would be waited for in vain */
	if (fs_exists(place_in_state(path, sizeof path, "current")))
		ctl_call(place_in_run(path, sizeof path, SOCK_AUTH), buf_view(&ask), &j->fields, WHO_MS, &err);
	buf_done(&ask);
}

/* A name that no account has, or that nobody can be asked about, is root's own word, as it ever was. */
static void named_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	struct asker who = j->who, person = { 0 };
	enum role role;
	yyjson_doc *doc = status < 0 ? NULL : yyjson_read(j->fields.ptr, j->fields.len, 0);
	if (read_person(yyjson_doc_get_root(doc), &person, &role))
		memcpy(who.scope, person.scope, sizeof who.scope);
	yyjson_doc_free(doc);
	go_on(j, &who, status < 0 ? err_set(&j->err, E_CLOSED, "", "controld is ending") : 0);
}

int people_ask_for(struct controld *c, const struct ctl_request *rq, const char *what, const char *name, struct err *err)
{
	struct asker who = { 0 };
	snprintf(who.name, sizeof who.name, "%s", name);
	return ask_first(c, rq, what, &who, run_named, named_done, err);
}
