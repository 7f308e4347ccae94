/* Verify of the packet filter: `nft -j list table inet toride` must hold every rule that nft/rules.json lists by its
 * comment, and no commented rule beside them. In the verify child. */
#include "apply/verify.h"

#include "base/map.h"
#include "base/mem.h"

#include <yyjson.h>

static char present[] = "x"; /* map_put wants a value */

/* Comments of rules.json (objects with "comment") or of nft's list ({"rule":{"comment":…}}). */
static int collect(yyjson_val *list, bool kernel, struct map *m, struct err *err)
{
	size_t i, max;
	yyjson_val *v;
	map_init(m, 4000000);
	yyjson_arr_foreach(list, i, max, v) {
		yyjson_val *c = yyjson_obj_get(kernel ? yyjson_obj_get(v, "rule") : v, "comment");
		struct str s = { yyjson_get_str(c), yyjson_get_len(c) };
		int r = s.ptr ? map_put(m, s, present) : 0;
		if (r < 0)
			return err_set(err, (enum err_code)-r, "nft", "too many rules, or no memory");
	}
	return 0;
}

static int subset(const struct map *a, const struct map *b, const char *words, struct err *err)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(a, &i, &key, &v);)
		if (!map_get(b, key))
			return err_set(err, E_CORRUPT, "nft", "rule " STR_FMT " %s", STR_ARG(key), words);
	return 0;
}

int verify_rules(struct str rules, struct str kernel, struct err *err)
{
	yyjson_doc *want = yyjson_read(rules.ptr, rules.len, 0), *have = yyjson_read(kernel.ptr, kernel.len, 0);
	yyjson_val *root = yyjson_doc_get_root(want), *got = yyjson_obj_get(yyjson_doc_get_root(have), "nftables");
	struct map w = { 0 }, h = { 0 };
	yyjson_val *list = yyjson_is_arr(root) ? root : yyjson_obj_get(root, "rules");
	int r = !yyjson_is_arr(list) || !yyjson_is_arr(got) ? err_set(err, E_CORRUPT, "nft", "rules can't be read") : 0;
	if (r == 0)
		r = collect(list, false, &w, err);
	if (r == 0)
		r = collect(got, true, &h, err);
	if (r == 0)
		r = subset(&w, &h, "is not in the kernel", err);
	if (r == 0)
		r = subset(&h, &w, "is in the kernel but not in the generation", err);
	map_done(&w);
	map_done(&h);
	yyjson_doc_free(want);
	yyjson_doc_free(have);
	return r;
}

int nft_verify(const struct verify_input *in, struct err *err)
{
	static const char *const argv[] = { "nft", "-j", "list", "table", "inet", "toride", NULL };
	struct buf out;
	int status = 0;
	buf_init(&out, 512 * MIB);
	int r = in->env->run(&(struct proc_opts){ .argv = argv, .timeout_ms = 60000, .out = &out, .ret_status = &status }, err);
	if (r == 0 && !in->rules.ptr)
		r = status == 0 ? err_set(err, E_CORRUPT, "nft", "the table is there without a generation") : 0;
	else if (r == 0 && status != 0)
		r = err_set(err, E_CORRUPT, "nft", "the table isn't there: %.300s", buf_cstr(&out));
	else if (r == 0)
		r = verify_rules(in->rules, buf_view(&out), err);
	buf_done(&out);
	return r;
}
