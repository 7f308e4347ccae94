/* Events of blocked destinations, counted between two saves; see tally.h. */
#include "detect/tally.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

#define HITS 8      /* entries one event can fall under */
#define RECORD 120  /* bytes of a record's name with its salt */
#define TERMINAL 64

struct count {
	struct indicator of; /* a copy: the list may change before it is told */
	char terminal[TERMINAL];
	bool passed;
	uint64_t n;
	int64_t first_ms, last_ms;
	char first[RECORD]; /* with its salt: makes the uid */
	char records[TALLY_RECORDS][RECORD];
	size_t n_records;
};

struct tally {
	struct indicators *indicators;
	struct buf list;
	struct map counts; /* "id/terminal/outcome" -> count */
};

int tally_create(struct tally **ret, struct err *err)
{
	struct tally *t = mem_alloc(sizeof *t);
	if (!t)
		return err_set(err, E_NOMEM, "", "no memory");
	buf_init(&t->list, INDICATORS_BYTES);
	map_init(&t->counts, TALLY_MAX + INDICATORS_MAX * 2);
	*ret = t;
	return 0;
}

static void forget(struct tally *t)
{
	void *c;
	struct str key;
	for (size_t i = 0; map_next(&t->counts, &i, &key, &c);) {
		map_del(&t->counts, key);
		mem_free(c);
	}
}

void tally_destroy(struct tally **tp)
{
	struct tally *t = *tp;
	*tp = NULL;
	if (!t)
		return;
	forget(t);
	map_done(&t->counts);
	indicators_destroy(&t->indicators);
	buf_done(&t->list);
	mem_free(t);
}

int tally_watch(struct tally *t, struct str list)
{
	struct indicators *new;
	struct buf copy;
	int r = indicators_parse(list, &new);
	if (r < 0)
		return r;
	buf_init(&copy, INDICATORS_BYTES);
	buf_str(&copy, list);
	if (copy.failed) {
		indicators_destroy(&new);
		buf_done(&copy);
		return -E_NOMEM;
	}
	indicators_destroy(&t->indicators);
	buf_done(&t->list);
	t->indicators = new;
	t->list = copy;
	return 0;
}

struct str tally_list(const struct tally *t)
{
	return buf_view(&t->list);
}

bool tally_wants(const struct tally *t)
{
	return t && !indicators_empty(t->indicators);
}

static struct count *count_of(struct tally *t, const struct indicator *i, struct str terminal, bool passed)
{
	char key[200];
	if (t->counts.len >= TALLY_MAX || terminal.len >= TERMINAL)
		terminal = STR("");
	int n = snprintf(key, sizeof key, "%s/" STR_FMT "/%d", i->id, STR_ARG(terminal), passed);
	struct str k = { key, (size_t)n };
	struct count *c = map_get(&t->counts, k);
	if (c)
		return c;
	c = mem_alloc(sizeof *c);
	if (!c || map_put(&t->counts, k, c) < 0) {
		mem_free(c);
		return NULL;
	}
	c->of = *i;
	c->passed = passed;
	str_copy(terminal, c->terminal, sizeof c->terminal);
	return c;
}

static void add(struct count *c, const struct tally_event *e)
{
	if (c->n == 0) {
		snprintf(c->first, sizeof c->first, STR_FMT "#%016llx", STR_ARG(e->record), (unsigned long long)e->salt);
		c->first_ms = e->time_ms;
	}
	if (c->n_records < TALLY_RECORDS && e->record.len && str_copy(e->record, c->records[c->n_records], RECORD))
		c->n_records++;
	c->first_ms = e->time_ms < c->first_ms ? e->time_ms : c->first_ms;
	c->last_ms = e->time_ms > c->last_ms ? e->time_ms : c->last_ms;
	c->n++;
}

void tally_count(struct tally *t, const struct tally_event *e)
{
	const struct indicator *hits[HITS];
	unsigned n = indicators_find(t->indicators, &e->q, hits, HITS);
	for (unsigned i = 0; i < n; i++) {
		struct count *c = e->time_ms > hits[i]->since_ms ? count_of(t, hits[i], e->q.terminal, e->passed) : NULL;
		if (c)
			add(c, e);
	}
}

static void observe(const struct count *c, struct finding *f)
{
	static const enum observable_type types[] = { [BLOCK_ADDRESS] = OBSERVABLE_IP, [BLOCK_NAME] = OBSERVABLE_HOSTNAME,
		                                      [BLOCK_URL] = OBSERVABLE_URL, [BLOCK_TERMINAL] = OBSERVABLE_TERMINAL };
	f->observables[f->n_observables++] = (struct observable){ types[c->of.kind], c->of.value };
}

static void tell_one(const struct count *c, void (*tell)(const struct finding *f, void *user), void *user)
{
	char group[120];
	struct finding f = { .time = c->last_ms, .first_time = c->first_ms, .last_time = c->last_ms, .count = c->n,
		             .terminal = c->terminal, .action = c->passed ? FINDING_ALLOWED : FINDING_DENIED, .block = c->of.id };
	snprintf(f.org, sizeof f.org, "%s", c->of.org);
	f.rule.id = FINDING_RULE_BLOCKED;
	f.rule.title = c->passed ? "Traffic passed although a block stands against it" : "A blocked destination was called; the call was refused";
	f.rule.title_ja = c->passed ? "遮断した相手先への通信が通った" : "遮断した相手先への通信を止めた";
	f.rule.level = c->passed ? FINDING_CRITICAL : FINDING_INFORMATIONAL;
	observe(c, &f);
	for (size_t i = 0; i < c->n_records; i++)
		f.records[f.n_records++] = c->records[i];
	snprintf(group, sizeof group, "%s/%s/%d", c->of.id, c->terminal, c->passed);
	finding_uid(str_from(f.rule.id), str_from(group), str_from(c->first), f.uid);
	tell(&f, user);
}

void tally_flush(struct tally *t, void (*tell)(const struct finding *f, void *user), void *user)
{
	void *c;
	struct str key;
	for (size_t i = 0; map_next(&t->counts, &i, &key, &c);)
		tell_one(c, tell, user);
	forget(t);
}
