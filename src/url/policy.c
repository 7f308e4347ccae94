/* One organisation's decision over its sets; the order and its reasons stand in url.h. */
#include "url/set.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

struct exception {
	int64_t expires_ms;
	bool allow;
};

struct url_policy_set {
	const struct url_set *common; /* borrowed */
	struct url_set *black, *white, *patterns;
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
	return r < 0 ? r : read_exceptions(p, yyjson_obj_get(object, "exceptions"), path, err);
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
	mem_free((*p)->exceptions);
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

/* Steps 1 to 4; false: no list says anything. */
static bool by_lists(const struct url_policy_set *p, const struct url_target *t, int64_t now_ms, struct url_decision *d)
{
	size_t i;
	struct still still = { p->exceptions, now_ms };
	if (url_set_find(p->patterns, t, in_force, &still, &i))
		say_index(d, p->exceptions[i].allow, "url.exceptions", i);
	else if (url_set_match(p->white, t, &i))
		say_index(d, true, "url.white", i);
	else if (url_set_match(p->common, t, &i))
		say_index(d, false, "service.black", i);
	else if (url_set_match(p->black, t, &i))
		say_index(d, false, "url.black", i);
	else
		return false;
	return true;
}

void url_decide_target(const struct url_policy_set *p, const struct url_target *t, int64_t now_ms,
                       struct url_decision *ret)
{
	ret->wants_path = !t->path.ptr && (url_set_wants_path(p->patterns, t) || url_set_wants_path(p->white, t) ||
	                                   url_set_wants_path(p->common, t) || url_set_wants_path(p->black, t));
	if (by_lists(p, t, now_ms, ret))
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
		ret->wants_path = false;
		say(ret, false, "url.invalid");
		return;
	}
	url_decide_target(p, &t, q->now_ms, ret);
}

void url_decide_address(const struct url_policy_set *p, const uint8_t addr[16], int64_t now_ms,
                        struct url_decision *ret)
{
	struct url_target t = { .is_addr = true };
	memcpy(t.addr, addr, 16);
	url_addr_format(addr, t.host);
	t.host_len = strlen(t.host);
	url_target_labels(&t);
	ret->wants_path = false;
	if (!by_lists(p, &t, now_ms, ret))
		say(ret, true, "url.default");
}
