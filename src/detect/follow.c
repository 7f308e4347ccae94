/* The live side of detection, without loop or sockets; see follow.h. */
#include "detect/follow.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "detect/baseline.h"
#include "detect/facts.h"
#include "detect/sighting.h"
#include "detect/tally.h"
#include "wire/cursor.h"

#include <limits.h>
#include <stdio.h>

#define STATE_MAX (256u * 1024 * 1024)
#define SAVE_CHEAP_MS 50
#define SWEEP_MS 60000 /* between two looks for sightings that are over */
#define SAVE_SHARE 20 /* a dearer save takes a twentieth of the time at most; what came since is read again from the segments */
#define STATE_MAGIC "TRDDET04"

struct follow {
	struct follow_opts o;
	char *segments, *state;
	struct reader *reader;
	struct engine *engine;
	struct tally *tally;
	struct sightings *sightings;
	struct baseline *baseline;
	const struct intel *intel;
	struct follow_stats stats;
	uint64_t last_seq; /* of the findings put */
	int put_failed;
	bool changed;      /* since the last snapshot */
	struct buf snap;   /* waits for its findings to be acknowledged; empty: none */
	uint64_t snap_seq;
	int64_t swept_ms;
	int64_t saved_ms, cost_ms; /* cost: of the last save */
	struct map clocks; /* "ORG/SERIES" -> when its last record was taken in */
	int64_t *clock;                 /* of clock_name's series, the last one asked for; NULL: none yet */
	struct segment_name clock_name;
};

static void on_finding(const struct finding *f, void *user)
{
	struct follow *w = user;
	uint64_t seq;
	int r = w->put_failed ? w->put_failed : w->o.put(f, &seq, w->o.user);
	if (r < 0) {
		w->put_failed = r;
		return;
	}
	w->last_seq = seq;
	w->stats.findings++;
}

static int make_engine(struct follow *f, const struct ruleset *rules, const struct facts *facts, struct engine **ret,
                       struct err *err)
{
	return engine_create(&(struct engine_opts){ .rules = rules, .facts = facts, .tally = f->tally, .intel = f->intel, .sightings = f->sightings, .baseline = f->baseline, .on_finding = on_finding, .user = f }, ret, err);
}

/* ---- state */

static void snapshot(struct follow *f, struct buf *b)
{
	unsigned char sum[SHA256_LEN];
	struct buf part;
	buf_reset(b);
	buf_puts(b, STATE_MAGIC);
	buf_init(&part, STATE_MAX);
	reader_save(f->reader, &part);
	wr_blob(b, buf_view(&part));
	int failed = part.failed;
	buf_reset(&part);
	correlator_save(engine_correlator(f->engine), &part);
	wr_blob(b, buf_view(&part));
	failed = failed ? failed : part.failed;
	wr_blob(b, tally_list(f->tally));
	buf_reset(&part);
	sightings_save(f->sightings, &part);
	wr_blob(b, buf_view(&part));
	failed = failed ? failed : part.failed;
	buf_done(&part);
	hash_sha256(b->ptr ? b->ptr : "", b->len, sum);
	buf_put(b, sum, sizeof sum);
	if (failed)
		b->failed = failed;
}

static int restore(struct follow *f, struct err *err)
{
	unsigned char sum[SHA256_LEN];
	struct buf b;
	if (!fs_exists(f->state))
		return reader_restore(f->reader, STR(""), err);
	buf_init(&b, STATE_MAX);
	int r = fs_read(f->state, &b, err);
	if (r == 0 && b.len >= sizeof STATE_MAGIC - 1 + SHA256_LEN) {
		size_t body = b.len - SHA256_LEN, head = sizeof STATE_MAGIC - 1;
		hash_sha256(b.ptr, body, sum);
		struct rd rd = rd_from(b.ptr + head, body - head);
		struct str cursors = rd_blob(&rd), state = rd_blob(&rd), list = rd_blob(&rd), seen = rd_blob(&rd);
		bool ok = memcmp(b.ptr, STATE_MAGIC, head) == 0 && memcmp(sum, b.ptr + body, sizeof sum) == 0 && rd_end(&rd) == 0;
		r = ok ? reader_restore(f->reader, cursors, err) : -E_CORRUPT;
		if (r == 0)
			r = correlator_restore(engine_correlator(f->engine), state);
		if (r == 0 && list.len && tally_watch(f->tally, list) < 0)
			r = -E_CORRUPT;
		if (r == 0)
			r = sightings_restore(f->sightings, seen);
	} else if (r == 0) {
		r = -E_CORRUPT;
	}
	buf_done(&b);
	return r == -E_CORRUPT ? err_set(err, E_CORRUPT, f->state, "the saved state is damaged") : r;
}

static int write_snapshot(struct follow *f, struct err *err)
{
	int64_t from = clock_mono_ms();
	int r = f->snap.failed ? err_set(err, (enum err_code)-f->snap.failed, f->state, "the state is too large to be saved")
	                       : fs_write(f->state, buf_view(&f->snap), 0600, err);
	buf_reset(&f->snap);
	r = r < 0 ? r : baseline_flush(f->baseline, err);
	f->stats.saves += r == 0;
	f->cost_ms += clock_mono_ms() - from;
	return r;
}

int follow_save(struct follow *f, uint64_t acked, struct err *err)
{
	if (f->changed && !f->snap.len && !f->put_failed) {
		int64_t from = clock_mono_ms();
		tally_flush(f->tally, on_finding, f);
		if (f->put_failed)
			return err_set(err, (enum err_code)-f->put_failed, "", "a finding could not be kept");
		snapshot(f, &f->snap);
		baseline_mark(f->baseline);
		f->snap_seq = f->last_seq;
		f->changed = false;
		f->cost_ms = clock_mono_ms() - from;
	}
	return f->snap.len && acked >= f->snap_seq ? write_snapshot(f, err) : 0;
}

int follow_tick(struct follow *f, int64_t now_ms, uint64_t acked, struct err *err)
{
	struct correlate_stats before, after;
	correlator_stats(engine_correlator(f->engine), &before);
	engine_tick(f->engine, now_ms);
	if (clock_mono_ms() - f->swept_ms >= SWEEP_MS) {
		f->swept_ms = clock_mono_ms();
		sightings_tick(f->sightings, now_ms);
	}
	correlator_stats(engine_correlator(f->engine), &after);
	f->changed |= before.held != after.held || before.fired != after.fired; /* what was held has gone its way */
	int64_t mono = clock_mono_ms();
	if (f->snap.len && acked >= f->snap_seq)
		return write_snapshot(f, err);
	int64_t usual = f->cost_ms > SAVE_CHEAP_MS ? f->cost_ms * SAVE_SHARE : 1000;
	if (mono - f->saved_ms < (f->o.save_ms ? f->o.save_ms : usual))
		return 0;
	f->saved_ms = mono;
	return follow_save(f, acked, err);
}

/* ---- reading */

static uint64_t first_eight(const unsigned char *p)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* When the last record of the series was taken in; INT64_MIN: this is the first. NULL: no memory. */
static int64_t *clock_of(struct follow *f, const struct segment_name *name)
{
	char key[SEGMENT_NAME_TEXT];
	if (f->clock && strcmp(f->clock_name.series, name->series) == 0 && strcmp(f->clock_name.org, name->org) == 0)
		return f->clock;
	snprintf(key, sizeof key, "%s/%s", name->org, name->series);
	int64_t *last = map_get(&f->clocks, str_from(key));
	if (!last) {
		last = mem_alloc(sizeof *last);
		if (!last || map_put(&f->clocks, str_from(key), last) < 0) {
			mem_free(last);
			return NULL;
		}
		*last = INT64_MIN;
	}
	f->clock_name = *name;
	return f->clock = last;
}

/* Within a series the times records were taken in at only grow, unless the clock was set back. Set forward is nothing
 * special: windows end, as they do in a silence. */
static void look_at_clock(struct follow *f, const struct reader_record *rec)
{
	int64_t *last = clock_of(f, &rec->name);
	if (!last)
		return;
	if (*last != INT64_MIN && rec->time_ms <= *last - CLOCK_STEP_MS) {
		bool service = strcmp(rec->name.org, "service") == 0;
		engine_clock_set(f->engine, service ? STR("") : str_from(rec->name.org), rec->time_ms - *last);
		f->stats.clock_set++;
	}
	*last = rec->time_ms;
}

static void one(struct follow *f, const struct reader_record *rec)
{
	char name[SEGMENT_NAME_TEXT];
	look_at_clock(f, rec);
	segment_name_format(&rec->name, name);
	struct engine_event ev = { .json = rec->data, .record = str_from(name), .salt = first_eight(rec->leaf) };
	f->stats.events++;
	f->stats.last_ingest_ms = rec->time_ms;
	if (engine_event(f->engine, &ev, NULL) < 0)
		f->stats.bad++;
	f->changed = true;
}

void follow_intel(struct follow *f, const struct intel *intel)
{
	f->intel = intel;
	engine_intel(f->engine, intel);
}

struct sightings *follow_sightings(struct follow *f)
{
	return f->sightings;
}

int follow_watch(struct follow *f, struct str list)
{
	f->changed = true;
	return tally_watch(f->tally, list);
}

unsigned follow_step(struct follow *f, unsigned max, struct err *err)
{
	struct reader_record rec;
	unsigned n = 0;
	err->code = 0;
	for (; n < max && !f->put_failed; n++) {
		int r = reader_next(f->reader, &rec, err);
		if (r == -E_AGAIN) {
			err->code = 0;
			break;
		}
		if (r < 0) {
			f->stats.faults++;
			break;
		}
		one(f, &rec);
	}
	if (f->put_failed) /* no memory for a finding: this process must not go on as if it had been sent */
		err_set(err, (enum err_code)-f->put_failed, "", "a finding could not be kept; start again from the saved state");
	return n;
}

bool follow_broken(const struct follow *f)
{
	return f->put_failed != 0;
}

int follow_fd(const struct follow *f)
{
	return reader_fd(f->reader);
}

int follow_rules(struct follow *f, const struct ruleset *rules, const struct facts *facts, struct err *err)
{
	struct engine *e;
	struct buf b;
	int r = make_engine(f, rules, facts, &e, err);
	if (r < 0)
		return r;
	buf_init(&b, STATE_MAX);
	correlator_save(engine_correlator(f->engine), &b);
	r = b.failed ? b.failed : correlator_restore(engine_correlator(e), buf_view(&b));
	buf_done(&b);
	if (r < 0) {
		engine_destroy(&e);
		return err_set(err, (enum err_code)-r, "", "the correlations' state could not be taken over");
	}
	engine_destroy(&f->engine);
	f->engine = e;
	f->changed = true;
	return 0;
}

/* What was brought in from files is of another time: judged as it came it would open incidents, and block, for what is long over. */
static int open_reader(struct follow *f, struct err *err)
{
	return reader_open(&(struct reader_opts){ .dir = f->segments, .key = f->o.key, .user = f->o.key_user, .except = "import|packets", .tag_only = true }, &f->reader, err);
}

/* A damaged one is set aside and learnt anew. */
static int open_baseline(struct follow *f, struct err *err)
{
	char file[PATH_MAX], aside[PATH_MAX + 8];
	if (snprintf(file, sizeof file, "%s.usual", f->state) >= (int)sizeof file)
		return err_set(err, E_INVALID, f->state, "the name is too long");
	int r = baseline_create(file, BASELINE_MAX, &f->baseline, err);
	if (r != -E_CORRUPT)
		return r;
	f->stats.faults++;
	snprintf(aside, sizeof aside, "%s.bad", file);
	log_err(LOG_LEVEL_ERROR, "", file, err);
	if (rename(file, aside) < 0)
		return err_errno(err, file, "cannot be set aside");
	if (err)
		err->code = 0;
	return baseline_create(file, BASELINE_MAX, &f->baseline, err);
}

int follow_open(const struct follow_opts *o, const struct ruleset *rules, const struct facts *facts, struct follow **ret,
                struct err *err)
{
	struct follow *f = mem_alloc(sizeof *f);
	if (!f)
		return err_set(err, E_NOMEM, "", "no memory");
	f->o = *o;
	buf_init(&f->snap, STATE_MAX);
	map_init(&f->clocks, 100000);
	f->segments = mem_strdup(o->segments);
	f->state = mem_strdup(o->state);
	int r = f->segments && f->state ? 0 : err_set(err, E_NOMEM, "", "no memory");
	if (r == 0)
		r = open_reader(f, err);
	if (r == 0)
		r = tally_create(&f->tally, err);
	if (r == 0)
		r = sightings_create(&f->sightings, err);
	if (r == 0)
		r = open_baseline(f, err);
	if (r == 0)
		r = make_engine(f, rules, facts, &f->engine, err);
	if (r == 0)
		r = restore(f, err);
	if (r == -E_CORRUPT || r == -E_INVALID) { /* everything again: uids keep what was reported from being told twice */
		f->stats.faults++;
		r = correlator_restore(engine_correlator(f->engine), STR(""));
		sightings_restore(f->sightings, STR(""));
		reader_close(&f->reader);
		if (r == 0)
			r = open_reader(f, err);
	} else if (r == 0 && err) {
		err->code = 0;
	}
	if (r < 0)
		follow_close(&f);
	else
		*ret = f;
	return r;
}

void follow_close(struct follow **fp)
{
	struct follow *f = *fp;
	if (!f)
		return;
	void *last;
	struct str key;
	for (size_t i = 0; map_next(&f->clocks, &i, &key, &last);) {
		map_del(&f->clocks, key);
		mem_free(last);
	}
	map_done(&f->clocks);
	reader_close(&f->reader);
	engine_destroy(&f->engine);
	tally_destroy(&f->tally);
	sightings_destroy(&f->sightings);
	baseline_destroy(&f->baseline);
	buf_done(&f->snap);
	mem_free(f->segments);
	mem_free(f->state);
	mem_free(f);
	*fp = NULL;
}

void follow_baseline(const struct follow *f, struct baseline_stats *ret)
{
	baseline_stats(f->baseline, ret);
}

void follow_stats(const struct follow *f, struct follow_stats *ret)
{
	*ret = f->stats;
}

struct engine *follow_engine(struct follow *f)
{
	return f->engine;
}
