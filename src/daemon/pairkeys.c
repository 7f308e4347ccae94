/* See pairkeys.h. */
#include "daemon/pairkeys.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "vault/vault_client.h"
#include "wire/ctl.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <stdio.h>
#include <yyjson.h>

#define VAULT_MS 5000
#define CERTIFICATE_MAX (256 * KIB)
#define TAKE_MS 30000

/* ---- answering ---- */

int pairkeys_ensure(struct str description, struct err *err)
{
	struct vault *v = NULL;
	struct buf box;
	size_t i, n;
	yyjson_val *org;
	yyjson_doc *doc = yyjson_read(description.ptr, description.len, 0);
	char name[VAULT_BOX_NAME];
	int r = vault_open(NULL, VAULT_MS, &v, err);
	buf_init(&box, VAULT_MESSAGE_MAX);
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "orgs"), i, n, org) {
		struct str code = ctl_str(org, "code");
		snprintf(name, sizeof name, "orgs/%.*s.key", (int)(code.len < 7 ? code.len : 7), code.ptr ? code.ptr : "");
		buf_reset(&box);
		int one = r < 0 ? r : vault_box_get(v, name, &box, err);
		r = one == -E_NOT_FOUND ? r : one; /* it was destroyed */
	}
	buf_done(&box);
	vault_close(&v);
	yyjson_doc_free(doc);
	return r;
}

struct answer {
	struct vault *v;
	struct buf *out;
	struct buf certificates; /* items */
	struct err *err;
};

static int add_key(const char *name, void *user)
{
	struct answer *a = user;
	struct follow_item i = { .kind = FOLLOW_KEY };
	struct buf box;
	buf_init(&box, VAULT_MESSAGE_MAX);
	snprintf(i.name, sizeof i.name, "%s", name);
	int r = vault_box_get(a->v, name, &box, a->err);
	i.bytes = buf_view(&box);
	if (r == 0)
		follow_item_write(a->out, &i);
	buf_done(&box);
	return r == -E_NOT_FOUND ? 0 : r; /* destroyed since its name was told */
}

/* SITE.pem */
static int add_certificate(const char *file, void *user)
{
	struct answer *a = user;
	struct follow_item i = { .kind = FOLLOW_CERTIFICATE };
	struct str site = str_from(file);
	struct buf pem;
	char path[PLACE_MAX];
	if (!str_ends(site, STR(".pem")))
		return 0;
	site.len -= 4;
	if (!str_copy(site, i.name, sizeof i.name))
		return 0;
	buf_init(&pem, CERTIFICATE_MAX);
	if (fs_read(place_in_state(path, sizeof path, "acme/live/%s", file), &pem, NULL) == 0) {
		i.bytes = buf_view(&pem);
		follow_item_write(&a->certificates, &i);
	}
	buf_done(&pem);
	return 0;
}

/* Knot's, sealed by who may read them (daemon/dnskeysd.c); none when no zone is signed here. */
static int add_zone_keys(struct answer *a)
{
	struct follow_item i = { .kind = FOLLOW_ZONE_KEYS, .name = "knot" };
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, FOLLOW_MAX);
	if (fs_read(place_in_run(path, sizeof path, "pair-knot/own"), &b, NULL) == 0) {
		i.bytes = buf_view(&b);
		follow_item_write(&a->certificates, &i);
	}
	buf_done(&b);
	return 0;
}

int pairkeys_answer(const unsigned char taken[32], bool active, struct buf *out, struct err *err)
{
	struct answer a = { .out = out, .err = err };
	struct follow_keys k = { .active = active };
	struct buf stamped;
	char dir[PLACE_MAX];
	uint64_t version = 0;
	if (!active) {
		follow_keys_write(out, &k);
		follow_item_write(out, &(struct follow_item){ .kind = FOLLOW_END });
		return 0;
	}
	buf_init(&a.certificates, FOLLOW_MAX);
	buf_init(&stamped, FOLLOW_MAX);
	int r = vault_open(NULL, VAULT_MS, &a.v, err);
	r = r < 0 ? r : vault_box_version(a.v, &version, err);
	if (r == 0 && fs_exists(place_in_state(dir, sizeof dir, "acme/live")))
		r = fs_list(dir, add_certificate, &a, err);
	r = r < 0 ? r : add_zone_keys(&a);
	wr_u64(&stamped, version);
	buf_str(&stamped, buf_view(&a.certificates));
	hash_sha256(stamped.ptr, stamped.len, k.stamp);
	bool news = memcmp(k.stamp, taken, sizeof k.stamp) != 0;
	follow_keys_write(out, &k);
	if (r == 0 && news)
		r = vault_box_names(a.v, &version, add_key, &a, err);
	if (r == 0 && news)
		buf_str(out, buf_view(&a.certificates));
	follow_item_write(out, &(struct follow_item){ .kind = FOLLOW_END });
	if (r == 0 && (out->failed || stamped.failed))
		r = err_set(err, E_LIMIT, "pair", "more keys than the link carries at once");
	vault_close(&a.v);
	buf_done(&a.certificates);
	buf_done(&stamped);
	return r;
}

/* ---- taking ---- */

static int take_certificate(const struct follow_item *i, struct err *err)
{
	char path[PLACE_MAX];
	struct buf request, reply;
	if (!fs_exists(place_in_run(path, sizeof path, SOCK_ACME)))
		return 0; /* no site here gets one yet: it comes again with the generation */
	buf_init(&request, 4 * CERTIFICATE_MAX);
	buf_init(&reply, 64 * KIB);
	buf_puts(&request, "{\"v\":1,\"do\":\"site.take\"");
	json_field_s(&request, "site", i->name);
	json_field(&request, "certificate", i->bytes);
	buf_putc(&request, '}');
	int r = request.failed ? err_set(err, E_LIMIT, i->name, "the certificate is too large") : ctl_call(path, buf_view(&request), &reply, TAKE_MS, err);
	buf_done(&request);
	buf_done(&reply);
	return r;
}

static int take_zone_keys(const struct follow_item *i, struct err *err)
{
	char path[PLACE_MAX];
	return fs_write(place_in_run(path, sizeof path, "pair-knot/other"), i->bytes, 0644, err);
}

/* What can't be taken keeps no other away; the stamp stays the old one then, so that all of it comes again. */
static int take_items(struct pairfollow *f, struct str items, struct err *err)
{
	struct vault *v = NULL;
	struct follow_item i;
	int worst = vault_open(NULL, VAULT_MS, &v, err);
	while (worst != -E_CLOSED && v && follow_item_next(&items, &i)) {
		struct err one = { 0 };
		int r = i.kind == FOLLOW_KEY ? vault_box_put(v, i.name, i.bytes, &one) :
		        i.kind == FOLLOW_CERTIFICATE ? take_certificate(&i, &one) : take_zone_keys(&i, &one);
		bool differs = i.kind == FOLLOW_KEY && r == -E_EXISTS;
		f->keys_differ += differs;
		if (r < 0 && !differs) {
			worst = r;
			*err = one;
		}
	}
	vault_close(&v);
	return worst;
}

int pairkeys_take(struct pairfollow *f, pairfollow_ask_fn ask, struct err *err)
{
	struct follow_question q = { .digest = FOLLOW_KEYS };
	struct follow_keys k;
	struct buf in;
	f->keys_differ = 0;
	memcpy(q.blocks, f->stamp, sizeof q.blocks);
	buf_init(&in, FOLLOW_MAX);
	int r = ask(f, &q, &in, err);
	if (r == 0 && follow_keys_parse(buf_view(&in), &k) < 0)
		r = err_set(err, E_INVALID, "pair", "the other node tells no keys: it is of an older version");
	if (r == 0 && k.active && memcmp(k.stamp, f->stamp, sizeof k.stamp) != 0) {
		r = take_items(f, k.items, err);
		if (r == 0)
			memcpy(f->stamp, k.stamp, sizeof k.stamp);
	}
	buf_done(&in);
	return r;
}
