/* See broker.h. A job is one question; a flight is one scan that any number of jobs wait for. */
#include "scan/broker.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "scan/type.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#define TICK_MS 50
#define CHUNK (64 * KIB)
#define INLINE_HASH (64 * KIB) /* below, handing it to a thread costs more than hashing */

struct broker_job {
	struct broker_job *next, *prev; /* all */
	struct broker_job *mate;        /* in the same flight */
	struct broker *b;
	struct flight *flight;
	uint64_t id;
	char org[8], name[VERDICT_NAME_MAX], password[VERDICT_PASSWORD]; /* with one, nothing of it is shared or cached */
	int fd;
	uint64_t size, limit;
	int64_t deadline_ms;
	broker_done done;
	void *user;
	uv_work_t work;
	bool hashing, cancelled, sealed, read_failed, grew;
	struct verdict v;
};

struct flight {
	struct flight *next, *prev;
	struct broker *b;
	struct broker_job *waiters;
	struct clamd_job *scan, *member; /* of the whole file; of a contained one that clamd can't get at by itself */
	struct walker_job *walk;
	struct worker_member about;      /* whom `member` is about */
	int64_t deadline_ms;
	struct verdict v;
	bool shared; /* stands in broker.flights under its hash */
	bool opened; /* with a password: that clamd has none says nothing */
};

struct broker {
	struct broker_opts o;
	broker_limit limit;
	void *limit_user;
	struct broker_job *jobs;
	size_t n_jobs;
	struct map flights;
	struct flight *all;
	uv_timer_t tick;
	_Atomic uint64_t *members, *encrypted, *scans, *hits, *queue, *clamd_errors, *malicious, *unscannable, *errors, *joined;
};

/* ---- answering ---- */

static void fail(struct verdict *v, uint8_t kind, const char *why)
{
	v->kind = kind;
	v->also = VERDICT_BIT(kind);
	snprintf(v->malware, sizeof v->malware, "%s", why);
}

static void count(struct broker *b, const struct verdict *v, const char *org)
{
	if (v->cached)
		stats_add(b->hits, 1);
	if (v->kind == VERDICT_MALICIOUS)
		stats_add(b->malicious, 1);
	if (v->kind == VERDICT_MALICIOUS && org[0]) /* rare, so the slow look-up is no matter */
		stats_add(stats_counter(b->o.stats, org, "malicious"), 1);
	if (v->kind == VERDICT_UNSCANNABLE)
		stats_add(b->unscannable, 1);
	if (v->kind == VERDICT_ENCRYPTED)
		stats_add(b->encrypted, 1);
	if (v->kind == VERDICT_ERROR)
		stats_add(b->errors, 1);
}

static void job_free(struct broker_job *j)
{
	struct broker *b = j->b;
	if (j->prev)
		j->prev->next = j->next;
	else
		b->jobs = j->next;
	if (j->next)
		j->next->prev = j->prev;
	b->n_jobs--;
	stats_set(b->queue, b->n_jobs);
	if (j->fd >= 0)
		close(j->fd);
	mem_free(j);
}

static void leave_flight(struct broker_job *j)
{
	if (!j->flight)
		return;
	struct broker_job **at = &j->flight->waiters;
	while (*at != j)
		at = &(*at)->mate;
	*at = j->mate;
	j->flight = NULL;
}

/* While a thread still hashes, the memory must stay: it goes when the thread is done. */
static void job_drop(struct broker_job *j)
{
	leave_flight(j);
	if (j->hashing)
		j->cancelled = true;
	else
		job_free(j);
}

static void job_answer(struct broker_job *j, const struct verdict *v)
{
	broker_done done = j->done;
	void *user = j->user;
	uint64_t id = j->id;
	struct verdict copy = *v;
	count(j->b, &copy, j->org);
	job_drop(j);
	done(id, &copy, user);
}

/* ---- flights ---- */

static struct str sha_key(const struct verdict *v)
{
	return (struct str){ (const char *)v->sha256, VERDICT_SHA };
}

static void flight_free(struct flight *f)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		f->b->all = f->next;
	if (f->next)
		f->next->prev = f->prev;
	mem_free(f);
}

static void flight_land(struct flight *f)
{
	struct broker *b = f->b;
	if (f->v.kind == VERDICT_UNKNOWN)
		f->v.kind = VERDICT_CLEAN;
	if (f->shared) {
		map_del(&b->flights, sha_key(&f->v));
		verdict_cache_put(b->o.cache, &f->v, clock_mono_ms());
	}
	while (f->waiters)
		job_answer(f->waiters, &f->v);
	flight_free(f);
}

static void land_if_done(struct flight *f)
{
	if (!f->scan && !f->walk)
		flight_land(f);
}

/* Nobody needs to look on. */
static void land_malicious(struct flight *f, const char *name, const char *where)
{
	f->v.kind = VERDICT_MALICIOUS;
	snprintf(f->v.malware, sizeof f->v.malware, "%s", name);
	size_t n = strlen(where), max = sizeof f->v.where - 1;
	snprintf(f->v.where, sizeof f->v.where, "%s", where + (n > max ? n - max : 0));
	if (f->scan)
		clamd_cancel(f->scan);
	if (f->member)
		clamd_cancel(f->member);
	if (f->walk)
		walker_cancel(f->walk);
	flight_land(f);
}

/* Told first: what a person can do something about. */
static int rank(uint8_t kind)
{
	return kind == VERDICT_ENCRYPTED ? 3 : kind == VERDICT_UNSCANNABLE ? 2 : kind == VERDICT_ERROR ? 1 : 0;
}

static void note(struct flight *f, uint8_t kind, const char *why, const char *where)
{
	f->v.also |= VERDICT_BIT(kind);
	if (rank(kind) <= rank(f->v.kind))
		return;
	f->v.kind = kind;
	snprintf(f->v.malware, sizeof f->v.malware, "%s", why);
	size_t n = strlen(where), max = sizeof f->v.where - 1;
	snprintf(f->v.where, sizeof f->v.where, "%s", where + (n > max ? n - max : 0));
}

/* True: it is malicious, and the flight has landed. */
static bool clamd_said(struct flight *f, enum clamd_result result, struct str name, const char *where)
{
	static const uint8_t kinds[] = { [CLAMD_BEYOND] = VERDICT_UNSCANNABLE, [CLAMD_FAILED] = VERDICT_ERROR, [CLAMD_ENCRYPTED] = VERDICT_ENCRYPTED };
	char text[sizeof f->v.malware];
	snprintf(text, sizeof text, STR_FMT, STR_ARG(name));
	if (result == CLAMD_FOUND) {
		land_malicious(f, text, where);
		return true;
	}
	if (result == CLAMD_FAILED)
		stats_add(f->b->clamd_errors, 1);
	if (result != CLAMD_CLEAN && !(result == CLAMD_ENCRYPTED && f->opened && !where[0]))
		note(f, kinds[result], text, where);
	return false;
}

static void on_scanned(enum clamd_result result, struct str name, void *user)
{
	struct flight *f = user;
	f->scan = NULL;
	if (!clamd_said(f, result, name, ""))
		land_if_done(f);
}

/* ---- what a worker finds in it ---- */

static void remember_member(struct flight *f, const char *name)
{
	struct verdict v = { .kind = VERDICT_MALICIOUS, .generation = f->v.generation };
	memcpy(v.sha256, f->about.sha256, VERDICT_SHA);
	snprintf(v.malware, sizeof v.malware, "%s", name);
	snprintf(v.type, sizeof v.type, "%s", f->about.type);
	verdict_cache_put(f->b->o.cache, &v, clock_mono_ms());
}

static void on_member_scanned(enum clamd_result result, struct str name, void *user)
{
	struct flight *f = user;
	char text[sizeof f->v.malware];
	f->member = NULL;
	snprintf(text, sizeof text, STR_FMT, STR_ARG(name));
	if (result == CLAMD_FOUND)
		remember_member(f, text);
	if (!clamd_said(f, result, name, f->about.name))
		walker_go_on(f->walk, false);
}

/* Known already, whatever container it comes in this time? What is in it is walked through all the same. */
static void on_member(const struct worker_member *m, int fd, void *user)
{
	struct flight *f = user;
	struct verdict known;
	stats_add(f->b->members, 1);
	bool seen = verdict_cache_get(f->b->o.cache, m->sha256, clock_mono_ms(), &known);
	if (seen || fd < 0) {
		if (fd >= 0)
			close(fd);
		if (seen && known.kind == VERDICT_MALICIOUS)
			land_malicious(f, known.malware, m->name);
		else if (fd >= 0)
			walker_go_on(f->walk, false);
		return;
	}
	f->about = *m;
	f->member = clamd_scan(f->b->o.clamd, fd, f->deadline_ms, on_member_scanned, f);
	if (!f->member) {
		note(f, VERDICT_ERROR, "busy", m->name);
		walker_go_on(f->walk, true);
	}
}

static void on_walked(const struct walk_result *r, void *user)
{
	struct flight *f = user;
	f->walk = NULL;
	if (f->member) /* it died while it waited */
		clamd_cancel(f->member);
	f->member = NULL;
	f->v.inside = (uint8_t)r->inside;
	if ((r->found & WALK_MALICIOUS) && r->reason[0]) {
		land_malicious(f, r->reason, r->where);
		return;
	}
	if (r->found & WALK_ENCRYPTED)
		note(f, VERDICT_ENCRYPTED, r->reason, r->where);
	if (r->found & WALK_BEYOND)
		note(f, VERDICT_UNSCANNABLE, r->found & WALK_ENCRYPTED ? "beyond" : r->reason, r->where);
	land_if_done(f);
}

static const struct walker_calls walk_calls = { on_member, on_walked };

/* False: no worker to be had. */
static bool walk_start(struct flight *f, int fd, uint64_t size, const char *name, const char *password)
{
	const struct walk_limits *l = f->b->o.limits;
	int64_t left = f->deadline_ms - clock_mono_ms();
	struct worker_ask a = { .timeout_ms = left > 0 ? (uint32_t)left : 1, .depth = l->depth, .files = (uint32_t)l->files,
		                .ratio = (uint32_t)l->ratio, .cpu_s = worker_cpu_s(size), .bytes = l->bytes };
	str_copy(str_from(name), a.name, sizeof a.name);
	str_copy(str_from(password), a.password, sizeof a.password);
	f->walk = walker_start(f->b->o.walker, fd, &a, &walk_calls, f);
	return f->walk != NULL;
}

static void join(struct flight *f, struct broker_job *j)
{
	j->flight = f;
	j->mate = f->waiters;
	f->waiters = j;
}

static struct flight *flight_new(struct broker_job *j)
{
	struct broker *b = j->b;
	struct flight *f = mem_alloc(sizeof *f);
	if (!f)
		return NULL;
	f->b = b;
	f->v = j->v;
	f->v.generation = atomic_load_explicit(b->o.generation, memory_order_acquire);
	f->deadline_ms = j->deadline_ms;
	f->opened = j->password[0];
	f->shared = j->sealed && !f->opened && map_put(&b->flights, sha_key(&f->v), f) == 0;
	f->next = b->all;
	if (b->all)
		b->all->prev = f;
	b->all = f;
	return f;
}

/* False: j->v says why not. */
static bool flight_start(struct broker_job *j)
{
	struct broker *b = j->b;
	struct flight *f = flight_new(j);
	int fd = j->fd;
	if (!f) {
		fail(&j->v, VERDICT_ERROR, "no memory");
		return false;
	}
	bool ok = !b->o.walker || walk_start(f, fd, j->size, j->name, j->password);
	if (ok) {
		j->fd = -1;
		f->scan = clamd_scan(b->o.clamd, fd, j->deadline_ms, on_scanned, f);
	}
	if (!f->scan) {
		if (f->walk)
			walker_cancel(f->walk);
		if (f->shared)
			map_del(&b->flights, sha_key(&f->v));
		flight_free(f);
		fail(&j->v, VERDICT_ERROR, "busy");
		return false;
	}
	join(f, j);
	return true;
}

/* The hash is there: cache, somebody else's scan, or our own. True: *ret is the answer; false: it comes later. */
static bool job_settle(struct broker_job *j, struct verdict *ret)
{
	struct broker *b = j->b;
	if (j->read_failed || j->grew)
		fail(&j->v, j->grew ? VERDICT_UNSCANNABLE : VERDICT_ERROR, j->grew ? "size" : "cannot read");
	else if (!j->password[0] && verdict_cache_get(b->o.cache, j->v.sha256, clock_mono_ms(), ret))
		return true;
	else {
		struct flight *f = j->sealed && !j->password[0] ? map_get(&b->flights, sha_key(&j->v)) : NULL;
		if (!f && flight_start(j))
			return false;
		if (f) {
			stats_add(b->joined, 1);
			if (f->scan)
				clamd_extend(f->scan, j->deadline_ms);
			join(f, j);
			return false;
		}
	}
	*ret = j->v;
	return true;
}

/* ---- hashing ---- */

static ssize_t read_at(int fd, char *p, size_t n, uint64_t off)
{
	size_t got = 0;
	while (got < n) {
		ssize_t k = pread(fd, p + got, n - got, (off_t)(off + got));
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -1;
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

static void look_at_type(struct broker_job *j, char *chunk, char *tail)
{
	ssize_t n = read_at(j->fd, chunk, CHUNK, 0), t = 0;
	struct str head = { chunk, n > 0 ? (size_t)n : 0 }, end = head;
	if (j->size > CHUNK) {
		t = read_at(j->fd, tail, CHUNK, j->size - CHUNK);
		end = (struct str){ tail, t > 0 ? (size_t)t : 0 };
	}
	snprintf(j->v.type, sizeof j->v.type, "%s", file_type_name(file_type_of(head, end)));
}

static void hash_now(struct broker_job *j)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	_Alignas(16) char chunk[CHUNK], tail[CHUNK];
	uint64_t off = 0;
	ssize_t n = -1;
	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1) {
		while ((n = read_at(j->fd, chunk, sizeof chunk, off)) > 0 && off <= j->limit) {
			EVP_DigestUpdate(md, chunk, (size_t)n);
			off += (uint64_t)n;
		}
		EVP_DigestFinal_ex(md, j->v.sha256, NULL);
	}
	EVP_MD_CTX_free(md);
	j->read_failed = n < 0;
	j->grew = off > j->limit;
	j->size = off;
	if (!j->read_failed)
		look_at_type(j, chunk, tail);
}

static void hash_work(uv_work_t *w)
{
	hash_now(w->data);
}

static void hash_done(uv_work_t *w, int status)
{
	struct broker_job *j = w->data;
	struct verdict v;
	j->hashing = false;
	if (j->cancelled)
		job_free(j);
	else if (job_settle(j, &v))
		job_answer(j, &v);
}

/* ---- deadlines ---- */

static void on_tick(uv_timer_t *t)
{
	struct broker *b = t->data;
	int64_t now = clock_mono_ms();
	for (struct broker_job *j = b->jobs; j;) {
		if (j->cancelled || j->deadline_ms > now) {
			j = j->next;
			continue;
		}
		struct verdict v = { .kind = VERDICT_ERROR, .also = VERDICT_BIT(VERDICT_ERROR), .malware = "timeout" };
		job_answer(j, &v);
		j = b->jobs; /* the callback may have cancelled others */
	}
	if (!b->jobs)
		uv_timer_stop(t);
}

/* ---- submitting ---- */

static bool is_sealed(int fd)
{
	const int need = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & need) == need;
}

/* What can be refused before a byte is read. */
static bool refuse(struct broker *b, const char *org, int fd, uint64_t *ret_size, uint64_t *ret_limit, struct verdict *ret)
{
	struct stat st;
	*ret_limit = b->limit(org, b->limit_user);
	if (b->n_jobs >= b->o.max_jobs)
		fail(ret, VERDICT_ERROR, "busy");
	else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		fail(ret, VERDICT_ERROR, "not a file");
	else if ((uint64_t)st.st_size > *ret_limit)
		fail(ret, VERDICT_UNSCANNABLE, "size");
	else {
		*ret_size = (uint64_t)st.st_size;
		return false;
	}
	return true;
}

static struct broker_job *job_new(struct broker *b, const struct verdict_request *rq, int fd)
{
	struct broker_job *j = mem_alloc(sizeof *j);
	if (!j)
		return NULL;
	uint32_t timeout = rq->timeout_ms ? rq->timeout_ms : 30000;
	j->b = b;
	j->id = rq->id;
	j->fd = fd;
	j->work.data = j;
	memcpy(j->org, rq->org, sizeof j->org);
	memcpy(j->name, rq->name, sizeof j->name);
	memcpy(j->password, rq->password, sizeof j->password);
	j->deadline_ms = clock_mono_ms() + (timeout < 600000 ? timeout : 600000);
	j->next = b->jobs;
	if (b->jobs)
		b->jobs->prev = j;
	b->jobs = j;
	stats_set(b->queue, ++b->n_jobs);
	if (!uv_is_active((uv_handle_t *)&b->tick))
		uv_timer_start(&b->tick, on_tick, TICK_MS, TICK_MS);
	return j;
}

struct broker_job *broker_submit(struct broker *b, const struct verdict_request *rq, int fd, broker_done done, void *user,
                                 struct verdict *ret)
{
	uint64_t size = 0, limit;
	*ret = (struct verdict){ 0 };
	stats_add(b->scans, 1);
	struct broker_job *j = refuse(b, rq->org, fd, &size, &limit, ret) ? NULL : job_new(b, rq, fd);
	if (!j) {
		if (ret->kind == VERDICT_UNKNOWN)
			fail(ret, VERDICT_ERROR, "no memory");
		count(b, ret, rq->org);
		close(fd);
		return NULL;
	}
	j->done = done;
	j->user = user;
	j->size = size;
	j->limit = limit;
	j->sealed = is_sealed(fd);
	j->hashing = true;
	if (size > INLINE_HASH && uv_queue_work(b->o.loop, &j->work, hash_work, hash_done) == 0)
		return j;
	hash_now(j);
	j->hashing = false;
	if (!job_settle(j, ret))
		return j;
	count(b, ret, j->org);
	job_free(j);
	return NULL;
}

void broker_cancel(struct broker_job *j)
{
	job_drop(j);
}

void broker_lookup(struct broker *b, const uint8_t sha256[VERDICT_SHA], struct verdict *ret)
{
	if (verdict_cache_get(b->o.cache, sha256, clock_mono_ms(), ret)) {
		stats_add(b->hits, 1);
		return;
	}
	*ret = (struct verdict){ .kind = VERDICT_UNKNOWN };
	memcpy(ret->sha256, sha256, VERDICT_SHA);
}

/* ---- all of it ---- */

int broker_open(const struct broker_opts *o, broker_limit limit, void *user, struct broker **ret, struct err *err)
{
	struct broker *b = mem_alloc(sizeof *b);
	if (!b)
		return err_set(err, E_NOMEM, "", "no memory");
	b->o = *o;
	b->limit = limit;
	b->limit_user = user;
	map_init(&b->flights, o->max_jobs);
	uv_timer_init(o->loop, &b->tick);
	b->tick.data = b;
	b->scans = stats_counter(o->stats, "", "scans");
	b->hits = stats_counter(o->stats, "", "cache_hits");
	b->members = stats_counter(o->stats, "", "members");
	b->encrypted = stats_counter(o->stats, "", "encrypted");
	b->joined = stats_counter(o->stats, "", "scans_joined");
	b->queue = stats_counter(o->stats, "", "queue");
	b->clamd_errors = stats_counter(o->stats, "", "clamd_errors");
	b->malicious = stats_counter(o->stats, "", "malicious");
	b->unscannable = stats_counter(o->stats, "", "unscannable");
	b->errors = stats_counter(o->stats, "", "errors");
	*ret = b;
	return 0;
}

static void tick_closed(uv_handle_t *h)
{
	mem_free(h->data);
}

void broker_close(struct broker **at)
{
	struct broker *b = *at;
	if (!b)
		return;
	while (b->jobs) {
		leave_flight(b->jobs);
		job_free(b->jobs);
	}
	while (b->all)
		flight_free(b->all);
	map_done(&b->flights);
	uv_close((uv_handle_t *)&b->tick, tick_closed);
	*at = NULL;
}
