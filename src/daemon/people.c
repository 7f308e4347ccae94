/* The people at the page, beside controld.c. The page is nobody: each of its requests carries a person's session, and authd, not portald,
 * says whose it is; what that person may ask stands in account/role.c, and whoever belongs to one body asks for that body alone. */
#include "account/role.h"
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

/* authd's word: the name into actor, the body ("" for all) into org. */
static int read_who(yyjson_val *root, const char *what, char actor[IDENTITY_MAX], char org[8], struct err *err)
{
	char name[16];
	enum role role;
	if (!str_copy(ctl_str(root, "name"), actor, IDENTITY_MAX) || !str_copy(ctl_str(root, "role"), name, sizeof name) || !role_parse(name, &role) ||
	    !str_copy(ctl_str(root, "org"), org, 8) || role_of_one_body(role) != (org[0] != 0))
		return err_set(err, E_CORRUPT, SOCK_AUTH, "its answer can't be read");
	if (!str_eq(ctl_str(root, "stage"), STR("full")))
		return err_set(err, E_DENIED, "session", "a password of one's own comes first");
	return role_may(role, what) ? 0 : err_set(err, E_DENIED, "", "not for this role: %s", what);
}

/* The request as that person may make it: of their own body only, whatever it says. */
static yyjson_doc *own_request(struct str text, const char *org)
{
	yyjson_doc *doc = yyjson_read(text.ptr, text.len, 0), *own = NULL;
	yyjson_mut_doc *m = doc ? yyjson_doc_mut_copy(doc, NULL) : NULL;
	yyjson_mut_val *root = m ? yyjson_mut_doc_get_root(m) : NULL;
	static const char *const never[] = { "session", "as", "by" };
	for (size_t i = 0; root && i < ARRAY_LEN(never); i++)
		yyjson_mut_obj_remove_key(root, never[i]);
	if (root && *org) {
		static const char *const not_theirs[] = { "org", "state", "report" }; /* a note is words: where an incident stands is the watch's to say */
		for (size_t i = 0; i < ARRAY_LEN(not_theirs); i++)
			yyjson_mut_obj_remove_key(root, not_theirs[i]);
		yyjson_mut_obj_add_strcpy(m, root, "org", org);
	}
	own = m ? yyjson_mut_doc_imut_copy(m, NULL) : NULL;
	yyjson_mut_doc_free(m);
	yyjson_doc_free(doc);
	return own;
}

static void who_done(uv_work_t *w, int status)
{
	struct job *j = w->data;
	char actor[IDENTITY_MAX] = "portald", org[8] = "";
	struct buf b;
	yyjson_doc *who = j->err.code || status < 0 ? NULL : yyjson_read(j->fields.ptr, j->fields.len, 0);
	int r = who ? read_who(yyjson_doc_get_root(who), j->what, actor, org, &j->err) : j->err.code ? -j->err.code : -E_CLOSED;
	yyjson_doc *own = r == 0 ? own_request(buf_view(&j->request), org) : NULL;
	struct ctl_request rq = { j->uid, yyjson_doc_get_root(own), j->peer };
	if (r == 0 && !own)
		r = err_set(&j->err, E_NOMEM, "", "no memory");
	buf_init(&b, CTL_MAX);
	buf_puts(&b, ",\"by\":"); /* the answer's head stands before it */
	json_str(&b, str_from(actor));
	j->c->jobs--;
	r = controld_answer(j->c, &rq, j->what, actor, r, &b, &j->err);
	if (r != -E_AGAIN)
		ctl_reply(j->c->server, j->peer, buf_view(&b), &j->err);
	buf_done(&b);
	yyjson_doc_free(own);
	yyjson_doc_free(who);
	job_free(j);
}

int people_ask(struct controld *c, const struct ctl_request *rq, const char *what, struct err *err)
{
	size_t n;
	if (strncmp(what, "ack.", 4) == 0) /* the link says who it is */
		return controld_forward(c, rq, what, "link", err);
	if (!ctl_str(rq->root, "session").ptr)
		return err_set(err, E_DENIED, "session", "nobody is signed in");
	struct job *j = job_make(c, rq, what, "", false, run_who);
	char *text = j ? yyjson_val_write(rq->root, 0, &n) : NULL;
	if (text)
		buf_put(&j->request, text, n);
	free(text); /* yyjson's own allocation */
	if (!text) {
		if (j)
			job_free(j);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	j->uid = rq->uid;
	return job_queue(j, who_done, err);
}
