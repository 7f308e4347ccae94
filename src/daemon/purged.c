/* toride-purged: takes pages out of the public sites' cache, by order of controld, and by itself those of disaster sites that are too old
 * to be shown. They are files of the sites' server,
 * so it may pass over who owns them, but sees nothing but the cache (jail/table.c), and no network. Which site has which store is said by the generation in
 * force (edge/stores: "NAME ORG STORE STALE_S" a line, aliases too), read anew for each order. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/kept.h"
#include "jail/jail.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/place.h"

#include <signal.h>
#include <stdio.h>
#include <uv.h>

/* What was being fetched while the order came is written after it: it is looked for once more. */
#define AGAIN_MS 2000
#define VALUE_MAX 4096
#define SWEEP_MS 5000 /* how late a page may be gone that isn't to be shown any more */

struct again {
	struct purged *of;
	uv_timer_t timer;
	char store[PLACE_MAX], value[VALUE_MAX];
	enum purge_kind kind;
};

struct purged {
	struct daemon d;
	uv_loop_t loop;
	uv_signal_t hup, term;
	uv_timer_t sweep;
	struct ctl_server *ctl;
};

/* STATE/edge/cache/STORE; the third word of the site's line. org: who asks, a body or all of a prefecture ("41"). */
static int store_of(struct str site, struct str org, char dst[PLACE_MAX], struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	struct str rest, line, name, whose, store;
	buf_init(&b, 16 * MIB);
	int r = fs_read(place_in_state(path, sizeof path, "current/edge/stores"), &b, err);
	rest = buf_view(&b);
	int found = -E_NOT_FOUND;
	while (r == 0 && found < 0 && str_next(&rest, '\n', &line)) {
		str_next(&line, ' ', &name);
		str_next(&line, ' ', &whose);
		str_next(&line, ' ', &store);
		if (!str_eq(name, site))
			continue;
		found = !str_starts(whose, org) ? -E_DENIED : 0;
		place_in_state(dst, PLACE_MAX, "edge/cache/" STR_FMT, STR_ARG(store));
		if (found < 0)
			break;
	}
	buf_done(&b);
	return r < 0                 ? r :
	       found == -E_DENIED    ? err_set(err, E_DENIED, "site", "it is another organisation's") :
	       found == -E_NOT_FOUND ? err_set(err, E_NOT_FOUND, "site", "no public site of this name has a cache") :
	                               0;
}

static int what_of(yyjson_val *root, enum purge_kind *ret_kind, struct str *ret_value, struct err *err)
{
	struct str url = ctl_str(root, "url"), key = ctl_str(root, "key");
	bool all = ctl_bool(root, "all", false);
	if (!!url.ptr + !!key.ptr + all != 1)
		return err_set(err, E_INVALID, "", "one of url, key and all is needed");
	*ret_kind = all ? PURGE_ALL : url.ptr ? PURGE_URL : PURGE_KEY;
	*ret_value = all ? STR("") : url.ptr ? url : key;
	if (!all && (ret_value->len == 0 || ret_value->len >= VALUE_MAX || (key.ptr && memchr(key.ptr, ' ', key.len))))
		return err_set(err, E_INVALID, url.ptr ? "url" : "key", "empty, too long, or with a blank in it");
	return 0;
}

static void closed(uv_handle_t *h)
{
	mem_free(h->data);
}

static void once_more(uv_timer_t *t)
{
	struct again *a = t->data;
	unsigned n = 0;
	kept_purge(a->store, a->kind, str_from(a->value), &n, NULL);
	stats_add(stats_counter(a->of->d.stats, "", "purged_again"), 1);
	uv_close((uv_handle_t *)t, closed);
}

static void plan_again(struct purged *p, const char *store, enum purge_kind kind, struct str value)
{
	struct again *a = mem_alloc(sizeof *a);
	if (!a)
		return;
	snprintf(a->store, sizeof a->store, "%s", store);
	str_copy(value, a->value, sizeof a->value);
	a->kind = kind;
	a->of = p;
	a->timer.data = a;
	uv_timer_init(&p->loop, &a->timer);
	uv_timer_start(&a->timer, once_more, AGAIN_MS, 0);
}

static int handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	struct purged *p = user;
	char store[PLACE_MAX];
	enum purge_kind kind = PURGE_ALL;
	struct str value = STR(""), org = ctl_str(rq->root, "org");
	int64_t began = clock_mono_ms();
	unsigned n = 0;
	if (!jail_peer_allowed(SOCK_PURGE, rq->uid))
		return err_set(err, E_DENIED, "", "this socket isn't for you");
	if (strcmp(what, "site.purge") != 0)
		return err_set(err, E_INVALID, "do", "no such request");
	int r = what_of(rq->root, &kind, &value, err);
	r = r < 0 ? r : store_of(ctl_str(rq->root, "site"), org, store, err);
	r = r < 0 ? r : kept_purge(store, kind, value, &n, err);
	if (r < 0)
		return r;
	plan_again(p, store, kind, value);
	stats_add(stats_counter(p->d.stats, "", "purges"), 1);
	stats_add(stats_counter(p->d.stats, "", "purged_pages"), n);
	json_field_u64(b, "pages", n);
	json_field_u64(b, "took_ms", (uint64_t)(clock_mono_ms() - began));
	return 0;
}

/* ---- what is too old to be shown ---- */

static void sweep_store(struct purged *p, struct str store, uint64_t stale_s)
{
	char path[PLACE_MAX];
	unsigned n = 0;
	struct err err = { 0 };
	place_in_state(path, sizeof path, "edge/cache/" STR_FMT, STR_ARG(store));
	if (kept_expire(path, clock_now_ms() / 1000 - (int64_t)stale_s, &n, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", "expire", &err);
	stats_add(stats_counter(p->d.stats, "", "expired_pages"), n);
}

static void sweep(uv_timer_t *t)
{
	char path[PLACE_MAX];
	struct buf b;
	struct str rest, line, word, store, last = STR("");
	uint64_t stale_s;
	buf_init(&b, 16 * MIB);
	if (fs_read(place_in_state(path, sizeof path, "current/edge/stores"), &b, NULL) == 0)
		for (rest = buf_view(&b); str_next(&rest, '\n', &line);) {
			if (!str_next(&line, ' ', &word) || !str_next(&line, ' ', &word) || !str_next(&line, ' ', &store) || str_eq(store, last))
				continue; /* other names of a site stand behind its own */
			last = store;
			if (str_to_u64(line, 86400, &stale_s) && stale_s)
				sweep_store(t->data, store, stale_s);
		}
	buf_done(&b);
}

static void on_hup(uv_signal_t *s, int signum)
{
	(void)signum;
	daemon_ready(&((struct purged *)s->data)->d); /* nothing of a generation is kept */
}

static void on_term(uv_signal_t *s, int signum)
{
	(void)signum;
	uv_stop(s->loop);
}

static int start(struct purged *p, struct err *err)
{
	char path[PLACE_MAX];
	int r = daemon_begin("purged", &p->d, err);
	if (r == 0 && uv_loop_init(&p->loop) < 0)
		r = err_set(err, E_NOMEM, "", "cannot make an event loop");
	r = r < 0 ? r : ctl_listen(&p->loop, place_in_run(path, sizeof path, SOCK_PURGE), 0660, handle, p, &p->ctl, err);
	if (r < 0)
		return r;
	uv_signal_init(&p->loop, &p->hup);
	uv_signal_init(&p->loop, &p->term);
	uv_timer_init(&p->loop, &p->sweep);
	p->hup.data = p->term.data = p->sweep.data = p;
	uv_timer_start(&p->sweep, sweep, SWEEP_MS, SWEEP_MS);
	uv_signal_start(&p->hup, on_hup, SIGHUP);
	uv_signal_start(&p->term, on_term, SIGTERM);
	return daemon_confine(&p->d, err);
}

int main(void)
{
	static struct purged p;
	struct err err = { 0 };
	jail_install();
	if (start(&p, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "purged", &err);
		return 1;
	}
	snprintf(p.d.digest, sizeof p.d.digest, "purge");
	daemon_ready(&p.d);
	uv_run(&p.loop, UV_RUN_DEFAULT);
	return 0;
}
