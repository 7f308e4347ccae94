/* See fill.h. */
#include "index/fill.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "index/behind.h"
#include "index/columns.h"
#include "index/native.h"
#include "index/refill.h"
#include "index/row.h"
#include "index/rows.h"
#include "segment/reader.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE_TEXT_MAX (8u * MIB)
#define EXISTING_MAX (8 * FILL_ROWS) /* several may die in a row, each after a batch */
#define TABLES 16
#define ROWS_MAX (FILL_BYTES + 8 * MIB) /* less than SERVE_BODY_MAX */

#define REST_MS 3000 /* the reader tries again each second what couldn't be read */

#define OWNER 32 /* hex digits */

struct fill {
	struct fill_opts o;
	char dir[PATH_MAX]; /* where this index's place and intent are kept: STATE, or of a cluster's STATE/OWNER */
	struct client *client;
	struct reader *reader;
	struct buf rows[TABLES];    /* one a table, with its head once it has a row */
	struct rows blocks[TABLES]; /* the same as they are handed over; open once there was one */
	struct row_maker maker;
	struct buf wrapped;   /* what isn't an event, as one */
	void *room;           /* EVENT_ROOM, for parsing */
	struct map existing; /* names the index had behind the place */
	int64_t fault_ms;    /* monotonic: the last time that something couldn't be read; 0: never */
	uint32_t n_rows;
	size_t bytes;
	int64_t first_ms;                 /* monotonic: when the batch got its first row */
	int64_t arrival_low, arrival_high; /* of the batch, and of what the index has behind the place */
	uint32_t day;                     /* rebuilding this one alone, up to `until` */
	char order[32];                   /* its name */
	struct buf until_text;            /* the place when it began, and the same by series: */
	struct map until;                 /* "ORG/SERIES" -> struct segment_name */
	int64_t newest_ms;                /* arrival of the newest put in */
	struct refill refill;             /* what was ordered is under way */
	struct fill_stats stats;
};

static const char *state_file(const char *dir, const char *name, char dst[PATH_MAX])
{
	if (snprintf(dst, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		bug("the state directory's name is too long");
	return dst;
}

/* "" when the file isn't there. */
static int read_state(const char *dir, const char *name, struct buf *b, struct err *err)
{
	char path[PATH_MAX];
	buf_reset(b);
	return fs_exists(state_file(dir, name, path)) ? fs_read(path, b, err) : 0;
}

static int write_state(const char *dir, const char *name, struct str data, struct err *err)
{
	char path[PATH_MAX];
	return fs_write(state_file(dir, name, path), data, 0600, err);
}

static int remove_state(const char *dir, const char *name, struct err *err)
{
	char path[PATH_MAX];
	if (unlink(state_file(dir, name, path)) < 0 && errno != ENOENT)
		return err_errno(err, path, "cannot be removed");
	return fs_sync_dir(dir, err);
}

/* ---- the tables ---- */

/* Does it make a table that is there, by these lines of names, or the database, which is there with any? */
static bool is_made(struct str statement, struct str there)
{
	static const char table[] = "CREATE TABLE IF NOT EXISTS toride.", database[] = "CREATE DATABASE ";
	struct str one, name;
	statement = str_starts(statement, STR("\n")) ? (struct str){ statement.ptr + 1, statement.len - 1 } : statement;
	if (str_starts(statement, STR(database)))
		return there.len > 0;
	if (!str_starts(statement, STR(table)))
		return false;
	statement.ptr += sizeof table - 1;
	statement.len -= sizeof table - 1;
	if (!str_next(&statement, ' ', &name))
		return false;
	while (str_next(&there, '\n', &one))
		if (str_eq(one, name))
			return true;
	return false;
}

/* Each statement of several, in order. What is made on each server of a cluster waits for all of them: so not what this one has. */
static int run_each(struct fill *f, struct str statements, struct err *err)
{
	struct buf answer, there;
	struct str one;
	bool everywhere = f->o.client.cluster.database && *f->o.client.cluster.cluster;
	buf_init(&answer, MIB);
	buf_init(&there, MIB);
	int r = everywhere ? client_query(f->client, STR("SELECT name FROM system.tables WHERE database = 'toride'"), &there, err) : 0;
	while (r == 0 && str_next(&statements, ';', &one))
		if (one.len > 2 && !is_made(one, buf_view(&there)))
			r = client_query(f->client, one, &answer, err);
	buf_done(&there);
	buf_done(&answer);
	return r;
}

static int make_tables(struct fill *f, struct err *err)
{
	struct buf b;
	buf_init(&b, MIB);
	index_schema(&b);
	int r = run_each(f, buf_view(&b), err);
	buf_done(&b);
	return r;
}

/* One statement a table, with its name in the middle. */
static int for_each_table(struct client *c, const char *before, const char *after, struct err *err)
{
	struct buf sql, answer;
	int r = 0;
	buf_init(&sql, MIB);
	buf_init(&answer, MIB);
	for (size_t i = 0; r == 0 && i < index_table_count(); i++) {
		buf_reset(&sql);
		buf_printf(&sql, "%s toride.%s %s", before, index_tables[i].name, after);
		r = sql.failed ? err_set(err, E_NOMEM, "", "no memory") : client_query(c, buf_view(&sql), &answer, err);
	}
	buf_done(&answer);
	buf_done(&sql);
	return r;
}

static int number_of(struct client *c, const char *sql, uint64_t *ret, struct err *err)
{
	struct buf b;
	buf_init(&b, 4096);
	int r = client_query(c, str_from(sql), &b, err);
	struct str s = buf_view(&b);
	while (s.len && s.ptr[s.len - 1] == '\n')
		s.len--;
	if (r == 0 && !str_to_u64(s, UINT64_MAX / 2, ret))
		r = err_set(err, E_INVALID, "index", "answered " STR_FMT " where a number was asked for", STR_ARG(s));
	buf_done(&b);
	return r;
}

/* A data directory that was emptied under us begins again. */
static int begin_again_if_empty(struct fill *f, struct err *err)
{
	uint64_t n = 0;
	int r = number_of(f->client, "SELECT count() FROM system.tables WHERE database = 'toride' AND name LIKE 'c%'", &n, err);
	return r == 0 && n == 0 ? remove_state(f->dir, "place", err) : r;
}

/* ---- whose it is ---- */

/* This name is written there, and a directory here, which comes first: that it is there makes the index ours. */
static int take_over(struct fill *f, char owner[OWNER + 1], struct err *err)
{
	unsigned char id[OWNER / 2];
	char sql[128];
	struct buf b;
	if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
		return err_errno(err, "index", "no random name");
	hex_format(id, sizeof id, owner);
	if (mkdir(state_file(f->o.state, owner, f->dir), 0700) < 0)
		return err_errno(err, f->dir, "cannot be made");
	int r = fs_sync_dir(f->o.state, err);
	buf_init(&b, MIB);
	snprintf(sql, sizeof sql, "INSERT INTO toride.owner SELECT '%s', 0", owner);
	r = r < 0 ? r : client_query(f->client, str_from(sql), &b, err);
	buf_done(&b);
	return r;
}

/* "" when nobody has filled it yet. */
static int read_owner(struct fill *f, char owner[OWNER + 1], struct err *err)
{
	struct buf b;
	struct str rest, line, second;
	buf_init(&b, 64 * KIB);
	int r = client_query(f->client, STR("SELECT DISTINCT id FROM toride.owner LIMIT 2"), &b, err);
	rest = buf_view(&b);
	*owner = 0;
	if (r == 0 && str_next(&rest, '\n', &line) && line.len &&
	    (line.len != OWNER || strspn(line.ptr, "0123456789abcdef") < OWNER || !str_copy(line, owner, OWNER + 1) || (str_next(&rest, '\n', &second) && second.len)))
		r = err_set(err, E_DENIED, "index", "two or more fill it: its administrator has to drop the database, and give each one of its own");
	buf_done(&b);
	return r;
}

/* A cluster's alone: the embedded one is ours. */
static int find_owner(struct fill *f, struct err *err)
{
	char owner[OWNER + 1];
	struct buf b;
	int r;
	str_clip(f->o.state, f->dir, sizeof f->dir);
	if (!f->o.client.cluster.database)
		return 0;
	buf_init(&b, 64 * KIB);
	index_owner_schema(&b);
	r = run_each(f, buf_view(&b), err);
	if (r == 0 && *f->o.client.cluster.cluster) /* its name may have been written by another of them just before */
		r = client_query(f->client, STR("SYSTEM SYNC REPLICA toride.owner"), &b, err);
	buf_done(&b);
	r = r < 0 ? r : read_owner(f, owner, err);
	if (r == 0 && !*owner) {
		r = take_over(f, owner, err);
		r = r < 0 ? r : read_owner(f, owner, err); /* somebody else at the same moment? */
	}
	if (r == 0 && !fs_exists(state_file(f->o.state, owner, f->dir)))
		r = err_set(err, E_DENIED, "index", "another installation's records are in the database, or this node's state was lost: its administrator has to drop the database, or another be named");
	return r;
}

/* At a cluster one of a process that was killed, or gave up, may still run, at any of its servers, and its rows aren't there yet (the embedded one: settle()). */
static int wait_for_inserts(struct fill *f, struct err *err)
{
	char sql[256];
	struct buf b;
	struct str rest, line;
	if (!f->o.client.cluster.database)
		return 0;
	buf_init(&b, 4096);
	snprintf(sql, sizeof sql, "SELECT count() FROM system.processes WHERE startsWith(query, 'INSERT INTO %s.c')", f->o.client.cluster.database);
	int r = client_query_each(f->client, str_from(sql), &b, err);
	for (rest = buf_view(&b); r == 0 && str_next(&rest, '\n', &line);)
		if (line.len && !str_eq(line, STR("0")))
			r = err_set(err, E_CLOSED, "index", "rows that were sent before are still being written");
	buf_done(&b);
	return r;
}

/* Before it is read what is there: a server that the last rows haven't reached yet would be given them again. */
static int wait_for_replica(struct fill *f, struct err *err)
{
	bool replicated = f->o.client.cluster.database && *f->o.client.cluster.cluster;
	return replicated ? for_each_table(f->client, "SYSTEM SYNC REPLICA", "", err) : 0;
}

/* clusterd may have been told of another place before stored was: rows of one place must not go to another. */
static int still_ours(struct fill *f, struct err *err)
{
	char owner[OWNER + 1];
	if (!f->o.client.cluster.database)
		return 0;
	int r = read_owner(f, owner, err);
	return r == 0 && strcmp(owner, strrchr(f->dir, '/') + 1) != 0 ? err_set(err, E_CLOSED, "index", "it isn't where it was: it is looked at anew") : r;
}

/* A server that was renewed since: older tables have other types. */
static int check_types(struct fill *f, struct err *err)
{
	struct buf b;
	bool old = false;
	if (!f->o.client.cluster.database)
		return 0;
	buf_init(&b, KIB);
	int r = client_is_old(f->client, &old, err);
	r = r < 0 ? r : client_query(f->client, STR("SELECT type FROM system.columns WHERE database = 'toride' AND table = 'c0_other' AND name = 'arrival'"), &b, err);
	if (r == 0 && str_starts(buf_view(&b), STR("Int64")) != old)
		r = err_set(err, E_INVALID, "index", "its tables were made for another version of ClickHouse: toride log rebuild makes them anew");
	buf_done(&b);
	return r;
}

/* ---- where it stands ---- */

/* The range that the intent names: all that may be in the index behind the place, so also what the next batch finds there. */
static void widen(struct fill *f, int64_t arrival)
{
	bool first = f->arrival_high == 0;
	f->arrival_low = first || arrival < f->arrival_low ? arrival : f->arrival_low;
	f->arrival_high = first || arrival > f->arrival_high ? arrival : f->arrival_high;
}

/* Column by column, but to an old server; to the embedded engine in memory that both have. */
static int insert_into(struct fill *f, const struct index_table *t, const struct buf *rows, struct err *err)
{
	char sql[128];
	bool old = false;
	struct rows *block = &f->blocks[t - index_tables];
	int r = client_is_old(f->client, &old, err);
	snprintf(sql, sizeof sql, "INSERT INTO toride.%s FORMAT %s", t->name, old ? "RowBinaryWithNamesAndTypes" : "Native");
	if (r < 0 || old)
		return r < 0 ? r : client_insert(f->client, sql, buf_view(rows), err);
	r = block->fd < 0 ? rows_open(block, ROWS_MAX, err) : rows_begin(block, err);
	r = r < 0 ? r : native_block(buf_view(rows), &block->b, err);
	if (r < 0 || f->o.client.cluster.database)
		return r < 0 ? r : client_insert(f->client, sql, buf_view(&block->b), err);
	r = rows_end(block, err);
	return r < 0 ? r : client_hand_over(f->client, sql, block, err);
}

/* What one before us sent may still be going in: an insert of nothing waits its turn behind it. */
static int settle(struct fill *f, struct err *err)
{
	struct buf none;
	buf_init(&none, MIB);
	index_row_head(&none);
	int r = insert_into(f, &index_tables[0], &none, err);
	buf_done(&none);
	return r;
}

/* Of this or one before: nothing that was sent comes any more. */
static int wait_for_all(struct fill *f, struct err *err)
{
	int r = check_types(f, err);
	r = r < 0 ? r : settle(f, err);
	return r < 0 ? r : wait_for_inserts(f, err);
}

/* The names that one question finds. */
static int take_existing(struct fill *f, struct str sql, struct buf *answer, struct err *err)
{
	struct str rest, line;
	int r = client_query(f->client, sql, answer, err);
	for (rest = buf_view(answer); r == 0 && str_next(&rest, '\n', &line);)
		if (line.len && map_put(&f->existing, line, f) < 0)
			r = err_set(err, E_LIMIT, "index", "it has more records behind the place than a batch holds: rebuild it (toride log rebuild)");
	return r;
}

static int existing_between(struct fill *f, struct str place, const struct str *until, int64_t low, int64_t high, struct err *err)
{
	struct behind behind;
	struct buf sql, answer;
	buf_init(&sql, MIB);
	buf_init(&answer, 16 * MIB);
	int r = behind_open(&behind, place, until, err);
	while (r == 0 && behind_next(&behind, low, high, EXISTING_MAX + 1, &sql)) {
		r = sql.failed ? err_set(err, E_LIMIT, "place", "too long") : take_existing(f, buf_view(&sql), &answer, err);
		buf_reset(&sql);
	}
	behind_done(&behind);
	buf_done(&answer);
	buf_done(&sql);
	return r;
}

/* Two days of arrival around the batch would do; its own range, which the intent has, does exactly. until: of a day's rebuild, else NULL. */
static int load_existing(struct fill *f, struct str place, const struct str *until, struct err *err)
{
	struct buf b;
	struct str low = { 0 }, high;
	uint64_t from, to;
	buf_init(&b, KIB);
	int r = read_state(f->dir, until ? "day-intent" : "intent", &b, err);
	high = buf_view(&b);
	bool there = r == 0 && str_next(&high, ' ', &low) && str_to_u64(low, INT64_MAX, &from) && str_to_u64(high, INT64_MAX, &to);
	if (there)
		r = existing_between(f, place, until, (int64_t)from, (int64_t)to, err);
	if (there && r == 0 && f->existing.len) {
		widen(f, (int64_t)from);
		widen(f, (int64_t)to);
	}
	buf_done(&b);
	return r;
}

static bool is_existing(struct fill *f, const struct segment_name *n)
{
	char name[SEGMENT_NAME_TEXT];
	if (f->existing.len == 0)
		return false;
	int len = snprintf(name, sizeof name, "%s/%s/%u/%llu", n->org, n->series, n->segment, (unsigned long long)n->index);
	return map_del(&f->existing, (struct str){ name, (size_t)len }) != NULL;
}

/* ---- a rebuild ---- */

/* Each order is another one, also of the same day: what was done for the one before isn't gone on with. */
int fill_order_rebuild(const char *state, uint32_t day, struct err *err)
{
	unsigned char id[8];
	char text[32], hex[2 * sizeof id + 1];
	if (getrandom(id, sizeof id, 0) != (ssize_t)sizeof id)
		return err_errno(err, "index", "no random name");
	hex_format(id, sizeof id, hex);
	snprintf(text, sizeof text, "%u %s", day, hex);
	return write_state(state, "rebuild", str_from(text), err);
}

static int take_until(struct fill *f, struct str place)
{
	struct str line;
	while (str_next(&place, '\n', &line)) {
		char key[32];
		struct segment_name *n = mem_alloc(sizeof *n);
		if (!n)
			return -E_NOMEM;
		if (segment_name_parse(line, n) < 0) {
			mem_free(n);
			continue;
		}
		snprintf(key, sizeof key, "%s/%s", n->org, n->series);
		if (map_put(&f->until, str_from(key), n) < 0) {
			mem_free(n);
			return -E_NOMEM;
		}
	}
	return 0;
}

static void drop_until(struct fill *f)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(&f->until, &i, &key, &v);)
		mem_free(v);
	map_done(&f->until);
}

/* Day by day: what is there of it, up to where the index was. */

/* A file of the order that is under way: what stands behind its first line. Empty: there is none of this order. */
static int read_of_order(struct fill *f, const char *name, struct buf *b, struct err *err)
{
	struct str rest, order;
	int r = read_state(f->dir, name, b, err);
	rest = buf_view(b);
	if (r == 0 && str_next(&rest, '\n', &order) && str_eq(order, str_from(f->order)))
		buf_drop(b, order.len + 1);
	else
		buf_reset(b);
	return r;
}

static int write_of_order(struct fill *f, const char *name, struct str data, struct err *err)
{
	struct buf b;
	buf_init(&b, PLACE_TEXT_MAX + KIB);
	buf_printf(&b, "%s\n", f->order);
	buf_str(&b, data);
	int r = b.failed ? err_set(err, E_LIMIT, "place", "too long") : write_state(f->dir, name, buf_view(&b), err);
	buf_done(&b);
	return r;
}

static int remove_day(struct fill *f, struct err *err)
{
	int r = remove_state(f->dir, "day-place", err);
	r = r < 0 ? r : remove_state(f->dir, "day-intent", err);
	return r < 0 ? r : remove_state(f->dir, "day-until", err);
}

/* The day's rows go, and what stands behind `place` is left to the filling after it. day-until, written last, says that they are gone. */
static int day_begins(struct fill *f, struct str place, struct err *err)
{
	char tail[64];
	int r = refill_begin(&f->refill, f->o.state, f->day, err);
	r = r < 0 ? r : remove_day(f, err);
	r = r < 0 ? r : wait_for_all(f, err); /* a batch of the day's last rebuild would come behind its being dropped, and be there twice */
	snprintf(tail, sizeof tail, "DROP PARTITION %u", (unsigned)f->day);
	r = r < 0 ? r : for_each_table(f->client, "ALTER TABLE", tail, err);
	return r < 0 ? r : write_of_order(f, "day-until", place, err);
}

/* place gives up where the index is, and gets where the day's rebuild is. */
static int begin_day(struct fill *f, struct buf *place, struct err *err)
{
	struct buf *until = &f->until_text;
	int r = read_of_order(f, "day-until", until, err);
	if (r == 0 && until->len) /* else it was over, but for its end */
		r = refill_resume(&f->refill, f->o.state, f->day, err);
	if (r == 0 && until->len && f->refill.on) {
		buf_reset(place);
		r = read_of_order(f, "day-place", place, err);
		if (r == 0)
			log_info("", "index", "the rebuild of %u goes on from where it was", f->day);
	} else if (r == 0) {
		buf_reset(until);
		r = day_begins(f, buf_view(place), err);
		buf_str(until, buf_view(place));
		buf_reset(place);
	}
	if (r == 0 && (until->failed || take_until(f, buf_view(until)) < 0))
		r = err_set(err, E_NOMEM, "", "no memory");
	return r;
}

/* "20261129 0123456789abcdef": false when nothing was ordered. */
static bool parse_order(struct fill *f, struct str text, uint64_t *ret_day)
{
	struct str day, rest = text;
	return str_next(&rest, ' ', &day) && str_to_u64(day, 99999999, ret_day) && str_copy(text, f->order, sizeof f->order);
}

static int begin_all(struct fill *f, struct buf *place, struct err *err)
{
	int r = for_each_table(f->client, "DROP TABLE IF EXISTS", "", err);
	if (r == 0) /* it has the types of theirs */
		r = run_each(f, STR("DROP TABLE IF EXISTS toride.events;"), err);
	if (r == 0)
		r = remove_state(f->dir, "place", err);
	if (r == 0)
		r = refill_begin(&f->refill, f->o.state, 0, err);
	if (r == 0)
		r = remove_state(f->o.state, "rebuild", err);
	buf_reset(place);
	return r;
}

/* What was ordered, if anything. */
static int begin_rebuild(struct fill *f, struct buf *place, struct err *err)
{
	struct buf b;
	uint64_t day = 0;
	buf_init(&b, 64);
	int r = read_state(f->o.state, "rebuild", &b, err);
	bool ordered = r == 0 && parse_order(f, buf_view(&b), &day);
	buf_done(&b);
	if (r == 0 && ordered && !day)
		r = begin_all(f, place, err);
	if (r == 0)
		r = make_tables(f, err);
	if (r == 0 && !ordered)
		r = refill_resume(&f->refill, f->o.state, 0, err);
	if (r < 0 || !ordered || !day)
		return r;
	f->day = (uint32_t)day;
	return begin_day(f, place, err);
}

/* Rebuilding a day: is this record one of it that the index had? */
static bool of_day(const struct fill *f, const struct segment_name *n, int64_t arrival_ms)
{
	char key[32];
	if (!f->day)
		return true;
	snprintf(key, sizeof key, "%s/%s", n->org, n->series);
	const struct segment_name *u = map_get(&f->until, str_from(key));
	return u && index_day(arrival_ms) == f->day && (n->segment < u->segment || (n->segment == u->segment && n->index < u->index));
}

/* ---- opening ---- */

static int open_reader(struct fill *f, struct str place, struct err *err)
{
	struct reader_opts o = { .dir = f->o.segments, .key = f->o.key, .user = f->o.key_user, .except = "packets", .tag_only = true };
	int r = reader_open(&o, &f->reader, err);
	return r == 0 ? reader_restore(f->reader, place, err) : r;
}

static int open_all(struct fill *f, struct err *err)
{
	struct buf place;
	buf_init(&place, PLACE_TEXT_MAX);
	int r = client_open(&f->o.client, &f->client, err);
	if (r == 0)
		r = find_owner(f, err);
	if (r == 0)
		r = begin_again_if_empty(f, err);
	if (r == 0)
		r = read_state(f->dir, "place", &place, err);
	if (r == 0)
		r = begin_rebuild(f, &place, err);
	if (r == 0)
		r = wait_for_all(f, err);
	if (r == 0)
		r = wait_for_replica(f, err);
	struct str until = buf_view(&f->until_text);
	if (r == 0)
		r = load_existing(f, buf_view(&place), f->day ? &until : NULL, err);
	if (r == 0)
		r = open_reader(f, buf_view(&place), err);
	buf_done(&place);
	return r;
}

int fill_open(const struct fill_opts *o, struct fill **ret, struct err *err)
{
	struct fill *f = mem_alloc(sizeof *f);
	void *room = mem_alloc(EVENT_ROOM);
	if (!f || !room || index_table_count() > TABLES) {
		mem_free(room);
		mem_free(f);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	*f = (struct fill){ .o = *o, .room = room };
	f->o.rows = f->o.rows ? f->o.rows : FILL_ROWS;
	map_init(&f->existing, EXISTING_MAX);
	map_init(&f->until, 1000000);
	buf_init(&f->until_text, PLACE_TEXT_MAX + KIB);
	row_maker_init(&f->maker);
	buf_init(&f->wrapped, EVENT_MAX * 4);
	for (size_t i = 0; i < TABLES; i++) {
		buf_init(&f->rows[i], ROWS_MAX);
		f->blocks[i].fd = -1;
	}
	int r = open_all(f, err);
	if (r < 0)
		fill_close(&f);
	else
		*ret = f;
	return r;
}

void fill_close(struct fill **fp)
{
	struct fill *f = *fp;
	*fp = NULL;
	if (!f)
		return;
	for (size_t i = 0; i < TABLES; i++)
		buf_done(&f->rows[i]);
	for (size_t i = 0; i < TABLES; i++)
		rows_close(&f->blocks[i]);
	row_maker_done(&f->maker);
	buf_done(&f->wrapped);
	mem_free(f->room);
	buf_done(&f->until_text);
	drop_until(f);
	map_done(&f->existing);
	refill_done(&f->refill);
	reader_close(&f->reader);
	client_close(&f->client);
	mem_free(f);
}

/* ---- a batch ---- */

static int insert_all(struct fill *f, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < index_table_count(); i++) {
		if (f->rows[i].failed)
			return err_set(err, (enum err_code)-f->rows[i].failed, "index", "a batch grew too large");
		if (f->rows[i].len)
			r = insert_into(f, &index_tables[i], &f->rows[i], err);
	}
	return r;
}

static int keep_place(struct fill *f, struct err *err)
{
	struct buf b;
	buf_init(&b, PLACE_TEXT_MAX);
	reader_save(f->reader, &b);
	int r = b.failed ? err_set(err, E_LIMIT, "place", "too long") : f->day ? write_of_order(f, "day-place", buf_view(&b), err) : write_state(f->dir, "place", buf_view(&b), err);
	buf_done(&b);
	return r;
}

static void empty(struct buf *b, bool few)
{
	if (few && b->cap > MIB) {
		buf_done(b);
		buf_init(b, ROWS_MAX);
	}
	buf_reset(b);
}

/* What a backlog took goes back behind it. */
static void empty_rows(struct fill *f)
{
	bool few = f->bytes < FILL_BYTES / 4;
	f->n_rows = 0;
	f->bytes = 0;
	for (size_t i = 0; i < TABLES; i++) {
		bool used = f->rows[i].len > 0;
		empty(&f->rows[i], few);
		if (!used && f->blocks[i].fd >= 0) /* else as much as this time is kept */
			rows_close(&f->blocks[i]);
	}
}

int fill_flush(struct fill *f, struct err *err)
{
	char range[64];
	if (f->n_rows == 0)
		return 0;
	snprintf(range, sizeof range, "%lld %lld", (long long)f->arrival_low, (long long)f->arrival_high);
	int r = write_state(f->dir, f->day ? "day-intent" : "intent", str_from(range), err);
	if (r == 0)
		r = still_ours(f, err);
	if (r == 0)
		r = insert_all(f, err);
	if (r == 0)
		r = keep_place(f, err);
	if (r < 0)
		return r;
	f->stats.records += f->n_rows;
	f->stats.batches++;
	f->stats.last_arrival_ms = f->newest_ms;
	if (f->existing.len == 0)
		f->arrival_low = f->arrival_high = 0;
	empty_rows(f);
	return 0;
}

/* What isn't an event is found by its words all the same. */
static void wrap(struct fill *f, const struct reader_record *rec, struct event *ret)
{
	buf_reset(&f->wrapped);
	buf_printf(&f->wrapped, "{\"class_uid\":0,\"time\":%lld", (long long)rec->time_ms);
	json_field(&f->wrapped, "message", rec->data);
	buf_putc(&f->wrapped, '}');
	f->stats.bad++;
	if (f->wrapped.failed || event_parse(buf_view(&f->wrapped), ret) < 0)
		event_parse(STR("{}"), ret);
}

/* Of a page's record the index is asked more than its columns tell (refusals.c, sites.c), and of what has a fingerprint of TLS (sql.c): they stand there whole. Of all
 * others it keeps the name, by which a search has them from their segment (original.h). */
static bool is_asked(const struct index_table *t, const struct event *e)
{
	bool any = t->class_uid == 4002;
	for (size_t i = 0; !any && i < COLUMN_PATHS && column_ja4.paths[i]; i++)
		any = event_get(e, column_ja4.paths[i]);
	return any;
}

static void add(struct fill *f, const struct reader_record *rec)
{
	struct event e;
	if (event_parse_in(rec->data, f->room, EVENT_ROOM, &e) < 0)
		wrap(f, rec, &e);
	int64_t arrival = index_arrival_ms(&e);
	if (!is_existing(f, &rec->name) && of_day(f, &rec->name, arrival)) {
		const struct index_table *t = index_table_of((uint32_t)yyjson_get_uint(event_get(&e, "class_uid")));
		struct buf *b = &f->rows[t - index_tables];
		size_t before = b->len;
		if (b->len == 0)
			index_row_head(b);
		row_put(&f->maker, b, &e, &rec->name, is_asked(t, &e) ? rec->data : STR(""));
		f->bytes += b->len - before;
		if (f->n_rows++ == 0)
			f->first_ms = clock_mono_ms();
		f->newest_ms = arrival > f->newest_ms ? arrival : f->newest_ms;
		widen(f, arrival);
	}
	event_done(&e);
}

static int end_rebuild(struct fill *f, struct err *err)
{
	uint32_t day = f->refill.day;
	uint64_t lacking = 0;
	int r = fill_flush(f, err);
	if (r == 0)
		r = refill_end(&f->refill, &lacking, &f->stats.lacked_before, err);
	if (r == 0 && day)
		r = remove_state(f->o.state, "rebuild", err);
	if (r == 0 && day)
		r = remove_day(f, err);
	if (r < 0)
		return r;
	f->stats.rebuilt = true;
	f->stats.lacking = lacking;
	char what[32];
	snprintf(what, sizeof what, day ? "day %u" : "all", day);
	return lacking ? err_set(err, E_AGAIN, "index", "%s is filled again but for %llu segments that couldn't be read: %s: %s", what, (unsigned long long)lacking,
	                         refill_first(&f->refill), refill_why(&f->refill)) :
	                 err_set(err, E_AGAIN, "index", "%s is filled again", what);
}

/* Nothing more is there: what wasn't met by now has ended meanwhile; but for what couldn't be read yet (the vault isn't there), which would go in twice. */
static void forget_existing(struct fill *f)
{
	if (!f->fault_ms || clock_mono_ms() - f->fault_ms >= REST_MS)
		map_done(&f->existing);
}

int fill_step(struct fill *f, struct err *err)
{
	struct reader_record rec;
	struct err fault = { 0 };
	int x = 0;
	while (f->n_rows < f->o.rows && f->bytes < FILL_BYTES && x != -E_AGAIN) {
		x = reader_next(f->reader, &rec, &fault);
		if (x == 0) {
			refill_had(&f->refill, &rec.name);
			add(f, &rec);
		} else if (x != -E_AGAIN) {
			f->stats.faults++;
			f->fault_ms = clock_mono_ms();
			log_err(LOG_LEVEL_WARN, "", "segments", &fault);
			int r = refill_fault(&f->refill, &fault, err);
			if (r < 0)
				return r;
		}
	}
	if (x == -E_AGAIN)
		forget_existing(f);
	if (x == -E_AGAIN && f->refill.on && refill_is_over(&f->refill))
		return end_rebuild(f, err);
	if (x == -E_AGAIN && f->n_rows && clock_mono_ms() - f->first_ms < FILL_MS)
		return 0;
	int r = fill_flush(f, err);
	return r < 0 ? r : x != -E_AGAIN;
}

int fill_fd(const struct fill *f)
{
	return reader_fd(f->reader);
}

const struct fill_stats *fill_stats(const struct fill *f)
{
	return &f->stats;
}

/* ---- retention ---- */

int fill_forget(struct client *c, const char *org, struct err *err)
{
	char where[48];
	snprintf(where, sizeof where, "WHERE org = '%.7s'", org);
	return for_each_table(c, "DELETE FROM", where, err);
}

int fill_expire(struct client *c, struct str rows, unsigned days, struct err *err)
{
	char tail[256], sql[512];
	struct buf answer;
	struct str rest, day;
	int64_t limit = clock_now_ms() - (int64_t)days * 86400000;
	if (rows.len) {
		struct buf b;
		buf_init(&b, MIB);
		buf_printf(&b, "WHERE arrival < fromUnixTimestamp64Milli(%lld) AND (" STR_FMT ")", (long long)limit, STR_ARG(rows));
		int x = b.failed ? err_set(err, E_NOMEM, "", "no memory") : for_each_table(c, "DELETE FROM", buf_cstr(&b), err);
		buf_done(&b);
		return x;
	}
	buf_init(&answer, MIB);
	snprintf(sql, sizeof sql, "SELECT DISTINCT partition FROM system.parts WHERE database = 'toride' AND active AND toUInt32OrZero(partition) < %u", index_day(limit));
	int r = client_query(c, str_from(sql), &answer, err);
	rest = buf_view(&answer);
	while (r == 0 && str_next(&rest, '\n', &day)) {
		uint64_t n;
		if (!str_to_u64(day, 99999999, &n))
			continue;
		snprintf(tail, sizeof tail, "DROP PARTITION %u", (unsigned)n);
		r = for_each_table(c, "ALTER TABLE", tail, err);
	}
	buf_done(&answer);
	return r;
}
