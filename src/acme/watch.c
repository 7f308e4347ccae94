/* See watch.h. */
#include "acme/watch.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

#define DAY 86400
#define BACK_OFF_MS 60000
#define BACK_OFF_MAX_MS (6 * 3600 * 1000)

enum { TOLD_FAILED = 1, TOLD_LATE = 2, TOLD_ENDED = 4, TOLD_GIVEN = 8 /* and the three above it */ };
static const int given_days[] = { 30, 14, 7, 1 };

bool watch_due(const struct watched *w, int64_t now_s, int64_t mono_ms)
{
	if (!w->site->acme || mono_ms < w->try_ms)
		return false;
	return w->asked || !w->have || now_s >= cert_renewal(&w->cert);
}

void watch_failed(struct watched *w, const char *why, int64_t mono_ms)
{
	int64_t wait = BACK_OFF_MS;
	for (unsigned i = 0; i < w->failures && wait < BACK_OFF_MAX_MS; i++)
		wait *= 2;
	w->failures++;
	w->asked = false;
	w->try_ms = mono_ms + (wait > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : wait);
	snprintf(w->why, sizeof w->why, "%s", why);
}

void watch_renewed(struct watched *w, const struct cert *c)
{
	w->cert = *c;
	w->have = true;
	w->served = w->looked = w->asked = false;
	w->failures = w->told = 0;
	w->try_ms = 0;
	w->why[0] = 0;
}

static bool stage(struct watched *w, unsigned bit, bool now)
{
	if (!now || w->told & bit)
		return false;
	w->told |= bit;
	return true;
}

static bool alarm_ours(struct watched *w, int64_t left, char *dst, size_t size)
{
	const char *name = w->site->names[0];
	int64_t life = w->cert.not_after - w->cert.not_before;
	bool there = w->have && w->cert.covers; /* what stands in for the first isn't one */
	if (stage(w, TOLD_ENDED, there && left <= 0))
		snprintf(dst, size, "the certificate of %s has ended and no new one was got: %s (%s の証明書が失効し、更新できていません)", name, w->why, name);
	else if (stage(w, TOLD_LATE, there && left > 0 && left < life / 6))
		snprintf(dst, size, "the certificate of %s ends in %lld days and couldn't be renewed: %s (%s の証明書が更新できないまま、残り %lld 日です)", name,
		         (long long)left / DAY, w->why, name, (long long)left / DAY);
	else if (stage(w, TOLD_FAILED, w->failures > 0))
		snprintf(dst, size, "no certificate for %s yet: %s (%s の証明書を取得できませんでした)", name, w->why, name);
	else
		return false;
	return true;
}

/* The nearest stage is told and those before it are taken as told. */
static bool alarm_given(struct watched *w, int64_t left, char *dst, size_t size)
{
	const char *name = w->site->names[0];
	if (stage(w, TOLD_ENDED, left <= 0)) {
		snprintf(dst, size, "the certificate of %s has ended (%s の証明書が失効しました)", name, name);
		return true;
	}
	for (unsigned i = ARRAY_LEN(given_days); left > 0 && i-- > 0;)
		if (left < (int64_t)given_days[i] * DAY) {
			bool news = !(w->told & TOLD_GIVEN << i);
			w->told |= (unsigned)((2 << i) - 1) * TOLD_GIVEN;
			if (news)
				snprintf(dst, size, "the certificate of %s ends in %lld days: hand in a new one (%s の証明書は残り %lld 日です。更新してください)", name,
				         (long long)left / DAY, name, (long long)left / DAY);
			return news;
		}
	return false;
}

bool watch_alarm(struct watched *w, int64_t now_s, char *dst, size_t size)
{
	int64_t left = w->cert.not_after - now_s;
	if (w->site->acme)
		return alarm_ours(w, left, dst, size);
	return w->have && alarm_given(w, left, dst, size);
}

void watch_put(const struct watched *w, int64_t now_s, struct buf *b)
{
	char text[CLOCK_TEXT];
	bool there = w->have && (w->cert.covers || !w->site->acme);
	buf_putc(b, '{');
	json_field_s(b, "org", w->site->org);
	json_field_s(b, "site", w->site->names[0]);
	json_field_s(b, "certificate", w->site->acme ? "acme" : "given");
	if (there) {
		clock_format_utc(w->cert.not_after * 1000, text);
		json_field_s(b, "not_after", text);
		json_field_u64(b, "days", w->cert.not_after > now_s ? (uint64_t)(w->cert.not_after - now_s) / DAY : 0);
	}
	json_field_s(b, "state", !there ? "none" : w->cert.not_after <= now_s ? "ended" : w->looked && !w->served ? "unserved" : "good");
	if (w->failures) {
		json_field_u64(b, "failures", w->failures);
		json_field_s(b, "why", w->why);
	}
	buf_putc(b, '}');
}
