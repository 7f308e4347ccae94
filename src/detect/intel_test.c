/* Threat intelligence: what each format gives, what is left out and why, and what events make of it. */
#include "detect/engine.h"
#include "detect/intel.h"
#include "detect/sighting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

#define NOW 1795386357000 /* 2026-11-22 */
#define DAY (86400 * 1000LL)

static struct intel *make(void)
{
	struct intel *i;
	assert_int_equal(intel_create(NOW, &i, NULL), 0);
	return i;
}

static void add(struct intel *i, const char *name, const char *text)
{
	struct err err = { 0 };
	if (intel_add(i, str_from(text), name, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
}

static const char list[] =
	"# bad things\n# confidence: 70\n# days: 10\nevil.example\n*.wide.example\n.dot.example\n203.0.113.7\n198.51.100.0/24\n"
	"2001:db8:bad::/48\n0.0.0.0 hosts.example\nhttps://files.example/a/b.exe\nhttps://site.example/\n"
	"275A021BBFB6489E54D471899F7DB9D1663FC695EC2FE2A2C4538AABF651FD0F\nt13d190900_9dc949149365_97f8aa674fd9\n\"csv.example\",\"a name\",2026\r\nxn--wgv71a119e.example\n"
	/* left out */
	"10.1.2.3\n192.168.0.0/16\n203.0.0.0/8\ncom\nhttps://drive.example/uc?id=1\nnot a value\n127.0.0.1\n\n";

/* "kind value": looked for as an event would hold it. */
static const struct intel_item *look(const struct intel *i, const char *what, int64_t now)
{
	struct str v = str_from(what + 2);
	return *what == 'j' ? intel_ja4(i, v, now) : *what == 'n' ? intel_name(i, v, now) : *what == 'a' ? intel_address(i, v, now) : *what == 'u' ? intel_url(i, v, now) : intel_hash(i, v, now);
}

static void test_list(void **state)
{
	(void)state;
	static const char *const found[] = { "n evil.example", "n a.b.EVIL.example", "n evil.example.", "n wide.example", "n x.wide.example", "n dot.example",
		"a 203.0.113.7", "a 198.51.100.200", "a 2001:db8:bad::5", "n hosts.example", "u https://files.example/a/b.exe", "u https://FILES.example/a/b.exe?x=1",
		"n www.site.example", "h 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f", "j t13d190900_9dc949149365_97f8aa674fd9", "n csv.example", "n xn--wgv71a119e.example" };
	static const char *const silent[] = { "n notevil.example", "n example", "n evil.example.org", "a 203.0.113.8", "a 198.51.101.1", "a 2001:db8:bae::5",
		"u https://files.example/a/c.exe", "u http://files.example/a", "n files.example", "n drive.example", "a 10.1.2.3", "a 192.168.5.5", "n com", "n ",
		"a x", "u x", "h 275a", "j t13d190900_9dc949149365_97f8aa674fd8", "j t13d190900_9DC949149365_97f8aa674fd9", "j ", "a 203.5.5.5", "a 127.0.0.1" };
	struct intel *i = make();
	struct intel_stats s;
	assert_true(intel_empty(i));
	add(i, "/feeds/bad.txt", list);
	for (size_t k = 0; k < ARRAY_LEN(found); k++) {
		const struct intel_item *x = look(i, found[k], NOW);
		if (!x)
			fail_msg("not found: %s", found[k]);
		assert_int_equal(x->confidence, 70);
		assert_string_equal(intel_feed_name(i, x->feed), "bad.txt");
		assert_non_null(look(i, found[k], NOW + 10 * DAY - 1));
		assert_null(look(i, found[k], NOW + 10 * DAY));
	}
	for (size_t k = 0; k < ARRAY_LEN(silent); k++)
		if (look(i, silent[k], NOW))
			fail_msg("found: %s", silent[k]);
	assert_string_equal(intel_name(i, STR("csv.example"), NOW)->name, "\"a name\",2026");
	intel_stats(i, &s);
	assert_int_equal(s.items, 13);
	assert_int_equal(s.refused[INTEL_RESERVED], 3);
	assert_int_equal(s.refused[INTEL_TOO_WIDE], 1);
	assert_int_equal(s.refused[INTEL_HAS_QUERY], 1);
	assert_int_equal(s.refused[INTEL_UNREADABLE], 2); /* com, not a value */
	intel_destroy(&i);
}

/* A feed that names what everybody's names end in must not hit everybody; such a list may still allow them. */
static void test_registries(void **state)
{
	(void)state;
	struct intel *i = make();
	struct intel_stats s;
	add(i, "bad.txt", "*.jp\nlg.jp\nco.jp\nsaga.jp\nco.uk\n.com.br\nhttps://lg.jp/\nevil.jp\nevil.co.jp\nx.saga.jp\nco.example.jp\n");
	intel_stats(i, &s);
	assert_int_equal(s.refused[INTEL_TOO_WIDE] + s.refused[INTEL_UNREADABLE], 7);
	assert_int_equal(s.items, 4);
	assert_null(intel_name(i, STR("www.city.saga.lg.jp"), NOW));
	assert_null(intel_name(i, STR("city.saga.jp"), NOW));
	assert_non_null(intel_name(i, STR("a.evil.jp"), NOW));
	assert_non_null(intel_name(i, STR("x.saga.jp"), NOW));
	add(i, "allow.txt", ".jp\nlg.jp\nevil.co.jp\n");
	assert_null(intel_name(i, STR("www.evil.co.jp"), NOW));
	intel_destroy(&i);
}

/* Allowed values don't match, nor what lies below them; the order of the files doesn't matter. */
static void test_allowed(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		struct intel *i = make();
		if (first)
			add(i, "allow.txt", "good.example\n198.51.100.128/25\n10.0.0.0/8\nhttps://files.example/a/b.exe\nhttps://whole.example/\n");
		add(i, "bad.txt", "good.example\nx.good.example\nbad.example\n198.51.100.0/24\nhttps://files.example/a/b.exe\nhttps://x.whole.example/p\n");
		if (!first)
			add(i, "allow.txt", "good.example\n198.51.100.128/25\n10.0.0.0/8\nhttps://files.example/a/b.exe\nhttps://whole.example/\n");
		assert_null(intel_name(i, STR("good.example"), NOW));
		assert_null(intel_name(i, STR("a.x.good.example"), NOW));
		assert_non_null(intel_name(i, STR("bad.example"), NOW));
		assert_null(intel_address(i, STR("198.51.100.200"), NOW));
		assert_non_null(intel_address(i, STR("198.51.100.5"), NOW));
		assert_null(intel_url(i, STR("https://files.example/a/b.exe"), NOW));
		assert_null(intel_url(i, STR("https://x.whole.example/p"), NOW));
		assert_null(intel_name(i, STR("good.example"), NOW + 3650 * DAY)); /* it has no end */
		intel_destroy(&i);
	}
}

#define IND(id, rest) "{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--" id "\",\"pattern_type\":\"stix\"," rest "}"
static const char stix[] = "{\"type\":\"bundle\",\"id\":\"bundle--1\",\"objects\":[{\"type\":\"identity\",\"name\":\"x\"},"
	IND("1", "\"name\":\"C2\",\"confidence\":90,\"valid_from\":\"2026-11-01T00:00:00Z\",\"valid_until\":\"2026-12-01T00:00:00Z\","
	         "\"pattern\":\"[domain-name:value = 'c2.example']\"") ","
	IND("2", "\"valid_from\":\"2026-11-01T00:00:00Z\",\"pattern\":\"[ipv4-addr:value = '203.0.113.9' OR url:value = 'https://h.example/it\\\\'s'] OR "
	         "[ ipv6-addr:value IN ('2001:db8::1','2001:db8::2') ]\"") ","
	IND("3", "\"pattern\":\"[ipv4-addr:value ISSUBSET '198.51.100.0/24']\"") ","
	IND("4", "\"pattern\":\"[file:hashes.'SHA-256' = '275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f' OR file:hashes.MD5 = '44d88612fea8a8f36de82e1278abb02f']\"") ","
	IND("5", "\"revoked\":true,\"pattern\":\"[domain-name:value = 'revoked.example']\"") ","
	IND("6", "\"valid_until\":\"2026-11-01T00:00:00Z\",\"pattern\":\"[domain-name:value = 'over.example']\"") ","
	IND("7", "\"valid_from\":\"2026-12-01T00:00:00Z\",\"pattern\":\"[domain-name:value = 'later.example']\"") ","
	IND("8", "\"pattern\":\"[domain-name:value = 'and.example' AND ipv4-addr:value = '203.0.113.1']\"") ","
	IND("9", "\"pattern\":\"[domain-name:value = 'a.example'] FOLLOWEDBY [domain-name:value = 'b.example']\"") ","
	IND("10", "\"pattern\":\"[domain-name:value LIKE '%.example']\"") "," IND("11", "\"pattern\":\"[domain-name:value = 'open.example'\"") ","
	IND("12", "\"pattern\":\"[domain-name:value = 'one.example' OR process:name = 'x']\"") "," IND("13", "\"pattern\":\"[domain-name:value != 'not.example']\"") ","
	"{\"type\":\"indicator\",\"id\":\"indicator--14\",\"pattern_type\":\"yara\",\"pattern\":\"[domain-name:value = 'yara.example']\"},"
	IND("15", "\"pattern\":\"[domain-name:value = 'twice.example']\",\"confidence\":20") "," IND("16", "\"pattern\":\"[domain-name:value = 'twice.example']\",\"confidence\":95")
	"]}";

static void test_stix(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		int confidence; /* -1: silent */
		const char *uid;
	} rows[] = {
		{ "n c2.example", 90, "indicator--1" }, { "a 203.0.113.9", 50, "indicator--2" }, { "a 2001:db8::2", 50, "indicator--2" },
		{ "u https://h.example/it's", 50, "indicator--2" }, { "a 198.51.100.77", 50, "indicator--3" },
		{ "h 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f", 50, "indicator--4" }, { "h 44d88612fea8a8f36de82e1278abb02f", 50, "indicator--4" },
		{ "n revoked.example", -1, NULL }, { "n over.example", -1, NULL }, { "n later.example", -1, NULL }, { "n and.example", -1, NULL },
		{ "a 203.0.113.1", -1, NULL }, { "n a.example", -1, NULL }, { "n x.example", -1, NULL }, { "n open.example", -1, NULL },
		{ "n one.example", -1, NULL }, { "n not.example", -1, NULL }, { "n yara.example", -1, NULL }, { "n twice.example", 95, "indicator--16" },
	};
	struct intel *i = make();
	struct intel_stats s;
	add(i, "feed.json", stix);
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		const struct intel_item *x = look(i, rows[k].what, NOW);
		if ((x != NULL) != (rows[k].confidence >= 0))
			fail_msg("%s: %s", rows[k].what, x ? "found" : "not found");
		if (x) {
			assert_int_equal(x->confidence, rows[k].confidence);
			assert_string_equal(x->uid, rows[k].uid);
		}
	}
	assert_non_null(intel_name(i, STR("later.example"), NOW + 20 * DAY));
	assert_null(intel_name(i, STR("c2.example"), NOW + 20 * DAY));
	intel_stats(i, &s);
	assert_int_equal(s.refused[INTEL_UNSUPPORTED], 7);
	assert_int_equal(s.refused[INTEL_REVOKED], 1);
	assert_int_equal(s.refused[INTEL_EXPIRED], 1);
	intel_destroy(&i);
}

#define ATTR(type, value, rest) "{\"uuid\":\"u-" type "\",\"type\":\"" type "\",\"value\":\"" value "\",\"timestamp\":\"1795000000\"" rest "}"
static const char misp[] = "{\"Event\":{\"uuid\":\"e\",\"info\":\"campaign\",\"threat_level_id\":\"1\",\"timestamp\":\"1795000000\",\"Attribute\":["
	ATTR("domain", "evil.example", ",\"to_ids\":true") "," ATTR("ip-dst|port", "203.0.113.5|443", ",\"to_ids\":true") ","
	ATTR("domain|ip", "dual.example|203.0.113.6", ",\"to_ids\":\"1\"") "," ATTR("hostname", "seen.example", ",\"to_ids\":false") ","
	ATTR("url", "https://h.example/x", ",\"to_ids\":true") "," ATTR("yara", "rule x {}", ",\"to_ids\":true") ","
	ATTR("ja4-fingerprint", "t12d1909h1_d83cc789557e_7af1ed941c26", ",\"to_ids\":true") "," ATTR("ja4-fingerprint", "t12d1909h1_d83cc789557e", ",\"to_ids\":true") ","
	ATTR("ip-src", "203.0.113.99", ",\"to_ids\":true,\"deleted\":true") "],\"Object\":[{\"name\":\"file\",\"Attribute\":["
	ATTR("filename|sha256", "a.exe|275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f", ",\"to_ids\":true") "]}]}}";

static void test_misp(void **state)
{
	(void)state;
	static const char *const found[] = { "n evil.example", "a 203.0.113.5", "n dual.example", "u https://h.example/x",
		"h 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f", "j t12d1909h1_d83cc789557e_7af1ed941c26" };
	static const char *const silent[] = { "n seen.example", "a 203.0.113.99", "a 203.0.113.6" };
	char many[4096];
	snprintf(many, sizeof many, "{\"response\":[%s]}", misp);
	const char *texts[] = { misp, many };
	for (int t = 0; t < 2; t++) {
		struct intel *i = make();
		add(i, "event.json", texts[t]);
		for (size_t k = 0; k < ARRAY_LEN(found); k++) {
			const struct intel_item *x = look(i, found[k], NOW);
			if (!x)
				fail_msg("not found: %s", found[k]);
			assert_int_equal(x->confidence, 85);
			assert_string_equal(x->name, "campaign");
		}
		for (size_t k = 0; k < ARRAY_LEN(silent); k++)
			assert_null(look(i, silent[k], NOW));
		/* 1795000000 and 30 days: an address has another owner by then; hashes stay. */
		assert_null(look(i, "a 203.0.113.5", 1795000000000 + 30 * DAY));
		assert_non_null(look(i, found[4], NOW + 3650 * DAY));
		intel_destroy(&i);
	}
}

static void test_bad_files(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} rows[] = { { "{", "not JSON" }, { "{\"type\":\"bundle\",", "not JSON" }, { "{\"a\":\"bundle\"}", "no STIX bundle" }, { "{\"uuid\":{}}", "manifest" } };
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct intel *i = make();
		struct err err = { 0 };
		assert_int_equal(intel_add(i, str_from(rows[k].text), "x.json", &err), -E_INVALID);
		if (!strstr(err.msg, rows[k].words))
			fail_msg("%s: %s", rows[k].text, err.msg);
		intel_destroy(&i);
	}
	struct intel *i = make();
	struct err err = { 0 };
	assert_int_equal(intel_add(i, STR("a.example\0b.example"), "x.txt", &err), -E_INVALID);
	for (unsigned k = 1; k < INTEL_FILES; k++)
		assert_int_equal(intel_add(i, STR("a.example"), "x.txt", &err), 0);
	assert_int_equal(intel_add(i, STR("a.example"), "x.txt", &err), -E_LIMIT);
	intel_destroy(&i);
}

/* ---- events */

struct told {
	unsigned n;
	uint64_t count;
	char uid[FINDING_UID_LEN + 1], value[300], terminal[64], title[300];
	enum finding_level level;
	enum finding_action action;
	size_t records;
};

static void keep(const struct finding *f, void *user)
{
	struct told *t = user;
	t->n++;
	t->count = f->count;
	t->level = f->rule.level;
	t->action = f->action;
	t->records = f->n_records;
	assert_string_equal(f->rule.id, FINDING_RULE_INTEL);
	snprintf(t->uid, sizeof t->uid, "%s", f->uid);
	snprintf(t->value, sizeof t->value, "%s", f->observables[0].value);
	snprintf(t->terminal, sizeof t->terminal, "%s", f->terminal);
	snprintf(t->title, sizeof t->title, "%s", f->rule.title_ja);
}

struct world {
	struct ruleset *rules;
	struct intel *intel;
	struct sightings *seen;
	struct engine *e;
	struct told told;
	unsigned no;
};

static void open_world(struct world *w)
{
	struct err err = { 0 };
	*w = (struct world){ 0 };
	assert_int_equal(ruleset_load_text(STR(""), "none", NULL, &w->rules, &err), 0);
	assert_int_equal(sightings_create(&w->seen, &err), 0);
	w->intel = make();
	add(w->intel, "feed.json", stix);
	add(w->intel, "programs.txt", "t13d190900_9dc949149365_97f8aa674fd9,a tool\nt13i190900_9dc949149365_97f8aa674fd9\n");
	add(w->intel, "allow.txt", "t13i190900_9dc949149365_97f8aa674fd9\n");
	struct engine_opts o = { .rules = w->rules, .intel = w->intel, .sightings = w->seen, .on_finding = keep, .user = &w->told };
	assert_int_equal(engine_create(&o, &w->e, &err), 0);
}

static void close_world(struct world *w)
{
	engine_destroy(&w->e);
	sightings_destroy(&w->seen);
	intel_destroy(&w->intel);
	ruleset_destroy(&w->rules);
}

static void pass(struct world *w, int64_t time, const char *terminal, const char *rest)
{
	char json[700], record[64];
	const char *class = strstr(rest, "\"query\"") || strstr(rest, "\"answers\"") ? "4003" : strstr(rest, "\"Event\"") ? "0" : "4002";
	int n = snprintf(json, sizeof json, "{\"class_uid\":%s,\"product\":\"proxyd\",\"org\":\"412015\",\"time\":%lld,\"src_endpoint\":{\"ip\":\"%s\"},%s}",
	                 class, (long long)time, terminal, rest);
	snprintf(record, sizeof record, "412015/events/000001/%u", w->no++);
	assert_int_equal(engine_event(w->e, &(struct engine_event){ .json = { json, (size_t)n }, .record = str_from(record) }, NULL), 0);
}

static void test_events(void **state)
{
	(void)state;
	static const struct {
		const char *rest, *value; /* NULL: silent */
	} rows[] = {
		{ "\"http_request\":{\"url\":{\"hostname\":\"www.c2.example\"}},\"action\":\"Allowed\"", "c2.example" },
		{ "\"dst_endpoint\":{\"ip\":\"203.0.113.9\"},\"action\":\"Denied\"", "203.0.113.9" },
		{ "\"http_request\":{\"url\":{\"hostname\":\"h.example\",\"url_string\":\"https://h.example/it's\"}},\"action\":\"Allowed\"", "https://h.example/it's" },
		{ "\"file\":{\"hash\":\"275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f\"}", "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f" },
		{ "\"tls\":{\"sni\":\"x.example\",\"ja4\":\"t13d190900_9dc949149365_97f8aa674fd9\",\"intercepted\":false}", "t13d190900_9dc949149365_97f8aa674fd9" },
		{ "\"tls\":{\"ja4\":\"t13i190900_9dc949149365_97f8aa674fd9\"}", NULL }, /* on the allow-list */
		{ "\"query\":{\"hostname\":\"c2.example.\"}", "c2.example" }, { "\"answers\":[{\"rdata\":\"9.9.9.9\"},{\"rdata\":\"198.51.100.8\"}]", "198.51.100.0/24" },
		{ "\"Event\":{\"EventData\":{\"DestinationIp\":\"203.0.113.9\"}}", "203.0.113.9" },
		{ "\"Event\":{\"EventData\":{\"Hashes\":\"SHA1=00,MD5=44D88612FEA8A8F36DE82E1278ABB02F\"}}", "44d88612fea8a8f36de82e1278abb02f" },
		{ "\"http_request\":{\"url\":{\"hostname\":\"www.good.example\"}}", NULL }, { "\"message\":\"c2.example\"", NULL },
	};
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct world w;
		open_world(&w);
		pass(&w, NOW, "10.1.0.5", rows[k].rest);
		if (w.told.n != (rows[k].value != NULL))
			fail_msg("%s: %u findings", rows[k].rest, w.told.n);
		if (rows[k].value) {
			assert_string_equal(w.told.value, rows[k].value);
			assert_string_equal(w.told.terminal, "10.1.0.5");
		}
		close_world(&w);
	}
}

/* One finding an hour for a terminal and value; none is lost, a restart in between or not. */
static void test_sightings(void **state)
{
	(void)state;
	for (int restart = 0; restart < 2; restart++) {
		struct world w;
		char first[FINDING_UID_LEN + 1];
		const char *c2 = "\"http_request\":{\"url\":{\"hostname\":\"c2.example\"}},\"dst_endpoint\":{\"hostname\":\"c2.example\"},\"action\":\"Allowed\"";
		open_world(&w);
		for (int i = 0; i < 50; i++)
			pass(&w, NOW + i * 1000, "10.1.0.5", c2);
		assert_int_equal(w.told.n, 1);
		assert_int_equal(w.told.count, 1);
		assert_int_equal(w.told.level, FINDING_HIGH);
		assert_int_equal(w.told.action, FINDING_ALLOWED);
		assert_non_null(strstr(w.told.title, "C2"));
		snprintf(first, sizeof first, "%s", w.told.uid);
		pass(&w, NOW, "10.1.0.6", c2); /* another terminal */
		assert_int_equal(w.told.n, 2);
		assert_string_not_equal(w.told.uid, first);
		struct buf b;
		buf_init(&b, MIB);
		sightings_save(w.seen, &b);
		if (restart) {
			struct err err = { 0 };
			for (size_t n = 1; n < b.len; n += 5)
				assert_int_equal(sightings_restore(w.seen, (struct str){ b.ptr, n }), -E_CORRUPT);
			assert_int_equal(sightings_restore(w.seen, buf_view(&b)), 0);
			(void)err;
		}
		buf_done(&b);
		pass(&w, NOW + 3600 * 1000 - 1, "10.1.0.5", c2);
		assert_int_equal(w.told.n, 2);
		struct sightings_stats st;
		sightings_stats(w.seen, &st);
		assert_int_equal(st.untold, 50);
		assert_int_equal(st.kept, 2);
		pass(&w, NOW + 3600 * 1000, "10.1.0.5", c2);
		assert_int_equal(w.told.n, 3);
		assert_int_equal(w.told.count, 51);
		assert_int_equal(w.told.records, 2);
		struct buf f;
		buf_init(&f, MIB);
		sightings_format(w.seen, NOW + DAY, &f);
		yyjson_doc *doc = yyjson_read(f.ptr, f.len, 0);
		yyjson_val *objects = yyjson_obj_get(yyjson_doc_get_root(doc), "objects"), *o = yyjson_arr_get_first(objects);
		assert_int_equal(yyjson_arr_size(objects), 1);
		assert_string_equal(yyjson_get_str(yyjson_obj_get(o, "sighting_of_ref")), "indicator--1");
		assert_int_equal(yyjson_get_uint(yyjson_obj_get(o, "count")), 53);
		assert_null(memmem(f.ptr, f.len, "412015", 6)); /* nobody is named */
		assert_null(memmem(f.ptr, f.len, "10.1.0", 6));
		yyjson_doc_free(doc);
		buf_done(&f);
		sightings_tick(w.seen, NOW + 30 * DAY);
		sightings_stats(w.seen, &st);
		assert_int_equal(st.kept, 0);
		assert_int_equal(st.untold, 0);
		close_world(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_list), cmocka_unit_test(test_registries), cmocka_unit_test(test_allowed), cmocka_unit_test(test_stix), cmocka_unit_test(test_misp),
		cmocka_unit_test(test_bad_files), cmocka_unit_test(test_events), cmocka_unit_test(test_sightings) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
