/* See spool.h. intaked's loop calls it; it knows no socket. */
#include "intake/spool.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "segment/hold.h"
#include "segment/reader.h"
#include "wire/events.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>

#define SENDERS_EVERY_MS 10000 /* how much has to be read again after a crash */
#define IDLE_CHECKPOINT_MS 60000
#define MISSING_MS 60000       /* senders that live have sent again by then */
#define COOL_BYTES (8u * MIB)  /* a second, towards cold storage */
#define COLD_TELL_MS (24LL * 3600 * 1000)
#define VAULT_REST_MS 5000     /* after a failed signature: each try may block the loop */

struct spool {
	struct spool_opts o;
	struct writer *w;
	struct seen seen;
	struct map counters; /* organisation -> its "records" */
	struct buf record, cursors;
	struct writer_stats told; /* what the counters already show */
	int64_t senders_ms, checkpoint_ms, vault_ms, opened_ms;
	struct clock_watch clock;
	int64_t rest_ms; /* monotonic: retention rests until then; 0: it doesn't */
	int64_t cold_told_ms; /* monotonic: when we spoke of cold storage last; 0: never */
	bool ready;   /* recovered: seen and cursors fit together */
	bool failing; /* the last commit failed: said once */
	bool low;     /* the disk is nearly full: said once */
	bool silent;  /* the cold disk doesn't answer: said once */
	_Atomic uint64_t *raw, *schema, *skewed, *unknown, *refused, *forged;
	uint64_t forged_untold;
	int64_t forged_ms; /* when we spoke of them last; 0: never */
	char forger[SEEN_SOURCE_TEXT], forged_what[160];
};

/* ---- what may wait for the cold disk ---- */

struct errand {
	void (*fn)(void *);
	void *arg;
};

static void *run_errand(void *user)
{
	struct errand e = *(struct errand *)user;
	mem_free(user);
	e.fn(e.arg);
	return NULL;
}

int spool_aside(void (*fn)(void *), void *arg, void *user, struct err *err)
{
	struct errand *e = mem_alloc(sizeof *e);
	pthread_attr_t a;
	pthread_t t;
	(void)user;
	if (!e)
		return err_set(err, E_NOMEM, "", "no memory");
	*e = (struct errand){ fn, arg };
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&a, MIB);
	int r = pthread_create(&t, &a, run_errand, e);
	pthread_attr_destroy(&a);
	if (r == 0)
		return 0;
	mem_free(e);
	return err_set(err, E_NOMEM, "", "no thread");
}

static int load_senders(struct spool *s, struct str *ret_cursors, struct buf *b, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/senders", s->o.state);
	*ret_cursors = (struct str){ "", 0 };
	if (!fs_exists(path))
		return 0;
	int r = fs_read(path, b, err);
	return r < 0 ? r : seen_parse(&s->seen, buf_view(b), ret_cursors, err);
}

/* What the wall clock said last. Checkpoints don't say: their times never go back, so a clock that was once ahead stays there. 0: unknown. */
static int64_t last_clock(const struct spool *s)
{
	char path[1024];
	struct buf b;
	uint64_t ms = 0;
	buf_init(&b, 64);
	snprintf(path, sizeof path, "%s/clock", s->o.state);
	if (!fs_exists(path) || fs_read(path, &b, NULL) < 0 || !str_to_u64(buf_view(&b), INT64_MAX, &ms))
		ms = 0;
	buf_done(&b);
	return (int64_t)ms;
}

/* While retention rests the file says what it said: who starts again meanwhile has to doubt, too. */
static int save_clock(const struct spool *s, struct err *err)
{
	char path[1024], text[32];
	if (s->rest_ms)
		return 0;
	snprintf(path, sizeof path, "%s/clock", s->o.state);
	int n = snprintf(text, sizeof text, "%lld", (long long)clock_now_ms());
	return fs_write(path, (struct str){ text, (size_t)n }, 0600, err);
}

/* The records the file of senders doesn't know yet. A series that can't be read (its key is gone) says nothing. */
static int read_behind(struct spool *s, struct str cursors, struct err *err)
{
	struct reader *r = NULL;
	struct reader_record rec;
	struct err fault;
	int x = reader_open(&(struct reader_opts){ .dir = s->o.segments, .key = s->o.key, .user = s->o.user }, &r, err);
	if (x == 0)
		x = reader_restore(r, cursors, err);
	while (x == 0) {
		int got = reader_next(r, &rec, &fault);
		if (got == -E_AGAIN)
			break;
		if (got == 0)
			seen_record(&s->seen, rec.data);
		else
			log_err(LOG_LEVEL_WARN, "", "segments", &fault);
	}
	if (x == 0) {
		buf_reset(&s->cursors);
		reader_save(r, &s->cursors);
	}
	reader_close(&r);
	return x;
}

/* The records that would end now may be young in truth. */
static void doubt(struct spool *s, int64_t ahead_ms)
{
	s->rest_ms = clock_mono_ms() + SPOOL_REST_MS;
	spool_alarm(s, "%lld hours passed at once (the clock was set, or nothing ran): no record is ended by retention for %lld hours",
	            (long long)(ahead_ms / 3600000), SPOOL_REST_MS / 3600000);
}

static int recover(struct spool *s, struct err *err)
{
	struct buf b;
	struct str cursors;
	struct writer_stats st;
	buf_init(&b, 4 * MIB);
	int r = load_senders(s, &cursors, &b, err);
	if (r == -E_CORRUPT || r == -E_INVALID) {
		log_err(LOG_LEVEL_WARN, "", "senders", err); /* then everything is read again */
		cursors = (struct str){ "", 0 };
		r = 0;
	}
	if (r == 0)
		r = read_behind(s, cursors, err);
	buf_done(&b);
	if (r < 0)
		return r;
	s->ready = true;
	s->opened_ms = clock_mono_ms();
	s->rest_ms = s->o.unheard_ms ? s->opened_ms + s->o.unheard_ms : 0;
	if (seen_settle(&s->seen, false))
		log_info("", "senders", "a commit was cut off: what is missing is awaited from its senders");
	writer_stats(s->w, &st);
	if (st.damaged)
		spool_alarm(s, "segments or checkpoints were altered or cut while intaked was down: %llu; run toride log verify",
		            (unsigned long long)st.damaged);
	int64_t last = last_clock(s);
	last = last ? last : st.last_checkpoint_ms;
	int64_t away = last ? clock_now_ms() - last : 0;
	if (away > SPOOL_DOUBT_MS)
		doubt(s, away);
	if (st.torn_bytes)
		log_info("", "segments", "%llu bytes of an unfinished write were cut off", (unsigned long long)st.torn_bytes);
	return r;
}

int spool_open(const struct spool_opts *o, struct spool **ret, struct err *err)
{
	struct spool *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	s->o = *o;
	seen_init(&s->seen);
	map_init(&s->counters, SEEN_SOURCES);
	buf_init(&s->record, SEGMENT_RECORD_MAX);
	buf_init(&s->cursors, 4 * MIB);
	s->raw = stats_counter(o->stats, "", "unparsed");
	s->schema = stats_counter(o->stats, "", "schema_faults");
	s->skewed = stats_counter(o->stats, "", "clock_skewed");
	s->unknown = stats_counter(o->stats, "", "unknown_org");
	s->refused = stats_counter(o->stats, "", "append_refused");
	s->forged = stats_counter(o->stats, "", "forged");
	struct writer_opts w = { .dir = o->segments, .key = o->key, .seal = o->seal, .user = o->user, .aside = o->aside, .cool_rate = COOL_BYTES };
	int r = writer_open(&w, &s->w, err);
	if (r == 0)
		r = recover(s, err);
	if (r < 0)
		spool_close(&s);
	else
		*ret = s;
	return r;
}

void spool_orgs(struct spool *s, const struct orgs *orgs)
{
	s->o.orgs = orgs;
}

struct seen *spool_seen(struct spool *s)
{
	return &s->seen;
}

size_t spool_pending(const struct spool *s)
{
	return writer_pending(s->w);
}

static const char *which_org(struct spool *s, struct str org)
{
	if (org.len == 0 || str_eq(org, STR(ORGS_SERVICE)))
		return ORGS_SERVICE;
	const struct orgs_one *one = orgs_by_code(s->o.orgs, org);
	if (one)
		return one->code;
	stats_add(s->unknown, 1);
	return ORGS_SERVICE;
}

static void count(struct spool *s, const char *org, const struct accept_result *res)
{
	_Atomic uint64_t *c = map_get(&s->counters, str_from(org));
	if (!c) {
		c = stats_counter(s->o.stats, strcmp(org, ORGS_SERVICE) == 0 ? "" : org, "records");
		map_put(&s->counters, str_from(org), (void *)(uintptr_t)c); /* without room: looked up again */
	}
	stats_add(c, 1);
	stats_add(s->raw, res->raw);
	stats_add(s->schema, res->schema_fault);
	stats_add(s->skewed, res->skewed);
	if (res->raw || res->schema_fault)
		log_write(LOG_LEVEL_DEBUG, org, "event", "%s", res->fault);
}

/* One of our processes says what isn't its to say: it was taken over, or it is broken. */
static void tell_forged(struct spool *s)
{
	int64_t now = clock_mono_ms();
	if (!s->forged_untold || (s->forged_ms && now - s->forged_ms < SPOOL_FORGED_MS))
		return;
	unsigned long long n = s->forged_untold;
	s->forged_untold = 0;
	s->forged_ms = now;
	spool_alarm(s, "%s handed in what it may not say (%s; %llu events since the last word on it): kept unparsed", s->forger,
	            s->forged_what, n);
}

static void note_forged(struct spool *s, const struct spool_from *from, const struct accept_result *res)
{
	stats_add(s->forged, 1);
	s->forged_untold++;
	snprintf(s->forger, sizeof s->forger, "%s", from->source);
	snprintf(s->forged_what, sizeof s->forged_what, "%s", res->fault);
	tell_forged(s);
}

int spool_put(struct spool *s, struct str org, struct str json, const struct spool_from *from, struct err *err)
{
	static const struct spool_from own;
	struct accept_result res;
	const char *code = which_org(s, org);
	from = from ? from : &own;
	struct accept_from af = { code, clock_now_ms(), from->source, from->boot, from->sequence, from->sender };
	buf_reset(&s->record);
	accept_event(json, &af, &s->record, &res);
	if (s->record.failed)
		return err_set(err, E_NOMEM, code, "no memory for a record");
	if (res.refused)
		code = ORGS_SERVICE;
	char name[ORGS_SERIES_TEXT];
	const char *series = from->sender && from->sender->series ? from->sender->series : orgs_series(orgs_by_code(s->o.orgs, str_from(code)), res.class_uid, name);
	int r = writer_append(s->w, code, series, buf_view(&s->record), NULL, err);
	if ((r == -E_NOT_FOUND || r == -E_DENIED) && strcmp(series, ORGS_PACKETS) != 0) { /* what somebody wrote is nobody else's to keep */
		/* the body's key was destroyed: what still comes in under its name concerns the service */
		stats_add(s->unknown, 1);
		code = ORGS_SERVICE;
		series = from->sender && from->sender->series ? series : ORGS_SERIES;
		r = writer_append(s->w, code, series, buf_view(&s->record), NULL, err);
	}
	if (r == 0)
		count(s, code, &res);
	else
		stats_add(s->refused, 1);
	if (r == 0 && res.refused)
		note_forged(s, from, &res);
	return r;
}

void spool_alarm(struct spool *s, const char *fmt, ...)
{
	char text[400];
	struct buf b;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_warn("", "intaked", "%s", text);
	buf_init(&b, 4096);
	event_app(&b, "intaked", "intaked", "Alarm", text);
	if (!b.failed)
		spool_put(s, STR(ORGS_SERVICE), buf_view(&b), NULL, NULL);
	buf_done(&b);
}

static void show(struct spool *s)
{
	struct writer_stats st;
	writer_stats(s->w, &st);
	const struct {
		const char *name;
		uint64_t value, *told;
	} rows[] = {
		{ "segment_records", st.records, &s->told.records },
		{ "segment_bytes", st.bytes, &s->told.bytes },
		{ "commits", st.commits, &s->told.commits },
		{ "syncs", st.syncs, &s->told.syncs },
		{ "commits_failed", st.failed_commits, &s->told.failed_commits },
		{ "checkpoints", st.checkpoints, &s->told.checkpoints },
		{ "checkpoints_failed", st.failed_checkpoints, &s->told.failed_checkpoints },
		{ "segments_sealed", st.sealed, &s->told.sealed },
		{ "segments_damaged", st.damaged, &s->told.damaged },
		{ "segments_ended", st.ended, &s->told.ended },
		{ "segments_cooled", st.cooled, &s->told.cooled },
		{ "torn_bytes", st.torn_bytes, &s->told.torn_bytes },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		stats_add(stats_counter(s->o.stats, "", rows[i].name), rows[i].value - *rows[i].told);
		*rows[i].told = rows[i].value;
	}
	stats_set(stats_counter(s->o.stats, "", "pending_bytes"), writer_pending(s->w));
}

int spool_commit(struct spool *s, struct err *err)
{
	struct err e = { 0 };
	int r = writer_commit(s->w, &e);
	if (r < 0 && !s->failing)
		log_err(LOG_LEVEL_ERROR, "", "segments", &e);
	if (r == 0 && s->failing)
		spool_alarm(s, "segments could not be written for a while (%llu failed commits); they can be again",
		            (unsigned long long)s->told.failed_commits);
	s->failing = r < 0;
	if (r < 0 && err)
		*err = e;
	return r;
}

/* Where the segments stand and what was taken from whom, as of the same moment: right behind a commit. */
static int save_senders(struct spool *s, struct err *err)
{
	char path[1024];
	struct buf b;
	buf_init(&b, 4 * MIB);
	buf_reset(&s->cursors);
	writer_cursors(s->w, &s->cursors);
	seen_format(&s->seen, buf_view(&s->cursors), &b);
	snprintf(path, sizeof path, "%s/senders", s->o.state);
	int x = b.failed ? err_set(err, (enum err_code)-b.failed, path, "too many senders")
	                 : fs_write(path, buf_view(&b), 0600, err);
	buf_done(&b);
	return x < 0 ? x : save_clock(s, err);
}

static int checkpoint(struct spool *s, int64_t now, struct err *err)
{
	if (now < s->vault_ms)
		return 0;
	struct writer_stats before, after;
	writer_stats(s->w, &before);
	int r = writer_checkpoint(s->w, now - s->checkpoint_ms >= IDLE_CHECKPOINT_MS, err);
	writer_stats(s->w, &after);
	if (after.checkpoints > before.checkpoints)
		s->checkpoint_ms = now;
	if (after.failed_checkpoints > before.failed_checkpoints)
		s->vault_ms = now + VAULT_REST_MS;
	return r;
}

/* Was the body's key destroyed? */
static bool key_gone(const struct spool *s, const char *org, const char *series)
{
	unsigned char key[SEGMENT_KEY];
	struct err err;
	int r = s->o.key(org, series, 1, key, s->o.user, &err);
	OPENSSL_cleanse(key, sizeof key);
	return r == -E_NOT_FOUND;
}

/* How long to keep: a body's records by its own word, a class's series by its own days, the service's as long as anybody's. A body that left the description
 * has said nothing any more; its records go with its key: what nobody can read any more ends at once, here, on the cold disk and in the store. */
static int64_t keep_ms(const char *org, const char *series, void *user)
{
	const struct spool *s = user;
	const struct orgs_one *one = orgs_by_code(s->o.orgs, str_from(org));
	if (s->o.holds && hold_on(s->o.holds, org))
		return 0;
	if (!one && strcmp(org, ORGS_SERVICE) != 0)
		return key_gone(s, org, series) ? 1 : 0;
	unsigned days = one ? orgs_keep_days(one, series) : orgs_longest_retention(s->o.orgs);
	return (int64_t)days * 24 * 3600 * 1000;
}

/* When to move to cold storage: a body's by its word, the service's when everybody's are to. */
static int64_t hot_ms(const char *org, void *user)
{
	const struct spool *s = user;
	const struct orgs_one *one = orgs_by_code(s->o.orgs, str_from(org));
	unsigned days = one ? one->hot_days : strcmp(org, ORGS_SERVICE) == 0 ? orgs_longest_hot(s->o.orgs) : 0;
	return days && s->low ? 1 : (int64_t)days * 24 * 3600 * 1000;
}

static void look_at_room(struct spool *s)
{
	struct statvfs v;
	if (statvfs(s->o.segments, &v) < 0 || v.f_blocks == 0)
		return;
	unsigned percent = (unsigned)((uint64_t)v.f_bavail * 100 / v.f_blocks);
	stats_set(stats_counter(s->o.stats, "", "disk_free_percent"), percent);
	if (!s->low && percent < ROOM_LOW)
		spool_alarm(s, "the disk of the records is nearly full: %u %% of it are free; none is removed for that, add room or move records to cold storage", percent);
	else if (s->low && percent >= ROOM_ENOUGH)
		spool_alarm(s, "the disk of the records has room again: %u %% of it are free", percent);
	s->low = s->low ? percent < ROOM_ENOUGH : percent < ROOM_LOW;
}

/* What can't be moved stays where it is: no record is in danger, but the disk will fill. Said at once, then once a day. */
static void tell_cold(struct spool *s, int64_t now, const struct err *err)
{
	log_err(LOG_LEVEL_WARN, "", "cold storage", err);
	if (s->cold_told_ms && now - s->cold_told_ms < COLD_TELL_MS)
		return;
	s->cold_told_ms = now;
	spool_alarm(s, "records can't be moved to cold storage, and stay here: %.200s", err->msg);
}

/* What waits for it waits on a thread of its own; here it is only told. */
static void look_at_cold(struct spool *s)
{
	int64_t ms = writer_cold_silent_ms(s->w);
	stats_set(stats_counter(s->o.stats, "", "cold_silent_s"), (uint64_t)ms / 1000);
	if (!s->silent && ms >= SPOOL_COLD_SILENT_MS)
		spool_alarm(s, "the disk of the cold records hasn't answered for %d seconds: nothing goes there, and nothing is ended by retention until it does; all else goes on", SPOOL_COLD_SILENT_MS / 1000);
	else if (s->silent && ms == 0)
		spool_alarm(s, "the disk of the cold records answers again");
	s->silent = s->silent ? ms > 0 : ms >= SPOOL_COLD_SILENT_MS;
}

static void cool(struct spool *s, int64_t now)
{
	struct segment_name moved;
	struct err err = { 0 };
	if (writer_cool(s->w, clock_now_ms(), hot_ms, s, &moved, &err) < 0)
		tell_cold(s, now, &err);
	else if (moved.segment)
		log_info(moved.org, "cold storage", "segment %06u of %s lies there now", moved.segment, moved.series);
}

/* What is destroyed, and why, is among the body's own records. count 0: a crash came between, and the number is in the checkpoint that signed it. */
static void tell_gone(struct spool *s, const struct segment_name *gone)
{
	char text[200];
	struct buf b;
	const struct orgs_one *one = orgs_by_code(s->o.orgs, str_from(gone->org));
	unsigned days = one ? orgs_keep_days(one, gone->series) : orgs_longest_retention(s->o.orgs);
	if (!one && strcmp(gone->org, ORGS_SERVICE) != 0)
		snprintf(text, sizeof text, "the key of %s is destroyed: segment %06u of %s, %llu records nobody can read any more, is ended", gone->org, gone->segment,
		         gone->series, (unsigned long long)gone->index);
	else
		snprintf(text, sizeof text, "retention: segment %06u of %s, %llu records, had its %u days and is destroyed", gone->segment, gone->series,
		         (unsigned long long)gone->index, days);
	log_info(gone->org, "retention", "%s", text);
	buf_init(&b, 4096);
	event_app(&b, "intaked", "retention", "Stop", text);
	if (!b.failed)
		spool_put(s, str_from(gone->org), buf_view(&b), NULL, NULL);
	buf_done(&b);
}

static void retain(struct spool *s, int64_t now)
{
	struct segment_name gone;
	struct err err = { 0 };
	int64_t stepped = clock_stepped(&s->clock);
	if (stepped)
		writer_look_again(s->w);
	if (stepped > SPOOL_DOUBT_MS)
		doubt(s, stepped);
	if (s->rest_ms > now)
		return;
	s->rest_ms = 0;
	if (writer_retain(s->w, clock_now_ms(), keep_ms, s, &gone, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", "retention", &err); /* that series rests for an hour */
	else if (gone.segment)
		tell_gone(s, &gone);
}

int spool_second(struct spool *s, struct err *err)
{
	int64_t now = clock_mono_ms();
	look_at_room(s);
	retain(s, now);
	cool(s, now);
	look_at_cold(s);
	tell_forged(s);
	int r = checkpoint(s, now, err);
	/* The file can't say which single numbers are missing: while some are, the old one and what is behind it stay true. */
	bool missing = seen_settle(&s->seen, now - s->opened_ms > MISSING_MS);
	if (r == 0 && !missing && now - s->senders_ms >= SENDERS_EVERY_MS && spool_commit(s, err) == 0) {
		s->senders_ms = now;
		r = save_senders(s, err);
	}
	show(s);
	return r;
}

void spool_abandon(struct spool **sp)
{
	struct spool *s = *sp;
	if (!s)
		return;
	writer_close(&s->w);
	seen_done(&s->seen);
	map_done(&s->counters);
	buf_done(&s->record);
	buf_done(&s->cursors);
	mem_free(s);
	*sp = NULL;
}

void spool_close(struct spool **sp)
{
	struct spool *s = *sp;
	struct err err = { 0 };
	if (!s)
		return;
	if (s->ready && writer_commit(s->w, &err) < 0)
		log_err(LOG_LEVEL_ERROR, "", "segments", &err);
	else if (s->ready && (writer_checkpoint(s->w, false, &err) < 0 ||
	                      (!seen_settle(&s->seen, false) && save_senders(s, &err) < 0)))
		log_err(LOG_LEVEL_WARN, "", "segments", &err);
	spool_abandon(sp);
}
