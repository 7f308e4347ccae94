/* The sweep without the index: every sealed record is opened and looked at; see sweep.h. Slow, and right: the segments are the
 * truth. A series that can't be read on is passed over, and `more` says that something is missing. */
#include "index/sweep.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "segment/reader.h"

#include <stdio.h>
#include <stdlib.h>

#define AHEAD_MS (24 * 3600000LL)

struct sealed {
	const struct sweep *s;
	struct map hits; /* "ORG terminal" -> struct sweep_hit */
	char needle[16];
	const _Atomic bool *ended;
	char names[SWEEP_NAMES][256]; /* an ip was met as */
	size_t n_names;
	bool more;
};

static struct sweep_hit *hit_of(struct sealed *x, const char *org, struct str terminal)
{
	char key[160];
	snprintf(key, sizeof key, "%s %.*s", org, (int)(terminal.len < 127 ? terminal.len : 127), terminal.ptr ? terminal.ptr : "");
	struct sweep_hit *h = map_get(&x->hits, str_from(key));
	if (h)
		return h;
	h = mem_alloc(sizeof *h);
	if (!h || map_put(&x->hits, str_from(key), h) < 0) {
		mem_free(h);
		x->more = true;
		return NULL;
	}
	snprintf(h->org, sizeof h->org, "%s", org);
	str_copy((struct str){ terminal.ptr, terminal.len < 127 ? terminal.len : 127 }, h->terminal, sizeof h->terminal);
	return h;
}

static void note_name(struct sealed *x, struct str host)
{
	char name[256];
	if (host.len == 0 || x->n_names == SWEEP_NAMES || !str_copy(host, name, sizeof name))
		return;
	for (char *p = name; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
	for (size_t i = 0; i < x->n_names; i++)
		if (strcmp(x->names[i], name) == 0)
			return;
	memcpy(x->names[x->n_names++], name, sizeof name);
}

static void look_at(struct sealed *x, const struct reader_record *rec, void *room)
{
	struct event e;
	bool refused;
	struct str terminal;
	if (event_parse_in(rec->data, room, EVENT_ROOM, &e) < 0)
		return;
	if (sweep_matches(x->s, &e, &refused, &terminal)) {
		struct sweep_hit *h = hit_of(x, rec->name.org, terminal);
		int64_t t = (int64_t)yyjson_get_uint(event_get(&e, "time"));
		if (h && (!h->first || t < h->first)) {
			h->first = t;
			segment_name_format(&rec->name, h->record);
		}
		if (h) {
			h->last = t > h->last ? t : h->last;
			refused ? h->refused++ : h->passed++;
		}
		if (x->s->type == SWEEP_IP)
			note_name(x, sweep_host(&e));
	}
	event_done(&e);
}

static int read_all(struct sealed *x, struct reader *r, struct err *err)
{
	char *room = mem_alloc(EVENT_ROOM);
	int64_t end = clock_mono_ms() + SWEEP_SEALED_MS;
	struct reader_record rec;
	if (!room)
		return err_set(err, E_NOMEM, "", "no memory");
	bool ended = false;
	for (unsigned n = 0; !ended; n++) {
		int res = reader_next(r, &rec, err);
		if (res == -E_AGAIN)
			break;
		if (res < 0)
			x->more = true; /* this series has a fault; the others go on */
		else if (!x->needle[0] || memmem(rec.data.ptr, rec.data.len, x->needle, strlen(x->needle)))
			look_at(x, &rec, room);
		ended = x->ended && *x->ended;
		if (n % 1024 == 0 && clock_mono_ms() > end) {
			x->more = true;
			break;
		}
	}
	mem_free(room);
	*err = (struct err){ 0 };
	return ended ? err_set(err, E_CLOSED, "", "it was ended") : 0;
}

static int by_count(const void *a, const void *b)
{
	const struct sweep_hit *x = *(struct sweep_hit *const *)a, *y = *(struct sweep_hit *const *)b;
	uint64_t m = x->passed + x->refused, n = y->passed + y->refused;
	return m != n ? (m < n ? 1 : -1) : strcmp(x->org, y->org) ? strcmp(x->org, y->org) : strcmp(x->terminal, y->terminal);
}

static void put_hits(struct sealed *x, struct buf *b)
{
	struct sweep_hit **list = mem_array(x->hits.len + 1, sizeof(struct sweep_hit *));
	size_t n = 0, i = 0;
	struct str key;
	void *h;
	while (list && map_next(&x->hits, &i, &key, &h))
		list[n++] = h;
	if (n)
		qsort(list, n, sizeof(struct sweep_hit *), by_count);
	buf_puts(b, ",\"source\":\"sealed\",\"hits\":["); /* the answer's head stands before it */
	for (i = 0; i < n && i < SWEEP_HITS; i++) {
		buf_puts(b, i ? "," : "");
		sweep_hit_format(list[i], b);
	}
	buf_putc(b, ']');
	json_field_bool(b, "more", x->more || n > SWEEP_HITS || !list);
	if (x->s->type == SWEEP_IP) {
		buf_puts(b, ",\"names\":[");
		for (i = 0; i < x->n_names; i++) {
			buf_puts(b, i ? "," : "");
			json_str(b, str_from(x->names[i]));
		}
		buf_putc(b, ']');
	}
	mem_free(list);
}

static void drop_hits(struct sealed *x)
{
	struct str key;
	void *h;
	for (size_t i = 0; map_next(&x->hits, &i, &key, &h);)
		mem_free(h);
	map_done(&x->hits);
}

int sweep_sealed(const struct sweep_sealed *o, const struct sweep *s, struct buf *fields, struct err *err)
{
	struct sealed x = { .s = s, .ended = o->ended };
	struct reader *r = NULL;
	struct reader_opts ro = { .dir = o->dir, .key = o->key, .user = o->user, .org = s->org[0] ? s->org : NULL, .except = "packets" };
	/* only what holds the value's first signs can match: names and addresses stand in records as they are */
	if (s->type == SWEEP_IP || s->type == SWEEP_TERMINAL ? !strchr(s->value, '/') && !strchr(s->value, ':') : s->type == SWEEP_HASH)
		snprintf(x.needle, sizeof x.needle, "%.15s", s->value);
	map_init(&x.hits, SWEEP_SEALED_HITS);
	int res = reader_open(&ro, &r, err);
	if (res == 0) /* no event is later than its arrival, but for a clock that runs ahead */
		res = reader_since(r, s->from_ms - AHEAD_MS, err);
	if (res == 0)
		res = read_all(&x, r, err);
	reader_close(&r);
	if (res == 0)
		put_hits(&x, fields);
	drop_hits(&x);
	return res;
}
