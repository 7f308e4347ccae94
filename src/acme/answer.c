/* See answer.h. */
#include "acme/answer.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <yyjson.h>

static bool url(yyjson_val *obj, const char *key, char dst[ACME_URL])
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '"' || s.ptr[i] == '\\')
			return false;
	return s.ptr && str_starts(s, STR("https://")) && str_copy(s, dst, ACME_URL);
}

/* One printable line: it goes into logs and events. */
static void words_of(yyjson_val *problem, char dst[200])
{
	yyjson_val *sub = yyjson_arr_get_first(yyjson_obj_get(problem, "subproblems"));
	const char *s = yyjson_get_str(yyjson_obj_get(problem, "detail")), *t = yyjson_get_str(yyjson_obj_get(sub, "detail"));
	int n = snprintf(dst, 200, "%s%s%s", s ? s : "", s && t ? ": " : "", t ? t : "");
	size_t len = n > 199 ? 199 : n > 0 ? (size_t)n : 0;
	for (size_t i = 0; i < len; i++)
		if (dst[i] < ' ' || dst[i] > '~')
			dst[i] = '?';
}

static bool state(yyjson_val *obj, enum acme_state *ret)
{
	static const struct {
		const char *name;
		enum acme_state state;
	} states[] = { { "pending", ACME_PENDING }, { "ready", ACME_READY }, { "processing", ACME_PROCESSING }, { "valid", ACME_VALID },
		       { "invalid", ACME_INVALID }, { "deactivated", ACME_INVALID }, { "expired", ACME_INVALID }, { "revoked", ACME_INVALID } };
	yyjson_val *v = yyjson_obj_get(obj, "status");
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (yyjson_equals_str(v, states[i].name)) {
			*ret = states[i].state;
			return true;
		}
	return false;
}

static int finish(yyjson_doc *doc, bool ok, const char *what, struct err *err)
{
	yyjson_doc_free(doc);
	return ok ? 0 : err_set(err, E_INVALID, "acme", "the authority's %s isn't of the form of RFC 8555", what);
}

static yyjson_doc *read_json(struct str json)
{
	return json.len && json.len <= ACME_BODY ? yyjson_read(json.ptr, json.len, 0) : NULL;
}

int acme_read_directory(struct str json, struct acme_directory *ret, struct err *err)
{
	yyjson_doc *doc = read_json(json);
	yyjson_val *root = yyjson_doc_get_root(doc);
	*ret = (struct acme_directory){ 0 };
	bool ok = url(root, "newNonce", ret->new_nonce) && url(root, "newAccount", ret->new_account) && url(root, "newOrder", ret->new_order);
	return finish(doc, ok, "directory", err);
}

static bool authorizations(yyjson_val *root, struct acme_order_answer *ret)
{
	size_t i, n;
	yyjson_val *v, *list = yyjson_obj_get(root, "authorizations");
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) < 1 || yyjson_arr_size(list) > ACME_NAMES)
		return false;
	yyjson_arr_foreach(list, i, n, v) {
		struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
		if (!s.ptr || !str_starts(s, STR("https://")) || !str_copy(s, ret->authorizations[ret->n++], ACME_URL))
			return false;
	}
	return true;
}

int acme_read_order(struct str json, struct acme_order_answer *ret, struct err *err)
{
	yyjson_doc *doc = read_json(json);
	yyjson_val *root = yyjson_doc_get_root(doc);
	*ret = (struct acme_order_answer){ 0 };
	bool ok = state(root, &ret->state) && authorizations(root, ret) && url(root, "finalize", ret->finalize);
	if (ok && yyjson_obj_get(root, "certificate"))
		ok = url(root, "certificate", ret->certificate);
	words_of(yyjson_obj_get(root, "error"), ret->why);
	return finish(doc, ok && (ret->state != ACME_VALID || *ret->certificate), "order", err);
}

/* Its content becomes a file's name and is shown to whoever asks (RFC 8555 section 8.1: base64url). */
static bool token(yyjson_val *v, char dst[ACME_TOKEN])
{
	struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return s.len >= 16 && str_copy(s, dst, ACME_TOKEN);
}

int acme_read_authorization(struct str json, struct acme_authorization *ret, struct err *err)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_doc *doc = read_json(json);
	yyjson_val *root = yyjson_doc_get_root(doc);
	*ret = (struct acme_authorization){ 0 };
	bool ok = state(root, &ret->state) && yyjson_is_arr(yyjson_obj_get(root, "challenges"));
	yyjson_arr_foreach(yyjson_obj_get(root, "challenges"), i, n, v) {
		if (!ok || !yyjson_equals_str(yyjson_obj_get(v, "type"), "http-01"))
			continue;
		ok = url(v, "url", ret->challenge) && token(yyjson_obj_get(v, "token"), ret->token);
		words_of(yyjson_obj_get(v, "error"), ret->why);
	}
	return finish(doc, ok, "authorization", err);
}

void acme_read_problem(struct str json, char type[64], char words[200])
{
	static const char space[] = "urn:ietf:params:acme:error:";
	yyjson_doc *doc = read_json(json);
	yyjson_val *root = yyjson_doc_get_root(doc), *t = yyjson_obj_get(root, "type");
	struct str s = { yyjson_get_str(t), yyjson_get_len(t) };
	type[0] = 0;
	if (s.ptr && str_starts(s, str_from(space)))
		str_copy((struct str){ s.ptr + sizeof space - 1, s.len - sizeof space + 1 }, type, 64);
	for (char *c = type; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	words_of(root, words);
	yyjson_doc_free(doc);
}
