/* toride fw hits: how often each rule and published server decided, and which have long been unused. Reads STATE/hits and the
 * description in force; asks nobody, changes nothing. */
#include "cli/cli.h"
#include "cli/description.h"

#include "apply/child.h"
#include "apply/hits.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "model/feed.h"
#include "model/policy.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

struct show {
	const struct model *m;
	const struct org *o;
	struct hits hits;
	int64_t now, unused_ms; /* 0: all rules */
	bool json;
	size_t shown;
};

struct sum {
	uint64_t total, limited;
	int64_t since_ms, hit_ms; /* 0: not counted yet; never */
};

static void add(struct sum *s, const struct hit *k, bool limit)
{
	if (!k)
		return;
	*(limit ? &s->limited : &s->total) += k->total;
	if (limit)
		return;
	if (!s->since_ms || k->since_ms < s->since_ms)
		s->since_ms = k->since_ms;
	if (k->hit_ms > s->hit_ms)
		s->hit_ms = k->hit_ms;
}

static struct sum sum_of(const struct show *s, const struct policy_rule *r)
{
	static const char *const limits[] = { "new-per-second", "per-source", "per-prefix", "total", "attack-source" };
	struct sum sum = { 0 };
	for (int family = 4; family <= 6; family += 2) {
		char name[HIT_NAME];
		policy_comment(s->o->code, r, family, name, sizeof name);
		add(&sum, hits_find(&s->hits, name), false);
		for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
			snprintf(name, sizeof name, "%s/%s:%s/%d", s->o->code, r->id, limits[i], family);
			add(&sum, hits_find(&s->hits, name), true);
		}
	}
	return sum;
}

static void put_time(struct buf *b, const char *key, int64_t ms)
{
	char text[CLOCK_TEXT];
	if (!ms)
		return;
	clock_format_utc(ms, text);
	json_field_s(b, key, text);
}

static void show_json(const struct show *s, const struct policy_rule *r, const struct sum *k)
{
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_putc(&b, '{');
	json_field_s(&b, "org", s->o->code);
	json_field_s(&b, "rule", r->id);
	json_field_s(&b, "kind", r->rule ? "fw" : "publish");
	json_field_s(&b, "action", r->action == FW_ALLOW ? "allow" : "deny");
	json_field_u64(&b, "hits", k->total);
	json_field_u64(&b, "limited", k->limited);
	put_time(&b, "since", k->since_ms);
	put_time(&b, "last", k->hit_ms);
	json_field_s(&b, "comment", r->rule ? r->rule->comment : r->publish->comment);
	json_field_s(&b, "owner", r->rule ? r->rule->owner : r->publish->owner);
	printf("%s}\n", buf_cstr(&b));
	buf_done(&b);
}

static void show_words(const struct show *s, const struct policy_rule *r, const struct sum *k)
{
	bool ja = cli_japanese();
	char last[CLOCK_TEXT] = "", since[CLOCK_TEXT] = "";
	if (k->hit_ms)
		clock_format_jst(k->hit_ms, last);
	if (k->since_ms)
		clock_format_jst(k->since_ms, since);
	printf("%s %-16s ", s->o->code, r->id);
	if (!k->since_ms)
		printf("%s", ja ? "まだ計数していません" : "not counted yet");
	else if (!k->hit_ms)
		printf(ja ? "%.10s から一度も使われていません" : "never used since %.10s", since);
	else
		printf(ja ? "%llu 件、最後は %.16s (%.10s から計数)" : "%llu times, last %.16s (counted since %.10s)", (unsigned long long)k->total, last, since);
	if (k->limited)
		printf(ja ? "、制限で断った %llu 件" : ", %llu past its limits", (unsigned long long)k->limited);
	printf(ja ? " — %s (%s)\n" : ": %s (%s)\n", r->rule ? r->rule->comment : r->publish->comment, r->rule ? r->rule->owner : r->publish->owner);
}

static int show_rule(const struct policy_rule *r, void *user)
{
	struct show *s = user;
	if (!r->rule && !r->publish)
		return 0;
	struct sum k = sum_of(s, r);
	if (s->unused_ms && !hits_unused(k.since_ms, k.hit_ms, s->now, s->unused_ms))
		return 0;
	s->shown++;
	if (s->json)
		show_json(s, r, &k);
	else
		show_words(s, r, &k);
	return 0;
}

static int show_all(struct show *s, const char *org, struct err *err)
{
	if (org && !model_org(s->m, org))
		return err_set(err, E_NOT_FOUND, org, "no such organisation");
	for (size_t i = 0; i < s->m->n_orgs; i++) {
		s->o = &s->m->orgs[i];
		if (org && strcmp(s->o->code, org) != 0)
			continue;
		policy_each(s->m, s->o, POLICY_OUT, show_rule, s);
		policy_each(s->m, s->o, POLICY_IN, show_rule, s);
	}
	if (!s->shown && !s->json)
		printf("%s\n", cli_japanese() ? "該当する規則はありません" : "no such rule");
	return fflush(stdout) == 0 ? 0 : err_set(err, E_IO, "", "can't write the output");
}

static int hits(int argc, char **argv)
{
	struct model *m = NULL;
	struct faults faults = { 0 };
	struct err err = { 0 };
	uint64_t days = 0;
	struct show s = { .now = clock_now_ms() };
	s.json = cli_flag(&argc, argv, "--json");
	const char *org = cli_option(&argc, argv, "--org"), *unused = cli_option(&argc, argv, "--unused");
	if (argc != 0 || (unused && (!str_to_u64(str_from(unused), 3660, &days) || !days)))
		return cli_usage(&cli_fw[0]);
	s.unused_ms = (int64_t)days * DAY_MS;
	int r = cli_load_in_force(&m, &faults, &err);
	if (r == 0)
		r = hits_load(&s.hits, &err);
	s.m = m;
	if (r == 0)
		r = show_all(&s, org, &err);
	hits_done(&s.hits);
	faults_done(&faults);
	model_destroy(&m);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

/* ---- fw feed import ---- */

#define LIST_MAX_BYTES (256u * MIB)
#define LISTS_MAX 64
#define BAD_SHOWN 20
#define BAD_PERCENT 10 /* more bad lines than that: not the list that was meant */

static void on_bad(const char *name, uint64_t line, const char *why, void *user)
{
	unsigned *shown = user;
	if ((*shown)++ < BAD_SHOWN)
		fprintf(stderr, "toride: %s:%llu: %s\n", name, (unsigned long long)line, why);
}

/* Read here, with the caller's right to; looked at in a child that has none, since it is others' text. */
struct lists {
	char **paths;
	int n;
	struct buf *texts;
	unsigned shown;
};

static int read_lists(struct lists *l, struct err *err)
{
	int r = 0;
	for (int i = 0; i < l->n; i++)
		buf_init(&l->texts[i], LIST_MAX_BYTES);
	for (int i = 0; r == 0 && i < l->n; i++)
		r = fs_read(l->paths[i], &l->texts[i], err);
	return r;
}

/* Out: u64 lines, u64 bad lines, the file. */
static int parse_lists(void *arg, struct buf *out, struct err *err)
{
	struct lists *l = arg;
	struct feed_text t = { .on_bad = on_bad, .user = &l->shown };
	int r = 0;
	for (int i = 0; r == 0 && i < l->n; i++)
		if ((r = feed_read(&t, l->paths[i], buf_view(&l->texts[i]))) < 0)
			r = err_set(err, (enum err_code)-r, l->paths[i], "more than %u entries, or no memory", FEED_MAX);
	feed_sort(&t.feed);
	wr_u64(out, t.lines);
	wr_u64(out, t.bad);
	if (r == 0)
		(void)feed_format(&t.feed, out);
	feed_done(&t.feed);
	return r;
}

static int import_lists(struct lists *l, struct feed *ret, uint64_t *ret_lines, uint64_t *ret_bad, struct err *err)
{
	struct buf out;
	buf_init(&out, FEED_FILE_MAX + 16);
	int r = read_lists(l, err);
	if (r == 0)
		r = child_call(0, parse_lists, l, 120000, &out, err);
	struct rd rd = rd_from(out.ptr ? out.ptr : "", out.len);
	*ret_lines = rd_u64(&rd);
	*ret_bad = rd_u64(&rd);
	if (r == 0)
		r = rd.bad ? err_set(err, E_CORRUPT, "feed", "the child's answer is malformed")
		           : feed_parse((struct str){ (const char *)rd.p, (size_t)(rd.end - rd.p) }, ret, err);
	for (int i = 0; i < l->n; i++)
		buf_done(&l->texts[i]);
	buf_done(&out);
	return r;
}

/* Under the digest of its bytes: what a description pins can't be another list. */
static int write_feed(const struct feed *f, const char *dir, char digest[72], struct err *err)
{
	char here[PLACE_MAX], path[PLACE_MAX];
	unsigned char sum[SHA256_LEN];
	struct buf b;
	buf_init(&b, FEED_FILE_MAX);
	int r = feed_format(f, &b);
	r = r < 0 ? err_set(err, (enum err_code)-r, "feed", "no memory") : 0;
	hash_sha256(buf_view(&b).ptr, b.len, sum);
	memcpy(digest, "sha256:", 7);
	hex_format(sum, sizeof sum, digest + 7);
	if (!dir)
		dir = place_in_state(here, sizeof here, "feeds/addr");
	if (r == 0)
		r = fs_mkdirs(dir, 0755, err);
	if (r == 0 && snprintf(path, sizeof path, "%s/%s", dir, digest + 7) >= (int)sizeof path)
		r = err_set(err, E_LIMIT, dir, "path too long");
	r = r < 0 ? r : fs_write(path, buf_view(&b), 0644, err);
	buf_done(&b);
	return r;
}

static int import(int argc, char **argv)
{
	struct feed feed = { 0 };
	struct err err = { 0 };
	char digest[72];
	uint64_t lines = 0, bad = 0;
	bool json = cli_flag(&argc, argv, "--json");
	const char *dir = cli_option(&argc, argv, "-o");
	if (argc == 0 || argc > LISTS_MAX)
		return cli_usage(&cli_fw[1]);
	struct lists l = { .paths = argv, .n = argc, .texts = mem_array((size_t)argc, sizeof *l.texts) };
	int r = l.texts ? import_lists(&l, &feed, &lines, &bad, &err) : err_set(&err, E_NOMEM, "", "no memory");
	if (r == 0 && (feed.n == 0 || bad * 100 > lines * BAD_PERCENT))
		r = err_set(&err, E_INVALID, argv[0], "%llu of %llu lines are bad: is it the list that was meant?", (unsigned long long)bad,
		            (unsigned long long)lines);
	if (r == 0)
		r = write_feed(&feed, dir, digest, &err);
	if (r == 0 && json)
		printf("{\"digest\":\"%s\",\"entries\":%zu,\"bad\":%llu}\n", digest, feed.n, (unsigned long long)bad);
	else if (r == 0)
		printf(cli_japanese() ? "%s  %zu 件 (読めない行 %llu)\n" : "%s  %zu entries (%llu bad lines)\n", digest, feed.n, (unsigned long long)bad);
	feed_done(&feed);
	mem_free(l.texts);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_fw[] = {
	{ "fw hits", "toride fw hits [--org CODE] [--unused DAYS] [--json]",
	  "how often each firewall rule decided, kept over changes and restarts; or only those unused for that long",
	  "ファイアウォールの規則が使われた回数 (変更や再起動をまたいで計数)。または、その日数使われていない規則", hits },
	{ "fw feed import", "toride fw feed import LIST... [-o DIR] [--json]",
	  "lists of addresses, prefixes and ranges, one a line, into one the description can pin by the digest this prints (address_feeds)",
	  "アドレス・ネットワーク・範囲のリスト (1 行 1 件) を取り込み、記述の address_feeds に書くダイジェストを表示します", import },
	{ 0 },
};
