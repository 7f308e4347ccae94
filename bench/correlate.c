/* bench-correlate: updates a second and core of one correlation over many groups, and what they take.
 *
 *   bench-correlate [GROUPS] [SECONDS]
 * event_count of hits by terminal, gte 5 within a day; drawn evenly, nearly every one is a miss of all caches.
 * First each group is made (new_groups), then hits are counted for SECONDS, groups drawn evenly (even) and with Zipf popularity,
 * as terminals and hosts are (zipf). Peer `limit` in the same run: a table of as many 16-byte
 * cells in which a random one is found by its hash and counted up, with the same random numbers: one miss, no windows, no names.
 * Last figure: bytes of the process for all of it. */
#include "detect/correlate.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char rules[] = "title: c\nid: 54495047-4606-4416-828f-9ef649def4be\ncorrelation:\n    type: event_count\n    rules: [one]\n"
			    "    group-by: [src_ip]\n    timespan: 1d\n    condition:\n        gte: 5\n---\n"
			    "title: one\nid: i1\nname: one\nlogsource:\n    category: proxy\ndetection:\n    s:\n        src_ip: x\n    condition: s\n";

static uint64_t state = 88172645463325252u, fired;

static uint64_t next(void) /* xorshift: its cost is in both figures */
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double resident(void)
{
	unsigned long total, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f || fscanf(f, "%lu %lu", &total, &pages) != 2)
		exit(4);
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void count(const struct correlate_result *res, void *user)
{
	fired++;
}

struct feed {
	struct correlator *c;
	struct correlate_hit hit;
	char json[200], record[40], *digits;
	size_t record_len;
	yyjson_doc *doc;
	uint64_t no;
};

static void open_feed(struct feed *f, struct correlator *c, const struct rule *r)
{
	snprintf(f->json, sizeof f->json, "{\"class_uid\":4002,\"org\":\"412015\",\"src_endpoint\":{\"ip\":\"10.00000000\"}}");
	f->c = c;
	f->doc = yyjson_read(f->json, strlen(f->json), 0);
	yyjson_val *root = yyjson_doc_get_root(f->doc);
	f->digits = (char *)(uintptr_t)yyjson_get_str(yyjson_obj_get(yyjson_obj_get(root, "src_endpoint"), "ip")) + 3;
	f->hit = (struct correlate_hit){ .rule = r, .json = str_from(f->json), .root = root, .time = 1795386357000, .org = STR("412015"),
		.action = FINDING_ALLOWED };
}

static void feed(struct feed *f, uint32_t group)
{
	static const char hex[] = "0123456789abcdef";
	for (int i = 0; i < 8; i++)
		f->digits[i] = hex[group >> (4 * i) & 15];
	if ((f->no & 0xfffff) == 0) /* a segment's worth */
		f->record_len = (size_t)snprintf(f->record, sizeof f->record, "412015/events/%06u/1", (unsigned)(f->no >> 20)) - 1;
	for (int i = 0; i < 7; i++)
		f->record[f->record_len + 6 - (size_t)i] = i < 6 ? hex[(f->no & 0xfffff) / (uint32_t[]){ 1, 10, 100, 1000, 10000, 100000 }[i] % 10] : '1';
	f->hit.record = (struct str){ f->record, f->record_len + 7 };
	f->hit.salt = f->no++;
	f->hit.time += f->no % 100 == 0;
	correlator_hit(f->c, &f->hit);
}

static uint32_t even(uint32_t groups)
{
	return (uint32_t)(next() % groups);
}

static uint32_t zipf(uint32_t groups)
{
	double u = (double)(next() >> 11) / 9007199254740992.0;
	return (uint32_t)((uint64_t)(exp(u * log(groups)) - 1) * 2654435761u % groups); /* popular ones lie apart */
}

static double run(struct feed *f, uint32_t groups, uint32_t (*draw)(uint32_t), double seconds)
{
	uint64_t n = 0;
	double from = cpu_s(), now = from;
	for (; now - from < seconds; now = cpu_s())
		for (int i = 0; i < 10000; i++, n++)
			feed(f, draw(groups));
	return (double)n / (now - from);
}

static double run_limit(uint32_t groups, double seconds)
{
	struct cell {
		uint64_t key, n;
	} *cells;
	uint32_t cap = 1;
	uint64_t n = 0;
	while (cap < groups * 2)
		cap *= 2;
	if (!(cells = mem_array(cap, sizeof *cells)))
		exit(4);
	double from = cpu_s(), now = from;
	for (; now - from < seconds; now = cpu_s())
		for (int i = 0; i < 10000; i++, n++) {
			uint64_t key = next() % groups + 1;
			uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 32) & (cap - 1);
			while (cells[at].key && cells[at].key != key)
				at = (at + 1) & (cap - 1);
			cells[at].key = key;
			cells[at].n++;
		}
	mem_free(cells);
	return (double)n / (now - from);
}

int main(int argc, char **argv)
{
	struct ruleset *s;
	struct correlator *c;
	struct err err = { 0 };
	struct feed f = { 0 };
	struct correlate_stats st;
	uint32_t groups = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000000;
	double seconds = argc > 2 ? atof(argv[2]) : 5;
	if (ruleset_load_text(STR(rules), "bench", NULL, &s, &err) < 0 || s->n_faults ||
	    correlator_create(&(struct correlate_opts){ .rules = s, .max_bytes = (size_t)4 << 30, .horizon_ms = CORRELATE_AT_ONCE, .fn = count }, &c, &err) < 0)
		return 4;
	double limit = run_limit(groups, seconds), before = resident();
	open_feed(&f, c, ruleset_find(s, STR("one")));
	double from = cpu_s();
	for (uint32_t i = 0; i < groups; i++)
		feed(&f, i);
	double made = groups / (cpu_s() - from);
	double steady = run(&f, groups, even, seconds), popular = run(&f, groups, zipf, seconds), bytes = resident() - before;
	correlator_stats(c, &st);
	fprintf(stderr, "bench: %llu groups, %llu bytes by its own count, %llu dropped for room, %llu findings\n", (unsigned long long)st.groups,
	        (unsigned long long)st.bytes, (unsigned long long)st.evicted, (unsigned long long)fired);
	printf("figure correlate_even %.0f updates/s/core peer limit %.0f ratio %.3f goal 1000000 %s\n", steady, limit, steady / limit,
	       steady >= 1e6 ? "met" : "short");
	printf("figure correlate_zipf %.0f updates/s/core peer limit %.0f ratio %.3f goal 1000000 %s\n", popular, limit, popular / limit,
	       popular >= 1e6 ? "met" : "short");
	printf("figure correlate_new_groups %.0f updates/s/core peer limit %.0f ratio %.3f goal 1000000 %s\n", made, limit, made / limit,
	       made >= 1e6 ? "met" : "short");
	printf("figure correlate_memory %.0f bytes peer - - ratio - goal 2000000000 %s\n", bytes, groups >= 10000000 && bytes < 2e9 ? "met" : "short");
	correlator_destroy(&c);
	ruleset_destroy(&s);
	yyjson_doc_free(f.doc);
	return st.evicted || st.groups != groups;
}
