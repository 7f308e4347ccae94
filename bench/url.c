/* bench-url: the URL index at ten million entries: import, size, opening, decisions.
 *
 * Lists: ten files as bought ones are, a million lines each: nine of domains (two to four labels), one of host/path. Asked is
 * what a prefecture's terminals ask: hosts by Zipf(1) out of 400,000, names of two to four labels with a path of 20 to 60
 * bytes; one in twenty is on a list, half of those below a listed domain or path. A decision begins with the text as the
 * client sent it: normalised, then an organisation's own lists of 200 patterns, then the index.
 *
 * Peers: url.sh asks squidGuard the same; here `limit`: one look into a plain table of 64-bit hashes of the same size, the hash ready: what memory costs anyone.
 * CPU seconds, so that others at work on the machine don't count.   Usage: bench-url DIRECTORY [ENTRIES] */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "url/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FILES 10
#define HOSTS 400000
#define ASKED 2000000
#define BATCH 16
#define OWN 200

static double seconds(clockid_t which)
{
	struct timespec t;
	clock_gettime(which, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
	return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

/* The i-th domain of a family: "listed" ones and others never meet. */
static int domain(char *dst, size_t size, uint64_t i, bool listed)
{
	static const char *const top[] = { "com", "net", "jp", "co.jp", "org", "info", "ru", "cn", "xyz", "shop" };
	static const char *const sub[] = { "", "", "", "", "", "m.", "cdn.", "blog.", "img.", "a1." };
	uint64_t h = mix(2 * i + listed);
	return snprintf(dst, size, "%s%c%llx%s.%s", sub[h % 10], listed ? 'l' : 'w', (unsigned long long)i, h & 1024 ? "site" : "x", top[h / 16 % 10]);
}

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "bench-url: %s: %s\n", what, err->msg);
	exit(4);
}

static void write_lists(const char *dir, uint64_t entries, struct err *err)
{
	char path[512], name[256];
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	for (uint64_t f = 0; f < FILES; f++) {
		buf_reset(&b);
		for (uint64_t i = f * entries / FILES; i < (f + 1) * entries / FILES; i++) {
			domain(name, sizeof name, i, true);
			if (f == FILES - 1)
				buf_printf(&b, "%s/p%llu/file.html\n", name, (unsigned long long)(i % 7));
			else
				buf_printf(&b, "%s\n", name);
		}
		snprintf(path, sizeof path, "%s/list%llu.txt", dir, (unsigned long long)f);
		if (fs_write(path, buf_view(&b), 0644, err) < 0)
			die(path, err);
	}
	buf_done(&b);
}

static uint64_t import(const char *dir, const char *out, struct err *err)
{
	char path[512];
	struct url_import im = { 0 };
	struct buf b;
	uint64_t entries = 0;
	buf_init(&b, SIZE_MAX / 2);
	if (url_build_create(&im.build, err) < 0)
		die("import", err);
	for (int f = 0; f < FILES; f++) {
		snprintf(path, sizeof path, "%s/list%d.txt", dir, f);
		if (url_import_list(&im, path, URL_FORMAT_PLAIN, NULL, err) < 0)
			die(path, err);
	}
	if (url_build_finish(im.build, clock_now_ms(), &b, &entries, err) < 0 || fs_write(out, buf_view(&b), 0644, err) < 0)
		die(out, err);
	buf_done(&b);
	url_build_destroy(&im.build);
	return entries;
}

/* ---- questions ---- */

struct question {
	const char *host;
	uint16_t host_len, path_len; /* the path follows the host */
	bool https;
};

static struct question *make_questions(uint64_t entries, struct buf *text)
{
	struct question *q = mem_array(ASKED, sizeof *q);
	size_t *at = mem_array(ASKED, sizeof *at);
	char name[256];
	double total = log(HOSTS + 1.0);
	srand48(1);
	for (size_t i = 0; i < ASKED; i++) {
		uint64_t rank = (uint64_t)exp(drand48() * total), r = (uint64_t)lrand48();
		bool listed = r % 20 == 0;
		at[i] = text->len;
		if (listed && r & 64)
			buf_puts(text, "www.");
		/* A listed name is as popular as another of its rank. */
		domain(name, sizeof name, listed ? mix(rank) % entries : rank, listed);
		if (!listed && r & 32)
			buf_puts(text, "www.");
		buf_puts(text, name);
		q[i].host_len = (uint16_t)(text->len - at[i]);
		q[i].https = r & 128;
		buf_printf(text, "/p%llu/file.html/%llx-%.*s", (unsigned long long)(r / 256 % 7), (unsigned long long)mix(r),
		           (int)(r % 30), "abcdefghijklmnopqrstuvwxyz0123456789");
		q[i].path_len = (uint16_t)(text->len - at[i] - q[i].host_len);
	}
	for (size_t i = 0; i < ASKED; i++)
		q[i].host = text->ptr + at[i];
	mem_free(at);
	return q;
}

static bool ready(const struct question *q, struct url_target *t)
{
	const struct url_query u = { .scheme = q->https ? STR("https") : STR("http"), .host = { q->host, q->host_len },
		                     .path = { q->host + q->host_len, q->path_len } };
	return url_target_from(&u, t) == 0;
}

static struct url_policy_set *own_lists(struct err *err)
{
	struct buf b;
	struct url_policy_set *p = NULL;
	buf_init(&b, 1 * MIB);
	buf_puts(&b, "{\"black\":[");
	for (int i = 0; i < OWN; i++)
		buf_printf(&b, "%s\".own%d.example\"", i ? "," : "", i);
	buf_puts(&b, "],\"white\":[\"www.pref.example\",\".lg.example\"],\"categories\":[{\"id\":\"all\",\"action\":\"deny\",\"categories\":[");
	for (int f = 0; f < FILES; f++)
		buf_printf(&b, "%s\"x-list%d\"", f ? "," : "", f);
	buf_puts(&b, "]}]}");
	yyjson_doc *doc = yyjson_read(b.ptr, b.len, 0);
	if (url_policy_build(yyjson_doc_get_root(doc), "url", NULL, &p, err) < 0)
		die("policy", err);
	yyjson_doc_free(doc);
	buf_done(&b);
	return p;
}

static double singly(const struct url_index *x, const struct url_policy_set *p, const struct question *q, uint64_t *held)
{
	struct url_decision d;
	double began = cpu();
	for (size_t i = 0; i < ASKED; i++) {
		const struct url_query u = { .scheme = q[i].https ? STR("https") : STR("http"), .host = { q[i].host, q[i].host_len },
			                     .path = { q[i].host + q[i].host_len, q[i].path_len }, .now_ms = 1, .index = x };
		url_decide(p, &u, &d);
		*held += !d.allow;
	}
	return ASKED / (cpu() - began);
}

static double batched(const struct url_index *x, const struct question *q, uint64_t *held)
{
	static struct url_target t[BATCH];
	const struct url_target *all[BATCH];
	struct url_hit hit[BATCH];
	double began = cpu();
	for (size_t i = 0; i + BATCH <= ASKED; i += BATCH) {
		for (size_t k = 0; k < BATCH; k++) {
			ready(&q[i + k], &t[k]);
			all[k] = &t[k];
		}
		url_index_find_many(x, all, BATCH, hit);
		for (size_t k = 0; k < BATCH; k++)
			*held += hit[k].categories != 0;
	}
	return ASKED / (cpu() - began);
}

/* One look a question into a table as large as the index's. */
static double limit(uint64_t entries)
{
	size_t cap = 1;
	uint64_t found = 0;
	while (cap < entries * 4 / 3)
		cap *= 2;
	uint64_t *table = mem_array(cap, 2 * sizeof *table);
	for (uint64_t i = 0; i < entries; i++)
		table[2 * (mix(i) & (cap - 1))] = mix(i);
	double began = cpu();
	for (uint64_t i = 0; i < ASKED; i++) {
		uint64_t h = mix(i * 0x9e3779b97f4a7c15u + (found & 1)); /* each waits for the one before, as requests do */
		found += table[2 * (h & (cap - 1))] == h;
	}
	double rate = ASKED / (cpu() - began);
	if (found == ASKED) /* it is looked at, so it must be found out */
		rate = 0;
	mem_free(table);
	return rate;
}

static void figure(const char *name, double value, const char *unit, double peer, double goal)
{
	printf("figure %s %.4g %s peer ", name, value, unit);
	if (peer > 0)
		printf("limit %.4g ratio %.3g", peer, value / peer);
	else
		printf("- - ratio -");
	printf(" goal %.4g %s\n", goal, value >= goal ? "met" : "short");
	fflush(stdout);
}

/* The first questions as Squid would ask its helper. */
static void write_questions(const char *dir, const struct question *q, struct err *err)
{
	char path[512];
	struct buf b;
	buf_init(&b, SIZE_MAX / 2);
	for (size_t i = 0; i < ASKED / 10; i++)
		buf_printf(&b, "http://%.*s%.*s 10.1.0.5/- - GET\n", q[i].host_len, q[i].host, q[i].path_len, q[i].host + q[i].host_len);
	snprintf(path, sizeof path, "%s/questions", dir);
	if (fs_write(path, buf_view(&b), 0644, err) < 0)
		die(path, err);
	buf_done(&b);
}

int main(int argc, char **argv)
{
	uint64_t entries = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000, held = 0, held2 = 0;
	char out[512];
	struct err err = { 0 };
	struct url_index *x;
	struct url_index_info info;
	struct buf text;
	if (argc < 2 || entries < 1000)
		return 2;
	snprintf(out, sizeof out, "%s/url.index", argv[1]);
	write_lists(argv[1], entries, &err);
	double began = cpu();
	uint64_t got = import(argv[1], out, &err);
	figure("url.import", (double)entries / (cpu() - began), "entries/s", 0, 1e6);
	double wall = seconds(CLOCK_MONOTONIC);
	if (url_index_open(out, &x, &err) < 0)
		die(out, &err);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	url_index_info(x, &info);
	printf("figure url.bytes %.4g bytes/entry peer - - ratio - goal 40 %s\n", (double)info.size / (double)got, info.size <= 40 * got ? "met" : "short");
	printf("figure url.open %.3g s peer - - ratio - goal 1 %s\n", wall, wall < 1 ? "met" : "short");
	buf_init(&text, SIZE_MAX / 2);
	struct question *q = make_questions(entries, &text);
	struct url_policy_set *p = own_lists(&err);
	write_questions(argv[1], q, &err);
	double most = limit(entries);
	singly(x, p, q, &held);
	held = 0;
	figure("url.decide", singly(x, p, q, &held), "decisions/s/core", most, 2e6);
	figure("url.decide.batch", batched(x, q, &held2), "decisions/s/core", most, 5e6);
	fprintf(stderr, "bench-url: %llu entries, %.2f %% of the questions were on a list\n", (unsigned long long)got, 100.0 * (double)held / ASKED);
	if (held != held2 || held < ASKED / 40 || held > ASKED / 15) {
		fprintf(stderr, "bench-url: wrong answers: %llu, %llu\n", (unsigned long long)held, (unsigned long long)held2);
		return 1;
	}
	url_policy_destroy(&p);
	url_index_unref(&x);
	buf_done(&text);
	mem_free(q);
	return 0;
}
