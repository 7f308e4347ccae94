/* bench-detect: events a second and core of the detection engine on proxy events of about 514 bytes.
 *
 *   bench-detect RULES-DIR NAME [SECONDS]
 * Peer `limit` in the same run: yyjson parses the same events and Hyperscan scans URL, host and user agent for the
 * same literals of the same rules, and that is all: no fields by name, no conditions, no correlation, no findings.
 * One thread; events from a fixed seed, hosts with Zipf popularity, one in a thousand made to fire a rule. */
#include "detect/engine.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EVENTS 20000
#define HOSTS 2000

static char *events[EVENTS];
static size_t lens[EVENTS], total;
static uint64_t sink;

static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned zipf(void)
{
	double u = (double)(rnd_u64() >> 11) / 9007199254740992.0;
	return (unsigned)(exp(u * log(HOSTS)) - 1);
}

static void make_event(unsigned i)
{
	static const char *const paths[] = { "/static/js/vendor.7f3a.js", "/img/2026/11/photo", "/api/v2/items", "/news/article", "/search" };
	static const char *const agents[] = { "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0",
		"Mozilla/5.0 (Windows NT 10.0; rv:140.0) Firefox/140.0" };
	char s[2048];
	unsigned host = zipf(), id = (unsigned)(rnd_u64() % 100000), org = 412015 + (unsigned)(rnd_u64() % 20);
	bool odd = i % 1000 == 0;
	const char *path = odd ? "/files/invoice.pdf.exe" : paths[rnd_u64() % 5];
	int n = snprintf(s, sizeof s,
	                 "{\"class_uid\":4002,\"time\":%llu,\"org\":\"%u\",\"product\":\"proxyd\",\"src_endpoint\":{\"ip\":\"10.%u.%u.%u\",\"port\":%u},"
	                 "\"dst_endpoint\":{\"hostname\":\"www.s%u.example\",\"ip\":\"203.0.113.%u\",\"port\":443},\"http_request\":{\"http_method\":\"GET\","
	                 "\"user_agent\":\"%s\",\"url\":{\"url_string\":\"https://www.site%u.example%s/%u\",\"scheme\":\"https\",\"hostname\":\"www.s%u.example\","
	                 "\"path\":\"%s%s\"}},\"http_response\":{\"code\":200},\"traffic\":{\"bytes_in\":%u,\"bytes_out\":420},\"duration\":35,\"action\":\"Allowed\"}",
	                 1795341600000ull + i * 3, org, org % 200, id % 250, id % 200, 1024 + id % 60000, host, host % 250, agents[i % 2], host, path,
	                 id, host, path, odd ? "" : "/x", 1000 + id);
	events[i] = mem_strndup(s, (size_t)n);
	lens[i] = (size_t)n;
	total += (size_t)n;
}

static void count_finding(const struct finding *f, void *user)
{
	(*(uint64_t *)user)++;
}

static double run_engine(const struct ruleset *s, double seconds, uint64_t *ret_findings)
{
	struct engine *e;
	struct err err;
	uint64_t n = 0;
	if (engine_create(&(struct engine_opts){ .rules = s, .on_finding = count_finding, .user = ret_findings }, &e, &err) < 0)
		exit(4);
	double from = cpu_s(), now = from;
	for (; now - from < seconds; now = cpu_s())
		for (unsigned i = 0; i < EVENTS; i++, n++)
			engine_event(e, &(struct engine_event){ .json = { events[i], lens[i] }, .record = STR("412015/events/000001/17") }, &err);
	engine_destroy(&e);
	return (double)n / (now - from);
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *user)
{
	sink++;
	return 0;
}

static const struct match_field *field_of(const struct ruleset *s, const char *name)
{
	for (uint32_t i = 0; i < s->n_fields; i++)
		if (strcmp(s->fields[i].path.name, name) == 0 && s->fields[i].path.kind == FIELD_PATH)
			return &s->fields[i];
	return NULL;
}

static double run_limit(const struct ruleset *s, double seconds)
{
	static const char *const names[] = { "http_request.url.url_string", "http_request.url.hostname|dst_endpoint.hostname",
		"http_request.user_agent" };
	static char pool[64 * 1024];
	const struct match_field *fields[] = { field_of(s, names[0]), field_of(s, names[1]), field_of(s, names[2]) };
	hs_scratch_t *scratch = NULL;
	uint64_t n = 0;
	if (s->scratch && hs_clone_scratch(s->scratch, &scratch) != HS_SUCCESS)
		exit(4);
	double from = cpu_s(), now = from;
	for (; now - from < seconds; now = cpu_s())
		for (unsigned i = 0; i < EVENTS; i++, n++) {
			yyjson_alc alc;
			yyjson_alc_pool_init(&alc, pool, sizeof pool);
			yyjson_doc *doc = yyjson_read_opts(events[i], lens[i], 0, &alc, NULL);
			yyjson_val *q = yyjson_obj_get(yyjson_doc_get_root(doc), "http_request"), *u = yyjson_obj_get(q, "url");
			yyjson_val *v[] = { yyjson_obj_get(u, "url_string"), yyjson_obj_get(u, "hostname"), yyjson_obj_get(q, "user_agent") };
			for (size_t k = 0; k < ARRAY_LEN(v); k++) {
				const struct match_field *f = fields[k];
				if (f && f->db)
					hs_scan(f->db, yyjson_get_str(v[k]), (unsigned)yyjson_get_len(v[k]), 0, scratch, on_match, NULL);
			}
		}
	hs_free_scratch(scratch);
	return (double)n / (now - from);
}

int main(int argc, char **argv)
{
	struct ruleset *s;
	struct err err = { 0 };
	uint64_t findings = 0;
	double seconds = argc > 3 ? atof(argv[3]) : 3;
	if (argc < 3) {
		fputs("usage: bench-detect RULES-DIR NAME [SECONDS]\n", stderr);
		return 2;
	}
	const char *dir = argv[1];
	if (ruleset_load(&dir, 1, NULL, &s, &err) < 0) {
		fprintf(stderr, "bench-detect: %s: %s\n", err.path, err.msg);
		return 4;
	}
	rnd_hold(1);
	for (unsigned i = 0; i < EVENTS; i++)
		make_event(i);
	double limit = run_limit(s, seconds), ours = run_engine(s, seconds, &findings);
	fprintf(stderr, "bench: %u rules, events of %zu bytes, %llu findings\n", s->n_rules, total / EVENTS, (unsigned long long)findings);
	printf("figure %s %.0f events/s/core peer limit %.0f ratio %.2f goal - -\n", argv[2], ours, limit, ours / limit);
	ruleset_destroy(&s);
	for (unsigned i = 0; i < EVENTS; i++)
		mem_free(events[i]);
	return findings ? 0 : 1;
}
