/* toride rules coverage: what rules could find, and which can't fire for want of records (detect/coverage.h). What bodies send is asked of controld before
 * the rules, which may be anybody's, are read without network and rights. */
#include "cli/cli.h"
#include "detect/coverage.h"
#include "jail/tool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"
#include "wire/words.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS 60000
#define SPAN_MS (30LL * 86400000)
#define RULES_MAX (64u * MIB)

struct coverage_opts {
	const char *org, *layer;
	bool all, json;
	const char *const *paths;
	size_t n_paths;
};

static void say_fault(const struct err *err, void *user)
{
	(void)user;
	fprintf(stderr, "toride: %s: %s\n", err->path, err->msg);
}

/* counts[] of one kind, by body. */
static int seen_by(const char *group, const char *org, yyjson_doc **ret, struct err *err)
{
	struct buf rq, reply;
	cli_request(&rq, "log.counts", NULL);
	json_field_s(&rq, "group", group);
	json_field_s(&rq, "beside", "org");
	if (org)
		json_field_s(&rq, "org", org);
	json_field_u64(&rq, "from", (uint64_t)(clock_now_ms() - SPAN_MS));
	int r = cli_ask(&rq, &reply, WAIT_MS, err);
	*ret = r == 0 ? yyjson_read(reply.ptr, reply.len, 0) : NULL;
	buf_done(&reply);
	if (ctl_bool(yyjson_doc_get_root(*ret), "more", false))
		return err_set(err, E_LIMIT, "log.counts", "more products than are counted one by one: ask with --org");
	return r < 0 || *ret ? r : err_set(err, E_CORRUPT, "log.counts", "its answer can't be read");
}

/* *ret: the rules as coverage_format() has them, to be freed. */
static int read_rules(const struct coverage_opts *o, yyjson_doc **ret, struct err *err)
{
	struct ruleset *s = NULL;
	struct buf b;
	int r = jail_tool((struct jail_tool){ .compile = true, .read = (const char **)o->paths, .n_read = o->n_paths }, err);
	r = r < 0 ? r : ruleset_load(o->paths, o->n_paths, &(struct ruleset_opts){ .on_fault = say_fault }, &s, err);
	if (r < 0)
		return r;
	buf_init(&b, RULES_MAX);
	coverage_format(s, &b);
	*ret = b.failed ? NULL : yyjson_read(b.ptr, b.len, 0);
	buf_done(&b);
	ruleset_destroy(&s);
	return *ret ? 0 : err_set(err, E_LIMIT, "rules", "too many");
}

static const char *source_words(const struct coverage_source *s, char dst[256])
{
	struct str rest = s->products, one;
	size_t n = 0;
	snprintf(dst, 256, STR_FMT, STR_ARG(s->key));
	n = strlen(dst);
	while (rest.len && n < 200 && str_next(&rest, '|', &one)) {
		char name[64];
		str_copy(one, name, sizeof name);
		n += (size_t)snprintf(dst + n, 256 - n, "%s%s", n == s->key.len ? " (" : say("、", ", "), words_of(WORDS_PRODUCT, name, cli_japanese()));
	}
	if (n > s->key.len && n < 255)
		snprintf(dst + n, 256 - n, ")");
	cli_harmless(dst, 256);
	return dst;
}

static void show_text(const struct coverage *c)
{
	char t[256];
	printf(cli_japanese() ? "検知ルール %u、技術 %zu、技術の印のないルール %u" : "%u rules, %zu techniques, %u rules without one", c->rules, c->n_techniques, c->untagged);
	if (c->known)
		printf(cli_japanese() ? "、ログが届かず働かないルール %u" : ", %u rules can't fire for want of records", c->blind);
	printf("\n\n%s\n", say("技術         ルール  働かない", "technique    rules   blind"));
	for (size_t i = 0; i < c->n_techniques; i++) {
		const struct coverage_technique *k = &c->techniques[i];
		snprintf(t, sizeof t, STR_FMT, STR_ARG(k->id));
		cli_harmless(t, sizeof t);
		printf("%-12s %5u", t, k->rules);
		printf(c->known ? "   %5u\n" : "       -\n", k->blind);
	}
	printf("\n%s\n", say("必要なログ: ルール", "records needed: rules"));
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct coverage_source *s = &c->sources[i];
		printf("%s%s: %u", s->there ? "  " : "! ", source_words(s, t), s->rules);
		if (!s->there)
			printf(cli_japanese() ? "  — 届いていないため %u 本が働きません" : "  - doesn't come: %u rules can't fire", s->blind);
		printf("\n");
	}
}

static void show_json(yyjson_val *rules, const struct coverage *c)
{
	size_t i, n;
	yyjson_val *v;
	struct buf b;
	buf_init(&b, RULES_MAX);
	buf_printf(&b, "{\"rules\":%u,\"untagged\":%u,\"known\":%s,\"blind\":%u,\"techniques\":[", c->rules, c->untagged, c->known ? "true" : "false", c->blind);
	for (i = 0; i < c->n_techniques; i++) {
		buf_puts(&b, i ? ",{" : "{");
		json_field(&b, "id", c->techniques[i].id);
		json_field_u64(&b, "rules", c->techniques[i].rules);
		json_field_u64(&b, "blind", c->techniques[i].blind);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "],\"sources\":[");
	for (i = 0; i < c->n_sources; i++) {
		buf_puts(&b, i ? ",{" : "{");
		json_field(&b, "source", c->sources[i].key);
		json_field(&b, "products", c->sources[i].products);
		json_field_u64(&b, "class", c->sources[i].class_uid);
		json_field_u64(&b, "rules", c->sources[i].rules);
		json_field_bool(&b, "there", c->sources[i].there);
		json_field_u64(&b, "blind", c->sources[i].blind);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "],\"blind_rules\":[");
	size_t put = 0;
	yyjson_arr_foreach(rules, i, n, v)
		if (c->rule_blind[i]) {
			buf_puts(&b, put++ ? "," : "");
			json_str(&b, ctl_str(v, "id"));
		}
	buf_puts(&b, "]}\n");
	cli_print(&b);
}

static int show(const struct coverage_opts *o, yyjson_val *rules, const struct coverage_seen *seen, struct err *err)
{
	struct coverage *c = mem_alloc(sizeof *c);
	struct buf b;
	int r = c ? coverage_count(rules, seen, c, err) : err_set(err, E_NOMEM, "", "no memory");
	if (r == 0 && o->layer) {
		buf_init(&b, RULES_MAX);
		coverage_layer(rules, c, o->layer, cli_japanese(), &b);
		buf_putc(&b, '\n');
		cli_print(&b);
	} else if (r == 0 && o->json) {
		show_json(rules, c);
	} else if (r == 0) {
		show_text(c);
	}
	if (c)
		coverage_done(c);
	mem_free(c);
	return r;
}

static int coverage(const struct coverage_opts *o, struct err *err)
{
	yyjson_doc *products = NULL, *classes = NULL, *rules = NULL;
	bool ask = o->org || o->all;
	int r = ask ? seen_by("product", o->org, &products, err) : 0;
	r = r == 0 && ask ? seen_by("class", o->org, &classes, err) : r;
	r = r < 0 ? r : read_rules(o, &rules, err);
	struct coverage_seen seen = { yyjson_obj_get(yyjson_doc_get_root(products), "counts"), yyjson_obj_get(yyjson_doc_get_root(classes), "counts"), o->org };
	r = r < 0 ? r : show(o, yyjson_doc_get_root(rules), &seen, err);
	yyjson_doc_free(products);
	yyjson_doc_free(classes);
	yyjson_doc_free(rules);
	return r;
}

int cli_rules_coverage(int argc, char **argv)
{
	struct err err = { 0 };
	const char *own = place_rules();
	struct coverage_opts o = { .org = cli_option(&argc, argv, "--org"), .layer = cli_option(&argc, argv, "--layer") };
	o.all = cli_flag(&argc, argv, "--all-orgs");
	o.json = cli_flag(&argc, argv, "--json");
	if ((o.layer && o.json) || (o.org && o.all) || (argc > 0 && argv[0][0] == '-')) {
		fputs("usage: toride rules coverage [PATH...] [--org CODE | --all-orgs] [--layer NAME | --json]\n", stderr);
		return EXIT_USAGE;
	}
	o.paths = argc > 0 ? (const char *const *)argv : &own;
	o.n_paths = argc > 0 ? (size_t)argc : 1;
	return coverage(&o, &err) < 0 ? cli_error(&err) : EXIT_DONE;
}
