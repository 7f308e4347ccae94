/* See canary.h. In the verify child: the answer comes from outside processes. */
#include "apply/canary.h"

#include "apply/verify.h"
#include "base/clock.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yyjson.h>

#define HEADER 12
#define CANARIES_MAX 4096

/* ---- the messages ---- */

static size_t put_name(const char *name, unsigned char *dst, size_t room)
{
	struct str rest = str_from(name), label;
	size_t n = 0;
	if (rest.len && rest.ptr[rest.len - 1] == '.')
		rest.len--;
	while (rest.len && str_next(&rest, '.', &label)) {
		if (label.len == 0 || label.len > 63 || n + label.len + 2 > room || n + label.len + 2 > 255)
			return 0;
		dst[n++] = (unsigned char)label.len;
		memcpy(dst + n, label.ptr, label.len);
		n += label.len;
	}
	dst[n++] = 0;
	return n;
}

size_t dns_question_format(const struct dns_question *q, unsigned char dst[DNS_MAX])
{
	memset(dst, 0, HEADER);
	dst[0] = (unsigned char)(q->id >> 8);
	dst[1] = (unsigned char)q->id;
	dst[2] = 1; /* RD */
	dst[5] = 1; /* QDCOUNT */
	size_t n = put_name(q->name, dst + HEADER, DNS_MAX - HEADER - 4);
	if (n == 0)
		return 0;
	n += HEADER;
	dst[n++] = (unsigned char)(q->type >> 8);
	dst[n++] = (unsigned char)q->type;
	dst[n++] = 0;
	dst[n++] = 1; /* IN */
	return n;
}

/* Steps over a name; pointers end it. */
static void skip_name(struct rd *r)
{
	unsigned char label[64];
	for (;;) {
		uint8_t n = rd_u8(r);
		if (r->bad || n == 0)
			return;
		if (n >= 0xc0) {
			rd_u8(r);
			return;
		}
		if (n > 63) {
			r->bad = true;
			return;
		}
		rd_bytes(r, label, n);
	}
}

static bool same_question(struct rd *r, const struct dns_question *q)
{
	unsigned char want[DNS_MAX];
	size_t n = dns_question_format(q, want);
	if (n <= HEADER || (size_t)(r->end - r->p) < n - HEADER)
		return false;
	for (size_t i = HEADER; i < n; i++) {
		unsigned char a = want[i], b = r->p[i - HEADER];
		if ((a >= 'A' && a <= 'Z' ? a + 32 : a) != (b >= 'A' && b <= 'Z' ? b + 32 : b))
			return false;
	}
	r->p += n - HEADER;
	return true;
}

static bool data_text(uint16_t type, const unsigned char *p, uint16_t len, char dst[DNS_TEXT])
{
	if (type == 1 && len == 4)
		return inet_ntop(AF_INET, p, dst, DNS_TEXT) != NULL;
	if (type == 28 && len == 16)
		return inet_ntop(AF_INET6, p, dst, DNS_TEXT) != NULL;
	if (type != 16 || len < 1 || p[0] >= len)
		return false;
	struct str s = { (const char *)p + 1, p[0] };
	return str_copy(s, dst, DNS_TEXT);
}

static bool same_data(uint16_t type, const char *a, const char *b)
{
	unsigned char x[16], y[16];
	int af = type == 1 ? AF_INET : AF_INET6;
	if (type == 16)
		return strcmp(a, b) == 0;
	return inet_pton(af, a, x) == 1 && inet_pton(af, b, y) == 1 && memcmp(x, y, type == 1 ? 4 : 16) == 0;
}

static const char *const rcodes[16] = { "NODATA", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" };

/* The records behind the question. */
static int check_records(struct rd *r, unsigned count, const struct dns_question *q, const char *expect, char said[DNS_TEXT])
{
	unsigned matching = 0;
	for (unsigned i = 0; i < count && !r->bad; i++) {
		unsigned char data[DNS_MAX];
		char text[DNS_TEXT];
		skip_name(r);
		uint16_t type = rd_u16(r), class = rd_u16(r);
		rd_u32(r);
		uint16_t len = rd_u16(r);
		if (len > sizeof data)
			r->bad = true;
		else
			rd_bytes(r, data, len);
		if (r->bad || type != q->type || class != 1 || !data_text(type, data, len, text))
			continue;
		matching++;
		snprintf(said, DNS_TEXT, "%s", text);
		if (same_data(type, text, expect))
			return 0;
	}
	if (r->bad)
		return -E_INVALID;
	if (!matching)
		snprintf(said, DNS_TEXT, "NODATA");
	return strcmp(said, expect) == 0 ? 0 : -E_NOT_FOUND;
}

int dns_answer_check(const unsigned char *msg, size_t n, const struct dns_question *q, const char *expect,
                     char said[DNS_TEXT])
{
	struct rd r = rd_from(msg, n);
	said[0] = 0;
	uint16_t id = rd_u16(&r), flags = rd_u16(&r), questions = rd_u16(&r), answers = rd_u16(&r);
	rd_u32(&r);
	if (r.bad || id != q->id || !(flags & 0x8000) || questions != 1 || !same_question(&r, q))
		return -E_AGAIN;
	unsigned rcode = flags & 15;
	if (rcode == 0)
		return check_records(&r, answers, q, expect, said);
	snprintf(said, DNS_TEXT, "%s", rcodes[rcode] ? rcodes[rcode] : "an error");
	return strcmp(said, expect) == 0 ? 0 : -E_NOT_FOUND;
}

/* ---- asking ---- */

static int address(const char *text, int port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in *a = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *b = (struct sockaddr_in6 *)ret;
	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, text, &a->sin_addr) == 1) {
		a->sin_family = AF_INET;
		a->sin_port = htons((uint16_t)port);
		*ret_len = sizeof *a;
		return 0;
	}
	if (inet_pton(AF_INET6, text, &b->sin6_addr) != 1)
		return -E_INVALID;
	b->sin6_family = AF_INET6;
	b->sin6_port = htons((uint16_t)port);
	*ret_len = sizeof *b;
	return 0;
}

static int open_socket(const char *from, const char *server, int *ret_fd, struct err *err)
{
	struct sockaddr_storage to, own;
	socklen_t to_len, own_len;
	char host[64];
	uint64_t port = 53;
	struct str rest = str_from(server), head;
	if (!str_next(&rest, '@', &head) || !str_copy(head, host, sizeof host) ||
	    (rest.len && !str_to_u64(rest, 65535, &port)) || address(host, (int)port, &to, &to_len) < 0)
		return err_set(err, E_INVALID, server, "the canary's server isn't an address");
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, server, "cannot make a socket");
	if ((*from && (address(from, 0, &own, &own_len) < 0 || bind(fd, (struct sockaddr *)&own, own_len) < 0)) ||
	    connect(fd, (struct sockaddr *)&to, to_len) < 0) {
		int r = err_errno(err, server, "cannot ask from %s", from);
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* One question, answers until a second is over. */
static int ask_once(int fd, const struct dns_question *q, const char *expect, char said[DNS_TEXT])
{
	unsigned char msg[DNS_MAX];
	size_t n = dns_question_format(q, msg);
	int64_t until = clock_mono_ms() + 1000;
	if (n == 0)
		return -E_INVALID;
	if (send(fd, msg, n, 0) < 0) {
		poll(NULL, 0, 200); /* refused: the resolver isn't up yet */
		return -E_TIMEOUT;
	}
	for (;;) {
		int64_t left = until - clock_mono_ms();
		struct pollfd p = { fd, POLLIN, 0 };
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return -E_TIMEOUT;
		ssize_t got = recv(fd, msg, sizeof msg, 0);
		if (got < 0)
			return poll(NULL, 0, 200), -E_TIMEOUT;
		int r = dns_answer_check(msg, (size_t)got, q, expect, said);
		if (r != -E_AGAIN)
			return r;
	}
}

int dns_ask(const char *from, const char *server, const char *name, const char *type, const char *expect, int tries,
            struct err *err)
{
	struct dns_question q = { name, strcmp(type, "AAAA") == 0 ? 28 : strcmp(type, "TXT") == 0 ? 16 : 1, 0 };
	_cleanup_fd_ int fd = -1;
	char said[DNS_TEXT] = "";
	int r = open_socket(from, server, &fd, err);
	if (r < 0)
		return r;
	do {
		q.id = (uint16_t)rnd_u64();
		r = ask_once(fd, &q, expect, said);
	} while (r == -E_TIMEOUT && --tries > 0);
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
		int r = dns_ask(from, server, name, type, expect, tries, err);
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
