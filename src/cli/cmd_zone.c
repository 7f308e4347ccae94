/* A zone's own history in the generations that came into force, and one zone taken back without the rest: the description in
 * force is handed in again with that zone as it was then, and goes the way of every change (approved by another person). */
#include "cli/cli.h"
#include "cli/description.h"

#include "base/fs.h"
#include "base/mem.h"
#include "model/model.h"
#include "wire/place.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#define HEX_LEN 64

static int usage_of(size_t i)
{
	return cli_usage(&cli_zone[i]);
}

/* The digest of the zone in that generation; "" when it wasn't there. */
static void zone_digest(const char *hex, const char *zone, char dst[40])
{
	yyjson_doc *doc = cli_generation_file(hex, "zones.json");
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "zones"), *v;
	size_t i, max;
	dst[0] = 0;
	yyjson_arr_foreach(list, i, max, v) {
		const char *expect = yyjson_get_str(yyjson_obj_get(v, "expect"));
		if (yyjson_equals_str(yyjson_obj_get(v, "zone"), zone) && expect)
			snprintf(dst, 40, "%.39s", expect);
	}
	yyjson_doc_free(doc);
}

/* ---- history ---- */

struct history {
	const char *zone;
	char last[40];
	bool json, any;
};

static void show_change(struct history *h, yyjson_val *line)
{
	const char *time = yyjson_get_str(yyjson_obj_get(line, "time")), *to = yyjson_get_str(yyjson_obj_get(line, "to"));
	const char *what = yyjson_get_str(yyjson_obj_get(line, "do"));
	char digest[40];
	if (!time || !to || !what || strlen(to) != HEX_LEN || !yyjson_equals_str(yyjson_obj_get(line, "result"), "ok"))
		return;
	zone_digest(to, h->zone, digest);
	if (strcmp(digest, h->last) == 0)
		return;
	const char *change = !h->last[0] ? "add" : !digest[0] ? "remove" : "set";
	snprintf(h->last, sizeof h->last, "%s", digest);
	h->any = true;
	if (h->json)
		printf("{\"time\":\"%s\",\"do\":\"%s\",\"change\":\"%s\",\"generation\":\"sha256:%s\",\"zone_digest\":\"%s\"}\n", time, what, change, to, digest);
	else
		printf("%s  sha256:%s  %s\n", time, to, digest[0] ? digest : say("(ゾーンなし)", "(no such zone)"));
}

static int run_history(int argc, char **argv)
{
	struct history h = { .json = cli_flag(&argc, argv, "--json") };
	char path[PLACE_MAX];
	struct err err = { 0 };
	struct buf b;
	struct str rest, line;
	if (argc != 1)
		return usage_of(0);
	h.zone = argv[0];
	buf_init(&b, 256 * MIB);
	if (fs_read(place_in_state(path, sizeof path, "apply.log"), &b, &err) < 0) {
		buf_done(&b);
		return cli_error(&err);
	}
	rest = buf_view(&b);
	while (str_next(&rest, '\n', &line)) {
		yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
		show_change(&h, yyjson_doc_get_root(doc));
		yyjson_doc_free(doc);
	}
	buf_done(&b);
	if (!h.any)
		fprintf(stderr, "toride: %s: %s\n", h.zone, say("このゾーンはどの世代にもありません", "no generation has had this zone"));
	return h.any ? EXIT_DONE : EXIT_REFUSED;
}

/* ---- undo ---- */

/* The zone in a description: its place in the list of its organisation's. */
static yyjson_val *find_zone(yyjson_val *root, const char *zone, const char **ret_org, size_t *ret_at)
{
	size_t i, max, k, n;
	yyjson_val *org, *z;
	yyjson_arr_foreach(yyjson_obj_get(root, "orgs"), i, max, org)
		yyjson_arr_foreach(yyjson_obj_get(org, "zones"), k, n, z)
			if (yyjson_equals_str(yyjson_obj_get(z, "name"), zone)) {
				*ret_org = yyjson_get_str(yyjson_obj_get(org, "code"));
				*ret_at = k;
				return z;
			}
	return NULL;
}

/* The description in force with the zone as it was, as JSON (free() it); NULL and *err. */
static char *description_with(const char *zone, const char *hex, struct err *err)
{
	yyjson_doc *now = cli_generation_file("", "description.json"), *then = cli_generation_file(hex, "description.json");
	const char *org = NULL, *org_then = NULL;
	size_t at = 0, at_then = 0;
	char *text = NULL;
	yyjson_val *old = find_zone(yyjson_doc_get_root(then), zone, &org_then, &at_then);
	yyjson_val *cur = find_zone(yyjson_doc_get_root(now), zone, &org, &at);
	if (!now || !then)
		err_set(err, E_NOT_FOUND, hex, "%s", say("その世代の記述はもうありません", "the description of that generation isn't there any more"));
	else if (!old || !cur)
		err_set(err, E_NOT_FOUND, zone, "%s", say("今とその世代の両方にあるゾーンではありません", "isn't a zone of both that generation and the one in force"));
	else if (strcmp(org, org_then) != 0)
		err_set(err, E_DENIED, zone, "%s", say("別の団体のゾーンでした", "was another organisation's zone then"));
	if (!err->code) {
		yyjson_mut_doc *d = yyjson_doc_mut_copy(now, NULL);
		yyjson_mut_val *list = yyjson_mut_obj_get(yyjson_mut_doc_get_root(d), "orgs"), *o;
		size_t i, max;
		yyjson_mut_arr_foreach(list, i, max, o)
			if (yyjson_mut_equals_str(yyjson_mut_obj_get(o, "code"), org))
				yyjson_mut_arr_replace(yyjson_mut_obj_get(o, "zones"), at, yyjson_val_mut_copy(d, old));
		text = yyjson_mut_write(d, 0, NULL);
		yyjson_mut_doc_free(d);
		if (!text)
			err_set(err, E_NOMEM, "", "no memory");
	}
	yyjson_doc_free(now);
	yyjson_doc_free(then);
	return text;
}

static int run_undo(int argc, char **argv)
{
	const char *as = cli_option(&argc, argv, "--as");
	bool json = cli_flag(&argc, argv, "--json");
	struct err err = { 0 };
	if (argc != 2)
		return usage_of(1);
	const char *hex = strncmp(argv[1], "sha256:", 7) == 0 ? argv[1] + 7 : argv[1];
	unsigned char raw[HEX_LEN / 2];
	if (!hex_parse(str_from(hex), raw, sizeof raw))
		return usage_of(1);
	char *text = description_with(argv[0], hex, &err);
	if (!text)
		return cli_error(&err);
	return cli_submit_text(text, as, json); /* what stood right then may not stand beside what came since */
}

/* For whoever runs an outside secondary (zones[].secondaries[].secret). */
static int run_secret(int argc, char **argv)
{
	unsigned char secret[32], text[64];
	struct err err = { 0 };
	uint64_t number = 0;
	if (argc != 1 || !str_to_u64(str_from(argv[0]), SECONDARY_SECRETS, &number) || number == 0)
		return usage_of(2);
	int r = cli_numbered("outside", (unsigned)number, secret, &err);
	if (r == 0) {
		EVP_EncodeBlock(text, secret, sizeof secret);
		printf("secondary-%u hmac-sha256 %s\n", (unsigned)number, text);
	}
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(text, sizeof text);
	return r < 0 ? cli_error(&err) : EXIT_DONE;
}

const struct cli_command cli_zone[] = {
	{ "zone history", "toride zone history ZONE [--json]", "when a DNS zone changed, and in which generation", "DNS ゾーンがいつ、どの世代で変わったか", run_history },
	{ "zone undo", "toride zone undo ZONE GENERATION [--as NAME] [--json]",
	  "hands in the description in force with one zone as it was in that generation; prints its digest",
	  "今の記述のうち 1 つのゾーンだけをその世代の内容に戻して提出し、ダイジェストを示します", run_undo },
	{ "zone secret", "toride zone secret NUMBER", "the key of that number, which signs transfers to an outside secondary: name, algorithm, secret; root on the node alone",
	  "外部のセカンダリへの転送を署名する、その番号の鍵（名前・方式・値。ノードの root だけが見られます）", run_secret },
	{ 0 },
};
