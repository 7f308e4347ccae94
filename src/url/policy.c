/* One organisation's decision over its sets; the order and its reasons stand in url.h. */
#include "url/set.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/model.h"
#include "url/index.h"
#include "url/puny.h"

#include <stdio.h>

#define LOOKALIKE "lookalike" /* a category of model/category.h that needs no list */

struct exception {
	int64_t expires_ms;
	bool allow;
};

struct net {
	uint8_t addr[16], len;
};

struct rule {
	const char *id;
	const char **names; /* of categories */
	size_t n_names;
	enum url_action action;
	int days; /* 0 all, 1 Monday to Friday, 2 Saturday and Sunday */
	unsigned from, to;
	struct net *terminals;
	size_t n_terminals;
	const char **groups;
	size_t n_groups;
};

/* Lists for certain groups of users. */
struct group_list {
	const char *id;
	const char **groups;
	size_t n_groups;
	struct url_set *black, *white;
};

struct url_policy_set {
	struct arena arena; /* of the rules by category */
	struct rule *rules;
	size_t n_rules;
	const char **deny; /* categories denied for all */
	size_t n_deny;
	const struct url_set *common; /* borrowed */
	struct url_set *black, *white, *patterns;
	struct group_list *group_lists;
	size_t n_group_lists;
	struct exception *exceptions; /* by index in patterns */
	bool white_only;
};

static int read_mode(yyjson_val *object, const char *path, bool *ret, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(object, "mode");
	*ret = yyjson_equals_str(v, "whitelist_only");
	if (!v || *ret || yyjson_equals_str(v, "blacklist"))
		return 0;
	return err_set(err, E_INVALID, path, "mode is neither blacklist nor whitelist_only");
}

static int read_exception(yyjson_val *v, const char *path, size_t i, struct str *ret_pattern, struct exception *ret,
                          struct err *err)
{
	yyjson_val *pattern = yyjson_obj_get(v, "pattern"), *allow = yyjson_obj_get(v, "allow");
	yyjson_val *expires = yyjson_obj_get(v, "expires_ms");
	if (!yyjson_is_str(pattern) || !yyjson_is_bool(allow) || !yyjson_is_int(expires) || yyjson_get_sint(expires) <= 0)
		return err_set(err, E_INVALID, path, "exception %zu needs pattern, allow and expires_ms", i);
	*ret_pattern = (struct str){ yyjson_get_str(pattern), yyjson_get_len(pattern) };
	*ret = (struct exception){ yyjson_get_sint(expires), yyjson_get_bool(allow) };
	return 0;
}

static int read_exceptions(struct url_policy_set *p, yyjson_val *array, const char *path, struct err *err)
{
	size_t i, max, n = yyjson_arr_size(array);
	yyjson_val *v;
	char place[128];
	if (array && !yyjson_is_arr(array))
		return err_set(err, E_INVALID, path, "exceptions must be a list");
	snprintf(place, sizeof place, "%s.exceptions", path);
	_cleanup_free_ struct str *patterns = mem_array(n, sizeof *patterns);
	p->exceptions = mem_array(n, sizeof *p->exceptions);
	if (!patterns || !p->exceptions)
		return err_set(err, E_NOMEM, path, "no memory");
	yyjson_arr_foreach(array, i, max, v) {
		int r = read_exception(v, place, i, &patterns[i], &p->exceptions[i], err);
		if (r < 0)
			return r;
	}
	return url_set_build_list(patterns, n, place, &p->patterns, err);
}

/* ---- rules by category ---- */

static int bad_rule(const char *path, const char *what, struct err *err)
{
	return err_set(err, E_INVALID, path, "%s", what);
}

static int read_names(struct url_policy_set *p, yyjson_val *array, const char *path, const char ***ret, size_t *ret_n, struct err *err)
{
	size_t i, max, n = yyjson_arr_size(array);
	yyjson_val *v;
	if (array && !yyjson_is_arr(array))
		return bad_rule(path, "categories must be a list", err);
	const char **names = arena_array(&p->arena, n + 1, sizeof *names);
	if (!names)
		return err_set(err, E_NOMEM, path, "no memory");
	yyjson_arr_foreach(array, i, max, v) {
		if (!yyjson_is_str(v) || yyjson_get_len(v) >= URL_CATEGORY_NAME)
			return bad_rule(path, "not a category's name", err);
		names[i] = arena_strdup(&p->arena, (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
		if (!names[i])
			return err_set(err, E_NOMEM, path, "no memory");
	}
	*ret = names;
	*ret_n = n;
	return 0;
}

static int read_terminals(struct url_policy_set *p, yyjson_val *array, const char *path, struct rule *ret, struct err *err)
{
	size_t i, max;
	yyjson_val *v;
	struct url_pattern pattern;
	ret->terminals = arena_array(&p->arena, yyjson_arr_size(array) + 1, sizeof *ret->terminals);
	if (!ret->terminals)
		return err_set(err, E_NOMEM, path, "no memory");
	yyjson_arr_foreach(array, i, max, v) {
		if (!yyjson_is_str(v) || url_pattern_parse((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, &pattern, NULL) < 0 ||
		    pattern.kind != KEY_ADDR)
			return bad_rule(path, "terminals are addresses and prefixes", err);
		struct net *n = &ret->terminals[ret->n_terminals++];
		memcpy(n->addr, pattern.key, 16);
		n->len = (uint8_t)pattern.key[16];
	}
	return 0;
}

static int read_groups(struct url_policy_set *p, yyjson_val *array, const char *path, const char ***ret, size_t *ret_n, struct err *err)
{
	size_t i, max, n = yyjson_arr_size(array);
	yyjson_val *v;
	if (array && !yyjson_is_arr(array))
		return bad_rule(path, "groups must be a list", err);
	const char **names = arena_array(&p->arena, n + 1, sizeof *names);
	if (!names)
		return err_set(err, E_NOMEM, path, "no memory");
	yyjson_arr_foreach(array, i, max, v) {
		if (!yyjson_is_str(v) || yyjson_get_len(v) == 0 || memchr(yyjson_get_str(v), ',', yyjson_get_len(v)))
			return bad_rule(path, "not a group's name", err);
		names[i] = arena_strdup(&p->arena, (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
		if (!names[i])
			return err_set(err, E_NOMEM, path, "no memory");
	}
	*ret = names;
	*ret_n = n;
	return 0;
}

static int read_group_list(struct url_policy_set *p, yyjson_val *v, const char *path, struct group_list *ret, struct err *err)
{
	char place[160];
	struct str id = { yyjson_get_str(yyjson_obj_get(v, "id")), yyjson_get_len(yyjson_obj_get(v, "id")) };
	if (!id.ptr || id.len == 0 || id.len > 32)
		return bad_rule(path, "a list for groups needs an id", err);
	ret->id = arena_strdup(&p->arena, id);
	int r = read_groups(p, yyjson_obj_get(v, "groups"), path, &ret->groups, &ret->n_groups, err);
	snprintf(place, sizeof place, "%s.black", path);
	r = r < 0 ? r : url_set_build(yyjson_obj_get(v, "black"), place, &ret->black, err);
	snprintf(place, sizeof place, "%s.white", path);
	r = r < 0 ? r : url_set_build(yyjson_obj_get(v, "white"), place, &ret->white, err);
	return r == 0 && !ret->id ? err_set(err, E_NOMEM, path, "no memory") : r;
}

static int read_group_lists(struct url_policy_set *p, yyjson_val *array, const char *path, struct err *err)
{
	size_t i, max;
	yyjson_val *v;
	char place[128];
	if (array && !yyjson_is_arr(array))
		return bad_rule(path, "group_lists must be a list", err);
	p->group_lists = arena_array(&p->arena, yyjson_arr_size(array) + 1, sizeof *p->group_lists);
	if (!p->group_lists)
		return err_set(err, E_NOMEM, path, "no memory");
	yyjson_arr_foreach(array, i, max, v) {
		snprintf(place, sizeof place, "%s.group_lists[%zu]", path, i);
		int r = read_group_list(p, v, place, &p->group_lists[p->n_group_lists++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_rule(struct url_policy_set *p, yyjson_val *v, const char *path, struct rule *ret, struct err *err)
{
	yyjson_val *id = yyjson_obj_get(v, "id"), *action = yyjson_obj_get(v, "action"), *days = yyjson_obj_get(v, "days");
	yyjson_val *terminals = yyjson_obj_get(v, "terminals");
	uint64_t from = yyjson_get_uint(yyjson_obj_get(v, "from")), to = yyjson_get_uint(yyjson_obj_get(v, "to"));
	static const char *const actions[] = { "deny", "allow", "coach", "override" };
	unsigned what = 0;
	while (what < ARRAY_LEN(actions) && !yyjson_equals_str(action, actions[what]))
		what++;
	ret->action = (enum url_action)what;
	if (!yyjson_is_str(id) || yyjson_get_len(id) == 0 || yyjson_get_len(id) > 32)
		return bad_rule(path, "a rule by category needs an id", err);
	if (what == ARRAY_LEN(actions))
		return bad_rule(path, "action is none of deny, allow, coach, override", err);
	ret->days = yyjson_equals_str(days, "weekdays") ? 1 : yyjson_equals_str(days, "weekend") ? 2 : 0;
	if ((days && ret->days == 0 && !yyjson_equals_str(days, "all")) || from >= 1440 || to >= 1440)
		return bad_rule(path, "days or times that there aren't", err);
	if (terminals && !yyjson_is_arr(terminals))
		return bad_rule(path, "terminals must be a list", err);
	ret->from = (unsigned)from;
	ret->to = (unsigned)to;
	ret->id = arena_strdup(&p->arena, (struct str){ yyjson_get_str(id), yyjson_get_len(id) });
	int r = read_names(p, yyjson_obj_get(v, "categories"), path, &ret->names, &ret->n_names, err);
	r = r < 0 ? r : read_terminals(p, terminals, path, ret, err);
	r = r < 0 ? r : read_groups(p, yyjson_obj_get(v, "groups"), path, &ret->groups, &ret->n_groups, err);
	return r == 0 && !ret->id ? err_set(err, E_NOMEM, path, "no memory") : r;
}

static int read_categories(struct url_policy_set *p, yyjson_val *object, const char *path, struct err *err)
{
	yyjson_val *array = yyjson_obj_get(object, "categories"), *v;
	size_t i, max;
	char place[128];
	if (array && !yyjson_is_arr(array))
		return bad_rule(path, "categories must be a list", err);
	p->rules = arena_array(&p->arena, yyjson_arr_size(array) + 1, sizeof *p->rules);
	if (!p->rules)
		return err_set(err, E_NOMEM, path, "no memory");
	int r = read_names(p, yyjson_obj_get(object, "deny_categories"), path, &p->deny, &p->n_deny, err);
	yyjson_arr_foreach(array, i, max, v) {
		snprintf(place, sizeof place, "%s.categories[%zu]", path, i);
		r = r < 0 ? r : read_rule(p, v, place, &p->rules[p->n_rules++], err);
	}
	return r;
}

/* ---- all of it ---- */

static int read_policy(struct url_policy_set *p, yyjson_val *object, const char *path, struct err *err)
{
	char place[128];
	int r = read_mode(object, path, &p->white_only, err);
	if (r < 0)
		return r;
	snprintf(place, sizeof place, "%s.black", path);
	r = url_set_build(yyjson_obj_get(object, "black"), place, &p->black, err);
	if (r < 0)
		return r;
	snprintf(place, sizeof place, "%s.white", path);
	r = url_set_build(yyjson_obj_get(object, "white"), place, &p->white, err);
	r = r < 0 ? r : read_exceptions(p, yyjson_obj_get(object, "exceptions"), path, err);
	r = r < 0 ? r : read_group_lists(p, yyjson_obj_get(object, "group_lists"), path, err);
	return r < 0 ? r : read_categories(p, object, path, err);
}

int url_policy_build(yyjson_val *object, const char *path, const struct url_set *common, struct url_policy_set **ret,
                     struct err *err)
{
	if (object && !yyjson_is_obj(object))
		return err_set(err, E_INVALID, path, "must be an object");
	struct url_policy_set *p = mem_alloc(sizeof *p);
	if (!p)
		return err_set(err, E_NOMEM, path, "no memory");
	p->common = common;
	arena_init(&p->arena, 16 * MIB);
	int r = read_policy(p, object, path, err);
	if (r < 0)
		url_policy_destroy(&p);
	else
		*ret = p;
	return r;
}

void url_policy_destroy(struct url_policy_set **p)
{
	if (!*p)
		return;
	url_set_destroy(&(*p)->black);
	url_set_destroy(&(*p)->white);
	url_set_destroy(&(*p)->patterns);
	for (size_t i = 0; i < (*p)->n_group_lists; i++) {
		url_set_destroy(&(*p)->group_lists[i].black);
		url_set_destroy(&(*p)->group_lists[i].white);
	}
	mem_free((*p)->exceptions);
	arena_done(&(*p)->arena);
	mem_free(*p);
	*p = NULL;
}

struct still {
	const struct exception *list;
	int64_t now_ms;
};

static bool in_force(size_t index, const void *user)
{
	const struct still *s = user;
	return s->list[index].expires_ms > s->now_ms;
}

static void say(struct url_decision *d, bool allow, const char *rule)
{
	d->allow = allow;
	memcpy(d->rule, rule, strlen(rule) + 1);
}

static void say_index(struct url_decision *d, bool allow, const char *list, size_t i)
{
	d->allow = allow;
	snprintf(d->rule, sizeof d->rule, "%s[%zu]", list, i);
}

/* ---- categories ---- */

/* What is known of a URL beside the lists. */
struct known {
	const struct url_index *index;
	uint64_t held;  /* by the index */
	bool lookalike; /* by the name itself */
};

static const char *first_of(const struct known *k, const char **names, size_t n)
{
	for (size_t i = 0; i < n && (k->held || k->lookalike); i++)
		if ((k->held & url_index_mask(k->index, str_from(names[i]))) || (k->lookalike && strcmp(names[i], LOOKALIKE) == 0))
			return names[i];
	return NULL;
}

static bool in_net(const struct net *n, const uint8_t addr[16])
{
	size_t whole = n->len / 8, bits = n->len % 8;
	return memcmp(n->addr, addr, whole) == 0 && (!bits || ((n->addr[whole] ^ addr[whole]) & (0xff00u >> bits) & 0xff) == 0);
}

/* Is the user in one of them? */
static bool in_groups(const char **groups, size_t n, const struct url_query *q)
{
	struct str rest = str_from(q->groups), one;
	while (rest.len && str_next(&rest, ',', &one))
		for (size_t i = 0; i < n; i++)
			if (one.len && str_eq(one, str_from(groups[i])))
				return true;
	return false;
}

/* Is it the rule's time, and the rule's terminal and user? Over midnight the day is the one on which the time began. */
static bool holds_now(const struct rule *r, const struct url_query *q)
{
	int64_t minutes = q->now_ms / 60000 + 9 * 60; /* Japan has no summer time */
	unsigned now = (unsigned)(minutes % 1440);
	int64_t day = minutes / 1440; /* since Thursday, 1970-01-01 */
	if (r->from < r->to && (now < r->from || now >= r->to))
		return false;
	if (r->from > r->to && now < r->from && now >= r->to)
		return false;
	if (r->from > r->to && now < r->to)
		day--;
	bool weekend = (day + 4) % 7 == 0 || (day + 4) % 7 == 6; /* Sunday is 0 */
	if ((r->days == 1 && weekend) || (r->days == 2 && !weekend))
		return false;
	bool ours = r->n_terminals == 0;
	for (size_t i = 0; i < r->n_terminals && !ours; i++)
		ours = q->terminal && in_net(&r->terminals[i], q->terminal);
	return ours && (r->n_groups == 0 || in_groups(r->groups, r->n_groups, q));
}

static void say_category(struct url_decision *d, bool allow, const char *list, const char *what, const char *category)
{
	d->allow = allow;
	snprintf(d->rule, sizeof d->rule, "%s[%s]", list, what);
	snprintf(d->category, sizeof d->category, "%s", category);
}

static bool by_common_category(const struct url_policy_set *p, const struct known *k, struct url_decision *d)
{
	const char *name = first_of(k, p->deny, p->n_deny);
	if (name)
		say_category(d, false, "service.deny_categories", name, name);
	return name;
}

static bool by_own_category(const struct url_policy_set *p, const struct url_query *q, const struct known *k, struct url_decision *d)
{
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct rule *r = &p->rules[i];
		const char *name = first_of(k, r->names, r->n_names);
		if (!name || !holds_now(r, q))
			continue;
		say_category(d, r->action == URL_ALLOW, "url.categories", r->id, name);
		d->action = r->action;
		return true;
	}
	return false;
}

static void list_categories(const struct known *k, struct url_decision *d)
{
	size_t n = 0;
	d->category[0] = d->categories[0] = 0;
	d->action = URL_DENY;
	if (k->lookalike)
		n = (size_t)snprintf(d->categories, sizeof d->categories, "%s", LOOKALIKE);
	for (uint64_t held = k->held; held; held &= held - 1) {
		const char *name = url_index_category(k->index, (unsigned)__builtin_ctzll(held));
		size_t len = strlen(name);
		if (n + len + 2 > sizeof d->categories)
			return;
		n += (size_t)snprintf(d->categories + n, sizeof d->categories - n, "%s%s", n ? "," : "", name);
	}
}

/* ---- deciding ---- */

static bool by_group_lists(const struct url_policy_set *p, const struct url_target *t, const struct url_query *q, struct url_decision *d)
{
	for (size_t i = 0; i < p->n_group_lists; i++) {
		const struct group_list *l = &p->group_lists[i];
		if (!in_groups(l->groups, l->n_groups, q))
			continue;
		bool white = url_set_match(l->white, t, NULL);
		if (!white && !url_set_match(l->black, t, NULL))
			continue;
		d->allow = white;
		snprintf(d->rule, sizeof d->rule, "url.group_%s[%s]", white ? "white" : "black", l->id);
		return true;
	}
	return false;
}

static bool lists_want_path(const struct url_policy_set *p, const struct url_target *t)
{
	for (size_t i = 0; i < p->n_group_lists; i++)
		if (url_set_wants_path(p->group_lists[i].white, t) || url_set_wants_path(p->group_lists[i].black, t))
			return true;
	return url_set_wants_path(p->patterns, t) || url_set_wants_path(p->white, t) || url_set_wants_path(p->common, t) || url_set_wants_path(p->black, t);
}

/* Steps 1 to 6; false: nothing says anything. */
static bool by_lists(const struct url_policy_set *p, const struct url_target *t, const struct url_query *q, const struct known *k,
                     struct url_decision *d)
{
	size_t i;
	struct still still = { p->exceptions, q->now_ms };
	if (url_set_find(p->patterns, t, in_force, &still, &i))
		say_index(d, p->exceptions[i].allow, "url.exceptions", i);
	else if (by_group_lists(p, t, q, d))
		return true;
	else if (url_set_match(p->white, t, &i))
		say_index(d, true, "url.white", i);
	else if (url_set_match(p->common, t, &i))
		say_index(d, false, "service.black", i);
	else if (by_common_category(p, k, d))
		return true;
	else if (url_set_match(p->black, t, &i))
		say_index(d, false, "url.black", i);
	else
		return by_own_category(p, q, k, d);
	return true;
}

void url_decide_target(const struct url_policy_set *p, const struct url_target *t, const struct url_query *q,
                       struct url_decision *ret)
{
	struct url_hit hit;
	url_index_find(q->index, t, &hit);
	const struct known k = { q->index, hit.categories, url_lookalike((struct str){ t->host, t->host_len }) };
	list_categories(&k, ret);
	ret->wants_path = hit.wants_path || (!t->path.ptr && lists_want_path(p, t));
	if (by_lists(p, t, q, &k, ret))
		return;
	if (p->white_only)
		say(ret, false, "url.white_only");
	else
		say(ret, true, "url.default");
}

void url_decide(const struct url_policy_set *p, const struct url_query *q, struct url_decision *ret)
{
	struct url_target t;
	if (url_target_from(q, &t) < 0) {
		*ret = (struct url_decision){ 0 };
		say(ret, false, "url.invalid");
		return;
	}
	url_decide_target(p, &t, q, ret);
}

void url_decide_address(const struct url_policy_set *p, const uint8_t addr[16], const struct url_query *q,
                        struct url_decision *ret)
{
	struct url_target t = { .is_addr = true };
	struct url_hit hit;
	memcpy(t.addr, addr, 16);
	url_addr_format(addr, t.host);
	t.host_len = strlen(t.host);
	url_target_labels(&t);
	url_index_find(q->index, &t, &hit);
	const struct known k = { q->index, hit.categories, false };
	list_categories(&k, ret);
	ret->wants_path = false;
	if (!by_lists(p, &t, q, &k, ret))
		say(ret, true, "url.default");
}
