/* See sender.h. accept.c asks, before anything of an event is kept as one. */
#include "normalise/sender.h"

#include "base/mem.h"
#include "normalise/orgs.h"

static const struct sender senders[] = {
	{ "proxyd", { 4002, 6002 }, "proxyd", true, false, NULL },
	{ "respondd", { 6003 }, "respondd", true, false, NULL },
	{ "controld", { 6003 }, "controld", false, false, NULL },
	{ "detectd", { 6003 }, "detectd", false, false, NULL },
	{ "authd", { 3002 }, "authd", true, false, NULL },
	{ "userd", { 3002, 6002 }, "userd", true, false, NULL },
	{ "vaultd", { 6003 }, "vaultd", false, false, NULL },
	{ "probed", { 6002 }, "probed", false, false, NULL },
	{ "scand", { 6002 }, "scand", false, false, NULL },
	{ "paird", { 6002 }, "paird", false, false, NULL },
	{ "replicad", { 6002 }, "replicad", false, false, NULL },
	{ "stored", { 6002 }, "stored", false, false, NULL },
	{ "coldd", { 6002 }, "coldd", false, false, NULL },
	/* The devices' words: any class of theirs, none of ours (6003 is what our own people and programs do). */
	{ "recvd", { 6002, 1007, 1008, 2004, 3001, 3002, 3006, 4001, 4002, 4003, 4009, 4014, 5019 },
	  "recvd|syslog|json|cef|leef|fortigate|paloalto|asa|squid|windows|linux|postfix|rspamd", true, true, NULL },
	{ "acmed", { 6002 }, "acmed", true, false, NULL },
	{ "lookd", { 6002 }, "lookd", true, false, NULL },
	{ "torided", { 6002, 6003 }, "torided", false, false, NULL },
	{ SENDER_IMPORT, { 1007, 1008, 2004, 3001, 3002, 3006, 4001, 4002, 4003, 4009, 4014, 5019 },
	  "syslog|json|cef|leef|fortigate|paloalto|asa|squid|windows|linux|postfix|rspamd", true, true, SENDER_IMPORT_SERIES },
	{ SENDER_CUSTODY, { 6003 }, "custody", true, false, SENDER_IMPORT_SERIES },
};

const struct sender *sender_find(const char *process)
{
	static const struct sender nothing = { .process = "" };
	for (size_t i = 0; process && i < ARRAY_LEN(senders); i++)
		if (strcmp(senders[i].process, process) == 0)
			return &senders[i];
	return &nothing;
}

const struct sender *sender_of_root(const char *source)
{
	return sender_find(strcmp(source, SENDER_IMPORT) == 0 || strcmp(source, SENDER_CUSTODY) == 0 ? source : "torided");
}

/* A member that stands there once; NULL: not at all, or more often. */
struct only {
	struct str key;
	size_t n;
	yyjson_val *v;
};

static void find_only(const struct event *e, struct only *list, size_t n)
{
	yyjson_val *k;
	yyjson_obj_iter it;
	yyjson_obj_iter_init(e->root, &it);
	while ((k = yyjson_obj_iter_next(&it)))
		for (size_t i = 0; i < n; i++)
			if (yyjson_equals_strn(k, list[i].key.ptr, list[i].key.len))
				list[i].v = list[i].n++ ? NULL : yyjson_obj_iter_get_val(k);
}

static bool says(const struct sender *s, uint64_t class_uid)
{
	for (size_t i = 0; i < SENDER_CLASSES && s->classes[i]; i++)
		if (s->classes[i] == class_uid)
			return true;
	return false;
}

static bool among(const char *list, yyjson_val *v)
{
	struct str rest = str_from(list), one, have = { yyjson_get_str(v), yyjson_get_len(v) };
	while (have.ptr && str_next(&rest, '|', &one))
		if (str_eq(one, have))
			return true;
	return false;
}

int sender_check_org(const struct sender *s, const char *org, struct err *err)
{
	if (!s->any_org && strcmp(org, ORGS_SERVICE) != 0)
		return err_set(err, E_DENIED, "org", "this sender speaks of no organisation");
	return 0;
}

int sender_check(const struct sender *s, const struct event *e, const char *org, struct err *err)
{
	struct only two[2] = { { .key = STR("class_uid") }, { .key = STR("product") } };
	find_only(e, two, ARRAY_LEN(two));
	yyjson_val *class_uid = two[0].v, *product = two[1].v;
	if (!yyjson_is_uint(class_uid) || !(says(s, yyjson_get_uint(class_uid)) || (s->unclassed && yyjson_get_uint(class_uid) == 0)))
		return err_set(err, E_DENIED, "class_uid", "not for this sender to say");
	if (!product || !among(s->product, product))
		return err_set(err, E_DENIED, "product", "not this sender");
	return sender_check_org(s, org, err);
}
