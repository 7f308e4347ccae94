/* See judge.h. */
#include "look/judge.h"

#include "base/mem.h"

#include <stdio.h>

const char *look_change_name(enum look_change c)
{
	static const char *const names[LOOK_CHANGES] = { "same", "replaced", "removed", "leads away", "mocked", "strange script" };
	return c < LOOK_CHANGES ? names[c] : "?";
}

/* The oldest goes that no person approved. */
static uint32_t learn(struct look_known *k, const struct look_seen *s)
{
	uint32_t at = k->next;
	for (uint32_t i = 0; i < LOOK_SAMPLES && k->approved[at]; i++)
		at = (at + 1) % LOOK_SAMPLES;
	k->samples[at] = s->page;
	if (*s->away)
		snprintf(k->samples[at].away, sizeof k->samples[at].away, "%s", s->away);
	k->next = (at + 1) % LOOK_SAMPLES;
	k->n = k->n > at ? k->n : at + 1;
	return at;
}

static unsigned likeness(const struct look_known *k, const struct look_page *p)
{
	unsigned best = 0;
	for (uint32_t i = 0; i < k->n; i++) {
		unsigned like = look_page_like(&k->samples[i], p);
		best = like > best ? like : best;
	}
	return best;
}

static bool host_known(const struct look_known *k, const char *host)
{
	for (uint32_t i = 0; i < k->n; i++)
		for (uint32_t h = 0; h < k->samples[i].n_hosts; h++)
			if (strcmp(k->samples[i].hosts[h], host) == 0)
				return true;
	return false;
}

static const char *stranger(const struct look_known *k, const struct look_page *p)
{
	for (uint32_t h = 0; h < p->n_hosts; h++)
		if (!host_known(k, p->hosts[h]))
			return p->hosts[h];
	return NULL;
}

static bool mocked_before(const struct look_known *k)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (k->samples[i].mocks)
			return true;
	return false;
}

static bool led_before(const struct look_known *k, const char *host)
{
	for (uint32_t i = 0; i < k->n; i++)
		if (strcmp(k->samples[i].away, host) == 0)
			return true;
	return false;
}

static enum look_change change_of(const struct look_known *k, const struct look_seen *s, struct look_verdict *v)
{
	const char *away = *s->away ? s->away : s->status == 200 ? s->page.away : "", *host;
	if (s->status == 404 || s->status == 410)
		return LOOK_REMOVED;
	if (*away && !led_before(k, away)) {
		snprintf(v->host, sizeof v->host, "%s", away);
		return LOOK_AWAY;
	}
	if (s->page.mocks && !mocked_before(k))
		return LOOK_MOCKED;
	if (s->status != 200)
		return LOOK_SAME; /* redirected as ever */
	if (v->like < LOOK_LIKE)
		return LOOK_REPLACED;
	host = stranger(k, &s->page);
	if (host)
		snprintf(v->host, sizeof v->host, "%s", host);
	return host ? LOOK_STRANGER : LOOK_SAME;
}

/* That it is down is others' matter. But a browser shows what is in the answer, whatever its status. */
bool look_says_nothing(const struct look_seen *s)
{
	return !*s->away && s->status != 200 && s->status != 404 && s->status != 410 && !s->page.mocks;
}

static void found_same(struct look_known *k, const struct look_seen *s, struct look_verdict *v)
{
	v->back = k->told != LOOK_SAME;
	v->change = v->back ? k->told : LOOK_SAME;
	k->odd = 0;
	k->change = k->told = LOOK_SAME;
	if (s->status == 200 && k->like < LOOK_NEARLY)
		learn(k, s);
}

static void found_change(struct look_known *k, const struct look_seen *s, struct look_verdict *v)
{
	k->odd = k->change == v->change ? k->odd + 1 : 1;
	k->change = v->change;
	if (k->odd < LOOK_SURE || k->told == v->change)
		return;
	v->tell = true;
	k->told = v->change;
	if (v->change == LOOK_STRANGER) { /* once a host: the page is right but for that */
		learn(k, s);
		k->told = LOOK_SAME;
	}
}

void look_judge(struct look_known *k, const struct look_seen *s, struct look_verdict *ret)
{
	*ret = (struct look_verdict){ 0 };
	if (look_says_nothing(s))
		return;
	if (k->looks < LOOK_LEARN) {
		if (s->status == 200 || *s->away) {
			learn(k, s);
			k->looks++;
			k->like = 100;
		}
		return;
	}
	k->like = ret->like = s->status == 200 ? likeness(k, &s->page) : 0;
	ret->change = change_of(k, s, ret);
	if (ret->change == LOOK_SAME)
		found_same(k, s, ret);
	else
		found_change(k, s, ret);
}

void look_approve(struct look_known *k, const struct look_seen *s, bool alone)
{
	unsigned n = 0;
	if (alone)
		*k = (struct look_known){ .looked_ms = k->looked_ms };
	for (uint32_t i = 0; i < LOOK_SAMPLES; i++)
		n += k->approved[i];
	for (uint32_t i = 0; i < LOOK_SAMPLES && n >= LOOK_APPROVED; i++)
		if (k->approved[i]) {
			k->approved[i] = 0;
			n--;
		}
	k->approved[learn(k, s)] = 1;
	k->looks = LOOK_LEARN;
	k->like = 100;
	k->odd = 0;
	k->change = k->told = LOOK_SAME;
}

bool look_known_sound(struct look_known *k)
{
	bool ok = k->n <= LOOK_SAMPLES && k->next < LOOK_SAMPLES && k->change < LOOK_CHANGES && k->told < LOOK_CHANGES;
	for (uint32_t i = 0; ok && i < LOOK_SAMPLES; i++)
		look_page_harmless(&k->samples[i]);
	return ok;
}
