/* See canary.h. In the verify child: the answer comes from outside processes. */
#include "apply/canary.h"

#include "apply/verify.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <yyjson.h>

#define CANARIES_MAX 4096

/* ---- the answer ---- */

static bool same_data(uint16_t type, const char *a, const char *b)
{
	unsigned char x[16], y[16];
	int af = type == DNS_A ? AF_INET : AF_INET6;
	if (type != DNS_A && type != DNS_AAAA)
		return strcmp(a, b) == 0;
	return inet_pton(af, a, x) == 1 && inet_pton(af, b, y) == 1 && memcmp(x, y, type == DNS_A ? 4 : 16) == 0;
}

/* The records behind the question. */
static int check_records(struct dns_msg *m, const struct dns_question *q, const char *expect, char said[DNS_TEXT])
{
	struct dns_record rec;
	char text[DNS_TEXT];
	unsigned matching = 0, i = 0;
	for (; i < m->count[1] && dns_next_record(m, &rec); i++) {
		if (rec.type != q->type || rec.class_ != 1 || !dns_data_text(m, &rec, text, sizeof text))
			continue;
		matching++;
		snprintf(said, DNS_TEXT, "%s", text);
		if (same_data(q->type, text, expect))
			return 0;
	}
	if (i < m->count[1])
		return -E_INVALID;
	if (!matching)
		snprintf(said, DNS_TEXT, "NODATA");
	return strcmp(said, expect) == 0 ? 0 : -E_NOT_FOUND;
}

int canary_check(struct dns_msg *m, const struct dns_question *q, const char *expect, char said[DNS_TEXT])
{
	char word[16];
	said[0] = 0;
	if ((m->flags & 15) == DNS_NOERROR)
		return check_records(m, q, expect, said);
	snprintf(said, DNS_TEXT, "%s", dns_rcode_text(m->flags & 15, word));
	return strcmp(said, expect) == 0 ? 0 : -E_NOT_FOUND;
}

/* ---- asking ---- */

int canary_ask(const char *from, const char *server, const char *name, const char *type, const char *expect, int tries,
            struct err *err)
{
	struct dns_question q = { .name = name, .flags = DNS_RD };
	struct dns_msg m;
	unsigned char msg[DNS_MAX];
	_cleanup_fd_ int fd = -1;
	char said[DNS_TEXT] = "";
	q.type = strcmp(type, "AAAA") == 0 ? DNS_AAAA : strcmp(type, "TXT") == 0 ? DNS_TXT : DNS_A;
	int r = dns_socket(from, server, &fd, err);
	if (r < 0)
		return r;
	do {
		r = dns_exchange(fd, &q, 1000, msg, &m);
	} while (r == -E_TIMEOUT && --tries > 0);
	if (r == 0)
		r = canary_check(&m, &q, expect, said);
	if (r == -E_TIMEOUT)
		return err_set(err, E_TIMEOUT, name, "%s doesn't answer %s", server, from);
	return r < 0 ? err_set(err, E_CORRUPT, name, "asked from %s the resolver says \"%s\", expected %s", from, said, expect) : 0;
}

/* ---- the engine's verify ---- */

#define SMALL 256
static bool field(yyjson_val *v, const char *key, char dst[SMALL])
{
	yyjson_val *f = yyjson_obj_get(v, key);
	struct str s = { yyjson_get_str(f), yyjson_get_len(f) };
	return s.ptr && str_copy(s, dst, SMALL);
}

/* The first may have to wait for a resolver that is just starting; then it is up. */
static int ask_all(yyjson_val *list, struct err *err)
{
	size_t i, max;
	yyjson_val *v;
	int tries = 15;
	yyjson_arr_foreach(list, i, max, v) {
		char from[SMALL], server[SMALL], name[SMALL], type[SMALL], expect[SMALL];
		if (i >= CANARIES_MAX || !field(v, "from", from) || !field(v, "server", server) || !field(v, "name", name) ||
		    !field(v, "type", type) || !field(v, "expect", expect))
			return err_set(err, E_CORRUPT, "canary.json", "canary %zu is malformed", i);
		int r = canary_ask(from, server, name, type, expect, tries, err);
		if (r < 0)
			return r;
		tries = 3;
	}
	return 0;
}

int unbound_verify(const struct verify_input *in, struct err *err)
{
	if (!in->canaries.ptr || !process_expected(in->env, "unbound"))
		return 0;
	yyjson_doc *doc = yyjson_read(in->canaries.ptr, in->canaries.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	yyjson_val *list = yyjson_is_arr(root) ? root : yyjson_obj_get(root, "canaries");
	int r = yyjson_is_arr(list) ? ask_all(list, err) : err_set(err, E_CORRUPT, "canary.json", "not a list");
	yyjson_doc_free(doc);
	return r;
}
