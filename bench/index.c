/* bench-index: sealed segments into the event index and searches of it, as stored does both, with toride-indexd as it is shipped.
 *
 *   bench-index fill DIRECTORY SOCKET RECORDS PID seals that many records of proxy and resolver, then fills the index from them; PID: the engine's
 *   bench-index search SOCKET WORD ORG [FROM TO]  one search of one body, of a week up to now or of that span (ms UTC); milliseconds on stdout
 *                                                 INDEX_SEGMENTS: where the records are that aren't in the index
 *   bench-index text SEGMENTS ORG                 a body's records, one a line
 *   bench-index schema SOCKET                     makes the tables
 *   bench-index rollup SOCKET                     counts the days that are over: how many, seconds; then asks for a year by class: milliseconds, records
 *
 * Filling is told in records for a second of one core: the processor's time of both processes, merges of the engine included.
 * Limit of filling: the same rows, made before, handed to the same engine: no segment read, nothing decrypted or parsed. */
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "index/columns.h"
#include "index/fill.h"
#include "index/rollup.h"
#include "index/row.h"
#include "index/search.h"
#include "segment/fake_vault.h"
#include "segment/reader.h"
#include "segment/writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ORGS 21
#define HOSTS 20000u
#define RARE 60000u /* a page, always one of the first body: "rareword" */
#define WEEK_MS (7 * 86400000ll)

static uint64_t seed = 88172645463325252ull;
static uint64_t draw(void) /* xorshift64 */
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static unsigned zipf(unsigned n) /* roughly 1/x */
{
	double u = (double)(draw() >> 11) / 9007199254740992.0;
	return (unsigned)(pow((double)n, u)) - 1;
}

static void org_of(unsigned i, char dst[8])
{
	snprintf(dst, 8, "4%05u", 12015 + 8 * i);
}

/* Two thirds pages, a third questions; the newest last, a week in all. */
static struct str record(char *dst, size_t size, const char *org, uint64_t i, uint64_t count, int64_t now)
{
	int64_t t = now - WEEK_MS + (int64_t)((double)WEEK_MS * (double)i / (double)count);
	unsigned host = zipf(HOSTS), page = (unsigned)(draw() % 5000), a = (unsigned)(draw() % 12500);
	int n = i % 3 == 2
	          ? snprintf(dst, size, "{\"ingest_time\":%lld,\"org\":\"%s\",\"class_uid\":4003,\"time\":%lld,\"product\":\"unbound\",\"src_endpoint\":"
	                                "{\"ip\":\"10.%u.%u.%u\",\"port\":%u},\"dst_endpoint\":{\"ip\":\"100.64.1.53\",\"port\":53},\"query\":{\"hostname\":"
	                                "\"www.site%u.example.jp\",\"type\":\"A\"},\"rcode\":\"NOERROR\",\"answers\":[{\"type\":\"A\",\"rdata\":\"203.0.113.%u\","
	                                "\"ttl\":300}],\"traffic\":{\"bytes_in\":96},\"duration\":3,\"action\":\"Allowed\",\"disposition\":\"Allowed\"}",
	                     (long long)t, org, (long long)t, 1 + a / 65536, a / 256 % 256, a % 256, 1024 + page, host, host % 254)
	          : snprintf(dst, size, "{\"ingest_time\":%lld,\"org\":\"%s\",\"intake\":{\"source\":\"proxyd/0\",\"boot\":\"9f3c5a1d20b7e64c\",\"sequence\":%llu},"
	                                "\"class_uid\":4002,\"time\":%lld,\"product\":\"proxyd\",\"ref\":\"%08llX\",\"src_endpoint\":{\"ip\":\"10.%u.%u.%u\","
	                                "\"port\":%u},\"dst_endpoint\":{\"hostname\":\"www.site%u.example.jp\",\"ip\":\"203.0.113.%u\",\"port\":443},"
	                                "\"http_request\":{\"http_method\":\"GET\",\"user_agent\":\"Mozilla/5.0 (Windows NT 10.0; Win64; x64)\",\"url\":"
	                                "{\"url_string\":\"https://www.site%u.example.jp/p/%s%u.html\",\"scheme\":\"https\",\"hostname\":\"www.site%u.example.jp\","
	                                "\"path\":\"/p/%s%u.html\"}},\"http_response\":{\"code\":200,\"content_type\":\"text/html\",\"length\":%u},\"traffic\":"
	                                "{\"bytes_in\":%u,\"bytes_out\":412},\"duration\":%u,\"tls\":{\"version\":\"TLSv1.3\",\"sni\":\"www.site%u.example.jp\","
	                                "\"intercepted\":true},\"action\":\"Allowed\",\"disposition\":\"Allowed\",\"rule\":{\"uid\":\"url.default\"},\"verdict\":\"clean\"}",
	                     (long long)t, org, (unsigned long long)i, (long long)t, (unsigned long long)(draw() & 0xffffffff), 1 + a / 65536,
	                     a / 256 % 256, a % 256, 1024 + page, host, host % 254, host, i % RARE == 0 ? "rareword/" : "", page, host,
	                     i % RARE == 0 ? "rareword/" : "", page, page * 31, page * 31, page % 400, host);
	return (struct str){ dst, (size_t)n };
}

static int seal_all(const char *dir, uint64_t count, uint64_t *ret_bytes, struct err *err)
{
	struct writer *w = NULL;
	char text[2048], org[8];
	int64_t now = clock_now_ms();
	struct writer_opts o = { .dir = dir, .key = fake_key, .seal = fake_seal };
	int r = writer_open(&o, &w, err);
	for (uint64_t i = 0; i < count && r == 0; i++) {
		org_of(i % RARE ? (unsigned)(draw() % ORGS) : 0, org);
		struct str s = record(text, sizeof text, org, i, count, now);
		*ret_bytes += s.len;
		r = writer_append(w, org, "events", s, NULL, err);
		if (r == 0 && i % 20000 == 19999)
			r = writer_commit(w, err);
	}
	if (r == 0)
		r = writer_checkpoint(w, true, err);
	writer_close(&w);
	return r;
}

static double wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int engine_pid;

/* Seconds of the engine's processor time, utime and stime of proc(5). */
static double engine_cpu(void)
{
	char path[64], text[1024] = "";
	unsigned long user = 0, kernel = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", engine_pid);
	FILE *f = fopen(path, "re");
	if (f && fgets(text, sizeof text, f) && strrchr(text, ')'))
		sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
	if (f)
		fclose(f);
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static double both_cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return engine_cpu() + (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The limit: rows made before the clock runs. */
static int bare(const char *socket, uint64_t count, double *ret_s, struct err *err)
{
	struct client *c;
	struct buf rows, answer;
	struct row_maker m;
	char text[2048], org[8];
	int64_t now = clock_now_ms();
	buf_init(&rows, 64 * MIB);
	row_maker_init(&m);
	buf_init(&answer, MIB);
	struct client_opts o = { .socket_path = socket };
	int r = client_open(&o, &c, err);
	*ret_s = 0;
	for (const char *sql = "CREATE TABLE toride.bare AS toride.c4002_http_activity"; r == 0 && sql; sql = NULL)
		r = client_query(c, str_from(sql), &answer, err);
	for (uint64_t done = 0; r == 0 && done < count; done += FILL_ROWS) {
		buf_reset(&rows);
		index_row_head(&rows);
		for (uint64_t i = done; i < done + FILL_ROWS; i++) {
			struct segment_name name = { .segment = 1, .index = i, .series = "events" };
			struct event e;
			org_of((unsigned)(draw() % ORGS), org);
			snprintf(name.org, sizeof name.org, "%s", org);
			struct str s = record(text, sizeof text, org, i, count, now);
			event_parse(s, &e);
			row_put(&m, &rows, &e, &name, s);
			event_done(&e);
		}
		double began = both_cpu();
		r = client_insert(c, "INSERT INTO toride.bare FORMAT RowBinaryWithNamesAndTypes", buf_view(&rows), err);
		*ret_s += both_cpu() - began;
	}
	if (r == 0)
		r = client_query(c, STR("DROP TABLE toride.bare"), &answer, err);
	client_close(&c);
	buf_done(&rows);
	row_maker_done(&m);
	buf_done(&answer);
	return r;
}

static int fill_all(const char *dir, const char *socket, uint64_t count, struct err *err)
{
	char segments[512], state[512];
	struct fill *f = NULL;
	uint64_t bytes = 0;
	double limit_s = 0;
	snprintf(segments, sizeof segments, "%s/segments", dir);
	snprintf(state, sizeof state, "%s/fill", dir);
	int r = fs_mkdirs(state, 0700, err);
	if (r == 0)
		r = seal_all(segments, count, &bytes, err);
	struct fill_opts o = { segments, state, fake_key, NULL, { .socket_path = socket }, 0 };
	if (r == 0)
		r = fill_open(&o, &f, err);
	double began = both_cpu();
	while (r >= 0 && fill_stats(f)->records < count)
		r = fill_step(f, err);
	double took = both_cpu() - began;
	if (r >= 0 && fill_stats(f)->records != count)
		r = err_set(err, E_CORRUPT, "index", "%llu records instead of %llu", (unsigned long long)fill_stats(f)->records, (unsigned long long)count);
	fill_close(&f);
	if (r >= 0)
		r = bare(socket, count / 4, &limit_s, err);
	if (r >= 0)
		printf("%.0f %.0f %.1f\n", (double)count / took, (double)count / 4 / limit_s, (double)bytes / (double)count);
	return r;
}

static int schema(const char *socket, struct err *err)
{
	struct client *c;
	struct buf b, answer;
	struct client_opts o = { .socket_path = socket };
	struct str rest, one;
	buf_init(&b, MIB);
	buf_init(&answer, MIB);
	index_schema(&b);
	int r = client_open(&o, &c, err);
	for (rest = buf_view(&b); r == 0 && str_next(&rest, ';', &one);)
		r = one.len > 2 ? client_query(c, one, &answer, err) : 0;
	client_close(&c);
	buf_done(&answer);
	buf_done(&b);
	return r;
}

static int rollup(const char *socket, struct err *err)
{
	struct client *c;
	struct client_opts o = { .socket_path = socket, .timeout_ms = 3600000 };
	struct rollup_ask a = { .by = "class", .to_ms = clock_now_ms() };
	struct buf b;
	unsigned days = ROLLUP_TURN, all = 0;
	double began = wall(), counted;
	buf_init(&b, 4 * MIB);
	a.from_ms = a.to_ms - 400 * 86400000ll;
	int r = client_open(&o, &c, err);
	for (; r == 0 && days == ROLLUP_TURN; all += days)
		r = rollup_pass(c, a.to_ms, &days, err);
	counted = wall();
	r = r < 0 ? r : rollup_run(c, &a, &b, err);
	if (r == 0)
		printf("%u %.1f %.1f %s\n", all, counted - began, (wall() - counted) * 1000, buf_cstr(&b));
	client_close(&c);
	buf_done(&b);
	return r;
}

/* A body's records, for grep. */
static int text(const char *dir, const char *org, struct err *err)
{
	struct reader *rd = NULL;
	struct reader_record rec;
	struct reader_opts o = { .dir = dir, .key = fake_key, .org = org };
	int r = reader_open(&o, &rd, err);
	while (r == 0 && (r = reader_next(rd, &rec, err)) == 0)
		printf(STR_FMT "\n", STR_ARG(rec.data));
	reader_close(&rd);
	return r == -E_AGAIN ? 0 : r;
}

static int search(const char *socket, const char *word, const char *org, const char *const *span, struct err *err)
{
	struct client *c;
	struct client_opts o = { .socket_path = socket };
	struct buf b;
	struct search s = { .to_ms = clock_now_ms() + 1000, .limit = 50 };
	struct pick_opts sealed = { getenv("INDEX_SEGMENTS"), fake_key, NULL };
	s.from_ms = s.to_ms - WEEK_MS;
	if (span) {
		s.from_ms = atoll(span[0]);
		s.to_ms = atoll(span[1]);
	}
	str_copy(str_from(word), s.query, sizeof s.query);
	str_copy(str_from(org), s.org, sizeof s.org);
	buf_init(&b, 64 * MIB);
	bool whole;
	int r = client_open(&o, &c, err);
	double began = wall();
	if (r == 0)
		r = search_run(c, &s, sealed.dir ? &sealed : NULL, &b, &whole, err);
	if (r == 0)
		printf("%.2f %d\n", (wall() - began) * 1000, strstr(buf_cstr(&b), ",\"incomplete\":true") ? -1 : strstr(buf_cstr(&b), "\"name\"") != NULL);
	client_close(&c);
	buf_done(&b);
	return r;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	int r;
	if (argc == 6 && strcmp(argv[1], "fill") == 0) {
		engine_pid = atoi(argv[5]);
		r = fill_all(argv[2], argv[3], strtoull(argv[4], NULL, 10), &err);
	} else if ((argc == 5 || argc == 7) && strcmp(argv[1], "search") == 0) {
		const char *span[] = { argc == 7 ? argv[5] : "", argc == 7 ? argv[6] : "" };
		r = search(argv[2], argv[3], argv[4], argc == 7 ? span : NULL, &err);
	} else if (argc == 4 && strcmp(argv[1], "text") == 0) {
		r = text(argv[2], argv[3], &err);
	} else if (argc == 3 && strcmp(argv[1], "rollup") == 0) {
		r = rollup(argv[2], &err);
	} else if (argc == 3 && strcmp(argv[1], "schema") == 0) {
		r = schema(argv[2], &err);
	} else {
		fprintf(stderr, "usage: bench-index fill DIRECTORY SOCKET RECORDS PID | search SOCKET WORD ORG [FROM TO] | text SEGMENTS ORG | schema SOCKET | rollup SOCKET\n");
		return 2;
	}
	if (r < 0)
		fprintf(stderr, "bench-index: %s: %s\n", err.path, err.msg);
	return r < 0 ? 4 : 0;
}
