/* toride-lookd: looks at the public sites' pages as a visitor does, and tells the body when one isn't the page it was (look/judge.h). It has
 * no network and parses nothing: its lookers do (look/looker.h), one visit a process.
 *
 * STATE/look/HEX.known is what a page is known by; HEX.before.html and HEX.after.html are its bytes when it was last right and when it
 * was told of, for people. Told: an event (6002 Alarm) of the body, with what it said before and what it says now. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "look/conf.h"
#include "look/looker.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/events.h"
#include "wire/place.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#define CONFIG_MAX (32 * MIB)
#define LOOKERS 2
#define SECOND_MS 1000
#define ODD_AGAIN_MS 5000 /* what looks odd is looked at again soon */
#define KNOWN_MAGIC 0x746c6b31u /* "tlk1" */

struct page {
	const struct look_target *target;
	char key[33];
	struct look_known known;
	struct look_seen seen; /* at the last look that had an answer */
	bool have_seen, busy;
	unsigned char kept[SHA256_LEN]; /* of what stands in HEX.before.html, as far as we wrote it */
	int64_t due_ms;        /* monotonic */
	char why[200];         /* the last look had none: in English */
};

struct lookd;
struct eye { /* a looker and what it looks at */
	struct lookd *d;
	struct looker *looker;
	uv_poll_t poll;
	char key[33]; /* the page's; the configuration may change meanwhile. "": idle */
};

struct lookd {
	struct daemon d;
	struct events *events;
	uv_loop_t loop;
	uv_timer_t second, tick;
	uv_signal_t hup, term;
	struct ctl_server *ctl;
	struct look_conf conf;
	struct page **pages;
	struct eye eyes[LOOKERS];
};

/* ---- what is kept ---- */

struct kept {
	uint32_t magic, size;
	struct look_known known;
};

static const char *path_of(const struct page *p, const char *end, char dst[PLACE_MAX])
{
	return place_in_state(dst, PLACE_MAX, "look/%s.%s", p->key, end);
}

static void key_of(const struct look_target *t, char dst[33])
{
	unsigned char sum[SHA256_LEN];
	struct buf b;
	buf_init(&b, 8 * KIB);
	buf_printf(&b, "%s %s %s", t->org, t->site, t->path);
	hash_sha256(b.ptr, b.len, sum);
	buf_done(&b);
	hex_format(sum, 16, dst);
}

/* What can't be read is learnt anew. */
static void load(struct page *p)
{
	char path[PLACE_MAX];
	struct kept k;
	struct buf b;
	buf_init(&b, sizeof k + 1);
	if (fs_exists(path_of(p, "known", path)) && fs_read(path, &b, NULL) == 0 && b.len == sizeof k) {
		memcpy(&k, b.ptr, sizeof k);
		if (k.magic == KNOWN_MAGIC && k.size == sizeof k && look_known_sound(&k.known))
			p->known = k.known;
	}
	buf_done(&b);
}

static void save(struct page *p)
{
	char path[PLACE_MAX];
	struct err err = { 0 };
	struct kept *k = mem_alloc(sizeof *k);
	if (!k)
		return;
	*k = (struct kept){ KNOWN_MAGIC, sizeof *k, p->known };
	if (fs_write(path_of(p, "known", path), (struct str){ (const char *)k, sizeof *k }, 0600, &err) < 0)
		log_err(LOG_LEVEL_WARN, p->target->org, p->target->site, &err);
	mem_free(k);
}

static bool keep_bytes(const struct page *p, const char *end, struct str bytes)
{
	char path[PLACE_MAX];
	struct err err = { 0 };
	if (!bytes.len)
		return false;
	if (fs_write(path_of(p, end, path), bytes, 0600, &err) == 0)
		return true;
	log_err(LOG_LEVEL_WARN, p->target->org, p->target->site, &err);
	return false;
}

/* Most looks find the very bytes of the one before. */
static void keep_right(struct page *p, const unsigned char sum[SHA256_LEN], struct str bytes)
{
	if (memcmp(p->kept, sum, SHA256_LEN) != 0 && keep_bytes(p, "before.html", bytes))
		memcpy(p->kept, sum, SHA256_LEN);
}

/* ---- telling ---- */

static void url_of(const struct look_target *t, char dst[1400])
{
	snprintf(dst, 1400, "http%s://%s%s", t->tls ? "s" : "", t->site, t->path);
}

static const char *said(const struct look_page *p)
{
	return *p->title ? p->title : *p->begin ? p->begin : "-";
}

/* The best of what is known: what people will recognise. */
static const struct look_page *before(const struct page *p)
{
	return &p->known.samples[(p->known.next + LOOK_SAMPLES - 1) % LOOK_SAMPLES];
}

static void words_of(const struct page *p, const struct look_seen *s, const struct look_verdict *v, const char *url, char *dst, size_t size)
{
	const char *was = said(before(p)), *now = said(&s->page);
	if (v->back)
		snprintf(dst, size, "the page %s is as it was again (ページ %s は元に戻りました)", url, url);
	else if (v->change == LOOK_REMOVED)
		snprintf(dst, size, "the page %s is gone (ページ %s がなくなっています。以前「%.160s」)", url, url, was);
	else if (v->change == LOOK_AWAY)
		snprintf(dst, size, "the page %s leads its visitors to %s (ページ %s が別のサイト %s へ誘導しています。以前「%.160s」)", url, v->host, url, v->host, was);
	else if (v->change == LOOK_STRANGER)
		snprintf(dst, size, "the page %s brings a script, frame or form of %s, which it never did (ページ %s に、これまでなかった %s のスクリプトなどが入っています)", url, v->host, url,
		         v->host);
	else
		snprintf(dst, size, "the page %s isn't the one it was: %u %% is alike; before: %.160s; now: %.160s (ページ %s が書き換えられています。以前との一致 %u%%。以前「%.160s」現在「%.160s」)",
		         url, v->like, was, now, url, v->like, was, now);
}

static void tell(struct lookd *d, struct page *p, const struct look_seen *s, const struct look_verdict *v)
{
	char url[1400], message[4000];
	struct buf b;
	url_of(p->target, url);
	words_of(p, s, v, url, message, sizeof message);
	buf_init(&b, 16 * KIB);
	event_app_begin(&b, "lookd", p->target->site, v->back ? "Start" : "Alarm");
	json_field_s(&b, "status_detail", look_change_name(v->back ? LOOK_SAME : v->change));
	json_field_s(&b, "action", "Allowed"); /* a visitor gets it */
	buf_puts(&b, ",\"http_request\":{\"url\":{");
	json_field_s(&b, "url_string", url);
	json_field_s(&b, "hostname", p->target->site);
	buf_puts(&b, "}}");
	json_field_s(&b, "message", message);
	buf_putc(&b, '}');
	if (!b.failed)
		events_put(d->events, str_from(p->target->org), buf_view(&b));
	buf_done(&b);
	log_warn(p->target->org, p->target->site, "%s", message);
	stats_add(stats_counter(d->d.stats, p->target->org, v->back ? "pages_back" : "pages_changed"), 1);
}

/* ---- looking ---- */

static struct page *find(struct lookd *d, const char *key)
{
	for (size_t i = 0; i < d->conf.n; i++)
		if (strcmp(d->pages[i]->key, key) == 0)
			return d->pages[i];
	return NULL;
}

static void judge(struct lookd *d, struct page *p, const struct look_seen *s, struct str bytes)
{
	struct look_verdict v;
	uint32_t odd = p->known.odd;
	look_judge(&p->known, s, &v);
	p->known.looked_ms = clock_now_ms();
	p->seen = *s;
	p->have_seen = true;
	if (v.tell) {
		p->known.told_ms = p->known.looked_ms;
		keep_bytes(p, "after.html", bytes);
		tell(d, p, s, &v);
	} else if (v.back) {
		tell(d, p, s, &v);
	}
	if (v.change == LOOK_SAME && !p->known.odd && s->status == 200)
		keep_right(p, s->page.sum, bytes);
	if (p->known.odd && p->known.odd != odd && p->known.odd < LOOK_SURE)
		p->due_ms = clock_mono_ms() + ODD_AGAIN_MS;
	save(p);
}

static void took(struct eye *e, const struct look_answer *a)
{
	struct page *p = find(e->d, e->key);
	e->key[0] = 0;
	stats_add(stats_counter(e->d->d.stats, "", "looks"), 1);
	if (!p)
		return;
	p->busy = false;
	p->due_ms = clock_mono_ms() + (int64_t)p->target->every_s * 1000;
	snprintf(p->why, sizeof p->why, "%s", a->why);
	if (*a->why || look_says_nothing(&a->seen))
		stats_add(stats_counter(e->d->d.stats, p->target->org, "pages_unseen"), 1);
	if (!*a->why)
		judge(e->d, p, &a->seen, looker_body(e->looker));
}

static void on_answer(uv_poll_t *u, int status, int events)
{
	struct eye *e = u->data;
	static struct look_answer a;
	struct err err = { 0 };
	(void)events;
	int r = status < 0 ? err_set(&err, E_CLOSED, "", "the looker's socket") : looker_take(e->looker, &a, &err);
	if (r < 0) { /* nothing can be seen without it: begin anew */
		log_err(LOG_LEVEL_ERROR, "", "lookd", &err);
		_exit(1);
	}
	if (r == 1 && *e->key)
		took(e, &a);
}

static void look_at(struct lookd *d, struct eye *e, struct page *p)
{
	static struct look_visit v;
	struct err err = { 0 };
	memset(&v, 0, sizeof v);
	snprintf(v.address, sizeof v.address, "%s", d->conf.web);
	snprintf(v.site, sizeof v.site, "%s", p->target->site);
	snprintf(v.path, sizeof v.path, "%s", p->target->path);
	snprintf(v.names, sizeof v.names, "%s", p->target->names);
	v.tls = p->target->tls;
	if (looker_ask(e->looker, &v, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "lookd", &err);
		_exit(1);
	}
	memcpy(e->key, p->key, sizeof e->key);
	p->busy = true;
}

/* The one that is due longest. */
static struct page *next_page(struct lookd *d)
{
	struct page *best = NULL;
	int64_t now = clock_mono_ms();
	for (size_t i = 0; i < d->conf.n; i++) {
		struct page *p = d->pages[i];
		if (!p->busy && p->due_ms <= now && (!best || p->due_ms < best->due_ms))
			best = p;
	}
	return best;
}

static void on_second(uv_timer_t *t)
{
	struct lookd *d = t->data;
	struct page *p;
	for (size_t i = 0; i < LOOKERS && !daemon_stands_by(); i++) /* else the sites are served by the other node */
		if (!*d->eyes[i].key && (p = next_page(d)))
			look_at(d, &d->eyes[i], p);
}

static void on_tick(uv_timer_t *t)
{
	events_work(((struct lookd *)t->data)->events);
}

/* ---- asked, by a body or for all of a prefecture ("41") ---- */

static const char *state_of(const struct page *p)
{
	return *p->why || (p->have_seen && look_says_nothing(&p->seen)) ? "unseen" :
	       p->known.told != LOOK_SAME                                ? "changed" :
	       p->known.looks < LOOK_LEARN                               ? "learning" :
	                                                                   "same";
}

static void put_page(const struct page *p, struct buf *b)
{
	char url[1400], path[PLACE_MAX], when[CLOCK_TEXT];
	unsigned approved = 0;
	for (int i = 0; i < LOOK_SAMPLES; i++)
		approved += p->known.approved[i];
	url_of(p->target, url);
	json_field_s(b, "org", p->target->org);
	json_field_s(b, "site", p->target->site);
	json_field_s(b, "path", p->target->path);
	json_field_s(b, "url", url);
	json_field_s(b, "state", state_of(p));
	if (p->known.told != LOOK_SAME)
		json_field_s(b, "change", look_change_name(p->known.told));
	json_field_u64(b, "like", p->known.like);
	json_field_u64(b, "approved", approved);
	if (p->known.looked_ms) {
		clock_format_jst(p->known.looked_ms, when);
		json_field_s(b, "looked", when);
	}
	if (*p->why)
		json_field_s(b, "why", p->why);
	if (p->have_seen && p->seen.status == 200)
		json_field_s(b, "says", said(&p->seen.page));
	if (p->known.told != LOOK_SAME) {
		json_field_s(b, "before", path_of(p, "before.html", path));
		json_field_s(b, "after", path_of(p, "after.html", path));
	}
}

static int approve(struct lookd *d, const struct ctl_request *rq, struct buf *b, struct err *err)
{
	struct str site = ctl_str(rq->root, "site"), path = ctl_str(rq->root, "path"), org = ctl_str(rq->root, "org");
	unsigned n = 0, unseen = 0;
	for (size_t i = 0; i < d->conf.n; i++) {
		struct page *p = d->pages[i];
		if (!str_eq(site, str_from(p->target->site)) || (path.len && !str_eq(path, str_from(p->target->path))))
			continue;
		if (!str_starts(str_from(p->target->org), org))
			return err_set(err, E_DENIED, "site", "it is another organisation's");
		if (!p->have_seen || (p->seen.status != 200 && !*p->seen.away)) {
			unseen++;
			continue;
		}
		look_approve(&p->known, &p->seen, ctl_bool(rq->root, "alone", false));
		save(p);
		n++;
	}
	if (!n)
		return unseen ? err_set(err, E_STATE, "site", "the page wasn't seen yet, or isn't there") : err_set(err, E_NOT_FOUND, "site", "no page of this site is looked at");
	json_field_u64(b, "pages", n);
	return 0;
}

static void list(struct lookd *d, struct str org, struct buf *b)
{
	bool first = true;
	json_key(b, "pages");
	buf_putc(b, '[');
	for (size_t i = 0; i < d->conf.n; i++) {
		if (!str_starts(str_from(d->pages[i]->target->org), org))
			continue;
		buf_puts(b, first ? "{" : ",{");
		put_page(d->pages[i], b);
		buf_putc(b, '}');
		first = false;
	}
	buf_putc(b, ']');
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	struct lookd *d = user;
	if (!jail_peer_allowed(SOCK_LOOK, rq->uid))
		return err_set(err, E_DENIED, "", "this socket isn't for you");
	if (strcmp(what, "site.approve") == 0)
		return approve(d, rq, b, err);
	if (strcmp(what, "site.pages") != 0)
		return err_set(err, E_INVALID, "do", "no such request");
	list(d, ctl_str(rq->root, "org"), b);
	return 0;
}

/* ---- configuration ---- */

static struct page *page_of(const struct look_target *t, struct page *const *old, size_t n)
{
	struct page *p = mem_alloc(sizeof *p);
	char key[33];
	if (!p)
		return NULL;
	key_of(t, key);
	memcpy(p->key, key, sizeof key);
	p->target = t;
	for (size_t i = 0; i < n; i++)
		if (strcmp(old[i]->key, key) == 0) {
			*p = *old[i];
			p->target = t;
			return p;
		}
	load(p);
	return p;
}

static void forget(struct page ***pages, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mem_free((*pages)[i]);
	mem_free(*pages);
	*pages = NULL;
}

static int take_pages(struct lookd *d, struct look_conf *c, struct err *err)
{
	struct page **pages = mem_array(c->n + 1, sizeof *pages);
	for (size_t i = 0; pages && i < c->n; i++) {
		pages[i] = page_of(&c->pages[i], d->pages, d->conf.n);
		if (!pages[i]) {
			forget(&pages, i);
			break;
		}
	}
	if (!pages)
		return err_set(err, E_NOMEM, "lookd.json", "no memory");
	forget(&d->pages, d->conf.n);
	look_conf_done(&d->conf);
	d->pages = pages;
	d->conf = *c;
	return 0;
}

static int read_config(struct lookd *d, struct err *err)
{
	struct look_conf c;
	struct buf text;
	buf_init(&text, CONFIG_MAX);
	int r = daemon_config(&d->d, &text, err);
	if (r == 0) {
		r = look_conf_parse(buf_view(&text), &c, err);
		r = r < 0 ? r : take_pages(d, &c, err);
		if (r < 0)
			look_conf_done(&c);
	}
	buf_done(&text);
	return r;
}

static void on_hup(uv_signal_t *s, int signum)
{
	struct lookd *d = s->data;
	struct err err = { 0 };
	(void)signum;
	if (read_config(d, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "lookd.json", &err);
	else
		daemon_ready(&d->d);
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)s, (void)signum;
	_exit(0); /* each look is saved when it was judged */
}

static int start(struct lookd *d, struct err *err)
{
	char path[PLACE_MAX];
	int r = daemon_begin("lookd", &d->d, err);
	for (size_t i = 0; r == 0 && i < LOOKERS; i++)
		r = looker_open(&d->eyes[i].looker, err);
	if (r == 0 && uv_loop_init(&d->loop) < 0)
		r = err_set(err, E_NOMEM, "", "cannot begin");
	r = r < 0 ? r : events_open("lookd", 256 * KIB, &d->events, err);
	r = r < 0 ? r : read_config(d, err);
	r = r < 0 ? r : ctl_listen(&d->loop, place_in_run(path, sizeof path, SOCK_LOOK), 0660, handle, d, &d->ctl, err);
	if (r < 0)
		return r;
	uv_timer_init(&d->loop, &d->second);
	uv_timer_init(&d->loop, &d->tick);
	uv_signal_init(&d->loop, &d->hup);
	uv_signal_init(&d->loop, &d->term);
	d->second.data = d->tick.data = d->hup.data = d->term.data = d;
	for (size_t i = 0; i < LOOKERS; i++) {
		struct eye *e = &d->eyes[i];
		e->d = d;
		e->poll.data = e;
		uv_poll_init(&d->loop, &e->poll, looker_fd(e->looker));
		uv_poll_start(&e->poll, UV_READABLE | UV_DISCONNECT, on_answer);
	}
	uv_signal_start(&d->hup, on_hup, SIGHUP);
	uv_signal_start(&d->term, on_term, SIGTERM);
	uv_timer_start(&d->second, on_second, 0, SECOND_MS);
	uv_timer_start(&d->tick, on_tick, 0, 100);
	return daemon_confine(&d->d, err);
}

int main(void)
{
	static struct lookd d;
	struct err err = { 0 };
	jail_install();
	if (start(&d, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "lookd", &err);
		return 1;
	}
	daemon_ready(&d.d);
	uv_run(&d.loop, UV_RUN_DEFAULT);
	return 0;
}
