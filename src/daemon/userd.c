/* toride-userd: who uses the proxy. It asks the organisations' directories for proxyd, and is the only one that holds what they are asked
 * with: the accounts' passwords, unwrapped by the vault, and the keys that tickets are sealed with. Questions and answers: users/users.h, and
 * how they come and go: users/server.h; what is remembered: users/tries.h; tickets: users/ticket.h; LDAP: users/directory.h, in threads
 * beside the loop, each question in one. The same question twice at a time is asked once.
 *
 * No body's directory keeps another's people waiting: each body has one thread whatever the others have, and more while there are enough;
 * one that doesn't answer is left alone for DOWN_MS; one that would answer for ever is cut (directory_cut()). Each sign-in that is new, each
 * refused one, and a directory that doesn't answer, become events. */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "users/crew.h"
#include "users/directory.h"
#include "users/server.h"
#include "users/ticket.h"
#include "users/tries.h"
#include "vault/vault_client.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <uv.h>

#define ORG_JOBS 6       /* at a time, of one organisation … */
#define SHARED_JOBS 192  /* … and one alone where so many are under way: the row of the process table has room for a thread a body more */
#define ORG_WAITING 2000 /* more are answered as if no directory did */
#define DOWN_MS 3000
#define TOLD_MS 60000
#define VAULT_MS 3000
#define REFUSED_KEPT 4096

struct waiter { /* who gets a job's answer */
	struct waiter *next;
	uint64_t peer, id;
};

struct userd;
struct body { /* lives as long as the process */
	char code[8];
	struct job *first, **last; /* waiting */
	size_t running, waiting;
	int64_t down_ms, told_ms; /* left alone until; an event was made at */
	char secret[DIRECTORY_SECRET];
	bool has_secret;
	struct ticket_door *door; /* made when the first ticket comes … */
	int64_t door_ms;          /* … or not before this, where it can't be; that was told at */
	int64_t door_told_ms;
};

struct description { /* a generation's; gone when it isn't in force and no job looks at it */
	struct directories *d;
	size_t holders; /* jobs that run, and being in force */
};

struct job {
	struct crew_work work; /* first */
	struct job *next;      /* of those that wait, or of those that run */
	struct userd *x;
	struct body *org;
	struct description *of; /* while it runs */
	const struct directory *d;
	struct users_request rq;
	unsigned char key[TRIES_KEY];
	char secret[DIRECTORY_SECRET];
	struct directory_call call; /* while it runs … */
	int64_t until_ms;           /* … for so long at most; 0: it was cut */
	struct waiter *waiters;
	enum users_result result;
	struct user user;
	struct err err;
};

struct userd {
	struct daemon d;
	uv_loop_t loop;
	uv_timer_t tick;
	uv_signal_t term, hup;
	struct events *events;
	struct vault *vault;
	struct tries *tries;
	struct description *conf;
	struct map orgs, jobs; /* code -> org; key -> job */
	struct map refused;    /* terminal and why -> itself: told within TOLD_MS */
	int64_t refused_ms;    /* when it was emptied */
	struct crew *crew;
	struct job *running;
	struct users_server *server;
};

/* ---- events ---- */

static void tell(struct userd *x, const struct users_request *rq, const char *name, const char *status, const char *detail)
{
	struct buf b;
	char text[PREFIX_TEXT];
	buf_init(&b, 4 * KIB);
	buf_putc(&b, '{');
	json_field_u64(&b, "class_uid", 3002);
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_s(&b, "org", rq->org);
	json_field_s(&b, "product", "userd");
	json_field_s(&b, "activity_name", "Logon");
	buf_puts(&b, ",\"user\":{");
	json_field_s(&b, "name", name);
	buf_puts(&b, "},\"src_endpoint\":{");
	json_field_s(&b, "ip", prefix_format_addr(&rq->terminal, text));
	buf_putc(&b, '}');
	json_field_s(&b, "status", status);
	json_field_s(&b, "status_detail", detail);
	buf_putc(&b, '}');
	if (!b.failed)
		events_put(x->events, str_from(rq->org), buf_view(&b));
	events_work(x->events);
	buf_done(&b);
}

static void count(struct userd *x, const char *org, const char *what)
{
	stats_add(stats_counter(x->d.stats, org, what), 1);
}

static void tell_result(struct job *j, const struct tries_news *news)
{
	struct userd *x = j->x;
	const char *detail = !news->locked ? "password_wrong" : strcmp(news->what, "terminal") == 0 ? "terminal_locked" : "name_locked";
	if (j->result == USERS_OK && news->first)
		tell(x, &j->rq, j->user.name, "Success", j->rq.proven ? "ticket" : "password");
	if (j->result == USERS_WRONG && j->rq.proven) {
		tell(x, &j->rq, j->rq.name, "Failure", "ticket_nobody"); /* the realm knows him, the directory doesn't */
		count(x, j->rq.org, "ticket_refused");
	} else if (j->result == USERS_WRONG) {
		tell(x, &j->rq, j->rq.name, "Failure", detail);
		count(x, j->rq.org, news->locked ? "locked" : "wrong");
	}
}

static void tell_down(struct job *j)
{
	struct body *o = j->org;
	int64_t now = clock_mono_ms();
	count(j->x, j->rq.org, "unreachable");
	if (o->told_ms && now - o->told_ms < TOLD_MS)
		return;
	o->told_ms = now;
	log_warn(o->code, j->err.path, "the directory doesn't answer: %s", j->err.msg);
	events_app(j->x->events, str_from(o->code), "userd", "directory", "Alarm", j->err.msg);
}

/* ---- questions ---- */

static struct body *body_of(struct userd *x, const char *code)
{
	struct body *o = map_get(&x->orgs, str_from(code));
	if (o || !(o = mem_alloc(sizeof *o)))
		return o;
	snprintf(o->code, sizeof o->code, "%s", code);
	o->last = &o->first;
	if (map_put(&x->orgs, str_from(code), o) == 0)
		return o;
	mem_free(o);
	return NULL;
}

static struct str key_of(const struct job *j)
{
	return (struct str){ (const char *)j->key, sizeof j->key };
}

static void job_free(struct job *j)
{
	while (j->waiters) {
		struct waiter *w = j->waiters;
		j->waiters = w->next;
		mem_free(w);
	}
	users_request_wipe(&j->rq);
	OPENSSL_cleanse(j->secret, sizeof j->secret);
	mem_free(j);
}

static void job_answer(struct job *j)
{
	struct users_answer a = { .result = j->result, .user = j->user };
	if (j->result == USERS_UNREACHABLE && tries_stale(j->x->tries, &j->rq, clock_mono_ms(), &a))
		count(j->x, j->rq.org, "stale");
	for (struct waiter *w = j->waiters; w; w = w->next) {
		a.id = w->id;
		users_server_answer(j->x->server, w->peer, &a);
	}
}

static void start_jobs(struct body *o);

/* One less holds it. */
static void conf_leave(struct description *c)
{
	if (--c->holders)
		return;
	directories_destroy(&c->d);
	mem_free(c);
}

static void job_queue(struct job *j)
{
	struct body *o = j->org;
	j->next = NULL;
	*o->last = j;
	o->last = &j->next;
	o->waiting++;
}

static void job_work(struct crew_work *w)
{
	struct job *j = (struct job *)(void *)w;
	j->result = directory_ask(j->d, j->secret, &j->rq, &j->call, &j->user, &j->err);
}

static void leave_running(struct job *j)
{
	struct job **at = &j->x->running;
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	directory_call_done(&j->call);
}

static void cut_late(struct userd *x)
{
	int64_t now = clock_mono_ms();
	for (struct job *j = x->running; j; j = j->next)
		if (j->until_ms && j->until_ms < now) {
			j->until_ms = 0;
			directory_cut(&j->call);
		}
}

static void job_done(struct crew_work *w)
{
	struct job *j = (struct job *)(void *)w;
	struct userd *x = j->x;
	struct body *o = j->org;
	struct tries_news news = { .what = "" };
	int64_t now = clock_mono_ms();
	bool superseded = j->of != x->conf; /* other groups by now, another directory: its answer is nobody's */
	o->running--;
	leave_running(j);
	conf_leave(j->of);
	if (superseded) {
		OPENSSL_cleanse(&j->user, sizeof j->user);
		j->err = (struct err){ 0 };
		job_queue(j);
		start_jobs(o);
		return;
	}
	if (j->result == USERS_UNREACHABLE) {
		o->down_ms = now + DOWN_MS;
		o->has_secret = false; /* perhaps it is another by now */
		tell_down(j);
	} else {
		const struct users_answer a = { .result = j->result, .user = j->user };
		o->down_ms = o->told_ms = 0;
		tries_note(x->tries, &j->rq, &a, now, &news);
		tell_result(j, &news);
		count(x, j->rq.org, "asked");
	}
	map_del(&x->jobs, key_of(j));
	job_answer(j);
	job_free(j);
	start_jobs(o);
}

/* What the vault has wrapped for this organisation alone: hex behind "v1:". plain is the caller's, and to be wiped. */
static int unwrap(struct userd *x, const struct body *o, const char *use, const char *text, struct buf *plain, struct err *err)
{
	unsigned char box[VAULT_WRAP_MAX + 64];
	size_t n = strlen(text);
	if (n < 5 || (n - 3) / 2 > sizeof box || !hex_parse(str_from(text + 3), box, (n - 3) / 2))
		return err_set(err, E_INVALID, use, "isn't what toride directory %s prints", strcmp(use, "keytab") == 0 ? use : "secret");
	return vault_unwrap(x->vault, use, o->code, (struct str){ (char *)box, (n - 3) / 2 }, plain, err);
}

static void wipe(struct buf *b)
{
	if (b->ptr)
		OPENSSL_cleanse(b->ptr, b->cap);
	buf_done(b);
}

/* bind_dn's password. */
static int have_secret(struct userd *x, struct body *o, const struct directory *d, struct err *err)
{
	struct buf plain;
	if (!*d->bind_dn || o->has_secret)
		return 0;
	buf_init(&plain, VAULT_WRAP_MAX);
	int r = unwrap(x, o, "directory", d->bind_secret, &plain, err);
	if (r == 0 && !str_copy(buf_view(&plain), o->secret, sizeof o->secret))
		r = err_set(err, E_CORRUPT, "bind_secret", "not a password");
	o->has_secret = r == 0;
	wipe(&plain);
	return r;
}

/* Without having asked: by what is known, or that nobody answers. */
static void job_end(struct job *j, const struct users_answer *a)
{
	j->result = a->result;
	j->user = a->user;
	map_del(&j->x->jobs, key_of(j));
	job_answer(j);
	job_free(j);
}

static struct job *job_next(struct body *o)
{
	struct job *j = o->first;
	o->first = j->next;
	if (!o->first)
		o->last = &o->first;
	o->waiting--;
	return j;
}

/* Guesses that came at once would all be asked otherwise: what has been answered since may have locked the name. */
static bool end_known(struct job *j)
{
	struct users_answer a;
	if (!tries_look(j->x->tries, &j->rq, clock_mono_ms(), &a))
		return false;
	if (a.result == USERS_LOCKED)
		count(j->x, j->rq.org, "refused_locked");
	job_end(j, &a);
	return true;
}

static void start_job(struct job *j)
{
	const struct users_answer nobody = { .result = USERS_UNREACHABLE };
	struct userd *x = j->x;
	j->work = (struct crew_work){ .work = job_work, .done = job_done };
	memcpy(j->secret, j->org->secret, sizeof j->secret);
	directory_call_init(&j->call);
	j->until_ms = clock_mono_ms() + DIRECTORY_WHOLE_MS;
	if (crew_start(x->crew, &j->work) < 0) {
		directory_call_done(&j->call);
		job_end(j, &nobody);
		return;
	}
	j->next = x->running;
	x->running = j;
	j->org->running++;
	x->conf->holders++;
}

/* One always; more where others' wouldn't lack them. */
static bool may_start(const struct body *o, const struct userd *x)
{
	return o->running == 0 || (o->running < ORG_JOBS && crew_running(x->crew) < SHARED_JOBS);
}

static void start_jobs(struct body *o)
{
	const struct users_answer nobody = { .result = USERS_UNREACHABLE };
	while (o->first && may_start(o, o->first->x)) {
		struct job *j = job_next(o);
		struct userd *x = j->x;
		if (end_known(j))
			continue;
		j->of = x->conf;
		j->d = directory_find(x->conf->d, o->code);
		bool down = o->down_ms > clock_mono_ms() || (o->told_ms && o->running); /* of one that was down, one asks first */
		if (!j->d || down || have_secret(x, o, j->d, &j->err) < 0) {
			if (j->err.code)
				tell_down(j);
			job_end(j, &nobody);
			continue;
		}
		start_job(j);
	}
}

static bool add_waiter(struct job *j, uint64_t peer, const struct users_request *rq)
{
	struct waiter *w = mem_alloc(sizeof *w);
	if (!w)
		return false;
	*w = (struct waiter){ .next = j->waiters, .peer = peer, .id = rq->id };
	j->waiters = w;
	return true;
}

static struct job *job_make(struct userd *x, const struct users_request *rq)
{
	struct body *o = directory_find(x->conf->d, rq->org) ? body_of(x, rq->org) : NULL;
	struct job *j = o && o->waiting < ORG_WAITING ? mem_alloc(sizeof *j) : NULL;
	if (!j)
		return NULL;
	*j = (struct job){ .x = x, .org = o, .rq = *rq };
	tries_key(x->tries, rq, j->key);
	if (map_put(&x->jobs, key_of(j), j) < 0) {
		job_free(j);
		return NULL;
	}
	job_queue(j);
	return j;
}

/* ---- tickets ---- */

/* Whoever shows a ticket meanwhile is treated as when no directory answers: where that lets people pass, they pass without a name. */
static void tell_no_key(struct userd *x, struct body *o, const struct err *err)
{
	int64_t now = clock_mono_ms();
	log_err(LOG_LEVEL_ERROR, o->code, "keytab", err);
	if (o->door_told_ms && now - o->door_told_ms < TOLD_MS)
		return;
	o->door_told_ms = now;
	events_app(x->events, str_from(o->code), "userd", "keytab", "Alarm", err->msg);
}

/* The key is unwrapped when the first ticket comes; where it can't be, that is tried again after a while. */
static struct ticket_door *door_of(struct userd *x, struct body *o, const struct directory *d, struct err *err)
{
	struct buf plain;
	struct keytab keys = { .n = 0 };
	if (o->door || o->door_ms > clock_mono_ms())
		return o->door;
	buf_init(&plain, VAULT_WRAP_MAX);
	int r = unwrap(x, o, "keytab", d->keytab, &plain, err);
	r = r < 0 ? r : keytab_read(plain.ptr, plain.len, "HTTP", d->proxy, &keys, err);
	r = r < 0 ? r : ticket_open(o->code, &keys, &o->door, err);
	keytab_wipe(&keys);
	wipe(&plain);
	if (r < 0) {
		o->door_ms = clock_mono_ms() + DOWN_MS;
		tell_no_key(x, o, err);
	}
	return o->door;
}

static void tell_refused(struct userd *x, const struct users_request *rq, const struct err *err)
{
	char key[PREFIX_TEXT + 64], address[PREFIX_TEXT];
	int64_t now = clock_mono_ms();
	count(x, rq->org, "ticket_refused");
	if (now - x->refused_ms > TOLD_MS || x->refused.len == REFUSED_KEPT) {
		map_done(&x->refused);
		map_init(&x->refused, REFUSED_KEPT);
		x->refused_ms = now;
	}
	int n = snprintf(key, sizeof key, "%s %s %.40s", rq->org, prefix_format_addr(&rq->terminal, address), err->path);
	struct str k = { key, (size_t)n };
	if (map_get(&x->refused, k))
		return; /* a terminal that is set wrong shows its ticket with each picture */
	map_put(&x->refused, k, x);
	log_info(rq->org, err->path, "%s: %s", address, err->msg);
	tell(x, rq, "", "Failure", err->path);
}

/* True: the ticket says who it is. False: answered. */
static bool take_ticket(struct userd *x, uint64_t peer, struct users_request *rq)
{
	struct err err = { 0 };
	struct users_answer a = { .id = rq->id, .result = USERS_UNREACHABLE };
	const struct directory *d = directory_find(x->conf->d, rq->org);
	struct body *o = d && *d->keytab ? body_of(x, rq->org) : NULL;
	struct ticket_door *door = o ? door_of(x, o, d, &err) : NULL;
	if (door)
		a.result = ticket_take(door, rq->ticket, rq, &err);
	if (a.result == USERS_OK)
		return true;
	if (door)
		tell_refused(x, rq, &err);
	else
		count(x, rq->org, "unreachable");
	users_server_answer(x->server, peer, &a);
	return false;
}

/* ---- what comes in ---- */

static void take_known(struct userd *x, uint64_t peer, const struct users_request *rq)
{
	struct users_answer a = { .id = rq->id, .result = USERS_UNREACHABLE };
	if (tries_look(x->tries, rq, clock_mono_ms(), &a)) {
		if (a.result == USERS_LOCKED)
			count(x, rq->org, "refused_locked");
		users_server_answer(x->server, peer, &a);
		return;
	}
	unsigned char key[TRIES_KEY];
	tries_key(x->tries, rq, key);
	struct job *j = map_get(&x->jobs, (struct str){ (const char *)key, sizeof key });
	bool fresh = !j;
	j = j ? j : job_make(x, rq);
	if (!j || !add_waiter(j, peer, rq)) {
		a = (struct users_answer){ .id = rq->id, .result = USERS_UNREACHABLE };
		tries_stale(x->tries, rq, clock_mono_ms(), &a);
		users_server_answer(x->server, peer, &a);
	}
	if (j && fresh)
		start_jobs(j->org);
}

static void on_question(uint64_t peer, struct users_request *rq, void *user)
{
	bool on = !rq->ticket || take_ticket(user, peer, rq);
	struct users_request known = *rq;
	known.ticket = NULL; /* rq's */
	if (on)
		take_known(user, peer, &known);
	users_request_wipe(&known);
}

static bool may_ask(uid_t uid)
{
	return uid == geteuid() || jail_peer_allowed(SOCK_USERS, uid);
}

/* ---- life ---- */

static int read_config(struct userd *x, struct err *err)
{
	struct buf b;
	struct description *c = mem_alloc(sizeof *c), *former = x->conf;
	char dir[PLACE_MAX];
	void *v;
	if (!c)
		return err_set(err, E_NOMEM, "userd.json", "no memory");
	buf_init(&b, DIRECTORY_CONFIG_MAX);
	int r = daemon_config(&x->d, &b, err);
	r = r < 0 ? r : directories_parse(buf_view(&b), place_in_state(dir, sizeof dir, "current/userd"), &c->d, err);
	buf_done(&b);
	if (r < 0) {
		mem_free(c);
		return r;
	}
	c->holders = 1;
	x->conf = c;
	if (former)
		conf_leave(former);
	for (size_t i = 0; map_next(&x->orgs, &i, NULL, &v);) {
		struct body *o = v;
		tries_forget(x->tries, o->code); /* other groups, another directory */
		o->has_secret = false;
		o->down_ms = o->door_ms = o->door_told_ms = 0;
		ticket_close(&o->door);
	}
	return 0;
}

static void on_term(uv_signal_t *s, int signum)
{
	struct userd *x = s->data;
	(void)signum;
	events_flush(x->events, 1000);
	uv_stop(&x->loop);
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct userd *x = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(x, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "userd.json", &err);
	else
		daemon_ready(&x->d);
}

static void on_tick(uv_timer_t *t)
{
	struct userd *x = t->data;
	events_work(x->events);
	cut_late(x);
}

static int open_all(struct userd *x, struct err *err)
{
	char config[PLACE_MAX], seen[PLACE_MAX], path[PLACE_MAX];
	if (uv_loop_init(&x->loop) < 0 || tries_create(&x->tries) < 0 || crew_open(&x->loop, &x->crew) < 0)
		return err_set(err, E_IO, "loop", "cannot start");
	map_init(&x->orgs, 8192);
	map_init(&x->jobs, 65536);
	map_init(&x->refused, REFUSED_KEPT);
	x->tick.data = x->term.data = x->hup.data = x;
	uv_timer_init(&x->loop, &x->tick);
	uv_timer_start(&x->tick, on_tick, 100, 100);
	uv_signal_init(&x->loop, &x->term);
	uv_signal_init(&x->loop, &x->hup);
	uv_signal_start(&x->term, on_term, SIGTERM);
	uv_signal_start(&x->hup, on_hup, SIGHUP);
	int r = directory_init(err);
	r = r < 0 ? r : ticket_init(place_in_state(config, sizeof config, "current/userd/krb5.conf"), place_in_run(seen, sizeof seen, "userd"), err);
	r = r < 0 ? r : events_open("userd", 4 * MIB, &x->events, err);
	r = r < 0 ? r : vault_open(NULL, VAULT_MS, &x->vault, err);
	r = r < 0 ? r : read_config(x, err);
	const struct users_server_opts server = { &x->loop, may_ask, on_question, x };
	r = r < 0 ? r : users_server_open(place_in_run(path, sizeof path, SOCK_USERS), &server, &x->server, err);
	return r < 0 ? r : daemon_confine(&x->d, err);
}

/* Passwords stay out of swap, also those that OpenSSL, libldap and the threads' stacks hold. */
static void lock_memory(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_MEMLOCK, &l) < 0 || l.rlim_cur != RLIM_INFINITY || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_info("", "memory", "passwords may be swapped out: memory isn't locked");
}

int main(void)
{
	static struct userd x;
	struct err err = { 0 };
	jail_install();
	int r = daemon_begin("userd", &x.d, &err);
	lock_memory();
	r = r < 0 ? r : open_all(&x, &err);
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		return 4;
	}
	daemon_ready(&x.d);
	log_info("", x.d.digest, "ready");
	uv_run(&x.loop, UV_RUN_DEFAULT);
	return 0;
}
