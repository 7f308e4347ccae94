/* Whom a request is for: the request target (RFC 9112 section 3.2), and which terminal sent it. */
#ifndef PROXY_TARGET_H
#define PROXY_TARGET_H

#include "proxy/conf.h"
#include "http/http.h"

struct target {
	bool https;
	bool is_addr;      /* the host is written as an address */
	uint16_t port;
	char host[256];    /* normalised by url_host_normalise(), addresses without brackets */
	struct str path;   /* with query, starts with '/'; borrowed from the head */
};

/* host[:port]; [v6]:port. def_port 0: a port is required. 0 or -E_INVALID. */
int target_parse_authority(struct str s, uint16_t def_port, struct target *ret);
/* The target of a request read in clear on the proxy's port: absolute form with http, or CONNECT's authority.
 * Host must say the same host and port (RFC 9112 3.2.2 lets a proxy ignore it; two answers are what
 * smuggling is made of). *ret_why as in http.h. */
int target_of_proxy_request(const struct http_head *h, struct target *ret, const char **ret_why);
/* As a client writes it that takes us for the origin: origin form, with Host. */
int target_of_plain_request(const struct http_head *h, struct target *ret, const char **ret_why);
/* A request for the proxy itself, not through it: GET or HEAD of /proxy.pac or /wpad.dat in origin form. */
bool target_is_pac(const struct http_head *h);
/* The target of a request inside an intercepted tunnel to `tunnel`: origin form (or absolute with https and the same
 * host); Host must name `name`, the server name the client asked the certificate for: -E_NOT_FOUND where it names another,
 * which a client that shares a connection among names (RFC 9113 9.1.1) is to ask on one of its own. */
int target_of_tunnel_request(const struct http_head *h, const struct target *tunnel, const char *name,
                             struct target *ret, const char **ret_why);
/* The path without its query. */
struct str target_bare_path(const struct target *t);
/* "example.jp", "example.jp:8080", "[2001:db8::1]" as Host and URLs write it; dst holds 272 bytes. */
#define TARGET_AUTHORITY 272
void target_authority(const struct target *t, char dst[TARGET_AUTHORITY]);

/* The terminal behind a request: the peer, unless the peer is a registered child proxy; then the last address of
 * the last X-Forwarded-For. True when a child proxy spoke (and *ret_terminal is what it said, or the
 * child proxy itself when it said nothing readable, or an address outside the organisation's own prefixes: it may
 * not speak for others). Whatever else a client writes there is ignored. */
bool terminal_of(const struct prefix *peer, const struct conf_org *org, const struct http_head *h,
                 struct prefix *ret_terminal);

#endif
