/* See source.h. Between the sockets and intaked. */
#include "recv/source.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define SERVICE "" /* wire/events.h */

/* ---- who there is ---- */

void origin_init(struct origin *o, const struct conf_org *c, struct stats *stats)
{
	*o = (struct origin){ .stats = stats, .conf = *c };
	o->conf.sources = NULL;
	o->conf.n = 0;
	snprintf(o->code, sizeof o->code, "%s", c->code);
	o->unregistered = stats_counter(stats, o->code, "log_unregistered");
	o->forged = stats_counter(stats, o->code, "log_forged");
	o->unknown_host = stats_counter(stats, o->code, "log_unknown_host");
	o->hostile = stats_counter(stats, o->code, "log_hostile");
	o->dropped = stats_counter(stats, o->code, "log_udp_dropped");
	o->refused = stats_counter(stats, o->code, "log_not_kept");
}

static _Atomic uint64_t *counter(const struct origin *o, const struct source *s, const char *what)
{
	char name[64];
	snprintf(name, sizeof name, "src.%s.%s", s->c.name, what);
	return stats_counter(o->stats, o->code, name);
}

static void source_init(const struct origin *o, struct source *s, const struct conf_source *c, int64_t mono_ms)
{
	*s = (struct source){ .c = *c, .heard_ms = mono_ms };
	s->lines = counter(o, s, "lines");
	s->unparsed = counter(o, s, "unparsed");
	s->bytes = counter(o, s, "bytes");
	s->heard = counter(o, s, "heard_ms");
	s->is_silent = counter(o, s, "silent");
	s->skew = counter(o, s, "skew_ms");
	s->skew_known = counter(o, s, "skew_known");
	s->on = counter(o, s, "on");
	stats_set(s->on, 1);
	stats_set(s->is_silent, 0);
}

/* The same device as before. */
static struct source *find_named(const struct origin *o, const struct conf_source *c)
{
	for (size_t i = 0; i < o->n; i++)
		if (conf_addr_compare(&o->sources[i].c.addr, &c->addr) == 0 && strcmp(o->sources[i].c.name, c->name) == 0)
			return &o->sources[i];
	return NULL;
}

int origin_sources(struct origin *o, const struct conf_org *c, int64_t mono_ms)
{
	struct source *list = mem_array(c->n + 1, sizeof *list);
	if (!list)
		return -E_NOMEM;
	for (size_t i = 0; i < o->n; i++)
		stats_set(o->sources[i].on, 0);
	for (size_t i = 0; i < c->n; i++) {
		struct source *old = find_named(o, &c->sources[i]);
		if (old) {
			list[i] = *old;
			old->queue = NULL; /* has moved */
			list[i].c = c->sources[i];
			stats_set(list[i].on, 1);
		} else {
			source_init(o, &list[i], &c->sources[i], mono_ms);
		}
	}
	for (size_t i = 0; i < o->n; i++)
		mem_free(o->sources[i].queue);
	mem_free(o->sources);
	o->sources = list;
	o->n = c->n;
	return 0;
}

void origin_done(struct origin *o)
{
	for (size_t i = 0; i < o->n; i++) {
		stats_set(o->sources[i].on, 0);
		mem_free(o->sources[i].queue);
	}
	mem_free(o->sources);
	o->sources = NULL;
	o->n = 0;
}

static int by_address(const void *key, const void *s)
{
	return conf_addr_compare(key, &((const struct source *)s)->c.addr);
}

struct source *origin_find(const struct origin *o, const struct conf_addr *a)
{
	struct source *s = o->n ? bsearch(a, o->sources, o->n, sizeof *o->sources, by_address) : NULL;
	while (s && s > o->sources && conf_addr_compare(&s[-1].c.addr, a) == 0)
		s--;
	return s && !s->c.hostname[0] ? s : NULL;
}

/* A registered relay's line is of the device it names; what it names and isn't registered behind it stays the relay's own, and is
 * counted. Nobody else's word counts: from any other address HOSTNAME is only what the line says. */
static struct source *behind(const struct origin *o, struct source *relay, const struct arrival *a, int64_t now_ms)
{
	const struct source *end = o->sources + o->n;
	struct syslog head;
	if (relay + 1 == end || conf_addr_compare(&relay[1].c.addr, &relay->c.addr) != 0 || a->broken)
		return relay;
	syslog_parse(a->line, relay->c.zone_s, now_ms, &head);
	for (struct source *s = relay + 1; head.host.len && s < end && conf_addr_compare(&s->c.addr, &relay->c.addr) == 0; s++)
		if (str_case_eq(head.host, str_from(s->c.hostname)))
			return s;
	stats_add(o->unknown_host, head.host.len > 0);
	return relay;
}

/* ---- telling ---- */

static void alarm_event(struct origin *o, const char *object, struct events *events, const char *message)
{
	struct buf b;
	log_warn(o->code, object, "%s", message);
	buf_init(&b, 4 * KIB);
	event_app(&b, "recvd", object, "Alarm", message);
	if (b.failed || events_put(events, str_from(o->code), buf_view(&b)) < 0)
		stats_add(o->refused, 1);
	buf_done(&b);
}

static void heard_again(struct origin *o, struct source *s, struct events *events, int64_t mono_ms)
{
	char message[240];
	snprintf(message, sizeof message, "logs of %s (%s) come again after %lld s of silence (%s のログが %lld 秒ぶりに届きました)", s->c.name, s->c.ip,
	         (long long)((mono_ms - s->heard_ms) / 1000), s->c.name, (long long)((mono_ms - s->heard_ms) / 1000));
	s->silent = false;
	stats_set(s->is_silent, 0);
	alarm_event(o, s->c.name, events, message);
}

static void fell_silent(struct origin *o, struct source *s, struct events *events)
{
	char message[240];
	snprintf(message, sizeof message, "no log of %s (%s) for %u s: the device, its settings or the line to it (%s のログが %u 秒届いていません)", s->c.name,
	         s->c.ip, s->c.silent_s, s->c.name, s->c.silent_s);
	s->silent = true;
	stats_set(s->is_silent, 1);
	alarm_event(o, s->c.name, events, message);
}

static void skew_judged(struct origin *o, struct source *s, struct events *events)
{
	char message[240];
	int64_t ms = s->window_skew_ms, away = ms < 0 ? -ms : ms;
	bool off = s->skew_off ? away > SKEW_ALARM_MS / 2 : away > SKEW_ALARM_MS;
	stats_set(s->skew, (uint64_t)ms);
	stats_set(s->skew_known, 1);
	s->window_ms = 0;
	if (off == s->skew_off)
		return;
	s->skew_off = off;
	snprintf(message, sizeof message,
	         off ? "the clock of %s is off by %+lld s; its records are read with care (%s の時計が %+lld 秒ずれています)"
	             : "the clock of %s is right again: %+lld s (%s の時計が正常に戻りました: %+lld 秒)",
	         s->c.name, (long long)(ms / 1000), s->c.name, (long long)(ms / 1000));
	alarm_event(o, s->c.name, events, message);
}

static void measure_skew(struct source *s, int64_t skew_ms, int64_t mono_ms)
{
	if (!s->window_ms) {
		s->window_ms = mono_ms;
		s->window_skew_ms = skew_ms;
	} else if (skew_ms > s->window_skew_ms) {
		s->window_skew_ms = skew_ms;
	}
}

void origin_tick(struct origin *o, int64_t mono_ms, struct events *events)
{
	for (size_t i = 0; i < o->n; i++) {
		struct source *s = &o->sources[i];
		if (!s->silent && s->c.silent_s && mono_ms - s->heard_ms >= (int64_t)s->c.silent_s * 1000)
			fell_silent(o, s, events);
		/* the first is judged soon, so that a new device's clock is seen while somebody still looks */
		int64_t window = atomic_load(s->skew_known) ? SKEW_WINDOW_MS : 2000;
		if (s->window_ms && mono_ms - s->window_ms >= window)
			skew_judged(o, s, events);
	}
}

/* ---- a line ---- */

/* An unregistered sender may fill the service's own log at this rate only. */
static bool stray_allowed(struct origin *o, int64_t mono_ms)
{
	int64_t second = mono_ms / 1000;
	if (second != o->stray_second) {
		o->stray_second = second;
		o->strays = 0;
	}
	return o->strays++ < STRAY_PER_SECOND;
}

/* Of nobody's device we know, or not by the way its owner said: raw, and the service's. */
static int take_stray(struct origin *o, const struct arrival *a, bool registered, struct events *events)
{
	char why[160];
	struct device_result result;
	struct device_source from = { .name = NULL, .ip = a->peer_ip };
	struct buf b;
	stats_add(registered ? o->forged : o->unregistered, 1);
	if (!stray_allowed(o, a->mono_ms)) {
		stats_add(o->refused, 1);
		return 0;
	}
	snprintf(why, sizeof why, registered ? "in the name of a device of %s, but not by TLS with its certificate" : "of no device registered for %s", o->code);
	buf_init(&b, EVENTS_MAX - 64);
	device_event(a->line, &from, a->now_ms, why, a->cut, &b, &result);
	int r = b.failed ? -E_LIMIT : events_put(events, STR(SERVICE), buf_view(&b));
	buf_done(&b);
	if (r < 0)
		stats_add(o->refused, 1);
	return 0;
}

static bool proven(const struct source *s, const struct arrival *a)
{
	return !s->c.has_certificate || (a->certificate && memcmp(a->certificate, s->c.certificate, sizeof s->c.certificate) == 0);
}

int origin_take(struct origin *o, struct source *s, const struct arrival *a, struct events *events)
{
	static struct buf b; /* one thread; kept from line to line */
	struct device_result result;
	if (!s || !proven(s, a))
		return take_stray(o, a, s != NULL, events);
	int64_t now = a->now_ms, mono = a->mono_ms;
	s = behind(o, s, a, now);
	struct device_source from = { s->c.name, s->c.ip, s->c.format, s->c.zone_s, &s->queue };
	if (!b.max)
		buf_init(&b, EVENTS_MAX - 64);
	buf_reset(&b);
	device_event(a->line, &from, now, a->broken ? "its framing was broken" : NULL, a->cut, &b, &result);
	if (b.failed || events_put(events, str_from(o->code), buf_view(&b)) < 0)
		return -E_LIMIT;
	stats_add(s->lines, 1);
	stats_add(s->bytes, a->line.len);
	stats_add(s->unparsed, !result.parsed);
	stats_add(o->hostile, result.breaks || a->cut || a->broken);
	stats_set(s->heard, (uint64_t)now);
	if (s->silent)
		heard_again(o, s, events, mono);
	s->heard_ms = mono;
	if (result.has_time && result.parsed)
		measure_skew(s, result.time_ms - now, mono);
	return 0;
}
