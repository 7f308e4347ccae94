/* See orgs.h. One map for all keys: "c:412015", "i:o412015", "n:" + index, "4:" and "6:" + global address, "r:" + the resolver's
 * address, "l:" + the place of a site's origin (struct leg). Zones have a map of their own: they may be many. */
#include "normalise/orgs.h"

#include "base/map.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <yyjson.h>

#define ORGS_MAX 4096
#define UPLINKS_MAX 8
#define ZONES_MAX 100000
#define LEG_MAX 100000

struct zone {
	char name[256];
	const struct orgs_one *one; /* NULL: of the service */
};

struct leg {
	const struct orgs_one *one;
	char origin[INET6_ADDRSTRLEN];
};

struct orgs {
	struct orgs_one *list;
	size_t n;
	struct map keys, zones; /* zone -> struct zone */
	struct zone *zone_list;
	size_t n_zones;
	struct leg *leg_list;
	size_t n_leg;
	char uplinks[UPLINKS_MAX][16];
	size_t n_uplinks;
};

static int put(struct orgs *o, char kind, const void *p, size_t n, void *one)
{
	char key[32] = { kind, ':' };
	if (n > sizeof key - 2)
		return -E_INVALID;
	memcpy(key + 2, p, n);
	struct str k = { key, n + 2 };
	return map_get(&o->keys, k) ? -E_EXISTS : map_put(&o->keys, k, one);
}

static void *get(const struct orgs *o, char kind, const void *p, size_t n)
{
	char key[32] = { kind, ':' };
	if (n > sizeof key - 2)
		return NULL;
	memcpy(key + 2, p, n);
	return map_get(&o->keys, (struct str){ key, n + 2 });
}

static bool text(yyjson_val *v, const char *key, char *dst, size_t size)
{
	yyjson_val *s = yyjson_obj_get(v, key);
	return yyjson_is_str(s) && str_copy((struct str){ yyjson_get_str(s), yyjson_get_len(s) }, dst, size);
}

static int read_publics(struct orgs *o, yyjson_val *list, struct orgs_one *one)
{
	size_t i, n;
	yyjson_val *v;
	int r = 0;
	yyjson_arr_foreach(list, i, n, v) {
		unsigned char a[16];
		const char *s = yyjson_get_str(v);
		if (s && inet_pton(AF_INET, s, a) == 1)
			r = r < 0 ? r : put(o, '4', a, 4, one);
		else if (s && inet_pton(AF_INET6, s, a) == 1)
			r = r < 0 ? r : put(o, '6', a, 16, one);
		else
			r = -E_INVALID;
	}
	return r;
}

static int read_keeps(yyjson_val *list, struct orgs_one *one)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(list, i, n, v) {
		uint64_t class = yyjson_get_uint(yyjson_obj_get(v, "class")), days = yyjson_get_uint(yyjson_obj_get(v, "days"));
		if (one->n_keeps == ORGS_CLASSES || class == 0 || class > 999999 || days == 0 || days > UINT16_MAX)
			return -E_INVALID;
		one->keeps[one->n_keeps++] = (struct orgs_keep){ (uint32_t)class, (uint16_t)days };
	}
	return 0;
}

static int read_one(struct orgs *o, yyjson_val *v, struct orgs_one *one)
{
	char t[64];
	one->index = (uint16_t)yyjson_get_uint(yyjson_obj_get(v, "index"));
	if (!text(v, "code", one->code, sizeof one->code) || strlen(one->code) != 6 || one->index == 0 ||
	    !text(v, "interface", one->interface, sizeof one->interface))
		return -E_INVALID;
	one->retention_days = (uint16_t)yyjson_get_uint(yyjson_obj_get(v, "retention_days"));
	one->hot_days = (uint16_t)yyjson_get_uint(yyjson_obj_get(v, "hot_days"));
	one->packet_days = (uint16_t)yyjson_get_uint(yyjson_obj_get(v, "packet_days"));
	if (read_keeps(yyjson_obj_get(v, "retention"), one) < 0)
		return -E_INVALID;
	if (text(v, "resolver4", t, sizeof t))
		one->resolves4 = inet_pton(AF_INET, t, one->resolver4) == 1;
	if (text(v, "resolver6", t, sizeof t))
		one->resolves6 = inet_pton(AF_INET6, t, one->resolver6) == 1;
	int r = put(o, 'c', one->code, strlen(one->code), one);
	if (r == 0)
		r = put(o, 'n', &one->index, sizeof one->index, one);
	if (r == 0)
		r = put(o, 'i', one->interface, strlen(one->interface), one);
	if (r == 0)
		r = read_publics(o, yyjson_obj_get(v, "publics"), one);
	if (r == 0 && one->resolves4)
		r = put(o, 'r', one->resolver4, 4, one);
	if (r == 0 && one->resolves6)
		r = put(o, 'r', one->resolver6, 16, one);
	return r;
}

/* "leg": [{"place": …, "origin": …}] of an organisation. */
static int read_leg(struct orgs *o, yyjson_val *list, const struct orgs_one *one)
{
	size_t i, n;
	yyjson_val *v;
	int r = 0;
	yyjson_arr_foreach(list, i, n, v) {
		struct leg *l = &o->leg_list[o->n_leg++];
		char place[INET6_ADDRSTRLEN];
		uint8_t addr[16];
		l->one = one;
		int family = text(v, "place", place, sizeof place) && text(v, "origin", l->origin, sizeof l->origin) ? orgs_address(str_from(place), addr) : 0;
		r = r < 0 ? r : family ? put(o, 'l', addr, family == 4 ? 4 : 16, l) : -E_INVALID;
	}
	return r;
}

static int read_legs(struct orgs *o, yyjson_val *orgs, struct err *err)
{
	size_t i, n, all = 0;
	yyjson_val *v;
	int r = 0;
	yyjson_arr_foreach(orgs, i, n, v)
		all += yyjson_arr_size(yyjson_obj_get(v, "leg"));
	o->leg_list = all <= LEG_MAX ? mem_array(all + 1, sizeof *o->leg_list) : NULL;
	if (!o->leg_list)
		return err_set(err, E_LIMIT, "intaked.json", "no memory for %zu origins, or too many", all);
	yyjson_arr_foreach(orgs, i, n, v)
		r = r < 0 ? r : read_leg(o, yyjson_obj_get(v, "leg"), &o->list[i]);
	return r < 0 ? err_set(err, (enum err_code)-r, "intaked.json", "an origin of the list is wrong or there twice") : 0;
}

static bool read_uplinks(struct orgs *o, yyjson_val *arr)
{
	size_t i, n;
	yyjson_val *v;
	if (yyjson_arr_size(arr) < 1 || yyjson_arr_size(arr) > UPLINKS_MAX)
		return false;
	yyjson_arr_foreach(arr, i, n, v)
		if (!yyjson_is_str(v) || !str_copy((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, o->uplinks[i], sizeof o->uplinks[i]))
			return false;
	o->n_uplinks = n;
	return true;
}

static int read_all(struct orgs *o, yyjson_val *root, struct err *err)
{
	yyjson_val *arr = yyjson_obj_get(root, "orgs"), *v;
	size_t n = yyjson_arr_size(arr);
	if (!yyjson_is_arr(arr) || n > ORGS_MAX || !read_uplinks(o, yyjson_obj_get(root, "uplinks")))
		return err_set(err, E_INVALID, "intaked.json", "no uplinks, or no list of organisations");
	o->list = mem_array(n, sizeof *o->list);
	if (!o->list)
		return err_set(err, E_NOMEM, "", "no memory");
	yyjson_arr_iter it;
	yyjson_arr_iter_init(arr, &it);
	for (; (v = yyjson_arr_iter_next(&it)); o->n++) {
		int r = read_one(o, v, &o->list[o->n]);
		if (r < 0)
			return err_set(err, (enum err_code)-r, "intaked.json", "organisation %zu of the list is wrong or there twice",
			               o->n);
	}
	return read_legs(o, arr, err);
}

/* "zones": [{"name": …, "org": CODE or "service"}] */
static int read_zones(struct orgs *o, yyjson_val *root, struct err *err)
{
	yyjson_val *arr = yyjson_obj_get(root, "zones"), *v;
	size_t n = yyjson_arr_size(arr);
	char code[16];
	o->zone_list = mem_array(n + 1, sizeof *o->zone_list);
	if (!o->zone_list || n > ZONES_MAX)
		return err_set(err, E_LIMIT, "intaked.json", "no memory for %zu zones, or too many", n);
	yyjson_arr_iter it;
	yyjson_arr_iter_init(arr, &it);
	for (; (v = yyjson_arr_iter_next(&it)); o->n_zones++) {
		struct zone *z = &o->zone_list[o->n_zones];
		bool ok = text(v, "name", z->name, sizeof z->name) && text(v, "org", code, sizeof code);
		z->one = ok ? orgs_by_code(o, str_from(code)) : NULL;
		if (!ok || (!z->one && strcmp(code, ORGS_SERVICE) != 0) || map_get(&o->zones, str_from(z->name)) ||
		    map_put(&o->zones, str_from(z->name), z) < 0)
			return err_set(err, E_INVALID, "intaked.json", "zone %zu of the list is wrong or there twice", o->n_zones);
	}
	return 0;
}

int orgs_parse(struct str json, struct orgs **ret, struct err *err)
{
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	struct orgs *o = mem_alloc(sizeof *o);
	int r;
	if (!o) {
		r = err_set(err, E_NOMEM, "", "no memory");
	} else if (!yyjson_is_obj(yyjson_doc_get_root(doc))) {
		r = err_set(err, E_INVALID, "intaked.json", "not a JSON object");
	} else {
		map_init(&o->keys, ORGS_MAX * 7 + LEG_MAX);
		map_init(&o->zones, ZONES_MAX);
		r = read_all(o, yyjson_doc_get_root(doc), err);
		if (r == 0)
			r = read_zones(o, yyjson_doc_get_root(doc), err);
	}
	yyjson_doc_free(doc);
	if (r < 0)
		orgs_destroy(&o);
	else
		*ret = o;
	return r;
}

void orgs_destroy(struct orgs **o)
{
	if (!*o)
		return;
	map_done(&(*o)->keys);
	map_done(&(*o)->zones);
	mem_free((*o)->zone_list);
	mem_free((*o)->leg_list);
	mem_free((*o)->list);
	mem_free(*o);
	*o = NULL;
}

size_t orgs_count(const struct orgs *o)
{
	return o->n;
}

bool orgs_is_uplink(const struct orgs *o, const char *interface)
{
	for (size_t i = 0; i < o->n_uplinks; i++)
		if (strcmp(o->uplinks[i], interface) == 0)
			return true;
	return false;
}

/* 0 (for ever) is the longest of all. */
static uint16_t longest(const struct orgs *o, uint16_t (*days)(const struct orgs_one *one))
{
	uint16_t most = 0;
	for (size_t i = 0; i < o->n; i++) {
		uint16_t d = days(&o->list[i]);
		if (d == 0)
			return 0;
		most = d > most ? d : most;
	}
	return most;
}

static uint16_t retention_of(const struct orgs_one *one)
{
	uint16_t most = one->retention_days;
	for (size_t i = 0; i < one->n_keeps && most; i++)
		most = one->keeps[i].days > most ? one->keeps[i].days : most;
	return most;
}

static uint16_t hot_of(const struct orgs_one *one)
{
	return one->hot_days;
}

uint16_t orgs_longest_retention(const struct orgs *o)
{
	return longest(o, retention_of);
}

uint16_t orgs_longest_hot(const struct orgs *o)
{
	return longest(o, hot_of);
}

const char *orgs_series(const struct orgs_one *one, uint32_t class_uid, char dst[ORGS_SERIES_TEXT])
{
	for (size_t i = 0; one && i < one->n_keeps; i++)
		if (one->keeps[i].class_uid == class_uid) {
			snprintf(dst, ORGS_SERIES_TEXT, ORGS_SERIES "-%u", class_uid);
			return dst;
		}
	return ORGS_SERIES;
}

uint16_t orgs_keep_days(const struct orgs_one *one, const char *series)
{
	char name[ORGS_SERIES_TEXT];
	if (strcmp(series, ORGS_PACKETS) == 0)
		return one->packet_days ? one->packet_days : 1; /* who keeps none any more lets go what is there */
	for (size_t i = 0; i < one->n_keeps; i++)
		if (strcmp(orgs_series(one, one->keeps[i].class_uid, name), series) == 0)
			return one->keeps[i].days;
	return one->retention_days;
}

const struct orgs_one *orgs_by_code(const struct orgs *o, struct str code)
{
	return get(o, 'c', code.ptr, code.len);
}

const struct orgs_one *orgs_by_index(const struct orgs *o, uint32_t index)
{
	uint16_t i = (uint16_t)index;
	return index && index <= UINT16_MAX ? get(o, 'n', &i, sizeof i) : NULL;
}

const struct orgs_one *orgs_by_interface(const struct orgs *o, const char *name)
{
	return get(o, 'i', name, strlen(name));
}

int orgs_address(struct str text, uint8_t ret_addr[16])
{
	char t[INET6_ADDRSTRLEN];
	if (!str_copy(text, t, sizeof t))
		return 0;
	return inet_pton(AF_INET, t, ret_addr) == 1 ? 4 : inet_pton(AF_INET6, t, ret_addr) == 1 ? 6 : 0;
}

const struct orgs_one *orgs_by_address(const struct orgs *o, int family, const uint8_t *addr)
{
	return family == 4 ? get(o, '4', addr, 4) : get(o, '6', addr, 16);
}

const struct orgs_one *orgs_by_leg(const struct orgs *o, int family, const uint8_t *addr, struct str *ret_origin)
{
	const struct leg *l = get(o, 'l', addr, family == 4 ? 4 : 16);
	if (!l)
		return NULL;
	*ret_origin = str_from(l->origin);
	return l->one;
}

const struct orgs_one *orgs_by_resolver(const struct orgs *o, int family, const uint8_t *addr)
{
	return get(o, 'r', addr, family == 4 ? 4 : 16);
}

const struct orgs_one *orgs_by_zone(const struct orgs *o, const char *name, const char **ret_zone)
{
	const struct zone *z = NULL;
	for (const char *at = name; !z && *at;) {
		z = map_get(&o->zones, str_from(at));
		at = strchr(at, '.');
		at = at ? at + 1 : "";
	}
	if (ret_zone)
		*ret_zone = z ? z->name : NULL;
	return z ? z->one : NULL;
}
