/* bench-detect: events a second and core through parsing, normalising and all rules of a directory.
 *
 *   bench-detect RULES[:RULES…] NAME [SECONDS [proxy|dns|sysmon]]
 * figure NAME       the engine alone, on records as they are stored: what detectd does
 * figure NAME_all   with what intaked does before: from proxyd's JSON, a dnstap frame or a Windows event to the record
 *                   (without sealing it)
 * Peer `limit` in the same run: yyjson parses the same records and Hyperscan scans their texts for the literals of the
 * same rules, each text for its own field's, and that is all: no conditions, no correlation, no findings. One thread. */
#include "detect/engine.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FIELDS 16
#define DIRS 8

static struct str records[EVENTS];
static size_t record_bytes;
static uint64_t sink;

static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void count_finding(const struct finding *f, void *user)
{
	(*(uint64_t *)user)++;
}

static void make_records(const struct events *ev)
{
	struct buf b, scratch;
	buf_init(&b, MIB);
	buf_init(&scratch, MIB);
	for (unsigned i = 0; i < EVENTS; i++) {
		struct str s = events_record(ev, i, &b, &scratch);
		if (!s.len)
			exit(4);
		records[i] = (struct str){ mem_strndup(s.ptr, s.len), s.len };
		record_bytes += s.len;
	}
	buf_done(&b);
	buf_done(&scratch);
}

/* ev NULL: from the records. */
static double run_engine(const struct ruleset *s, const struct events *ev, double seconds, uint64_t *ret_findings)
{
	struct engine *e;
	struct err err;
	struct buf b, scratch;
	uint64_t n = 0;
	buf_init(&b, MIB);
	buf_init(&scratch, MIB);
	if (engine_create(&(struct engine_opts){ .rules = s, .on_finding = count_finding, .user = ret_findings }, &e, &err) < 0)
		exit(4);
	double from = cpu_s(), now = from;
	for (; now - from < seconds; now = cpu_s())
		for (unsigned i = 0; i < EVENTS; i++, n++) {
			struct str json = ev ? events_record(ev, i, &b, &scratch) : records[i];
			engine_event(e, &(struct engine_event){ .json = json, .record = STR("412015/events/000001/17") }, &err);
		}
	engine_destroy(&e);
	buf_done(&b);
	buf_done(&scratch);
	return (double)n / (now - from);
}

/* ---- the limit */

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *user)
{
	sink++;
	return 0;
}

static const struct match_field *field_of(const struct ruleset *s, const char *name)
{
	for (uint32_t i = 0; i < s->n_fields; i++)
		if (strcmp(s->fields[i].path.name, name) == 0 && s->fields[i].path.kind != FIELD_LOOSE)
			return &s->fields[i];
	return NULL;
}

/* For each kind: where its texts stand, in JSON and among the rules' fields. */
static const struct {
	const char *at[3], *field;
} texts[EVENTS_KINDS][FIELDS] = {
	{ { { "http_request", "url", "url_string" }, "http_request.url.url_string" },
	  { { "http_request", "url", "hostname" }, "http_request.url.hostname|dst_endpoint.hostname" },
	  { { "http_request", "user_agent" }, "http_request.user_agent" } },
	{ { { "query", "hostname" }, "query.hostname" } },
	{ { { "Event", "EventData", "CommandLine" }, "CommandLine" }, { { "Event", "EventData", "Image" }, "Image" },
	  { { "Event", "EventData", "ParentImage" }, "ParentImage" }, { { "Event", "EventData", "ParentCommandLine" }, "ParentCommandLine" },
	  { { "Event", "EventData", "OriginalFileName" }, "OriginalFileName" }, { { "Event", "EventData", "User" }, "User" },
	  { { "Event", "EventData", "TargetFilename" }, "TargetFilename" }, { { "Event", "EventData", "TargetObject" }, "TargetObject" },
	  { { "Event", "EventData", "Details" }, "Details" }, { { "Event", "EventData", "Hashes" }, "Hashes" },
	  { { "Event", "EventData", "DestinationHostname" }, "DestinationHostname" }, { { "Event", "EventData", "QueryName" }, "QueryName" },
	  { { "Event", "EventData", "Product" }, "Product" }, { { "Event", "EventData", "Description" }, "Description" },
	  { { "Event", "EventData", "Company" }, "Company" }, { { "Event", "EventData", "CurrentDirectory" }, "CurrentDirectory" } },
};

static yyjson_val *walk(yyjson_val *v, const char *const at[3])
{
	for (int i = 0; i < 3 && at[i]; i++)
		v = yyjson_obj_get(v, at[i]);
	return v;
}

static double run_limit(const struct ruleset *s, enum events_kind kind, double seconds)
{
	static char pool[256 * 1024];
	const struct match_field *fields[FIELDS] = { 0 };
	hs_scratch_t *scratch = NULL;
	uint64_t n = 0;
	for (unsigned k = 0; k < FIELDS && texts[kind][k].field; k++)
		fields[k] = field_of(s, texts[kind][k].field);
	if (s->scratch && hs_clone_scratch(s->scratch, &scratch) != HS_SUCCESS)
		exit(4);
	double from = cpu_s(), now = from;
	for (; now - from < seconds; now = cpu_s())
		for (unsigned i = 0; i < EVENTS; i++, n++) {
			yyjson_alc alc;
			yyjson_alc_pool_init(&alc, pool, sizeof pool);
			yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)records[i].ptr, records[i].len, 0, &alc, NULL);
			for (unsigned k = 0; k < FIELDS && texts[kind][k].field; k++) {
				yyjson_val *v = fields[k] && fields[k]->db ? walk(yyjson_doc_get_root(doc), texts[kind][k].at) : NULL;
				if (v)
					hs_scan(fields[k]->db, yyjson_get_str(v), (unsigned)yyjson_get_len(v), 0, scratch, on_match, NULL);
			}
		}
	hs_free_scratch(scratch);
	return (double)n / (now - from);
}

static size_t split(char *list, const char *dirs[DIRS])
{
	size_t n = 0;
	for (char *p = list; p && n < DIRS; n++) {
		dirs[n] = p;
		p = strchr(p, ':');
		if (p)
			*p++ = 0;
	}
	return n;
}

static enum events_kind kind_of(const char *name)
{
	for (unsigned i = 0; i < EVENTS_KINDS; i++)
		if (strcmp(name, events_names[i]) == 0)
			return (enum events_kind)i;
	fprintf(stderr, "bench-detect: there are no %s events\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct ruleset *s;
	struct err err = { 0 };
	uint64_t findings = 0;
	double seconds = argc > 3 ? atof(argv[3]) : 3;
	if (argc < 3) {
		fputs("usage: bench-detect RULES[:RULES…] NAME [SECONDS [proxy|dns|sysmon]]\n", stderr);
		return 2;
	}
	const char *dirs[DIRS];
	size_t n = split(argv[1], dirs);
	enum events_kind kind = kind_of(argc > 4 ? argv[4] : "proxy");
	if (ruleset_load(dirs, n, NULL, &s, &err) < 0) {
		fprintf(stderr, "bench-detect: %s: %s\n", err.path, err.msg);
		return 4;
	}
	struct events *ev = events_make(kind);
	make_records(ev);
	double limit = run_limit(s, kind, seconds), ours = run_engine(s, NULL, seconds, &findings), all = run_engine(s, ev, seconds, &findings);
	double goal = kind == EVENTS_SYSMON ? 100000 : 300000;
	fprintf(stderr, "bench: %u rules, %s events of %zu bytes (as records %zu), %llu findings\n", s->n_rules, events_names[kind],
	        ev->bytes / EVENTS, record_bytes / EVENTS, (unsigned long long)findings);
	printf("figure %s %.0f events/s/core peer limit %.0f ratio %.2f goal - -\n", argv[2], ours, limit, ours / limit);
	printf("figure %s_all %.0f events/s/core peer limit %.0f ratio %.2f goal %.0f %s\n", argv[2], all, limit, all / limit, goal,
	       all >= goal ? "met" : "short");
	ruleset_destroy(&s);
	events_free(ev);
	for (unsigned i = 0; i < EVENTS; i++)
		mem_free((char *)(uintptr_t)records[i].ptr);
	return findings ? 0 : 1;
}
