/* toride-controld: the one door for people and programs. It reads their JSON, knows who may do what, keeps descriptions
 * and approvals (descriptions.c), and turns what is allowed into orders to torided (fixed binary) or requests to respondd. It has no
 * privilege and no network. Requests: doc/interfaces/control.md.
 *
 * Who asks is the kernel's word (SO_PEERCRED). root may say for whom it acts ("as", set by `toride --as NAME`), which is trusted because
 * root is; other users are "uid:N" and may change something only when their number stands in STATE/control/operators (one a line). The
 * page is nobody: who sits before it is people.c's matter. Everything that would change something becomes an event, refused or not. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/controld.h"
#include "daemon/submissions.h"
#include "jail/jail.h"
#include "vault/vault_client.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/order.h"
#include "wire/place.h"
#include "wire/status.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define APPLY_MS (15 * 60 * 1000)
#define FORWARD_MS 60000
#define SWEEP_MS 300000 /* the sealed records may have to be read */

/* ---- who ---- */

static bool in_operators(uid_t uid)
{
	char path[PLACE_MAX];
	struct buf b;
	struct str rest, line;
	uint64_t n;
	bool found = false;
	buf_init(&b, 64 * KIB);
	if (fs_read(place_in_state(path, sizeof path, "control/operators"), &b, NULL) == 0)
		for (rest = buf_view(&b); !found && rest.len && str_next(&rest, '\n', &line);)
			found = str_to_u64(str_trim(line), UINT32_MAX, &n) && n == uid;
	buf_done(&b);
	return found;
}

static int identify(const struct ctl_request *rq, char dst[IDENTITY_MAX], struct err *err)
{
	struct str as = ctl_str(rq->root, "as");
	if (!as.ptr)
		as = ctl_str(rq->root, "by");
	snprintf(dst, IDENTITY_MAX, rq->uid == 0 ? "root" : "uid:%u", (unsigned)rq->uid);
	if (!as.ptr)
		return 0;
	if (rq->uid != 0)
		return err_set(err, E_DENIED, "as", "only root may act for another");
	if (!identity_ok(as) || !str_copy(as, dst, IDENTITY_MAX))
		return err_set(err, E_INVALID, "as", "not a name: letters of Japanese or ASCII, no blank at its ends");
	return 0;
}

/* ---- events ---- */

void controld_audit(struct controld *c, const char *actor, const char *what, const char *digest, const struct err *err)
{
	struct buf b;
	char message[768];
	snprintf(message, sizeof message, "%s%s%s%s%s", digest, err->code && *digest ? ": " : "", err->code ? err->path : "",
	         err->code && err->path[0] ? ": " : "", err->code ? err->msg : "");
	buf_init(&b, 8 * KIB);
	buf_putc(&b, '{');
	json_field_u64(&b, "class_uid", 6003);
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_s(&b, "org", "service");
	json_field_s(&b, "product", "controld");
	json_key(&b, "actor");
	buf_putc(&b, '{');
	json_field_s(&b, "user", actor);
	buf_puts(&b, "}");
	json_key(&b, "api");
	buf_putc(&b, '{');
	json_field_s(&b, "operation", what);
	buf_puts(&b, "}");
	json_field_s(&b, "status", err->code ? "Failure" : "Success");
	if (*message)
		json_field_s(&b, "message", message);
	buf_putc(&b, '}');
	if (!b.failed)
		events_put(c->events, STR(""), buf_view(&b));
	events_work(c->events);
	buf_done(&b);
}

/* ---- jobs ---- */

static void job_work(uv_work_t *w)
{
	struct job *j = w->data;
	j->run(j);
}

void job_free(struct job *j)
{
	if (j->place) {
		*j->place = j->next;
		if (j->next)
			j->next->place = j->place;
	}
	buf_done(&j->request);
	buf_done(&j->fields);
	mem_free(j);
}

void job_answer(uv_work_t *w, int status)
{
	struct job *j = w->data;
	if (status < 0 && !j->err.code)
		err_set(&j->err, E_CLOSED, "", "controld is ending");
	if (j->changes)
		controld_audit(j->c, j->who.name, j->what, *j->about ? j->about : j->digest, &j->err);
	ctl_reply(j->c->server, j->peer, buf_view(&j->fields), &j->err);
	j->c->jobs--;
	job_free(j);
}

int job_queue(struct job *j, uv_after_work_cb done, struct err *err)
{
	struct controld *c = j->c;
	j->work.data = j;
	if (c->jobs >= CONTROLD_JOBS_MAX || uv_queue_work(&c->loop, &j->work, job_work, done) < 0) {
		job_free(j);
		return err_set(err, E_LIMIT, "", "too many requests are waiting");
	}
	c->jobs++;
	return -E_AGAIN;
}

int job_start(struct job *j, struct err *err)
{
	return job_queue(j, job_answer, err);
}

struct job *job_make(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, bool changes, void (*run)(struct job *j))
{
	struct job *j = mem_alloc(sizeof *j);
	if (!j)
		return NULL;
	*j = (struct job){ .c = c, .peer = rq->peer, .changes = changes, .run = run };
	snprintf(j->what, sizeof j->what, "%s", what);
	j->who = *who;
	buf_init(&j->request, CTL_MAX);
	buf_init(&j->fields, CTL_MAX);
	return j;
}

/* ---- orders to torided ---- */

static void run_order(struct job *j)
{
	struct order_reply reply;
	if (order_call(&j->order, APPLY_MS, &reply, &j->err) < 0)
		return;
	buf_puts(&j->fields, ",\"took_ms\":"); /* the answer's head stands before it */
	buf_u64(&j->fields, reply.took_ms);
	if (j->digest[0])
		json_field_s(&j->fields, "digest", j->digest);
}

static int do_order(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, char digest[72],
                    struct err *err)
{
	struct order o = { .op = strcmp(what, "apply") == 0   ? ORDER_APPLY :
		                 strcmp(what, "confirm") == 0 ? ORDER_CONFIRM :
		                 strcmp(what, "pair.yield") == 0 ? ORDER_PAIR_YIELD :
		                                                ORDER_ROLLBACK };
	if (o.op != ORDER_PAIR_YIELD && daemon_stands_by())
		return err_set(err, E_STATE, "pair", "this node stands by and follows the other: order it there (このノードは待機中です。もう一方のノードで実行してください)");
	int r = o.op == ORDER_PAIR_YIELD ? 0 : descriptions_digest(rq, o.op == ORDER_APPLY, digest, err);
	if (r == 0 && o.op == ORDER_APPLY)
		r = descriptions_may_apply(digest, err);
	uint64_t confirm = ctl_u64(rq->root, "confirm_within", 0);
	if (r == 0 && confirm > 7 * 86400)
		r = err_set(err, E_INVALID, "confirm_within", "at most a week, in seconds");
	if (r < 0)
		return r;
	struct job *j = job_make(c, rq, what, who, true, run_order);
	if (!j)
		return err_set(err, E_NOMEM, "", "no memory");
	o.confirm_s = (uint32_t)confirm;
	if (o.op != ORDER_CONFIRM)
		snprintf(o.digest, sizeof o.digest, "%s", digest);
	snprintf(j->digest, sizeof j->digest, "%s", digest);
	j->order = o;
	return job_start(j, err);
}

/* ---- the other node of a pair ---- */

/* What is in force there is put in force here, in the name of those who did so there. */
static int do_follow(struct controld *c, const struct ctl_request *rq, char digest[72], struct err *err)
{
	struct submission s;
	size_t n_meta = 0, n_description = 0;
	int r = descriptions_digest(rq, true, digest, err);
	if (r == 0 && (rq->uid != USER_PAIR || !daemon_stands_by()))
		r = err_set(err, E_DENIED, "", "only a node that stands by follows the other");
	char *meta = r == 0 ? yyjson_val_write(yyjson_obj_get(rq->root, "meta"), 0, &n_meta) : NULL;
	char *description = r == 0 ? yyjson_val_write(yyjson_obj_get(rq->root, "description"), 0, &n_description) : NULL;
	if (r == 0 && (!meta || !description))
		r = err_set(err, E_INVALID, "description", "missing, or not an object");
	r = r < 0 ? r : submission_take((struct str){ description, n_description }, (struct str){ meta, n_meta }, digest, &s, err);
	free(meta); /* yyjson's own allocations */
	free(description);
	if (r < 0)
		return r;
	struct asker author = { 0 };
	snprintf(author.name, sizeof author.name, "%s", s.author);
	struct job *j = job_make(c, rq, "pair.follow", &author, true, run_order);
	if (!j)
		return err_set(err, E_NOMEM, "", "no memory");
	j->order = (struct order){ .op = ORDER_APPLY };
	snprintf(j->order.digest, sizeof j->order.digest, "%s", digest);
	snprintf(j->digest, sizeof j->digest, "%s", digest);
	return job_start(j, err);
}

/* ---- what each sees their own part of ---- */

/* The objects of a list whose `org` somebody of this scope sees. */
static void keep_seen(struct buf *b, const char *key, yyjson_val *list, const char *scope)
{
	size_t i, n, kept = 0;
	yyjson_val *v;
	buf_printf(b, ",\"%s\":[", key); /* the answer's head stands before it */
	yyjson_arr_foreach(list, i, n, v) {
		size_t len = 0;
		char *text = people_sees(scope, ctl_str(v, "org")) ? yyjson_val_write(v, 0, &len) : NULL;
		if (text) {
			buf_puts(b, kept++ ? "," : "");
			buf_put(b, text, len);
		}
		free(text); /* yyjson's own allocation */
	}
	buf_putc(b, ']');
}

/* Counters of bodies that aren't theirs to see are left out; how the processes stand is told to all. */
static void run_status(struct job *j)
{
	struct buf all;
	if (!j->who.scope[0]) {
		status_collect(&j->fields, &j->err);
		return;
	}
	buf_init(&all, CTL_MAX);
	buf_puts(&all, "{\"v\":1");
	int r = status_collect(&all, &j->err);
	buf_putc(&all, '}');
	yyjson_doc *doc = r == 0 ? yyjson_read(all.ptr, all.len, 0) : NULL;
	size_t i, n, len;
	yyjson_val *k, *v;
	yyjson_obj_foreach(yyjson_doc_get_root(doc), i, n, k, v) {
		if (yyjson_equals_str(k, "v"))
			continue;
		if (yyjson_equals_str(k, "counters")) {
			keep_seen(&j->fields, "counters", v, j->who.scope);
			continue;
		}
		char *text = yyjson_val_write(v, 0, &len);
		buf_printf(&j->fields, ",\"%s\":", yyjson_get_str(k));
		buf_put(&j->fields, text ? text : "null", text ? len : 4);
		free(text); /* yyjson's own allocation */
	}
	if (r == 0 && !doc)
		err_set(&j->err, E_CORRUPT, "status", "can't be read");
	yyjson_doc_free(doc);
	buf_done(&all);
}

/* ---- respondd's, stored's and authd's ---- */

static bool changes(const char *what)
{
	static const char *const reading[] = {
		"generations", "status", "change.diff", "site.list", "site.pages", "site.stats", "decrypt.proposals", "user.list",
		"incident.list", "incident.show", "incident.sheet", "ack.look",
		"block.list", "block.tried",
		"shift.list",
		"report.month", "rules.coverage", "log.counts", "log.rebuilt", "log.queries", "asset.list", "hold.list",
	};
	for (size_t i = 0; i < ARRAY_LEN(reading); i++)
		if (strcmp(what, reading[i]) == 0)
			return false;
	return true;
}

static bool asker_gone(void *user)
{
	const struct job *j = user;
	return j->gone;
}

/* Its answer's fields are ours: what stands behind "ok":true. */
static void run_forward(struct job *j)
{
	static const char head[] = "{\"v\":1,\"ok\":true";
	char path[PLACE_MAX];
	struct buf reply;
	buf_init(&reply, CTL_MAX);
	place_in_run(path, sizeof path, "%s", j->socket);
	int r = ctl_call_unless(path, buf_view(&j->request), &reply, strcmp(j->socket, SOCK_SEARCH) == 0 ? SWEEP_MS : FORWARD_MS, asker_gone, j, &j->err);
	if (r == 0 && (reply.len < sizeof head || !str_starts(buf_view(&reply), STR(head))))
		err_set(&j->err, E_INVALID, j->socket, "its answer is of another form");
	else if (r == 0)
		buf_put(&j->fields, reply.ptr + sizeof head - 1, reply.len - sizeof head); /* without the last brace */
	buf_done(&reply);
}

/* Who answers what controld passes on, and whether it records itself that it was asked. */
static const struct forward {
	const char *what; /* the request, or the beginning of its name up to the dot */
	const char *socket;
	bool records;
} forwards[] = {
	{ "incident.", SOCK_RESPOND, true },
	{ "block.", SOCK_RESPOND, true },
	{ "shift.", SOCK_RESPOND, true },
	{ "ack.", SOCK_RESPOND, true },
	{ "report.", SOCK_RESPOND, true },
	{ "asset.", SOCK_RESPOND, true },
	{ "vuln.", SOCK_RESPOND, true },
	{ "log.", SOCK_SEARCH, false },
	{ "user.", SOCK_AUTH, false },
	{ "site.renew", SOCK_ACME, false },
	{ "site.purge", SOCK_PURGE, false },
	{ "site.pages", SOCK_LOOK, false },
	{ "site.approve", SOCK_LOOK, false },
	{ "site.stats", SOCK_SEARCH, false },
	{ "decrypt.proposals", SOCK_SEARCH, false },
};

static const struct forward *forward_of(const char *what)
{
	for (size_t i = 0; i < ARRAY_LEN(forwards); i++)
		if (strncmp(what, forwards[i].what, strlen(forwards[i].what)) == 0)
			return &forwards[i];
	return NULL;
}

static bool recorded_there(const char *what)
{
	const struct forward *f = forward_of(what);
	return (f && f->records) || strcmp(what, "ips.note") == 0 || strncmp(what, "hold.", 5) == 0;
}

/* Searches, which may take long, and leave nothing behind: those whose asker goes are ended. */
static bool only_asks(const char *what)
{
	static const char *const searches[] = { "log.search", "log.sweep", "log.counts", "site.stats", "decrypt.proposals" };
	for (size_t i = 0; i < ARRAY_LEN(searches); i++)
		if (strcmp(what, searches[i]) == 0)
			return true;
	return false;
}

static void watch(struct controld *c, struct job *j)
{
	j->next = c->searches;
	j->place = &c->searches;
	if (j->next)
		j->next->place = &j->next;
	c->searches = j;
}

int controld_forward(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, struct err *err)
{
	const struct forward *to = forward_of(what);
	struct job *j = job_make(c, rq, what, who, changes(what) && !recorded_there(what), run_forward);
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = doc ? yyjson_val_mut_copy(doc, rq->root) : NULL;
	size_t n;
	char *text = NULL;
	if (root) {
		yyjson_mut_obj_remove_key(root, "as");
		yyjson_mut_obj_remove_key(root, "by");
		yyjson_mut_obj_add_str(doc, root, "by", who->name);
		yyjson_mut_doc_set_root(doc, root);
		text = yyjson_mut_write(doc, 0, &n);
	}
	if (j && text) {
		buf_put(&j->request, text, n);
		j->socket = to->socket;
		if (!to->records) /* none of those holds a secret */
			snprintf(j->about, sizeof j->about, "%.*s", (int)(n < sizeof j->about ? n : sizeof j->about - 1), text);
	}
	bool ok = j && text && !j->request.failed;
	free(text); /* yyjson's own allocation */
	yyjson_mut_doc_free(doc);
	if (ok && only_asks(what))
		watch(c, j);
	if (ok)
		return job_start(j, err);
	if (j)
		job_free(j);
	return err_set(err, E_NOMEM, "", "no memory");
}

/* ---- public sites ---- */

/* The vault makes a key that stays there; what comes out is the request for its certificate. */
static void run_site_csr(struct job *j)
{
	struct vault *v = NULL;
	struct buf pem;
	const char *names[VAULT_NAMES];
	char text[VAULT_NAMES][256];
	struct str rest = buf_view(&j->request), one;
	size_t n = 0;
	buf_init(&pem, VAULT_MESSAGE_MAX);
	for (; n < VAULT_NAMES && rest.len && str_next(&rest, ' ', &one) && str_copy(one, text[n], sizeof text[n]); n++)
		names[n] = text[n];
	if (vault_open(NULL, 10000, &v, &j->err) == 0 && vault_site_key(v, names, n, &pem, &j->err) == 0) {
		buf_puts(&j->fields, ",\"csr\":"); /* the answer's head stands before it */
		json_str(&j->fields, buf_view(&pem));
	}
	vault_close(&v);
	buf_done(&pem);
}

static int do_site_csr(struct controld *c, const struct ctl_request *rq, const struct asker *who, struct err *err)
{
	size_t i, n;
	yyjson_val *v, *list = yyjson_obj_get(rq->root, "names");
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) < 1 || yyjson_arr_size(list) > VAULT_NAMES)
		return err_set(err, E_INVALID, "names", "1 to %d host names", VAULT_NAMES);
	struct job *j = job_make(c, rq, "site.csr", who, true, run_site_csr);
	if (!j)
		return err_set(err, E_NOMEM, "", "no memory");
	yyjson_arr_foreach(list, i, n, v) {
		buf_puts(&j->request, i ? " " : "");
		buf_puts(&j->request, yyjson_is_str(v) ? yyjson_get_str(v) : "?");
	}
	return job_start(j, err);
}

/* A list that another process wrote, of which the asker is told what is theirs to see; the whole of it, where scope is "". */
static void tell_list(struct job *j, const char *file, const char *key, const char *scope)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, CTL_MAX / 2);
	int r = fs_read(place_in_run(path, sizeof path, "%s", file), &b, &j->err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	if (r == 0 && !yyjson_is_arr(yyjson_doc_get_root(doc)))
		r = err_set(&j->err, E_CORRUPT, path, "can't be read");
	if (r == 0)
		keep_seen(&j->fields, key, yyjson_doc_get_root(doc), scope);
	yyjson_doc_free(doc);
	buf_done(&b);
}

/* What toride-acmed found of each certificate. */
static void run_site_list(struct job *j)
{
	tell_list(j, "acme/sites.json", "sites", j->who.scope);
}

/* What the rules in force could find, as detectd wrote it: of nobody in particular. */
static void run_coverage(struct job *j)
{
	tell_list(j, "detect/coverage.json", "rules", "");
}

/* ---- signatures ---- */

/* What root's own command did with files of signatures: nothing is done here but the record of it. */
static int do_ips_note(struct controld *c, const struct ctl_request *rq, const struct asker *who, struct err *err)
{
	static const char *const operations[] = { "import", "promote", "demote" };
	struct str operation = ctl_str(rq->root, "operation");
	char message[512], what[32];
	struct err refused = { 0 };
	size_t i = 0;
	if (rq->uid != 0)
		return err_set(err, E_DENIED, "", "signatures are root's to look after");
	while (i < ARRAY_LEN(operations) && !str_eq(operation, str_from(operations[i])))
		i++;
	if (i == ARRAY_LEN(operations))
		return err_set(err, E_INVALID, "operation", "must be import, promote or demote");
	if (!str_copy(ctl_str(rq->root, "message"), message, sizeof message))
		return err_set(err, E_INVALID, "message", "longer than %zu bytes", sizeof message - 1);
	snprintf(what, sizeof what, "ips.rules.%s", operations[i]);
	if (ctl_bool(rq->root, "refused", false))
		err_set(&refused, E_INVALID, "", "%s", message);
	controld_audit(c, who->name, what, refused.code ? "" : message, &refused);
	return 0;
}

/* ---- the door ---- */

static int handle_known(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, struct buf *b,
                        char digest[72], struct err *err)
{
	if (strcmp(what, "pair.follow") == 0)
		return do_follow(c, rq, digest, err);
	if (strcmp(what, "submit") == 0)
		return descriptions_submit(rq, who->name, b, digest, err);
	if (strcmp(what, "approve") == 0)
		return descriptions_approve(c, rq, who, b, digest, err);
	if (strcmp(what, "apply") == 0 || strcmp(what, "confirm") == 0 || strcmp(what, "rollback") == 0 ||
	    strcmp(what, "pair.yield") == 0)
		return do_order(c, rq, what, who, digest, err);
	if (strncmp(what, "user.", 5) == 0 && rq->uid != 0)
		return err_set(err, E_DENIED, "", "accounts are root's to look after");
	if (forward_of(what))
		return controld_forward(c, rq, what, who, err);
	if (strcmp(what, "ips.note") == 0)
		return do_ips_note(c, rq, who, err);
	if (strncmp(what, "hold.", 5) == 0)
		return holds_ask(c, rq, what, who, b, err);
	if (strcmp(what, "change.diff") == 0)
		return descriptions_diff(c, rq, who, digest, err);
	if (strcmp(what, "site.csr") == 0)
		return do_site_csr(c, rq, who, err);
	void (*run)(struct job *j) = strcmp(what, "status") == 0      ? run_status :
	                             strcmp(what, "generations") == 0 ? descriptions_list :
	                             strcmp(what, "site.list") == 0   ? run_site_list :
	                             strcmp(what, "rules.coverage") == 0 ? run_coverage :
	                                                                NULL;
	if (!run)
		return err_set(err, E_INVALID, "do", "no such request: %s", what);
	struct job *j = job_make(c, rq, what, who, false, run);
	return j ? job_start(j, err) : err_set(err, E_NOMEM, "", "no memory");
}

/* Whoever it is passed on to may record it itself. */
int controld_answer(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, int refused, struct buf *b, struct err *err)
{
	char digest[72] = "";
	int r = refused < 0 ? refused : handle_known(c, rq, what, who, b, digest, err);
	if (changes(what) && r != -E_AGAIN && !(recorded_there(what) && r == 0)) {
		struct err none = { 0 };
		controld_audit(c, who->name, what, digest, r < 0 ? err : &none);
	}
	return r;
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	struct controld *c = user;
	struct asker who = { 0 };
	if (rq->uid == USER_PORTAL)
		return people_ask(c, rq, what, err);
	bool other_node = rq->uid == USER_PAIR && (strcmp(what, "pair.follow") == 0 || strcmp(what, "hold.exchange") == 0);
	if (rq->uid >= UID_BASE && rq->uid < UID_BASE + UID_COUNT && !other_node) /* a process of ours that was taken over learns nothing here */
		return err_set(err, E_DENIED, "", "this socket isn't for you");
	int r = identify(rq, who.name, err);
	if (r == 0 && changes(what) && rq->uid != 0 && !other_node && !in_operators(rq->uid))
		r = err_set(err, E_DENIED, "", "user %u may read only", (unsigned)rq->uid);
	/* handing in shows nothing; accounts and signatures are root's own, whoever asks: their `org` is no body to be seen */
	bool whole = strcmp(what, "submit") == 0 || strncmp(what, "user.", 5) == 0 || strcmp(what, "ips.note") == 0;
	if (r == 0 && rq->uid == 0 && strcmp(who.name, "root") != 0 && !whole)
		return people_ask_for(c, rq, what, who.name, err);
	return controld_answer(c, rq, what, &who, r, b, err);
}

/* ---- main ---- */

static void on_tick(uv_timer_t *t)
{
	struct controld *c = t->data;
	for (struct job *j = c->searches; j; j = j->next)
		j->gone = j->gone || ctl_gone(c->server, j->peer);
	events_work(c->events);
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct controld *c = s->data;
	(void)signum;
	daemon_ready(&c->d); /* there is nothing of a generation that we keep */
}

static void on_term(uv_signal_t *s, int signum)
{
	struct controld *c = s->data;
	(void)signum;
	ctl_close(&c->server);
	events_flush(c->events, 500);
	uv_stop(&c->loop);
}

static int open_all(struct controld *c, struct err *err)
{
	char path[PLACE_MAX];
	if (uv_loop_init(&c->loop) < 0)
		return err_set(err, E_IO, "loop", "cannot start");
	uv_timer_init(&c->loop, &c->tick);
	uv_signal_init(&c->loop, &c->term);
	uv_signal_init(&c->loop, &c->hup);
	c->tick.data = c->term.data = c->hup.data = c;
	uv_timer_start(&c->tick, on_tick, 100, 100);
	uv_signal_start(&c->term, on_term, SIGTERM);
	uv_signal_start(&c->hup, on_hup, SIGHUP);
	int r = events_open("controld", 4 * MIB, &c->events, err);
	if (r < 0)
		return r;
	return ctl_listen(&c->loop, place_in_run(path, sizeof path, SOCK_CONTROL), 0666, handle, c, &c->server, err);
}

int main(void)
{
	static struct controld c;
	struct err err = { 0 };
	jail_install();
	int r = daemon_begin("controld", &c.d, &err);
	if (r == 0)
		r = open_all(&c, &err);
	if (r == 0)
		r = daemon_confine(&c.d, &err);
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		return 1;
	}
	snprintf(c.d.digest, sizeof c.d.digest, "control");
	daemon_ready(&c.d);
	log_info("", "start", "ready");
	uv_run(&c.loop, UV_RUN_DEFAULT);
	events_close(&c.events);
	return 0;
}
