/* Asking one directory, by libldap, over a connection that we open ourselves: from the node's address on the organisation's side, so that
 * it takes that organisation's way and no other. See directory.h. */
#include "users/directory.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <ldap.h>
#include <openldap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* GnuTLS's word for it, as Debian's libldap is built: AEAD with forward secrecy only. */
#define SUITES "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-RSA:+ECDHE-ECDSA:+DHE-RSA:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:" \
               "+AEAD:+COMP-NULL:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512:+SIGN-RSA-PSS-SHA256:+SIGN-RSA-PSS-SHA384:" \
               "+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:" \
               "+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-FFDHE2048:+CTYPE-X509"

struct session {
	const struct directory *d;
	LDAP *ld;
	struct directory_call *call;
	int64_t until_ms; /* nobody waits any longer */
	struct err *err;
};

int directory_init(struct err *err)
{
	LDAP *ld = NULL;
	int zero = 0;
	setenv("LDAPNOINIT", "1", 1); /* no file of the machine's, no variable, says how we ask */
	if (ldap_initialize(&ld, "ldap://127.0.0.1:1") != LDAP_SUCCESS)
		return err_set(err, E_NOMEM, "", "libldap can't begin");
	ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &zero);
	ldap_unbind_ext_s(ld, NULL, NULL);
	return 0;
}

static enum users_result unreachable(struct session *s, const char *what, int code)
{
	char *more = NULL;
	if (s->ld)
		ldap_get_option(s->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	err_set(s->err, E_IO, s->d->host, "%s: %s%s%.200s", what, ldap_err2string(code), more && *more ? ": " : "", more ? more : "");
	ldap_memfree(more);
	return USERS_UNREACHABLE;
}

/* ---- connection ---- */

void directory_call_init(struct directory_call *c)
{
	pthread_mutex_init(&c->lock, NULL);
	c->fd = -1;
	c->cut = false;
}

void directory_call_done(struct directory_call *c)
{
	pthread_mutex_destroy(&c->lock);
}

void directory_cut(struct directory_call *c)
{
	pthread_mutex_lock(&c->lock);
	c->cut = true;
	if (c->fd >= 0)
		shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_unlock(&c->lock);
}

/* A descriptor of the call's own: libldap closes the other when it likes, and the next has its number then. -1: over. False: it was cut. */
static bool call_is(struct directory_call *c, int fd)
{
	pthread_mutex_lock(&c->lock);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	bool on = !c->cut && (fd < 0 || c->fd >= 0);
	pthread_mutex_unlock(&c->lock);
	return on;
}

static int wait_connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int e = ETIMEDOUT;
	socklen_t n = sizeof e;
	int r;
	do
		r = poll(&p, 1, DIRECTORY_CONNECT_MS);
	while (r < 0 && errno == EINTR);
	if (r > 0)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n);
	return e;
}

/* A descriptor that blocks, but not for ever; -1. */
static int connect_to(const struct directory *d, const struct prefix *server, int *ret_errno)
{
	struct sockaddr_storage ss;
	const struct prefix *from = server->family == 4 ? &d->from4 : &d->from6;
	const struct timeval tv = { DIRECTORY_ANSWER_MS / 1000, 0 };
	int fd = socket(server->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	*ret_errno = errno;
	if (fd < 0)
		return -1;
	socklen_t n = prefix_to_sockaddr(from, 0, &ss);
	bool ok = !prefix_is_set(from) || bind(fd, (struct sockaddr *)&ss, n) == 0;
	n = prefix_to_sockaddr(server, d->port, &ss);
	ok = ok && (connect(fd, (struct sockaddr *)&ss, n) == 0 || errno == EINPROGRESS);
	*ret_errno = ok ? wait_connected(fd) : errno;
	if (*ret_errno == 0) {
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
		return fd;
	}
	close(fd);
	return -1;
}

static void set_options(LDAP *ld, const struct directory *d)
{
	const struct timeval tv = { DIRECTORY_ANSWER_MS / 1000, 0 };
	int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, zero = 0;
	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
	ldap_set_option(ld, LDAP_OPT_TIMEOUT, &tv);
	ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, d->ca);
	ldap_set_option(ld, LDAP_OPT_X_TLS_CIPHER_SUITE, SUITES);
	ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &zero);
}

/* s->ld is there afterwards where it returns USERS_OK. */
static enum users_result open_session(struct session *s, const struct prefix *server)
{
	char url[300];
	int e, fd = connect_to(s->d, server, &e);
	char text[PREFIX_TEXT];
	if (fd < 0) {
		err_set(s->err, E_IO, s->d->host, "%s: %s", prefix_format_addr(server, text), strerror(e));
		return USERS_UNREACHABLE;
	}
	if (!call_is(s->call, fd)) {
		call_is(s->call, -1);
		close(fd);
		return unreachable(s, "connection", LDAP_TIMEOUT);
	}
	snprintf(url, sizeof url, "ldap://%s:%u", s->d->host, s->d->port); /* the name that the certificate must have */
	int r = ldap_init_fd(fd, LDAP_PROTO_TCP, url, &s->ld);
	if (r != LDAP_SUCCESS) {
		call_is(s->call, -1);
		close(fd);
		s->ld = NULL;
		return unreachable(s, "connection", r);
	}
	set_options(s->ld, s->d);
	r = s->d->ldaps ? ldap_install_tls(s->ld) : ldap_start_tls_s(s->ld, NULL, NULL);
	return r == LDAP_SUCCESS && ldap_tls_inplace(s->ld) ? USERS_OK : unreachable(s, "TLS", r);
}

static void close_session(struct session *s)
{
	call_is(s->call, -1);
	if (s->ld)
		ldap_unbind_ext_s(s->ld, NULL, NULL);
	s->ld = NULL;
}

/* ---- what is asked ---- */

/* Simple bind (RFC 4513 5.1.3). An empty password would be taken for nobody's and succeed: it is refused here too. */
static enum users_result bind_as(struct session *s, const char *dn, const char *password)
{
	struct berval cred = { strlen(password), (char *)(uintptr_t)password };
	if (!*dn || !*password)
		return USERS_WRONG;
	int r = ldap_sasl_bind_s(s->ld, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, NULL);
	if (r == LDAP_SUCCESS)
		return USERS_OK;
	bool word = r == LDAP_INVALID_CREDENTIALS || r == LDAP_INVALID_DN_SYNTAX || r == LDAP_NO_SUCH_OBJECT || r == LDAP_INAPPROPRIATE_AUTH ||
	            r == LDAP_UNWILLING_TO_PERFORM || r == LDAP_CONSTRAINT_VIOLATION || r == LDAP_INSUFFICIENT_ACCESS;
	return word ? USERS_WRONG : unreachable(s, "bind", r);
}

/* `pattern` with the name in %u's place. The name holds nothing that a filter or a DN would give a meaning (users_name_ok()). */
static bool fill(const char *pattern, const char *name, char *dst, size_t size)
{
	const char *at = strstr(pattern, "%u");
	int n = at ? snprintf(dst, size, "%.*s%s%s", (int)(at - pattern), pattern, name, at + 2) : -1;
	return n > 0 && (size_t)n < size;
}

static int search(struct session *s, const char *base, int scope, const char *filter, LDAPMessage **ret)
{
	char *attributes[] = { (char *)(uintptr_t)s->d->name, (char *)(uintptr_t)s->d->groups_attribute, NULL };
	struct timeval tv = { DIRECTORY_ANSWER_MS / 1000, 0 };
	*ret = NULL;
	return ldap_search_ext_s(s->ld, base, scope, filter, attributes, 0, NULL, NULL, &tv, 2, ret);
}

/* ---- groups ---- */

/* The same DN however it is written: case and blanks between its parts don't tell (RFC 4514, 4517). */
static bool plain_dn(const char *dn, char *dst, size_t size)
{
	char *text = NULL;
	bool ok = ldap_dn_normalize(dn, LDAP_DN_FORMAT_LDAPV3, &text, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && str_copy(str_from(text), dst, size);
	ldap_memfree(text);
	for (char *p = dst; ok && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 32;
	return ok;
}

#define DN_MAX 1024
struct climb {
	struct session *s;
	struct map seen;              /* plain DN -> itself */
	char (*todo)[DN_MAX];         /* as the directory writes them, in order of their depth */
	uint8_t depth[DIRECTORY_GROUPS];
	size_t n;
};

static void meet(struct climb *c, const char *dn, uint8_t depth)
{
	char plain[DN_MAX];
	if (c->n == DIRECTORY_GROUPS || depth > DIRECTORY_DEPTH || strlen(dn) >= DN_MAX || !plain_dn(dn, plain, sizeof plain) || map_get(&c->seen, str_from(plain)))
		return;
	memcpy(c->todo[c->n], dn, strlen(dn) + 1);
	c->depth[c->n] = depth;
	if (map_put(&c->seen, str_from(plain), c) == 0)
		c->n++;
}

static void meet_all(struct climb *c, LDAPMessage *entry, uint8_t depth)
{
	struct berval **v = ldap_get_values_len(c->s->ld, entry, c->s->d->groups_attribute);
	char dn[DN_MAX];
	for (size_t i = 0; v && v[i]; i++)
		if (str_copy((struct str){ v[i]->bv_val, v[i]->bv_len }, dn, sizeof dn))
			meet(c, dn, depth);
	ldap_value_free_len(v);
}

/* Its own word: there is none above, or none that we may see. Not one: it, or the way to it, has broken off. */
static bool is_word(int r)
{
	return !LDAP_API_ERROR(r) && r != LDAP_BUSY && r != LDAP_UNAVAILABLE && r != LDAP_TIMELIMIT_EXCEEDED;
}

/* All groups above what has been met so far. One that can't be read has none above it; of half the groups nothing is said, since what a
 * group may not do would be allowed then. */
static enum users_result climb(struct climb *c)
{
	for (size_t i = 0; i < c->n; i++) {
		LDAPMessage *m = NULL;
		if (c->depth[i] >= DIRECTORY_DEPTH)
			continue;
		int r = clock_mono_ms() < c->s->until_ms ? search(c->s, c->todo[i], LDAP_SCOPE_BASE, "(objectClass=*)", &m) : LDAP_TIMEOUT;
		if (!is_word(r)) {
			ldap_msgfree(m);
			return unreachable(c->s, "groups", r);
		}
		LDAPMessage *e = r == LDAP_SUCCESS ? ldap_first_entry(c->s->ld, m) : NULL;
		if (e)
			meet_all(c, e, (uint8_t)(c->depth[i] + 1));
		ldap_msgfree(m);
	}
	return USERS_OK;
}

static void put_groups(const struct climb *c, char dst[USERS_GROUPS])
{
	char plain[DN_MAX];
	size_t n = 0;
	const struct directory *d = c->s->d;
	for (size_t i = 0; i < d->n_groups; i++)
		if (plain_dn(d->groups[i].dn, plain, sizeof plain) && map_get(&c->seen, str_from(plain)) && n + strlen(d->groups[i].name) + 2 < USERS_GROUPS)
			n += (size_t)snprintf(dst + n, USERS_GROUPS - n, "%s%s", n ? "," : "", d->groups[i].name);
}

/* ---- all of it ---- */

struct found {
	char dn[DN_MAX];
	LDAPMessage *m, *entry;
};

/* Exactly one is he; of two, nobody is. */
static enum users_result look_up(struct session *s, const struct users_request *rq, struct found *ret)
{
	char filter[1200];
	if (!fill(s->d->filter, rq->name, filter, sizeof filter))
		return USERS_WRONG;
	int r = search(s, s->d->base, LDAP_SCOPE_SUBTREE, filter, &ret->m);
	if (r != LDAP_SUCCESS && r != LDAP_SIZELIMIT_EXCEEDED && r != LDAP_NO_SUCH_OBJECT)
		return unreachable(s, "search", r);
	ret->entry = ldap_first_entry(s->ld, ret->m);
	char *dn = ret->entry && ldap_count_entries(s->ld, ret->m) == 1 ? ldap_get_dn(s->ld, ret->entry) : NULL;
	bool ok = dn && str_copy(str_from(dn), ret->dn, sizeof ret->dn);
	ldap_memfree(dn);
	return ok ? USERS_OK : USERS_WRONG;
}

static enum users_result describe(struct session *s, const struct found *f, const struct users_request *rq, struct user *ret)
{
	struct climb c = { .s = s, .todo = mem_array(DIRECTORY_GROUPS, DN_MAX) };
	struct berval **v = ldap_get_values_len(s->ld, f->entry, s->d->name);
	*ret = (struct user){ 0 };
	struct str name = v && v[0] ? (struct str){ v[0]->bv_val, v[0]->bv_len } : str_from(rq->name);
	if (!users_name_ok(name) || !str_copy(name, ret->name, sizeof ret->name))
		str_copy(str_from(rq->name), ret->name, sizeof ret->name);
	ldap_value_free_len(v);
	if (!c.todo)
		return USERS_UNREACHABLE;
	map_init(&c.seen, DIRECTORY_GROUPS + 1);
	meet_all(&c, f->entry, 1);
	enum users_result r = climb(&c);
	put_groups(&c, ret->groups);
	map_done(&c.seen);
	mem_free(c.todo);
	return r;
}

static enum users_result by_service(struct session *s, const char *secret, const struct users_request *rq, struct user *ret)
{
	struct found f = { .m = NULL };
	enum users_result r = bind_as(s, s->d->bind_dn, secret);
	if (r == USERS_WRONG) {
		err_set(s->err, E_DENIED, s->d->host, "the directory refuses bind_dn: is its password still right?");
		return USERS_UNREACHABLE;
	}
	r = r == USERS_OK ? look_up(s, rq, &f) : r;
	r = r == USERS_OK && !rq->proven ? bind_as(s, f.dn, rq->password) : r;
	if (r == USERS_OK && !rq->proven && bind_as(s, s->d->bind_dn, secret) != USERS_OK)
		r = USERS_UNREACHABLE;
	r = r == USERS_OK ? describe(s, &f, rq, ret) : r;
	ldap_msgfree(f.m);
	return r;
}

static enum users_result by_himself(struct session *s, const struct users_request *rq, struct user *ret)
{
	struct found f = { .m = NULL };
	char as[600];
	enum users_result r = !rq->proven && fill(s->d->bind_as, rq->name, as, sizeof as) ? bind_as(s, as, rq->password) : USERS_WRONG;
	r = r == USERS_OK ? look_up(s, rq, &f) : r;
	r = r == USERS_OK ? describe(s, &f, rq, ret) : r;
	ldap_msgfree(f.m);
	return r;
}

enum users_result directory_ask(const struct directory *d, const char *secret, const struct users_request *rq, struct directory_call *call, struct user *ret,
                                struct err *err)
{
	enum users_result r = USERS_UNREACHABLE;
	const int64_t until_ms = clock_mono_ms() + DIRECTORY_WHOLE_MS;
	for (size_t i = 0; i < d->n_servers && r == USERS_UNREACHABLE && (i == 0 || clock_mono_ms() < until_ms); i++) {
		struct session s = { .d = d, .call = call, .until_ms = until_ms, .err = err };
		r = open_session(&s, &d->servers[i]);
		if (r == USERS_OK)
			r = *d->bind_dn ? by_service(&s, secret, rq, ret) : by_himself(&s, rq, ret);
		close_session(&s);
	}
	return r;
}
