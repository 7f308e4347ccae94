/* Holds, beside controld.c: a body's records that aren't ended while a case is under way (segment/hold.h says who asks for them).
 *
 * One person holds, at once, with a reason. Two release: one asks for it, with a reason, and somebody else agrees; records that are gone
 * come back for nobody. Who did what is recorded like every change. One file a hold, STATE/holds/ORG.ID:
 *   {"org":"412015","id":"0a1b2c3d","case":"…","reason":"…","by":"sato","time":MS,"release":{"by":…,"reason":…,"time":MS}}
 *
 * Of a pair both nodes seal, and end, records of their own: each second the one that stands by tells the other what it knows, and hears (paird carries
 * it, pairholds.h). A hold that isn't known at one node is either new or was released there: what was released stays known, by a file of its
 * name in STATE/control/released. So a hold that was made a moment before its node died comes back with that node. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "daemon/controld.h"
#include "segment/segment.h"
#include "wire/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WORDS_MAX 240
#define ID_LEN 8
#define HOLDS_MAX 1000

struct hold {
	char org[8], id[ID_LEN + 1], case_of[WORDS_MAX + 1], reason[WORDS_MAX + 1], by[IDENTITY_MAX];
	char asked_by[IDENTITY_MAX], asked_reason[WORDS_MAX + 1]; /* "" while nobody wants it released */
	uint64_t time, asked_time;
};

static const char *path_of(char dst[PLACE_MAX], const char *org, const char *id)
{
	return place_in_state(dst, PLACE_MAX, "holds/%s.%s", org, id);
}

static void format(const struct hold *h, struct buf *b)
{
	buf_putc(b, '{');
	json_field_s(b, "org", h->org);
	json_field_s(b, "id", h->id);
	json_field_s(b, "case", h->case_of);
	json_field_s(b, "reason", h->reason);
	json_field_s(b, "by", h->by);
	json_field_u64(b, "time", h->time);
	if (*h->asked_by) {
		json_key(b, "release");
		buf_putc(b, '{');
		json_field_s(b, "by", h->asked_by);
		json_field_s(b, "reason", h->asked_reason);
		json_field_u64(b, "time", h->asked_time);
		buf_putc(b, '}');
	}
	buf_putc(b, '}');
}

static int save(const struct hold *h, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 16 * KIB);
	format(h, &b);
	buf_putc(&b, '\n');
	int r = b.failed ? err_set(err, E_NOMEM, "", "no memory") : fs_write(path_of(path, h->org, h->id), buf_view(&b), 0600, err);
	buf_done(&b);
	return r;
}

static bool id_ok(const char *id)
{
	return strlen(id) == ID_LEN && strspn(id, "0123456789abcdef") == ID_LEN;
}

/* ORG.ID; what is still being written has another name. */
static bool hold_name(const char *name, char org[8], char id[ID_LEN + 1])
{
	struct str rest = str_from(name), head;
	return str_next(&rest, '.', &head) && str_copy(head, org, 8) && segment_org_ok(org) && str_copy(rest, id, ID_LEN + 1) && id_ok(id);
}

static bool parse(yyjson_val *v, struct hold *ret)
{
	struct hold h = { 0 };
	yyjson_val *a = yyjson_obj_get(v, "release");
	bool ok = str_copy(ctl_str(v, "org"), h.org, sizeof h.org) && str_copy(ctl_str(v, "id"), h.id, sizeof h.id) &&
	          str_copy(ctl_str(v, "case"), h.case_of, sizeof h.case_of) && str_copy(ctl_str(v, "reason"), h.reason, sizeof h.reason) &&
	          str_copy(ctl_str(v, "by"), h.by, sizeof h.by) &&
	          (!a || (str_copy(ctl_str(a, "by"), h.asked_by, sizeof h.asked_by) &&
	                  str_copy(ctl_str(a, "reason"), h.asked_reason, sizeof h.asked_reason)));
	h.time = ctl_u64(v, "time", 0);
	h.asked_time = ctl_u64(a, "time", 0);
	*ret = h;
	return ok;
}

static int load(const char *path, struct hold *ret, struct err *err)
{
	struct buf b;
	buf_init(&b, 16 * KIB);
	int r = fs_read(path, &b, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	if (r == 0 && !parse(yyjson_doc_get_root(doc), ret))
		r = err_set(err, E_CORRUPT, path, "can't be read; while it is there the records are held");
	yyjson_doc_free(doc);
	buf_done(&b);
	return r;
}

static int words(const struct ctl_request *rq, const char *key, char dst[WORDS_MAX + 1], struct err *err)
{
	struct str s = ctl_str(rq->root, key);
	if (s.len == 0 || !str_copy(s, dst, WORDS_MAX + 1))
		return err_set(err, E_INVALID, key, "missing, or longer than %d bytes", WORDS_MAX);
	return 0;
}

/* On record with all its words: the file goes when it is released. */
static void note(struct controld *c, const struct asker *who, const char *what, const struct hold *h, const char *reason)
{
	char about[2 * WORDS_MAX + 64];
	struct err none = { 0 };
	snprintf(about, sizeof about, "%s.%s: %s: %s", h->org, h->id, h->case_of, reason);
	controld_audit(c, who->name, what, about, &none);
}

/* ---- the three requests ---- */

static int count_one(const char *name, void *user)
{
	(void)name;
	++*(unsigned *)user;
	return 0;
}

static int add(struct controld *c, const struct ctl_request *rq, const struct asker *who, struct buf *b, struct err *err)
{
	struct hold h = { .time = (uint64_t)clock_now_ms() };
	char dir[PLACE_MAX];
	unsigned char id[ID_LEN / 2];
	unsigned n = 0;
	if (!str_copy(ctl_str(rq->root, "org"), h.org, sizeof h.org) || !segment_org_ok(h.org) || strcmp(h.org, "service") == 0)
		return err_set(err, E_INVALID, "org", "not a body's code");
	if (!people_sees(who->scope, str_from(h.org)))
		return err_set(err, E_DENIED, "org", "not one of yours to hold");
	int r = words(rq, "case", h.case_of, err);
	if (r == 0)
		r = words(rq, "reason", h.reason, err);
	if (r == 0)
		r = fs_list(place_in_state(dir, sizeof dir, "holds"), count_one, &n, err);
	if (r == 0 && n >= HOLDS_MAX)
		r = err_set(err, E_LIMIT, "hold", "there are %d of them already", HOLDS_MAX);
	if (r < 0)
		return r;
	snprintf(h.by, sizeof h.by, "%s", who->name);
	rnd_bytes(id, sizeof id);
	hex_format(id, sizeof id, h.id);
	r = save(&h, err);
	if (r < 0)
		return r;
	json_field_s(b, "id", h.id);
	note(c, who, "hold.add", &h, h.reason);
	return 0;
}

static int find(const struct ctl_request *rq, const struct asker *who, struct hold *ret, struct err *err)
{
	char org[8] = "", id[ID_LEN + 1] = "", path[PLACE_MAX];
	bool ok = str_copy(ctl_str(rq->root, "org"), org, sizeof org) && segment_org_ok(org) && str_copy(ctl_str(rq->root, "id"), id, sizeof id) && id_ok(id);
	if (!ok || !people_sees(who->scope, str_from(org)) || !fs_exists(path_of(path, org, id)))
		return err_set(err, E_NOT_FOUND, "id", "no such hold");
	return load(path, ret, err);
}

/* ---- what was released ---- */

static const char *released_path(char dst[PLACE_MAX], const char *name)
{
	return place_in_state(dst, PLACE_MAX, "control/released/%s", name);
}

/* First it is known that it was released, then the hold goes. */
static int end_hold(const char *org, const char *id, struct err *err)
{
	char name[24], path[PLACE_MAX], dir[PLACE_MAX];
	snprintf(name, sizeof name, "%s.%s", org, id);
	int r = fs_mkdirs(released_path(dir, ""), 0700, err);
	r = r < 0 || fs_exists(released_path(path, name)) ? r : fs_write(path, STR(""), 0600, err);
	if (r == 0 && unlink(path_of(path, org, id)) < 0 && errno != ENOENT)
		r = err_errno(err, path, "cannot be removed");
	return r < 0 ? r : fs_sync_dir(place_in_state(dir, sizeof dir, "holds"), err);
}

/* The first asks, another one agrees. */
static int release(struct controld *c, const struct ctl_request *rq, const struct asker *who, struct buf *b, struct err *err)
{
	struct hold h;
	int r = find(rq, who, &h, err);
	if (r < 0)
		return r;
	bool second = *h.asked_by && !identity_same(h.asked_by, who->name);
	if (*h.asked_by && !second)
		return err_set(err, E_DENIED, "id", "%s has asked for it: somebody else must agree (別の人の同意が必要です)", h.asked_by);
	if (!second) {
		r = words(rq, "reason", h.asked_reason, err);
		snprintf(h.asked_by, sizeof h.asked_by, "%s", who->name);
		h.asked_time = (uint64_t)clock_now_ms();
		r = r < 0 ? r : save(&h, err);
	} else {
		r = end_hold(h.org, h.id, err);
	}
	if (r < 0)
		return r;
	json_field_bool(b, "released", second);
	note(c, who, second ? "hold.released" : "hold.release", &h, h.asked_reason);
	return 0;
}

struct listing {
	const struct asker *who;
	struct buf *b;
	bool any;
};

/* A file that can't be read holds all the same (segment/hold.h): by its name it is whose it says. */
static void format_unread(const char *name, struct buf *b)
{
	struct str rest = str_from(name), org;
	str_next(&rest, '.', &org);
	buf_putc(b, '{');
	json_field(b, "org", org);
	json_field(b, "id", rest);
	json_field_bool(b, "unreadable", true);
	buf_putc(b, '}');
}

static int list_one(const char *name, void *user)
{
	struct listing *l = user;
	struct hold h;
	char path[PLACE_MAX];
	struct err err;
	struct str rest = str_from(name), org;
	str_next(&rest, '.', &org);
	char code[8];
	if (str_ends(rest, STR(".new")) || !str_copy(org, code, sizeof code) || !segment_org_ok(code) || !people_sees(l->who->scope, org)) /* holds nothing, or not theirs */
		return 0;
	int r = load(place_in_state(path, sizeof path, "holds/%s", name), &h, &err);
	bool other = r == 0 && (!str_eq(org, str_from(h.org)) || !str_eq(rest, str_from(h.id))); /* what holds is the name, not what stands in it */
	buf_puts(l->b, l->any ? "," : "");
	l->any = true;
	if (r < 0 || other)
		format_unread(name, l->b);
	else
		format(&h, l->b);
	return 0;
}

/* ---- the other node of a pair ---- */

static int take_released(struct controld *c, const char *name, struct err *err)
{
	struct hold h = { 0 };
	char path[PLACE_MAX];
	struct err none = { 0 };
	if (!hold_name(name, h.org, h.id))
		return err_set(err, E_INVALID, "released", "not the name of a hold");
	bool known = fs_exists(released_path(path, name)), held = fs_exists(path_of(path, h.org, h.id));
	if (known && !held)
		return 0;
	if (held && load(path, &h, &none) == 0)
		note(c, &(struct asker){ .name = "pair" }, "hold.released", &h, "at the other node (もう一方のノードで解除)");
	return end_hold(h.org, h.id, err);
}

/* Of two that ask for its end the one who asked first did. */
static bool supersedes(const struct hold *theirs, const struct hold *mine)
{
	if (!*theirs->asked_by || !*mine->asked_by)
		return *theirs->asked_by && !*mine->asked_by;
	return theirs->asked_time != mine->asked_time ? theirs->asked_time < mine->asked_time : strcmp(theirs->asked_by, mine->asked_by) < 0;
}

static int take_hold(struct controld *c, yyjson_val *v, struct err *err)
{
	struct hold h, mine;
	char path[PLACE_MAX], name[24];
	struct err none = { 0 };
	if (!parse(v, &h) || !segment_org_ok(h.org) || strcmp(h.org, "service") == 0 || !id_ok(h.id))
		return err_set(err, E_INVALID, "holds", "not a hold");
	snprintf(name, sizeof name, "%s.%s", h.org, h.id);
	bool held = fs_exists(path_of(path, h.org, h.id));
	if (held ? load(path, &mine, &none) == 0 && !supersedes(&h, &mine) : fs_exists(released_path(path, name)))
		return 0;
	int r = save(&h, err);
	if (r == 0 && !held)
		note(c, &(struct asker){ .name = "pair" }, "hold.add", &h, h.reason);
	return r;
}

/* What can't be taken keeps no other away. */
static int take_known(struct controld *c, yyjson_val *theirs, struct err *err)
{
	size_t i, n;
	yyjson_val *v;
	int worst = 0;
	yyjson_arr_foreach(yyjson_obj_get(theirs, "released"), i, n, v) {
		int r = yyjson_is_str(v) ? take_released(c, yyjson_get_str(v), err) : err_set(err, E_INVALID, "released", "not the name of a hold");
		worst = r < 0 ? r : worst;
	}
	yyjson_arr_foreach(yyjson_obj_get(theirs, "holds"), i, n, v) {
		int r = take_hold(c, v, err);
		worst = r < 0 ? r : worst;
	}
	return worst;
}

/* One that can't be read holds here and can't be told of. */
static int tell_hold(const char *name, void *user)
{
	struct buf *b = user;
	struct hold h;
	char path[PLACE_MAX], org[8], id[ID_LEN + 1];
	struct err none = { 0 };
	if (!hold_name(name, org, id) || load(place_in_state(path, sizeof path, "holds/%s", name), &h, &none) < 0 || strcmp(h.org, org) != 0 || strcmp(h.id, id) != 0)
		return 0;
	if (!b->failed && b->ptr[b->len - 1] != '[')
		buf_putc(b, ',');
	format(&h, b);
	return 0;
}

static int tell_released(const char *name, void *user)
{
	struct buf *b = user;
	char org[8], id[ID_LEN + 1];
	if (!hold_name(name, org, id))
		return 0;
	if (!b->failed && b->ptr[b->len - 1] != '[')
		buf_putc(b, ',');
	json_str(b, str_from(name));
	return 0;
}

/* The same words at both nodes once both know the same: files come in the order of their names. */
static int exchange(struct controld *c, const struct ctl_request *rq, struct buf *b, struct err *err)
{
	char dir[PLACE_MAX];
	if (rq->uid != USER_PAIR)
		return err_set(err, E_DENIED, "", "only the other node of a pair is told");
	int r = take_known(c, yyjson_obj_get(rq->root, "theirs"), err);
	buf_puts(b, ",\"known\":{\"holds\":[");
	r = r < 0 ? r : fs_list(place_in_state(dir, sizeof dir, "holds"), tell_hold, b, err);
	buf_puts(b, "],\"released\":[");
	if (r == 0 && fs_exists(released_path(dir, "")))
		r = fs_list(dir, tell_released, b, err);
	buf_puts(b, "]}");
	return r;
}

int holds_ask(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, struct buf *b, struct err *err)
{
	struct listing l = { who, b, false };
	char dir[PLACE_MAX];
	if (strcmp(what, "hold.add") == 0)
		return add(c, rq, who, b, err);
	if (strcmp(what, "hold.release") == 0)
		return release(c, rq, who, b, err);
	if (strcmp(what, "hold.exchange") == 0)
		return exchange(c, rq, b, err);
	if (strcmp(what, "hold.list") != 0)
		return err_set(err, E_INVALID, "do", "no such request: %s", what);
	buf_puts(b, ",\"holds\":[");
	int r = fs_list(place_in_state(dir, sizeof dir, "holds"), list_one, &l, err);
	buf_putc(b, ']');
	return r;
}
