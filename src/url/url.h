/* Which URL may be fetched: sets of patterns compiled once, and one organisation's decision over them.
 *
 * Patterns (the description's forms):
 *   host            this name only                        "www.example.jp"
 *   .domain         the name and everything below it      ".example.jp"
 *   http(s)://…     exactly this URL                      "https://example.jp/a/b?c=1"
 *   address, CIDR   the host is written as an address     "192.0.2.7", "2001:db8::/32"
 * A URL pattern without '?' holds whatever the query is; without a port it means its scheme's own port.
 * Host and address patterns hold on every port. Names are ASCII: an internationalised name stands as xn--….
 *
 * Hosts are normalised once (url_target_from): lower case, no dot at the end, percent escapes undone, and an
 * address is found in all its disguises (0x7f.1, 2130706433, 0177.0.0.1, [::ffff:127.0.0.1]; WHATWG URL,
 * IPv4 parser). Paths: dot segments removed (RFC 3986 5.2.4, %2e too), escapes of unreserved characters
 * undone, hex digits in upper case (6.2.2), a bare "%" as "%25". Repeated slashes stay, as RFC 3986 says.
 *
 * Sets and policies are immutable once built: any number of threads may ask. Requirements: F-08 S-03. */
#ifndef URL_URL_H
#define URL_URL_H

#include "base/str.h"

#include <yyjson.h>

struct err;
struct url_index;
struct url_set;

#define URL_PATTERN_MAX 2048  /* bytes of one pattern */
#define URL_SET_MAX 4000000   /* patterns in one set */
#define URL_PATH_MAX 16384    /* a longer path in a request is refused as url.invalid */
#define URL_LABELS 128

/* What is asked. Text as the client sent it; nothing has to be normalised before. */
struct url_query {
	struct str scheme; /* "http" or "https" in any case */
	struct str host;   /* name or address, "[…]" allowed around IPv6; without port */
	uint16_t port;     /* 0: the scheme's own */
	struct str path;   /* with query: "/a?b"; {NULL,0}: not known yet (CONNECT before decryption) */
	int64_t now_ms;    /* UTC, for exceptions that run out and rules by time of day */
	const struct url_index *index; /* url/index.h; NULL: no categories are known */
	const uint8_t *terminal;       /* 16 bytes, IPv4 mapped: who asks; NULL: no rule for certain terminals holds */
	const char *groups;            /* of the user who asks, commas between; NULL or "": no rule for certain groups holds */
};

/* "https://host:8443/path?query" into its parts (now_ms is left alone): 0, or -E_INVALID. All is borrowed from url. */
int url_split(struct str url, struct url_query *ret);

/* A query made ready. Filled by url_target_from(); the path stays borrowed from the query. */
struct url_target {
	char host[256]; /* normalised, ended by NUL; an address in its canonical text, without brackets */
	size_t host_len;
	bool https;
	bool is_addr;
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
	struct str path;
	uint16_t n_labels; /* hash[i], at[i]: the suffix that starts with the i-th label from the right */
	uint64_t hash[URL_LABELS];
	uint8_t at[URL_LABELS];
};

/* 0, or -E_INVALID: not a host, not http(s), path too long or holding control characters. */
int url_target_from(const struct url_query *q, struct url_target *ret);
/* Normalised host of q into dst (256 bytes); -E_INVALID as above. */
int url_host_normalise(struct str host, char dst[256]);
/* One key for all spellings of a URL that servers commonly answer alike, without its query: for what must not be got
 * round (proxy/blocks.h), where holding a neighbour costs less than missing one. Beyond the above every escape is
 * undone, "%2F" and "\" are "/", repeated slashes are one; the port is always there. Not text: it may hold any byte.
 * Bytes written; 0: -E_INVALID as above, or it doesn't fit into size (URL_PATH_MAX + 300 always do). */
size_t url_loose_key(const struct url_query *q, char *dst, size_t size);

/* From a JSON array of texts; `path` ("service.black") leads the error's place. A bad pattern fails it all. */
int url_set_build(yyjson_val *array, const char *path, struct url_set **ret, struct err *err);
int url_set_build_list(const struct str *patterns, size_t n, const char *path, struct url_set **ret, struct err *err);
void url_set_destroy(struct url_set **s);
size_t url_set_count(const struct url_set *s);
/* Whether one pattern is well-formed: 0 or -E_INVALID with words. */
int url_pattern_check(struct str pattern, struct err *err);

/* Does a pattern hold? The most exact one: URL, then host, then the longest domain. NULL set: no.
 * ret_index (may be NULL): its position in the array. */
bool url_set_match(const struct url_set *s, const struct url_target *t, size_t *ret_index);
/* For lists of hosts such as no_decrypt: normalises and asks. A host that isn't one doesn't match. */
bool url_set_match_host(const struct url_set *s, struct str host, size_t *ret_index);
/* Is there any URL pattern below this very host, so that only a path can settle the matter? */
bool url_set_wants_path(const struct url_set *s, const struct url_target *t);

/* One organisation's policy:
 *   {"mode":"blacklist"|"whitelist_only","black":[…],"white":[…],
 *    "exceptions":[{"pattern":"…","allow":true,"expires_ms":1790000000000}, …],
 *    "deny_categories":["malware", …],
 *    "categories":[{"id":"sns-noon","categories":["social"],"action":"deny"|"allow"|"coach"|"override","days":"all"|"weekdays"|"weekend",
 *      "from":720,"to":780,"terminals":["10.1.0.0/24", …],"groups":["soumu", …]}, …],   from, to: minutes of Japan's day; equal: all day
 *    "group_lists":[{"id":"kouhou","groups":["kouhou", …],"black":[…],"white":[…]}, …]}
 * Absent members are empty. common: the service's black list, borrowed, shared by all; NULL: none. */
struct url_policy_set;
int url_policy_build(yyjson_val *object, const char *path, const struct url_set *common, struct url_policy_set **ret,
                     struct err *err);
void url_policy_destroy(struct url_policy_set **p);

struct url_decision {
	bool allow;
	bool wants_path; /* the path wasn't known, and may turn the answer either way: decrypt and ask again.
	                    Who can't decrypt goes by `allow`. */
	char rule[64];   /* "url.exceptions[1]" "url.white[0]" "url.group_white[ID]" "url.group_black[ID]" "service.black[0]"
	                    "service.deny_categories[malware]" "url.black[3]"
	                    "url.categories[ID]" "url.white_only" "url.default" "url.invalid" */
	int action;      /* of a rule by category, enum url_action of model.h: with URL_COACH and URL_OVERRIDE allow is false, and
	                    the terminal's user may open it; else URL_DENY */
	char category[32];    /* what a rule by category decided by, else "" */
	char categories[128]; /* all that the index knows of it, separated by commas, whole names only */
};

/* The first that holds decides:
 *   1 exception that hasn't run out   asked for by name, with an owner and an end: it must win to be of use
 *   - lists of the user's groups      the first of them that says anything; its white list before its black one
 *   2 own white list                  the body answers for itself; else one wrong entry of a bought list
 *                                     would need the operator before a town hall can work
 *   3 common black list
 *   4 categories denied for all
 *   5 own black list
 *   6 own rules by category, the first that holds; allow ends the search as deny does
 *   7 mode                            blacklist: allow (url.default) · whitelist_only: deny (url.white_only)
 * What must be stopped for everyone whatever their lists say is a block (proxy/blocks.h), asked before this.
 * Invalid input is denied as url.invalid. */
void url_decide(const struct url_policy_set *p, const struct url_query *q, struct url_decision *ret);
void url_decide_target(const struct url_policy_set *p, const struct url_target *t, const struct url_query *q,
                       struct url_decision *ret);
/* After name resolution: is the address the name led to on a black list or in a denied category (and on no exception or
 * white list)? addr: 16 bytes, IPv4 mapped. q: who asks and when. The mode says nothing here. */
void url_decide_address(const struct url_policy_set *p, const uint8_t addr[16], const struct url_query *q,
                        struct url_decision *ret);

#endif
